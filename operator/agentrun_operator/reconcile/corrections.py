"""Conflicting writers: notices, field by field, that somebody undoes our corrections.

Such a field is corrected less and less often, so that two writers do not change it for ever; all
other fields are corrected meanwhile.
"""

from collections.abc import Awaitable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from agentrun_operator.core.errors import Unavailable
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reasons import Reason
from agentrun_operator.reconcile.intervals import doubled

T = TypeVar("T")

MANY = 5
WINDOW_SECONDS = 600.0
"""So many corrections of one field in that time are too many."""
_MAX_PAUSE_SECONDS = 86_400.0


@dataclass(slots=True)
class Corrections:
    """What is known of one field that we corrected; somebody else may be writing it too."""

    times: list[float] = field(default_factory=list)
    """Monotonic times."""
    rounds: int = 0
    """How often the field was found contested, without a calm between."""
    until: float = float("-inf")
    """Monotonic time before which it is not corrected again."""

    def is_contested(self, now: float) -> bool:
        """Whether the field is not to be corrected for now."""
        if now < self.until:
            return True
        # Once contested, a single correction that does not last is enough.
        since, many = (self.until, 1) if self.rounds else (now - WINDOW_SECONDS, MANY)
        self.times = [t for t in self.times if t >= since]
        if len(self.times) < many:
            return False
        self.rounds += 1
        self.until = now + self.pause
        return True

    @property
    def pause(self) -> float:
        """The seconds to the next correction."""
        return doubled(WINDOW_SECONDS, self.rounds - 1, _MAX_PAUSE_SECONDS)


@dataclass(frozen=True, slots=True)
class _Uncertain:
    """A correction whose answer got lost: nobody knows yet whether it was carried out."""

    there: bytes
    """Digest of the resource before it."""
    paths: tuple[str, ...]
    at: float
    """Monotonic time under which it was counted."""


@dataclass(slots=True)
class CorrectedFields:
    """The fields of one resource that were corrected of late, by spec path."""

    fields: dict[str, Corrections] = field(default_factory=dict)
    uncertain: _Uncertain | None = None
    """The last correction, if its answer got lost."""

    def contested(self, obj: KubeObject, paths: Iterable[str], now: float) -> frozenset[str]:
        """Return which of the paths that differ are not to be corrected for now.

        Each time that a correction turns out not to have lasted, the next one waits longer.
        """
        self._recall(obj, now)
        known = ((path, self.fields.get(path)) for path in paths)
        return frozenset(p for p, each in known if each and each.is_contested(now))

    def _recall(self, obj: KubeObject, now: float) -> None:
        """Take what the last process called contested for known, lest a restart begins anew."""
        if self.fields or obj.ready_reason != Reason.CONTESTED.value:
            return
        for entry in obj.status.get("drift") or ():
            self.fields[str(entry.get("path"))] = Corrections(rounds=1, until=now + WINDOW_SECONDS)

    def were_contested(self, paths: Collection[str]) -> bool:
        """Whether somebody is known to undo what we write to all of these paths."""
        known = [self.fields.get(path) for path in paths]
        return all(each is not None and each.rounds for each in known)

    def note_corrections(self, paths: Iterable[str], now: float) -> None:
        """Remember that these paths were brought back to the spec."""
        for path in paths:
            self.fields.setdefault(path, Corrections()).times.append(now)

    async def send_counted(
        self, there: bytes, paths: Sequence[str], sending: Awaitable[T], now: float
    ) -> T:
        """Send a correction and count it: one whose answer got lost is undone like any other.

        It is taken back when the next look finds the resource untouched, as it stands `there`: then
        it got lost itself.
        """
        try:
            result = await sending
        except Unavailable as error:
            if error.maybe_applied:
                self.note_corrections(paths, now)
                self.uncertain = _Uncertain(there, tuple(paths), now)
            raise
        self.note_corrections(paths, now)
        return result

    def take_back_unless_moved(self, there: bytes) -> None:
        """Stop counting a correction whose answer got lost if the resource is as it was before it.

        Updates that an outage loses are no sign of another writer.
        """
        lost, self.uncertain = self.uncertain, None
        if lost is None or lost.there != there:
            return
        for path in lost.paths:
            known = self.fields.get(path)
            if known is not None and lost.at in known.times:
                known.times.remove(lost.at)

    def note_peace(self, now: float, differing: Collection[str] = ()) -> None:
        """Forget the paths whose last correction was accepted.

        That is one which lasted longer than our own pause: another operator may wait just as long.
        """
        for path, known in list(self.fields.items()):
            last = max(known.times, default=float("-inf"))
            if path not in differing and now - last > known.pause:
                del self.fields[path]

    def note_in_place(self, now: float) -> None:
        """Note that a look found everything as desired, the last correction too."""
        self.uncertain = None
        self.note_peace(now)

    def end(self) -> None:
        """Forget who corrected what: an edit or a request asks for another try at once."""
        self.fields.clear()


def message(paths: str, marks: tuple[str, ...]) -> str:
    """Say which fields are contested, by whom as far as their marks tell it, and the way out."""
    minutes = int(WINDOW_SECONDS // 60)
    who = f"it carries the mark of {', '.join(marks)}" if marks else "AgentRun does not say by whom"
    return (
        f"{paths} was corrected {MANY} times in {minutes} minutes and is changed back each time; "
        f"{who}. Stop the other writer, or put the path into spec.ignoreFields; an edit of the "
        "spec, or the annotation agentrun.dev/reconcile-requested-at, corrects it again at once"
    )
