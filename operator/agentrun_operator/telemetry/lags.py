"""How long it takes from a change on our side to what it is for: a write, Ready, the new Secret.

Times are those of the engine's monotonic clock, from when this process heard of a change: the
cluster does not say when a spec was edited. What happened before the process began is not counted.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reasons import ConditionType, Reason
from agentrun_operator.telemetry.fleet import by_namespace

LAG_SECONDS = (
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    *(30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0),
)
_LEFT_ALONE = frozenset(
    {Reason.DRIFT_DETECTED, Reason.CONTESTED, Reason.CANNOT_CLEAR, Reason.UNEXPECTED_ECHO}
)
"""Said of a difference that is not sent again, by passes that sent whatever else had changed."""


class _Change(NamedTuple):
    what: str
    """`create`, `update` or `delete`."""
    at: float


class Lags(Collector):
    """Remembers what waits, at most three times of an object, until a pass shows that it is over.

    A pass that began before a change says nothing of it.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        """Start with nothing that waits."""
        self._unsent: dict[ObjectKey, _Change] = {}
        self._unready: dict[ObjectKey, _Change] = {}
        self._rotated: dict[ObjectKey, float] = {}
        self.monotonic: Callable[[], float] = lambda: 0.0
        self._to_cloud = Histogram(
            "agentrun_edit_to_cloud_seconds",
            "Seconds from a change of an object to the write to AgentRun that carries it",
            ("kind", "change"),
            buckets=LAG_SECONDS,
            registry=registry,
        )
        self._to_ready = Histogram(
            "agentrun_time_to_ready_seconds",
            "Seconds from a change of an object until it is Ready with it",
            ("kind", "change"),
            buckets=LAG_SECONDS,
            registry=registry,
        )
        self._to_rotate = Histogram(
            "agentrun_rotation_lag_seconds",
            "Seconds from a change of a Secret to the write, or the use, of what it holds",
            ("kind",),
            buckets=LAG_SECONDS,
            registry=registry,
        )
        registry.register(self)

    def observed(self, before: KubeObject | None, obj: KubeObject) -> None:
        """Note what a new version of an object changes, unless something of it waits already."""
        what = None if obj.key.is_account else _change(before, obj)
        if what is None:
            return
        now = self.monotonic()
        if what == "delete":
            self.forgotten(obj.key)
        else:
            self._unready.setdefault(obj.key, _Change(what, now))
        self._unsent.setdefault(obj.key, _Change(what, now))

    def rotated(self, users: Iterable[ObjectKey]) -> None:
        """Note that a Secret changed which these objects use."""
        for user in users:
            self._rotated.setdefault(user, self.monotonic())

    def passed(
        self,
        obj: KubeObject,
        *,
        began: float,
        wrote_at: float,
        is_failing: bool,
        said: Reason | None = None,
    ) -> None:
        """Take in how an object stands after a pass.

        Args:
            obj: Its newest version.
            began: When the pass began.
            wrote_at: When its last write went to AgentRun, whether it was answered or not.
            is_failing: The pass failed; the next one tries again.
            said: What the pass came to; None: it said nothing, and the status is that of before.
        """
        if obj.condition(ConditionType.PAUSED.value) is not None:
            # The pause is no lag.
            self.forgotten(obj.key)
            return
        key = obj.key
        is_sent = _is_sent(obj, said, is_failing=is_failing)
        change = self._unsent.get(key)
        if change is not None and change.at <= began and is_sent:
            del self._unsent[key]
            if wrote_at >= change.at:
                self._to_cloud.labels(key.kind, change.what).observe(wrote_at - change.at)
        self._note_ready(obj, began)
        rotated_at = self._rotated.get(key)
        if rotated_at is not None and rotated_at <= began and is_sent:
            del self._rotated[key]
            # An account writes nothing: it proves its keys.
            used_at = self.monotonic() if key.is_account else wrote_at
            if used_at >= rotated_at:
                self._to_rotate.labels(key.kind).observe(used_at - rotated_at)

    def _note_ready(self, obj: KubeObject, began: float) -> None:
        change = self._unready.get(obj.key)
        if change is None or change.at > began:
            return
        is_ready = obj.is_ready and obj.is_observed
        if is_ready:
            spent = self.monotonic() - change.at
            self._to_ready.labels(obj.key.kind, change.what).observe(spent)
        if is_ready or obj.has_reported_end:
            del self._unready[obj.key]

    def forgotten(self, key: ObjectKey) -> None:
        """Wait no longer for an object that is gone, or on its way."""
        for waiting in (self._unsent, self._unready, self._rotated):
            waiting.pop(key, None)

    def collect(self) -> Iterator[Metric]:
        """Yield what waits at the moment."""
        oldest: dict[str, float] = {}
        for key, at in self._rotated.items():
            age = self.monotonic() - at
            oldest[key.namespace] = max(age, oldest.get(key.namespace, 0.0))
        yield by_namespace(
            "agentrun_rotation_pending_seconds",
            "Seconds since the oldest change of a Secret that an object has not carried on yet",
            oldest,
        )


def _change(before: KubeObject | None, obj: KubeObject) -> str | None:
    """Return what somebody asked for by a new version of an object; None: nothing."""
    if obj.deleting:
        is_news = before is None or not before.deleting
        return (
            "delete" if is_news and obj.external_id and "deleteSentAt" not in obj.status else None
        )
    if before is None or before.uid != obj.uid:
        is_news = not obj.is_observed
    else:
        is_news = before.generation != obj.generation
    what = "update" if obj.external_id else "create"
    return what if is_news else None


def _is_sent(obj: KubeObject, said: Reason | None, *, is_failing: bool) -> bool:
    """Whether nothing of an object waits for a write: it was sent, or needs none.

    A pass that fails may leave the status as it was before the change. That AgentRun keeps a value
    which left the spec ends a pass as a failure too, with nothing left to send.
    """
    if not obj.is_observed:
        return False
    if said in _LEFT_ALONE:
        return said is Reason.CANNOT_CLEAR or not is_failing
    synced = obj.condition(ConditionType.SYNCED.value) or {}
    return synced.get("status") == "True" and not is_failing
