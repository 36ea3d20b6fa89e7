"""Fixtures of the integration tests: real programs, shared by the whole run."""

from collections.abc import Iterator

import pytest

from controlplane import ControlPlane


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """Return one Kubernetes control plane; a test cleans up after itself or uses a namespace."""
    with ControlPlane() as plane:
        yield plane
