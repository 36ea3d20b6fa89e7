"""Rendered manifests against the schemas of each Kubernetes release, without a network.

The PyPI package kubernetes-validate holds the schemas; kubeconform reads them once their absolute
references are made relative. Kinds of others (the Prometheus operator's) have a small schema here,
for exactly the fields that we render; our own kinds have that of their CRD, closed.
"""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from agentrun_operator.core.identity import GROUP, VERSION
from agentrun_operator.crdgen import custom_resource_definition
from agentrun_operator.kinds import catalogue
from charttools.errors import ChartError
from charttools.programs import KUBECONFORM, python_tools
from controlplane.binaries import ensure

VERSIONS = tuple(f"1.{minor}" for minor in range(30, 38))
OTHERS = Path(__file__).with_name("schemas")
LOCATION = "{{.NormalizedKubernetesVersion}}/{{.ResourceKind}}{{.KindSuffix}}.json"
DEFINITIONS = "_definitions.json"


def write_schemas(folder: Path, manifests: Iterable[dict[str, Any]]) -> None:
    """Write the schemas of the manifests' kinds for every release, as kubeconform wants them.

    Raises:
        ChartError: a release does not know a kind that we render.
    """
    (bundled,) = python_tools().glob(
        "lib/python*/site-packages/kubernetes_validate/kubernetes-json-schema"
    )
    wanted = {_file(m["apiVersion"], m["kind"]) for m in manifests}
    own = {f.name: f.read_text() for f in OTHERS.glob("*.json")} | _of_our_kinds()
    for version in VERSIONS:
        source = bundled / f"v{version}.0-local-strict"
        target = folder / f"v{version}.0"
        target.mkdir(parents=True)
        for name in sorted((wanted - set(own)) | {DEFINITIONS}):
            if not (source / name).is_file():
                raise ChartError(f"Kubernetes {version} has no schema {name}; do we render it?")
            (target / name).write_text(_relative((source / name).read_text()))
        for name in wanted & set(own):
            (target / name).write_text(own[name])


def conform(folder: Path, manifests: Path) -> None:
    """Hold manifests to the schemas of every release.

    Raises:
        ChartError: they do not conform; the message is kubeconform's.
    """
    program = ensure(KUBECONFORM) / "kubeconform"
    for version in VERSIONS:
        command = [str(program), "-strict", "-summary", f"-kubernetes-version={version}.0"]
        command += [f"-schema-location={folder}/{LOCATION}", str(manifests)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise ChartError(f"Kubernetes {version}, {manifests.name}:\n{done.stdout.strip()}")


def _file(api_version: str, kind: str) -> str:
    """Return the file name of a schema: `deployment-apps-v1.json`, `service-v1.json`."""
    group, _, version = api_version.rpartition("/")
    middle = f"{group.partition('.')[0]}-" if group else ""
    return f"{kind.lower()}-{middle}{version}.json"


def _relative(text: str) -> str:
    schema = json.loads(text)
    for name in ("$schema", "$id"):
        schema.pop(name, None)
    return json.dumps(schema).replace(f"/api/{DEFINITIONS}", DEFINITIONS)


def _of_our_kinds() -> dict[str, str]:
    schemas = {}
    for kind in catalogue().values():
        crd = custom_resource_definition(kind)
        (version,) = crd["spec"]["versions"]
        schema = dict(version["schema"]["openAPIV3Schema"])
        known = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
        schema["properties"] = {**known, "metadata": {"type": "object"}, **schema["properties"]}
        # A copy without shared parts: the generator repeats nodes by reference.
        plain = json.loads(json.dumps(schema))
        _close(plain)
        schemas[_file(f"{GROUP}/{VERSION}", kind.kind)] = json.dumps(plain)
    return schemas


def _close(node: Any) -> None:
    """Refuse unknown fields wherever the API server would drop them."""
    if isinstance(node, list):
        for each in node:
            _close(each)
    elif isinstance(node, dict):
        is_free = node.get("x-kubernetes-preserve-unknown-fields")
        if node.get("type") == "object" and "properties" in node and not is_free:
            node.setdefault("additionalProperties", False)
        for each in node.values():
            _close(each)


def read(text: str) -> list[dict[str, Any]]:
    """Return the manifests in a text."""
    return [m for m in yaml.load_all(text, yaml.CSafeLoader) if m]
