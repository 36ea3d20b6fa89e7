"""The engine: events in, passes out. Starts and stops workers, poller and resync together."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.record import record_and_conditions
from agentrun_operator.reconcile import notices
from agentrun_operator.reconcile.budget import Lane, in_lane
from agentrun_operator.reconcile.changes import (
    asks_anew,
    claim_of,
    concerns_users,
    deserves_a_pass,
    is_left_to_its_owner,
    lets_go,
)
from agentrun_operator.reconcile.guard import LeadershipLost
from agentrun_operator.reconcile.local import LocalReconciler
from agentrun_operator.reconcile.logged import keys_of, one_pass
from agentrun_operator.reconcile.memory import Memory
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.poller import Poller
from agentrun_operator.reconcile.ports import (
    ClusterForbidden,
    ClusterUnavailable,
    KindNotServed,
    KubeReader,
    Metrics,
    ObjectConflict,
    ObjectGone,
    WriteUnanswered,
)
from agentrun_operator.reconcile.queue import Work, WorkQueue
from agentrun_operator.reconcile.reconciler import Reconciler
from agentrun_operator.reconcile.report import log_bug
from agentrun_operator.reconcile.resync import Resync
from agentrun_operator.reconcile.scale import Scale
from agentrun_operator.reconcile.turns import Flow
from agentrun_operator.reconcile.wakes import Wakes
from agentrun_operator.reconcile.workers import Workers
from agentrun_operator.reconcile.world import World

log = structlog.get_logger(__name__)


class Engine:
    """Observes the cluster, and reconciles what needs it."""

    def __init__(self, world: World, reader: KubeReader, metrics: Metrics) -> None:
        """Put the parts together; nothing runs before `run`."""
        self._world = world
        self._reader = reader
        self._metrics = metrics
        limit = world.settings.workers
        self.queue = WorkQueue(world.clock, metrics, workers=limit, flow_of=self._flow_of)
        self._wakes = Wakes(world, self.queue)
        scale = Scale(self.queue, world.cache.size)
        self._workers = Workers(self.queue, scale, self._serve, metrics, limit=limit)
        self._reconciler = Reconciler(world)
        self._local = LocalReconciler(world)
        self._poller = Poller(world, self.queue)
        self._resync = Resync(world, reader)
        world.cache.listen(self._object_changed, self._wakes.of_same_name)
        world.clients.contacts.listen(self._reach_changed)
        world.connections.listen(self._republish)
        world.brake.listen(self._absence_changed)
        self.is_synced = False
        """The start-up barrier is behind us."""

    # ------------------------------------------------------------ intake

    def observe(self, event: str | None, raw: Mapping[str, Any]) -> None:
        """Take in one watch event: its type (None for an object of a LIST) and the raw object.

        Synchronous and quick; never awaits.
        """
        key = ObjectKey.of(raw)
        if event == "DELETED":
            self._gone(key, raw["metadata"].get("uid"))
            return
        before = self._world.cache.get(key)
        # It calls `_object_changed` before it returns, as for the answers of our own writes.
        obj = self._world.cache.observe(raw, key.kind)
        if obj is None:
            if self._resync.note_not_taken(key, raw["metadata"]):
                self.queue.add(key)
            return
        if before is None or deserves_a_pass(before, obj) or self._was_rewritten(before, obj):
            # At start a shared LIST will do; afterwards somebody changed something.
            self.queue.add(key, fresh=self.is_synced)

    def _was_rewritten(self, before: KubeObject, now: KubeObject) -> bool:
        """Whether somebody else wrote another record or other conditions than ours.

        What is read by LIST has no pass of its own, nor has an account that works: an old status
        would stand for ever, and that of an account keeps all its objects waiting.
        """
        if record_and_conditions(before.status) == record_and_conditions(now.status):
            return False
        memory = self._world.memory.peek(now.key)
        return memory is None or not memory.reported.is_ours(now.status)

    def _object_changed(
        self, before: KubeObject | None, obj: KubeObject, left: frozenset[ObjectKey]
    ) -> None:
        """Wake whoever refers to an object, or is referred to, when that may matter to them."""
        self._metrics.observed(before, obj)
        notices.tell(self._world, before, obj)
        if before is not None and asks_anew(before, obj):
            # Race: the answer of our own write may show an edit first, and its event is old news.
            self.queue.add(obj.key, fresh=self.is_synced)
        if before is None or concerns_users(before, obj):
            self._wakes.users_of(obj.key)
            self._wakes.targets_of(obj)
        elif lets_go(before, obj):
            self._wakes.targets_of(obj)
        self._wakes.targets_left(left)
        rest = self._world.kinds[obj.key.kind].rest
        if before is not None and claim_of(before, rest) != claim_of(obj, rest):
            self._wakes.of_same_name(before, obj)
        elif before is not None and is_left_to_its_owner(before) != is_left_to_its_owner(obj):
            # Only those behind it: two that wake each other would do so for ever.
            for other in self._world.cache.claimants(obj.key.kind, obj.external_name):
                if other.seniority > obj.seniority:
                    self.queue.add(other.key)

    def reference_changed(self, kind: str, namespace: str, name: str, version: str) -> None:
        """Wake the users of a Secret or ConfigMap, and who publishes it; version "": it is gone."""
        target = ObjectKey(kind, namespace, name)
        self._world.clients.secret_changed(target)
        self._metrics.reference_changed(target, version, self._world.cache.users_of(target))
        self._wakes.users_of(target)
        if self._world.cache.publishers_of(target):
            self._world.connections.changed(target, version)

    def _republish(self, config_map: ObjectKey, seconds: float) -> None:
        for publisher in self._world.cache.publishers_of(config_map):
            self.queue.add_after(publisher, seconds)

    def _gone(self, key: ObjectKey, uid: str | None) -> None:
        held = self._world.cache.get(key)
        self._world.cache.forget(key, uid)
        if self._world.cache.version(key) is not None:
            return
        self._resync.forget(key)
        self._world.memory.forget(key)
        self._world.known.release(key)
        self.queue.forget(key)
        self._metrics.forgotten(key)
        self._wakes.users_of(key)
        if held is not None:
            self._wakes.targets_of(held)
            self._wakes.of_same_name(held)

    def _reach_changed(self, source: ObjectKey) -> None:
        """Let the account say that it is out of reach, or back; its objects hear it from there."""
        if self._world.cache.get(source) is not None:
            # To be back is no reason to prove the keys: a call just did.
            self.queue.add(source, fresh=self._world.clients.contacts.of(source).is_out)
        elif not self._world.clients.contacts.of(source).is_out:
            self._wakes.users_of(source)

    def _absence_changed(self, source: ObjectKey, missing: int | None) -> None:
        """Let the account say that its brake has engaged, or is over; its users wait for that."""
        self._metrics.missing(source, missing)
        if self._world.cache.get(source) is not None:
            self.queue.add(source, fresh=False)
        if missing is None:
            # A paused account says nothing.
            self._wakes.users_of(source)

    # ------------------------------------------------------------ running

    async def run(self) -> None:
        """Run until cancelled: passes in flight have the drain time, or until cancelled again."""
        await self._resync.wait_for_whole_picture(self._read_missed)
        await self._world.listings.locate()
        self._world.listings.count()
        self.is_synced = True
        log.info("start-up: complete", objects=len(list(self._world.cache.keys())))
        workers = asyncio.create_task(self._workers.run(), name="workers")
        loops = [
            asyncio.create_task(self._poller.run(), name="poller"),
            asyncio.create_task(self._resync_loop(), name="resync"),
        ]
        world, seconds = self._world, self._world.settings.drain_seconds
        try:
            done, _ = await asyncio.wait([workers, *loops], return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in loops:
                task.cancel()
            try:
                await self._workers.drain(world.clock, world.leadership, seconds)
            finally:
                workers.cancel()
                await asyncio.gather(workers, *loops, return_exceptions=True)

    def _flow_of(self, key: ObjectKey) -> Flow:
        """Return whose turn a key waits for. The accounts of a namespace have one together.

        They are asked whether they work, and users of one that does wait for none that does not.
        """
        return Flow(key.namespace, None if key.is_account else self._world.cache.account_of(key))

    async def _serve(self, work: Work) -> None:
        obj = self._world.cache.get(work.key)
        if obj is None:
            self._world.memory.forget(work.key)
            if self._resync.is_to_check(work.key):
                await self._check_end(work.key)
            return
        memory = self._world.memory.peek(work.key)
        if memory is not None and memory.conflicts.is_unsure:
            obj = await self._read_anew(obj, memory)
            if obj is None:
                return
        begun = self._world.clock.monotonic()
        lane = in_lane(self._lane_of(obj, work), obj.key.namespace)
        logged = one_pass(work.key, self._world.cache.account_of(work.key))
        with logged, self._world.tracer.pass_over(obj, memory) as span, lane:
            result = await self._pass(obj, fresh=work.fresh)
            span.ended(result)
            spent = self._world.clock.monotonic() - begun
            self._metrics.reconciled(work.key.kind, result.result, spent)
        if work.key.is_account:
            self._metrics.missing(work.key, self._world.brake.missing(work.key))
        self._metrics.passed(work.key, result.verdict, began=begun)
        if result.requeue_after is not None:
            if result.result == "error":
                self._metrics.queue_retried(work.key.kind)
            self.queue.add_after(work.key, result.requeue_after)

    async def _check_end(self, key: ObjectKey) -> None:
        """Ask the cluster for an object that is said to be gone, where the watch tells of it."""
        try:
            raw = await self._reader.read_object(self._world.kinds[key.kind], key)
        except ClusterUnavailable as error:
            log.warning("nobody says whether it exists", **keys_of(key), error=str(error))
            self.queue.add_after(key, self._world.settings.polling.transition_seconds)
            return
        # Race: the watch may tell of its end before the answer arrives.
        if self._resync.end_check(key) and raw is not None:
            self._take_in(key, raw)

    async def _read_anew(self, obj: KubeObject, memory: Memory) -> KubeObject | None:
        """Return what the cluster holds of an object; None where no pass may follow now.

        Race: a watch that is late or silent shows neither what a write without an answer did, nor
        what ours conflicts with. To write on an old version would undo that, and go on for ever.
        """
        try:
            raw = await self._reader.read_object(self._world.kinds[obj.key.kind], obj.key)
        except ClusterUnavailable as error:
            log.warning("the cluster refused a call", **keys_of(obj.key), error=str(error))
            self.queue.add_after(obj.key, self._world.outcomes.delay_after(memory.failures, 1.0))
            return None
        memory.conflicts.note_read()
        if raw is None:
            self._gone(obj.key, obj.uid)
            return None
        self._world.cache.update(raw, obj.key.kind)
        return self._world.cache.get(obj.key)

    def _lane_of(self, obj: KubeObject, work: Work) -> Lane:
        memory, fresh = self._world.memory.peek(obj.key), work.fresh
        if obj.deleting or (fresh and obj.generation != obj.observed_generation):
            return Lane.URGENT
        if work.is_nearly_done:
            # Behind no create: those are urgent, and there may be thousands.
            return Lane.URGENT
        if memory is not None and memory.transition.is_polled:
            return Lane.TRANSITION
        return Lane.URGENT if fresh else Lane.ROUTINE

    async def _pass(self, obj: KubeObject, *, fresh: bool) -> Outcome:
        local = self._world.kinds[obj.key.kind].is_local
        reconciler = self._local if local else self._reconciler
        memory = self._world.memory.of(obj.key, obj.uid)
        try:
            result = await reconciler.reconcile(obj, fresh=fresh)
        except ObjectGone:
            self._gone(obj.key, obj.uid)
            return Outcome(None)
        except ObjectConflict:
            return Outcome(None, memory.conflicts.note(), "requeue")
        except ClusterUnavailable as error:
            if isinstance(error, WriteUnanswered):
                memory.conflicts.note_unanswered()
            if isinstance(error, ClusterForbidden) and memory.conflicts.note_forbidden(str(error)):
                # It may be the status itself that cannot be written.
                self._world.events.emit(obj, "Warning", Reason.ACCESS_DENIED.value, str(error))
            log.warning("the cluster refused a call", error=str(error))
            return Outcome(None, self._world.outcomes.delay_after(memory.failures, 1.0), "error")
        except LeadershipLost:
            raise
        except Exception as bug:  # noqa: BLE001 - which must not end the engine
            # The report itself failed, so there is nobody left to tell but the log.
            log_bug(obj, bug)
            return Outcome(None, self._world.outcomes.delay_after(memory.failures, 1.0), "error")
        memory.conflicts.end()
        if result.result == "success":
            memory.conflicts.note_allowed()
        if result.blames_account:
            self._wakes.accounts_of(obj)
        return result

    async def _resync_loop(self) -> None:
        while True:
            await self._world.clock.sleep(self._world.settings.resync_seconds)
            try:
                await self.resync()
            except KindNotServed:
                raise
            except ClusterUnavailable as error:
                log.warning("resync failed", error=str(error))

    async def resync(self) -> None:
        """Drop what is gone or unused, and read from the cluster what the watch missed."""
        await self._world.drop_unused()
        gone, gaps = await self._resync.find_gone_and_gaps()
        for key in gone:
            await self._drop_gone(key)
        for key in gaps:
            await self._read_missed(key)

    async def _read_missed(self, key: ObjectKey) -> None:
        """Take in an object, or a version, that a LIST shows and no watch event told of."""
        log.warning("resync: the watch missed an object", **keys_of(key))
        await self._read_and_observe(key)

    async def _read_and_observe(self, key: ObjectKey) -> bool:
        """Take in what the cluster holds of an object; returns whether it exists."""
        raw = await self._reader.read_object(self._world.kinds[key.kind], key)
        if raw is not None:
            self._take_in(key, raw)
        return raw is not None

    def _take_in(self, key: ObjectKey, raw: Mapping[str, Any]) -> None:
        self._world.cache.note_exists(str(raw["metadata"]["uid"]))
        self.observe("MODIFIED", {**raw, "kind": key.kind})

    async def _drop_gone(self, key: ObjectKey) -> None:
        """Drop an object that no LIST shows, once the cluster says that it is gone.

        A namespace that refuses us is left out of a LIST. What we know of it still claims its name.
        """
        held = self._world.cache.get(key)
        try:
            if held is not None and not await self._read_and_observe(key):
                log.warning("resync: dropping an object that no longer exists", **keys_of(key))
                # Race: the watch may tell of its namesake before the answer arrives.
                self._gone(key, held.uid)
        except ClusterUnavailable as error:
            log.warning("resync: nobody says whether it exists", **keys_of(key), error=str(error))
