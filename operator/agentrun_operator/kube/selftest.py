"""Proof that an installation works, from inside the cluster and without touching anything."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Final

import aiohttp

from agentrun_operator.core.identity import API_VERSION
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.kube.client import KubeClient, custom_path
from agentrun_operator.kube.reader import ReferenceReader
from agentrun_operator.reconcile.ports import ClusterUnavailable, Json, ObjectConflict, ObjectGone

PROBE_SECONDS: Final = 5.0
PROBE_ATTEMPTS: Final = 12
"""A Service may need a moment to know a Pod that has just become ready."""
METRIC: Final = "workqueue_depth"
"""A series that an idle operator exports too."""

SAMPLE: Final[Json] = {
    "apiVersion": API_VERSION,
    "kind": "Account",
    "metadata": {"name": "agentrun-operator-selftest"},
    "spec": {
        "accountId": "1234567890",
        "region": "cn-hangzhou",
        "credentials": {"secretRef": {"name": "agentrun-operator-selftest"}},
    },
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and what came of it."""

    check: str
    problem: str | None = None
    """None: it holds; else what is wrong and what to do."""

    def __str__(self) -> str:
        return (
            f"ok: {self.check}" if self.problem is None else f"FAILED: {self.check}: {self.problem}"
        )


async def run_checks(
    client: KubeClient,
    kinds: Iterable[ResourceKind],
    *,
    url: str,
    namespace: str,
    pause_seconds: float = 2.0,
) -> AsyncIterator[Finding]:
    """Check the probes and metrics at `url`, the CRDs, and admission by a dry run.

    Args:
        client: The cluster, with the right to create Accounts in `namespace`.
        kinds: Kinds whose CRDs must be served.
        url: Where the operator serves its probes, without a path.
        namespace: Where the sample would be created.
        pause_seconds: Between two attempts to reach the probes.
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PROBE_SECONDS)) as session:
        yield Finding("alive", await _probe(session, f"{url}/healthz", "", pause_seconds))
        yield Finding("ready", await _probe(session, f"{url}/readyz", "", pause_seconds))
        yield Finding("metrics", await _probe(session, f"{url}/metrics", METRIC, pause_seconds))
    yield Finding("CRDs are served", await _crds(client, kinds))
    yield Finding("a sample passes admission", await _dry_run(client, namespace))


async def _probe(
    session: aiohttp.ClientSession, url: str, expected: str, pause_seconds: float
) -> str | None:
    problem = None
    for attempt in range(PROBE_ATTEMPTS):
        if attempt:
            await asyncio.sleep(pause_seconds)
        problem = await _ask(session, url, expected)
        if problem is None:
            return None
    return problem


async def _ask(session: aiohttp.ClientSession, url: str, expected: str) -> str | None:
    try:
        async with session.get(url) as answer:
            text = await answer.text()
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"no answer from {url} ({type(error).__name__}); see the operator's Pod and log"
    if answer.status != 200:  # noqa: PLR2004 - HTTP
        return f"{url} answered {answer.status}: {text.strip()}"
    return None if expected in text else f"{url} does not show {expected}"


async def _crds(client: KubeClient, kinds: Iterable[ResourceKind]) -> str | None:
    try:
        await ReferenceReader(client).require_crds(kinds)
    except ClusterUnavailable as error:
        return str(error)
    return None


async def _dry_run(client: KubeClient, namespace: str) -> str | None:
    try:
        await client.post(
            custom_path("accounts", namespace),
            SAMPLE,
            params={"dryRun": "All", "fieldValidation": "Strict"},
        )
    except (ClusterUnavailable, ObjectGone, ObjectConflict) as error:
        return str(error)
    return None
