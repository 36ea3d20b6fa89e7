"""What no read returns is sent when it changed, and for no other reason."""

from typing import Any

import pytest

from agentrun_simulator.faults import Fault
from engine.specs import SAMPLES, made, ready, updates
from fakes.lab import Lab


async def test_a_request_after_a_restart_sends_no_secret_again() -> None:
    lab, key = await ready(SAMPLES["ModelService"])
    lab.restart()
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(60)
    assert lab.get(key).status["lastRequest"] == "now"
    assert updates(lab) == 0


async def test_an_edit_while_we_were_down_sends_what_may_have_changed() -> None:
    lab, key = await ready(SAMPLES["ModelService"])
    lab.edit(key, description="edited")
    lab.restart()
    await lab.elapse(60)
    assert updates(lab) == 1
    assert lab.ready(key) == ("True", "Available")


# ------------------------------------------------ what left the spec

ARMS = {
    "enabled": True,
    "licenseKeyFrom": {"secretKeyRef": {"name": "keys", "key": "token"}},
    "cmsWorkspace": "w",
}
NO_ARMS = {"enableArms": False, "armsLicenseKey": "***", "cmsWorkspace": ""}
"""As the log of the cloud shows it, which masks the empty key as well."""


def sent(lab: Lab) -> list[Any]:
    """Return the bodies of all updates, secrets masked."""
    requests = lab.simulator.requests()
    return [r["body"] for r in requests if r["action"] == "UpdateModelProxy"]


async def with_arms(**spec: Any) -> tuple[Lab, Any]:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.cluster.put_secret("keys", {"token": "canary"})
    lab.edit(key, arms=ARMS, **spec)
    await lab.elapse(10)
    assert lab.ready(key) == ("True", "Available")
    lab.calls.take()
    return lab, key


@pytest.mark.parametrize("policy", ["Correct", "Report", "Ignore"])
async def test_an_unreadable_removed_field_is_cleared_once(policy: str) -> None:
    lab, key = await with_arms(driftPolicy=policy)
    lab.edit(key, arms=None)
    await lab.elapse(300)
    assert updates(lab) == 1
    assert sent(lab)[-1] == {"armsConfiguration": NO_ARMS}
    assert lab.ready(key) == ("True", "Available")
    assert not [p for p in lab.get(key).status["applied"] if p.startswith("arms")]
    lab.restart()
    await lab.elapse(300)
    assert updates(lab) == 1
    told = [e.message for e in lab.cluster.events if e.reason == "Updated"]
    paths = "arms.enabled, arms.licenseKeyFrom, arms.cmsWorkspace"
    assert told[-1] == f"updated {paths}; no read can confirm that {paths} went"


async def test_a_part_that_left_is_cleared_beside_what_stays() -> None:
    lab, key = await with_arms()
    lab.edit(key, arms={"enabled": True})
    await lab.elapse(100)
    assert updates(lab) == 1
    assert sent(lab)[-1]["armsConfiguration"] == {**NO_ARMS, "enableArms": True}
    assert lab.ready(key) == ("True", "Available")


async def test_a_clearing_that_failed_is_sent_with_the_next_try() -> None:
    lab, key = await with_arms()
    failure = {"action": "UpdateModelProxy", "effect": "update-failed"}
    lab.simulator.inject(Fault.model_validate(failure))
    lab.edit(key, arms=None)
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "ProviderFailed")
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available")
    assert sent(lab)[-1]["armsConfiguration"] == NO_ARMS


async def test_a_key_that_a_read_shows_is_cleared_and_confirmed() -> None:
    lab, key = await ready(SAMPLES["ModelService"])
    settings = {k: v for k, v in lab.get(key).spec["providerSettings"].items() if k != "apiKeyFrom"}
    lab.edit(key, providerSettings=settings)
    await lab.elapse(100)
    assert updates(lab) == 1
    assert not made(lab, SAMPLES["ModelService"])[0]["providerSettings"].get("apiKey")
    assert lab.ready(key) == ("True", "Available")


async def test_an_ignored_one_is_left_alone() -> None:
    lab, key = await with_arms(ignoreFields=["arms"])
    lab.edit(key, arms=None)
    await lab.elapse(100)
    assert updates(lab) == 0
    assert lab.ready(key) == ("True", "Available")
