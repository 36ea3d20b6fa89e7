"""Two masters: notices, field by field, that somebody undoes our corrections, and lets that rest.

The tries get so rare that two masters do not fight, and a field that is not fought over is
corrected all the while.
"""

from collections.abc import Awaitable, Collection, Iterable, Sequence
from typing import TypeVar

from agentrun_operator.core.errors import Unavailable
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reasons import Reason
from agentrun_operator.reconcile.memory import Contest, Memory, Uncertain

T = TypeVar("T")

MANY = 5
WINDOW_SECONDS = 600.0
"""So many corrections of one field in that time are too many."""
_MAX_PAUSE_SECONDS = 86_400.0
_MAX_DOUBLINGS = 10


def fought_over(memory: Memory, obj: KubeObject, paths: Iterable[str]) -> frozenset[str]:
    """Return which of the paths that differ are not to be corrected for now.

    Each time that a correction turns out not to have lasted, the next one waits longer.
    """
    _recall(memory, obj)
    return frozenset(path for path in paths if _is_fought_over(memory, path))


def _recall(memory: Memory, obj: KubeObject) -> None:
    """Take what the last process told of a contest for known, lest a restart begins it anew."""
    ready = obj.condition("Ready") or {}
    if memory.contests or ready.get("reason") != Reason.CONTESTED.value:
        return
    until = memory.now_hint + WINDOW_SECONDS
    for entry in obj.status.get("drift") or ():
        memory.contests[str(entry.get("path"))] = Contest(rounds=1, until=until)


def _is_fought_over(memory: Memory, path: str) -> bool:
    contest, now = memory.contests.get(path), memory.now_hint
    if contest is None:
        return False
    if now < contest.until:
        return True
    # Once contested, a single correction that does not last is enough.
    since, many = (contest.until, 1) if contest.rounds else (now - WINDOW_SECONDS, MANY)
    contest.corrections = [t for t in contest.corrections if t >= since]
    if len(contest.corrections) < many:
        return False
    contest.rounds += 1
    contest.until = now + _pause(contest)
    return True


def were_fought_over(memory: Memory, paths: Collection[str]) -> bool:
    """Whether somebody is known to undo what we write to all of these paths."""
    known = [memory.contests.get(path) for path in paths]
    return all(contest is not None and contest.rounds for contest in known)


def _pause(contest: Contest) -> float:
    doublings = min(max(contest.rounds - 1, 0), _MAX_DOUBLINGS)
    return min(WINDOW_SECONDS * 2.0**doublings, _MAX_PAUSE_SECONDS)


def note_corrections(memory: Memory, paths: Iterable[str]) -> None:
    """Remember that these paths were brought back to the spec."""
    for path in paths:
        memory.contests.setdefault(path, Contest()).corrections.append(memory.now_hint)


def take_back_unless_moved(memory: Memory, there: bytes) -> None:
    """Stop counting a correction whose answer got lost if the resource is as it was before it.

    An outage that swallows our updates is no other writer.
    """
    lost, memory.uncertain = memory.uncertain, None
    if lost is None or lost.there != there:
        return
    for path in lost.paths:
        known = memory.contests.get(path)
        if known is not None and lost.at in known.corrections:
            known.corrections.remove(lost.at)


def note_peace(memory: Memory, differing: Collection[str] = ()) -> None:
    """Forget the paths whose last correction was accepted.

    That is one which lasted longer than our own pause: another operator may wait just as long.
    """
    for path, contest in list(memory.contests.items()):
        last = max(contest.corrections, default=float("-inf"))
        if path not in differing and memory.now_hint - last > _pause(contest):
            del memory.contests[path]


def message(paths: str, marks: tuple[str, ...]) -> str:
    """Say what is fought over, with whom as far as that is known, and the way out.

    Args:
        paths: The fields, as people read them.
        marks: What other owners wrote on the resource.
    """
    minutes = int(WINDOW_SECONDS // 60)
    who = f"it carries the mark of {', '.join(marks)}" if marks else "AgentRun does not say by whom"
    return (
        f"{paths} was corrected {MANY} times in {minutes} minutes and is changed back each time; "
        f"{who}. Stop the other writer, or put the path into spec.ignoreFields; an edit of the "
        "spec, or the annotation agentrun.dev/reconcile-requested-at, corrects it again at once"
    )


async def counted(memory: Memory, there: bytes, paths: Sequence[str], sending: Awaitable[T]) -> T:
    """Count a correction once it is sent: one whose answer got lost is undone like any other.

    It is taken back when the next look finds the resource untouched, as it stands `there`: then it
    got lost itself.
    """
    try:
        result = await sending
    except Unavailable as error:
        if error.maybe_applied:
            note_corrections(memory, paths)
            memory.uncertain = Uncertain(there, tuple(paths), memory.now_hint)
        raise
    note_corrections(memory, paths)
    return result
