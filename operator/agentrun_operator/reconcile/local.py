"""The pass of a local kind: an account is verified, lent out, and held while it is in use."""

from collections.abc import Mapping
from dataclasses import replace

from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.errors import (
    CredentialsInvalid,
    ForeignKeys,
    OperatorError,
    Throttled,
    Unavailable,
)
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reasons import Reason
from agentrun_operator.reconcile import outcome, survey
from agentrun_operator.reconcile.binding import NOT_VERIFIED, VERIFIED, Binding
from agentrun_operator.reconcile.contact import OUT_OF_REACH
from agentrun_operator.reconcile.deletion import in_use
from agentrun_operator.reconcile.failures import Failures
from agentrun_operator.reconcile.guard import LeadershipLost
from agentrun_operator.reconcile.holds import held_by
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.parsing import parse_spec
from agentrun_operator.reconcile.ports import ClusterUnavailable, Json, ObjectConflict, ObjectGone
from agentrun_operator.reconcile.redactors import Redactors
from agentrun_operator.reconcile.report import Reporter, log_bug
from agentrun_operator.reconcile.settle import spread
from agentrun_operator.reconcile.trouble import says_already
from agentrun_operator.reconcile.world import World


class LocalReconciler:
    """Serves the kinds without a cloud resource of their own."""

    def __init__(self, world: World) -> None:
        """Work on one world."""
        self._world = world
        self._reporter = Reporter(world, Redactors(world))

    async def reconcile(self, obj: KubeObject, *, fresh: bool) -> Outcome:
        """Run one pass and report it.

        Raises:
            ObjectGone, ObjectConflict, ClusterUnavailable: the cluster refused a write.
        """
        memory = self._world.memory.of(obj.key, obj.uid)
        failures = memory.failures
        now = self._world.clock.monotonic()
        changes: Json = {}
        try:
            # The try that failed may have been the one that was to verify.
            result = await self._run(obj, changes, fresh=fresh or failures.count > 0)
            failures.end()
        except OperatorError as error:
            result = self._failed(error, obj, failures, now)
            if isinstance(error, CredentialsInvalid | ForeignKeys):
                # Where Secrets cannot be watched, nobody tells us that the keys were corrected.
                self._world.clients.distrust(obj.key, error)
                pauses = (result.requeue_after, self._seconds_to_next_read())
                soonest = min(pause for pause in pauses if pause is not None)
                result = replace(result, requeue_after=soonest)
        except (ObjectGone, ObjectConflict, ClusterUnavailable, LeadershipLost):
            raise
        except Exception as bug:  # noqa: BLE001 - which must not end the engine
            # What an account works with are its keys, and they do not leave its client.
            told = log_bug(obj, bug)
            result = self._world.outcomes.of_error(told, obj, failures, now)
        if result.verdict is not None:
            raw = await self._reporter.write_object(
                self._newest(obj), memory.reported, result.verdict, changes
            )
            if raw is not None:
                self._world.cache.update(raw, obj.key.kind)
        return result

    def _failed(
        self, error: OperatorError, obj: KubeObject, failures: Failures, now: float
    ) -> Outcome:
        """Return what the account says of a failure: since when, and when there was an answer."""
        contact = self._world.clients.contacts.of(obj.key)
        if isinstance(error, Throttled) and error.is_ours and not contact.is_out:
            return Outcome(None, error.retry_after, "requeue_after")
        if contact.is_out:
            # Whatever calls failed before this one, they were the account's as well.
            failures.note_at_least(outcome.GRACE_FAILURES)
        result = self._world.outcomes.of_error(error, obj, failures, now)
        if not isinstance(error, OUT_OF_REACH):
            return result
        result = replace(result, requeue_after=self._seconds_to_trial(error, result))
        if result.verdict is None:
            return result
        if _is_told(obj, error):
            # The words of each try differ; a write for each of them would tell nobody anything.
            return replace(result, verdict=None)
        message = f"{error.message}; {contact.history()}"
        return replace(result, verdict=replace(result.verdict, message=message))

    def _seconds_to_trial(self, error: OperatorError, result: Outcome) -> float | None:
        """Return when to ask again: all objects of the account wait for this one call."""
        steady = self._world.settings.polling.steady_seconds
        most = {CredentialsInvalid: steady, Unavailable: steady / 2, Throttled: steady / 2}
        if type(error) not in most:
            return result.requeue_after
        asked = error.retry_after if isinstance(error, Throttled) else None
        return max(asked or 0.0, min(result.requeue_after or steady, most[type(error)]))

    def _newest(self, obj: KubeObject) -> KubeObject:
        """Return the version that this pass's claim made, for the spec that the pass has read."""
        newest = self._world.cache.get(obj.key)
        if newest is None or newest.uid != obj.uid:
            return obj
        return replace(newest, generation=obj.generation, annotations=obj.annotations)

    async def _run(self, obj: KubeObject, changes: Json, *, fresh: bool) -> Outcome:
        if obj.deleting:
            return await self._release(obj, changes)
        end = obj.paused_until(self._world.clock.now())
        if end is not None:
            return Outcome(outcome.paused(obj), self._world.settings.polling.steady_seconds)
        if not obj.is_claimed:
            raw = await self._world.writer.add_finalizer(obj)
            self._world.cache.update(raw, obj.key.kind)
        parse_spec(self._world.kinds[obj.key.kind], obj)
        is_rotated, binding = await self._connect(obj)
        if fresh or is_rotated or not (obj.is_ready and obj.is_observed):
            await binding.api.verify()
        changes["atProvider"] = _verified(obj, binding)
        available = Verdict("True", Reason.AVAILABLE, _told(binding))
        await survey.go_on(self._world, binding)
        return self._with_absence(obj, changes, Outcome(available, self._seconds_to_next_read()))

    def _with_absence(self, obj: KubeObject, changes: Json, calm: Outcome) -> Outcome:
        """Say of an account what too many absences in it come to."""
        report = self._world.brake.review(obj.key)
        changes["massAbsence"] = None if report is None else {"since": report.since}
        if report is None:
            return calm
        pause = self._world.settings.polling.steady_seconds / 2
        if not report.is_engaged:
            return replace(calm, requeue_after=pause)
        return Outcome(outcome.stalled(Reason.MASS_ABSENCE, report.message), pause)

    async def _connect(self, obj: KubeObject) -> tuple[bool, Binding]:
        """Return whether the account's keys are others than before, and its client."""
        clients = self._world.clients
        before = clients.known(obj.key)
        if self._seconds_to_next_read() is not None:
            clients.reread(obj.key)
        binding = await clients.connect(obj, insists=True)
        return before is not None and binding is not before, binding

    def _seconds_to_next_read(self) -> float | None:
        """Return when to read the Secret again; None where a watch tells of its rotation."""
        if self._world.settings.secret_access == "watch":
            return None
        return spread(self._world.settings.polling.steady_seconds)

    async def _release(self, obj: KubeObject, changes: Json) -> Outcome:
        users = await held_by(self._world, obj.key)
        if users:
            # They may wait for what only this object can be told.
            return self._with_absence(obj, changes, in_use(users))
        if obj.is_claimed:
            await self._world.writer.remove_finalizer(obj)
        return Outcome(None)


def _is_told(obj: KubeObject, error: OperatorError) -> bool:
    if not says_already(obj, "False", error.reason):
        return False
    says_more = not isinstance(error, Unavailable | Throttled)
    return not says_more or str(obj.ready.get("message")).startswith(error.message)


def _verified(obj: KubeObject, binding: Binding) -> Mapping[str, str]:
    spec = obj.spec
    shown = {"accountId": spec.get("accountId"), "region": spec.get("region")}
    if spec.get("endpoint"):
        shown["endpoint"] = spec["endpoint"]
    shown["identity"] = VERIFIED if binding.is_verified else NOT_VERIFIED
    if binding.secret_version and not binding.is_verified:
        shown["secretVersion"] = binding.secret_version
    return {name: str(value) for name, value in shown.items()}


def _told(binding: Binding) -> str:
    identity = binding.identity
    if binding.is_verified:
        return (
            f"the keys belong to account {identity.account_id}; AgentRun accepts them in "
            f"{identity.region}"
        )
    return (
        f"AgentRun accepts the keys in {identity.region}; whose they are is not verified "
        "(spec.identityCheck.mode: Off)"
    )
