"""The status schema, the same for every kind but for `atProvider`."""

from typing import Any

from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.reasons import ConditionType, Reason
from agentrun_operator.core.versions import MAX_LISTED
from agentrun_operator.crdgen.scalars import Schema
from agentrun_operator.crdgen.schema import OBSERVED, object_schema

_MAX_MESSAGE = 32768
_SERVES = "Versions that answer there, by the last look; with their shares where there are several."
_EPOCH = "1970-01-01T00:00:00Z"


def status_schema(kind: ResourceKind) -> Schema:
    """Return the schema of `status`.

    Its defaults make a new object "in progress" for every reader before any operator has seen it.
    """
    return _object(
        "What the operator last found out. Written by the operator only.",
        {
            "observedGeneration": {
                "description": "Generation of the spec that this status speaks of; -1 before any.",
                "type": "integer",
                "format": "int64",
                "default": -1,
            },
            "conditions": _conditions(),
            **_record(),
            **({"namePrefix": _name_prefix()} if kind.takes_prefix else {}),
            **({"retainedBy": _retained_by()} if kind.rest is not None else {}),
            **_sent(),
            **({"actedOn": _acted_on()} if kind.rest is not None else {}),
            **({"lastSeenTime": _last_seen_time()} if kind.rest is not None else {}),
            **_course(),
            **(_versions() if kind.rest is not None and kind.rest.versions else {}),
            **({"serves": _text(_SERVES)} if kind.serves else {}),
            **({"connection": _connection()} if kind.connection else {}),
            **({"massAbsence": _mass_absence()} if kind.is_local else {}),
            "atProvider": {
                **object_schema(kind.observed, OBSERVED),
                "description": "What the last read of the cloud showed, as far as it may be shown.",
            },
        },
        default={},
    )


def _record() -> Schema:
    """Return the properties that say which resource is the object's."""
    return {
        "boundTo": _bound_to(),
        "copiedFrom": _copied_from(),
        "account": _account(),
        "externalId": _text(
            "Id or key of the resource in AgentRun; <id>@<time> where a successor has the same id."
        ),
        "externalName": _text("Name that the resource has in AgentRun."),
        "parentId": _text("Id of the resource that this one lives under."),
        "adopted": {
            "description": "True if the resource existed before this object.",
            "type": "boolean",
        },
        "incarnation": _integer(
            "How often the resource was created anew; its chosen id depends on it."
        ),
    }


def _name_prefix() -> Schema:
    described = "What the account put before metadata.name (spec.defaults.namePrefix); it stays."
    return {**_text(described), "maxLength": 128}


def _retained_by() -> Schema:
    return _object(
        "Account by whose spec.defaults.deletionPolicy the resource is retained. While it exists, "
        "what it says at the deletion counts; once it is gone, its last word on record does. A "
        "deletionPolicy of the object goes before either.",
        {
            "kind": _text("Account or ClusterAccount."),
            "name": _text("Its name."),
        },
    )


def _sent() -> Schema:
    """Return the properties that say what of the spec is in place."""
    text = {"type": "string"}
    return {
        "applied": _list(
            "Spec paths of the last successful write. Paths only, never values.", text
        ),
        "granted": _list("Grants of the account's owner that what is shown here rests on.", text),
        "sentSecrets": _list("Secrets whose values were last sent.", _sent_secret()),
    }


def _course() -> Schema:
    """Return the properties that say what is under way, and what differs."""
    return {
        "creation": _creation(),
        "deleteSentAt": _time(
            "When DELETE was first sent because the object was deleted; kept for what is told."
        ),
        "drift": _list("Where the resource differs from the spec, up to 32 paths.", _drift()),
        "lastRequest": _text("Last value of agentrun.dev/reconcile-requested-at that was served."),
    }


def _conditions() -> Schema:
    types = ", ".join(ConditionType)
    condition = _object(
        "One aspect of the object's state.",
        {
            "type": {"description": f"One of {types}.", "type": "string", "maxLength": 316},
            "status": {
                "description": "Whether the condition holds.",
                "type": "string",
                "enum": ["True", "False", "Unknown"],
            },
            "reason": {
                "description": "Stable cause, one PascalCase word.",
                "type": "string",
                "minLength": 1,
                "maxLength": 1024,
            },
            "message": {
                "description": "What happened and what to do, for people.",
                "type": "string",
                "maxLength": _MAX_MESSAGE,
            },
            "lastTransitionTime": _time("When the status of this condition last changed."),
            "observedGeneration": _integer("Generation that this condition speaks of."),
        },
        required=("lastTransitionTime", "message", "reason", "status", "type"),
    )
    return {
        "description": (
            "Ready is the summary; Synced tells whether the last write succeeded. Reconciling, "
            "Stalled and Paused stand only while they hold."
        ),
        "type": "array",
        "default": [
            {
                "type": ConditionType.READY.value,
                "status": "Unknown",
                "reason": Reason.PENDING.value,
                "message": "waiting for the operator",
                "lastTransitionTime": _EPOCH,
            }
        ],
        "items": condition,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    }


def _account() -> Schema:
    return _object(
        "Account that the resource lives in, pinned before the first write.",
        {
            "kind": _text("Account, ClusterAccount, or empty for the operator's own settings."),
            "name": _text("Name of the account object."),
            "accountId": _text("Alibaba Cloud account id."),
            "region": _text("Region id."),
            "endpoint": _text("Endpoint, where it is none of the region's own."),
            "identity": _text(
                "NotVerified where an Account did not have its keys verified; nobody but Accounts "
                "of the namespace takes its word for the account id."
            ),
        },
    )


