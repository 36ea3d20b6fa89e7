"""One story in trouble: what an account and all of its objects say, and what that costs."""

from collections import Counter
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.settings import OwnAccount, Polling, Settings
from agentrun_simulator.faults import Fault
from engine.shared import ALL
from engine.specs import (
    CREDENTIAL,
    ENDPOINT,
    PROXY,
    RUNTIME,
    SANDBOX,
    SECRET_VALUE,
    SERVICE,
    TEMPLATE,
)
from fakes.cloud import MAIN, OTHER, keys_of
from fakes.lab import Lab

DEFAULT = ObjectKey("Account", "team-a", "default")
DOWN = {"effect": "error", "status": 503, "code": "ServiceUnavailable", "times": None}
THROTTLED = {"effect": "error", "status": 429, "code": "Throttling.User", "times": None}
REFUSED = {"effect": "error", "status": 403, "code": "InvalidAccessKeyId.Inactive", "times": None}
SILENT = {"effect": "drop-before", "times": None}


LASTING_SANDBOX = {**SANDBOX, "idleTimeoutSeconds": 20_000}


def inject(lab: Lab, fault: dict[str, Any], **more: Any) -> None:
    lab.simulator.inject(Fault.model_validate({**fault, **more}))


async def mixed_fleet(lab: Lab) -> list[ObjectKey]:
    """Bring every kind, some of each polled by GET, by LIST and by both, and let them rest."""
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    apply = lab.cluster.apply
    keys = [
        apply("AgentRuntime", "base", RUNTIME),
        apply("SandboxTemplate", "base", TEMPLATE),
        *(apply("AgentRuntime", f"list-{n}", RUNTIME) for n in range(5)),
        *(apply("Credential", f"both-{n}", CREDENTIAL) for n in range(5)),
        *(apply("Sandbox", f"chosen-{n}", LASTING_SANDBOX) for n in range(2)),
        apply("AgentRuntimeEndpoint", "below", ENDPOINT),
        apply("ModelProxy", "get", PROXY),
        apply("ModelService", "get", SERVICE),
        apply("ModelProxy", "reported", {**PROXY, "driftPolicy": "Report"}),
    ]
    await lab.elapse(180)
    assert {lab.ready(key) for key in keys} == {("True", "Available")}
    return keys


async def fleet(settings: Settings | None = None) -> tuple[Lab, list[ObjectKey]]:
    lab = Lab(settings)
    await lab.ready_account()
    keys = await mixed_fleet(lab)
    lab.calls.take()
    return lab, keys


def stories(lab: Lab, keys: list[ObjectKey]) -> set[tuple[str, str]]:
    return {lab.ready(key) for key in keys}


def writes(lab: Lab) -> int:
    return lab.calls.names.count("write_status")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(DOWN, "ProviderUnavailable"), (SILENT, "ProviderUnavailable"), (THROTTLED, "Throttled")],
    ids=["503", "silence", "429"],
)
async def test_an_outage_is_one_story_told_once(fault: dict[str, Any], reason: str) -> None:
    # Each call that waits for a throttled account moves the clock: a look has to count for long.
    lab, keys = await fleet(Settings(polling=Polling(unseen_intervals=7.0)))
    since = lab.clock.now()
    inject(lab, fault)
    await lab.elapse(100)
    assert lab.ready(DEFAULT) == ("False", reason)
    assert f"no good answer since {since:%Y-%m-%dT%H}" in lab.message(DEFAULT)
    assert "the last one was at 2026-01-05T09:" in lab.message(DEFAULT)
    assert stories(lab, keys) == {("True", "Available")}, "what was seen lately still counts"
    await lab.elapse(365)
    assert stories(lab, keys) == {("Unknown", reason)}
    for key in keys:
        assert lab.message(key).startswith("Account team-a/default is not Ready since 2026-01-05T")
        assert "; last seen at 2026-01-05T09:0" in lab.message(key)
        assert lab.condition(key, "Reconciling") == ("True", reason)
        assert lab.condition(key, "Synced") == ("True", "Available")
    assert len({lab.message(key).partition("; last seen")[0] for key in keys}) == 1
    await lab.elapse(1800)
    assert writes(lab) == len(keys) + 1, "one write of each object and of the account"
    lab.simulator.clear_faults()
    await lab.elapse(60)
    assert stories(lab, [*keys, DEFAULT]) == {("True", "Available")}, "seen within one poll"
    assert writes(lab) == 2 * (len(keys) + 1), "and one more to be back"
    assert not [name for name in lab.calls.names if name.startswith(("Create", "Update"))]


async def test_an_outage_before_the_date_costs_the_objects_nothing() -> None:
    lab, keys = await fleet()
    inject(lab, DOWN)
    await lab.elapse(120)
    lab.simulator.clear_faults()
    await lab.elapse(200)
    assert stories(lab, [*keys, DEFAULT]) == {("True", "Available")}
    assert writes(lab) == 2, "the account alone"


