"""Whose record a status is. A backup, or anybody who may write `/status`, can put any status there.

A record names the object that it was written for in `boundTo`. One that names another cluster,
kind, namespace or name proves nothing: the object counts as one without a record, and `copiedFrom`
keeps whose resource the copied record told of. So does one that tells of a resource of another name
than the object's, which no edit can bring about once a resource exists. One that names a
predecessor of the same cluster, kind, namespace and name counts until a look disproves it: nobody
else can have inherited from that.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from agentrun_operator.core.identity import UNKNOWN_CLUSTER, ObjectKey
from agentrun_operator.core.objects import KubeObject, parse_time

RECORD_FIELDS = (
    "boundTo",
    "copiedFrom",
    "externalId",
    "externalName",
    "namePrefix",
    "retainedBy",
    "parentId",
    "account",
    "adopted",
    "incarnation",
    "creation",
    "versions",
    "latestVersion",
    "published",
    "publishing",
)
"""What a status proves of a resource, or of a create."""

_SKEW = timedelta(seconds=30)
"""By how much the clocks of API server and operator may differ."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Time of the condition that the schema gives a new object."""


def binding_of(cluster_id: str, key: ObjectKey, uid: str) -> dict[str, str]:
    """Return what `boundTo` says of an object."""
    return {
        "clusterId": cluster_id,
        "kind": key.kind,
        "namespace": key.namespace,
        "name": key.name,
        "uid": uid,
    }


def record_of(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a status proves, to compare two of them."""
    return {name: status[name] for name in RECORD_FIELDS if status.get(name) is not None}


def record_and_conditions(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a status proves and says, to compare two of them."""
    said = {name: status.get(name) for name in ("observedGeneration", "conditions")}
    return {**record_of(status), **said}


def own_part(obj: KubeObject, *, cluster_id: str) -> Mapping[str, Any]:
    """Return the status of an object as far as it can be its own."""
    status, key, bound = obj.status, obj.key, obj.status.get("boundTo")
    if isinstance(bound, Mapping):
        if bound.get("kind", key.kind) != key.kind:
            # It tells of nothing that this one could have, not even by its name.
            return as_copy({"externalId": status.get("externalId")}, {})
        place = (bound.get("clusterId"), bound.get("namespace") or "", bound.get("name"))
        # Two clusters without an id have places of the same name; a uid is nobody else's.
        is_elsewhere = cluster_id == UNKNOWN_CLUSTER and bound.get("uid") != obj.uid
        if is_elsewhere or place != (cluster_id, key.namespace, key.name):
            return as_copy(_named(status, obj, bound), bound)
    elif record_of(status) and not _is_dated(status, obj.created_at):
        # Written by a version that bound nothing: its times have to be possible.
        return as_copy(_named(status, obj, {}), {})
    name = status.get("externalName") if status.get("externalId") else None
    return status if name in (None, obj.external_name) else as_copy(status, {})


def without_future(obj: KubeObject) -> Mapping[str, Any]:
    """Return the status of an object without generations that it has not reached.

    A namesake before it may have got further. Who waits for this one to be served would believe it.
    """
    status, generation = obj.status, obj.generation
    if obj.observed_generation <= generation:
        return status
    conditions = [
        {**c, "observedGeneration": min(c.get("observedGeneration", -1), generation)}
        for c in status.get("conditions") or ()
    ]
    return {**status, "observedGeneration": -1, "conditions": conditions}


def bind(status: Mapping[str, Any], binding: Mapping[str, str]) -> dict[str, Any]:
    """Return a status as its object writes it: bound, and no copy's once it has its own record."""
    bound = {**status, "boundTo": dict(binding)}
    if status.get("creation") or (status.get("externalId") and "adopted" in status):
        bound.pop("copiedFrom", None)
    return bound


def _named(
    status: Mapping[str, Any], obj: KubeObject, bound: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return a copied status with the name of what its object has, or was about to create.

    Before its first answer a status does not say it. The spec came along with it.
    """
    prefix, name = status.get("namePrefix") or "", bound.get("name") or obj.key.name
    named = obj.spec.get("externalName") or f"{prefix}{name}"
    return {"externalName": named, **status}


def as_copy(status: Mapping[str, Any], bound: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is left of a status that is another object's, which `bound` names."""
    origin = status.get("copiedFrom") or {}
    if status.get("externalId") or status.get("creation"):
        account = status.get("account") or {}
        # Keys of which nobody knows whose they are say nothing of where a resource is.
        is_known = "identity" not in account
        origin = {
            "clusterId": bound.get("clusterId"),
            "namespace": bound.get("namespace"),
            "name": bound.get("name"),
            "externalId": status.get("externalId"),
            "externalName": status.get("externalName"),
            "parentId": status.get("parentId"),
            "accountId": account.get("accountId") if is_known else None,
            "region": account.get("region") if is_known else None,
        }
    told = {name: value for name, value in origin.items() if value}
    return {"observedGeneration": -1, **({"copiedFrom": told} if told else {})}


def _is_dated(status: Mapping[str, Any], created_at: str) -> bool:
    """Whether a status tells of times, and of none before its object was created.

    Every version that wrote a record wrote conditions along with it. Without any, nothing tells it
    from one that a backup or somebody put there; a finalizer comes with a backup as well.
    """
    created = parse_time(created_at)
    told = (parse_time(str(c.get("lastTransitionTime"))) for c in status.get("conditions") or ())
    times = [t for t in told if t is not None and t > _EPOCH]
    return created is not None and bool(times) and min(times) >= created - _SKEW