def _bound_to() -> Schema:
    return _object(
        "Object that this status was written for. In any other object it proves nothing.",
        {
            "clusterId": _text("Cluster of the object, as in the marks on AgentRun resources."),
            "kind": _text("Kind of the object."),
            "namespace": _text("Namespace of the object."),
            "name": _text("Name of the object."),
            "uid": _text("Uid of the object."),
        },
    )


def _copied_from() -> Schema:
    return _object(
        "Object for which a status was written that was copied here, and the resource that it "
        "tells of. Gone once this object has a resource of its own.",
        {
            "clusterId": _text("Cluster of that object."),
            "namespace": _text("Namespace of that object."),
            "name": _text("Name of that object."),
            "externalId": _text("Id of its resource."),
            "externalName": _text("Name of its resource."),
            "parentId": _text("Id of the resource that it lives under."),
            "accountId": _text("Cloud account of its resource, where that was verified."),
            "region": _text("Region of its resource, where the account was verified."),
        },
    )


def _sent_secret() -> Schema:
    return _object(
        "One Secret in one version.",
        {
            "name": _text("Name of the Secret."),
            "version": _text("Its uid and resourceVersion."),
        },
        required=("name", "version"),
    )


def _acted_on() -> Schema:
    return _object(
        "Under driftPolicy Report and Ignore: the spec that was last acted on. What differs from "
        "it was edited since, and nothing else is sent.",
        {
            "generation": _integer("Generation of that spec."),
            "inputs": _text("Digest of the versions of all that it refers to."),
            "values": {
                "description": (
                    "Digest of each value by spec path. A Secret counts by its version, never by "
                    "its content."
                ),
                "type": "object",
                "additionalProperties": {"type": "string"},
                # One entry in managedFields instead of one for each value.
                "x-kubernetes-map-type": "atomic",
            },
        },
    )


def _last_seen_time() -> Schema:
    return _time(
        "When the resource was last seen, as of the time this status was written. It is not kept "
        "up to date: while Ready is True and not Paused, the resource was seen since, too."
    )


def _creation() -> Schema:
    return _object(
        "Mark of a create whose outcome is not known yet.",
        {
            "startedAt": _time("When the mark was written."),
            "lookedUpAt": _time("The cloud's own time of the look-up that found nothing."),
            "incarnation": _integer("Incarnation that is being created."),
            "replaces": _text("Id of the resource that is gone, on record until the answer is."),
            "generation": _integer("Generation of the spec that is being created."),
        },
    )


def _versions() -> Schema:
    """Return the properties that say what was published."""
    head = "Digest of what was published. A Secret counts by its version, never by its content."
    return {
        "versions": _list(
            f"Published versions, the newest first, up to {MAX_LISTED}; as of the last publication "
            "or request.",
            _object(
                "One published version.",
                {
                    "number": _text("Number of the version."),
                    "description": _text("What it says of itself."),
                    "publishedAt": _time("When it was published."),
                },
                required=("number",),
            ),
        ),
        "latestVersion": _text("Number of the newest published version."),
        "published": _object(
            "What the operator published last. A spec that differs from it is published.",
            {
                "externalId": _text("Id of the resource that it was published of."),
                "version": _text("Number of the version; absent where none had to be published."),
                "head": _text(head),
                "generation": _integer("Generation of a spec of which it is known to be true."),
                "inputs": _text("Digest of the versions of all that this spec refers to."),
            },
        ),
        "publishing": _object(
            "A publication whose outcome is not known yet.",
            {
                "externalId": _text("Id of the resource that is published."),
                "head": _text(head),
                "attempt": _text("By which the version is known in the list."),
                "after": _text("Number of the newest version before it."),
                "startedAt": _time("When it was announced."),
            },
        ),
    }


def _connection() -> Schema:
    return _object(
        "Where the address was published last.",
        {"configMap": _text("Name of the ConfigMap, in the object's namespace.")},
    )


def _mass_absence() -> Schema:
    return _object(
        "Stands while too many resources of the account are missing, or were accepted to be gone "
        "a short while ago.",
        {"since": _time("When that was found; names the occurrence.")},
    )


def _drift() -> Schema:
    return _object(
        "One path where the resource contradicts the spec.",
        {
            "path": _text("Spec path."),
            "desired": _text("Value in the spec; (differs) where it may be secret."),
            "observed": _text(
                "Value in AgentRun, in the units of the spec; (differs) where it may be secret. Of "
                "long values both show the part around the first difference."
            ),
            "since": _time("When the difference was first seen."),
        },
        required=("path",),
    )


def _object(
    description: str,
    properties: dict[str, Schema],
    *,
    required: tuple[str, ...] = (),
    default: Any = None,
) -> Schema:
    schema: Schema = {"description": description, "type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    if default is not None:
        schema["default"] = default
    return schema


def _list(description: str, items: Schema) -> Schema:
    return {
        "description": description,
        "type": "array",
        "items": items,
        "x-kubernetes-list-type": "atomic",
    }


def _text(description: str) -> Schema:
    return {"description": description, "type": "string"}


def _integer(description: str) -> Schema:
    return {"description": description, "type": "integer", "format": "int64"}


def _time(description: str) -> Schema:
    return {"description": description, "type": "string", "format": "date-time"}
