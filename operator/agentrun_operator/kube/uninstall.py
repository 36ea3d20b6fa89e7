"""Whether the operator may be removed: nobody else removes its finalizer.

An object that keeps the finalizer after the operator is gone can never be deleted, nor can its
namespace; and what it stands for stays in AgentRun.
"""

from collections.abc import Iterable

from agentrun_operator.core.identity import FINALIZER, ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.kube.client import KubeClient, custom_path
from agentrun_operator.reconcile.ports import ObjectGone

SHOWN = 10
"""Objects that the message names; a fleet of thousands must not fill the log."""


async def find_held(
    client: KubeClient,
    kinds: Iterable[ResourceKind],
    *,
    namespaces: tuple[str, ...],
    controller_class: str,
) -> tuple[ObjectKey, ...]:
    """Return the objects of this installation that carry its finalizer, sorted.

    Args:
        client: The cluster.
        kinds: What the operator serves; a kind whose CRD is gone has no objects.
        namespaces: What it watches; empty: the whole cluster.
        controller_class: Objects of another class belong to another installation.

    Raises:
        ClusterUnavailable: the cluster could not be asked, so nothing is known.
    """
    found: list[ObjectKey] = []
    for kind in kinds:
        for namespace in (namespaces if kind.namespaced else ()) or ("",):
            found += await _held(client, kind, namespace, controller_class)
    return tuple(sorted(found))


async def _held(
    client: KubeClient, kind: ResourceKind, namespace: str, controller_class: str
) -> list[ObjectKey]:
    held = []
    try:
        async for page in client.pages(custom_path(kind.plural, namespace)):
            held += [
                ObjectKey.of(item, kind.kind)
                for item in page["items"]
                if FINALIZER in (item["metadata"].get("finalizers") or ())
                and str((item.get("spec") or {}).get("controllerClass") or "") == controller_class
            ]
    except ObjectGone:
        return []
    return held


def refusal(held: tuple[ObjectKey, ...]) -> str:
    """Say why the operator must stay, and what to do."""
    named = ", ".join(map(str, held[:SHOWN]))
    more = f" and {len(held) - SHOWN} more" if len(held) > SHOWN else ""
    return (
        f"{len(held)} object(s) still need the operator to be deleted: {named}{more}; delete them "
        "and wait until they are gone (spec.deletionPolicy Retain keeps the resource in AgentRun), "
        "then uninstall again; --no-hooks uninstalls nevertheless and strands them"
    )
