"""The API server in memory, for the shipped readers, writers and elector, and watches upon it.

What the engine relies on is true here: resourceVersion grows with each change and only with a
change; generation moves with the spec and with deletion; `/status` and the rest do not touch each
other; an object outlives its deletion while a finalizer stands; JSON patches test.
"""

import bisect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agentrun_operator.core.identity import API_VERSION, ObjectKey
from agentrun_operator.core.objects import timestamp
from agentrun_operator.kinds import catalogue
from agentrun_operator.kube.client import ListExpired
from agentrun_operator.reconcile.ports import Json, ObjectConflict, ObjectGone
from fakes.feed import Feed

PLURALS = {kind.plural: name for name, kind in catalogue().items()} | {
    "secrets": "Secret",
    "configmaps": "ConfigMap",
    "namespaces": "Namespace",
    "leases": "Lease",
}
OURS = frozenset(catalogue())
Listener = Callable[[str, ObjectKey, Json], None]
"""Receives ADDED, MODIFIED or DELETED, the key, and the raw object, which nobody may change."""


class NamespaceEndsError(Exception):
    """Nothing new gets into a namespace that is being deleted."""


class InvalidPatchError(Exception):
    """A request that the API server would refuse as malformed: a bug of ours."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a path leads to."""

    kind: str
    namespace: str
    name: str
    subresource: str = ""

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(self.kind, self.namespace, self.name)

    @classmethod
    def of(cls, path: str) -> "Place":
        """Read a path of the API server."""
        parts = path.strip("/").split("/")
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        name = rest[1] if len(rest) > 1 else ""
        return cls(PLURALS[rest[0]], namespace, name, rest[2] if len(rest) > 2 else "")


@dataclass(frozen=True, slots=True)
class Backup:
    """What an API server keeps in its storage."""

    version: int
    objects: Mapping[ObjectKey, Json]


