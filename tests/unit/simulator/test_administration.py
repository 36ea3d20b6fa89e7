"""The admin surface over HTTP, faults, and the request log."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from agentrun_simulator.gateway import ConnectionDroppedError
from agentrun_simulator.requestlog import MAX_LOG_BYTES
from agentrun_simulator.simulator import Simulator

Api = Callable[..., Awaitable[httpx.Response]]
Ok = Callable[..., Awaitable[dict[str, Any]]]

CREDENTIAL = {
    "credentialName": "key",
    "credentialAuthType": "basic",
    "credentialSourceType": "internal",
    "credentialSecret": "canary-1",
    "credentialPublicConfig": {
        "users": [{"username": "u", "password": "canary-2"}],
        "authConfig": {"accessKey": "canary-3"},
    },
}


async def test_the_log_counts_requests_and_masks_secrets(api: Api, ok: Ok) -> None:
    await ok("POST", "/agents/credentials", CREDENTIAL)
    settings = {"enableArms": True, "armsLicenseKey": "canary-4"}
    variables = {"OPENAI_API_KEY": "canary-5"}
    body = {"armsConfiguration": settings, "environmentVariables": variables}
    await api("POST", "/agents/runtimes", body)
    await api("GET", "/agents/credentials/none", pageSize=1)
    response = await api("GET", "/admin/requests")
    assert "canary" not in response.text
    first, second, third = response.json()["requests"]
    assert (first["seq"], first["action"], first["status"]) == (1, "CreateCredential", 200)
    assert first["body"]["credentialName"] == "key"
    assert first["body"]["credentialPublicConfig"]["users"][0]["username"] == "u"
    assert (second["action"], second["status"]) == ("CreateAgentRuntime", 400)
    assert second["body"]["environmentVariables"] == {"OPENAI_API_KEY": "***"}
    assert (third["status"], third["query"], third["body"]) == (404, "pageSize=1", None)
    assert (third["account"], third["region"]) == ("1234567890", "cn-hangzhou")

    since = await api("GET", "/admin/requests", since=1, action="GetCredential")
    assert [entry["seq"] for entry in since.json()["requests"]] == [3]
    assert (await api("GET", "/admin/requests", since="x")).status_code == 400
    await api("DELETE", "/admin/requests")
    assert (await api("GET", "/admin/requests")).json() == {"requests": []}
    await ok("GET", "/agents/credentials")
    assert (await api("GET", "/admin/requests")).json()["requests"][0]["seq"] == 4


async def test_the_log_keeps_only_its_last_entries() -> None:
    from agentrun_simulator.settings import Settings  # noqa: PLC0415

    simulator = Simulator(Settings(verify_signatures=False, max_log_entries=2))
    transport = httpx.ASGITransport(simulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
        for _ in range(5):
            await client.get("/2025-09-10/workspaces")
    assert [entry["seq"] for entry in simulator.requests()] == [4, 5]


async def test_the_log_keeps_no_more_than_fits_into_memory(api: Api) -> None:
    document = {"description": "x" * 5_000_000}
    for _ in range(30):
        await api("POST", "/2025-09-10/nothing-here", document)
    log = (await api("GET", "/admin/requests")).json()["requests"]
    assert [entry["seq"] for entry in log] == list(range(31 - MAX_LOG_BYTES // 5_000_000, 31))
    await api("DELETE", "/admin/requests")
    await api("GET", "/2025-09-10/nothing-here")
    assert len((await api("GET", "/admin/requests")).json()["requests"]) == 1


async def test_a_fault_meets_its_requests_as_often_as_asked(api: Api) -> None:
    fault = {"action": "Get.*", "name": "a.*", "effect": "error", "status": 500, "times": 2}
    response = await api("POST", "/admin/faults", fault)
    assert response.status_code == 201
    statuses = [(await api("GET", f"/agents/credentials/{n}")).status_code for n in "abaa"]
    assert statuses == [500, 404, 500, 404]
    assert (await api("GET", "/admin/faults")).json() == {"faults": []}
    log = (await api("GET", "/admin/requests")).json()["requests"]
    assert [entry["fault"] for entry in log] == ["error", None, "error", None]


async def test_a_lasting_fault_is_listed_until_lifted(api: Api) -> None:
    fault = {"effect": "html", "status": 502, "times": None}
    number = (await api("POST", "/admin/faults", fault)).json()["id"]
    await api("POST", "/admin/faults", {"effect": "empty", "account": "other"})
    for _ in range(3):
        response = await api("GET", "/workspaces")
        assert (response.status_code, response.headers["content-type"]) == (502, "text/html")
    listed = (await api("GET", "/admin/faults")).json()["faults"]
    assert [(entry["id"], entry["left"]) for entry in listed] == [(number, None), (number + 1, 1)]
    await api("DELETE", f"/admin/faults/{number}")
    assert (await api("GET", "/workspaces")).status_code == 200
    await api("DELETE", "/admin/faults")
    assert (await api("GET", "/admin/faults")).json() == {"faults": []}


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({}, "effect: Field required"),
        ({"effect": "explode"}, "effect: Input should be"),
        ({"effect": "delay"}, "needs seconds"),
        ({"effect": "error", "action": "("}, "not a regular expression"),
        ({"effect": "error", "times": 0}, "times: Input should be"),
        ({"effect": "error", "status": 99}, "status: Input should be"),
        ({"effect": "error", "colour": 1}, "colour: Extra inputs are not permitted"),
        ({"effect": "error", "headers": {"a": "b\r\nc"}}, "printable ASCII"),
    ],
    ids=str,
)
async def test_a_wrong_fault_is_explained(api: Api, fault: dict[str, Any], message: str) -> None:
    response = await api("POST", "/admin/faults", fault)
    assert response.status_code == 400
    assert message in response.json()["error"]


@pytest.mark.parametrize(
    ("effect", "applied", "count"),
    [
        ("drop-before", False, 1),
        ("drop-after", False, 2),
        ("error", True, 2),
        ("error", False, 1),
        ("empty", True, 2),
    ],
)
async def test_what_took_effect_in_spite_of_a_fault(
    api: Api, simulator: Simulator, effect: str, *, applied: bool, count: int
) -> None:
    await api("POST", "/admin/faults", {"effect": effect, "applied": applied})
    body = {"name": "w"}
    if effect.startswith("drop"):
        with pytest.raises(ConnectionDroppedError):
            await api("POST", "/workspaces", body)
    else:
        assert (await api("POST", "/workspaces", body)).status_code == 503
    assert len(simulator.resources()["Workspace"]) == count


async def test_a_late_write_waits_for_its_moment(
    api: Api, simulator: Simulator, clock: Any
) -> None:
    await api("POST", "/admin/faults", {"effect": "drop-late", "seconds": 30})
    with pytest.raises(ConnectionDroppedError):
        await api("POST", "/workspaces", {"name": "w"})
    clock.advance(29)
    assert len(simulator.resources()["Workspace"]) == 1
    clock.advance(1)
    _, late = simulator.resources()["Workspace"]
    assert late["createdAt"] == "2026-01-15T16:00:30.000000+08:00"


async def test_an_edit_behind_everybodys_back(api: Api, ok: Ok, clock: Any) -> None:
    await ok("POST", "/agents/credentials", CREDENTIAL)
    clock.advance(5)
    path = "/admin/resources/Credential/key"
    response = await api("PATCH", path, {"description": "edited", "credentialPublicConfig": None})
    assert response.json()["description"] == "edited"
    found = await ok("GET", "/agents/credentials/key")
    assert "credentialPublicConfig" not in found
    assert found["updatedAt"] > found["createdAt"]
    assert (await api("DELETE", path)).status_code == 200
    assert (await api("GET", "/agents/credentials/key")).status_code == 404
    for family, key in (("Credential", "key"), ("Nothing", "key")):
        response = await api("DELETE", f"/admin/resources/{family}/{key}")
        assert (response.status_code, "not found" in response.json()["error"]) == (404, True)


async def test_an_edited_status_ends_the_transition(api: Api, ok: Ok, clock: Any) -> None:
    body = {
        "modelProxyName": "chat",
        "cpu": 2,
        "memory": 2048,
        "proxyMode": "single",
        "executionRoleArn": "acs:ram::1:role/agentrun",
        "proxyConfig": {},
    }
    await ok("POST", "/agents/model-proxies", body)
    change = {"status": "CREATE_FAILED", "statusReason": "no quota"}
    await api("PATCH", "/admin/resources/ModelProxy/chat", change)
    clock.advance(60)
    found = await ok("GET", "/agents/model-proxies/chat")
    assert (found["status"], found["statusReason"]) == ("CREATE_FAILED", "no quota")


async def test_resources_are_counted_per_account_and_region(api: Api, ok: Ok) -> None:
    await ok("POST", "/agents/credentials", CREDENTIAL)
    shown = (await api("GET", "/admin/resources")).json()
    assert shown["counts"] == {"Workspace": 1, "Credential": 1}
    assert shown["resources"]["Credential"][0]["credentialName"] == "key"
    elsewhere = (await api("GET", "/admin/resources", region="cn-beijing")).json()
    assert elsewhere["counts"] == {"Workspace": 1}


async def test_the_host_header_chooses_the_region(simulator: Simulator) -> None:
    transport = httpx.ASGITransport(simulator.app)
    hosts = {
        "agentrun.cn-beijing.aliyuncs.com": "cn-beijing",
        "agentrun-vpc.ap-southeast-1.aliyuncs.com:80": "ap-southeast-1",
        "http://127.0.0.1:8080": "cn-hangzhou",
    }
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
        for host in hosts:
            await client.get("/2025-09-10/workspaces", headers={"host": host})
    assert [entry["region"] for entry in simulator.requests()] == list(hosts.values())


async def test_settings_change_at_run_time_and_reset(api: Api, simulator: Simulator) -> None:
    changes = {"transitionSeconds": 0, "switches": {"nestedPut": "merge"}}
    shown = (await api("PUT", "/admin/settings", changes)).json()
    assert (shown["transitionSeconds"], shown["switches"]["nestedPut"]) == (0, "merge")
    await api("PUT", "/admin/settings", {"switches": {"duplicateStatus": 400}})
    now = await api("GET", "/admin/settings")
    assert now.json()["switches"]["nestedPut"] == "merge"
    assert "demo-access-key-secret" not in now.text
    for wrong in ({"colour": 1}, {"switches": {"nestedPut": "x"}}, {"transitionSeconds": -1}):
        assert (await api("PUT", "/admin/settings", wrong)).status_code == 400
    await api("POST", "/workspaces", {"name": "w"})
    assert (await api("POST", "/admin/reset")).status_code == 200
    assert simulator.settings.switches.nested_put == "replace"
    assert simulator.requests() == []
    assert len(simulator.resources()["Workspace"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "raw", "status"),
    [
        ("POST", "/admin/faults", b"{", 400),
        ("PUT", "/admin/settings", b"[]", 400),
        ("PUT", "/admin/settings", b"\xff", 400),
        ("GET", "/admin/nothing", b"", 404),
        ("POST", "/admin/requests", b"", 405),
    ],
)
async def test_wrong_admin_calls(api: Api, method: str, path: str, raw: bytes, status: int) -> None:
    response = await api(method, path, raw=raw)
    assert (response.status_code, "error" in response.json()) == (status, True)
