"""A fleet that Argo CD installed, and an Application for each test."""

import sys
from collections.abc import Iterator

import pytest

from argocd.fleet import Fleet, Team


def tell(line: str) -> None:
    """Show progress; pytest runs with --capture=no."""
    sys.stderr.write(f"\n  {line}\n")
    sys.stderr.flush()


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """Everything, running."""
    with Fleet(report=tell) as running:
        yield running
        assert running.plane.audit.forbidden(user=running.operator_user) == []


@pytest.fixture
def team(fleet: Fleet, request: pytest.FixtureRequest) -> Iterator[Team]:
    """A namespace with its Secrets, its Application not created yet; deleted afterwards."""
    words = request.node.name.removeprefix("test_").replace("[", "-").replace("]", "")
    team = Team(fleet, words.replace("_", "-")[:50].strip("-"))
    team.bring_secrets()
    yield team
    team.remove()
