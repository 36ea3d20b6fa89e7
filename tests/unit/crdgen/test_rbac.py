"""The operator's rights: what it needs, and what it must never get."""

import pytest

from agentrun_operator.crdgen.rbac import (
    Permission,
    SecretAccess,
    cluster_permissions,
    namespaced_permissions,
    own_permissions,
)
from unit.crdgen.sample import GIZMO, WIDGET

KINDS = (WIDGET, GIZMO)


def verbs(permissions: tuple[Permission, ...], resource: str) -> set[str]:
    return {verb for p in permissions if resource in p.resources for verb in p.verbs}


@pytest.mark.parametrize(
    ("access", "expected"), [("watch", {"get", "list", "watch"}), ("get", {"get"})]
)
def test_secrets_are_read_as_far_as_the_setting_allows(
    access: SecretAccess, expected: set[str]
) -> None:
    assert verbs(namespaced_permissions(KINDS, access), "secrets") == expected


def test_cluster_scoped_kinds_need_a_cluster_role() -> None:
    assert verbs(namespaced_permissions(KINDS, "watch"), "gizmos") == set()
    assert verbs(cluster_permissions(KINDS), "gizmos") == {"get", "list", "watch", "patch"}
    assert verbs(cluster_permissions(KINDS), "gizmos/status") == {"patch"}


GRANTED = (
    *namespaced_permissions(KINDS, "watch"),
    *cluster_permissions(KINDS),
    *own_permissions("lease"),
)


def test_nothing_is_deleted_but_config_maps_and_nothing_replaced() -> None:
    used = {verb for permission in GRANTED for verb in permission.verbs}
    assert used == {"get", "list", "watch", "create", "patch", "delete"}
    deleting = [permission.resources for permission in GRANTED if "delete" in permission.verbs]
    assert deleting == [("configmaps",)]


def test_every_permission_says_why() -> None:
    assert all(permission.why for permission in GRANTED)


def test_only_our_own_lease_can_be_read_and_renewed() -> None:
    (held,) = (p for p in own_permissions("mine") if "patch" in p.verbs)
    assert held.rule() == {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "resourceNames": ["mine"],
        "verbs": ["get", "patch"],
    }
