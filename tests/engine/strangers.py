"""Resources that somebody else makes under a name of ours."""

from typing import Any

from engine.specs import ROLE
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
BOT_BODY: dict[str, Any] = {
    "botName": "it",
    "botBizType": "dingtalk",
    "botBizId": "by-hand",
    "botBizSecret": "by-hand",
    "description": "made by hand",
}
DOMAIN_BODY: dict[str, Any] = {
    "domainName": "it",
    "protocol": "HTTP",
    "description": "made by hand",
}


async def by_hand(lab: Lab, kind: str, body: dict[str, Any]) -> None:
    """Create a resource as somebody else would."""
    rest = lab.kinds[kind].rest
    assert rest is not None
    await lab.outsider().create(rest, body)
    lab.clock.advance(5)
    lab.calls.take()
