"""Spec → request body, one full example per kind; what we send is what these tables say."""

from typing import Any

import pytest

from agentrun_operator.core.create import created_body
from agentrun_operator.core.dependencies import Dependency, dependencies
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.wire import encode, update_extras
from agentrun_operator.kinds import catalogue
from fakes.full_specs import CODE, ENDPOINT, PROXY, RESOLUTION, RUNTIME, SANDBOX, SERVICE, TEMPLATE

PROXY_BODY = {
    "proxyMode": "multi",
    "cpu": 2.0,
    "memory": 4096,
    "executionRoleArn": "acs:ram::1234567890:role/agentrun",
    "credentialName": "team-a-in",
    "proxyConfig": {
        "endpoints": [
            {"modelServiceName": "qwen", "modelNames": ["qwen-max"], "weight": 60},
            {"modelServiceName": "elsewhere", "baseUrl": "https://m", "weight": 40},
        ],
        "policies": {
            "cache": True,
            "numRetries": 2,
            "requestTimeout": 60,
            "fallbacks": [{"modelServiceName": "qwen", "modelName": "qwen-plus"}],
            "tokenRateLimiter": {"tpm": 1000},
            "aiGuardrailConfig": {"checkRequest": True, "level": "high"},
        },
    },
    "networkConfiguration": {
        "networkMode": "PUBLIC_AND_PRIVATE",
        "vpcId": "vpc-1",
        "vswitchIds": ["a", "b"],
    },
    "logConfiguration": {"project": "agents", "logstore": "chat"},
    "armsConfiguration": {"enableArms": True, "armsLicenseKey": "k-2", "cmsWorkspace": "w"},
    "workspaceId": "ws-1",
}
SERVICE_BODY = {
    "modelType": "llm",
    "provider": "tongyi",
    "providerSettings": {
        "apiKey": "k-1",
        "baseUrl": "https://models",
        "modelNames": ["qwen-max"],
    },
    "modelInfoConfigs": [
        {
            "modelName": "qwen-max",
            "modelFeatures": {"vision": False, "toolCall": True},
            "modelProperties": {"contextSize": 32768},
            "modelParameterRules": [
                {"name": "temperature", "type": "float", "default": 0.7},
                {"name": "mode", "required": True, "default": "auto"},
                {"name": "stream", "default": True, "min": 0, "max": 1},
            ],
        }
    ],
}
RUNTIME_BODY = {
    "artifactType": "Container",
    "containerConfiguration": {
        "image": "r.example.com/team/agent:v1",
        "command": ["python", "app.py"],
        "imageRegistryType": "CUSTOM",
        "registryConfig": {
            "authConfig": {"userName": "u", "password": "p"},
            "certConfig": {"insecure": False, "rootCaCertBase64": "Q0E="},
            "networkConfig": {"vpcId": "vpc-1", "vSwitchId": "vsw-1", "securityGroupId": "sg-1"},
        },
    },
    "cpu": 0.5,
    "memory": 512,
    "port": 9000,
    "networkConfiguration": {"networkMode": "PUBLIC"},
    "environmentVariables": {"KEY": "k-1", "APP_LEVEL": "info"},
    "credentialName": "team-a-in",
    "protocolConfiguration": {
        "type": "SUPER_AGENT",
        "protocolSettings": [
            {"name": "card", "a2aAgentCard": "{}", "a2aAgentCardUrl": "https://card"}
        ],
    },
    "healthCheckConfiguration": {"httpGetUrl": "/health", "initialDelaySeconds": 0},
    "nasConfig": {
        "userId": 0,
        "mountPoints": [{"serverAddr": "n:/", "mountDir": "/n", "enableTLS": True}],
    },
    "ossMountConfig": {
        "mountPoints": [{"bucketName": "bucket", "mountDir": "/o", "readOnly": True}]
    },
    "sessionAffinityType": "HEADER_FIELD",
    "headerFieldName": "X-Session",
}
CODE_BODY = {
    "artifactType": "Code",
    "codeConfiguration": {
        "language": "python3.12",
        "ossBucketName": "bucket",
        "ossObjectName": "a.zip",
    },
    "cpu": 2.0,
    "memory": 4096,
    "port": 9000,
    "networkConfiguration": {"networkMode": "PUBLIC"},
}
ENDPOINT_BODY = {
    "routingConfiguration": {
        "versionWeights": [
            {"version": "1", "weight": 0.33},
            {"version": "LATEST", "weight": 0.67},
        ]
    },
    "scalingConfig": {
        "minInstances": 1,
        "scheduledPolicies": [{"name": "day", "scheduleExpression": "cron(x)", "target": 4}],
    },
}
TEMPLATE_BODY = {
    "templateType": "CodeInterpreter",
    "cpu": 2.0,
    "memory": 4096,
    "networkConfiguration": {"networkMode": "PUBLIC"},
    "diskSize": 512,
    "credentialConfiguration": {"credentialName": "team-a-in"},
    "sandboxIdleTimeoutInSeconds": 1800,
    "sandboxTTLInSeconds": 21600,
    "enablePreStop": True,
    "preStopTimeoutInSeconds": 5,
    "templateConfiguration": {"deep": {"er": [1, "x"]}},
    "ossConfiguration": [{"bucketName": "bucket", "mountPoint": "/o", "prefix": ""}],
}
SANDBOX_BODY = {
    "templateName": "code",
    "sandboxIdleTimeoutInSeconds": 600,
    "polarFsConfig": {"mountPoints": [{"instanceId": "p-1", "mountDir": "/p", "remoteDir": "/"}]},
}


