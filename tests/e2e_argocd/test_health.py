"""Healthy, Progressing, Degraded, Suspended: what Argo CD shows is what the object says."""

from agentrun_operator.core.identity import PAUSED_ANNOTATION
from argocd.fleet import Team
from rig import eventually
from rig.waiting import condition

REFUSAL = {"status": 400, "code": "InvalidParameter", "message": "Refused.", "times": None}


def test_waiting_is_not_failing(team: Team) -> None:
    """Everything at once, by name only in order, the Secrets last of all."""
    applications = team.fleet.applications
    team.take_secrets()
    commit = team.push("Start")
    team.create()
    found = applications.wait_synced(team.name, commit, health="Progressing")
    assert set(found.resources.values()) == {"Progressing"}
    team.bring_secrets()
    found = applications.wait_synced(team.name, commit)
    assert set(found.resources.values()) == {"Healthy"}
    assert len(found.resources) == len(team.samples)
    seen = {state for each in applications.of(team.name) for state in each.resources.values()}
    assert seen <= {"Missing", "Progressing", "Healthy"}


def test_refused(team: Team) -> None:
    applications = team.fleet.applications
    commit = team.push("Start")
    team.create()
    applications.wait_synced(team.name, commit)
    team.fleet.cloud.fault("error", action="UpdateModelProxy", **REFUSAL)
    team.one("ModelProxy", "chat")["spec"]["description"] = "refused"
    commit = team.push("Ask for what the cloud refuses")
    found = applications.wait_synced(team.name, commit, health="Degraded")
    assert {n for n, state in found.resources.items() if state == "Degraded"} == {"ModelProxy/chat"}
    body = applications.read(team.name)
    (shown,) = (e["health"] for e in body["status"]["resources"] if e["kind"] == "ModelProxy")
    stalled = condition(team.objects()["ModelProxy/chat"], "Stalled")
    assert shown.get("message", stalled["message"]) == stalled["message"]

    team.fleet.cloud.clear_faults()
    team.one("ModelProxy", "chat")["spec"]["description"] = "accepted"
    commit = team.push("Ask for something else")
    applications.wait_synced(team.name, commit)


def test_paused(team: Team) -> None:
    """Suspended, also with an edit that the pause keeps from being seen."""
    applications = team.fleet.applications
    commit = team.push("Start")
    team.create()
    applications.wait_synced(team.name, commit)
    proxy = team.one("ModelProxy", "chat")
    proxy["metadata"]["annotations"] = {PAUSED_ANNOTATION: "true"}
    commit = team.push("Pause the proxy")
    found = applications.wait_synced(team.name, commit, health="Suspended")
    assert found.resources["ModelProxy/chat"] == "Suspended"

    since = team.fleet.cloud.position()
    proxy["spec"]["description"] = "edited while paused"
    commit = team.push("Edit the paused proxy")
    applications.wait_synced(team.name, commit, health="Suspended")
    assert team.fleet.cloud.writes(since=since) == []

    del proxy["metadata"]["annotations"]
    commit = team.push("Go on")
    applications.wait_synced(team.name, commit)
    (resource,) = team.fleet.cloud.resources()["ModelProxy"]
    assert resource["description"] == "edited while paused"


def test_an_outage_is_not_our_users_failure(team: Team) -> None:
    applications = team.fleet.applications
    team.fleet.cloud.fault("error", action=".*ModelService.*", status=503, times=None)
    commit = team.push("Start")
    team.create()
    applications.wait_synced(team.name, commit, health="Progressing")

    def unavailable() -> bool:
        ready = condition(team.objects()["ModelService/qwen"], "Ready")
        return ready.get("reason") == "ProviderUnavailable"

    eventually(unavailable, "the outage to show on the object")
    team.fleet.cloud.clear_faults()
    applications.wait_synced(team.name, commit)
    seen = {state for each in applications.of(team.name) for state in each.resources.values()}
    assert seen <= {"Missing", "Progressing", "Healthy"}
