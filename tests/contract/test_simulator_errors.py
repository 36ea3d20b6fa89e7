"""Every class of refusal as the official client reads it, and faults on demand."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_agentrun20250910 import models
from alibabacloud_tea_openapi.exceptions import (
    ClientException,
    ServerException,
    ThrottlingException,
)
from darabonba.exceptions import UnretryableException
from pydantic import SecretStr

from agentrun_simulator.faults import Fault
from agentrun_simulator.settings import Account
from agentrun_simulator.simulator import Simulator


def create_workspace(client: Any, name: str = "one") -> Any:
    body = models.CreateWorkspaceInput(name=name)
    return client.create_workspace(models.CreateWorkspaceRequest(body=body)).body.data


def create_workspace_async(client: Any) -> Any:
    body = models.CreateWorkspaceInput(name="one")
    return asyncio.run(client.create_workspace_async(models.CreateWorkspaceRequest(body=body)))


def create_runtime(client: Any, **fields: Any) -> Any:
    body = models.CreateAgentRuntimeInput(agent_runtime_name="chat", **fields)
    request = models.CreateAgentRuntimeRequest(body=body)
    return client.create_agent_runtime(request).body.data


RUNTIME = {
    "artifact_type": "Container",
    "container_configuration": models.ContainerConfiguration(image="registry.example/app"),
    "network_configuration": models.NetworkConfiguration(network_mode="PUBLIC"),
}
SIZED = RUNTIME | {"cpu": 2, "memory": 2048, "port": 9000}


def test_missing_sizes_are_named_in_one_message(client: Any) -> None:
    with pytest.raises(ClientException) as refused:
        create_runtime(client, **RUNTIME)
    assert refused.value.status_code == 400
    assert refused.value.code == "ERR_VALIDATION_FAILED"
    assert "CPU is required; Memory is required; Port is required" in refused.value.message


def test_a_wrong_type_is_named_with_its_path(client: Any) -> None:
    container = models.ContainerConfiguration(image=7)
    with pytest.raises(ClientException) as refused:
        create_runtime(client, **(SIZED | {"container_configuration": container}))
    assert refused.value.code == "ERR_VALIDATION_FAILED"
    assert "containerConfiguration.image must be of type string" in refused.value.message


def test_an_endpoint_waits_for_its_runtime(client: Any, simulator: Simulator) -> None:
    simulator.configure({"transitionSeconds": 60})
    runtime = create_runtime(client, **SIZED)
    body = models.CreateAgentRuntimeEndpointInput(agent_runtime_endpoint_name="default")
    request = models.CreateAgentRuntimeEndpointRequest(body=body)
    with pytest.raises(ClientException, match="runtime must be in READY status") as refused:
        client.create_agent_runtime_endpoint(runtime.agent_runtime_id, request)
    assert refused.value.status_code == 400


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"access_key_id": "nobody"}, "InvalidAccessKeyId.NotFound"),
        ({"access_key_secret": "wrong"}, "SignatureDoesNotMatch"),
        ({"security_token": "unexpected"}, "InvalidSecurityToken.MismatchWithAccessKey"),
    ],
    ids=["unknown key", "wrong secret", "token of nobody"],
)
def test_bad_credentials_are_refused(
    make_client: Callable[..., Any], overrides: dict[str, str], code: str
) -> None:
    with pytest.raises(ClientException) as refused:
        make_client(**overrides).list_workspaces(models.ListWorkspacesRequest())
    assert refused.value.code == code
    assert refused.value.status_code in (400, 404)


def test_a_temporary_key_needs_its_token(
    make_client: Callable[..., Any], simulator: Simulator
) -> None:
    temporary = Account(
        account_id="42",
        access_key_id="STS.key",
        access_key_secret=SecretStr("secret"),
        security_token=SecretStr("token"),
    )
    simulator.configure({"accounts": (*simulator.settings.accounts, temporary)})
    keys = {"access_key_id": "STS.key", "access_key_secret": "secret"}
    create_workspace(make_client(**keys, security_token="token"))
    assert simulator.requests()[-1]["account"] == "42"
    with pytest.raises(ClientException) as refused:
        create_workspace(make_client(**keys, security_token="other"))
    assert refused.value.code == "InvalidSecurityToken.Malformed"
    with pytest.raises(ClientException) as refused:
        create_workspace(make_client(**keys))
    assert refused.value.code == "MissingSecurityToken"


def test_accounts_do_not_see_each_other(
    make_client: Callable[..., Any], client: Any, simulator: Simulator
) -> None:
    other = Account(account_id="2", access_key_id="k2", access_key_secret=SecretStr("s2"))
    simulator.configure({"accounts": (*simulator.settings.accounts, other)})
    mine = create_workspace(client)
    stranger = make_client(access_key_id="k2", access_key_secret="s2")
    with pytest.raises(ClientException) as refused:
        stranger.get_workspace(mine.workspace_id)
    assert refused.value.status_code == 404
    create_workspace(stranger)
    assert len(simulator.resources(account="2")["Workspace"]) == 2


def test_no_permission_names_the_action(client: Any, simulator: Simulator) -> None:
    simulator.inject(Fault(effect="error", status=403, code="NoPermission", action="Get.*"))
    create_workspace(client)
    with pytest.raises(ClientException) as refused:
        client.get_credential("any")
    assert refused.value.status_code == 403
    assert refused.value.access_denied_detail["AuthAction"] == "agentrun:GetCredential"


def test_throttling_with_and_without_a_delay(client: Any, simulator: Simulator) -> None:
    headers = {"x-acs-retry-after": "7"}
    throttled = Fault(effect="error", status=429, code="Throttling.User", headers=headers)
    simulator.inject(throttled)
    with pytest.raises(ThrottlingException) as refused:
        client.get_credential("any")
    assert refused.value.retry_after == 7
    simulator.inject(throttled.model_copy(update={"headers": {}}))
    with pytest.raises(ClientException) as plain:
        client.get_credential("any")
    assert plain.value.status_code == 429


@pytest.mark.parametrize("code", ["ServiceUnavailable", "ERR_INTERNAL_SERVER_ERROR"])
def test_server_errors_of_both_spellings(client: Any, simulator: Simulator, code: str) -> None:
    simulator.inject(Fault(effect="error", status=503, code=code))
    with pytest.raises(ServerException) as refused:
        client.get_credential("any")
    assert (refused.value.status_code, refused.value.code) == (503, code)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(effect="html", status=502),
        Fault(effect="empty", status=200),
        Fault(effect="empty", status=204),
        Fault(effect="empty", status=500),
        Fault(effect="drop-before"),
    ],
    ids=lambda fault: f"{fault.effect} {fault.status}",
)
@pytest.mark.parametrize("way", ["sync", "async"])
def test_unreadable_answers(client: Any, simulator: Simulator, fault: Fault, way: str) -> None:
    simulator.inject(fault)
    create = create_workspace if way == "sync" else create_workspace_async
    with pytest.raises(UnretryableException):
        create(client)
    assert len(simulator.resources()["Workspace"]) == 1
    create_workspace(client)


def test_a_lost_answer_leaves_the_resource_behind(client: Any, simulator: Simulator) -> None:
    simulator.inject(Fault(effect="drop-after", action="CreateWorkspace"))
    with pytest.raises(UnretryableException):
        create_workspace(client)
    assert len(simulator.resources()["Workspace"]) == 2
    with pytest.raises(ClientException, match="already exists"):
        create_workspace(client)


def test_a_late_write_appears_after_its_connection_is_gone(
    client: Any, simulator: Simulator, pass_time: Callable[[float], None]
) -> None:
    simulator.inject(Fault(effect="drop-late", action="CreateWorkspace", seconds=300))
    with pytest.raises(UnretryableException):
        create_workspace(client)
    assert len(simulator.resources()["Workspace"]) == 1
    pass_time(300)
    assert len(simulator.resources()["Workspace"]) == 2


@pytest.mark.parametrize(
    ("effect", "status"),
    [
        ("create-failed", "CREATE_FAILED"),
        ("update-failed", "UPDATE_FAILED"),
        ("delete-failed", "DELETE_FAILED"),
    ],
)
def test_a_transition_fails_with_its_reason(
    client: Any, simulator: Simulator, effect: Any, status: str
) -> None:
    simulator.inject(Fault(effect=effect, reason="no quota", name="chat"))
    key = create_runtime(client, **SIZED).agent_runtime_id
    if effect == "update-failed":
        body = models.UpdateAgentRuntimeInput(cpu=4)
        client.update_agent_runtime(key, models.UpdateAgentRuntimeRequest(body=body))
    if effect == "delete-failed":
        client.delete_agent_runtime(key)
    found = client.get_agent_runtime(key, models.GetAgentRuntimeRequest()).body.data
    assert (found.status, found.status_reason) == (status, "no quota")


def test_a_slow_transition_and_a_delayed_answer(client: Any, simulator: Simulator) -> None:
    simulator.inject(Fault(effect="slow", seconds=60, action="CreateAgentRuntime"))
    key = create_runtime(client, **SIZED).agent_runtime_id
    simulator.inject(Fault(effect="delay", seconds=0.2, action="GetAgentRuntime"))
    begun = time.monotonic()
    found = client.get_agent_runtime(key, models.GetAgentRuntimeRequest()).body.data
    assert time.monotonic() - begun >= 0.2
    assert found.status == "CREATING"
