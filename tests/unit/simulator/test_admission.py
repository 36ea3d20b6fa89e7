"""What a deployment may ask of the gateway: permissions, rates, regions, latencies, old lists."""

from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from agentrun_simulator.admission import Admission
from agentrun_simulator.settings import Latency, Settings
from agentrun_simulator.simulator import Simulator

Ok = Callable[..., Awaitable[dict[str, Any]]]
Api = Callable[..., Awaitable[httpx.Response]]


async def test_a_denied_call_says_what_is_missing(api: Api, simulator: Simulator) -> None:
    simulator.configure({"denials": [{"action": "Create.*", "code": "Forbidden.RAM"}]})
    answer = await api("POST", "/workspaces", {"name": "one"})
    assert answer.status_code == 403
    assert answer.json()["Code"] == "Forbidden.RAM"
    assert answer.json()["AccessDeniedDetail"]["AuthAction"] == "agentrun:CreateWorkspace"
    assert (await api("GET", "/workspaces")).status_code == 200


@pytest.mark.parametrize(
    ("denial", "status"),
    [
        ({"account": "1234567890"}, 403),
        ({"account": "other"}, 200),
        ({"accessKeyId": "demo-access-key-id"}, 403),
        ({"accessKeyId": "other"}, 200),
    ],
    ids=str,
)
async def test_a_denial_may_name_an_account_or_a_key(
    api: Api, simulator: Simulator, denial: dict[str, str], status: int
) -> None:
    simulator.configure({"denials": [denial]})
    assert (await api("GET", "/workspaces")).status_code == status


async def test_a_region_that_is_not_served(api: Api, simulator: Simulator) -> None:
    simulator.configure({"regions": ["cn-beijing"]})
    answer = await api("GET", "/workspaces")
    assert (answer.status_code, answer.json()["Code"]) == (404, "InvalidRegionId.NotFound")
    simulator.configure({"regions": ["cn-hangzhou"]})
    assert (await api("GET", "/workspaces")).status_code == 200


async def test_a_bucket_empties_and_fills_again(api: Api, simulator: Simulator, clock: Any) -> None:
    limit = {"action": "List.*", "perSecond": 2, "burst": 3}
    simulator.configure({"rateLimits": [limit]})
    assert [(await api("GET", "/workspaces")).status_code for _ in range(4)] == [200] * 3 + [429]
    refused = await api("GET", "/workspaces")
    assert refused.json()["Code"] == "Throttling.User"
    assert refused.headers["x-acs-retry-after"] == "500"
    assert (await api("POST", "/workspaces", {"name": "not meant"})).status_code == 200
    clock.advance(1)
    assert [(await api("GET", "/workspaces")).status_code for _ in range(3)] == [200, 200, 429]
    simulator.configure({"rateLimits": [limit | {"burst": 1, "retryAfter": False}]})
    await api("GET", "/workspaces")
    refused = await api("GET", "/workspaces")
    assert refused.status_code == 429
    assert "x-acs-retry-after" not in refused.headers


async def test_a_quota_counts_what_exists(api: Api, ok: Ok, simulator: Simulator) -> None:
    simulator.configure({"quotas": {"Flow": 1}})
    await ok("POST", "/flows", {"flowName": "a"})
    refused = await api("POST", "/flows", {"flowName": "b"})
    assert (refused.status_code, refused.json()["code"]) == (403, "ERR_QUOTA_EXCEEDED")
    await ok("DELETE", "/flows/a")
    await ok("POST", "/flows", {"flowName": "b"})


async def test_a_list_may_lag_behind_in_every_way(ok: Ok, simulator: Simulator, clock: Any) -> None:
    simulator.configure({"staleListSeconds": 5})

    async def shown() -> dict[str, str]:
        return {f["flowName"]: f["definition"] for f in (await ok("GET", "/flows"))["items"]}

    await ok("POST", "/flows", {"flowName": "a", "definition": "one"})
    await ok("POST", "/flows", {"flowName": "b", "definition": "one"})
    assert await shown() == {"a": "one", "b": "one"}
    await ok("PUT", "/flows/a", {"definition": "two"})
    await ok("DELETE", "/flows/b")
    await ok("POST", "/flows", {"flowName": "c", "definition": "one"})
    clock.advance(4.9)
    assert await shown() == {"a": "one", "b": "one"}
    assert (await ok("GET", "/flows/a"))["definition"] == "two"
    clock.advance(0.1)
    assert await shown() == {"a": "two", "c": "one"}


def test_latencies_have_the_median_and_tail_asked_for() -> None:
    rules = (
        Latency(action="Create.*", median_seconds=0.5),
        Latency(median_seconds=0.1, p99_seconds=1.0),
    )
    admission = Admission(Settings(latencies=rules, seed=1))
    assert {admission.latency_seconds("CreateFlow") for _ in range(9)} == {0.5}
    drawn = sorted(admission.latency_seconds("GetFlow") for _ in range(20_000))
    assert median(drawn) == pytest.approx(0.1, rel=0.05)
    assert drawn[int(0.99 * len(drawn))] == pytest.approx(1.0, rel=0.15)
    assert Admission(Settings(latencies=rules[:1])).latency_seconds("GetFlow") == 0
    again = Admission(Settings(latencies=rules, seed=1))
    assert sorted(again.latency_seconds("GetFlow") for _ in range(20_000)) == drawn


async def test_a_slow_operation_takes_its_time(api: Api, simulator: Simulator) -> None:
    simulator.configure({"latencies": [{"action": "ListWorkspaces", "medianSeconds": 0.05}]})
    assert (await api("GET", "/workspaces")).elapsed.total_seconds() >= 0.05


@pytest.mark.parametrize(
    "change",
    [
        {"denials": [{"action": "("}]},
        {"rateLimits": [{"perSecond": 0, "burst": 1}]},
        {"latencies": [{"medianSeconds": 2, "p99Seconds": 1}]},
        {"quotas": {"Flow": -1}},
    ],
    ids=str,
)
def test_settings_without_sense_are_refused(simulator: Simulator, change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        simulator.configure(change)
