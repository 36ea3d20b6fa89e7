"""What the operator may do in the cluster, as data: one entry per reason to have the right.

The chart's roles are generated from here, so code that needs another right adds it here. Nothing is
granted that no code uses: no write to a spec, no delete of an object of ours, no Secret write,
nothing on CRDs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from agentrun_operator.core.identity import GROUP
from agentrun_operator.core.kind import ResourceKind

SecretAccess = Literal["watch", "get"]
CORE = ""
COORDINATION = "coordination.k8s.io"


@dataclass(frozen=True, slots=True)
class Permission:
    """One RBAC rule and why the operator needs it."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str
    names: tuple[str, ...] = ()
    """The only objects it holds for; empty: all of them."""

    def rule(self) -> Mapping[str, list[str]]:
        """Return the rule as it stands in a Role."""
        only = {"resourceNames": list(self.names)} if self.names else {}
        return {
            "apiGroups": [self.group],
            "resources": list(self.resources),
            **only,
            "verbs": list(self.verbs),
        }


def namespaced_permissions(
    kinds: Iterable[ResourceKind], secret_access: SecretAccess
) -> tuple[Permission, ...]:
    """Return what is needed in every watched namespace."""
    return (
        *_kind_permissions(kinds, namespaced=True),
        SECRETS[secret_access],
        Permission(
            CORE,
            ("configmaps",),
            ("get", "list", "watch", "create", "patch", "delete"),
            "env and configuration by reference; connection ConfigMaps that objects publish, and "
            "no longer publish",
        ),
        Permission(CORE, ("events",), ("create",), "one Event per transition"),
    )


def cluster_permissions(kinds: Iterable[ResourceKind]) -> tuple[Permission, ...]:
    """Return what is needed beside that when the whole cluster is watched."""
    return (
        *_kind_permissions(kinds, namespaced=False),
        Permission(
            CORE,
            ("namespaces",),
            ("get",),
            "labels for allowedNamespaces of a ClusterAccount; uid of kube-system as cluster id",
        ),
    )


def own_permissions(lease: str) -> tuple[Permission, ...]:
    """Return what is needed in the operator's own namespace, whatever it watches.

    Args:
        lease: Name of the Lease, or a template expression for it.
    """
    return (
        Permission(COORDINATION, ("leases",), ("get", "patch"), "leader election", (lease,)),
        # A name cannot restrict a create: it is not known when the request is authorized.
        Permission(COORDINATION, ("leases",), ("create",), "leader election, the first time"),
    )


def selftest_permissions() -> tuple[Permission, ...]:
    """Return what the Pod of `helm test` needs in the operator's own namespace.

    Which CRDs are served, anybody who is logged in may ask.
    """
    return (Permission(GROUP, ("accounts",), ("create",), "a dry run of one object"),)


def view_permissions(kinds: Iterable[ResourceKind]) -> tuple[Permission, ...]:
    """Return what people who may look into a namespace get."""
    return (
        Permission(GROUP, _plurals(kinds, namespaced=True), ("get", "list", "watch"), "for view"),
    )


def edit_permissions(kinds: Iterable[ResourceKind]) -> tuple[Permission, ...]:
    """Return what people who may change things in a namespace get on top; never the status."""
    plurals = _plurals(kinds, namespaced=True)
    return (Permission(GROUP, plurals, _CHANGE, "for those who may change accounts too"),)


def use_permissions(kinds: Iterable[ResourceKind]) -> tuple[Permission, ...]:
    """Return the same without the kinds that decide whose cloud account is used."""
    plurals = _plurals((k for k in kinds if not k.is_local), namespaced=True)
    return (Permission(GROUP, plurals, _CHANGE, "for those who use accounts of others"),)


_CHANGE = ("create", "update", "patch", "delete", "deletecollection")

SECRETS: Mapping[SecretAccess, Permission] = {
    "watch": Permission(
        CORE,
        ("secrets",),
        ("get", "list", "watch"),
        "values by reference; a rotation is seen within seconds (metadata only is watched)",
    ),
    "get": Permission(
        CORE, ("secrets",), ("get",), "values by reference; a rotation is seen at the next poll"
    ),
}


def _kind_permissions(kinds: Iterable[ResourceKind], *, namespaced: bool) -> tuple[Permission, ...]:
    plurals = _plurals(kinds, namespaced=namespaced)
    if not plurals:
        return ()
    return (
        Permission(
            GROUP,
            plurals,
            ("get", "list", "watch", "patch"),
            "watch our objects, read one that a watch missed; patch nothing but the finalizer",
        ),
        Permission(GROUP, tuple(f"{p}/status" for p in plurals), ("patch",), "write the status"),
    )


def _plurals(kinds: Iterable[ResourceKind], *, namespaced: bool) -> tuple[str, ...]:
    return tuple(sorted(k.plural for k in kinds if k.namespaced is namespaced))
