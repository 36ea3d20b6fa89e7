"""What a 429 is about, and who goes first when its pause is over.

The API does not say whether it refused one operation or all of an account. So a 429 pauses what it
was an answer to, one operation of one namespace, and other calls find out whether it was more: a
pause covers whatever the refusals in force have not got in common. Two operations of one namespace
pause that namespace, two namespaces pause that operation, and where both differ the account.
"""

from dataclasses import dataclass
from typing import NamedTuple

from agentrun_operator.reconcile.ports import Clock

_KEPT_SECONDS = 60.0
"""How long a refusal is remembered when its pause is over, unless a call went well before."""
_GRACE_SECONDS = 5.0
"""How long others give way to a namespace that was sent away, and does not come back."""


class Scope(NamedTuple):
    """Some calls of an account: of one operation or namespace, or of all where that is empty."""

    operation: str = ""
    tenant: str = ""

    def covers(self, other: "Scope") -> bool:
        """Whether all calls of the other are calls of this one."""
        return self.operation in ("", other.operation) and self.tenant in ("", other.tenant)

    def joined(self, other: "Scope") -> "Scope":
        """Return the narrowest scope that covers both."""
        return Scope(
            self.operation if self.operation == other.operation else "",
            self.tenant if self.tenant == other.tenant else "",
        )


@dataclass(slots=True)
class _Refusal:
    scope: Scope
    until: float
    """Monotonic time at which its pause is over."""
    is_alone: bool = False
    """Whether a call of another scope went well since: not all of the account is refused."""


class Throttling:
    """The 429s of one account, and what follows from them. Single event loop, no locks."""

    def __init__(self, clock: Clock) -> None:
        """Start without any."""
        self._clock = clock
        self._refusals: list[_Refusal] = []
        self._serial = 0
        self._refused: dict[str, int] = {}
        """By namespace: the number of its last refusal; the highest was refused last."""
        self._sent_away: dict[Scope, float] = {}
        """Calls that a pause sent away, and when they were told to come back."""

    def __bool__(self) -> bool:
        return bool(self._refusals)

    def remembered(self) -> list[tuple[Scope, float]]:
        """Return what was refused, and how many seconds of each pause are left; 0 if it is over."""
        now = self._clock.monotonic()
        return [(each.scope, max(0.0, each.until - now)) for each in self._refusals]

    def refused(self, call: Scope, seconds: float) -> Scope:
        """Note a 429 and the pause that it asks for; return what is to go slower from now on.

        Where nothing went well since the pause before was over, the new one covers what both were
        about: an account that refuses everything is not tried call by call after each pause.
        """
        now = self._clock.monotonic()
        self.forget()
        scope, until = call, now + seconds
        for before in self._refusals:
            if before.until <= now and not before.is_alone:
                scope = scope.joined(before.scope)
        self._refusals = [
            before
            for before in self._refusals
            if before.until > until or not scope.covers(before.scope)
        ]
        self._refusals.append(_Refusal(scope, until))
        self._serial += 1
        self._refused[call.tenant] = self._serial
        for before in self._refusals:
            if before.until > now:
                scope = scope.joined(before.scope)
        return scope

    def succeeded(self, call: Scope) -> None:
        """Forget what a call that went well disproves. A pause lasts as long as was asked for."""
        if not self._refusals:
            return
        now = self._clock.monotonic()
        for refusal in self._refusals:
            refusal.is_alone = refusal.is_alone or not refusal.scope.covers(call)
        self._refusals = [
            refusal
            for refusal in self._refusals
            if refusal.until > now or not refusal.scope.covers(call)
        ]
        self.forget()

    def until(self, call: Scope) -> float:
        """Return the monotonic time until which a call is held; one that is past if it is not."""
        now = self._clock.monotonic()
        paused = self.paused_until(call)
        return paused if paused > now else self._gives_way_until(call, now)

    def paused_until(self, call: Scope) -> float:
        """Return when the pause is over that covers a call; one of each moment before its end.

        At each moment the refusals in force then cover what they have not got in common. As they
        end the pause gets narrower, so each lasts for what it was said about alone.
        """
        now, scope = self._clock.monotonic(), None
        for refusal in sorted(self._refusals, key=lambda each: each.until, reverse=True):
            if refusal.until <= now:
                break
            scope = refusal.scope if scope is None else scope.joined(refusal.scope)
            if scope.covers(call):
                return refusal.until
        return float("-inf")

    def place_of(self, call: Scope) -> int:
        """Return where a call stands among those that a refusal covers: refused last, served last.

        Whoever tries first after a pause, and is refused, leaves the next try to another namespace.
        """
        is_tried = any(scope.covers(call) for scope in self._doubted())
        return self._refused.get(call.tenant, 0) if is_tried else 0

    def sent_away(self, call: Scope, seconds: float) -> None:
        """Remember that a pause sent a call away, which is told to come back after so long."""
        now = self._clock.monotonic()
        if call.tenant and self.paused_until(call) > now:
            self._sent_away[call] = now + seconds

    def served(self, call: Scope) -> None:
        """Note that a namespace had its turn."""
        if self._sent_away:
            self._sent_away = {
                at: due for at, due in self._sent_away.items() if at.tenant != call.tenant
            }

    def forget(self) -> None:
        """Drop what says nothing any more, or each namespace ever refused would stay."""
        now = self._clock.monotonic()
        self._refusals = [each for each in self._refusals if each.until + _KEPT_SECONDS > now]
        if not self._refusals:
            self._refused.clear()
            self._sent_away.clear()

    def _gives_way_until(self, call: Scope, now: float) -> float:
        """Return until when a namespace lets those go first that a pause has sent away.

        They are not in line when the pause is over, and come back at about the same time. Whoever
        came first would be refused again, if it is what the API refuses, and begin the next pause.
        """
        place, until = self.place_of(call), float("-inf")
        if not place:
            return until
        scopes = [scope for scope in self._doubted() if scope.covers(call)]
        for other, due in self._sent_away.items():
            is_before = self._refused.get(other.tenant, 0) < place
            if is_before and due + _GRACE_SECONDS > now and any(s.covers(other) for s in scopes):
                until = max(until, due + _GRACE_SECONDS)
        return until

    def _doubted(self) -> list[Scope]:
        """Return what may be refused again: what was, and what those have not got in common."""
        scopes = [each.scope for each in self._refusals]
        joint: Scope | None = None
        for each in self._refusals:
            if not each.is_alone:
                joint = each.scope if joint is None else joint.joined(each.scope)
        return scopes if joint is None else [*scopes, joint]
