"""What a pass has to send, beside what a look shows to differ."""

from dataclasses import dataclass, field, replace

from agentrun_operator.core.drift import CANNOT_READ, Drift
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.shown import HIDDEN
from agentrun_operator.core.snapshot import Existence, Observation
from agentrun_operator.core.write_only import find_unseen
from agentrun_operator.reconcile.ports import Json
from agentrun_operator.reconcile.sent import Unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """Under `driftPolicy` Report or Ignore: what was edited since the spec was last acted on."""

    paths: frozenset[str]
    """Of the values that were edited, or went: each as `Leaf.public_path`."""
    values: dict[str, bytes] = field(repr=False)
    """Digest of each value of the spec, by the same path."""
    acted_on: Json
    """`status.actedOn` once this spec is acted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsent:
    """What no read returns and an update has to carry all the same."""

    changed: frozenset[str] = frozenset()
    """Top-level wire fields with write-only values to send."""
    gone: frozenset[str] = frozenset()
    """Write-only paths that left the spec and were not cleared yet."""
    has_withheld: bool = False
    """Report or Ignore: other write-only values never went out, and were not edited."""
    overtaken: tuple[Unanswered, ...] = ()
    """Lost updates that may have been carried out after a newer one, and will come no more."""

    @property
    def is_pending(self) -> bool:
        """Whether there is anything that an update has to carry."""
        return bool(self.changed or self.gone)

    def beside(self, looked: Observation, kind: ResourceKind) -> Observation:
        """Return a look, and beside what it shows what is unsent."""
        if not self.is_pending or looked.existence is not Existence.PRESENT:
            return looked
        changed = tuple(
            Drift(path=api, api=api, desired=HIDDEN, observed=CANNOT_READ)
            for api in sorted(self.changed)
        )
        gone = find_unseen(kind, self.gone, looked.resource)
        return replace(looked, drift=(*looked.drift, *changed), removed=(*looked.removed, *gone))
