"""The keys of the log's lines, and the JSON schema that all lines keep to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agentrun_operator.telemetry.log_events import EVENTS, Event

OURS: Final = "agentrun_operator"
"""What the name of each logger of ours begins with."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a line."""

    meaning: str
    schema: Mapping[str, Any]
    """JSON schema of its values."""


_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_TEXTS: Final = {"type": "array", "items": {"type": "string"}}
_UUID: Final = {
    "type": "string",
    "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
}
_MAYBE: Final = {"type": ["string", "null"]}

KEYS: Final[Mapping[str, Key]] = {
    "level": Key("How much it matters", {"enum": ["debug", "info", "warning", "error"]}),
    "ts": Key(
        "When, RFC 3339, UTC",
        {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
    ),
    "logger": Key("Module that says it", _TEXT),
    "msg": Key("What happened: one of the events below, or a library's words", _TEXT),
    "controller": Key("Kind of the object, in lower case", _TEXT),
    "controllerGroup": Key("API group of the object", {"const": "agentrun.dev"}),
    "controllerKind": Key("Kind of the object", _TEXT),
    "namespace": Key("Namespace of the object; empty for a ClusterAccount", _TEXT),
    "name": Key("Name of the object", _TEXT),
    "reconcileID": Key("One pass over the object: the same on all of its lines", _UUID),
    "row": Key("Row of the decision tables that led there", _TEXT),
    "uid": Key("UID of the object, where a library says so", _TEXT),
    "exception": Key("Traceback, with the words of those exceptions that may be shown", _TEXT),
    "place": Key("File and line, for lines of libraries whose words are withheld", _TEXT),
    "account": Key("Account object that the object uses, or that is meant", _TEXT),
    "action": Key("What the decision tables lead to", _TEXT),
    "code": Key("HTTP status of an answer, or the class of the failure", _TEXT),
    "collection": Key("Kind whose collection is listed, or path of a list of the cluster", _TEXT),
    "count": Key("How many resources have the name", _COUNT),
    "directory": Key("Where large objects are kept", _TEXT),
    "durationSeconds": Key("From sending to the last byte of the answer", {"type": "number"}),
    "externalName": Key("Name in AgentRun", _TEXT),
    "effect": Key("What follows from it", _TEXT),
    "error": Key("Why, or the class of the failure where its words may quote the cloud", _TEXT),
    "fields": Key("Names of the fields that were sent; never a value", _TEXTS),
    "holder": Key("Identity of the process that leads, as far as known", _MAYBE),
    "identity": Key("Identity of this process", _TEXT),
    "lease": Key("Name of the Lease", _TEXT),
    "lines": Key("How many lines could not be written", _COUNT),
    "lost": Key("How many spans were lost", _COUNT),
    "message": Key("Message of the condition", _TEXT),
    "method": Key("HTTP method", {"enum": ["DELETE", "GET", "PATCH", "POST", "PUT"]}),
    "missing": Key("How many are missing", _COUNT),
    "noun": Key("The API's word for the kind of a resource", _TEXT),
    "now": Key("What holds from now on: a way, a level, or status and reason of Ready", _TEXT),
    "objects": Key("How many objects are known", _COUNT),
    "operation": Key("Operation of the API, as RAM policies name it", _TEXT),
    "path": Key("Path of a call, without ids", _TEXT),
    "port": Key("Port of probes and metrics", _COUNT),
    "query": Key("Names of the query's parameters; never a value", _TEXTS),
    "recorded": Key("How many resources of the account are on record", _COUNT),
    "requestID": Key("AgentRun's name for the call, which its support asks for", _MAYBE),
    "seconds": Key("How long", {"type": "number"}),
    "signs": Key("Resource versions that went backwards", _TEXTS),
    "since": Key("When it began, RFC 3339", _TEXT),
    "task": Key("Name of the task", _TEXT),
    "tasks": Key("Names of the tasks", _TEXTS),
    "version": Key("Version of the operator", _TEXT),
    "was": Key("What held before", _TEXT),
    "what": Key("What is watched", _TEXT),
    "why": Key("Why", _MAYBE),
}
"""By name."""

ALWAYS: Final = ("level", "ts", "logger", "msg")
"""Keys of every line."""
OBJECT: Final = ("controller", "controllerGroup", "controllerKind", "namespace", "name")
"""Keys of every line about an object. Source: controller-runtime."""
CONTEXT: Final = (*OBJECT, "reconcileID", "account", "row")
"""Keys of every line within a pass, as far as it has got. Source of the first two: as above."""
OF_LIBRARIES: Final = (*CONTEXT, "uid", "exception", "place")
"""Keys that a line of a library may have."""


def schema() -> Mapping[str, Any]:
    """Return the JSON schema of a line."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of the log of agentrun-operator",
        "type": "object",
        "required": list(ALWAYS),
        "properties": {name: _property(key) for name, key in KEYS.items()},
        "if": {"properties": {"logger": {"pattern": f"^{OURS}"}}},
        "then": {"oneOf": [_line(event) for event in EVENTS]},
        "else": {"propertyNames": {"enum": [*ALWAYS, *OF_LIBRARIES]}},
        "additionalProperties": False,
    }


def _property(key: Key) -> Mapping[str, Any]:
    return {"description": key.meaning, **key.schema}


def _line(event: Event) -> Mapping[str, Any]:
    known = (*ALWAYS, *CONTEXT, *event.keys, *event.may_have)
    return {
        "properties": {"msg": {"const": event.msg}, "level": {"const": event.level}},
        "required": list(event.keys),
        "propertyNames": {"enum": list(dict.fromkeys(known))},
    }
