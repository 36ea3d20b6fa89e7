"""What is published as an address is one, and quotes no value of a Secret."""

import base64
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.kinds import catalogue
from engine.specs import SAMPLES, lab_for
from fakes.lab import Lab

SECRET = "canary-4711"
PUBLISHING = {
    name: field for name, kind in catalogue().items() for field in kind.connection.values()
}
AT = ("team-a", "address")
HOST = "https://1001.agentrun-data.cn-hangzhou.aliyuncs.com"


async def reporting(kind: str, address: str, value: str = SECRET) -> tuple[Lab, ObjectKey]:
    """Return an object that publishes, and of which the cloud reports an address."""
    lab = await lab_for(SAMPLES[kind])
    lab.cluster.put_secret("keys", {"token": value})
    spec: dict[str, Any] = {
        **SAMPLES[kind].spec,
        "writeConnectionTo": {"configMap": {"name": "address"}},
    }
    if kind == "ModelProxy":
        lab.cluster.apply("ModelService", "qwen", SAMPLES["ModelService"].spec)
        spec["endpoints"] = [{"modelServiceRef": {"name": "qwen"}, "modelNames": ["qwen-max"]}]
    else:
        source = {"secretKeyRef": {"name": "keys", "key": "token"}}
        base = ObjectKey("AgentRuntime", "team-a", "base")
        lab.edit(base, env=[{"name": "KEY", "valueFrom": source}])
    key = lab.cluster.apply(kind, "it", spec)
    await lab.elapse(60)
    assert "url" in lab.cluster.connections[AT], lab.message(key)
    lab.simulator.edit(SAMPLES[kind].family, "it", {PUBLISHING[kind]: address})
    await lab.elapse(130)
    return lab, key


@pytest.mark.parametrize("kind", PUBLISHING)
@pytest.mark.parametrize(
    "address",
    [
        f"{HOST}/v2",
        "https://ar-0a1b2c.cn-hangzhou.agentrun.aliyuncs.com",
        "http://127.0.0.1:8080/models/x",
        "10.1.2.3:9000",
        "wss://agents.example.com/invocations",
    ],
)
@pytest.mark.parametrize(
    "value", [SECRET, f"{HOST}/agent-runtimes/other", "cn-hangzhou", "https://api.example.com/v1"]
)
async def test_an_address_is_published(kind: str, address: str, value: str) -> None:
    lab, key = await reporting(kind, address, value)
    assert lab.cluster.connections[AT] == {"url": address}, lab.message(key)
    assert lab.ready(key) == ("True", "Available")


CODED = base64.b64encode(SECRET.encode()).decode().rstrip("=")


@pytest.mark.parametrize("kind", PUBLISHING)
@pytest.mark.parametrize(
    "address",
    [
        pytest.param(f"{HOST}/hooks/{SECRET}", id="in the path"),
        pytest.param(f"https://{SECRET}.example.com", id="in the host"),
        pytest.param(f"{HOST}/{SECRET[2:9]}", id="a part"),
        pytest.param(f"{HOST}/{SECRET.upper()}", id="another case"),
        pytest.param(f"{HOST}/{CODED}", id="base64"),
        pytest.param(f"{HOST}/{SECRET.encode().hex()}", id="hex"),
        pytest.param("https://user:pass@example.com", id="a login"),
        pytest.param(f"{HOST}?token=abc", id="a query"),
        pytest.param(f"{HOST}/%63%61", id="an escape"),
        pytest.param(f"{HOST}/#part", id="a fragment"),
        pytest.param(f"{HOST}/" + "x" * 2048, id="too long"),
        pytest.param(f"{HOST}\nOTHER=value", id="two lines"),
        pytest.param("javascript:alert(1)", id="no address"),
        pytest.param({"url": SECRET}, id="no text"),
    ],
)
async def test_anything_else_is_not_published(kind: str, address: Any) -> None:
    lab, key = await reporting(kind, address)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert "is not written to ConfigMap 'address'" in lab.message(key)
    assert lab.cluster.connections[AT]["url"].endswith(("aliyuncs.com", "/models/it")), "as before"
    lab.cluster.delete_config_map("address")
    await lab.elapse(10)
    assert AT not in lab.cluster.connections
