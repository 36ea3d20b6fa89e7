"""Planted bugs: each breaks one rule of the engine, and the harness has to find it.

Every bug is one small substitution, in force only while its context is entered. A bug that is not
found within a thousand seeds is a hole in the harness.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from agentrun_operator.api.client import AgentRunClient
from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.drift import Drift
from agentrun_operator.core.errors import Throttled, Unavailable
from agentrun_operator.core.kind import Phase
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.snapshot import Existence, Observation, Ownership, Snapshot
from agentrun_operator.kube.lease import LeaseElector
from agentrun_operator.reconcile import (
    context,
    deletion,
    engine,
    guard,
    observe,
    outcome,
    reconciler,
    references,
    report,
    status,
    steps,
    writes,
)
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.claims import Claims
from agentrun_operator.reconcile.decide import Action
from agentrun_operator.reconcile.outcome import Outcome, Outcomes
from agentrun_operator.reconcile.poller import Poller
from agentrun_operator.reconcile.queue import WorkQueue
from agentrun_operator.reconcile.resync import Resync

Change = Callable[[Any], Any]
"""Takes what is there and returns what stands there instead."""


@contextmanager
def swapped(*changes: tuple[Any, str, Change]) -> Iterator[None]:
    """Put something else in the place of attributes, for a while."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changes]
    try:
        for owner, name, change in changes:
            setattr(owner, name, change(getattr(owner, name)))
        yield
    finally:
        for owner, name, old in before:
            setattr(owner, name, old)


@dataclass(frozen=True, slots=True)
class Bug:
    """One way to be wrong."""

    name: str
    story: str
    plant: Callable[[], AbstractContextManager[None]]


def _deciding(change: Callable[[Snapshot, Action], Action]) -> Callable[[Any], Any]:
    """Return a change of `decide` that looks at its answers."""
    return lambda decide: lambda snapshot: change(snapshot, decide(snapshot))


def _lookup_skipped(look: Any) -> Any:
    async def skipping(self: Any, ctx: Any) -> Outcome | None:
        if ctx.obj.external_id is None:
            ctx.observation = Observation(Existence.ABSENT, confirmed=True)
            return None
        answer: Outcome | None = await look(self, ctx)
        return answer

    return skipping


def _mark_skipped(write: Any) -> Any:
    async def writing(self: Any, ctx: Any, verdict: Verdict) -> None:
        if ctx.changes.get("creation"):
            return
        await write(self, ctx, verdict)

    return writing


def _released_on_5xx(delete: Any) -> Any:
    async def deleting(self: Any, ctx: Any) -> Outcome | None:
        try:
            answer: Outcome | None = await delete(self, ctx)
        except Unavailable:
            await self._world.writer.remove_finalizer(ctx.obj)
            return Outcome(None)
        return answer

    return deleting


def _create_repeated(create: Any) -> Any:
    async def creating(self: Any, rest: Any, body: Any, *, parent: str | None = None) -> Any:
        try:
            return await create(self, rest, body, parent=parent)
        except (Unavailable, Throttled):
            return await create(self, rest, body, parent=parent)

    return creating


def _stale_cache(_: Any) -> Any:
    def taking_in(self: Any, raw: Mapping[str, Any], kind: str) -> Any:
        obj = KubeObject.of(raw, kind)
        before = self.get(obj.key)
        self._replace(obj, raw, int(obj.resource_version))
        self._changed(before, obj)
        return obj

    return taking_in


def _defaults_compared(find_drift: Any) -> Any:
    def comparing(kind: Any, desired: Any, seen: Any, *, partial: bool) -> Any:
        found = find_drift(kind, desired, seen, partial=partial)
        unset = [n for n in seen if n in ("workspaceId", "enabled") and n not in desired]
        return (*found, *(Drift(n, n, "(unset)", str(seen[n])) for n in unset))

    return comparing


def _wake_up_lost(_: Any) -> Any:
    def done(self: Any, key: Any) -> None:
        self._in_flight.discard(key)
        self._again.pop(key, None)

    return done


