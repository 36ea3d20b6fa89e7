"""The ConfigMaps with addresses that objects publish, and who touched them last: we, or others.

What others delete or change is put right within seconds. The echo of our own write is no news.
"""

from collections.abc import Callable, Mapping

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.guard import check_leadership
from agentrun_operator.reconcile.ports import Clock, ConnectionWriter, Leadership

CALM_SECONDS = 10.0
PATIENCE_SECONDS = 5.0
"""From one restoration to the next of a map that somebody else keeps changing."""


class Publications:
    """Publishes and withdraws through a writer, and remembers the version of each map."""

    def __init__(self, writer: ConnectionWriter, clock: Clock, leadership: Leadership) -> None:
        """Know no map yet."""
        self._writer = writer
        self._clock = clock
        self._leadership = leadership
        self._known: dict[ObjectKey, str] = {}
        self._writing: dict[ObjectKey, list[str]] = {}
        """By map that is being written: versions that a watch showed meanwhile."""
        self._touched: set[ObjectKey] = set()
        """Maps that are not as we left them."""
        self._told: dict[ObjectKey, float] = {}
        self._wake: Callable[[ObjectKey, float], None] = lambda _at, _seconds: None

    def listen(self, wake: Callable[[ObjectKey, float], None]) -> None:
        """Call `wake(map, seconds)` when a map is no longer as we left it."""
        self._wake = wake

    def changed(self, at: ObjectKey, version: str) -> None:
        """Take in what a watch says of a map that somebody publishes; "": it is gone."""
        if at in self._writing:
            # Race: the echo of a write may be there before its answer. Afterwards we know.
            self._writing[at].append(version)
        elif not version or version != self._known.get(at):
            self._tell(at)

    def is_in_place(self, at: ObjectKey) -> bool:
        """Whether this process wrote or found a map as it should be, and nobody touched it since.

        Without a watch nobody would tell, so it says no more than what was known last.
        """
        return at in self._known and at not in self._touched

    def forget(self, at: ObjectKey) -> None:
        """Remember no longer a map that nobody publishes."""
        self._touched.discard(at)
        self._known.pop(at, None)
        self._told.pop(at, None)

    def keep(self, is_published: Callable[[ObjectKey], bool]) -> None:
        """Forget every map that nobody publishes any more."""
        for at in {*self._known, *self._touched, *self._told}:
            if not is_published(at):
                self.forget(at)

    async def publish(self, owner: KubeObject, name: str, data: Mapping[str, str]) -> None:
        """Create or update a map; raises as `ConnectionWriter.publish`."""
        check_leadership(self._leadership)
        at = map_key(owner.key.namespace, name)
        seen = self._writing.setdefault(at, [])
        try:
            self._known[at] = await self._writer.publish(owner, name, data)
            self._touched.discard(at)
        finally:
            self._writing.pop(at, None)
        if seen and seen[-1] != self._known[at]:
            self._tell(at)

    async def withdraw(self, owner: KubeObject, name: str, *, is_left: bool = False) -> None:
        """Delete a map that is ours; raises as `ConnectionWriter.withdraw`."""
        check_leadership(self._leadership)
        await self._writer.withdraw(owner, name, is_left=is_left)
        self.forget(map_key(owner.key.namespace, name))

    def _tell(self, at: ObjectKey) -> None:
        self._touched.add(at)
        now = self._clock.monotonic()
        last = self._told.get(at)
        self._told[at] = now
        is_changed_again = last is not None and now - last < CALM_SECONDS
        self._wake(at, PATIENCE_SECONDS if is_changed_again else 0.0)


def map_key(namespace: str, name: str) -> ObjectKey:
    """Return the key of a ConfigMap."""
    return ObjectKey("ConfigMap", namespace, name)


def published_name(kind: ResourceKind, spec: Mapping[str, object]) -> str | None:
    """Return the name of the map that a raw spec asks for; None where the kind has no address."""
    target = spec.get("writeConnectionTo")
    config_map = target.get("configMap") if isinstance(target, Mapping) else None
    name = config_map.get("name") if isinstance(config_map, Mapping) else None
    return str(name) if kind.connection and name else None
