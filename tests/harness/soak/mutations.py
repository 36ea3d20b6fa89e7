"""What planted bugs put in the place of the engine's own functions.

Each takes what is there and returns what stands there instead.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from agentrun_operator.app import AlwaysLeading
from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.drift import Drift
from agentrun_operator.core.errors import Throttled, Unavailable
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import Phase
from agentrun_operator.core.snapshot import Existence, Observation, Ownership, Snapshot
from agentrun_operator.reconcile import ownership
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.context import is_planned
from agentrun_operator.reconcile.decide import Action, Row
from agentrun_operator.reconcile.outcome import Outcome


def deciding(change: Callable[[Snapshot, Action], Action]) -> Callable[[Any], Any]:
    """Return a change of `row_of` that looks at the actions of its rows."""

    def changed(row_of: Callable[[Snapshot], Row], snapshot: Snapshot) -> Row:
        row = row_of(snapshot)
        return replace(row, action=change(snapshot, row.action))

    return lambda row_of: partial(changed, row_of)


def lookup_skipped(look: Any) -> Any:
    async def skipping(self: Any, ctx: Any) -> Outcome | None:
        if ctx.obj.external_id is None:
            ctx.observation = Observation(Existence.ABSENT, confirmed=True)
            return None
        answer: Outcome | None = await look(self, ctx)
        return answer

    return skipping


def mark_skipped(write: Any) -> Any:
    async def writing(self: Any, ctx: Any, verdict: Verdict) -> None:
        if ctx.changes.get("creation"):
            return
        await write(self, ctx, verdict)

    return writing


def released_on_5xx(delete: Any) -> Any:
    async def deleting(self: Any, ctx: Any) -> Outcome | None:
        try:
            answer: Outcome | None = await delete(self, ctx)
        except Unavailable:
            answer = await self.release(ctx)
        return answer

    return deleting


def create_repeated(create: Any) -> Any:
    async def creating(self: Any, rest: Any, body: Any, *, parent: str | None = None) -> Any:
        try:
            return await create(self, rest, body, parent=parent)
        except (Unavailable, Throttled):
            return await create(self, rest, body, parent=parent)

    return creating


def stale_cache(observe: Any) -> Any:
    def taking_in(self: ObjectCache, raw: Mapping[str, Any], kind: str) -> Any:
        key, version = ObjectKey.of(raw, kind), int(raw["metadata"]["resourceVersion"])
        if (self.version(key) or 0) >= version:
            self.forget(key)
            self.note_exists(raw["metadata"]["uid"])
        return observe(self, raw, kind)

    return taking_in


def defaults_compared(find_drift: Any) -> Any:
    def comparing(kind: Any, desired: Any, seen: Any, *, partial: bool) -> Any:
        found = find_drift(kind, desired, seen, partial=partial)
        unset = [n for n in seen if n in ("workspaceId", "enabled") and n not in desired]
        return (*found, *(Drift(n, n, "(unset)", str(seen[n])) for n in unset))

    return comparing


def wake_up_lost(done: Any) -> Any:
    def losing(self: Any, key: Any) -> None:
        waiting = len(self)
        done(self, key)
        if len(self) > waiting:
            self.forget(key)

    return losing


def room_kept(fly: Any) -> Any:
    def keeping(self: Any, flow: Any, change: int) -> None:
        if change > 0:
            fly(self, flow, change)

    return keeping


def released_unconfirmed(delete: Any) -> Any:
    async def deleting(self: Any, ctx: Any) -> Outcome | None:
        await delete(self, ctx)
        answer: Outcome | None = await self.release(ctx)
        return answer

    return deleting


def newest_generation(compose: Any) -> Any:
    def composing(obj: Any, verdict: Verdict, draft: Any, **options: Any) -> Any:
        made = compose(obj, verdict, draft, **options)
        if not verdict.paused:
            made["observedGeneration"] = obj.generation + 1
        return made

    return composing


def everything_ours(whose: Any) -> Any:
    def answering(target: Any, resource: Any, drift: Any) -> Ownership:
        mine: Ownership = whose(target, resource, drift)
        return Ownership.ADOPTABLE if mine is Ownership.FOREIGN else mine

    return answering


def unbound(_: Any) -> Any:
    return lambda obj, **_options: obj.status


def record_first(whose: Any) -> Any:
    def answering(target: Any, resource: Any, drift: Any) -> Ownership:
        mine: Ownership = whose(target, resource, drift)
        return Ownership.OURS if ownership.is_ours_by_answer(target, resource, drift) else mine

    return answering


def record_erased(create: Any) -> Any:
    async def creating(self: Any, ctx: Any) -> Outcome | None:
        ctx.changes |= {"externalId": None, "adopted": None}
        answer: Outcome | None = await create(self, ctx)
        return answer

    return creating


def default_desired(target: Any) -> Any:
    def making(**parts: Any) -> Any:
        made = target(**parts)
        return replace(made, desired=made.created)

    return making


def endless(_: Any) -> Any:
    return lambda *_arguments, **_options: float("inf")


def times_move(merge: Any) -> Any:
    def merging(_before: Any, wanted: Any, **options: Any) -> Any:
        return merge((), wanted, **options)

    return merging


def secret_in_message(opened: Any) -> Any:
    async def quoting(self: Any, ctx: Any, verdict: Verdict, changes: Any) -> Any:
        verdict, clean = await opened(self, ctx, verdict, changes)
        resolution = ctx.plan.resolution if is_planned(ctx) else None
        if resolution is not None and resolution.secrets and verdict.ready == "True":
            values = [v for data in resolution.secrets.values() for v in data.values()]
            verdict = replace(verdict, message=f"{verdict.message} with {values}")
        return verdict, clean

    return quoting


def no_backoff(_: Any) -> Any:
    return lambda _self, _failures, _floor: 0.05


def absent_by_list(snapshot: Snapshot, action: Action) -> Action:
    seen = snapshot.observation
    if action is Action.CONFIRM and seen.existence is Existence.ABSENT:
        return Action.CREATE
    return action


def failed_is_gone(snapshot: Snapshot, action: Action) -> Action:
    if snapshot.deleting and snapshot.observation.phase is Phase.DELETE_FAILED:
        return Action.RELEASE
    return action


def observing_writes(snapshot: Snapshot, action: Action) -> Action:
    seen = snapshot.observation
    if action is Action.SETTLE and snapshot.policies.observe_only and seen.drift:
        return Action.UPDATE if seen.confirmed else Action.CONFIRM
    return action


def drift_ignored(snapshot: Snapshot, action: Action) -> Action:
    return (
        Action.SETTLE
        if action in (Action.CORRECT, Action.CONFIRM)
        and (snapshot.observation.drift and not snapshot.edited)
        else action
    )


def lost_is_foreign(_snapshot: Snapshot, action: Action) -> Action:
    return Action.STALL_FOREIGN if action is Action.PERSIST else action


def locked_out_is_gone(snapshot: Snapshot, action: Action) -> Action:
    if action is Action.BLOCK_DELETION and not snapshot.held_by:
        return Action.RELEASE
    return action


def drift_not_told(_snapshot: Snapshot, action: Action) -> Action:
    return Action.SETTLE if action is Action.REPORT_DRIFT else action


def unclaimed(snapshot: Snapshot, action: Action) -> Action:
    if action is Action.CLAIM:
        absent = snapshot.observation.existence is Existence.NOT_LOOKED
        return Action.LOOK if absent else Action.CREATE
    return action


def persisted_not(create: Any) -> Any:
    async def misreading(self: Any, rest: Any, body: Any, *, parent: str | None = None) -> Any:
        answer = await create(self, rest, body, parent=parent)
        return {**answer, rest.id_field: f"{answer[rest.id_field]}-x"}

    return misreading


def never(_: Any) -> Any:
    return lambda *_arguments, **_options: None


def never_awaited(_: Any) -> Any:
    async def nothing(*_arguments: Any, **_options: Any) -> None:
        return None

    return nothing


def always_true(_: Any) -> Any:
    return lambda *_arguments, **_options: True


def always_false(_: Any) -> Any:
    return lambda *_arguments, **_options: False


def nobody(_: Any) -> Any:
    return lambda *_arguments, **_options: ()


def one_namespace(read: Any) -> Any:
    async def reading(self: Any, _namespace: str, name: str) -> Any:
        return await read(self, "team-a", name)

    return reading


def silent_again(stream: Any) -> Any:
    class Silent(stream):  # type: ignore[misc]
        is_listing = False

        def __init__(self, client: Any, changed: Any, *others: Any) -> None:
            def telling(*change: str) -> None:
                if not self.is_listing:
                    changed(*change)

            super().__init__(client, telling, *others)

        async def relist(self) -> None:
            self.is_listing = True
            try:
                await super().relist()
            finally:
                self.is_listing = False

    return Silent


def asleep(_: Any) -> Any:
    async def sleeping(_self: Any) -> None:
        await asyncio.Event().wait()

    return sleeping


def no_seconds(_: Any) -> Any:
    return lambda *_arguments: 0.0


def counted_when_answered(_: Any) -> Any:
    async def counting(corrected: Any, _there: Any, paths: Any, sending: Any, now: Any) -> Any:
        answer = await sending
        corrected.note_corrections(paths, now)
        return answer

    return counting


def keys_believed(owned: Any) -> Any:
    def believing(source: Any, *, account_id: str, **options: Any) -> Any:
        async def asking_nobody(_keys: Any) -> str:
            return account_id

        return owned(source, account_id=account_id, **{**options, "ask": asking_nobody})

    return believing


def nothing(_: Any) -> Any:
    return lambda *_arguments, **_options: frozenset()


def no_conflict(_: Any) -> Any:
    async def none(*_arguments: Any) -> None:
        return None

    return none


def nothing_gone_no_gaps(_: Any) -> Any:
    async def nothing(_self: Any) -> Any:
        return [], []

    return nothing


def drained_all_the_same(drain: Any) -> Any:
    async def draining(self: Any, clock: Any, _leadership: Any, seconds: float) -> None:
        await drain(self, clock, AlwaysLeading(), seconds)

    return draining


def at_once(_: Any) -> Any:
    async def done(_self: Any, _read: Any) -> None:
        return

    return done