async def test_refused_keys_are_one_story_at_once() -> None:
    lab, keys = await fleet()
    inject(lab, REFUSED)
    await lab.elapse(100)
    assert lab.ready(DEFAULT) == ("False", "CredentialsInvalid")
    assert lab.condition(DEFAULT, "Stalled") == ("True", "CredentialsInvalid")
    assert stories(lab, keys) == {("Unknown", "CredentialsInvalid")}
    await lab.elapse(1800)
    assert writes(lab) == len(keys) + 1
    lab.simulator.clear_faults()
    await lab.elapse(60)
    assert stories(lab, [*keys, DEFAULT]) == {("True", "Available")}
    assert writes(lab) == 2 * (len(keys) + 1)
    assert not [name for name in lab.calls.names if name.startswith(("Create", "Update"))]


async def test_keys_of_another_account_are_told_after_the_date() -> None:
    lab, keys = await fleet()
    lab.cluster.put_secret("default-keys", keys_of(OTHER))
    await lab.elapse(100)
    assert lab.ready(DEFAULT) == ("False", "AccountMismatch")
    assert stories(lab, keys) == {("True", "Available")}, "the last truth"
    await lab.elapse(140)
    assert stories(lab, keys) == {("Unknown", "AccountMismatch")}
    await lab.elapse(1800)
    assert writes(lab) == len(keys) + 1
    lab.cluster.put_secret("default-keys", keys_of(MAIN))
    await lab.elapse(10)
    assert stories(lab, [*keys, DEFAULT]) == {("True", "Available")}
    assert writes(lab) == 2 * (len(keys) + 1)


async def test_a_quiet_fleet_writes_nothing_to_move_its_date() -> None:
    lab, _ = await fleet()
    await lab.elapse(3600)
    assert writes(lab) == 0


async def test_what_is_in_the_making_tells_the_same_story() -> None:
    lab, _ = await fleet()
    inject(lab, {"action": "CreateTemplate", "effect": "slow", "seconds": 3000, "times": 1})
    moving = lab.cluster.apply("SandboxTemplate", "moving", TEMPLATE)
    await lab.elapse(20)
    assert lab.ready(moving) == ("False", "Creating")
    lab.calls.take()
    inject(lab, DOWN)
    await lab.elapse(240)
    assert lab.ready(moving) == ("Unknown", "ProviderUnavailable")
    lab.calls.take()
    await lab.elapse(600)
    assert lab.calls.names.count("write_status") == 0
    lab.simulator.clear_faults()
    await lab.elapse(60)
    assert lab.ready(moving)[0] == "False"


async def test_an_edit_during_an_outage_is_acted_on_afterwards() -> None:
    lab, keys = await fleet()
    inject(lab, DOWN)
    await lab.elapse(300)
    edited = ObjectKey("ModelProxy", "team-a", "get")
    lab.edit(edited, description="second")
    await lab.elapse(20)
    assert lab.ready(edited) == ("Unknown", "ProviderUnavailable")
    assert lab.condition(edited, "Synced") == ("False", "ProviderUnavailable")
    lab.simulator.clear_faults()
    await lab.elapse(60)
    assert stories(lab, keys) == {("True", "Available")}
    assert "second" in {r["description"] for r in lab.resources("ModelProxy")}


async def test_an_object_made_during_an_outage_comes_about_later() -> None:
    lab, _ = await fleet()
    inject(lab, DOWN)
    await lab.elapse(100)
    new = lab.cluster.apply("ModelProxy", "new", PROXY)
    await lab.elapse(20)
    assert lab.ready(new) == ("False", "ProviderUnavailable")
    assert "Account team-a/default" in lab.message(new)
    lab.simulator.clear_faults()
    await lab.elapse(60)
    assert lab.ready(new) == ("True", "Available")


@pytest.mark.parametrize("fault", [DOWN, REFUSED], ids=["503", "refused"])
async def test_what_was_reported_before_is_still_only_reported(
    fault: dict[str, Any],
) -> None:
    lab, _ = await fleet()
    reported = ObjectKey("ModelProxy", "team-a", "reported")
    lab.simulator.edit("ModelProxy", "reported", {"description": "by hand"})
    await lab.elapse(70)
    assert lab.ready(reported) == ("False", "DriftDetected")
    lab.calls.take()
    inject(lab, fault)
    await lab.elapse(300)
    assert lab.ready(reported)[0] == "Unknown"
    assert lab.condition(reported, "Synced") == ("False", "DriftDetected")
    assert lab.condition(reported, "Stalled") == ("", "")
    lab.simulator.clear_faults()
    await lab.elapse(70)
    assert lab.ready(reported) == ("False", "DriftDetected")
    assert lab.condition(reported, "Stalled") == ("True", "DriftDetected")
    assert not [name for name in lab.calls.names if name.startswith("Update")]


async def test_a_fleet_comes_back_within_one_poll() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    keys = [lab.cluster.apply("Credential", f"it-{n}", CREDENTIAL) for n in range(100)]
    await lab.elapse(120)
    inject(lab, DOWN)
    await lab.elapse(300)
    assert stories(lab, keys) == {("Unknown", "ProviderUnavailable")}
    lab.simulator.clear_faults()
    begun = lab.clock.monotonic()
    asked: Counter[int] = Counter()

    def count(name: str) -> None:
        asked[int(lab.clock.monotonic())] += "Credential" in name

    lab.calls.before = count
    await lab.elapse(60)
    assert stories(lab, keys) == {("True", "Available")}
    assert lab.clock.monotonic() - begun < 62
    assert max(asked.values()) <= 42, "twenty in a second, and as many at once at first"


