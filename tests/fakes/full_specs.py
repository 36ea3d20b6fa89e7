"""One full spec per kind, and what its references resolve to."""

from typing import Any

from agentrun_operator.core.resolution import Resolution

RESOLUTION = Resolution(
    references={
        ("Credential", "in"): "team-a-in",
        ("ModelService", "qwen"): "qwen",
        ("SandboxTemplate", "code"): "code",
        ("AgentRuntime", "chat"): "rt-1",
    },
    secrets={
        "keys": {"api": "k-1", "arms": "k-2"},
        "pull": {
            ".dockerconfigjson": '{"auths": {"r.example.com": {"username": "u", "password": "p"}}}'
        },
    },
    config_maps={"settings": {"LEVEL": "info"}},
)
API_KEY = {"secretKeyRef": {"name": "keys", "key": "api"}}
PROXY = {
    "mode": "Multi",
    "executionRoleArn": "acs:ram::1234567890:role/agentrun",
    "credentialRef": {"name": "in"},
    "endpoints": [
        {"modelServiceRef": {"name": "qwen"}, "modelNames": ["qwen-max"], "weight": 60},
        {"modelServiceRef": {"externalName": "elsewhere"}, "baseUrl": "https://m", "weight": 40},
    ],
    "policies": {
        "cache": True,
        "numRetries": 2,
        "requestTimeoutSeconds": 60,
        "fallbacks": [{"modelServiceRef": {"name": "qwen"}, "modelName": "qwen-plus"}],
        "tokenRateLimiter": {"tpm": 1000},
        "aiGuardrail": {"checkRequest": True, "level": "high"},
    },
    "network": {"mode": "PublicAndPrivate", "vpcId": "vpc-1", "vswitchIds": ["a", "b"]},
    "log": {"project": "agents", "logstore": "chat"},
    "arms": {
        "enabled": True,
        "licenseKeyFrom": {"secretKeyRef": {"name": "keys", "key": "arms"}},
        "cmsWorkspace": "w",
    },
    "workspace": {"id": "ws-1"},
    "driftPolicy": "Report",
    "deletionPolicy": "Retain",
    "externalName": "other",
    "writeConnectionTo": {"configMap": {"name": "chat"}},
}
SERVICE = {
    "modelType": "llm",
    "provider": "tongyi",
    "providerSettings": {
        "apiKeyFrom": API_KEY,
        "baseUrl": "https://models",
        "modelNames": ["qwen-max"],
    },
    "models": [
        {
            "name": "qwen-max",
            "features": {"vision": False, "toolCall": True},
            "properties": {"contextSize": 32768},
            "parameterRules": [
                {"name": "temperature", "type": "float", "default": "0.7"},
                {"name": "mode", "required": True, "default": "auto"},
                {"name": "stream", "default": "true", "min": 0, "max": 1},
            ],
        }
    ],
}
RUNTIME = {
    "container": {
        "image": "r.example.com/team/agent:v1",
        "command": ["python", "app.py"],
        "imageRegistryType": "Custom",
        "pullSecretRef": {"name": "pull"},
        "registryConfig": {
            "cert": {"insecure": False, "rootCaCertBase64": "Q0E="},
            "network": {"vpcId": "vpc-1", "vSwitchId": "vsw-1", "securityGroupId": "sg-1"},
        },
    },
    "cpu": "500m",
    "memory": "512Mi",
    "env": [{"name": "KEY", "valueFrom": API_KEY}],
    "envFrom": [{"prefix": "APP_", "configMapRef": {"name": "settings"}}],
    "credentialRef": {"name": "in"},
    "protocol": {
        "type": "SuperAgent",
        "settings": [{"name": "card", "a2aAgentCard": "{}", "a2aAgentCardUrl": "https://card"}],
    },
    "healthCheck": {"httpGetUrl": "/health", "initialDelaySeconds": 0},
    "nas": {
        "userId": 0,
        "mountPoints": [{"serverAddr": "n:/", "mountDir": "/n", "enableTLS": True}],
    },
    "ossMount": {"mountPoints": [{"bucketName": "bucket", "mountDir": "/o", "readOnly": True}]},
    "sessionAffinityType": "HeaderField",
    "headerFieldName": "X-Session",
    "forceEvictInstances": True,
}
CODE = {"code": {"language": "python3.12", "ossBucketName": "bucket", "ossObjectName": "a.zip"}}
ENDPOINT = {
    "runtimeRef": {"name": "chat"},
    "routing": [
        {"version": "1", "weightPercent": 33},
        {"version": "LATEST", "weightPercent": 67},
    ],
    "scaling": {
        "minInstances": 1,
        "scheduledPolicies": [{"name": "day", "scheduleExpression": "cron(x)", "target": 4}],
    },
}
TEMPLATE = {
    "type": "CodeInterpreter",
    "diskSize": 512,
    "credentialRef": {"name": "in"},
    "sandboxIdleTimeoutSeconds": 1800,
    "sandboxTtlSeconds": 21600,
    "enablePreStop": True,
    "preStopTimeoutSeconds": 5,
    "templateConfiguration": {"deep": {"er": [1, "x"]}},
    "ossMounts": [{"bucketName": "bucket", "mountPoint": "/o", "prefix": ""}],
}
SANDBOX = {
    "templateRef": {"name": "code"},
    "idleTimeoutSeconds": 600,
    "desiredState": "Paused",
    "restartPolicy": "Always",
    "ttlSecondsAfterFinished": 60,
    "polarFs": {"mountPoints": [{"instanceId": "p-1", "mountDir": "/p", "remoteDir": "/"}]},
}

CREDENTIAL = {
    "purpose": "Inbound",
    "apiKey": {"headerName": "X-API-Key", "valueFrom": API_KEY},
    "enabled": True,
    "description": "callers",
}
FULL: dict[str, dict[str, Any]] = {
    "ModelProxy": PROXY,
    "ModelService": SERVICE,
    "AgentRuntime": RUNTIME,
    "AgentRuntimeEndpoint": ENDPOINT,
    "SandboxTemplate": TEMPLATE,
    "Sandbox": SANDBOX,
    "Credential": CREDENTIAL,
}
