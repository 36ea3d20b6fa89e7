"""When to look at what is in transition before its next regular look.

The cloud tells nobody that a resource is READY. How long it took for others of the kind in the
account tells when to look for it: from the shortest of those times on, in short steps. Regular
looks go on beside that. Early ones are paid from an allowance, which each transition raises by a
part of a call: so a fleet costs hardly more than without them, whatever the cloud does.
"""

from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.transition import ExpectedEnd

CALLS_PER_TRANSITION = 0.28
"""What early looks may cost for each transition, on the average."""
FIRST_CALLS = 3.0
"""What they may cost before that: the first transition tells how long the next ones take."""
_MAX_ALLOWANCE = 512.0
"""Of calls that are saved up; or a cloud that is stuck would be asked for hours."""
_PREPAID_CALLS = 0.3
"""What a look at one resource costs in advance where it is known how long others took. Most of
those looks find the end, and replace a regular one; who comes too early pays the rest."""
_MIN_LOOKS_FOR_STEPS = 2
"""Where fewer looks can be paid there is a single one, when half of the others had ended."""
STEP_SECONDS = 0.7
"""Between two early looks, at least: at three ticks of the poller, and never only at four."""
_STEPS_PER_AGE = 32
"""A step is at least this part of the age: a late end is seen less exactly, at fewer calls."""
_SECONDS_TO_FIRST = 1.0
"""To the first look where nothing is known."""
_SECONDS_UNTIL_STUCK = 60.0
"""After which early looks are given up where nothing is known."""
_STUCK_FACTOR = 2.0
_STUCK_MARGIN_SECONDS = 5.0
"""What takes so many times as long as nine of ten others, and this much longer, gets no early look:
it would use up what the others have paid for."""
_SHORTENED = 0.95
"""If the first look finds the end, the next transition is looked at that much earlier, where that
can be paid: or nobody would see that the cloud has become faster."""
_TIMES_KEPT = 256
"""Of each kind in an account, and each write. With fewer, the last of a fleet, which took longest,
would hide the others."""
_KINDS_KEPT = 256
"""In how many accounts and kinds times are kept. Those that nothing ended in for longest go."""
_NEVER = float("inf")


class KindInAccount(NamedTuple):
    """One kind in one account: its transitions are alike, and share an allowance."""

    account: ObjectKey
    kind: str

    @classmethod
    def of(cls, obj: KubeObject) -> "KindInAccount | None":
        """Return where an object's resource is; None before that is on record."""
        account = obj.pinned_account
        return None if account is None else cls(account, obj.key.kind)


class _Window(NamedTuple):
    """After how many seconds a tenth, half, and nine tenths of the transitions had ended."""

    first: float
    half: float
    most: float


