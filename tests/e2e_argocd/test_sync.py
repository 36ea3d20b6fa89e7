"""Synced means synced: nothing that the operator does makes an Application OutOfSync."""

from typing import Any

import pytest

from argocd.applications import SERVER_SIDE_DIFF
from argocd.fleet import Fleet, Team
from rig import NAMESPACE, eventually
from rig.chart import RELEASE

DIFFS = {"legacy": {}, "server-side": SERVER_SIDE_DIFF}


def operations(team: Team) -> Any:
    """Return when the latest sync operation began."""
    body = team.fleet.applications.read(team.name)
    return body["status"]["operationState"]["startedAt"]


def described_in_cloud(team: Team) -> set[str | None]:
    resources = team.fleet.cloud.resources()["ModelProxy"]
    return {each.get("description") for each in resources}


@pytest.mark.parametrize("diff", DIFFS)
def test_the_chart_stays_synced_and_healthy(fleet: Fleet, diff: str) -> None:
    fleet.applications.annotate(
        RELEASE, *(f"{name}={value}" for name, value in DIFFS[diff].items()), "example.com/x=y"
    )
    found = fleet.applications.refresh(RELEASE, hard=True)
    assert (found.sync, found.out_of_sync) == ("Synced", frozenset())
    assert set(found.resources.values()) == {"Healthy"}, found.resources
    assert found.health == "Healthy"
    assert found.resources[f"Deployment/{RELEASE}"] == "Healthy"
    pods = fleet.kubectl("get", "pods", f"--namespace={NAMESPACE}", "--output=name")
    assert RELEASE in pods


@pytest.mark.parametrize("diff", DIFFS)
def test_our_writes(team: Team, diff: str) -> None:
    """Claim, status, drift correction and a restart, seen by every comparison in between."""
    fleet, applications = team.fleet, team.fleet.applications
    proxy = team.one("ModelProxy", "chat")
    proxy["spec"]["description"] = "as in Git"
    commit = team.push("Start")
    team.create(annotations=DIFFS[diff])
    applications.wait_synced(team.name, commit)
    since, begun = len(applications.seen), operations(team)
    generations = {n: each["metadata"]["generation"] for n, each in team.objects().items()}

    (resource,) = fleet.cloud.resources()["ModelProxy"]
    fleet.cloud.edit("ModelProxy", resource["modelProxyName"], {"description": "by hand"})
    eventually(lambda: described_in_cloud(team) == {"as in Git"}, "the drift to be corrected")
    fleet.stop_operator()
    applications.refresh(team.name, hard=True)
    fleet.start_operator()
    fleet.wait_ready(team.name)
    found = applications.refresh(team.name, hard=True)

    assert (found.sync, found.health, found.out_of_sync) == ("Synced", "Healthy", frozenset())
    history = applications.of(team.name, since)
    assert {each.sync for each in history} == {"Synced"}
    assert not any(each.out_of_sync for each in history)
    assert operations(team) == begun  # no sync and no self-heal in all that time
    now = {n: each["metadata"]["generation"] for n, each in team.objects().items()}
    assert now == generations


def test_self_heal(team: Team) -> None:
    """What somebody changes in the cluster goes back, in the cluster and in the cloud."""
    fleet, applications = team.fleet, team.fleet.applications
    team.one("ModelProxy", "chat")["spec"]["description"] = "as in Git"
    commit = team.push("Start")
    team.create()
    applications.wait_synced(team.name, commit)
    since = len(applications.seen)
    fleet.kubectl(
        "patch",
        "modelproxy",
        "chat",
        f"--namespace={team.name}",
        "--type=merge",
        '--patch={"spec":{"description":"by hand"}}',
    )
    eventually(
        lambda: any(each.sync == "OutOfSync" for each in applications.of(team.name, since)),
        "the edit to be noticed",
    )
    applications.wait_synced(team.name, commit)
    proxy = fleet.get("modelproxy", "chat", team.name)
    assert proxy["spec"]["description"] == "as in Git"
    assert described_in_cloud(team) == {"as in Git"}


def test_a_commit_reaches_the_cloud(team: Team) -> None:
    applications = team.fleet.applications
    commit = team.push("Start")
    team.create()
    applications.wait_synced(team.name, commit)
    team.one("ModelProxy", "chat")["spec"]["description"] = "second"
    commit = team.push("Describe the proxy")
    applications.wait_synced(team.name, commit)
    assert described_in_cloud(team) == {"second"}
