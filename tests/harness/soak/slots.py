"""The cast of a history: objects by name, what they want in each variant, and what that means.

`wanted` is written independently of the engine's own encoding: it says what the cloud has to hold
for a spec, in the words of the API, so that both have to agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from agentrun_operator.core.dependencies import dependencies
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import Phase, Rest
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile.ports import Json
from fakes.examples import MINIMAL, examples
from fakes.rests import rest_of

NAMESPACE = "team-a"
SECOND = "team-b"
"""Shares the cloud account of the first, and calls its objects and Secrets by the same names."""
NAMESPACES = (NAMESPACE, SECOND)
ROLE = "acs:ram::10001:role/agentrun"
FAR = "far"
"""A model service in AgentRun that no object stands for."""
VARIANTS = 4
"""The last one leaves the description out: any value of somebody else's is fine then."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One object that a history may contain."""

    name: str
    kind: str
    family: str
    """The simulator's name of the kind."""
    collection: str
    name_field: str | None
    needs: tuple[str, ...] = ()
    """Slots that it refers to."""
    external: str = ""
    """`spec.externalName`, where it is not the object's own name."""
    namespace: str = NAMESPACE
    namesake: str = ""
    """The slot of the first namespace whose name and body its object has."""

    @property
    def object_name(self) -> str:
        return self.namesake or self.name

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(self.kind, self.namespace, self.object_name)

    @property
    def external_name(self) -> str:
        return self.external or self.object_name

    @property
    def is_below_another(self) -> bool:
        """Whether its resource lives below that of a slot that it needs."""
        return "{parent}" in self.collection

    @property
    def noun(self) -> str:
        """Its kind's name in operations of the API."""
        return rest_of(self.kind).noun

    @property
    def adopts_unasked(self) -> bool:
        """Whether its kind adopts where `adoptionPolicy` is not set."""
        return catalogue()[self.kind].adopts_by_default

    def is_ready(self, state: str | None) -> bool:
        """Whether a state of its resource means that it is ready; a kind without states is."""
        kind = catalogue()[self.kind]
        field = kind.rest.state_field if kind.rest is not None else None
        return not state or kind.phase_of({field or "": state}) is Phase.READY


_CAST: Mapping[str, Slot] = {
    slot.name: slot
    for slot in (
        Slot("cred", "Credential", "Credential", "/agents/credentials", "credentialName"),
        Slot("svc", "ModelService", "ModelService", "/agents/model-services", "modelServiceName"),
        Slot(
            "proxy",
            "ModelProxy",
            "ModelProxy",
            "/agents/model-proxies",
            "modelProxyName",
            needs=("svc", "cred"),
        ),
        Slot("solo", "ModelProxy", "ModelProxy", "/agents/model-proxies", "modelProxyName"),
        Slot(
            "twin",
            "ModelProxy",
            "ModelProxy",
            "/agents/model-proxies",
            "modelProxyName",
            external="solo",
        ),
        Slot(
            "run",
            "AgentRuntime",
            "AgentRuntime",
            "/agents/runtimes",
            "agentRuntimeName",
            needs=("cred",),
        ),
        Slot("bare", "AgentRuntime", "AgentRuntime", "/agents/runtimes", "agentRuntimeName"),
        Slot(
            "ep",
            "AgentRuntimeEndpoint",
            "AgentRuntimeEndpoint",
            "/agents/runtimes/{parent}/endpoints",
            "agentRuntimeEndpointName",
            needs=("bare",),
        ),
        Slot(
            "twin-bare",
            "AgentRuntime",
            "AgentRuntime",
            "/agents/runtimes",
            "agentRuntimeName",
            external="bare",
        ),
        Slot(
            "twin-ep",
            "AgentRuntimeEndpoint",
            "AgentRuntimeEndpoint",
            "/agents/runtimes/{parent}/endpoints",
            "agentRuntimeEndpointName",
            needs=("bare",),
            external="ep",
        ),
        Slot(
            "flow-ep",
            "FlowEndpoint",
            "FlowEndpoint",
            "/flows/{parent}/endpoints",
            "flowEndpointName",
            needs=("flow",),
        ),
        Slot("tpl", "SandboxTemplate", "Template", "/templates", "templateName"),
        Slot("bot", "IMBot", "IMBotInfo", "/agents/im-bots", "botName"),
        Slot("box", "Sandbox", "Sandbox", "/sandboxes", None, needs=("tpl",)),
        Slot(
            "b-cred",
            "Credential",
            "Credential",
            "/agents/credentials",
            "credentialName",
            external="cred-b",
            namespace=SECOND,
            namesake="cred",
        ),
        Slot(
            "b-run",
            "AgentRuntime",
            "AgentRuntime",
            "/agents/runtimes",
            "agentRuntimeName",
            needs=("b-cred",),
            external="run-b",
            namespace=SECOND,
            namesake="run",
        ),
        # These two claim a name that an object of the first namespace claims as well.
        Slot(
            "b-bare",
            "AgentRuntime",
            "AgentRuntime",
            "/agents/runtimes",
            "agentRuntimeName",
            namespace=SECOND,
            namesake="bare",
        ),
        Slot(
            "b-solo",
            "ModelProxy",
            "ModelProxy",
            "/agents/model-proxies",
            "modelProxyName",
            namespace=SECOND,
            namesake="solo",
        ),
    )
}


def _alone() -> Mapping[str, Slot]:
    """Return a slot for each kind that the cast above lacks and that can stand alone."""
    cast = {slot.kind for slot in _CAST.values()}
    return {
        name.lower(): _slot_of(name, kind.rest)
        for name, kind in catalogue().items()
        if name not in cast
        and kind.rest is not None
        and kind.rest.updatable
        and not dependencies(kind, MINIMAL[name])
    }