def body(kind: str, spec: dict[str, Any], resolution: Resolution = RESOLUTION) -> dict[str, Any]:
    """Return the body of a create."""
    declared = catalogue()[kind]
    parsed = declared.spec.model_validate(spec)
    return created_body(declared, parsed, encode(declared, parsed, resolution))


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        pytest.param("ModelProxy", PROXY, PROXY_BODY, id="proxy"),
        pytest.param("ModelService", SERVICE, SERVICE_BODY, id="service"),
        pytest.param("AgentRuntime", RUNTIME, RUNTIME_BODY, id="runtime-from-an-image"),
        pytest.param("AgentRuntime", CODE, CODE_BODY, id="runtime-from-code"),
        pytest.param("AgentRuntimeEndpoint", ENDPOINT, ENDPOINT_BODY, id="endpoint"),
        pytest.param("SandboxTemplate", TEMPLATE, TEMPLATE_BODY, id="template"),
        pytest.param("Sandbox", SANDBOX, SANDBOX_BODY, id="sandbox"),
    ],
)
def test_a_full_spec_makes_this_body(
    kind: str, spec: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert body(kind, spec) == expected


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("ModelProxy", {}, {"cpu": 2.0, "memory": 4096}),
        ("ModelService", {}, {}),
        ("Credential", {}, {}),
        ("AgentRuntimeEndpoint", {"runtimeRef": {"name": "chat"}}, {}),
        ("Sandbox", {}, {}),
    ],
)
def test_nothing_is_sent_that_nobody_wrote_but_what_a_create_must_carry(
    kind: str, spec: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert body(kind, spec) == expected


def test_an_account_may_take_weights_as_percent() -> None:
    sent = body("AgentRuntimeEndpoint", ENDPOINT, Resolution(percent_weights=True))
    assert [w["weight"] for w in sent["routingConfiguration"]["versionWeights"]] == [33, 67]


def test_evicting_instances_goes_along_with_updates_only() -> None:
    kind = catalogue()["AgentRuntime"]
    spec = kind.spec.model_validate(RUNTIME)
    assert update_extras(kind, spec, RESOLUTION) == {"forceEvictInstances": True}


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        (
            "ModelProxy",
            PROXY,
            [
                ("Credential", "in", "credentialRef"),
                ("ModelService", "qwen", "endpoints[0].modelServiceRef"),
                ("Secret", "keys", "arms.licenseKeyFrom.secretKeyRef"),
            ],
        ),
        (
            "AgentRuntime",
            RUNTIME,
            [
                ("ConfigMap", "settings", "envFrom[0].configMapRef"),
                ("Credential", "in", "credentialRef"),
                ("Secret", "keys", "env[0].valueFrom.secretKeyRef"),
                ("Secret", "pull", "container.pullSecretRef"),
            ],
        ),
        ("AgentRuntimeEndpoint", ENDPOINT, [("AgentRuntime", "chat", "runtimeRef")]),
        ("Sandbox", SANDBOX, [("SandboxTemplate", "code", "templateRef")]),
        (
            "Account",
            {"credentials": {"secretRef": {"name": "keys"}}},
            [("Secret", "keys", "credentials.secretRef")],
        ),
    ],
)
def test_every_named_object_is_a_dependency(
    kind: str, spec: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    found = dependencies(catalogue()[kind], spec)
    assert sorted(found) == [Dependency(*one) for one in expected]
