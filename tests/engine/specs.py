"""One working spec per kind, and what has to exist before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentrun_operator.core.dependencies import SECRET, dependencies
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import KeyedBy
from agentrun_operator.kinds import catalogue
from fakes.examples import CLOUD_KINDS, MINIMAL, SECRETS, examples, referring
from fakes.lab import Lab
from fakes.rests import rest_of

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
BOT = {
    "type": "DingTalk",
    "botId": "ding1",
    "secretFrom": {"secretKeyRef": {"name": "keys", "key": "token"}},
}


@dataclass(frozen=True)
class Sample:
    """One kind as the tests use it."""

    kind: str
    family: str
    """The simulator's name of it."""
    spec: Mapping[str, Any]

    @property
    def noun(self) -> str:
        """Its name in operations of the API."""
        return rest_of(self.kind).noun

    async def prepare(self, lab: Lab) -> None:
        """Bring what the spec refers to: a Secret, and Ready objects called `base`."""
        for need in dependencies(lab.kinds[self.kind], self.spec):
            if need.kind == SECRET:
                await keys(lab)
            else:
                target = SAMPLES[need.kind]
                await target.prepare(lab)
                await base(lab, need.kind, target.spec)


async def keys(lab: Lab, value: str = SECRET_VALUE) -> None:
    lab.cluster.put_secret("keys", dict.fromkeys(("token", *SECRETS["keys"]), value))


async def base(lab: Lab, kind: str, spec: Mapping[str, Any]) -> ObjectKey:
    """Bring an object that others refer to."""
    key = lab.cluster.apply(kind, "base", spec)
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available")
    return key


_RICHER: Mapping[str, Mapping[str, Any]] = {
    "ModelProxy": PROXY,
    "ModelService": SERVICE,
    "Credential": CREDENTIAL,
    "AgentRuntime": RUNTIME,
    "AgentRuntimeEndpoint": ENDPOINT,
    "SandboxTemplate": TEMPLATE,
    "Sandbox": SANDBOX,
    "IMBot": BOT,
}
"""Specs that say more than the minimal one, for tests of a mechanism that needs it."""
_BASES = dict.fromkeys(CLOUD_KINDS, "base")
SAMPLES = {
    kind: Sample(
        kind,
        examples()[kind].family,
        _RICHER.get(kind) or referring(kind, MINIMAL[kind], _BASES),
    )
    for kind in CLOUD_KINDS
}
"""One for each kind: together every way to be keyed, by name, by id, below a parent."""
ALONE = tuple(
    kind
    for kind, sample in SAMPLES.items()
    if all(need.kind == SECRET for need in dependencies(catalogue()[kind], sample.spec))
)
"""Kinds whose sample can be brought to another namespace without other objects."""


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


def ids(lab: Lab, sample: Sample) -> list[str]:
    """Return the ids of what `made` returns."""
    rest = lab.kinds[sample.kind].rest
    assert rest is not None
    return [rest.external_id_of(r) for r in made(lab, sample)]


def cloud_key(lab: Lab, key: ObjectKey) -> str:
    """Return what stands in the path of an object's resource."""
    rest = lab.kinds[key.kind].rest
    assert rest is not None
    obj = lab.get(key)
    found = obj.external_name if rest.key is KeyedBy.NAME else obj.external_id
    assert found
    return found


def updates(lab: Lab) -> int:
    """Return how many updates were sent since the calls were last taken."""
    return len([name for name in lab.calls.names if name.startswith("Update")])
