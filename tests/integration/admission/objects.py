"""Specs to start from, and the objects that tests make of them."""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from agentrun_operator.core.identity import API_VERSION
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.kinds import catalogue
from controlplane import ControlPlane
from integration.admission.server import Json, Server

REPOSITORY = Path(__file__).resolve().parents[3]
TABLES = Path(__file__).parent
VALID: Mapping[str, Json] = yaml.safe_load((TABLES / "valid.yaml").read_text())
NAMESPACE = "admission"
KINDS = tuple(catalogue().values())

Held = Callable[[ResourceKind, Json], Json]
"""Creates an object that is removed after the test."""


def collection(kind: ResourceKind) -> str:
    """Return the path of a kind's collection, in the namespace of these tests."""
    where = f"/namespaces/{NAMESPACE}" if kind.namespaced else ""
    return f"/apis/{API_VERSION}{where}/{kind.plural}"


def path_of(kind: ResourceKind, stored: Json) -> str:
    """Return the path of a stored object."""
    return f"{collection(kind)}/{stored['metadata']['name']}"


def manifest(kind: ResourceKind, name: str, spec: Json | None) -> Json:
    """Return an object; None leaves the spec out."""
    return {
        "apiVersion": API_VERSION,
        "kind": kind.kind,
        "metadata": {"name": name},
        **({} if spec is None else {"spec": copy.deepcopy(spec)}),
    }


def put(spec: Json, path: str, value: Any) -> None:
    """Set a dotted path, making the objects that lead to it."""
    *above, last = path.split(".")
    for step in above:
        spec = spec.setdefault(step, {})
    spec[last] = value


def drop(spec: Json, path: str) -> None:
    """Remove a dotted path, if it is there."""
    *above, last = path.split(".")
    for step in above:
        spec = spec.get(step, {})
    spec.pop(last, None)


@contextmanager
def serving(plane: ControlPlane) -> Iterator[Server]:
    """Serve our CRDs, with a namespace for objects that nobody reconciles."""
    plane.kubectl("apply", "--filename", str(REPOSITORY / "crds"))
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all")
    plane.kubectl("create", "namespace", NAMESPACE)
    server = Server(plane)
    try:
        yield server
    finally:
        server.close()
        plane.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
