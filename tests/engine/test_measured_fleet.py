"""What the metrics tell of a fleet that lives: nothing in them names an object."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.telemetry.metrics import PrometheusMetrics
from agentrun_simulator.faults import Fault
from engine.specs import CREDENTIAL, PROXY, SECRET_VALUE, SERVICE, updates
from fakes.lab import Lab

HERE = {"namespace": "team-a"}
PROXIES = {"kind": "ModelProxy", **HERE}


class Measured:
    """A lab whose engine tells the real metrics."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.metrics = PrometheusMetrics()
        self.lab.engine._metrics = self.lab.engine.queue._metrics = self.metrics
        self.metrics.attach(self.lab.world)

    def value(self, series: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(series, labels)

    def ready(self, reason: str) -> float | None:
        labels = {"condition": "Ready", "status": "True", "reason": reason}
        return self.value("agentrun_resource_condition", **PROXIES, **labels)

    def count(self, name: str, **labels: str) -> float | None:
        return self.value(f"{name}_count", **labels)

    async def made(self) -> ObjectKey:
        await self.lab.ready_account()
        key = self.lab.cluster.apply("ModelProxy", "it", PROXY)
        await self.lab.elapse(10)
        assert self.lab.ready(key) == ("True", "Available")
        return key


@pytest.fixture
def measured() -> Measured:
    return Measured()


async def test_a_life_is_timed_from_create_to_delete(measured: Measured) -> None:
    key = await measured.made()
    timed = "agentrun_edit_to_cloud_seconds", "agentrun_time_to_ready_seconds"
    created = {"kind": "ModelProxy", "change": "create"}
    assert [measured.count(name, **created) for name in timed] == [1, 1]
    measured.lab.edit(key, description="edited")
    await measured.lab.elapse(10)
    updated = {"kind": "ModelProxy", "change": "update"}
    assert [measured.count(name, **updated) for name in timed] == [1, 1]
    assert measured.ready("Available") == 1
    measured.lab.cluster.delete(key)
    await measured.lab.elapse(30)
    assert measured.count(timed[0], kind="ModelProxy", change="delete") == 1
    assert measured.ready("Available") is None


async def test_an_edit_that_changes_no_resource_is_timed_to_no_write(measured: Measured) -> None:
    key = await measured.made()
    measured.lab.edit(key, deletionPolicy="Retain")
    await measured.lab.elapse(10)
    updated = {"kind": "ModelProxy", "change": "update"}
    assert measured.count("agentrun_edit_to_cloud_seconds", **updated) is None
    assert measured.count("agentrun_time_to_ready_seconds", **updated) == 1


async def test_a_rotation_is_timed_to_the_write_that_carries_it(measured: Measured) -> None:
    lab = measured.lab
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    lab.cluster.apply("Credential", "it", CREDENTIAL)
    await lab.elapse(10)
    lab.simulator.inject(
        Fault.model_validate(
            {"action": "UpdateCredential", "effect": "html", "status": 502, "times": None}
        )
    )
    lab.cluster.put_secret("keys", {"token": "rotated"})
    await lab.elapse(60)
    assert measured.value("agentrun_rotation_pending_seconds", **HERE) == 60
    lab.simulator.clear_faults()
    await lab.elapse(300)
    assert measured.value("agentrun_rotation_pending_seconds", **HERE) is None
    assert measured.count("agentrun_rotation_lag_seconds", kind="Credential") == 1
    sent = measured.value("agentrun_rotation_lag_seconds_sum", kind="Credential")
    assert sent is not None
    assert sent > 60


async def told(measured: Measured, reason: str) -> ObjectKey:
    """Bring an object with a Secret that says for that reason that it is not as specified."""
    lab = measured.lab
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    policy = "Report" if reason == "DriftDetected" else "Correct"
    key = lab.cluster.apply(
        "ModelService", "it", {**SERVICE, "description": "first", "driftPolicy": policy}
    )
    await lab.elapse(10)
    if reason == "DriftDetected":
        lab.simulator.edit("ModelService", "it", {"description": "console"})
    else:
        lab.simulator.configure({"switches": {"emptyText": "not-set"}})
        lab.edit(key, description=None)
    await lab.elapse(130)
    assert lab.ready(key) == ("False", reason)
    lab.calls.take()
    return key


@pytest.mark.parametrize("reason", ["DriftDetected", "CannotClear"])
async def test_a_rotation_is_over_when_only_what_is_told_differs(
    measured: Measured, reason: str
) -> None:
    lab, key = measured.lab, await told(measured, reason)
    lab.cluster.put_secret("keys", {"token": "rotated"})
    await lab.elapse(60)
    assert "rotated" in str(lab.resources("ModelService"))
    assert lab.ready(key) == ("False", reason)
    assert measured.value("agentrun_rotation_pending_seconds", **HERE) is None
    assert measured.count("agentrun_rotation_lag_seconds", kind="ModelService") == 1
    lab.cluster.put_secret("keys", {"token": "rotated"})
    await lab.elapse(60)
    assert updates(lab) == 1, "a Secret of the same value is not sent"
    assert measured.value("agentrun_rotation_pending_seconds", **HERE) is None
    assert measured.count("agentrun_rotation_lag_seconds", kind="ModelService") == 1


async def test_a_resource_is_last_seen_at_the_last_look(measured: Measured) -> None:
    await measured.made()
    await measured.lab.elapse(120)
    seen = measured.value("agentrun_last_seen_seconds", **HERE)
    assert seen is not None
    assert seen <= 61
    measured.lab.simulator.inject(
        Fault.model_validate(
            {"action": "(Get|List).*", "effect": "html", "status": 502, "times": None}
        )
    )
    await measured.lab.elapse(600)
    later = measured.value("agentrun_last_seen_seconds", **HERE)
    assert later == pytest.approx(600, abs=61)


async def test_a_deletion_that_is_held_up_tells_its_age(measured: Measured) -> None:
    key = await measured.made()
    measured.lab.simulator.inject(
        Fault.model_validate(
            {"action": "DeleteModelProxy", "effect": "html", "status": 502, "times": None}
        )
    )
    measured.lab.cluster.delete(key)
    await measured.lab.elapse(100)
    assert measured.value("agentrun_deletions_in_flight", **HERE) == 1
    age = measured.value("agentrun_oldest_deletion_seconds", **HERE)
    assert age == pytest.approx(100, abs=1)


async def test_a_budget_shows_under_the_name_of_its_account(measured: Measured) -> None:
    await measured.made()
    account = {"account": "team-a/default"}
    assert measured.value("agentrun_account_budget_calls_per_second", **account) == 20
    assert measured.value("agentrun_account_throttles_total", **account) == 0
    measured.lab.simulator.inject(
        Fault.model_validate(
            {"action": "(Get|List).*", "effect": "error", "status": 429, "times": 2}
        )
    )
    await measured.lab.elapse(120)
    throttles = measured.value("agentrun_account_throttles_total", **account)
    assert throttles is not None
    assert throttles >= 1


async def test_an_account_that_is_gone_shows_no_budget(measured: Measured) -> None:
    await measured.made()
    tokens, account = "agentrun_account_budget_tokens", {"account": "team-a/default"}
    assert measured.value(tokens, **account) is not None
    measured.lab.cluster.vanish(ObjectKey("Account", "team-a", "default"))
    await measured.lab.elapse(1)
    assert measured.lab.world.clients.apis(), "its client stays until the resync"
    assert measured.value(tokens, **account) is None
    assert measured.value(tokens, account="_other") is None
