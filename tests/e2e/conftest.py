"""The product as processes of their own, with the rights that the chart renders."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from controlplane import ControlPlane
from rig import Rig
from rig.samples import KEYS_SECRET, key_secret

_numbers = itertools.count(1)

Manifest = dict[str, Any]


@pytest.fixture(scope="session")
def rig() -> Iterator[Rig]:
    """The product, running; a test that stops the operator starts it again.

    At the end: the chart's roles refused it nothing but what a test tried in its name.
    """
    with Rig(transition_seconds=0.2, settings={"AGENTRUN_OPERATOR_LOG_LEVEL": "debug"}) as running:
        yield running
        refused = running.plane.audit.forbidden(user=running.operator_user)
        assert {(each.verb, each.resource) for each in refused} <= {("create", "accounts")}


@pytest.fixture(scope="session")
def spare_plane() -> Iterator[ControlPlane]:
    """A second cluster, for what would disturb the rig's; a test leaves no object of ours there."""
    with ControlPlane() as plane:
        yield plane


@pytest.fixture
def namespace(rig: Rig) -> Iterator[str]:
    """A namespace of the test's own, with the Secret of an account; emptied afterwards."""
    name = f"test-{next(_numbers)}"
    rig.create_namespace(name)
    rig.apply([key_secret(name, rig.account)])
    yield name
    rig.cloud.clear_faults()
    rig.delete_all(name)
    rig.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def account(rig: Rig, namespace: str) -> Manifest:
    """The manifest of an Account that works, not applied yet."""
    return {
        "apiVersion": "agentrun.dev/v1alpha1",
        "kind": "Account",
        "metadata": {"name": "default", "namespace": namespace},
        "spec": {
            "accountId": rig.account.account_id,
            "region": rig.account.region,
            "endpoint": rig.cloud.url,
            "credentials": {"secretRef": {"name": KEYS_SECRET}},
        },
    }
