"""Users rename, prefix and hash with the real kustomize, and every reference of ours follows."""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentrun_operator.core.identity import GROUP
from agentrun_operator.crdgen import generate
from agentrun_operator.kinds import catalogue
from controlplane.binaries import KUBERNETES, ensure

REPOSITORY = Path(__file__).parents[2]
PUBLISHED = REPOSITORY / "docs" / "kustomize"
API_VERSION = f"{GROUP}/v1alpha1"
KINDS = sorted(catalogue())

REFERENCES = {
    "accountRef": ("Account", "ClusterAccount"),
    "credentialRef": ("Credential",),
    "modelServiceRef": ("ModelService",),
    "runtimeRef": ("AgentRuntime",),
    "flowRef": ("Flow",),
    "endpointRef": ("AgentRuntimeEndpoint",),
    "flowEndpointRef": ("FlowEndpoint",),
    "templateRef": ("SandboxTemplate",),
    "workspaceRef": ("Workspace",),
    "secretRef": ("Secret",),
    "pullSecretRef": ("Secret",),
    "secretKeyRef": ("Secret",),
    "configMapRef": ("ConfigMap",),
    "configMapKeyRef": ("ConfigMap",),
    "configMap": ("ConfigMap",),
}
"""Last word of a reference's path → kinds that it may name. A new word has to be added here."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A field of the published CRDs that names an object."""

    kind: str
    steps: tuple[tuple[str, bool], ...]
    """(property, whether it is a list), below the spec."""
    target: str

    def __str__(self) -> str:
        return f"{self.kind}.{'.'.join(name for name, _ in self.steps)} -> {self.target}"

    @property
    def name(self) -> str:
        """The referring object's name: unlike any other."""
        return str(self).lower().replace(".", "-").replace(" -> ", "-to-")

    @property
    def referrer(self) -> Json:
        """An object with nothing but this reference; kustomize knows no schema."""
        node: Any = {"name": f"the-{self.target.lower()}"}
        if self.target in REFERENCES["accountRef"]:
            node["kind"] = self.target
        for name, is_list in reversed(self.steps):
            node = {name: [node] if is_list else node}
        return made(self.kind, self.name, node)

    def read(self, obj: Json) -> str:
        node = obj["spec"]
        for name, is_list in self.steps:
            node = node[name][0] if is_list else node[name]
        return str(node["name"])


def made(kind: str, name: str, spec: Any) -> Json:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


@cache
def places() -> tuple[Place, ...]:
    """Return what the schemas of the CRDs say, whatever the generator made of the models."""
    found: list[Place] = []
    for path, text in generate(catalogue().values()).items():
        if path.startswith("crds/"):
            crd = yaml.load(text, yaml.CSafeLoader)
            kind = crd["spec"]["names"]["kind"]
            schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            found += walk(kind, schema["properties"]["spec"], ())
    return tuple(found)


def walk(kind: str, node: Json, steps: tuple[tuple[str, bool], ...]) -> Iterator[Place]:
    for name, below in node.get("properties", {}).items():
        is_list = below.get("type") == "array"
        inner = below["items"] if is_list else below
        here = (*steps, (name, is_list))
        if name.endswith("Ref") or name in REFERENCES:
            assert "name" in inner["properties"], f"{kind}: {here}"
            for target in REFERENCES[name]:
                yield Place(kind, here, target)
        yield from walk(kind, inner, here)


def build(
    folder: Path,
    objects: list[Json],
    *,
    use: str = "configurations",
    token: str = "first",
    **overlay: Any,
) -> dict[str, Json]:
    """Return what `kubectl kustomize` makes of objects and an overlay over them, by their names."""
    base, top = folder / "base", folder / "overlay"
    for each in (base, top, folder / "agentrun"):
        each.mkdir(exist_ok=True)
    for published in PUBLISHED.iterdir():
        (folder / "agentrun" / published.name).write_text(published.read_text())
        (base / published.name).write_text(published.read_text())
    use_it = {"configurations": ["agentrun.yaml"], "components": ["../agentrun"]}[use]
    wrap(base, {"resources": ["objects.yaml"], use: use_it} | generators(token))
    (base / "objects.yaml").write_text(yaml.safe_dump_all(objects))
    wrap(top, {"resources": ["../base"], **overlay})
    ran = subprocess.run(  # noqa: S603 - built here
        [ensure(KUBERNETES) / "kubectl", "kustomize", top],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return {f"{o['kind']}/{o['metadata']['name']}": o for o in yaml.safe_load_all(ran.stdout)}


def wrap(folder: Path, kustomization: Mapping[str, Any]) -> None:
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(dict(kustomization)))


