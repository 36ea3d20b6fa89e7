"""The lab's cluster: what users do to it, what they see, and the shipped reader upon it.

What an API server does is said once, in `kube_server`.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from agentrun_operator.core.identity import FIELD_MANAGER, MANAGED_BY_LABEL, ObjectKey
from agentrun_operator.core.objects import KubeObject, timestamp
from agentrun_operator.kube.reader import ReferenceReader
from agentrun_operator.reconcile.ports import EventType, Json
from fakes.calls import Calls
from fakes.clock import VirtualClock
from fakes.kube_client import CountedClient
from fakes.kube_server import OURS, KubeServer

T = TypeVar("T")
Notify = Callable[[str, Json], None]
"""Receives one watch event: ADDED, MODIFIED or DELETED, and the raw object."""


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


class FakeCluster(ReferenceReader):
    """Objects of ours, Secrets, ConfigMaps and namespaces. Every change is told to `notify`."""

    def __init__(self, clock: VirtualClock, calls: Calls) -> None:
        self._clock = clock
        self.server = KubeServer(clock.now)
        self.server.listeners.append(self._happened)
        self.client = CountedClient(self.server, calls)
        super().__init__(self.client)
        self.notify: Notify = lambda _event, _raw: None
        self.reference_changed: Callable[[str, str, str, str], None] = lambda *_where: None
        self.events: list[Event] = []

    def _happened(self, event: str, key: ObjectKey, raw: Json) -> None:
        if key.kind in OURS:
            self.notify(event, raw)
        elif key.kind in ("Secret", "ConfigMap"):
            version = "" if event == "DELETED" else raw["metadata"]["resourceVersion"]
            self.reference_changed(key.kind, key.namespace, key.name, version)

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
        if self.server.find(key) is not None:
            self.edit(key, spec=spec, annotations=annotations)
            return key
        metadata = {"annotations": dict(annotations or {}), "finalizers": []}
        self.server.create(key, {"metadata": metadata, "spec": copied(dict(spec))})
        return key

    def edit(
        self,
        key: ObjectKey,
        *,
        spec: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """Replace spec or annotations."""

        def change(raw: Json) -> None:
            if spec is not None:
                raw["spec"] = copied(dict(spec))
            if annotations is not None:
                raw["metadata"]["annotations"] = dict(annotations)

        self.server.edit(key, change)

    def delete(self, key: ObjectKey) -> None:
        """Delete an object: marked while finalizers stand, gone otherwise."""
        self.server.delete(key)

    def put_back(self, key: ObjectKey, backup: Json) -> ObjectKey:
        """Create an object from a backup with its finalizers and status; what was there is gone."""
        raw = copied(backup)
        raw["metadata"].pop("deletionTimestamp", None)
        self.server.lose(key)
        self.server.create(key, raw, status=raw.get("status"))
        return key

    def put_status(self, key: ObjectKey, status: Mapping[str, Any]) -> None:
        """Replace a status: as a restore, another version, or anybody with the right does."""
        self.server.put_status(key, copied(dict(status)))

    def reset_status(self, key: ObjectKey) -> None:
        """Lose a status, as a backup that is restored without it does."""
        self.put_status(key, {"observedGeneration": -1})

    def add_foreign_finalizer(self, key: ObjectKey, name: str) -> None:
        """Let another controller hold an object."""
        self.server.edit(key, lambda raw: raw["metadata"]["finalizers"].append(name))

    def vanish(self, key: ObjectKey) -> None:
        """Remove an object although its finalizers stand, as people with `kubectl edit` do."""
        self.server.lose(key)

    def put_secret(
        self,
        name: str,
        data: Mapping[str, str],
        *,
        namespace: str = "team-a",
        unreadable: tuple[str, ...] = (),
    ) -> None:
        """Create or replace a Secret; the keys of `unreadable` hold no text."""
        binary = {key: text.encode() for key, text in data.items()} | dict.fromkeys(
            unreadable, b"\xff"
        )
        encoded = {key: base64.b64encode(value).decode() for key, value in binary.items()}
        self._put(ObjectKey("Secret", namespace, name), encoded)

    def put_config_map(
        self, name: str, data: Mapping[str, str], *, namespace: str = "team-a"
    ) -> None:
        """Create a ConfigMap, or replace its data, as anybody may."""
        self._put(ObjectKey("ConfigMap", namespace, name), dict(data))

    def _put(self, key: ObjectKey, data: Mapping[str, str]) -> None:
        """Write a Secret or ConfigMap; the version moves even where the data says the same."""
        if self.server.find(key) is None:
            self.server.create(key, {"data": data})
            return
        times = [{"time": timestamp(self._clock.now())}]
        mark = {"written-at-version": str(self.server.version)}

        def change(raw: Json) -> None:
            raw["data"] = data
            marks = {**raw["metadata"].get("annotations", {}), **mark}
            raw["metadata"] |= {"managedFields": times, "annotations": marks}

        self.server.edit(key, change)

    def delete_secret(self, name: str, *, namespace: str = "team-a") -> None:
        """Delete a Secret."""
        self.server.delete(ObjectKey("Secret", namespace, name))

    def delete_config_map(self, name: str, *, namespace: str = "team-a") -> None:
        """Delete a ConfigMap, as anybody may."""
        self.server.delete(ObjectKey("ConfigMap", namespace, name))

    def label_namespace(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a namespace, or replace its labels."""
        key = ObjectKey("Namespace", "", name)
        self.server.lose(key)
        self.server.create(key, {"metadata": {"labels": dict(labels)}})

    # ------------------------------------------------ what tests look at

    def raw(self, key: ObjectKey) -> Json | None:
        """Return a copy of an object, or None."""
        return copied(self.server.find(key))

    def get(self, key: ObjectKey) -> KubeObject:
        """Return an object that must exist."""
        return KubeObject.of(copied(self.server.get(key)), key.kind)

    def keys(self) -> list[ObjectKey]:
        """Return the keys of our objects."""
        return sorted(key for key in self.server.objects if key.kind in OURS)

    def all(self) -> list[Json]:
        """Return copies of our objects."""
        return [copied(self.server.get(key)) for key in self.keys()]

    @property
    def connections(self) -> dict[tuple[str, str], dict[str, str]]:
        """What the operator has published: namespace and name of a ConfigMap → its data."""
        return {
            (raw["metadata"]["namespace"], raw["metadata"]["name"]): dict(raw["data"])
            for raw in self.server.of_kind("ConfigMap")
            if raw["metadata"].get("labels", {}).get(MANAGED_BY_LABEL) == FIELD_MANAGER
        }

    # ------------------------------------------------ EventRecorder

    def emit(self, obj: KubeObject, kind: EventType, reason: str, message: str) -> None:
        self.events.append(Event(obj.key, kind, reason, message))
