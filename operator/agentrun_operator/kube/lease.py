"""Leader election by a Lease, on the monotonic clock.

Validity counts from before the request that renewed it; others' records are timed from when we saw
them, so clocks need not agree. A leader renews in a thread of its own (`lease_thread.py`).
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from agentrun_operator.kube.client import KubeClient
from agentrun_operator.reconcile.ports import (
    Clock,
    ClusterRewound,
    ClusterUnavailable,
    Json,
    ObjectConflict,
    ObjectGone,
)
from agentrun_operator.reconcile.rewind import REMEDY

log = structlog.get_logger(__name__)

REWIND_READS = 2
API = "/apis/coordination.k8s.io/v1"
RELEASE_SECONDS = 2.0
"""A server that does not answer must not hold up the end: the lease runs out by itself."""


class LeaseLostError(Exception):
    """This process no longer leads; it must end, because it cannot know what others did."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds; a crashed leader is replaced after about `lease`."""

    lease: float = 15.0
    renew_deadline: float = 10.0
    """The leader stops writing so long after its last successful renewal began."""
    retry: float = 2.0


class LeaseElector:
    """Holds one Lease, or waits for it. Satisfies `ports.Leadership`."""

    def __init__(
        self,
        client: KubeClient,
        clock: Clock,
        *,
        namespace: str,
        name: str,
        identity: str,
        times: LeaseTimes | None = None,
    ) -> None:
        """Compete as `identity`, which no other process may use."""
        self._client = client
        self._clock = clock
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._times = times or LeaseTimes()
        self._valid_until = float("-inf")
        self._seen: tuple[str, str] | None = None
        self._seen_at = 0.0
        self._newest = 0
        """The highest version of the Lease that was read or written."""
        self._older = 0
        """Reads in a row that had a lower one."""
        self._is_released = False

    def is_valid(self) -> bool:
        """Whether nobody else can have taken over yet."""
        # Race: a renewal in the other thread may be answered after the release.
        return not self._is_released and self._clock.monotonic() < self._valid_until

    async def acquire(self) -> None:
        """Wait until this process leads."""
        waiting = False
        while not await self._attempt():
            if not waiting:
                log.info("standing by", lease=self._name, holder=self._seen and self._seen[0])
                waiting = True
            await self._pause()
        log.info("leading", lease=self._name, identity=self._identity)

    async def hold(
        self, client: KubeClient | None = None, may_renew: Callable[[], bool] = lambda: True
    ) -> None:
        """Renew until the lease is lost.

        Args:
            client: Of the loop that this runs in; None takes the one that acquired the lease.
            may_renew: Whether the work that the lease is held for still goes on.

        Raises:
            LeaseLostError: it was taken, or could not be renewed in time.
            ClusterRewound: the Lease is older than it was, so the cluster was put back.
        """
        while True:
            await self._pause()
            # A clock that stood still may have let the lease run out: then it is too late to renew.
            if not self.is_valid():
                raise LeaseLostError(f"lease {self._name} was not renewed in time")
            if not may_renew():
                log.error("lease not renewed: nothing else of this process moves")
                continue
            is_ours = await self._renew(client)
            if not is_ours and self._seen is not None and self._seen[0] != self._identity:
                self._valid_until = float("-inf")
                raise LeaseLostError(f"lease {self._name} was taken by {self._seen[0]}")
            if self._older >= REWIND_READS:
                raise ClusterRewound(f"lease {self._name} is older than it was: {REMEDY}")

    async def _renew(self, client: KubeClient | None) -> bool:
        """Attempt it in half of the time that is left, and once more: a connection may be dead."""
        half = (self._valid_until - self._clock.monotonic()) / 2
        for _ in range(2):
            try:
                async with asyncio.timeout(max(half, 0.1)):
                    return await self._attempt(client)
            except TimeoutError:
                log.warning("lease not reached", lease=self._name, error="no answer in time")
        return False

    async def release(self) -> None:
        """Let the next process lead at once; only after the last write of this one."""
        was_valid = self.is_valid()
        # Race: a renewal that hangs in the other thread must not come after this.
        self._is_released = True
        if not was_valid:
            return
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                lease = await self._client.get(self._path())
                if (lease.get("spec") or {}).get("holderIdentity") == self._identity:
                    await self._write(self._client, lease, holder="", begun=None)
        except (ObjectGone, ObjectConflict, ClusterUnavailable, TimeoutError) as error:
            why = str(error) or "no answer in time"
            log.info("lease not released", lease=self._name, error=why)

    async def _attempt(self, client: KubeClient | None = None) -> bool:
        """Take or renew the lease; returns whether we hold it now."""
        client = client or self._client
        begun = self._clock.monotonic()
        try:
            lease = await self._read_or_create(client)
            self._note_version(lease)
            spec = lease.get("spec") or {}
            holder = str(spec.get("holderIdentity") or "")
            is_taken = holder not in ("", self._identity) and not self._has_expired(spec, holder)
            if is_taken or self._is_released:
                return False
            await self._write(client, lease, holder=self._identity, begun=begun)
        except ObjectConflict:
            return False
        except (ObjectGone, ClusterUnavailable) as error:
            log.warning("lease not reached", lease=self._name, error=str(error))
            return False
        return True

    def _note_version(self, lease: Json) -> None:
        """Compare with the reads before: a read without a version is as new as any of them."""
        version = int(lease["metadata"]["resourceVersion"])
        self._older = self._older + 1 if version < self._newest else 0
        self._newest = max(self._newest, version)

    def _has_expired(self, spec: Json, holder: str) -> bool:
        record = (holder, str(spec.get("renewTime")))
        now = self._clock.monotonic()
        if record != self._seen:
            self._seen, self._seen_at = record, now
        lasts = float(spec.get("leaseDurationSeconds") or self._times.lease)
        return now - self._seen_at > lasts

    async def _read_or_create(self, client: KubeClient) -> Json:
        try:
            return await client.get(self._path())
        except ObjectGone:
            body = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self._name, "namespace": self._namespace},
                "spec": {},
            }
            return await client.post(self._path(collection=True), body)

    async def _write(
        self, client: KubeClient, lease: Json, *, holder: str, begun: float | None
    ) -> None:
        stamp = self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        before = lease.get("spec") or {}
        is_change = before.get("holderIdentity") != holder
        spec = {
            "holderIdentity": holder,
            "leaseDurationSeconds": int(self._times.lease),
            "renewTime": stamp,
            "acquireTime": stamp if is_change else before.get("acquireTime") or stamp,
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + int(is_change),
        }
        body = {"metadata": {"resourceVersion": lease["metadata"]["resourceVersion"]}, "spec": spec}
        written = await client.patch(self._path(), body)
        self._newest = max(self._newest, int(written["metadata"]["resourceVersion"]))
        # Race: it may have been released in the other thread since this write was sent.
        if begun is not None and not self._is_released:
            self._seen = (holder, stamp)
            self._valid_until = begun + self._times.renew_deadline

    def _path(self, *, collection: bool = False) -> str:
        base = f"{API}/namespaces/{self._namespace}/leases"
        return base if collection else f"{base}/{self._name}"

    async def _pause(self) -> None:
        spread = random.uniform(0.8, 1.2)  # noqa: S311 - spreading load, not a secret
        await self._clock.sleep(self._times.retry * spread)
