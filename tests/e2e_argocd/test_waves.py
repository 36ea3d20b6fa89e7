"""Sync waves wait for health: that is what the health check is for."""

from agentrun_operator.kinds import catalogue
from argocd.fleet import Team
from rig import eventually

WAVE = "argocd.argoproj.io/sync-wave"
FIRST = {"Account", "Credential"}
LAST = {"AgentRuntimeEndpoint", "Sandbox"}
WAVES = {kind: 0 if kind in FIRST else 2 if kind in LAST else 1 for kind in catalogue()}
"""As docs/argocd.md recommends."""


def in_waves(team: Team) -> None:
    for each in team.samples:
        each["metadata"]["annotations"] = {WAVE: str(WAVES[each["kind"]])}


def kinds_in(team: Team) -> set[str]:
    return {each["kind"] for each in team.objects().values()}


def test_a_wave_waits_for_the_one_before(team: Team) -> None:
    applications = team.fleet.applications
    in_waves(team)
    team.take_secrets()
    commit = team.push("Start")
    team.create()
    applications.wait(
        team.name,
        lambda s: s.phase == "Running" and s.resources.get("Account/default") == "Progressing",
        "to wait for the account",
    )
    assert kinds_in(team) == FIRST
    team.bring_secrets()
    found = applications.wait_synced(team.name, commit)
    assert set(found.resources.values()) == {"Healthy"}
    for each in applications.of(team.name):
        started = {
            WAVES[name.partition("/")[0]]
            for name, state in each.resources.items()
            if state != "Missing"
        }
        healthy = {
            wave
            for wave in set(WAVES.values())
            if all(
                state == "Healthy"
                for name, state in each.resources.items()
                if WAVES[name.partition("/")[0]] == wave
            )
        }
        assert all(set(range(wave)) <= healthy for wave in started), each


def test_a_wave_that_fails_ends_the_sync(team: Team) -> None:
    """Degraded ends a sync at once; without it the sync would wait for ever."""
    applications = team.fleet.applications
    in_waves(team)
    refusal = {"status": 400, "code": "InvalidParameter", "message": "Refused.", "times": None}
    team.fleet.cloud.fault("error", action="CreateCredential", **refusal)
    team.push("Start")
    team.create(retries=0)
    # The end of the sync and the health of the application are written one after the other.
    applications.wait(
        team.name, lambda s: s.phase == "Failed" and s.health == "Degraded", "to have failed"
    )
    assert kinds_in(team) == FIRST


def test_a_deletion_in_waves(team: Team) -> None:
    applications = team.fleet.applications
    in_waves(team)
    commit = team.push("Start")
    team.create()
    applications.wait_synced(team.name, commit)
    applications.delete(team.name)
    assert team.objects() == {}
    eventually(lambda: not team.fleet.cloud_totals(), "the cloud to be empty")
