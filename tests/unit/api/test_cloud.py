from dataclasses import replace

import pytest

from agentrun_operator.api.cloud import AgentRunCloud
from agentrun_operator.api.transport import unlimited
from agentrun_operator.core.errors import CredentialsInvalid, InvalidParameter
from agentrun_operator.core.identity import AccountIdentity, ObjectKey
from agentrun_operator.reconcile.ports import AccountConnection, Cloud

KEYS = {"accessKeyId": "LTAI", "accessKeySecret": "s"}


def account(
    endpoint: str | None = None,
    keys: dict[str, str] | None = KEYS,
    region: str = "cn-hangzhou",
) -> AccountConnection:
    return AccountConnection(AccountIdentity("123", region), endpoint, keys, 20.0)


@pytest.mark.parametrize("endpoint", [None, "https://agentrun-vpc.cn-hangzhou.aliyuncs.com"])
async def test_official_hosts_need_no_setting(endpoint: str | None) -> None:
    cloud: Cloud = AgentRunCloud(environ={})
    await cloud.connect(account(endpoint), unlimited).aclose()


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("https://evil.example", "allow-list"),
        ("http://127.0.0.1:8080", "allow-list"),
        ("https://agentrun.oss-cn-hangzhou.aliyuncs.com", "allow-list"),
        ("https://h.example/path", "without a path"),
    ],
)
def test_other_hosts_are_refused(endpoint: str, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        AgentRunCloud(environ={}).connect(account(endpoint))


def test_a_region_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="region"):
        AgentRunCloud(environ={}).connect(account(region="evil.com/"))


async def test_the_allow_list_adds_to_the_official_hosts() -> None:
    cloud = AgentRunCloud(environ={}, allow_list=("http://127.0.0.1:*",))
    for endpoint in (None, "http://127.0.0.1:8080"):
        await cloud.connect(account(endpoint), unlimited).aclose()


def test_a_missing_key_is_named_when_connecting() -> None:
    with pytest.raises(CredentialsInvalid, match="no key accessKeySecret"):
        AgentRunCloud(environ={}).connect(account(keys={"accessKeyId": "LTAI"}))


async def test_without_keys_the_operator_s_own_are_used() -> None:
    with pytest.raises(CredentialsInvalid, match="AGENTRUN_ACCESS_KEY_ID"):
        AgentRunCloud(environ={}).connect(account(keys=None))
    environ = {"AGENTRUN_ACCESS_KEY_ID": "a", "AGENTRUN_ACCESS_KEY_SECRET": "b"}
    await AgentRunCloud(environ=environ).connect(account(keys=None)).aclose()


async def test_calls_are_told_by_account() -> None:
    told: list[tuple[ObjectKey | None, str, str, float]] = []
    cloud = AgentRunCloud(environ={}, observe=lambda *call: told.append(call))
    source = ObjectKey("Account", "team-a", "default")
    client = cloud.connect(replace(account(), source=source))
    client._transport._observe("GetTool", "200", 0.25)
    await client.aclose()
    assert told == [(source, "GetTool", "200", 0.25)]
