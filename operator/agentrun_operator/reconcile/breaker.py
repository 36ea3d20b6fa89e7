"""Answers for the cloud where it refused already, until it is time for one caller to try.

A refusal that concerns the whole account (its keys), or one operation of it (a permission, a
quota), is not asked for again by each of its objects.
"""

from dataclasses import dataclass

from agentrun_operator.core.errors import CredentialsInvalid, ForeignKeys, OperatorError
from agentrun_operator.reconcile.ports import Clock

_ACCOUNT = "the account"
_FIRST_SECONDS = 30.0
_CAP_SECONDS = 300.0


@dataclass(slots=True)
class _Refusal:
    error: OperatorError
    until: float
    pause: float
    is_tried: bool = False
    """Whether a caller was let through since, to find out whether it still holds."""


class Breaker:
    """Remembers refusals of one account."""

    def __init__(self, clock: Clock) -> None:
        """Start closed: every call goes through."""
        self._clock = clock
        self._refusals: dict[str, _Refusal] = {}

    def check(self, operation: str) -> None:
        """Raise the remembered refusal; when its time is over, let one caller try."""
        for scope in (_ACCOUNT, operation):
            refusal = self._refusals.get(scope)
            if refusal is None:
                continue
            now = self._clock.monotonic()
            if now < refusal.until:
                raise type(refusal.error)(
                    refusal.error.message, request_id=refusal.error.request_id
                )
            # This caller tries; the others are refused meanwhile.
            refusal.until = now + refusal.pause
            refusal.is_tried = True

    def refused(self, operation: str, error: OperatorError) -> None:
        """Remember a refusal, for longer each time in a row.

        Race: calls that were under way together are refused together, and count once.
        """
        scope = _ACCOUNT if isinstance(error, CredentialsInvalid | ForeignKeys) else operation
        before = self._refusals.get(scope)
        pause = _FIRST_SECONDS if before is None else before.pause
        if before is not None and before.is_tried:
            pause = min(pause * 2, _CAP_SECONDS)
        self._refusals[scope] = _Refusal(error, self._clock.monotonic() + pause, pause)

    def succeeded(self, operation: str) -> None:
        """Forget what this success disproves; a deletion also makes room under a quota."""
        self._refusals.pop(_ACCOUNT, None)
        self._refusals.pop(operation, None)
        if operation.startswith("Delete"):
            self._refusals.pop(operation.replace("Delete", "Create", 1), None)
