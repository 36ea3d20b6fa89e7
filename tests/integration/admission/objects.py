"""The objects that tests make of specs."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agentrun_operator.core.identity import API_VERSION
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.kinds import catalogue
from controlplane import ControlPlane
from integration.admission.server import Json, Server

REPOSITORY = Path(__file__).resolve().parents[3]
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


@contextmanager
def serving(plane: ControlPlane) -> Iterator[Server]:
    """Serve our CRDs, with a namespace for objects that nobody reconciles."""
    # A server that drops or only tolerates something of a CRD warns, and takes the rest.
    plane.kubectl("apply", "--warnings-as-errors", "--filename", str(REPOSITORY / "crds"))
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all")
    plane.kubectl("create", "namespace", NAMESPACE)
    server = Server(plane)
    try:
        yield server
    finally:
        server.close()
        plane.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
