"""Resident memory of a real operator process beside objects that are large.

A real API server, the simulated cloud, and the operator under the chart's rights. Each case has a
cluster of its own; the peak is the kernel's (VmHWM), from the start of a process that finds the
objects there.
"""

import base64
import os
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rig import Rig
from rig.samples import key_secret
from rig.waiting import eventually

NAMESPACE = "big"
FOREIGN = "foreign"
CLIENTS = 4
ANNOTATION_BYTES = 250_000
MAPS = SECRETS = ACCOUNTS = 500
RUNTIMES = 400
VARIABLES, VALUE_BYTES = 124, 8190
"""Of a runtime of one megabyte."""
STEADY_SECONDS = 30.0
VALUES = {"polling": {"steadySeconds": 60, "transitionSeconds": 5}}
"""As the chart has them, for the rig is in a hurry otherwise."""
READY_SECONDS = 900.0

Manifest = dict[str, Any]


def text(size: int) -> str:
    """Return text that no compression makes small."""
    return base64.b64encode(os.urandom(size * 3 // 4 + 3)).decode()[:size]


def maps_and_secrets() -> Iterable[tuple[str, Manifest]]:
    """Yield ConfigMaps and Secrets that nobody refers to, with large annotations."""
    for path, count in (("configmaps", MAPS), ("secrets", SECRETS)):
        for number in range(count):
            yield f"/api/v1/namespaces/{NAMESPACE}/{path}", _annotated(f"big-{number}")


def foreign_accounts() -> Iterable[tuple[str, Manifest]]:
    """Yield Accounts of another operator's class, with large annotations."""
    for number in range(ACCOUNTS):
        spec = {
            "accountId": "1234567890",
            "region": "cn-hangzhou",
            "controllerClass": FOREIGN,
            "credentials": {"secretRef": {"name": "keys"}},
        }
        yield _ours("accounts"), {**_annotated(f"big-{number}"), **_typed("Account"), "spec": spec}


def large_runtimes() -> Iterable[tuple[str, Manifest]]:
    """Yield runtimes of one megabyte each, which the operator serves."""
    for number in range(RUNTIMES):
        env = [{"name": f"KEY_{n}", "value": text(VALUE_BYTES)} for n in range(VARIABLES)]
        spec = {"container": {"image": "registry.example.com/agent:v1"}, "env": env}
        body = {"metadata": {"name": f"big-{number}"}, **_typed("AgentRuntime"), "spec": spec}
        yield _ours("agentruntimes"), body


CASES: dict[str, Callable[[], Iterable[tuple[str, Manifest]]]] = {
    "maps_and_secrets": maps_and_secrets,
    "foreign_accounts": foreign_accounts,
    "large_runtimes": large_runtimes,
}


def measure(names: Iterable[str], report: Callable[[str], None]) -> dict[str, Any]:
    """Return megabytes of each case: the peak of a start, and what stays."""
    return {name: figure for case in names for name, figure in _measure(case, report).items()}


def _measure(case: str, report: Callable[[str], None]) -> dict[str, float]:
    with Rig(transition_seconds=0.2, with_operator=False, chart_values=VALUES) as rig:
        rig.create_namespace(NAMESPACE)
        report(f"{case}: creating the objects")
        _create(rig, CASES[case]())
        figures = _start(rig, case, report)
        if case == "large_runtimes":
            _account(rig)
            report(f"{case}: waiting until all are in AgentRun")
            eventually(lambda: _recorded(rig) == RUNTIMES, "all ids", seconds=READY_SECONDS)
            figures[f"{case}_creation_peak_mib"] = peak_mib(rig)
            rig.stop_operator()
            figures |= _start(rig, f"{case}_in_agentrun", report)
        return figures


def _start(rig: Rig, what: str, report: Callable[[str], None]) -> dict[str, float]:
    report(f"{what}: starting the operator")
    rig.start_operator(seconds=READY_SECONDS)
    time.sleep(STEADY_SECONDS)
    figures = {f"{what}_start_peak_mib": peak_mib(rig), f"{what}_steady_mib": resident_mib(rig)}
    report(str(figures))
    return figures


def _recorded(rig: Rig) -> int:
    """Return how many runtimes have their id on record; each by itself, for they are large."""
    table = rig.kubectl(
        "get",
        "agentruntimes",
        f"--namespace={NAMESPACE}",
        "--no-headers",
        "--chunk-size=20",
        "--output=custom-columns=ID:.status.externalId",
    )
    return sum(line.strip() not in ("", "<none>") for line in table.splitlines())


def _account(rig: Rig) -> None:
    spec = {
        "accountId": rig.account.account_id,
        "region": rig.account.region,
        "endpoint": rig.cloud.url,
        "credentials": {"secretRef": {"name": "agentrun-keys"}},
        "requestsPerSecond": 100,
    }
    metadata = {"name": "default", "namespace": NAMESPACE}
    account = {**_typed("Account"), "metadata": metadata, "spec": spec}
    rig.apply([key_secret(NAMESPACE, rig.account), account])


def _create(rig: Rig, manifests: Iterable[tuple[str, Manifest]]) -> None:
    with rig.api() as api, ThreadPoolExecutor(CLIENTS) as pool:

        def post(each: tuple[str, Manifest]) -> None:
            api.post(each[0], json=each[1]).raise_for_status()

        for _ in pool.map(post, manifests):
            pass


def _annotated(name: str) -> Manifest:
    return {"metadata": {"name": name, "annotations": {"example.com/big": text(ANNOTATION_BYTES)}}}


def _typed(kind: str) -> Manifest:
    return {"apiVersion": "agentrun.dev/v1alpha1", "kind": kind}


def _ours(plural: str) -> str:
    return f"/apis/agentrun.dev/v1alpha1/namespaces/{NAMESPACE}/{plural}"


def peak_mib(rig: Rig) -> float:
    """Return the largest resident memory that the operator has had."""
    return _status(rig, "VmHWM")


def resident_mib(rig: Rig) -> float:
    """Return the resident memory of the operator now."""
    return _status(rig, "VmRSS")


def _status(rig: Rig, field: str) -> float:
    status = Path(f"/proc/{rig.operator_pid}/status").read_text()
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    if found is None:
        raise RuntimeError(f"/proc tells no {field}: it ended; {rig.operator_log_tail()}")
    return round(int(found[1]) / 1024, 1)
