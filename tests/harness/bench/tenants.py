"""What a tenant waits for while a neighbour does its worst: real API server, operator and cloud.

The victim edits and deletes objects one after the other. Each time counts from the request to the
API server until the cloud has the update or the deletion. Each neighbour has a rig of its own.
"""

import itertools
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.tarpit import Tarpit
from rig import CloudAccount, Rig, eventually, samples
from rig.chart import REPOSITORY
from rig.cluster import OURS

VICTIM, NEIGHBOUR = "victim", "neighbour"
FLEET_RATE = 500
"""Requests per second while a fleet is made; what is measured has the default of 20."""
MERGE = {"Content-Type": "application/merge-patch+json"}
PATIENCE_SECONDS = 400.0
EDIT_PAUSE_SECONDS, DELETE_PAUSE_SECONDS = 0.3, 1.0
"""A deletion takes four calls; faster, the victim would wait for its own share of a budget."""
RUNTIME = {"container": {"image": "registry.example.com/agent:v1"}}
PROXY = {
    "mode": "Single",
    "executionRoleArn": "acs:ram::1234567890:role/agentrun",
    "endpoints": [{"modelServiceRef": {"externalName": "qwen"}, "modelNames": ["qwen-max"]}],
}


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    edits: int = 100
    deletions: int = 20
    creates: int = 1000
    storm_objects: int = 600
    storm_per_second: float = 80.0
    tarpits: int = 300


@dataclass
class Stage:
    """One rig with its two tenants."""

    rig: Rig
    sizes: Sizes
    accounts: Mapping[str, CloudAccount]
    """Whose keys the objects of each tenant use."""
    is_shared: bool
    http: httpx.Client
    stop: threading.Event = field(default_factory=threading.Event)

    def path(self, plural: str, namespace: str, name: str = "") -> str:
        """Return the path of an object, or of a collection."""
        return f"{OURS}/namespaces/{namespace}/{plural}/{name}".rstrip("/")

    def create(self, namespace: str, plural: str, kind: str, specs: Mapping[str, Any]) -> None:
        """Create objects of one kind, by their names."""

        def post(item: tuple[str, Any]) -> None:
            body = {"apiVersion": "agentrun.dev/v1alpha1", "kind": kind, "spec": item[1]}
            body["metadata"] = {"name": item[0]}
            self.http.post(self.path(plural, namespace), json=body).raise_for_status()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(post, specs.items()))

    def patch(self, namespace: str, plural: str, name: str, spec: Mapping[str, Any]) -> None:
        """Edit an object."""
        at = self.path(plural, namespace, name)
        self.http.patch(at, json={"spec": spec}, headers=MERGE).raise_for_status()

    def budget(self, per_second: float) -> None:
        """Set how many requests per second all accounts allow."""
        if self.is_shared:
            accounts = [f"{OURS}/clusteraccounts/default"]
        else:
            accounts = [self.path("accounts", tenant, "default") for tenant in self.accounts]
        for at in accounts:
            body = {"spec": {"requestsPerSecond": per_second}}
            self.http.patch(at, json=body, headers=MERGE).raise_for_status()

    def wait_ready(self, namespace: str, count: int) -> None:
        """Return when so many objects of a namespace are Ready."""
        self.rig.wait_ready(namespace, seconds=PATIENCE_SECONDS)
        found = len(self.rig.objects(namespace))
        assert found >= count, f"{found} of {count} objects"


def measure(sizes: Sizes, product: Path = REPOSITORY, names: Iterable[str] = ()) -> dict[str, Any]:
    """Return p50 and p99 of the victim's edits and deletions, with neighbours and without."""
    report: dict[str, Any] = {"one tenant alone": throughput(sizes, product)}
    for is_shared in (False, True):
        place = "one ClusterAccount" if is_shared else "own accounts"
        for name in names or NEIGHBOURS:
            prepare, disturb = NEIGHBOURS[name]
            if is_shared and name == "tarpit":
                # Whoever may write a ClusterAccount is no tenant.
                continue
            sys.stderr.write(f"{place}: {name}\n")
            with staged(sizes, product, is_shared=is_shared) as stage:
                prepare(stage)
                report[f"{place}: {name}"] = _with_neighbour(stage, disturb)
    return report


