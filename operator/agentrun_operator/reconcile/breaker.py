"""Answers for the cloud where it refused already, until it is time for one caller to try.

A refusal that concerns the whole account (its keys), or one operation of it (a permission, a
quota), is not asked for again by each of its objects. A permission may be missing for what one spec
names, such as a role, so the refusal of an operation counts for objects of the same namespace only.
Nor does each of them wait for an answer that does not come: after a few calls in a row without one,
the account counts as silent.
"""

from dataclasses import dataclass

from agentrun_operator.core.errors import (
    AccessDenied,
    CredentialsInvalid,
    ForeignKeys,
    OperatorError,
    Unavailable,
)
from agentrun_operator.reconcile.budget import present_tenant
from agentrun_operator.reconcile.contact import FEW
from agentrun_operator.reconcile.ports import Clock

_Scope = tuple[str, str]
"""Whom a refusal concerns, and which operation; everybody where the first is empty."""

_ACCOUNT: _Scope = ("", "the account")
_ANSWER: _Scope = ("", "any answer")
_FIRST_SECONDS = 30.0
_CAP_SECONDS = 300.0
_SILENT_FIRST_SECONDS = 5.0
_SILENT_CAP_SECONDS = 30.0
"""Half a poll interval: the end of an outage is to be seen within one."""
_TRIAL_SECONDS = 60.0
"""How long a trial may take; the transport gives up before."""


@dataclass(slots=True)
class _Refusal:
    error: OperatorError
    until: float
    pause: float
    is_tried: bool = False
    """Whether a caller was let through since, to find out whether it still holds."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A refusal as others may hear of it: without its words."""

    namespace: str
    """Whose calls it concerns; empty: everybody's."""
    operation: str
    """Which call, or what stands for all of them."""
    error: str
    """Name of the error's class."""
    seconds: float
    """Until a caller is let through to try; 0 or less: the next one is."""


class Breaker:
    """Remembers refusals of one account, and its silence."""

    def __init__(self, clock: Clock) -> None:
        """Start closed: every call goes through."""
        self._clock = clock
        self._refusals: dict[_Scope, _Refusal] = {}
        self._unanswered = 0
        """Calls in a row that got no usable answer."""

    def check(self, operation: str) -> None:
        """Raise the remembered refusal; when its time is over, let one caller try."""
        for scope in (_ANSWER, _ACCOUNT, _scope_of(operation)):
            refusal = self._refusals.get(scope)
            if refusal is None:
                continue
            now = self._clock.monotonic()
            if now < refusal.until:
                raise type(refusal.error)(
                    refusal.error.message, request_id=refusal.error.request_id
                )
            # This caller tries; the others are refused meanwhile.
            refusal.until = now + (_TRIAL_SECONDS if scope == _ANSWER else refusal.pause)
            refusal.is_tried = True

    @property
    def is_open(self) -> bool:
        """Whether some caller would get a remembered refusal now."""
        now = self._clock.monotonic()
        return any(now < refusal.until for refusal in self._refusals.values())

    def remembered(self) -> list[Remembered]:
        """Return the refusals that stand."""
        now = self._clock.monotonic()
        return [
            Remembered(*scope, type(refusal.error).__name__, refusal.until - now)
            for scope, refusal in self._refusals.items()
        ]

    def refused(self, operation: str, error: OperatorError) -> None:
        """Remember a refusal, for longer each time in a row.

        Race: calls that were under way together are refused together, and count once.
        """
        self.answered()
        is_for_all = isinstance(error, CredentialsInvalid | ForeignKeys)
        scope = _ACCOUNT if is_for_all else _scope_of(operation)
        self._remember(scope, error, _FIRST_SECONDS, _CAP_SECONDS)

    def unanswered(self) -> None:
        """Count a call without a usable answer; a few in a row close the account."""
        self._unanswered += 1
        if self._unanswered >= FEW:
            # Not in the words of that call: they may quote an object of somebody else.
            error = Unavailable("AgentRun gives no usable answer; it is asked again soon")
            self._remember(_ANSWER, error, _SILENT_FIRST_SECONDS, _SILENT_CAP_SECONDS)

    def answered(self) -> None:
        """Forget the silence: whatever the answer was, there is one."""
        self._unanswered = 0
        self._refusals.pop(_ANSWER, None)

    def permitted(self, operation: str) -> None:
        """Forget that keys may not call an operation: whatever it answered, it was let through."""
        self.answered()
        scope = _scope_of(operation)
        if scope in self._refusals and isinstance(self._refusals[scope].error, AccessDenied):
            del self._refusals[scope]

    def unsent(self) -> None:
        """Let the next caller try in the place of one whose call never went out."""
        silence = self._refusals.get(_ANSWER)
        if silence is not None and silence.is_tried:
            silence.until = self._clock.monotonic()

    def succeeded(self, operation: str) -> None:
        """Forget what this success disproves; a deletion also makes room under a quota."""
        self.answered()
        self._refusals.pop(_ACCOUNT, None)
        self._refusals.pop(_scope_of(operation), None)
        if operation.startswith("Delete"):
            freed = operation.replace("Delete", "Create", 1)
            self._refusals = {at: why for at, why in self._refusals.items() if at[1] != freed}

    def _remember(self, scope: _Scope, error: OperatorError, first: float, cap: float) -> None:
        self._forget_old()
        before = self._refusals.get(scope)
        pause = first if before is None else before.pause
        if before is not None and before.is_tried:
            pause = min(pause * 2, cap)
        self._refusals[scope] = _Refusal(error, self._clock.monotonic() + pause, pause)

    def _forget_old(self) -> None:
        """Drop what nobody asks about any more, or each namespace ever refused would stay."""
        edge = self._clock.monotonic() - _CAP_SECONDS
        self._refusals = {at: why for at, why in self._refusals.items() if why.until > edge}


def _scope_of(operation: str) -> _Scope:
    return present_tenant(), operation