class KubeServer:
    """Objects by key. Stored objects are never changed in place, so that readers may share them."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.version = 1000
        """The newest resourceVersion."""
        self.compacted = 0
        """From an older version nobody can go on."""
        self._events: list[tuple[int, str, ObjectKey, Json]] = []
        self.feeds: dict[Feed, None] = {}
        """The watches, in the order of their opening."""
        self.uids = itertools.count(1)
        """Number the objects; two clusters have none in common only if one starts elsewhere."""
        self.objects: dict[ObjectKey, Json] = {}
        self.terminating: set[str] = set()
        """Namespaces that are being deleted, or gone."""
        self.keys: dict[str, ObjectKey] = {}
        """By uid: what every object was called that there ever was."""
        self.listeners: list[Listener] = []

    # ------------------------------------------------ what users do

    def create(
        self, key: ObjectKey, body: Mapping[str, Any], *, status: Json | None = None
    ) -> Json:
        """Store a new object; `body` has everything but the metadata that the server gives.

        `status` comes from a backup: restored before anybody sees the object.
        """
        if key in self.objects:
            raise ObjectConflict(f"{key} already exists")
        if key.namespace in self.terminating:
            raise NamespaceEndsError(key.namespace)
        given = body.get("metadata") or {}
        raw: Json = {
            **body,
            "apiVersion": API_VERSION if key.kind in OURS else "v1",
            "kind": key.kind,
            "metadata": {
                **given,
                "name": key.name,
                "uid": f"uid-{next(self.uids):04}",
                "generation": 1,
                "creationTimestamp": timestamp(self._now()),
            },
        }
        if key.namespace:
            raw["metadata"]["namespace"] = key.namespace
        if key.kind in OURS:
            # The default of the CRD's schema.
            raw["status"] = {"observedGeneration": -1} if status is None else status
        self.keys[raw["metadata"]["uid"]] = key
        return self._store("ADDED", key, raw)

    def edit(self, key: ObjectKey, change: Callable[[Json], None]) -> Json:
        """Let `change` work on a copy of an object; returns what is stored then."""
        before = self._found(key)
        raw = _copied(before)
        change(raw)
        return self._replace(key, before, raw)

    def delete(self, key: ObjectKey) -> None:
        """Delete an object: marked while finalizers stand, gone otherwise."""
        before = self._found(key)
        if not before["metadata"].get("finalizers"):
            self._remove(key)
        elif "deletionTimestamp" not in before["metadata"]:
            raw = _copied(before)
            raw["metadata"]["deletionTimestamp"] = timestamp(self._now())
            raw["metadata"]["generation"] += 1
            self._store("MODIFIED", key, raw)

    def statuses(self, key: ObjectKey) -> list[Json]:
        """Return every status that the present object of a name ever had, oldest first."""
        uid = self._found(key)["metadata"]["uid"]
        seen = [raw for _, _, at, raw in self._events if at == key]
        return [raw["status"] for raw in seen if raw["metadata"]["uid"] == uid]

    def put_status(self, key: ObjectKey, status: Json) -> None:
        """Let somebody with rights on `/status` write any."""
        before = self._found(key)
        self._replace(key, before, {**before, "status": status}, "status")

    def lose(self, key: ObjectKey) -> None:
        """Let an object vanish, finalizers or not."""
        if key in self.objects:
            self._remove(key)

    def backup(self) -> Backup:
        """Return what it takes to put the whole server back to its present state."""
        return Backup(self.version, dict(self.objects))

    def restore(self, backup: Backup) -> None:
        """Go back to a backup. No watch tells of it: what continues, continues in the future."""
        self.version, self.objects = backup.version, dict(backup.objects)
        self._events = [event for event in self._events if event[0] <= backup.version]

    # ------------------------------------------------ what clients ask

    def get(self, key: ObjectKey) -> Json:
        """Return an object."""
        return self._found(key)

    def find(self, key: ObjectKey) -> Json | None:
        """Return an object, or None."""
        return self.objects.get(key)

    def of_kind(self, kind: str, namespace: str = "") -> list[Json]:
        """Return all objects of a kind, in order of their keys."""
        return [
            self.objects[key]
            for key in sorted(self.objects)
            if key.kind == kind and namespace in ("", key.namespace)
        ]

    def post(self, place: Place, body: Json) -> Json:
        """Answer a POST to a collection."""
        return self.create(ObjectKey(place.kind, place.namespace, body["metadata"]["name"]), body)

    def merge_patch(self, place: Place, body: Json) -> Json:
        """Answer a merge patch of an object."""
        before = self._found(place.key)
        wanted = (body.get("metadata") or {}).get("resourceVersion")
        if wanted is not None and wanted != before["metadata"]["resourceVersion"]:
            raise ObjectConflict(f"{place.key}: the object has been modified")
        return self._replace(place.key, before, _merged(before, body), place.subresource)

    def json_patch(self, place: Place, body: list[Json]) -> Json:
        """Answer a JSON patch of an object."""
        before = self._found(place.key)
        raw = _copied(before)
        for step in body:
            _apply(raw, step, place.key)
        return self._replace(place.key, before, raw, place.subresource)

    def remove(self, place: Place, preconditions: Json) -> Json:
        """Answer a DELETE of an object."""
        meta = self._found(place.key)["metadata"]
        if any(meta[name] != value for name, value in preconditions.items()):
            raise ObjectConflict(f"{place.key}: it is another one by now")
        self.delete(place.key)
        return {}

    def watch(self, place: Place, version: int, delay: Callable[[], float]) -> Feed:
        """Answer a WATCH of a collection after a version."""
        if version < self.compacted:
            raise ListExpired(f"{place.kind}: HTTP 410: too old resource version")
        return Feed(self, place, delay)

    def since(self, place: Place, version: int) -> list[tuple[int, str, Json]]:
        """Return what happened in a collection after a version."""
        first = bisect.bisect_right(self._events, version, key=lambda event: event[0])
        return [
            (at, event, raw)
            for at, event, key, raw in self._events[first:]
            if key.kind == place.kind and place.namespace in ("", key.namespace)
        ]

    # ------------------------------------------------ storage

    def _found(self, key: ObjectKey) -> Json:
        raw = self.objects.get(key)
        if raw is None:
            raise ObjectGone(str(key))
        return raw

    def _replace(self, key: ObjectKey, before: Json, raw: Json, subresource: str = "") -> Json:
        if key.kind in OURS:
            kept = before if subresource == "status" else raw
            raw = {**kept, "status": raw["status"] if subresource == "status" else before["status"]}
        if raw == before:
            return before
        meta, old = raw["metadata"], before["metadata"]
        is_deleting = "deletionTimestamp" in meta
        new_finalizers = set(meta.get("finalizers") or ()) - set(old.get("finalizers") or ())
        if is_deleting and new_finalizers:
            raise ObjectConflict(f"{key}: no new finalizers while it is being deleted")
        if is_deleting and not meta.get("finalizers"):
            self._remove(key)
            return raw
        moved = raw.get("spec") != before.get("spec")
        raw["metadata"] = {**meta, "generation": old["generation"] + int(moved)}
        return self._store("MODIFIED", key, raw)

    def _store(self, event: str, key: ObjectKey, raw: Json) -> Json:
        raw["metadata"] = {**raw["metadata"], "resourceVersion": self._next_version()}
        self.objects[key] = raw
        self._tell(event, key, raw)
        return raw

    def _remove(self, key: ObjectKey) -> None:
        raw = self.objects.pop(key)
        raw = {**raw, "metadata": {**raw["metadata"], "resourceVersion": self._next_version()}}
        self._tell("DELETED", key, raw)
        self._collect(raw["metadata"]["uid"])

    def _collect(self, owner_uid: str) -> None:
        """Remove what belonged to an object, as the garbage collector does."""
        for key in sorted(self.objects):
            owners = self.objects[key]["metadata"].get("ownerReferences") or ()
            if any(o["uid"] == owner_uid for o in owners):
                self._remove(key)

    def _next_version(self) -> str:
        self.version += 1
        return str(self.version)

    def _tell(self, event: str, key: ObjectKey, raw: Json) -> None:
        self._events.append((self.version, event, key, raw))
        place = Place(key.kind, key.namespace, key.name)
        for feed in list(self.feeds):
            if feed.matches(place):
                feed.push(self.version, event, raw)
        for listener in list(self.listeners):
            listener(event, key, raw)


def _copied(raw: Json) -> Json:
    copied = {**raw, "metadata": {**raw["metadata"]}}
    for name in ("finalizers", "annotations"):
        if name in copied["metadata"]:
            copied["metadata"][name] = type(copied["metadata"][name])(copied["metadata"][name])
    return copied


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(new, dict):
        return new
    base = old if isinstance(old, dict) else {}
    kept = {name: value for name, value in base.items() if name not in new}
    changed = {n: _merged(base.get(n), v) for n, v in new.items() if v is not None}
    return kept | changed


def _apply(raw: Json, step: Json, key: ObjectKey) -> None:
    *above, last = step["path"].strip("/").split("/")
    node: Any = raw
    for part in above:
        node = node[int(part)] if isinstance(node, list) else node.get(part)
        if node is None:
            raise ObjectConflict(f"{key}: the patch leads into {part}, which is missing")
    index: Any = last
    if isinstance(node, list):
        index = int(last)
        if index >= len(node):
            raise ObjectConflict(f"{key}: the patch tests a missing item")
    match step["op"]:
        case "test":
            if (node[index] if isinstance(node, list) else node.get(index)) != step["value"]:
                raise ObjectConflict(f"{key}: the test of {step['path']} failed")
        case "add" if not isinstance(node, list):
            node[index] = step["value"]
        case "remove":
            del node[index]
        case other:
            raise InvalidPatchError(f"{other} {step['path']}")
