"""What a tracer is told of: each pass, what it decides, and each call. Nobody listens by default.

Nothing that is told may be a secret: no body, no header, no words of an exception, no value of a
spec. The names below are all there is.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self

from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.decide import Row
from agentrun_operator.reconcile.memory import Memory
from agentrun_operator.reconcile.outcome import Outcome


class Span(Protocol):
    """Lasts as long as its block. An exception that leaves the block is told by its class."""

    def __enter__(self) -> Self:
        """Begin; what begins within belongs to it."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""


class PassSpan(Span, Protocol):
    """One pass over an object."""

    def decided(self, row: Row) -> None:
        """Tell what the pass does next, and which row of the decision tables says so."""

    def ended(self, outcome: Outcome) -> None:
        """Tell how the pass ended."""


class CallSpan(Span, Protocol):
    """One request, from sending to its answer."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What to send along, so that who is called can add to the trace."""

    def answered(self, code: str, request_id: str | None) -> None:
        """Tell HTTP status (or the error's name), and how the far end calls the request."""


class Tracer(Protocol):
    """Begins spans."""

    def pass_over(self, obj: KubeObject, memory: Memory | None) -> PassSpan:
        """Begin a pass over an object; None: it is the first one of this process."""

    def current(self) -> PassSpan:
        """Return the pass that is under way here."""

    def cloud_call(self, operation: str, method: str) -> CallSpan:
        """Begin a call of the cloud, in a pass or not."""

    def cluster_call(self, operation: str, method: str, *, resends: int) -> CallSpan:
        """Begin a request to the API server; one that serves no pass is not told of.

        Args:
            operation: Verb and resource, such as `PATCH modelproxies/status`.
            method: Of HTTP.
            resends: How often this request went out before.
        """

    def exemplar(self) -> dict[str, str] | None:
        """Name the span that is under way here, for whoever measures it; None: it is not kept."""

    def close(self) -> None:
        """Send what is left, within seconds."""


class Untraced:
    """A tracer, and its spans, for whom nothing needs to be done."""

    headers: Mapping[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def decided(self, row: Row) -> None:
        """Do nothing."""

    def ended(self, outcome: Outcome) -> None:
        """Do nothing."""

    def answered(self, code: str, request_id: str | None) -> None:
        """Do nothing."""

    def pass_over(self, obj: KubeObject, memory: Memory | None) -> Self:  # noqa: ARG002 - a port's
        """Return a span that tells nobody."""
        return self

    def current(self) -> Self:
        """Return a span that tells nobody."""
        return self

    def cloud_call(self, operation: str, method: str) -> Self:  # noqa: ARG002 - a port's
        """Return a span that tells nobody."""
        return self

    def cluster_call(self, operation: str, method: str, *, resends: int) -> Self:  # noqa: ARG002 - a port's
        """Return a span that tells nobody."""
        return self

    def exemplar(self) -> None:
        """Name none."""

    def close(self) -> None:
        """Do nothing."""


UNTRACED = Untraced()
"""Holds nothing, so that one serves all."""