async def test_a_new_process_in_an_outage_comes_to_the_same_story() -> None:
    lab, keys = await fleet()
    inject(lab, DOWN)
    await lab.elapse(20)
    lab.restart()
    await lab.elapse(120)
    assert stories(lab, keys) == {("True", "Available")}
    await lab.elapse(120)
    assert stories(lab, keys) == {("Unknown", "ProviderUnavailable")}
    assert "; not seen since this operator took over at 2026" in lab.message(keys[0])
    told = writes(lab)
    lab.restart()
    await lab.elapse(600)
    assert writes(lab) == told, "what was told is told"
    lab.simulator.clear_faults()
    await lab.elapse(60)
    assert stories(lab, keys) == {("True", "Available")}


async def test_a_new_process_flips_nothing() -> None:
    lab, _ = await fleet()
    for _ in range(3):
        lab.restart()
        await lab.elapse(300)
    assert writes(lab) == 0


async def test_a_kind_that_fails_alone_tells_its_own_story() -> None:
    lab, keys = await fleet()
    inject(lab, DOWN, action="(List|Get)Credentials?")
    await lab.elapse(300)
    credentials = [key for key in keys if key.kind == "Credential"]
    others = [key for key in keys if key not in credentials]
    assert stories(lab, credentials) == {("Unknown", "ProviderUnavailable")}
    assert "503" in lab.message(credentials[0])
    assert stories(lab, [*others, DEFAULT]) == {("True", "Available")}
    await lab.elapse(1200)
    assert writes(lab) == len(credentials)
    lab.simulator.clear_faults()
    await lab.elapse(70)
    assert stories(lab, credentials) == {("True", "Available")}
    assert writes(lab) == 2 * len(credentials)


async def test_what_else_answers_puts_no_date_off() -> None:
    """The account's own proof fails along with one kind, and the others go on answering."""
    lab, keys = await fleet()
    inject(lab, DOWN, action="(List|Get)AgentRuntimes?")
    await lab.elapse(330)
    runtimes = [key for key in keys if key.kind == "AgentRuntime"]
    assert lab.ready(DEFAULT) == ("False", "ProviderUnavailable")
    assert stories(lab, runtimes) == {("Unknown", "ProviderUnavailable")}
    lab.simulator.clear_faults()
    await lab.elapse(70)
    assert stories(lab, [*keys, DEFAULT]) == {("True", "Available")}


async def test_a_write_that_fails_is_told_although_looks_go_well() -> None:
    lab, _ = await fleet()
    drifted = ObjectKey("ModelProxy", "team-a", "get")
    lab.simulator.edit("ModelProxy", "get", {"description": "by hand"})
    inject(lab, DOWN, action="Update.*")
    await lab.elapse(90)
    assert lab.ready(drifted) == ("False", "ProviderUnavailable")
    assert lab.condition(drifted, "Synced") == ("False", "ProviderUnavailable")
    assert "UpdateModelProxy" in lab.message(drifted)
    lab.simulator.clear_faults()
    await lab.elapse(310)
    assert lab.ready(drifted) == ("True", "Available")


async def test_a_longer_poll_interval_is_a_later_date() -> None:
    lab, keys = await fleet()
    patient = ObjectKey("ModelProxy", "team-a", "get")
    lab.annotate(patient, poll_interval="300")
    await lab.elapse(10)
    inject(lab, DOWN)
    await lab.elapse(600)
    assert lab.ready(patient) == ("True", "Available")
    assert stories(lab, [k for k in keys if k != patient]) == {("Unknown", "ProviderUnavailable")}
    await lab.elapse(500)
    assert lab.ready(patient) == ("Unknown", "ProviderUnavailable")


async def test_the_date_follows_the_setting() -> None:
    lab, keys = await fleet(Settings(polling=Polling(unseen_intervals=10.0)))
    inject(lab, DOWN)
    await lab.elapse(400)
    assert stories(lab, keys) == {("True", "Available")}
    await lab.elapse(260)
    assert stories(lab, keys) == {("Unknown", "ProviderUnavailable")}


async def test_the_operators_own_account_has_the_same_story() -> None:
    lab = Lab(Settings(own_account=OwnAccount(MAIN.account_id, "cn-hangzhou", allow=ALL)))
    keys = await mixed_fleet(lab)
    lab.calls.take()
    inject(lab, DOWN)
    await lab.elapse(260)
    assert stories(lab, keys) == {("Unknown", "ProviderUnavailable")}
    assert lab.message(keys[0]).startswith("the operator's own account cannot be used since 2026")
    await lab.elapse(1200)
    assert writes(lab) == len(keys)
    lab.simulator.clear_faults()
    await lab.elapse(60)
    assert stories(lab, keys) == {("True", "Available")}
    assert writes(lab) == 2 * len(keys)