def generators(token: str) -> Json:
    return {
        "secretGenerator": [{"name": "the-secret", "literals": [f"token={token}"]}],
        "configMapGenerator": [{"name": "the-configmap", "literals": [f"value={token}"]}],
    }


def everything() -> list[Json]:
    return [*(made(kind, f"the-{kind.lower()}", {}) for kind in KINDS)] + [
        place.referrer for place in places()
    ]


def names_of(result: Mapping[str, Json], prefix: str = "", suffix: str = "") -> dict[str, str]:
    """Return, for each place, the name that its reference has now."""
    return {str(p): p.read(result[f"{p.kind}/{prefix}{p.name}{suffix}"]) for p in places()}


def targets(result: Mapping[str, Json]) -> dict[str, str]:
    """Return, for each place, the new name of the object that it is to name."""
    now = {
        kind: next(
            o["metadata"]["name"]
            for o in result.values()
            if o["kind"] == kind and f"the-{kind.lower()}" in o["metadata"]["name"]
        )
        for kind in (*KINDS, "Secret", "ConfigMap")
    }
    return {str(p): now[p.target] for p in places()}


def test_every_kind_names_something() -> None:
    assert {p.kind for p in places()} == set(KINDS)
    assert len(places()) > 40


@pytest.mark.parametrize("use", ["configurations", "components"])
@pytest.mark.parametrize(
    ("prefix", "suffix"), [("", ""), ("dev-", ""), ("", "-eu"), ("dev-", "-eu")]
)
def test_every_reference_follows_the_name(
    tmp_path: Path, use: str, prefix: str, suffix: str
) -> None:
    result = build(tmp_path, everything(), use=use, namePrefix=prefix, nameSuffix=suffix)
    assert names_of(result, prefix, suffix) == targets(result)
    hashed = targets(result)["Account.credentials.secretRef -> Secret"]
    assert hashed.startswith(f"{prefix}the-secret{suffix}-")


def test_a_namespace_goes_along(tmp_path: Path) -> None:
    result = build(tmp_path, everything(), namespace="team-a", namePrefix="dev-")
    assert names_of(result, "dev-") == targets(result)
    assert {o["metadata"]["namespace"] for o in result.values()} == {"team-a"}


def test_other_contents_are_another_secret_and_the_same_objects(tmp_path: Path) -> None:
    first = build(tmp_path, everything())
    second = build(tmp_path, everything(), token="second")
    assert names_of(second) == targets(second)
    changed = {place for place, name in names_of(first).items() if names_of(second)[place] != name}
    assert changed == {str(p) for p in places() if p.target in ("Secret", "ConfigMap")}
    ours = {name for name in first if not name.startswith(("Secret/", "ConfigMap/"))}
    assert ours < set(second), "none is made anew under another name"


def test_what_is_not_in_the_kustomization_keeps_its_name(tmp_path: Path) -> None:
    spec = {"runtimeRef": {"name": "elsewhere"}, "writeConnectionTo": {"configMap": {"name": "a"}}}
    result = build(tmp_path, [made("AgentRuntimeEndpoint", "it", spec)], namePrefix="dev-")
    assert result["AgentRuntimeEndpoint/dev-it"]["spec"] == spec


def test_an_external_name_is_nobodys_object(tmp_path: Path) -> None:
    objects = [
        made("AgentRuntime", "rt", {"externalName": "rt"}),
        made("AgentRuntimeEndpoint", "it", {"runtimeRef": {"externalName": "rt"}}),
    ]
    result = build(tmp_path, objects, namePrefix="dev-")
    assert result["AgentRuntimeEndpoint/dev-it"]["spec"]["runtimeRef"] == {"externalName": "rt"}
    assert result["AgentRuntime/dev-rt"]["spec"]["externalName"] == "rt"


def test_images_are_replaced_in_every_kind_that_has_one(tmp_path: Path) -> None:
    having = {kind for kind in KINDS if "container" in catalogue()[kind].spec.model_fields}
    container = {"image": "registry.example.com/team/agent:v1"}
    objects = [made(kind, "it", {"container": container}) for kind in sorted(having)]
    images = [{"name": "registry.example.com/team/agent", "newTag": "v2"}]
    result = build(tmp_path, objects, images=images)
    seen = {o["kind"]: o["spec"]["container"]["image"] for o in result.values() if "spec" in o}
    assert seen == dict.fromkeys(having, "registry.example.com/team/agent:v2")
    assert len(having) > 1
