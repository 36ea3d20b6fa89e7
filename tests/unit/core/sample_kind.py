"""A kind with every marker that exists, and strategies for its specs."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from hypothesis import strategies as st

from agentrun_operator.core.fields import (
    ApiName,
    Clear,
    ClearWith,
    ConfigMapReference,
    Cpu,
    EncodedBy,
    FreeForm,
    Immutable,
    Inline,
    Local,
    Memory,
    ObservedModel,
    Ref,
    Reference,
    Sensitive,
    ServerDefault,
    SpecModel,
    Unordered,
    UpdateOnly,
    ValueFrom,
    WriteOnly,
)
from agentrun_operator.core.kind import Derived, KeyedBy, Phase, ResourceKind, Rest
from agentrun_operator.core.policies import ResourceSpec
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.wire import encode
from agentrun_operator.core.words import Words

SECRET_VALUE = "hunter2-canary"


class Limits(SpecModel):
    per_second: int | None = None
    burst: int | None = None
    note: str | None = None


class Policies(SpecModel):
    num_retries: int | None = None
    cache: bool | None = None
    limits: Limits | None = None


class Network(SpecModel):
    mode: Annotated[
        Literal["Public", "Private"] | None,
        Words({"Public": "PUBLIC", "Private": "PRIVATE"}),
        ApiName("networkMode"),
    ] = None
    vpc_id: str | None = None
    vswitch_ids: Annotated[tuple[str, ...], Unordered()] = ()


class Upstream(SpecModel):
    name: Annotated[str, ApiName("upstreamName", reads="meta.title")]
    service_ref: Annotated[Reference | None, Ref("ModelService"), ApiName("modelServiceName")] = (
        None
    )
    model_names: Annotated[tuple[str, ...], Unordered()] = ()
    weight: int | None = None


def _labels(mount: "Mount", _: Resolution) -> dict[str, str]:
    return dict(label.split("=", 1) for label in mount.labels)


class Mount(SpecModel):
    server: str
    read_only: bool | None = None
    options: tuple[str, ...] = ()
    labels: Annotated[tuple[str, ...], EncodedBy(_labels, exact=True), Clear({})] = ()


class Workspace(SpecModel):
    id: Annotated[str, ApiName("workspaceId")]


class Login(SpecModel):
    user_name: str | None = None
    password: str | None = None


class Registry(SpecModel):
    auth: Login | None = None
    insecure: bool | None = None


class EnvVar(SpecModel):
    name: str
    value: str | None = None
    value_from: ValueFrom | None = None


class EnvFrom(SpecModel):
    config_map_ref: ConfigMapReference | None = None


def _schedule(spec: "SampleSpec", _: Resolution) -> str | None:
    return ";".join(spec.schedule) or None


class SampleSpec(ResourceSpec):
    description: str | None = None
    cpu: Cpu | None = None
    memory: Memory | None = None
    port: int | None = None
    enabled: Annotated[bool | None, ServerDefault("true")] = None
    verbose: bool | None = None
    concurrency: Annotated[int | None, ServerDefault("1")] = None
    affinity: Annotated[
        Literal["None", "Cookie"] | None,
        Words({"None": "NONE", "Cookie": "GENERATED_COOKIE"}),
        ServerDefault("None"),
    ] = None
    edition: Annotated[str | None, Clear("standard")] = None
    size: Annotated[str | None, Immutable()] = None
    network: Network | None = None
    policies: Policies | None = None
    frozen: Annotated[Limits | None, Immutable()] = None
    workspace: Annotated[Workspace | None, Inline(), Immutable()] = None
    upstreams: Annotated[tuple[Upstream, ...], Unordered("name")] = ()
    mounts: tuple[Mount, ...] = ()
    peers: Annotated[tuple[Mount, ...], Unordered()] = ()
    tags: Annotated[tuple[str, ...], Unordered()] = ()
    steps: tuple[str, ...] = ()
    headers: dict[str, str] | None = None
    document: Annotated[dict[str, Any] | None, FreeForm()] = None
    registry: Annotated[Registry | None, Sensitive()] = None
    license_key: Annotated[str | None, WriteOnly()] = None
    scaling: Annotated[Limits | None, ApiName("scalingConfig", reads="scalingStatus")] = None
    credential_ref: Annotated[Reference | None, Ref("Credential"), ApiName("credentialName")] = None
    quota: Annotated[
        Limits | None,
        ApiName("quotaConfig", reads="quotaStatus"),
        ClearWith("deleteQuotaConfig", value=True),
    ] = None
    trace_level: Annotated[str | None, ApiName("tracing.level")] = None
    trace_sink: Annotated[str | None, ApiName("tracing.sink.name")] = None
    schedule: Annotated[tuple[str, ...], EncodedBy(_schedule), Clear("")] = ()
    evict: Annotated[bool | None, ApiName("forceEvict"), UpdateOnly()] = None
    token: Annotated[ValueFrom | None, ApiName("accessToken")] = None
    env: Annotated[tuple[EnvVar, ...], Local()] = ()
    env_from: Annotated[tuple[EnvFrom, ...], Local()] = ()


def _env(spec: SampleSpec, resolution: Resolution) -> dict[str, str] | None:
    values = {
        v.name: resolution.value(v.value_from) if v.value_from else v.value or "" for v in spec.env
    }
    return values or None


KIND = ResourceKind(
    kind="Sample",
    plural="samples",
    short_names=("smp",),
    summary="A kind with every marker.",
    spec=SampleSpec,
    observed=ObservedModel,
    rest=Rest(
        "/samples",
        noun="Sample",
        nouns="Samples",
        key=KeyedBy.NAME,
        id_field="sampleId",
        name_field="sampleName",
    ),
    phases={"RUNNING": Phase.READY, "STOPPED": Phase.IDLE},
    derived=(
        Derived("environmentVariables", path="env", encode=_env, secret=True, exact=True, clear={}),
    ),
)

RESOLUTION = Resolution(
    references={("ModelService", "qwen"): "qwen-external", ("Credential", "in"): "in-external"},
    secrets={"keys": {"token": SECRET_VALUE}},
    config_maps={"settings": {"level": "info"}},
    versions={"keys": "uid-1/7"},
)

FULL: Mapping[str, Any] = {
    "description": "a sample",
    "cpu": "500m",
    "memory": "4Gi",
    "port": 9000,
    "enabled": False,
    "verbose": True,
    "concurrency": 5,
    "affinity": "Cookie",
    "edition": "pro",
    "size": "large",
    "network": {"mode": "Private", "vpcId": "vpc-1", "vswitchIds": ["vsw-1", "vsw-2"]},
    "policies": {
        "numRetries": 2,
        "cache": True,
        "limits": {"perSecond": 10, "burst": 20, "note": "n"},
    },
    "frozen": {"perSecond": 7, "note": "fixed"},
    "workspace": {"id": "ws-1"},
    "upstreams": [
        {"name": "a", "serviceRef": {"name": "qwen"}, "modelNames": ["m1", "m2"], "weight": 40},
        {"name": "b", "serviceRef": {"externalName": "other"}, "weight": 60},
    ],
    "mounts": [{"server": "nas-1", "readOnly": True, "options": ["a", "b"]}, {"server": "nas-2"}],
    "peers": [{"server": "p-1"}, {"server": "p-2", "readOnly": True}],
    "tags": ["x", "y"],
    "steps": ["one", "two"],
    "headers": {"X-A": "1"},
    "document": {"outer": {"inner": "v"}, "list": ["p", "q"], "flag": True},
    "registry": {"auth": {"userName": "u", "password": SECRET_VALUE}, "insecure": True},
    "licenseKey": SECRET_VALUE,
    "scaling": {"perSecond": 3},
    "quota": {"burst": 9},
    "traceLevel": "debug",
    "traceSink": "sls",
    "schedule": ["mon", "tue"],
    "evict": True,
    "credentialRef": {"name": "in"},
    "token": {"secretKeyRef": {"name": "keys", "key": "token"}},
    "env": [
        {"name": "LEVEL", "value": "info"},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
    ],
}


def body_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the desired state of a raw spec on the wire."""
    return encode(KIND, SampleSpec.model_validate(dict(spec)), RESOLUTION)


