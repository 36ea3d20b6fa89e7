"""What the log says: every event, its level and its keys; `log_schema.py` says what the keys are.

A test compares this table with each call of a logger in the source, another one holds the lines of
real runs to the schema.
"""

from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that is told. `msg` is the same each time; what differs stands in keys."""

    msg: str
    level: Level
    when: str
    keys: tuple[str, ...] = ()
    """Always there, beside what every line has."""
    may_have: tuple[str, ...] = ()


EVENTS: Final = (
    # ------------------------------------------------ the process
    Event(
        "started",
        "info",
        "The process answers probes, and goes on to wait for its Lease or for the first lists.",
        ("version", "port"),
    ),
    Event("standing by", "info", "Another process leads.", ("lease", "holder")),
    Event("leading", "info", "The Lease is ours; work begins.", ("lease", "identity")),
    Event(
        "lease not reached",
        "warning",
        "The API server did not answer about the Lease; after its duration the process ends.",
        ("lease", "error"),
    ),
    Event(
        "lease not renewed: nothing else of this process moves",
        "error",
        "The event loop is stuck, so the Lease is given up.",
    ),
    Event(
        "lease not released",
        "info",
        "At the end the Lease could not be given back; it runs out by itself.",
        ("lease", "error"),
    ),
    Event(
        "start-up: waiting for objects",
        "info",
        "The first lists are compared with what the watches have told.",
        ("missing",),
    ),
    Event(
        "start-up: cannot list",
        "warning",
        "The API server did not answer a list; it is asked again.",
        ("error",),
    ),
    Event("start-up: complete", "info", "Every object is known; passes begin.", ("objects",)),
    Event(
        "log level changed",
        "info",
        "The file of the level changed, or SIGUSR1 arrived.",
        ("now", "was"),
    ),
    Event(
        "log level not understood",
        "warning",
        "The file of the level holds no level; what held before goes on.",
        ("now",),
    ),
    Event(
        "log lines failed",
        "error",
        "Lines could not be written, for instance to a full disk; it is told when that is over.",
        ("lines", "error"),
    ),
    Event(
        "the loop was held",
        "warning",
        "One task kept all others waiting.",
        ("seconds", "task", "place"),
    ),
    Event(
        "no room for large objects on disk, so they stay in memory; "
        "give the temporary directory more room",
        "warning",
        "The temporary directory is full or cannot be written.",
        ("directory", "why"),
    ),
    Event(
        "traces: the collector takes no spans",
        "warning",
        "Spans are lost, as the collector of the traces cannot be reached or refuses them.",
        ("lost",),
    ),
    Event("traces: the collector takes spans again", "info", "What was lost stays lost."),
    Event("tasks did not end", "error", "The process ends without waiting longer.", ("tasks",)),
    Event("not closed at the end", "info", "A library left something open.", ("error",)),
    # ------------------------------------------------ the cloud
    Event(
        "cloud write",
        "info",
        "A call that may change something was answered, with whatever status, or was not.",
        ("operation", "fields", "code", "requestID", "durationSeconds"),
    ),
    Event(
        "api call",
        "debug",
        "The wire log: each call of AgentRun and of the token service, with names and numbers "
        "only.",
        (
            *("operation", "method", "path", "query", "fields"),
            *("code", "requestID", "durationSeconds"),
        ),
    ),
    Event(
        "the name is not unique",
        "warning",
        "AgentRun lists several resources of one name; the oldest that is not going counts.",
        ("noun", "externalName", "count"),
    ),
    Event(
        "keys not renewed",
        "warning",
        "The source of the keys failed; those at hand are used until they expire.",
        ("error",),
    ),
    Event(
        "a LIST is too long",
        "info",
        "A collection is read in another way from now on.",
        ("collection", "account", "now"),
    ),
    Event(
        "poll failed",
        "info",
        "A shared LIST failed; the next one is due soon.",
        ("collection", "account", "error"),
    ),
    Event(
        "poll broke",
        "error",
        "A bug of the operator ended a shared LIST; the next one is due soon.",
        ("collection", "account", "exception"),
    ),
    Event(
        "mass absence: nothing of the account is created or released",
        "warning",
        "Too many resources of an account are missing at once.",
        ("account", "missing", "recorded", "since"),
    ),
    Event(
        "mass absence is over",
        "info",
        "They are back, or somebody accepted that they are gone.",
        ("account",),
    ),
    Event(
        "mass absence is accepted: going on without what is missing",
        "warning",
        "Somebody annotated the account.",
        ("account", "missing"),
    ),
    # ------------------------------------------------ passes
    Event(
        "Ready changed",
        "info",
        "The condition `Ready` was written with another status or reason.",
        ("now", "was", "message"),
    ),
    Event("decided", "debug", "A pass has decided what to do next.", ("action",)),
    Event(
        "deleting without references",
        "debug",
        "What the object refers to is gone already; its mark and name still tell the resource.",
    ),
    Event(
        "the record was not what a look found",
        "warning",
        "`status.externalId` is corrected: somebody wrote an older status back.",
    ),
    Event(
        "what ended stays listed",
        "warning",
        "A resource that has ended could not be deleted; it costs nothing.",
        ("error",),
    ),
    Event(
        "an address stays published",
        "warning",
        "The ConfigMap of an object that is gone, which no owner reference takes along, could not "
        "be deleted; delete it.",
        ("configMap", "error"),
    ),
    Event(
        "pass failed",
        "error",
        "A bug of the operator ended a pass; it is tried again.",
        ("exception",),
    ),
    # ------------------------------------------------ the cluster
    Event(
        "the cluster refused a call",
        "warning",
        "The API server refused a read or a write, or did not answer; it is tried again.",
        ("error",),
    ),
    Event(
        "nobody says whether it exists",
        "warning",
        "The API server did not answer about an object that may be gone.",
        ("error",),
    ),
    Event(
        "resync failed",
        "warning",
        "The comparison with the cluster failed; the next one is due.",
        ("error",),
    ),
    Event(
        "resync: the watch missed an object",
        "warning",
        "A list shows an object, or a version, that no watch event told of.",
    ),
    Event(
        "resync: dropping an object that no longer exists",
        "warning",
        "No watch event told of its end.",
    ),
    Event(
        "resync: nobody says whether it exists",
        "warning",
        "The API server did not answer about an object that no list shows.",
        ("error",),
    ),
    Event(
        "the cluster looks older than before",
        "warning",
        "Resource versions went backwards, as after a restore; if so the process starts anew.",
        ("signs",),
    ),
    Event(
        "a namespace that is to be watched refuses us, so nothing in it is served; was it deleted?",
        "warning",
        "The Role of a namespaced install is missing there.",
        ("namespace", "error"),
    ),
    Event(
        "a list took too long and begins anew",
        "warning",
        "The API server forgot what a list began with.",
        ("collection",),
    ),
    Event("a watch failed and begins anew", "warning", "The API server ended it with an error."),
    Event("a watch expired", "debug", "A watch is too old to go on; it lists anew.", ("what",)),
    Event(
        "a watch was interrupted",
        "debug",
        "A watch of Secrets or ConfigMaps broke; it is opened again.",
        ("what", "error"),
    ),
    Event(
        "a watch is forbidden",
        "warning",
        "RBAC does not allow a watch of Secrets or ConfigMaps.",
        ("what", "error", "effect"),
    ),
    Event(
        "an Event is lost",
        "warning",
        "The API server refused a Kubernetes Event, or too many wait. Told once.",
        ("error",),
    ),
    Event("another Event is lost", "debug", "As above, from the second one on.", ("error",)),
    Event(
        "a task of kopf failed", "debug", "A task of kopf failed as it ended.", ("task", "error")
    ),
    Event("kopf did not stop", "error", "Tasks of kopf go on after the end.", ("tasks",)),
)
"""Ours, by subject."""