def _slot_of(kind: str, rest: Rest) -> Slot:
    return Slot(kind.lower(), kind, examples()[kind].family, rest.collection, rest.name_field)


ALONE: Mapping[str, Slot] = _alone()
"""With the minimal spec of the kind's examples: a kind needs a slot of its own only if its objects
cannot stand alone, or if `wanted` is to know of more than the description."""
SLOTS: Mapping[str, Slot] = {**_CAST, **ALONE}
DRAWN = tuple(sorted(SLOTS.keys() - {"twin-bare", "twin-ep"}))
"""Slots that chance draws; the others are for attacks."""
SLOT_OF: Mapping[ObjectKey, Slot] = {slot.key: slot for slot in SLOTS.values()}
NAMESAKES: Mapping[str, str] = {"twin": "solo", "b-solo": "solo", "b-bare": "bare"}
"""Slots that claim the name of another."""


def closure(names: list[str]) -> list[str]:
    """Return the slots and what they need, what is needed first."""
    found: list[str] = []
    for name in names:
        for wanted in (*closure(list(SLOTS[name].needs)), name):
            if wanted not in found:
                found.append(wanted)
    return found


def spec_of(slot: Slot, variant: int, policies: Mapping[str, str]) -> Json:
    """Return the spec of a slot in one of its variants."""
    spec: Json = {**_BODIES[slot.object_name], **policies}
    if slot.external:
        spec["externalName"] = slot.external
    if slot.name == "box":
        return spec
    if variant != VARIANTS - 1:
        spec["description"] = f"variant {variant}"
    if slot.kind == "AgentRuntime":
        spec["container"] = {"image": f"registry.example.com/agent:v{variant % 2}"}
    return spec


_TOKEN = {"secretKeyRef": {"name": "keys", "key": "token"}}
_PROXY = {"mode": "Single", "executionRoleArn": ROLE, "cpu": "2", "memory": "4Gi"}
_RUNTIME = {"executionRoleArn": ROLE, "cpu": "2", "memory": "4Gi", "port": 9000}
_BODIES: Mapping[str, Json] = {
    "cred": {"purpose": "Inbound", "apiKey": {"headerName": "X-API-Key", "valueFrom": _TOKEN}},
    "svc": {
        "modelType": "llm",
        "provider": "tongyi",
        "providerSettings": {
            "baseUrl": "https://dashscope.example/v1",
            "modelNames": ["qwen-max"],
            "apiKeyFrom": _TOKEN,
        },
    },
    "proxy": {
        **_PROXY,
        "credentialRef": {"name": "cred"},
        "endpoints": [{"modelServiceRef": {"name": "svc"}, "modelNames": ["qwen-max"]}],
    },
    "solo": {
        **_PROXY,
        "writeConnectionTo": {"configMap": {"name": "solo-address"}},
        "endpoints": [{"modelServiceRef": {"externalName": FAR}, "modelNames": ["m"]}],
    },
    "twin": {
        **_PROXY,
        "endpoints": [{"modelServiceRef": {"externalName": FAR}, "modelNames": ["m"]}],
    },
    "run": {
        **_RUNTIME,
        "credentialRef": {"name": "cred"},
        "env": [
            {"name": "TOKEN", "valueFrom": _TOKEN},
            {
                "name": "LEVEL",
                "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "level"}},
            },
        ],
    },
    # What a create needs and these two leave out comes from defaults of the create.
    "bare": {"executionRoleArn": ROLE},
    "ep": {
        "runtimeRef": {"name": "bare"},
        "targetVersion": "LATEST",
        "writeConnectionTo": {"configMap": {"name": "ep-address"}},
    },
    "flow-ep": {"flowRef": {"name": "flow"}},
    "twin-bare": {"executionRoleArn": ROLE},
    "twin-ep": {"runtimeRef": {"name": "bare"}, "targetVersion": "LATEST"},
    "tpl": {"type": "CodeInterpreter"},
    "bot": {"type": "DingTalk", "botId": "ding1", "secretFrom": _TOKEN},
    "box": {"templateRef": {"name": "tpl"}},
    **{name: MINIMAL[slot.kind] for name, slot in ALONE.items()},
}


def wanted(
    slot: Slot, spec: Json, token: str, level: str, names: Mapping[str, str] = MappingProxyType({})
) -> Json:
    """Return what the cloud has to hold for a spec, by wire field.

    `names` has what the slots that it needs are called in the cloud, where accounts may say that.
    """
    found: Json = {}
    if slot.name == "box":
        return {"templateName": names.get("tpl", "tpl")}
    if "description" in spec:
        found["description"] = spec["description"]
    if slot.kind == "AgentRuntime":
        found["containerConfiguration.image"] = spec["container"]["image"]
    if slot.object_name == "run":
        found["cpu"] = float(spec["cpu"])
        found["environmentVariables"] = {"TOKEN": token, "LEVEL": level}
        found["credentialName"] = names.get(slot.needs[0], SLOTS[slot.needs[0]].external_name)
    if slot.object_name == "svc":
        found["providerSettings.apiKey"] = token
    if slot.object_name == "cred":
        found["credentialSecret"] = token
    if slot.object_name == "bot":
        found["botBizSecret"] = token
    if slot.object_name == "proxy":
        found["credentialName"] = names.get("cred", "cred")
    return found


def is_ours(description: object) -> bool:
    """Whether a description is one that we had applied."""
    return isinstance(description, str) and description.startswith("variant")


def held(data: Mapping[str, Any], path: str) -> Any:
    """Return what a resource holds at a path of `wanted`; a text never set counts as empty."""
    node: Any = data
    for part in path.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return "" if node is None else node