@dataclass(slots=True)
class _Times:
    """How long transitions of one kind in one account took, by the write that began them."""

    seconds: dict[str, "array[float]"] = field(default_factory=dict)
    windows: dict[str, _Window] = field(default_factory=dict)

    def note(self, write: str, seconds: float) -> None:
        """Take in one more transition."""
        kept = self.seconds.setdefault(write, array("d"))
        if len(kept) == _TIMES_KEPT:
            kept.pop(0)
        kept.append(seconds)
        times = sorted(kept)
        count = len(times)
        self.windows[write] = _Window(times[count // 10], times[count // 2], times[count * 9 // 10])


class EarlyLooks:
    """What is known of the length of transitions, and what looks may cost. In memory only."""

    def __init__(self) -> None:
        """Know nothing."""
        self._times: OrderedDict[KindInAccount, _Times] = OrderedDict()
        self._allowances: dict[KindInAccount, float] = {}
        """Calls that early looks may cost now. Beside the times, which may be dropped: to forget
        what was spent would allow the first calls again. What was paid in part may leave a debt."""

    def __len__(self) -> int:
        return len(self._times)

    def allowance(self, at: KindInAccount) -> float:
        """Return how many calls early looks may cost now."""
        return self._allowances.get(at, FIRST_CALLS)

    def keep(self, is_there: Callable[[ObjectKey], bool]) -> None:
        """Drop what is known of accounts that are gone."""
        for at in [at for at in self._allowances if not is_there(at.account)]:
            del self._allowances[at]
        for at in [at for at in self._times if not is_there(at.account)]:
            del self._times[at]

    def note_begun(self, at: KindInAccount, end: ExpectedEnd) -> None:
        """Count a transition once, which raises the allowance."""
        if not end.is_counted:
            end.is_counted = True
            self._add(at, CALLS_PER_TRANSITION)

    def note_end(self, at: KindInAccount, end: ExpectedEnd, seen_at: float) -> None:
        """Learn from a transition whose end was shown by a look that began at a monotonic time."""
        if not end.is_counted or seen_at <= end.begun_at:
            return
        # A look of its own took the place of a regular one.
        self._add(at, end.prepaid)
        took = seen_at - end.begun_at
        if end.busy_at is not None:
            took = (took + min(took, end.busy_at - end.begun_at)) / 2
        elif self.allowance(at) >= FIRST_CALLS:
            took *= _SHORTENED
        self._times.setdefault(at, _Times()).note(end.write, took)
        self._times.move_to_end(at)
        if len(self._times) > _KINDS_KEPT:
            self._times.popitem(last=False)

    def spend(self, at: KindInAccount, calls: float) -> None:
        """Pay for an early look that many may share."""
        self._add(at, -calls)

    def next_look(
        self, at: KindInAccount, ends: Iterable[ExpectedEnd], last: float, calls: float
    ) -> float:
        """Return the monotonic time of the next early look; infinity: there is to be none.

        Args:
            at: Where the work goes on.
            ends: All that are waited for and that the look would show.
            last: Monotonic time of the look before.
            calls: What the look costs.
        """
        allowance = self.allowance(at)
        if allowance < calls:
            return _NEVER
        is_single = allowance < calls * _MIN_LOOKS_FOR_STEPS
        found = (
            self._expected(at, end, last, is_single=is_single) for end in ends if not end.is_seen
        )
        return min(found, default=_NEVER)

    def begin_own_look(self, at: KindInAccount, end: ExpectedEnd, now: float) -> bool:
        """Pay for a look at one resource by itself if that is due; returns whether it is."""
        if end.prepaid or end.is_seen:
            # The pass that is to look was asked for already.
            return False
        is_known = self._window(at, end) is not None
        price = _PREPAID_CALLS if is_known else 1.0
        allowance = self.allowance(at)
        # Nobody shares it, so the first possible moment is too early as a rule.
        is_single = is_known or allowance < _MIN_LOOKS_FOR_STEPS
        last = end.begun_at if end.busy_at is None else end.busy_at
        if allowance < price or now < self._expected(at, end, last, is_single=is_single):
            return False
        self._add(at, -price)
        end.prepaid = price
        return True

    def note_too_early(self, at: KindInAccount, end: ExpectedEnd) -> None:
        """Pay the rest for a look at one resource that did not find the end."""
        if end.prepaid:
            self._add(at, end.prepaid - 1)
            end.prepaid = 0.0

    def _add(self, at: KindInAccount, calls: float) -> None:
        self._allowances[at] = min(_MAX_ALLOWANCE, self.allowance(at) + calls)

    def _window(self, at: KindInAccount, end: ExpectedEnd) -> _Window | None:
        times = self._times.get(at)
        return None if times is None else times.windows.get(end.write)

    def _expected(
        self, at: KindInAccount, end: ExpectedEnd, last: float, *, is_single: bool
    ) -> float:
        """Return when to look for one end."""
        window = self._window(at, end)
        if window is None:
            first, stuck = _SECONDS_TO_FIRST, _SECONDS_UNTIL_STUCK
        else:
            first = window.half if is_single else window.first
            stuck = window.most * _STUCK_FACTOR + _STUCK_MARGIN_SECONDS
        if window is None and is_single:
            return _NEVER
        step = max(STEP_SECONDS, (last - end.begun_at) / _STEPS_PER_AGE)
        found = max(end.begun_at + first, last + step)
        return found if found <= end.begun_at + stuck else _NEVER
