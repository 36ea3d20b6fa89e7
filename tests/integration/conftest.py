"""Fixtures of the integration tests: real programs, shared by the whole run."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from controlplane import ControlPlane
from integration.cluster_view import ClusterView
from integration.fleet import CANARY, Tenant, canary, contradictions, restless
from rig import CloudAccount, Rig

ACCOUNTS = tuple(CloudAccount(str(20_000 + n), access_key_secret=canary()) for n in range(100))
FLEET_SETTINGS = {
    "AGENTRUN_OPERATOR_IDENTITY": "fleet",  # a restarted container of one Pod need not wait
    "AGENTRUN_OPERATOR_LOG_LEVEL": "debug",  # which must not show a secret either
    "AGENTRUN_OPERATOR_POLL_STEADY_SECONDS": "1",
    "AGENTRUN_OPERATOR_POLL_TRANSITION_SECONDS": "0.4",
    "AGENTRUN_OPERATOR_POLL_DETAIL_SECONDS": "10",
    "AGENTRUN_OPERATOR_RESYNC_SECONDS": "1.5",
    "AGENTRUN_OPERATOR_CREATE_SETTLE_SECONDS": "2",
    "AGENTRUN_OPERATOR_BACKOFF_CAP_SECONDS": "3",
}

TenantFactory = Callable[..., Tenant]
"""Makes a tenant; `bare=True` leaves its Account and Secrets to the test."""
_numbers = count()


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """Return one Kubernetes control plane; a test cleans up after itself or uses a namespace."""
    with ControlPlane() as plane:
        yield plane


@pytest.fixture(scope="session")
def fleet(control_plane: ControlPlane) -> Iterator[Rig]:
    """Return one impatient operator and its cloud; whoever ends the operator starts it again."""
    with Rig(
        control_plane, transition_seconds=0.4, accounts=ACCOUNTS, settings=FLEET_SETTINGS
    ) as rig:
        yield rig
        assert CANARY not in rig.operator_log


@pytest.fixture(scope="session")
def cluster_view(fleet: Rig) -> Iterator[ClusterView]:
    """Return an administrator's view of the fleet's cluster, from the start on."""
    with ClusterView(fleet.plane) as view:
        yield view


@pytest.fixture
def tenants(fleet: Rig, cluster_view: ClusterView) -> Iterator[TenantFactory]:
    """Return what makes namespaces with an account each; what is left in them goes at the end.

    At the end too: no version of any object contradicted itself, and the operator logged no bug.
    """
    made: list[Tenant] = []
    logged = len(fleet.operator_log)

    def make(*, bare: bool = False) -> Tenant:
        number = next(_numbers)
        tenant = Tenant(fleet, cluster_view, f"fleet-{number}", ACCOUNTS[number])
        fleet.create_namespace(tenant.namespace)
        if not bare:
            tenant.open()
        made.append(tenant)
        return tenant

    yield make
    fleet.cloud.clear_faults()
    for tenant in made:
        fleet.kubectl("delete", "namespace", tenant.namespace, "--wait=false", "--ignore-not-found")
    assert [each for tenant in made for each in contradictions(tenant.versions())] == []
    assert [each for tenant in made for each in restless(tenant.versions())] == []
    lines = fleet.operator_log[logged:].splitlines()
    assert [line for line in lines if "Traceback" in line or "pass failed" in line] == []


@pytest.fixture
def tenant(tenants: TenantFactory) -> Tenant:
    """Return one namespace with an account, and an operator that serves it."""
    return tenants()
