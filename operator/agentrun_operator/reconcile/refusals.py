"""Remembers why an account has no client, so that not each of its objects asks anew."""

from collections.abc import Callable
from dataclasses import dataclass

from agentrun_operator.core.errors import OperatorError, Unavailable
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import Clock

_SILENCE_SECONDS = 5.0
"""While the token service gives no answer: an outage should be over for us soon after it is."""
_FIRST_SECONDS = 30.0
_CAP_SECONDS = 300.0


@dataclass(slots=True)
class _Refusal:
    error: OperatorError
    stamp: tuple[str, int]
    """Uid and generation of the account object that was refused."""
    secret: ObjectKey | None
    until: float
    pause: float


class Refusals:
    """What was last said of accounts whose keys, or endpoint, are not believed."""

    def __init__(self, clock: Clock) -> None:
        """Start without any."""
        self._clock = clock
        self._refusals: dict[ObjectKey, _Refusal] = {}

    def check(
        self, account: ObjectKey, stamp: tuple[str, int], *, is_being_asked: bool = False
    ) -> None:
        """Raise what was said of an account, until its pause is over or the account is edited.

        Where another pass is asking already (`is_being_asked`) it holds until that one knows more.
        """
        known = self._refusals.get(account)
        if known is None or known.stamp != stamp:
            return
        if self._clock.monotonic() >= known.until and not is_being_asked:
            return
        raise type(known.error)(known.error.message, request_id=known.error.request_id)

    def note(
        self,
        account: ObjectKey,
        stamp: tuple[str, int],
        secret: ObjectKey | None,
        error: OperatorError,
    ) -> None:
        """Remember a refusal, for longer each time in a row."""
        now, before = self._clock.monotonic(), self._refusals.get(account)
        if before is not None and before.stamp == stamp and now < before.until:
            return
        pause = _SILENCE_SECONDS
        if not isinstance(error, Unavailable):
            is_again = before is not None and before.stamp == stamp
            pause = min(before.pause * 2, _CAP_SECONDS) if before and is_again else _FIRST_SECONDS
        self._refusals[account] = _Refusal(error, stamp, secret, now + pause, pause)

    def secret_changed(self, secret: ObjectKey) -> None:
        """Forget what was said of the keys in a Secret."""
        self._refusals = {k: r for k, r in self._refusals.items() if r.secret != secret}

    def forget(self, account: ObjectKey) -> None:
        """Forget what was said of an account: it has been proven."""
        self._refusals.pop(account, None)

    def keep(self, is_used: Callable[[ObjectKey], bool]) -> None:
        """Forget what was said of accounts that are gone; most of them never had a client."""
        self._refusals = {key: r for key, r in self._refusals.items() if is_used(key)}
