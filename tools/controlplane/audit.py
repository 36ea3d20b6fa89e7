"""Reads the API server's audit log: who wrote what, and who was refused."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

WRITE_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})
FORBIDDEN = 403
ALLOWED = "allow"
DECISION = "authorization.k8s.io/decision"


@dataclass(frozen=True)
class AuditEvent:
    """One stage of one request.

    Attributes:
        verb: Kubernetes verb, such as patch.
        user: Who asked; system:serviceaccount:NAMESPACE:NAME for a ServiceAccount.
        group: API group; empty for the core group and for paths that are no resource.
        resource: Plural of the kind; empty for paths that are no resource.
        subresource: Such as status; empty for the object itself.
        namespace: Empty for cluster-scoped objects.
        name: Empty for lists and watches.
        code: HTTP status; 0 while the request has not been answered.
        stage: ResponseStarted (watches), ResponseComplete or Panic.
        uri: Path and query of the request.
        decision: What the authorizer said, allow or forbid; empty where it was not asked.
        agent: User-Agent of who asked.
        received: When the server had read the request's head, POSIX time.
        answered: When this stage was reached, POSIX time.
    """

    verb: str
    user: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    stage: str
    uri: str
    decision: str = ""
    agent: str = ""
    received: float = 0.0
    answered: float = 0.0


class AuditLog:
    """The audit log of one control plane, from its start or from a `position`.

    The API server writes the last stage of a request around the time its answer goes out: give a
    count that just rose a moment to settle before relying on it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def position(self) -> int:
        """Return where the log ends now, in bytes; pass it as `since` to skip what is older."""
        return self._path.stat().st_size if self._path.exists() else 0

    def events(self, *, since: int = 0) -> list[AuditEvent]:
        """Return all complete records after byte `since`, oldest first."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as log:
            log.seek(since)
            lines = log.read().split(b"\n")
        return [_event(json.loads(line)) for line in lines[:-1]]  # the last one is unfinished

    def writes(self, *, user: str | None = None, since: int = 0) -> list[AuditEvent]:
        """Return the answered requests that may have changed something, of one user or of all."""
        return [
            event
            for event in self.events(since=since)
            if event.verb in WRITE_VERBS
            and event.stage == "ResponseComplete"
            and user in (None, event.user)
        ]

    def forbidden(self, *, user: str | None = None, since: int = 0) -> list[AuditEvent]:
        """Return the requests that RBAC refused, of one user or of all.

        Admission answers 403 as well, to a create in a namespace that is going away, for example.
        """
        return [
            event
            for event in self.events(since=since)
            if event.code == FORBIDDEN
            and event.decision != ALLOWED
            and event.stage == "ResponseComplete"
            and user in (None, event.user)
        ]


def _event(record: dict[str, Any]) -> AuditEvent:
    target = record.get("objectRef", {})
    return AuditEvent(
        verb=record["verb"],
        user=record.get("user", {}).get("username", ""),
        group=target.get("apiGroup", ""),
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=record.get("responseStatus", {}).get("code", 0),
        stage=record["stage"],
        uri=record["requestURI"],
        decision=record.get("annotations", {}).get(DECISION, ""),
        agent=record.get("userAgent", ""),
        received=_seconds(record["requestReceivedTimestamp"]),
        answered=_seconds(record["stageTimestamp"]),
    )


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
