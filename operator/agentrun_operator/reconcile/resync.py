"""Finds with metadata LISTs what is gone and what was missed; holds start-up until all is known."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.reconcile.ports import ClusterUnavailable, KindNotServed, KubeReader, Listed
from agentrun_operator.reconcile.rewind import Rewind
from agentrun_operator.reconcile.world import World

log = structlog.get_logger(__name__)

_BARRIER_POLL_SECONDS = 0.1
_BARRIER_RELIST_SECONDS = 10.0


class Resync:
    """Finds what a watch may have lost."""

    def __init__(self, world: World, reader: KubeReader) -> None:
        """Compare the world's cache with what `reader` lists."""
        self._kinds = world.kinds
        self._cache = world.cache
        self._reader = reader
        self._clock = world.clock
        self._foreign: dict[ObjectKey, int] = {}
        self._to_check: set[ObjectKey] = set()
        """What is said to be gone, and the watch still tells of."""
        self._rewind = Rewind()

    def note_not_taken(self, key: ObjectKey, metadata: Mapping[str, Any]) -> bool:
        """Note an event that the cache did not take; returns whether to ask the cluster about it.

        The version of an object that is not ours to serve is kept, or it would count as a gap. One
        that is said to be gone has to be asked about: the 404 that said so may have been wrong, or
        the watch may be late.
        """
        if self._cache.version(key) is not None:
            return False
        if self._cache.has_ended(str(metadata["uid"])):
            self._to_check.add(key)
            return True
        version = int(metadata["resourceVersion"])
        self._foreign[key] = max(version, self._foreign.get(key, version))
        return False

    def is_to_check(self, key: ObjectKey) -> bool:
        """Whether the watch tells of an object that is said to be gone."""
        return key in self._to_check

    def end_check(self, key: ObjectKey) -> bool:
        """Note that the cluster has answered; returns whether its answer was still waited for."""
        was_waited_for = key in self._to_check
        self._to_check.discard(key)
        return was_waited_for

    def forget(self, key: ObjectKey) -> None:
        """Remember no longer an object that is gone."""
        self._foreign.pop(key, None)
        self._to_check.discard(key)

    async def wait_for_whole_picture(self, read: Callable[[ObjectKey], Awaitable[None]]) -> None:
        """Return once every object that a LIST shows has been observed.

        Until then references, name claims and deletion holds would be incomplete, and nothing may
        be mutated.

        Args:
            read: Reads one object and takes it in. A watch that lost an event tells nothing of the
                object before its next change, and everybody would wait for that.

        Raises:
            KindNotServed: a CRD is gone; nobody would tell us when it is back.
            ClusterRewound: the cluster was put back meanwhile.
        """
        missing: set[ObjectKey] = set()
        while True:
            try:
                late, missing = missing, await self._missing()
                for key in sorted(late & missing):
                    await read(key)
                log.info("start-up: waiting for objects", missing=len(missing))
                if await self._seen_all(missing):
                    return
            except KindNotServed:
                raise
            except ClusterUnavailable as error:
                log.warning("start-up: cannot list", error=str(error))
                await self._clock.sleep(_BARRIER_POLL_SECONDS * 10)

    async def _missing(self) -> set[ObjectKey]:
        missing: set[ObjectKey] = set()
        for kind in self._kinds.values():
            missing.update((await self._list(kind)).objects)
        self._rewind.check()
        return {k for k in missing if not self._is_known(k)}

    async def _list(self, kind: ResourceKind) -> Listed:
        held = self._cache.held(kind.kind)
        listed = await self._reader.list_objects(kind)
        self._rewind.compare(kind.kind, held, listed)
        return listed

    async def _seen_all(self, missing: set[ObjectKey]) -> bool:
        until = self._clock.monotonic() + _BARRIER_RELIST_SECONDS
        while missing and self._clock.monotonic() < until:
            await self._clock.sleep(_BARRIER_POLL_SECONDS)
            missing = {k for k in missing if not self._is_known(k)}
        return not missing

    def _is_known(self, key: ObjectKey) -> bool:
        return self._version(key) is not None

    def _version(self, key: ObjectKey) -> int | None:
        held = self._cache.version(key)
        return held if held is not None else self._foreign.get(key)

    async def find_gone_and_gaps(self) -> tuple[list[ObjectKey], list[ObjectKey]]:
        """Return (gone, gaps): objects that no longer exist, and those that we lack or hold old.

        A watch that is merely a moment behind shows as neither: both are looked at twice.

        Raises:
            ClusterRewound: both looks show a cluster that was put back.
        """
        first = await self._compare()
        if not first[0] and not first[1] and not self._rewind.is_suspected:
            return [], []
        await self._clock.sleep(_BARRIER_RELIST_SECONDS)
        again = await self._compare()
        return sorted(first[0] & again[0]), sorted(first[1] & again[1])

    async def _compare(self) -> tuple[set[ObjectKey], set[ObjectKey]]:
        gone: set[ObjectKey] = set()
        gaps: set[ObjectKey] = set()
        for kind in self._kinds.values():
            held = self._cache.keys(kind.kind)
            listed = (await self._list(kind)).objects
            gone |= {key for key in held if key not in listed}
            for key, now in listed.items():
                known = self._version(key)
                if known is None or known < now.version:
                    gaps.add(key)
            for key in [k for k in self._foreign if k.kind == kind.kind and k not in listed]:
                self.forget(key)
        self._rewind.check()
        return gone, gaps
