"""What leaves Git leaves cluster and cloud, in whatever order it is asked for."""

from argocd.fleet import Fleet, Team
from rig import NAMESPACE, eventually
from rig.chart import RELEASE
from rig.waiting import condition

USED = {"Account", "Credential", "ModelService", "SandboxTemplate"}


def test_what_is_used_is_pruned_first(team: Team) -> None:
    """The used ones hold until their users go; nothing is lost, nothing gets stuck."""
    fleet, applications = team.fleet, team.fleet.applications
    commit = team.push("Start")
    team.create()
    applications.wait_synced(team.name, commit)
    before = fleet.cloud_totals()

    users = [each for each in team.samples if each["kind"] not in USED]
    team.push("Drop what the others use", users)
    applications.refresh(team.name)

    def held() -> bool:
        bodies = [each for each in team.objects().values() if each["kind"] in USED]
        reasons = {condition(each, "Ready").get("reason") for each in bodies}
        return len(bodies) + len(users) == len(team.samples) and reasons == {"DeletionBlocked"}

    eventually(held, "all that is used to hold its deletion")
    assert fleet.cloud_totals() == before

    commit = team.push("Drop the rest", [])
    applications.refresh(team.name)
    eventually(lambda: not team.objects(), "everything to be gone")
    eventually(lambda: not fleet.cloud_totals(), "the cloud to be empty")
    applications.refresh(team.name)
    applications.wait(team.name, lambda s: s.sync == "Synced", "Synced")


def test_everything_at_once(team: Team) -> None:
    fleet, applications = team.fleet, team.fleet.applications
    commit = team.push("Start")
    team.create()
    applications.wait_synced(team.name, commit)
    team.push("Drop everything", [])
    applications.refresh(team.name)
    eventually(lambda: not team.objects(), "everything to be gone")
    eventually(lambda: not fleet.cloud_totals(), "the cloud to be empty")


def test_a_whole_application(team: Team) -> None:
    fleet, applications = team.fleet, team.fleet.applications
    commit = team.push("Start")
    team.create()
    applications.wait_synced(team.name, commit)
    assert fleet.cloud_totals()
    applications.delete(team.name)
    assert team.objects() == {}
    assert fleet.cloud_totals() == {}


def test_the_operators_own_application() -> None:
    """Deleting the chart keeps the CRDs, and with them every object."""
    with Fleet() as fleet:
        team = Team(fleet, "stays")
        team.bring_secrets()
        fleet.apply(team.samples)
        fleet.wait_ready(team.name)
        before = fleet.cloud_totals()
        fleet.stop_operator()
        fleet.applications.delete(RELEASE)
        left = fleet.kubectl("get", "deployments,pods", f"--namespace={NAMESPACE}", "--output=name")
        assert left == ""
        assert len(team.objects()) == len(team.samples)
        assert fleet.cloud_totals() == before
