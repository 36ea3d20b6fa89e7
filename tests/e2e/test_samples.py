"""The samples from apply to delete, seen from outside: cluster, cloud, audit log."""

import collections
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentrun_operator.core.dependencies import dependencies
from agentrun_operator.kinds import catalogue
from chart.prometheus import empty_panels, promtool
from controlplane import AuditEvent
from fakes.log_lines import strangers
from rig import Rig, eventually
from rig.cloud import is_write
from rig.official import LISTED, official_client, totals
from rig.samples import CHAT_SECRET, manifests

NAMESPACE = "e2e-samples"
SILENT_PANELS = {
    "Loop held",
    "Missing resources by account",
    "Oldest deletion",
    "Rotation pending",
    "Not Ready by reason",
    "Not Ready now",
    "Put on the queue",
    "Times the loop was held",
}
"""Panels of the dashboard that have nothing to show, or not all, while all is well."""
KINDS = {name for name, kind in catalogue().items() if kind.namespaced}


@dataclass(frozen=True)
class Life:
    """What one life of the samples left to see.

    Attributes:
        ready: The objects when all were Ready.
        connections: ConfigMaps of that moment, by name.
        counts: What the official client listed at that moment, by kind.
        left: What it listed after the deletion.
        writes: The operator's writes to the cluster until that moment.
        all_writes: Its writes until the end.
        forbidden: What RBAC refused it, from its start on.
        calls: The simulator's log until that moment.
        metrics: What the operator's /metrics served at that moment.
    """

    ready: list[dict[str, Any]]
    connections: dict[str, dict[str, str]]
    counts: dict[str, int]
    left: dict[str, int]
    writes: list[AuditEvent]
    all_writes: list[AuditEvent]
    forbidden: list[AuditEvent]
    calls: list[dict[str, Any]]
    metrics: str


@pytest.fixture(scope="module")
def life(rig: Rig) -> Iterator[Life]:
    audit, user = rig.plane.audit, rig.operator_user
    since, calls_since = audit.position(), rig.cloud.position()
    client = official_client(rig.cloud.url, rig.account)
    rig.stop_operator()  # so that its start is part of what is seen
    rig.start_operator()
    rig.apply_samples(NAMESPACE)
    ready = rig.wait_ready(NAMESPACE)
    metrics = rig.metrics()
    writes = audit.writes(user=user, since=since)
    calls = rig.cloud.requests(since=calls_since)
    maps = ("chat-endpoint", "chat-proxy")
    connections = {name: rig.get("configmap", name, NAMESPACE)["data"] for name in maps}
    counts = totals(client)
    rig.delete_all(NAMESPACE)
    yield Life(
        ready=ready,
        connections=connections,
        counts=counts,
        left=totals(client),
        writes=writes,
        all_writes=audit.writes(user=user, since=since),
        forbidden=audit.forbidden(user=user, since=since),
        calls=calls,
        metrics=metrics,
    )
    rig.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def test_every_sample_becomes_ready(life: Life) -> None:
    assert {each["kind"] for each in life.ready} == KINDS


def test_the_official_client_sees_every_family(life: Life) -> None:
    assert all(life.counts.values()), life.counts


def test_addresses_are_published_for_workloads(life: Life) -> None:
    for data in life.connections.values():
        assert any(value.startswith("http") for value in data.values()), data


def test_deletion_leaves_the_cloud_empty(life: Life) -> None:
    assert not any(life.left.values()), life.left


def test_the_chart_grants_every_right_the_operator_uses(life: Life) -> None:
    assert life.forbidden == []


def test_the_operator_writes_nothing_else_to_the_cluster(life: Life) -> None:
    odd = [each for each in life.all_writes if not is_expected(each)]
    assert odd == []


def test_every_object_is_ready_after_few_writes(life: Life) -> None:
    """Finalizer and status: four, and one more for each object that it may have waited for."""
    counts = collections.Counter(
        (each.resource, each.name) for each in life.writes if each.group == "agentrun.dev"
    )
    assert len(counts) == len(life.ready)
    limits = {_written(each): 4 + max(1, len(_named_by(each))) for each in life.ready}
    assert {key: count for key, count in counts.items() if count > limits[key]} == {}


