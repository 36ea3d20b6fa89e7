"""One working spec per kind, and what has to exist before it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import KeyedBy
from fakes.lab import Lab

ROLE = "acs:ram::1001:role/agentrun"
SECRET_VALUE = "canary-4711"

PROXY = {
    "mode": "Single",
    "executionRoleArn": ROLE,
    "endpoints": [{"modelServiceRef": {"externalName": "qwen"}, "modelNames": ["qwen-max"]}],
    "description": "first",
}
SERVICE = {
    "modelType": "llm",
    "provider": "tongyi",
    "providerSettings": {
        "baseUrl": "https://dashscope.example/v1",
        "modelNames": ["qwen-max"],
        "apiKeyFrom": {"secretKeyRef": {"name": "keys", "key": "token"}},
    },
}
CREDENTIAL = {
    "purpose": "Inbound",
    "apiKey": {
        "headerName": "X-API-Key",
        "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}},
    },
}
RUNTIME = {
    "container": {"image": "registry.example.com/agent:v1"},
    "executionRoleArn": ROLE,
    "cpu": "2",
    "memory": "4Gi",
    "port": 9000,
    "description": "first",
}
ENDPOINT = {"runtimeRef": {"name": "base"}, "targetVersion": "LATEST", "description": "first"}
TEMPLATE = {"type": "CodeInterpreter", "cpu": "2", "memory": "4Gi", "description": "first"}
SANDBOX = {"templateRef": {"name": "base"}, "idleTimeoutSeconds": 600}


@dataclass(frozen=True)
class Sample:
    """One kind as the tests use it."""

    kind: str
    family: str
    """The simulator's name of it."""
    spec: Mapping[str, Any]
    prepare: Callable[[Lab], Awaitable[None]]


async def nothing(_lab: Lab) -> None:
    pass


async def keys(lab: Lab) -> None:
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})


async def base(lab: Lab, kind: str, spec: Mapping[str, Any]) -> ObjectKey:
    """Bring an object that others refer to."""
    key = lab.cluster.apply(kind, "base", spec)
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available")
    return key


async def base_runtime(lab: Lab) -> None:
    await base(lab, "AgentRuntime", RUNTIME)


async def base_template(lab: Lab) -> None:
    await base(lab, "SandboxTemplate", TEMPLATE)


SAMPLES = {
    s.kind: s
    for s in (
        Sample("ModelProxy", "ModelProxy", PROXY, nothing),
        Sample("ModelService", "ModelService", SERVICE, keys),
        Sample("Credential", "Credential", CREDENTIAL, keys),
        Sample("AgentRuntime", "AgentRuntime", RUNTIME, nothing),
        Sample("AgentRuntimeEndpoint", "AgentRuntimeEndpoint", ENDPOINT, base_runtime),
        Sample("SandboxTemplate", "Template", TEMPLATE, nothing),
        Sample("Sandbox", "Sandbox", SANDBOX, base_template),
    )
}
"""Every way to be keyed: by name, by the API's id, below a parent, by an id of ours."""


async def lab_for(sample: Sample) -> Lab:
    """Return a lab with a Ready account and everything that the sample refers to."""
    lab = Lab()
    await lab.ready_account()
    await sample.prepare(lab)
    lab.calls.take()
    return lab


async def ready(sample: Sample, **more: Any) -> tuple[Lab, ObjectKey]:
    """Return a lab in which an object `it` of the sample is Ready."""
    lab = await lab_for(sample)
    key = lab.cluster.apply(sample.kind, "it", {**sample.spec, **more})
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    lab.calls.take()
    return lab, key


def made(lab: Lab, sample: Sample) -> list[dict[str, Any]]:
    """Return the cloud resources of the sample's family, those of `base` aside."""
    rest = lab.kinds[sample.kind].rest
    assert rest is not None
    others = {"base", "Default"}
    return [r for r in lab.resources(sample.family) if r.get(rest.name_field or "") not in others]


def cloud_key(lab: Lab, key: ObjectKey) -> str:
    """Return what stands in the path of an object's resource."""
    rest = lab.kinds[key.kind].rest
    assert rest is not None
    obj = lab.get(key)
    found = obj.external_name if rest.key is KeyedBy.NAME else obj.external_id
    assert found
    return found