def throughput(sizes: Sizes, product: Path) -> dict[str, float]:
    """Return how fast an operator that starts works off one tenant's new runtimes."""
    with staged(replace(sizes, edits=1, deletions=0), product, is_shared=False) as stage:
        stage.rig.stop_operator()
        stage.budget(FLEET_RATE)
        specs = {f"r-{n}": RUNTIME for n in range(sizes.storm_objects)}
        stage.create(NEIGHBOUR, "agentruntimes", "AgentRuntime", specs)
        since = stage.rig.cloud.position()
        stage.rig.start_operator()
        account = stage.accounts[NEIGHBOUR].account_id

        def creates() -> list[float]:
            found = stage.rig.cloud.requests(
                since=since, action="CreateAgentRuntime", account=account
            )
            times = [datetime.fromisoformat(each["time"]).timestamp() for each in found]
            return times if len(times) >= len(specs) else []

        times = eventually(creates, "all creates", seconds=PATIENCE_SECONDS)
        assert stage.rig.operator_pid is not None
        busy = sum(psutil.Process(stage.rig.operator_pid).cpu_times()[:2])
    return {
        "creates": len(times),
        "creates_per_second": round((len(times) - 1) / (times[-1] - times[0]), 1),
        "operator_cpu_seconds": round(busy, 2),
    }


def _with_neighbour(stage: Stage, disturb: Callable[[Stage], None]) -> dict[str, float]:
    neighbour = threading.Thread(target=disturb, args=(stage,))
    neighbour.start()
    try:
        time.sleep(3.0)
        assert stage.rig.operator_pid is not None
        process = psutil.Process(stage.rig.operator_pid)
        busy, begun = sum(process.cpu_times()[:2]), time.monotonic()
        figures = victim(stage)
        share = (sum(process.cpu_times()[:2]) - busy) / (time.monotonic() - begun)
    finally:
        stage.stop.set()
        neighbour.join()
    return {**figures, "operator_cpu_percent": round(share * 100, 1)}


@contextmanager
def staged(sizes: Sizes, product: Path, *, is_shared: bool) -> Iterator[Stage]:
    """Run a rig with the victim's proxies Ready."""
    victims, others = CloudAccount("41001"), CloudAccount("41002")
    accounts = {VICTIM: victims, NEIGHBOUR: victims if is_shared else others}
    with ExitStack() as stack:
        rig = stack.enter_context(
            Rig(
                accounts=[victims, others],
                product=product,
                # The product's own pace; the rig's is for impatient tests.
                chart_values={"polling": {"steadySeconds": 60, "transitionSeconds": 5}},
            )
        )
        http = stack.enter_context(rig.api())
        stage = Stage(rig, sizes, accounts, is_shared=is_shared, http=http)
        for tenant in accounts:
            rig.create_namespace(tenant)
        rig.apply(_accounts(stage))
        count = sizes.edits + sizes.deletions
        stage.create(VICTIM, "modelproxies", "ModelProxy", {f"p-{n}": PROXY for n in range(count)})
        stage.wait_ready(VICTIM, count)
        stage.budget(20)
        yield stage


def _accounts(stage: Stage) -> Iterator[dict[str, Any]]:
    """Yield the accounts and their Secrets."""
    account = stage.accounts[VICTIM]
    if stage.is_shared:
        yield samples.key_secret("agentrun-system", account)
        spec = _account(stage.rig.cloud.url, account)
        spec["allowedNamespaces"] = {"names": list(stage.accounts)}
        # The victim's proxies run as a role, and name a service of the console.
        grants = ["executionRoles", "externalReferences"]
        spec["allow"] = [{"namespaces": list(stage.accounts), "grants": grants}]
        yield _manifest("ClusterAccount", "default", spec)
        return
    for tenant, each in stage.accounts.items():
        yield samples.key_secret(tenant, each)
        spec = _account(stage.rig.cloud.url, each)
        manifest = _manifest("Account", "default", spec)
        manifest["metadata"]["namespace"] = tenant
        yield manifest


def _account(endpoint: str, account: CloudAccount) -> dict[str, Any]:
    return {
        "accountId": account.account_id,
        "region": account.region,
        "endpoint": endpoint,
        "credentials": {"secretRef": {"name": samples.KEYS_SECRET}},
        "requestsPerSecond": FLEET_RATE,
    }