def answer_to(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a faithful server reads a body back: its own names, no write-only field."""
    answer: dict[str, Any] = json.loads(json.dumps(body))
    answer.pop("licenseKey", None)
    for sent, read in (("scalingConfig", "scalingStatus"), ("quotaConfig", "quotaStatus")):
        if sent in answer:
            answer[read] = answer.pop(sent)
    for item in answer.get("upstreams", ()):
        item["meta"] = {"title": item.pop("upstreamName")}
    return answer


_text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)
_number = st.integers(1, 10**6)
_leaf = st.one_of(_text, st.integers(-(2**53), 2**53), st.booleans(), st.floats(-1e6, 1e6))
_limits = st.fixed_dictionaries(
    {}, optional={"perSecond": _number, "burst": _number, "note": _text}
)
_upstream = st.fixed_dictionaries(
    {"name": _text},
    optional={
        "serviceRef": st.sampled_from([{"name": "qwen"}, {"externalName": "other"}]),
        "modelNames": st.lists(_text, max_size=3, unique=True),
        "weight": _number,
    },
)
_mount = st.fixed_dictionaries(
    {"server": _text},
    optional={"readOnly": st.booleans(), "options": st.lists(_text, max_size=3)},
)
_document = st.dictionaries(
    _text,
    st.recursive(
        _leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)

specs: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "description": _text,
        "cpu": st.sampled_from(["2", "0.5", "500m", "1.25"]),
        "memory": st.sampled_from(["512Mi", "4Gi"]),
        "port": _number,
        "enabled": st.booleans(),
        "verbose": st.booleans(),
        "concurrency": _number,
        "affinity": st.sampled_from(["None", "Cookie"]),
        "edition": _text,
        "size": _text,
        "network": st.fixed_dictionaries(
            {},
            optional={
                "mode": st.sampled_from(["Public", "Private"]),
                "vpcId": _text,
                "vswitchIds": st.lists(_text, max_size=3, unique=True),
            },
        ),
        "policies": st.fixed_dictionaries(
            {}, optional={"numRetries": _number, "cache": st.booleans(), "limits": _limits}
        ),
        "frozen": _limits,
        "workspace": st.fixed_dictionaries({"id": _text}),
        "upstreams": st.lists(_upstream, max_size=3, unique_by=lambda u: u["name"]),
        "mounts": st.lists(_mount, max_size=3),
        "peers": st.lists(_mount, max_size=3),
        "tags": st.lists(_text, max_size=4, unique=True),
        "steps": st.lists(_text, max_size=4),
        "headers": st.dictionaries(_text, _text, max_size=3),
        "document": _document,
        "registry": st.fixed_dictionaries(
            {},
            optional={
                "auth": st.fixed_dictionaries({}, optional={"userName": _text, "password": _text}),
                "insecure": st.booleans(),
            },
        ),
        "licenseKey": _text,
        "scaling": _limits,
        "quota": _limits,
        "traceLevel": _text,
        "traceSink": _text,
        "schedule": st.lists(_text, max_size=3),
        "evict": st.booleans(),
        "credentialRef": st.sampled_from([{"name": "in"}, {"externalName": "other"}]),
        "token": st.just({"secretKeyRef": {"name": "keys", "key": "token"}}),
        "env": st.lists(
            st.fixed_dictionaries({"name": _text, "value": _text}),
            max_size=3,
            unique_by=lambda v: v["name"],
        ),
    },
)
"""Raw specs of the sample kind that a schema would accept."""

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
"""Any JSON at all, for inputs that nobody checked."""
