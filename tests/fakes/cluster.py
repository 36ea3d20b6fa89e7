"""A cluster in memory behind the ports KubeWriter, KubeReader, ConnectionWriter, EventRecorder.

It keeps what the engine relies on: resourceVersion as one growing number, generation that moves
with the spec and with deletion, status as a subresource, and objects that outlive their deletion
while a finalizer stands.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from agentrun_operator.core.errors import AlreadyExistsNotOwned
from agentrun_operator.core.identity import FINALIZER, ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject, timestamp
from agentrun_operator.reconcile.ports import (
    ClusterUnavailable,
    EventType,
    Held,
    Json,
    Listed,
    ObjectConflict,
    ObjectGone,
    SecretData,
)
from fakes.calls import Calls
from fakes.clock import VirtualClock

T = TypeVar("T")
Notify = Callable[[str, Json], None]
"""Receives one watch event: ADDED, MODIFIED or DELETED, and a copy of the raw object."""


def copied(document: T) -> T:
    """Return a copy of a JSON document, in a fraction of the time that `deepcopy` takes."""

    def copy(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: copy(value) for name, value in node.items()}
        if isinstance(node, list):
            return [copy(value) for value in node]
        return node

    made: T = copy(document)
    return made


@dataclass(frozen=True, slots=True)
class Event:
    """One recorded Kubernetes Event."""

    key: ObjectKey
    type: EventType
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Backup:
    """What an API server keeps in its storage."""

    version: int
    objects: dict[ObjectKey, Json]
    data: dict[ObjectKey, SecretData]


class FakeCluster:
    """Objects of ours, Secrets, ConfigMaps and namespaces. Every change is told to `notify`."""

    def __init__(self, clock: VirtualClock, calls: Calls) -> None:
        self._clock = clock
        self._calls = calls
        self._version = 1000
        self._uids = itertools.count(1)
        self._objects: dict[ObjectKey, Json] = {}
        self._data: dict[ObjectKey, SecretData] = {}
        self.notify: Notify = lambda _event, _raw: None
        self.reference_changed: Callable[[str, str, str, str], None] = lambda *_where: None
        self.is_reachable = True
        """Whether reads are answered."""
        self.namespaces: dict[str, dict[str, str]] = {}
        self.events: list[Event] = []
        self.connections: dict[tuple[str, str], dict[str, str]] = {}
        self._map_owners: dict[tuple[str, str], str] = {}
        self._map_versions: dict[tuple[str, str], str] = {}
        self.foreign_config_maps: set[tuple[str, str]] = set()

    # ------------------------------------------------ what users do

    def apply(
        self,
        kind: str,
        name: str,
        spec: Mapping[str, Any],
        *,
        namespace: str = "team-a",
        annotations: Mapping[str, str] | None = None,
    ) -> ObjectKey:
        """Create an object, or replace its spec and annotations."""
        key = ObjectKey(kind, namespace, name)
        if key in self._objects:
            self.edit(key, spec=spec, annotations=annotations)
            return key
        self._store(
            "ADDED",
            {
                "kind": kind,
                "metadata": {
                    "namespace": namespace,
                    "name": name,
                    "uid": f"uid-{next(self._uids)}",
                    "generation": 1,
                    "creationTimestamp": timestamp(self._clock.now()),
                    "annotations": dict(annotations or {}),
                    "finalizers": [],
                },
                "spec": copied(dict(spec)),
                # The defaults of the CRD's schema.
                "status": {"observedGeneration": -1},
            },
        )
        return key

    def edit(
        self,
        key: ObjectKey,
        *,
        spec: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """Replace spec or annotations; the generation moves with the spec only."""
        raw = copied(self._objects[key])
        if spec is not None and dict(spec) != raw["spec"]:
            raw["spec"] = copied(dict(spec))
            raw["metadata"]["generation"] += 1
        if annotations is not None:
            raw["metadata"]["annotations"] = dict(annotations)
        if raw != self._objects[key]:
            self._store("MODIFIED", raw)

    def delete(self, key: ObjectKey) -> None:
        """Delete an object: marked while finalizers stand, gone otherwise."""
        raw = copied(self._objects[key])
        if not raw["metadata"]["finalizers"]:
            self._remove(key)
        elif "deletionTimestamp" not in raw["metadata"]:
            raw["metadata"]["deletionTimestamp"] = timestamp(self._clock.now())
            # The API server counts the marking as a change of what is desired.
            raw["metadata"]["generation"] += 1
            self._store("MODIFIED", raw)

    def put_back(self, key: ObjectKey, backup: Json) -> ObjectKey:
        """Create an object from a backup with its finalizers and status; what was there is gone."""
        raw = copied(backup)
        raw["metadata"] |= {
            "namespace": key.namespace,
            "name": key.name,
            "uid": f"uid-{next(self._uids)}",
            "generation": 1,
            "creationTimestamp": timestamp(self._clock.now()),
        }
        raw["metadata"].pop("deletionTimestamp", None)
        if key in self._objects:
            self._remove(key)
        self._store("ADDED", raw)
        return key

    def put_status(self, key: ObjectKey, status: Json) -> None:
        """Replace a status, as anybody may who has the right to."""
        raw = copied(self._objects[key])
        raw["status"] = copied(status)
        self._store("MODIFIED", raw)

    def reset_status(self, key: ObjectKey) -> None:
        """Lose a status, as a backup that is restored without it does."""
        raw = copied(self._objects[key])
        raw["status"] = {"observedGeneration": -1}
        self._store("MODIFIED", raw)

    def set_status(self, key: ObjectKey, status: Json) -> None:
        """Put another status in place, as a restore, or another version of the operator, does."""
        self._store("MODIFIED", {**self._objects[key], "status": status})

    def add_foreign_finalizer(self, key: ObjectKey, name: str) -> None:
        """Let another controller hold an object."""
        raw = copied(self._objects[key])
        raw["metadata"]["finalizers"].append(name)
        self._store("MODIFIED", raw)

    def vanish(self, key: ObjectKey) -> None:
        """Remove an object although its finalizers stand, as people with `kubectl edit` do."""
        self._remove(key)

    def put_secret(
        self,
        name: str,
        data: Mapping[str, str],
        *,
        namespace: str = "team-a",
        unreadable: tuple[str, ...] = (),
    ) -> None:
        """Create or replace a Secret; the keys of `unreadable` hold no text."""
        self._put("Secret", namespace, name, data, unreadable)

    def put_config_map(
        self, name: str, data: Mapping[str, str], *, namespace: str = "team-a"
    ) -> None:
        """Create or replace a ConfigMap."""
        self._put("ConfigMap", namespace, name, data)

    def delete_secret(self, name: str, *, namespace: str = "team-a") -> None:
        """Delete a Secret."""
        del self._data[ObjectKey("Secret", namespace, name)]
        self.reference_changed("Secret", namespace, name, "")

    # ------------------------------------------------ what tests look at

    def raw(self, key: ObjectKey) -> Json | None:
        """Return a copy of an object, or None."""
        return copied(self._objects.get(key))

    def get(self, key: ObjectKey) -> KubeObject:
        """Return an object that must exist."""
        return KubeObject.of(copied(self._objects[key]), key.kind)

    def keys(self) -> list[ObjectKey]:
        """Return the keys of our objects."""
        return sorted(self._objects)

    def all(self) -> list[Json]:
        """Return copies of our objects, as a LIST would show them."""
        return [copied(self._objects[key]) for key in self.keys()]

    # ------------------------------------------------ KubeWriter

    async def add_finalizer(self, obj: KubeObject) -> Json:
        return await self._calls.make("add_finalizer", lambda: self._add_finalizer(obj))

    async def _add_finalizer(self, obj: KubeObject) -> Json:
        raw = self._found(obj)
        if raw["metadata"]["resourceVersion"] != obj.resource_version:
            raise ObjectConflict(str(obj.key))
        if "deletionTimestamp" in raw["metadata"]:
            raise ObjectConflict(f"{obj.key}: no finalizer may be added while it is deleted")
        raw["metadata"]["finalizers"].append(FINALIZER)
        return self._store("MODIFIED", raw)

    async def remove_finalizer(self, obj: KubeObject) -> None:
        await self._calls.make("remove_finalizer", lambda: self._remove_finalizer(obj))

    async def _remove_finalizer(self, obj: KubeObject) -> None:
        try:
            raw = self._found(obj)
        except (ObjectGone, ObjectConflict):
            return
        left = [f for f in raw["metadata"]["finalizers"] if f != FINALIZER]
        raw["metadata"]["finalizers"] = left
        if not left and "deletionTimestamp" in raw["metadata"]:
            self._remove(obj.key)
        else:
            self._store("MODIFIED", raw)

    async def write_status(self, obj: KubeObject, status: Json) -> Json:
        return await self._calls.make("write_status", lambda: self._write_status(obj, status))

    async def _write_status(self, obj: KubeObject, status: Json) -> Json:
        raw = self._found(obj)
        if raw["status"] == status:
            # The API server makes no new version of what says the same.
            return copied(raw)
        raw["status"] = copied(status)
        return self._store("MODIFIED", raw)

    # ------------------------------------------------ backups

    def backup(self) -> "Backup":
        """Return what it takes to put the whole cluster back to its present state."""
        return Backup(self._version, copied(self._objects), dict(self._data))

    def restore(self, backup: "Backup") -> None:
        """Go back to a backup. No watch tells of it: what continues, continues in the future."""
        self._version = backup.version
        self._objects = copied(backup.objects)
        self._data = dict(backup.data)

    def _next_version(self) -> int:
        self._version += 1
        return self._version

    # ------------------------------------------------ KubeReader

    async def secret(self, namespace: str, name: str) -> SecretData | None:
        return self._read("Secret", namespace, name)

    async def config_map(self, namespace: str, name: str) -> SecretData | None:
        return self._read("ConfigMap", namespace, name)

    async def list_objects(self, kind: ResourceKind) -> Listed:
        metadata = {k: raw["metadata"] for k, raw in self._objects.items() if k.kind == kind.kind}
        found = {key: Held(m["uid"], int(m["resourceVersion"])) for key, m in metadata.items()}
        return Listed(found, self._version)

    async def read_object(self, kind: ResourceKind, key: ObjectKey) -> Json | None:
        raw = self.raw(key)
        # As an answer to a GET of the cluster names it; items of a LIST do not.
        return None if raw is None else {**raw, "kind": kind.kind}

    async def namespace_labels(self, name: str) -> Mapping[str, str]:
        return dict(self.namespaces.get(name, {}))

    # ------------------------------------------------ ConnectionWriter, EventRecorder

    async def publish(self, owner: KubeObject, name: str, data: Mapping[str, str]) -> str:
        at = (owner.key.namespace, name)
        if at in self.foreign_config_maps or self._map_owners.get(at, owner.uid) != owner.uid:
            raise AlreadyExistsNotOwned(f"ConfigMap {name!r} exists and is not ours")
        if self.connections.get(at) != dict(data):
            await self._calls.make("publish", lambda: self._publish(at, owner.uid, data))
        return self._map_versions.get(at, "")

    async def _publish(self, at: tuple[str, str], uid: str, data: Mapping[str, str]) -> None:
        self._map_owners[at] = uid
        self.write_map(at, data)

    async def withdraw(self, owner: KubeObject, name: str) -> None:
        at = (owner.key.namespace, name)
        if self._map_owners.get(at) == owner.uid:
            await self._calls.make("withdraw", lambda: self._withdraw(at))

    async def _withdraw(self, at: tuple[str, str]) -> None:
        self.remove_map(at)

    def write_map(self, at: tuple[str, str], data: Mapping[str, str]) -> None:
        """Write a published ConfigMap, as anybody may; the watch shows it before an answer."""
        self.connections[at] = dict(data)
        self._map_versions[at] = str(self._next_version())
        self.reference_changed("ConfigMap", *at, self._map_versions[at])

    def remove_map(self, at: tuple[str, str]) -> None:
        """Delete a published ConfigMap, as anybody may, and the garbage collector does."""
        for known in (self.connections, self._map_versions, self._map_owners):
            known.pop(at, None)
        self.reference_changed("ConfigMap", *at, "")

    def emit(self, obj: KubeObject, kind: EventType, reason: str, message: str) -> None:
        self.events.append(Event(obj.key, kind, reason, message))

    # ------------------------------------------------ storage

    def _found(self, obj: KubeObject) -> Json:
        """Return a copy of the stored object of this very uid."""
        raw = self.raw(obj.key)
        if raw is None:
            raise ObjectGone(str(obj.key))
        if raw["metadata"]["uid"] != obj.uid:
            raise ObjectConflict(f"{obj.key} is another object by now")
        return raw

    def _store(self, event: str, raw: Json) -> Json:
        raw["metadata"]["resourceVersion"] = str(self._next_version())
        self._objects[ObjectKey.of(raw)] = raw
        self.notify(event, copied(raw))
        return copied(raw)

    def _remove(self, key: ObjectKey) -> None:
        raw = self._objects.pop(key)
        raw["metadata"]["resourceVersion"] = str(self._next_version())
        self.notify("DELETED", copied(raw))
        uid = raw["metadata"]["uid"]
        for at in [at for at, owner in self._map_owners.items() if owner == uid]:
            self.remove_map(at)

    def _put(
        self,
        kind: str,
        namespace: str,
        name: str,
        data: Mapping[str, str],
        unreadable: tuple[str, ...] = (),
    ) -> None:
        key, version = ObjectKey(kind, namespace, name), str(self._next_version())
        where = f"uid-of-{name}/{version}"
        edited_at = self._clock.now() if key in self._data else None
        self._data[key] = SecretData(dict(data), where, frozenset(unreadable), edited_at)
        self.reference_changed(kind, namespace, name, version)

    def _read(self, kind: str, namespace: str, name: str) -> SecretData | None:
        if not self.is_reachable:
            raise ClusterUnavailable("the API server does not answer")
        return self._data.get(ObjectKey(kind, namespace, name))
