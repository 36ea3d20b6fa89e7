"""ConfigMaps with addresses, for workloads to mount; only ever those that we made."""

from collections.abc import Mapping

from agentrun_operator.core.errors import AccessDenied, AlreadyExistsNotOwned, InvalidParameter
from agentrun_operator.core.identity import API_VERSION, FIELD_MANAGER
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.kube.client import (
    MERGE_PATCH,
    ClusterForbidden,
    ClusterInvalid,
    KubeClient,
    core_path,
    is_object_name,
)
from agentrun_operator.reconcile.ports import (
    ClusterUnavailable,
    Json,
    ObjectConflict,
    ObjectGone,
)

ATTEMPTS = 3
"""Somebody may create, edit or delete it between our read and our write."""
_MANAGER = {"fieldManager": FIELD_MANAGER}


class ConfigMapConnectionWriter:
    """Implements `ports.ConnectionWriter`."""

    def __init__(self, client: KubeClient) -> None:
        """Write through a client."""
        self._client = client

    async def publish(self, owner: KubeObject, name: str, data: Mapping[str, str]) -> None:
        """Create or update the ConfigMap `name`; nothing is written when it says the same.

        Raises:
            AlreadyExistsNotOwned: a ConfigMap of that name exists and is not ours.
            InvalidParameter: no ConfigMap can have that name.
            AccessDenied: a quota, a webhook, a right or an immutable ConfigMap is in the way.
            ClusterUnavailable: the API server did not take it.
        """
        # A name of a spec must not lead us to another path with the operator's own rights.
        if not is_object_name(name):
            raise InvalidParameter(
                f"writeConnectionTo.configMap.name {name!r} is no legal ConfigMap name; use "
                "lower-case letters, digits, '-' and '.'"
            )
        for _ in range(ATTEMPTS):
            try:
                await self._publish(owner, name, data)
            except (ObjectConflict, ObjectGone) as error:
                failure = error
            except (ClusterForbidden, ClusterInvalid) as error:
                raise AccessDenied(
                    f"the cluster refuses ConfigMap {name!r} of spec.writeConnectionTo ({error}); "
                    "clear the way, or remove the field"
                ) from error
            else:
                return
        raise ClusterUnavailable(f"ConfigMap {owner.key.namespace}/{name}: {failure}")

    async def _publish(self, owner: KubeObject, name: str, data: Mapping[str, str]) -> None:
        path = core_path("configmaps", owner.key.namespace, name)
        try:
            found = await self._client.get(path)
        except ObjectGone:
            collection = core_path("configmaps", owner.key.namespace)
            await self._client.post(collection, _config_map(owner, name, data), params=_MANAGER)
            return
        owners = found["metadata"].get("ownerReferences") or ()
        if not any(reference.get("uid") == owner.uid for reference in owners):
            raise AlreadyExistsNotOwned(
                f"ConfigMap {name!r} exists and does not belong to {owner.key}; choose another "
                "name in spec.writeConnectionTo, or delete it"
            )
        old = found.get("data") or {}
        if old == dict(data):
            return
        changed: dict[str, str | None] = {**dict.fromkeys(old), **data}
        body = {
            "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
            "data": changed,
        }
        await self._client.patch(path, body, content_type=MERGE_PATCH, params=_MANAGER)


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
            "labels": {"app.kubernetes.io/managed-by": "agentrun-operator"},
            "ownerReferences": [reference],
        },
        "data": dict(data),
    }
