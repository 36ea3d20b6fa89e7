"""The token service: who gets keys, for what, and how long they are good."""

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from agentrun_simulator.settings import DEMO_ACCOUNT, Settings
from agentrun_simulator.signature import SignedRequest, canonical_request, string_to_sign
from agentrun_simulator.simulator import Simulator

NOW = datetime(2026, 1, 15, 8, 0, 0, tzinfo=UTC)
ROLE = "acs:ram::1234567890:role/agentrun"
Ask = Callable[..., Awaitable[httpx.Response]]


def token(**claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2lnbmF0dXJl"


OIDC = {
    "Action": "AssumeRoleWithOIDC",
    "RoleArn": ROLE,
    "OIDCProviderArn": "acs:ram::1234567890:oidc-provider/ack-rrsa",
    "OIDCToken": token(exp=NOW.timestamp() + 60),
    "RoleSessionName": "agentrun-operator",
}


def signed(**parameters: str) -> dict[str, str]:
    """Sign a call as RPC clients do, independently of the simulator's own reading."""
    asked = {
        "Action": "AssumeRole",
        "RoleArn": ROLE,
        "AccessKeyId": DEMO_ACCOUNT.access_key_id,
        "RoleSessionName": "session",
        "SignatureNonce": "~* +/",
    } | parameters
    query = "&".join(f"{quote(n, safe='~')}={quote(v, safe='~')}" for n, v in sorted(asked.items()))
    text = f"GET&%2F&{quote(query, safe='~')}"
    secret = DEMO_ACCOUNT.access_key_secret.get_secret_value()
    digest = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return asked | {"Signature": base64.b64encode(digest).decode()}


@pytest.fixture
def cloud(clock: Any) -> Simulator:
    return Simulator(Settings(), clock)


@pytest.fixture
def ask(cloud: Simulator) -> Ask:
    async def send(method: str, parameters: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(cloud.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sts") as client:
            if method == "POST":
                return await client.post("/", data=parameters)
            return await client.get(f"/?{urlencode(parameters)}")

    return send


def listed(keys: dict[str, str], moment: datetime) -> SignedRequest:
    """A signed ListWorkspaces with temporary keys."""
    headers = {
        "host": "simulator",
        "x-acs-action": "ListWorkspaces",
        "x-acs-version": "2025-09-10",
        "x-acs-date": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": str(moment),
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-security-token": keys["SecurityToken"],
    }
    request = SignedRequest("GET", "/2025-09-10/workspaces", "", headers, b"")
    names = tuple(sorted(headers))
    text = string_to_sign(canonical_request(request, request.raw_path, names))
    signature = hmac.new(keys["AccessKeySecret"].encode(), text.encode(), hashlib.sha256)
    headers["authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={keys['AccessKeyId']},SignedHeaders={';'.join(names)},"
        f"Signature={signature.hexdigest()}"
    )
    return request


async def use(cloud: Simulator, keys: dict[str, str], moment: datetime) -> httpx.Response:
    request = listed(keys, moment)
    transport = httpx.ASGITransport(cloud.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
        return await client.get(request.raw_path, headers=dict(request.headers))


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_keys_for_an_identity_token_work_until_they_expire(
    cloud: Simulator, ask: Ask, clock: Any, method: str
) -> None:
    answer = await ask(method, OIDC | {"DurationSeconds": "900"})
    keys = answer.json()["Credentials"]
    assert keys["Expiration"] == "2026-01-15T08:15:00Z"
    assert (await use(cloud, keys, clock.now())).json()["code"] == "SUCCESS"
    assert cloud.requests()[-1]["account"] == "1234567890"
    clock.advance(900)
    late = await use(cloud, keys, clock.now())
    assert (late.status_code, late.json()["Code"]) == (400, "InvalidSecurityToken.Expired")
    log = json.dumps(cloud.requests())
    assert OIDC["OIDCToken"] not in log
    assert keys["SecurityToken"] not in log


async def test_a_role_is_assumed_with_signed_keys(cloud: Simulator, ask: Ask, clock: Any) -> None:
    answer = await ask("GET", signed())
    assert answer.status_code == 200, answer.text
    assert answer.json()["AssumedRoleUser"]["Arn"] == f"{ROLE}/session"
    assert (await use(cloud, answer.json()["Credentials"], clock.now())).status_code == 200


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        (OIDC | {"OIDCToken": "no token"}, 400, "InvalidParameter.OIDCToken"),
        (OIDC | {"OIDCToken": "a.!.b"}, 400, "InvalidParameter.OIDCToken"),
        (OIDC | {"OIDCToken": token(exp=1)}, 400, "AuthenticationFail.OIDCToken.Expired"),
        (OIDC | {"OIDCProviderArn": "x"}, 404, "EntityNotExist.OIDCProvider"),
        (OIDC | {"RoleArn": "x"}, 400, "InvalidParameter.RoleArn"),
        (OIDC | {"RoleArn": "acs:ram::9:role/x"}, 404, "EntityNotExist.Role"),
        (OIDC | {"RoleSessionName": "a b"}, 400, "InvalidParameter.RoleSessionName"),
        (OIDC | {"DurationSeconds": "899"}, 400, "InvalidParameter.DurationSeconds"),
        (OIDC | {"DurationSeconds": "9" * 5000}, 400, "InvalidParameter.DurationSeconds"),
        (OIDC | {"Action": "GetSessionToken"}, 404, "InvalidAction.NotFound"),
        (signed() | {"Signature": "x"}, 400, "SignatureDoesNotMatch"),
        (signed(AccessKeyId="nobody"), 404, "InvalidAccessKeyId.NotFound"),
        (signed(SecurityToken="x"), 400, "InvalidSecurityToken.Malformed"),
        (signed(Action="GetCallerIdentity", AccessKeyId="x"), 404, "InvalidAccessKeyId.NotFound"),
        (signed(Action="GetCallerIdentity") | {"Signature": "x"}, 400, "SignatureDoesNotMatch"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_refusals(ask: Ask, asked: dict[str, str], status: int, code: str) -> None:
    answer = await ask("GET", asked)
    assert (answer.status_code, answer.json()["Code"]) == (status, code)


async def test_a_key_learns_whose_it_is_and_no_denial_counts(cloud: Simulator, ask: Ask) -> None:
    cloud.configure({"denials": [{"action": ".*"}]})
    answer = await ask("GET", signed(Action="GetCallerIdentity"))
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert (document["AccountId"], document["IdentityType"]) == ("1234567890", "RAMUser")
    assert document["PrincipalId"] == document["UserId"]
    assert document["Arn"].startswith("acs:ram::1234567890:user/")
    assert DEMO_ACCOUNT.access_key_id not in answer.text
    assert cloud.requests()[-1]["account"] == "1234567890"


async def test_temporary_keys_are_gone_after_a_reset(
    cloud: Simulator, ask: Ask, clock: Any
) -> None:
    keys = (await ask("GET", OIDC)).json()["Credentials"]
    cloud.reset()
    assert (await use(cloud, keys, clock.now())).json()["Code"] == "InvalidAccessKeyId.NotFound"