def _released_unconfirmed(delete: Any) -> Any:
    async def deleting(self: Any, ctx: Any) -> Outcome | None:
        await delete(self, ctx)
        await self._world.writer.remove_finalizer(ctx.obj)
        return Outcome(None)

    return deleting


def _newest_generation(compose: Any) -> Any:
    def composing(obj: Any, verdict: Verdict, draft: Any, *, now: Any) -> Any:
        made = compose(obj, verdict, draft, now=now)
        if not verdict.paused:
            made["observedGeneration"] = obj.generation + 1
        return made

    return composing


def _everything_ours(whose: Any) -> Any:
    def answering(target: Any, resource: Any, drift: Any) -> Ownership:
        mine: Ownership = whose(target, resource, drift)
        return Ownership.ADOPTABLE if mine is Ownership.FOREIGN else mine

    return answering


def _times_move(merge: Any) -> Any:
    def merging(_before: Any, wanted: Any, **options: Any) -> Any:
        return merge((), wanted, **options)

    return merging


def _secret_in_message(write: Any) -> Any:
    async def writing(self: Any, ctx: Any, verdict: Verdict) -> None:
        if ctx.resolution is not None and ctx.resolution.secrets and verdict.ready == "True":
            values = [v for data in ctx.resolution.secrets.values() for v in data.values()]
            verdict = replace(verdict, message=f"{verdict.message} with {values}")
        await write(self, ctx, verdict)

    return writing


def _no_backoff(_: Any) -> Any:
    return lambda _self, _failures, _floor: 0.05


def _absent_by_list(snapshot: Snapshot, action: Action) -> Action:
    seen = snapshot.observation
    if action is Action.CONFIRM and seen.existence is Existence.ABSENT:
        return Action.CREATE
    return action


def _failed_is_gone(snapshot: Snapshot, action: Action) -> Action:
    if snapshot.deleting and snapshot.observation.phase is Phase.DELETE_FAILED:
        return Action.RELEASE
    return action


def _observing_writes(snapshot: Snapshot, action: Action) -> Action:
    seen = snapshot.observation
    if action is Action.SETTLE and snapshot.policies.observe_only and seen.drift:
        return Action.UPDATE if seen.confirmed else Action.CONFIRM
    return action


def _paused_all_the_same(snapshot: Snapshot, action: Action) -> Action:
    return Action.LOOK if action is Action.HOLD and snapshot.claimed else action


def _drift_ignored(snapshot: Snapshot, action: Action) -> Action:
    return (
        Action.SETTLE
        if action in (Action.CORRECT, Action.CONFIRM)
        and (snapshot.observation.drift and not snapshot.edited)
        else action
    )


def _unclaimed(snapshot: Snapshot, action: Action) -> Action:
    if action is Action.CLAIM:
        absent = snapshot.observation.existence is Existence.NOT_LOOKED
        return Action.LOOK if absent else Action.CREATE
    return action


def _persisted_not(created: Any) -> Any:
    async def forgetting(self: Any, ctx: Any, answer: Any) -> None:
        ctx.changes["creation"] = None
        await created(self, ctx, {**answer, ctx.rest.id_field: f"{answer[ctx.rest.id_field]}-x"})

    return forgetting


def _never(_: Any) -> Any:
    return lambda *_arguments, **_options: None


def _always_true(_: Any) -> Any:
    return lambda *_arguments: True


def _always_false(_: Any) -> Any:
    return lambda *_arguments: False


def _nobody(_: Any) -> Any:
    return lambda *_arguments: ()


def _no_conflict(_: Any) -> Any:
    async def none(*_arguments: Any) -> None:
        return None

    return none


def _no_ghosts_no_gaps(_: Any) -> Any:
    async def nothing(_self: Any) -> Any:
        return [], []

    return nothing


def _at_once(_: Any) -> Any:
    async def done(_self: Any) -> None:
        return

    return done


def _bug(name: str, story: str, *changes: tuple[Any, str, Change]) -> Bug:
    return Bug(name, story, lambda: swapped(*changes))


