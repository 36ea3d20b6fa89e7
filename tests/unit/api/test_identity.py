"""Whose keys these are: where to ask, what the answers mean, and that nothing is signed before."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from agentrun_operator.api.cloud import AgentRunCloud
from agentrun_operator.api.credentials import Keys
from agentrun_operator.api.endpoints import token_service_for
from agentrun_operator.api.exchange import Answer, Call
from agentrun_operator.api.identity import OwnedKeys, check_arns, owner_of_keys
from agentrun_operator.core.errors import (
    AccessDenied,
    CredentialsInvalid,
    ForeignKeys,
    InvalidParameter,
    OperatorError,
    Throttled,
    Unavailable,
)
from agentrun_operator.core.identity import AccountIdentity
from agentrun_operator.reconcile.ports import AccountConnection, IdentityCheck

URL = "https://sts.cn-hangzhou.aliyuncs.com"
KEYS = {"accessKeyId": "LTAI", "accessKeySecret": "s"}
PUBLIC, VPC = (f"https://agentrun{n}.cn-hangzhou.aliyuncs.com" for n in ("", "-vpc"))

# ------------------------------------------------ where to ask


@pytest.mark.parametrize(
    ("endpoint", "configured", "service"),
    [
        (PUBLIC, None, URL),
        (VPC, None, "https://sts-vpc.cn-hangzhou.aliyuncs.com"),
        (PUBLIC, "sts-vpc.cn-beijing.aliyuncs.com", "https://sts-vpc.cn-beijing.aliyuncs.com"),
        ("http://127.0.0.1:8080", None, "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080", "sts.cn-beijing.aliyuncs.com", "http://127.0.0.1:8080"),
        ("https://agentrun.corp.example:8443", None, "https://agentrun.corp.example:8443"),
        # Not official: anybody may have such a host.
        ("https://agentrun.cn-hangzhou.example.com", None, None),
        ("https://agentrun-x.cn-hangzhou.aliyuncs.com", None, None),
    ],
)
def test_the_token_service_belongs_to_the_endpoint(
    endpoint: str, configured: str | None, service: str | None
) -> None:
    assert token_service_for(endpoint, configured) == (service or endpoint)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (None, PUBLIC, True),
        (PUBLIC, VPC, True),
        (f"{PUBLIC}:443/", VPC, True),
        (PUBLIC, "https://agentrun.corp.example", False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/", True),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8081", False),
        ("http://a.example", "https://a.example", False),
    ],
)
def test_all_ways_into_a_region_lead_to_one_place(
    one: str | None, other: str | None, *, is_same: bool
) -> None:
    cloud = AgentRunCloud(environ={})
    places = {cloud.place_of("cn-hangzhou", each) for each in (one, other)}
    assert (len(places) == 1) is is_same


@pytest.mark.parametrize("network", ["", "-vpc"])
def test_an_official_host_of_another_region_is_refused(network: str) -> None:
    endpoint = f"https://agentrun{network}.cn-beijing.aliyuncs.com"
    with pytest.raises(InvalidParameter, match=r"region cn-beijing.*cn-hangzhou"):
        AgentRunCloud(environ={}).connect(connection(endpoint))


def connection(endpoint: str | None = None, service: str | None = None) -> AccountConnection:
    identity = AccountIdentity("123", "cn-hangzhou")
    check = IdentityCheck(endpoint=service)
    return AccountConnection(identity, endpoint, KEYS, 20.0, identity_check=check)


@pytest.mark.parametrize("service", [URL, "https://sts.aliyuncs.com", "https://a.example:8443"])
async def test_another_token_service_has_to_be_official_or_allowed(service: str) -> None:
    cloud = AgentRunCloud(environ={}, allow_list=("https://a.example:8443",))
    await cloud.connect(connection(service=service)).aclose()


@pytest.mark.parametrize(
    ("service", "message"),
    [
        ("https://evil.example", "identityCheck.endpoint .* allow-list"),
        ("http://sts.cn-hangzhou.aliyuncs.com", "allow-list"),
        (PUBLIC, "allow-list"),
        ("https://sts.aliyuncs.com/x", "without a path"),
    ],
)
def test_any_other_token_service_is_refused(service: str, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        AgentRunCloud(environ={}).connect(connection(service=service))


# ------------------------------------------------ what is answered


class Service:
    """A token service with one answer."""

    def __init__(self, status: int, body: Any, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer = Answer(status, httpx.Headers(headers), content)

    async def send(self, call: Call) -> Answer:
        assert (call.method, call.path, call.content()) == ("POST", "/", None)
        return self.answer


async def test_the_account_of_the_keys_is_answered() -> None:
    assert await owner_of_keys(Service(200, {"AccountId": "196813200012"}), URL) == "196813200012"


@pytest.mark.parametrize(
    ("service", "error", "words"),
    [
        (Service(200, {}), Unavailable, "without an AccountId"),
        (Service(200, {"AccountId": "x" * 9}), Unavailable, "without an AccountId"),
        (Service(200, {"AccountId": 5}), Unavailable, "without an AccountId"),
        (Service(200, b"<html>"), Unavailable, "mode: Off"),
        (Service(404, {"Code": "InvalidAction.NotFound"}), Unavailable, "mode: Off"),
        (Service(404, b"nothing here"), Unavailable, "mode: Off"),
        (Service(503, b""), Unavailable, "mode: Off"),
        (Service(403, {"Code": "NoPermission"}), AccessDenied, "sts:GetCallerIdentity"),
        (Service(404, {"Code": "InvalidAccessKeyId.NotFound"}), CredentialsInvalid, "Secret"),
        (Service(400, {"Code": "SignatureDoesNotMatch"}), CredentialsInvalid, "Secret"),
        (Service(429, {"Code": "Throttling.User"}), Throttled, "Throttling"),
    ],
)
async def test_an_answer_that_says_nothing_concludes_nothing(
    service: Service, error: type[OperatorError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        await owner_of_keys(service, URL)
    assert not getattr(caught.value, "maybe_applied", False)


@pytest.mark.parametrize(
    ("data", "is_ours"),
    [
        (None, True),
        ({"agentRuntimeArn": "acs:agentrun:cn-hangzhou:123:runtimes/x"}, True),
        ({"agentRuntimeArn": "acs:agentrun:cn-hangzhou:222:runtimes/x"}, False),
        ({"items": [{}, {"templateArn": "acs:agentrun::222:templates/x"}]}, False),
        ({"items": [{"templateArn": "acs:agentrun:cn-hangzhou:123:templates/x"}, 5]}, True),
        # Roles may be another account's, and what people write is theirs.
        ({"executionRoleArn": "acs:ram::222:role/x"}, True),
        ({"description": "acs:agentrun:cn-hangzhou:222:runtimes/x"}, True),
        ({"environmentVariables": {"MyArn": "acs:agentrun:cn-hangzhou:222:runtimes/x"}}, True),
    ],
)
def test_arns_tell_of_the_account_too(data: Any, *, is_ours: bool) -> None:
    if is_ours:
        check_arns(data, "123", action="GetAgentRuntime")
    else:
        with pytest.raises(ForeignKeys, match="account 222"):
            check_arns(data, "123", action="GetAgentRuntime")


# ------------------------------------------------ nothing is signed before


class Source:
    """Keys that a test renews."""

    def __init__(self) -> None:
        self.now = Keys("STS.1", "secret-1", "token-1")

    async def keys(self) -> Keys:
        return self.now


class Asked:
    """Who owns which keys, and who asked."""

    def __init__(self) -> None:
        self.owners: dict[str, str | OperatorError] = {"STS.1": "123"}
        self.asked: list[str] = []

    async def __call__(self, keys: Keys) -> str:
        self.asked.append(keys.access_key_id)
        await asyncio.sleep(0)
        owner = self.owners[keys.access_key_id]
        if isinstance(owner, OperatorError):
            raise owner
        return owner


def owned() -> tuple[OwnedKeys, Source, Asked]:
    source, asked = Source(), Asked()
    return OwnedKeys(source, account_id="123", origin="role r", ask=asked), source, asked


async def test_keys_are_asked_about_once_whoever_waits() -> None:
    keys, source, asked = owned()
    found = await asyncio.gather(*(keys.keys() for _ in range(5)))
    assert found == [source.now] * 5
    assert asked.asked == ["STS.1"]


async def test_renewed_keys_are_asked_about_anew() -> None:
    keys, source, asked = owned()
    await keys.keys()
    source.now, asked.owners["STS.2"] = Keys("STS.2", "secret-2", "token-2"), "222"
    with pytest.raises(ForeignKeys, match=r"role r belong to account 222.*123") as caught:
        await keys.keys()
    assert "secret" not in str(caught.value)
    source.now, asked.owners["STS.3"] = Keys("STS.3", "secret-3", "token-3"), "123"
    assert await keys.keys() == source.now


async def test_without_an_answer_no_keys_are_given() -> None:
    keys, source, asked = owned()
    asked.owners["STS.1"] = Unavailable("no answer")
    with pytest.raises(Unavailable):
        await keys.keys()
    asked.owners["STS.1"] = "123"
    assert await keys.keys() == source.now
    assert asked.asked == ["STS.1", "STS.1"]