def _manifest(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    meta: dict[str, Any] = {"name": name}
    return {"apiVersion": "agentrun.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


# ---------------------------------------------------------------- the victim


def victim(stage: Stage) -> dict[str, float]:
    """Edit and delete objects in turn; return how long each took to reach the cloud."""
    sizes, cloud = stage.sizes, stage.rig.cloud
    since, sent = cloud.position(), {}
    for n in range(sizes.edits + sizes.deletions):
        name = f"p-{n}"
        sent[name] = time.time()
        if n < sizes.edits:
            stage.patch(VICTIM, "modelproxies", name, {"description": f"edit {n}"})
        else:
            stage.http.delete(stage.path("modelproxies", VICTIM, name)).raise_for_status()
        time.sleep(EDIT_PAUSE_SECONDS if n < sizes.edits else DELETE_PAUSE_SECONDS)
    names = list(sent)
    updated = _arrivals(stage, since, "UpdateModelProxy", names[: sizes.edits])
    deleted = _arrivals(stage, since, "DeleteModelProxy", names[sizes.edits :])
    edits = [updated[name] - sent[name] for name in updated]
    deletions = [deleted[name] - sent[name] for name in deleted]
    return {**_quantiles("edit", edits), **_quantiles("delete", deletions)}


def _arrivals(stage: Stage, since: int, action: str, names: Sequence[str]) -> dict[str, float]:
    """Return when the cloud had a request for each object, by wall clock."""
    account = stage.accounts[VICTIM].account_id
    arrived: dict[str, float] = {}

    def all_there() -> bool:
        found = stage.rig.cloud.requests(since=since, action=action, account=account)
        for each in found:
            name = each["path"].rpartition("/")[2]
            arrived.setdefault(name, datetime.fromisoformat(each["time"]).timestamp())
        return set(names) <= set(arrived)

    eventually(all_there, f"{action} of all {len(names)}", seconds=PATIENCE_SECONDS)
    return {name: arrived[name] for name in names}


def _quantiles(what: str, seconds: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {
        f"{what}_p50_seconds": round(cuts[49], 3),
        f"{what}_p99_seconds": round(cuts[98], 3),
        f"{what}_max_seconds": round(max(seconds), 3),
    }


# ---------------------------------------------------------------- the neighbours


def nothing(_stage: Stage) -> None:
    """Do nothing."""


def burst(stage: Stage) -> None:
    """Create a thousand runtimes at once."""
    specs = {f"r-{n}": RUNTIME for n in range(stage.sizes.creates)}
    stage.create(NEIGHBOUR, "agentruntimes", "AgentRuntime", specs)


def prepare_storm(stage: Stage) -> None:
    """Make the objects that the storm edits."""
    count = stage.sizes.storm_objects
    stage.budget(FLEET_RATE)
    specs = {f"r-{n}": RUNTIME for n in range(count)}
    stage.create(NEIGHBOUR, "agentruntimes", "AgentRuntime", specs)
    stage.wait_ready(NEIGHBOUR, count)
    stage.budget(20)


def storm(stage: Stage) -> None:
    """Edit all objects again and again, so many of them a second."""
    pause = 1 / stage.sizes.storm_per_second
    names = itertools.cycle(f"r-{n}" for n in range(stage.sizes.storm_objects))
    due = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        for serial in itertools.count():
            if stage.stop.wait(max(0.0, due - time.monotonic())):
                return
            due += pause
            spec = {"description": f"edit {serial}"}
            pool.submit(stage.patch, NEIGHBOUR, "agentruntimes", next(names), spec)


def tarpit(stage: Stage) -> None:
    """Create hundreds of accounts at an endpoint that accepts and never answers."""
    with Tarpit() as endpoint:
        spec = _account(endpoint.url, stage.accounts[NEIGHBOUR])
        specs = {f"tarpit-{n}": spec for n in range(stage.sizes.tarpits)}
        stage.create(NEIGHBOUR, "accounts", "Account", specs)
        stage.stop.wait()


NEIGHBOURS: Mapping[str, tuple[Callable[[Stage], None], Callable[[Stage], None]]] = {
    "alone": (nothing, nothing),
    "burst": (nothing, burst),
    "storm": (prepare_storm, storm),
    "tarpit": (nothing, tarpit),
}
"""What each makes beforehand, and what it does while the victim works."""
