"""What the audit log's records become."""

import json
from pathlib import Path
from typing import Any

from controlplane.audit import AuditEvent, AuditLog


def record(verb: str, code: int, stage: str = "ResponseComplete", **target: str) -> dict[str, Any]:
    return {
        "verb": verb,
        "user": {"username": "somebody"},
        "objectRef": target,
        "responseStatus": {"code": code},
        "stage": stage,
        "requestURI": "/some/path",
        "userAgent": "somebody/1.0",
        "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z",
        "stageTimestamp": "2026-01-01T00:00:00.250000Z",
    }


def write(path: Path, *records: dict[str, Any]) -> AuditLog:
    with path.open("a") as log:
        log.writelines(json.dumps(each) + "\n" for each in records)
    return AuditLog(path)


def test_a_record_keeps_what_counts(tmp_path: Path) -> None:
    target = {
        "apiGroup": "agentrun.dev",
        "resource": "sandboxes",
        "subresource": "status",
        "namespace": "team-a",
        "name": "code",
    }
    log = write(tmp_path / "audit.log", record("patch", 200, **target))
    assert log.events() == [
        AuditEvent(
            verb="patch",
            user="somebody",
            group="agentrun.dev",
            resource="sandboxes",
            subresource="status",
            namespace="team-a",
            name="code",
            code=200,
            stage="ResponseComplete",
            uri="/some/path",
            agent="somebody/1.0",
            received=1767225600.0,
            answered=1767225600.25,
        )
    ]


def test_a_path_that_is_no_resource_has_empty_fields(tmp_path: Path) -> None:
    kept = ("verb", "stage", "requestURI", "requestReceivedTimestamp", "stageTimestamp")
    bare = {name: record("get", 0)[name] for name in kept}
    (event,) = write(tmp_path / "audit.log", bare).events()
    assert (event.resource, event.user, event.code) == ("", "", 0)


def test_writes_leave_out_reads_other_users_and_earlier_stages(tmp_path: Path) -> None:
    log = write(
        tmp_path / "audit.log",
        record("get", 200),
        record("watch", 200),
        record("update", 200, stage="Panic"),
        record("update", 409, name="refused"),
        record("deletecollection", 200),
    )
    assert [event.verb for event in log.writes()] == ["update", "deletecollection"]
    assert [event.verb for event in log.writes(user="somebody")] == ["update", "deletecollection"]
    assert log.writes(user="nobody") == []


def test_forbidden_is_what_rbac_refused(tmp_path: Path) -> None:
    decision = "authorization.k8s.io/decision"
    log = write(
        tmp_path / "audit.log",
        record("list", 403) | {"annotations": {decision: "forbid"}},
        record("create", 403) | {"annotations": {decision: "allow"}},  # by admission
        record("list", 401),
        record("get", 404),
    )
    assert [(event.verb, event.code) for event in log.forbidden()] == [("list", 403)]
    assert log.forbidden(user="nobody") == []


def test_reading_goes_on_and_leaves_an_unfinished_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log = AuditLog(path)
    assert (log.position(), log.events()) == (0, [])
    write(path, record("create", 201))
    since = log.position()
    write(path, record("delete", 200))
    with path.open("a") as unfinished:
        unfinished.write('{"verb": "pat')
    assert [event.verb for event in log.events(since=since)] == ["delete"]