def _written(obj: dict[str, Any]) -> tuple[str, str]:
    return catalogue()[obj["kind"]].plural, obj["metadata"]["name"]


def _named_by(obj: dict[str, Any]) -> set[tuple[str, str]]:
    """Return which objects of ours a spec names; each comes at a time of its own."""
    needs = dependencies(catalogue()[obj["kind"]], obj["spec"])
    return {(need.kind, need.name) for need in needs if need.kind in KINDS}


def test_every_resource_costs_one_create(life: Life) -> None:
    creates = [each for each in life.calls if is_write(each) and each["method"] == "POST"]
    assert all(each["status"] < 300 for each in creates)
    assert len(creates) == sum(each["kind"] != "Account" for each in life.ready)


def test_every_line_of_the_operators_log_is_as_declared(rig: Rig, life: Life) -> None:
    del life
    lines = rig.operator_log.splitlines()
    assert [line for line in lines if '"cloud write"' in line]
    assert strangers(lines) == []


def test_no_secret_is_in_the_operators_log(rig: Rig, life: Life) -> None:
    del life
    text = rig.operator_log
    assert rig.account.access_key_secret not in text
    assert "sk-inbound-" not in text
    assert "sk-openai-" not in text


def test_promtool_has_nothing_to_say_of_the_metrics(life: Life) -> None:
    done = promtool("check", "metrics", text=life.metrics)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_panel_of_the_dashboard_shows_something(life: Life, tmp_path: Path) -> None:
    assert empty_panels(life.metrics, tmp_path) <= SILENT_PANELS


def test_a_restart_writes_nothing_for_a_converged_fleet(rig: Rig, namespace: str) -> None:
    rig.apply_samples(namespace)
    rig.wait_ready(namespace)
    assert rig.stop_operator() == 0
    since, calls_since = rig.plane.audit.position(), rig.cloud.position()
    rig.start_operator()
    eventually(lambda: len(rig.cloud.requests(since=calls_since)) > 10, "some polls")
    rig.wait_ready(namespace)
    writes = rig.plane.audit.writes(user=rig.operator_user, since=since)
    assert [each for each in writes if each.group == "agentrun.dev"] == []
    assert rig.cloud.writes(since=calls_since) == []


def test_a_killed_operator_picks_up_where_it_was(rig: Rig, namespace: str) -> None:
    rig.apply_samples(namespace)
    eventually(lambda: rig.cloud.resources().get("Credential"), "the first creates")
    rig.kill_operator()
    rig.start_operator()
    rig.wait_ready(namespace)
    samples = collections.Counter(each["kind"] for each in manifests(namespace, rig.cloud.url))
    counts = totals(official_client(rig.cloud.url, rig.account))
    assert counts == {kind: samples[kind] for kind in LISTED}


def test_a_rotated_secret_reaches_the_cloud(rig: Rig, namespace: str) -> None:
    rig.apply_samples(namespace)
    rig.wait_ready(namespace)
    client = official_client(rig.cloud.url, rig.account)
    patch = '{"stringData":{"inbound":"rotated"}}'
    rig.kubectl("patch", "secret", CHAT_SECRET, f"--namespace={namespace}", f"--patch={patch}")
    eventually(
        lambda: client.get_credential("chat-inbound").body.data.credential_secret == "rotated",
        "the new value in the cloud",
    )


def is_expected(event: AuditEvent) -> bool:
    """Return whether a write is one of those that the operator is there for."""
    if event.group == "agentrun.dev":
        # Anything but its finalizer would show up in the objects; see the unit tests of the writer.
        return event.verb == "patch" and event.subresource in ("", "status")
    return (event.group, event.resource, event.verb) in {
        ("", "events", "create"),
        ("events.k8s.io", "events", "create"),
        ("", "configmaps", "create"),
        ("", "configmaps", "patch"),
        ("coordination.k8s.io", "leases", "create"),
        ("coordination.k8s.io", "leases", "update"),
        ("coordination.k8s.io", "leases", "patch"),
    }