_Reading, _Writing, _Deleting = steps.ReadingSteps, writes.WritingSteps, deletion.DeletionSteps

BUGS: tuple[Bug, ...] = (
    _bug("lookup-skipped", "a create without a look-up", (_Reading, "look", _lookup_skipped)),
    _bug("mark-skipped", "a create without its mark", (report.Reporter, "write", _mark_skipped)),
    _bug("unclaimed", "no finalizer", (reconciler, "decide", _deciding(_unclaimed))),
    _bug("released-on-5xx", "5xx read as gone", (_Deleting, "delete", _released_on_5xx)),
    _bug(
        "released-unconfirmed",
        "DELETE answered, read as gone",
        (_Deleting, "delete", _released_unconfirmed),
    ),
    _bug(
        "failed-is-gone",
        "DELETE_FAILED read as gone",
        (reconciler, "decide", _deciding(_failed_is_gone)),
    ),
    _bug("create-repeated", "a blind retry", (AgentRunClient, "create", _create_repeated)),
    _bug("no-settle-window", "absence trusted", (context.Context, "_is_settled", _always_true)),
    _bug("answer-not-kept", "a wrong id is persisted", (_Writing, "_created", _persisted_not)),
    _bug("stale-cache", "older versions taken in", (ObjectCache, "observe", _stale_cache)),
    _bug(
        "defaults-compared",
        "what the server fills in is drift",
        (observe, "find_drift", _defaults_compared),
    ),
    _bug("wake-up-lost", "an add in flight is dropped", (WorkQueue, "done", _wake_up_lost)),
    _bug("pin-ignored", "writes follow the reference", (reconciler, "check_pin", _never)),
    _bug("generation-ahead", "observed too much", (report, "compose", _newest_generation)),
    _bug("foreign-adopted", "foreign tags ignored", (observe, "whose", _everything_ours)),
    _bug(
        "adopted-deleted",
        "what was adopted is deleted",
        (context, "retains", _always_false),
        (references, "retains", _always_false),
    ),
    _bug(
        "drift-ignored",
        "Ready although it drifts",
        (reconciler, "decide", _deciding(_drift_ignored)),
    ),
    _bug(
        "observe-writes", "Observe corrects", (reconciler, "decide", _deciding(_observing_writes))
    ),
    _bug("pause-ignored", "paused is not", (reconciler, "decide", _deciding(_paused_all_the_same))),
    _bug(
        "absent-by-list",
        "a LIST proves absence",
        (reconciler, "decide", _deciding(_absent_by_list)),
    ),
    _bug("rotation-missed", "Secrets wake nobody", (engine.Engine, "reference_changed", _never)),
    _bug("no-backoff", "retries at once", (Outcomes, "delay", _no_backoff)),
    _bug("no-resync", "gaps stay", (Resync, "find_ghosts_and_gaps", _no_ghosts_no_gaps)),
    _bug("barrier-skipped", "half a picture", (Resync, "wait_for_whole_picture", _at_once)),
    _bug("no-fencing", "the lease is not checked", (guard, "check_leadership", _never)),
    _bug("lease-for-ever", "no renew deadline", (LeaseElector, "is_valid", _always_true)),
    _bug("holds-ignored", "users do not hold", (reconciler, "holders", _nobody)),
    _bug(
        "rivals-ignored",
        "two objects, one name",
        (Claims, "conflict", _no_conflict),
    ),
    _bug("poller-blind", "nobody is woken by a LIST", (Poller, "_wake", _never)),
    _bug("times-move", "times without flips", (status, "merge_conditions", _times_move)),
    _bug("secret-shown", "a value in a message", (report.Reporter, "write", _secret_in_message)),
    _bug("own-edit-lost", "an edit in our own answer", (engine, "_is_edited", _always_false)),
    _bug(
        "edit-disowns",
        "an edit hides whose a lost create is",
        (observe, "was_edited_since_mark", _always_false),
    ),
    _bug("grace-for-ever", "outages are never told", (outcome, "_is_in_grace", _always_true)),
)
