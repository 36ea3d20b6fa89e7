"""Resources that somebody else makes under a name of ours."""

from typing import Any

from agentrun_operator.core.identity import AccountIdentity
from agentrun_operator.reconcile.ports import AccountConnection, ExternalAPI
from engine.specs import ROLE
from fakes.cloud import MAIN, keys_of
from fakes.lab import Lab

PROXY_BODY: dict[str, Any] = {
    "modelProxyName": "it",
    "cpu": 2,
    "memory": 4096,
    "proxyMode": "single",
    "executionRoleArn": ROLE,
    "proxyConfig": {"endpoints": [{"modelServiceName": "qwen", "modelNames": ["qwen-max"]}]},
    "description": "made by hand",
}
RUNTIME_BODY: dict[str, Any] = {
    "agentRuntimeName": "it",
    "artifactType": "Container",
    "containerConfiguration": {"image": "registry.example.com/agent:v1"},
    "executionRoleArn": ROLE,
    "cpu": 2,
    "memory": 4096,
    "port": 9000,
    "networkConfiguration": {"networkMode": "PUBLIC"},
    "description": "made by hand",
}
CREDENTIAL_BODY: dict[str, Any] = {
    "credentialName": "it",
    "credentialAuthType": "api_key",
    "credentialSourceType": "internal",
    "credentialPublicConfig": {"headerKey": "X-API-Key"},
    "credentialSecret": "by-hand",
}


async def by_hand(lab: Lab, kind: str, body: dict[str, Any]) -> None:
    """Create a resource as somebody else would."""
    rest = lab.kinds[kind].rest
    assert rest is not None
    await client_by_hand(lab).create(rest, body)
    lab.clock.advance(5)
    lab.calls.take()


def client_by_hand(lab: Lab) -> ExternalAPI:
    """Return somebody else's client of the account."""

    async def at_once() -> None:
        return None

    return lab.cloud.connect(
        AccountConnection(AccountIdentity("10001", "cn-hangzhou"), None, keys_of(MAIN), 20.0),
        at_once,
    )
