"""How long a watch has shown no sign of life."""

from agentrun_operator.kube.watch_ages import WatchAges

BELOW = "/apis/agentrun.dev/v1alpha1/namespaces"


def test_the_oldest_watch_of_a_resource_tells_its_age() -> None:
    now = 100.0
    ages = WatchAges(monotonic=lambda: now)
    ages.note(f"{BELOW}/team-a/tools")
    now = 130.0
    ages.note(f"{BELOW}/team-b/tools")
    ages.note("/api/v1/secrets")
    assert ages.seconds() == {"tools": 30.0, "secrets": 0.0}
    ages.note(f"{BELOW}/team-a/tools")
    now = 131.0
    assert ages.seconds() == {"tools": 1.0, "secrets": 1.0}


def test_a_namespace_that_is_left_out_has_no_age() -> None:
    now = 100.0
    ages = WatchAges(monotonic=lambda: now)
    ages.note(f"{BELOW}/team-a/tools")
    ages.note("/prefix/api/v1/namespaces/team-a/secrets")
    ages.note(f"{BELOW}/team-b/tools")
    ages.note("/api/v1/namespaces")
    now = 130.0
    ages.note(f"{BELOW}/team-b/tools")
    ages.forget("team-a")
    assert ages.seconds() == {"tools": 0.0, "namespaces": 30.0}
    ages.note(f"{BELOW}/team-a/tools")
    now = 131.0
    assert ages.seconds()["tools"] == 1.0
