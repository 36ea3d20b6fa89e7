"""What the chart asks of the image beside running: the guard of an uninstall, and a self-test."""

from collections.abc import Iterable, Mapping

from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.settings import Settings
from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.kube.client import KubeClient
from agentrun_operator.kube.selftest import run_checks
from agentrun_operator.kube.uninstall import find_held, refusal


async def guard_uninstall(
    settings: Settings, environ: Mapping[str, str], kinds: Iterable[ResourceKind]
) -> int:
    """Print whether the operator may go; returns 0 if it may, 1 if objects still need it.

    Raises:
        ClusterUnavailable: the cluster could not be asked.
    """
    async with KubeClient.open(ClusterAccess.load(environ=environ)) as client:
        held = await find_held(
            client,
            _served(settings, kinds),
            namespaces=settings.namespaces,
            controller_class=settings.controller_class,
        )
    print(refusal(held) if held else "nothing needs the operator any more")  # noqa: T201 - the result of a command
    return 1 if held else 0


async def selftest(
    settings: Settings, environ: Mapping[str, str], kinds: Iterable[ResourceKind], url: str
) -> int:
    """Print one line per check of an installation; returns 0 if all hold, else 1.

    Raises:
        ClusterUnavailable: no cluster is configured.
    """
    is_fine = True
    async with KubeClient.open(ClusterAccess.load(environ=environ)) as client:
        findings = run_checks(
            client,
            _served(settings, kinds),
            url=url.rstrip("/"),
            namespace=settings.operator_namespace,
        )
        async for finding in findings:
            print(finding, flush=True)  # noqa: T201 - the result of a command
            is_fine = is_fine and finding.problem is None
    return 0 if is_fine else 1


def _served(settings: Settings, kinds: Iterable[ResourceKind]) -> tuple[ResourceKind, ...]:
    return tuple(k for k in kinds if k.namespaced or not settings.namespaces)
