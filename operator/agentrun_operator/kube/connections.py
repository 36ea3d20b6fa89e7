"""ConfigMaps with addresses, for workloads to mount; only ever those that we made."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from agentrun_operator.core.errors import AccessDenied, AlreadyExistsNotOwned, InvalidParameter
from agentrun_operator.core.identity import (
    API_VERSION,
    FIELD_MANAGER,
    GROUP,
    MANAGED_BY_LABEL,
    PUBLISHED_BY_ANNOTATION,
)
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.kube.client import (
    MERGE_PATCH,
    ClusterInvalid,
    KubeClient,
    core_path,
    is_object_name,
)
from agentrun_operator.reconcile.guard import checked_at_sending
from agentrun_operator.reconcile.ports import (
    ClusterForbidden,
    ClusterUnavailable,
    Json,
    ObjectConflict,
    ObjectGone,
)

ATTEMPTS = 3
"""Somebody may create, edit or delete it between our read and our write."""
T = TypeVar("T")
_MANAGER = {"fieldManager": FIELD_MANAGER}


class ConfigMapConnectionWriter:
    """Implements `ports.ConnectionWriter`."""

    def __init__(self, client: KubeClient, check: Callable[[], None] = lambda: None) -> None:
        """Write through a client; what `check` raises right before a call is sent prevents it."""
        self._client = client
        self._check = check

    async def publish(self, owner: KubeObject, name: str, data: Mapping[str, str]) -> str:
        """Create or update the ConfigMap `name`; nothing is written when it says the same.

        One that carries our label and names this very object is ours, whatever a backup or
        `--cascade=orphan` made of its owner references: it gets the present one.

        Raises:
            AlreadyExistsNotOwned: a ConfigMap of that name exists and is not ours.
            InvalidParameter: no ConfigMap can have that name.
            AccessDenied: a quota, a webhook or a right is in the way.
            ClusterUnavailable: the API server did not take it.
        """
        # A name of a spec must not lead us to another path with the operator's own rights.
        if not is_object_name(name):
            raise InvalidParameter(
                f"writeConnectionTo.configMap.name {name!r} is no legal ConfigMap name; use "
                "lower-case letters, digits, '-' and '.'"
            )
        return await self._insist(owner, name, lambda: self._publish(owner, name, data))

    async def withdraw(self, owner: KubeObject, name: str, *, is_left: bool = False) -> None:
        """Delete the ConfigMap `name` if it is ours; `is_left`: and would outlive its owner."""
        # A status that somebody else wrote may name anything.
        if is_object_name(name):
            await self._insist(owner, name, lambda: self._withdraw(owner, name, is_left=is_left))

    async def _insist(self, owner: KubeObject, name: str, write: Callable[[], Awaitable[T]]) -> T:
        for _ in range(ATTEMPTS):
            try:
                # Race: the process may be frozen between its read and its write, and wake up
                # deposed.
                with checked_at_sending(self._check):
                    return await write()
            except (ObjectConflict, ObjectGone) as error:
                failure = error
            except (ClusterForbidden, ClusterInvalid) as error:
                raise AccessDenied(
                    f"the cluster refuses ConfigMap {name!r} of spec.writeConnectionTo ({error}); "
                    "clear the way, or remove the field or the ConfigMap"
                ) from error
        raise ClusterUnavailable(f"ConfigMap {owner.key.namespace}/{name}: {failure}")

    async def _publish(self, owner: KubeObject, name: str, data: Mapping[str, str]) -> str:
        path = core_path("configmaps", owner.key.namespace, name)
        try:
            found = await self._client.get(path)
        except ObjectGone:
            collection = core_path("configmaps", owner.key.namespace)
            made = _config_map(owner, name, data)
            return _version(await self._client.post(collection, made, params=_MANAGER))
        if not _is_ours(owner, found):
            raise AlreadyExistsNotOwned(
                f"ConfigMap {name!r} exists and does not belong to {owner.key}; choose another "
                "name in spec.writeConnectionTo, or delete it"
            )
        body = _correction(owner, found, data)
        if body is None:
            return _version(found)
        if found.get("immutable") and not body.keys() <= {"metadata"}:
            # Nobody can change what it says, its `immutable` included; it has to be made anew.
            await self._delete(path, found)
            raise ObjectGone(path)
        return _version(
            await self._client.patch(path, body, content_type=MERGE_PATCH, params=_MANAGER)
        )

    async def _withdraw(self, owner: KubeObject, name: str, *, is_left: bool) -> None:
        path = core_path("configmaps", owner.key.namespace, name)
        try:
            found = await self._client.get(path)
            if _is_ours(owner, found) and not (is_left and _is_owned(owner, found)):
                await self._delete(path, found)
        except ObjectGone:
            return

    async def _delete(self, path: str, found: Json) -> None:
        uid = found["metadata"]["uid"]
        await self._client.delete(path, uid=uid, version=_version(found))


def _is_ours(owner: KubeObject, found: Json) -> bool:
    """Whether a ConfigMap belongs to an object: by its uid, or by our label and its name."""
    metadata = found["metadata"]
    owners = metadata.get("ownerReferences") or ()
    if _is_owned(owner, found):
        return True
    if (metadata.get("labels") or {}).get(MANAGED_BY_LABEL) != FIELD_MANAGER:
        return False
    namesakes = [each for each in owners if _names(each, owner)]
    if len(namesakes) < len(owners):
        return False
    named = (metadata.get("annotations") or {}).get(PUBLISHED_BY_ANNOTATION)
    return bool(named == _name_of(owner) if named else namesakes)


def _is_owned(owner: KubeObject, found: Json) -> bool:
    """Whether an owner reference names this very object, so that one goes with the other."""
    owners = found["metadata"].get("ownerReferences") or ()
    return any(reference.get("uid") == owner.uid for reference in owners)


def _names(reference: Json, owner: KubeObject) -> bool:
    """Whether an owner reference names an object, be it an earlier one of that name."""
    group = str(reference.get("apiVersion")).partition("/")[0]
    place = (group, reference.get("kind"), reference.get("name"))
    return place == (GROUP, owner.key.kind, owner.key.name)


def _correction(owner: KubeObject, found: Json, data: Mapping[str, str]) -> Json | None:
    """Return the patch that makes a ConfigMap of ours right, None where it is."""
    metadata: Json = found["metadata"]
    made = _config_map(owner, metadata.get("name", ""), data)["metadata"]
    changed: Json = {}
    if not _is_owned(owner, found):
        changed["ownerReferences"] = made["ownerReferences"]
    for part in ("labels", "annotations"):
        if not made[part].items() <= (metadata.get(part) or {}).items():
            changed[part] = made[part]
    body: Json = {}
    old = found.get("data") or {}
    if old != dict(data):
        body["data"] = {**dict.fromkeys(old), **data}
    if binary := found.get("binaryData"):
        # We never write any, and a key that is there cannot be in `data`.
        body["binaryData"] = dict.fromkeys(binary)
    if not body and not changed:
        return None
    return {"metadata": {"resourceVersion": _version(found), **changed}, **body}


def _config_map(owner: KubeObject, name: str, data: Mapping[str, str]) -> Json:
    reference = {
        "apiVersion": API_VERSION,
        "kind": owner.key.kind,
        "name": owner.key.name,
        "uid": owner.uid,
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": owner.key.namespace,
            "labels": {MANAGED_BY_LABEL: FIELD_MANAGER},
            "annotations": {PUBLISHED_BY_ANNOTATION: _name_of(owner)},
            "ownerReferences": [reference],
        },
        "data": dict(data),
    }


def _name_of(owner: KubeObject) -> str:
    return f"{owner.key.kind}/{owner.key.name}"


def _version(raw: Json) -> str:
    return str((raw.get("metadata") or {}).get("resourceVersion") or "")
