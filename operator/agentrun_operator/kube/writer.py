"""The two writes we make to users' objects: our finalizer, and `/status`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agentrun_operator.core.identity import FIELD_MANAGER, FINALIZER
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.kube.client import JSON_PATCH, MERGE_PATCH, KubeClient, custom_path
from agentrun_operator.reconcile.guard import checked_at_sending
from agentrun_operator.reconcile.ports import Json, ObjectConflict, ObjectGone

RELEASE_ATTEMPTS = 5
"""Another controller may edit the finalizer list between our read and our patch, now and then."""

_MANAGER = {"fieldManager": FIELD_MANAGER}


class StatusAndFinalizerWriter:
    """Implements `ports.KubeWriter`."""

    def __init__(
        self,
        client: KubeClient,
        kinds: Iterable[ResourceKind],
        *,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Learn the plurals; what `check` raises right before a write is sent prevents it."""
        self._client = client
        self._check = check
        self._plurals = {kind.kind: kind.plural for kind in kinds}

    async def add_finalizer(self, obj: KubeObject) -> Json:
        """Add our finalizer; a merge patch of the whole list, refused if the object is newer."""
        body = {
            "metadata": {
                "resourceVersion": obj.resource_version,
                "finalizers": [*obj.finalizers, FINALIZER],
            }
        }
        return await self._patch(self._path(obj), body, MERGE_PATCH)

    async def remove_finalizer(self, obj: KubeObject) -> None:
        """Remove exactly our item of this very object; never a blind merge of the list."""
        finalizers, path = obj.finalizers, self._path(obj)
        for _ in range(RELEASE_ATTEMPTS):
            if FINALIZER not in finalizers:
                return
            item = f"/metadata/finalizers/{finalizers.index(FINALIZER)}"
            body: list[Json] = [
                _test("/metadata/uid", obj.uid),
                _test(item, FINALIZER),
                {"op": "remove", "path": item},
            ]
            try:
                await self._patch(path, body, JSON_PATCH)
            except ObjectGone:
                return
            except ObjectConflict:
                found = await self._read(path)
                if found is None or found["metadata"].get("uid") != obj.uid:
                    return
                finalizers = tuple(found["metadata"].get("finalizers") or ())
            else:
                return
        raise ObjectConflict(f"{obj.key}: others keep editing its finalizers; trying again later")

    async def write_status(self, obj: KubeObject, status: Json) -> Json:
        """Replace `/status` of this very object, unless it says the same already.

        A JSON patch, because it tests the uid and drops what the new status lacks. The uid in a
        merge patch of `/status` is ignored by the API server (measured on 1.36), which would let a
        status end up on a namesake created after a deletion.
        """
        wanted = _plain(status)
        if wanted == _plain(obj.status):
            return _as_raw(obj)
        body: list[Json] = [
            _test("/metadata/uid", obj.uid),
            {"op": "add", "path": "/status", "value": wanted},
        ]
        return await self._patch(self._path(obj, status=True), body, JSON_PATCH)

    async def _patch(self, path: str, body: Json | list[Json], content_type: str) -> Json:
        # Race: the process may be frozen while it waits for a connection, and wake up deposed.
        with checked_at_sending(self._check):
            return await self._client.patch(path, body, content_type=content_type, params=_MANAGER)

    async def _read(self, path: str) -> Json | None:
        try:
            return await self._client.get(path)
        except ObjectGone:
            return None

    def _path(self, obj: KubeObject, *, status: bool = False) -> str:
        key = obj.key
        return custom_path(self._plurals[key.kind], key.namespace, key.name, status=status)


def _test(path: str, value: str) -> Json:
    return {"op": "test", "path": path, "value": value}


def _plain(value: Any) -> Any:
    """Return JSON as the API server keeps it: no nulls, no tuples."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def _as_raw(obj: KubeObject) -> Json:
    """Return what `KubeObject.of` would read this object from."""
    return {
        "kind": obj.key.kind,
        "metadata": {
            "namespace": obj.key.namespace,
            "name": obj.key.name,
            "uid": obj.uid,
            "resourceVersion": obj.resource_version,
            "generation": obj.generation,
            "creationTimestamp": obj.created_at,
            "finalizers": list(obj.finalizers),
            "annotations": dict(obj.annotations),
            **({"deletionTimestamp": obj.deleted_at} if obj.deleting else {}),
        },
        "spec": dict(obj.spec),
        "status": dict(obj.status),
    }
