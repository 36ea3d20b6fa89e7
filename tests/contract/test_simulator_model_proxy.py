"""The thinnest path: one family, signatures verified, the official client believing all of it."""

import time
from typing import Any

import pytest
from alibabacloud_agentrun20250910 import models
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException


def create(client: Any, name: str, **fields: Any) -> Any:
    proxy = models.CreateModelProxyInput(
        model_proxy_name=name,
        cpu=2,
        memory=2048,
        proxy_mode="single",
        execution_role_arn="acs:ram::1:role/agentrun",
        proxy_config=models.ProxyConfig(),
        **fields,
    )
    return client.create_model_proxy(models.CreateModelProxyRequest(body=proxy)).body.data


def until(client: Any, name: str, status: str) -> Any:
    deadline = time.monotonic() + 5
    while (found := client.get_model_proxy(name).body.data).status != status:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


@pytest.mark.parametrize("name", ["chat", "a b/c~*+中:@"])
def test_a_proxy_lives_from_creating_to_404(client: Any, name: str) -> None:
    assert create(client, name).status == "CREATING"
    ready = until(client, name, "READY")
    assert ready.endpoint
    assert ready.function_name

    client.update_model_proxy(
        name,
        models.UpdateModelProxyRequest(body=models.UpdateModelProxyInput(description="new")),
    )
    assert until(client, name, "READY").description == "new"

    assert client.delete_model_proxy(name).body.data.status == "DELETING"
    with pytest.raises(ClientException) as refused:
        until(client, name, "gone")
    assert refused.value.status_code == 404
    assert "not found" in refused.value.message


def test_a_duplicate_proxy_is_a_server_error(client: Any) -> None:
    create(client, "chat")
    with pytest.raises(ServerException, match="already exists") as refused:
        create(client, "chat")
    assert refused.value.status_code == 500
