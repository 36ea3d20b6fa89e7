"""The API server with our CRDs, and objects that do not outlive their test."""

from collections.abc import Iterator

import pytest

from agentrun_operator.core.kind import ResourceKind
from controlplane import ControlPlane
from integration.admission.objects import (
    Held,
    collection,
    manifest,
    path_of,
    serving,
)
from integration.admission.server import Json, Server


@pytest.fixture(scope="package")
def server(control_plane: ControlPlane) -> Iterator[Server]:
    """The API server with our CRDs and a namespace for these tests."""
    with serving(control_plane) as found:
        yield found


@pytest.fixture
def held(server: Server) -> Iterator[Held]:
    """Creates objects, and removes them after the test."""
    made: list[str] = []

    def create(kind: ResourceKind, spec: Json) -> Json:
        created = server.create(collection(kind), manifest(kind, f"held-{len(made)}", spec))
        made.append(path_of(kind, created))
        return created

    yield create
    for path in made:
        server.delete(path)
