"""The product as Helm installs it, on a control plane with a fake node."""

import itertools
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from kwok.release import Released, UserChart
from rig.samples import key_secret, manifests

_numbers = itertools.count(1)

Manifest = dict[str, Any]


def tell(line: str) -> None:
    """Show progress; pytest runs with --capture=no."""
    sys.stderr.write(f"\n  {line}\n")
    sys.stderr.flush()


@pytest.fixture(scope="session")
def released() -> Iterator[Released]:
    """The product, running; a test that stops the operator starts it again."""
    with Released(report=tell) as running:
        yield running
        assert running.plane.audit.forbidden(user=running.operator_user) == []


@pytest.fixture
def namespace(released: Released) -> Iterator[str]:
    """A namespace of the test's own, with the Secret of an account; emptied afterwards."""
    name = f"pods-{next(_numbers)}"
    released.create_namespace(name)
    released.apply([key_secret(name, released.account)])
    yield name
    released.cloud.clear_faults()
    if released.operator_pid is None:
        released.start_operator()
    released.delete_all(name)
    released.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def account(released: Released, namespace: str) -> Manifest:
    """The manifest of an Account that works, not applied yet."""
    samples = manifests(namespace, released.cloud.url)
    return next(each for each in samples if each["kind"] == "Account")


@pytest.fixture
def template(released: Released, namespace: str) -> Manifest:
    """The manifest of a SandboxTemplate, whose creation takes the cloud some time."""
    samples = manifests(namespace, released.cloud.url)
    return next(each for each in samples if each["kind"] == "SandboxTemplate")


@pytest.fixture
def service(namespace: str) -> Manifest:
    """The manifest of a ModelService, not applied yet."""
    return {
        "apiVersion": "agentrun.dev/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": "qwen", "namespace": namespace},
        "spec": {
            "modelType": "llm",
            "provider": "tongyi",
            "description": "first",
            "providerSettings": {"modelNames": ["qwen-max"]},
        },
    }


@pytest.fixture
def chart(released: Released, namespace: str) -> Iterator[UserChart]:
    """A user's chart, not installed yet; uninstalled afterwards."""
    chart = UserChart(released.helm, "team", namespace)
    yield chart
    released.cloud.clear_faults()
    if released.operator_pid is None:
        released.start_operator()
    chart.uninstall()
    chart.close()
