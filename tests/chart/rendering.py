"""The charts as Helm renders them, once per set of values."""

import functools
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from controlplane.binaries import HELM, ensure

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "agentrun-operator"
CRD_CHART = ROOT / "charts" / "agentrun-operator-crds"
NAMESPACE = "agentrun-system"
FULLNAME = "chart-agentrun-operator"
"""What objects of the release `chart` are called."""

Manifest = Mapping[str, Any]

EVERYTHING = (
    "replicaCount=2",
    "podDisruptionBudget.enabled=true",
    "metrics.serviceMonitor.enabled=true",
    "metrics.prometheusRule.enabled=true",
    "metrics.dashboard.enabled=true",
    'metrics.renderMode="alwaysRender"',
    "simulator.enabled=true",
    'traces={"enabled":true,"endpoint":"http://collector.observability:4318"}',
    'priorityClassName="high"',
    'topologySpreadConstraints=[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}]',
    'credentials={"mode":"RRSA","rrsa":{"roleName":"agentrun"}}',
    'account={"id":"1234567890","region":"cn-hangzhou"}',
)
"""Values that switch on what the default leaves out."""


def helm(
    *values: str,
    name: str = "chart",
    chart: Path = CHART,
    options: Iterable[str] = (),
    command: tuple[str, ...] = ("template",),
) -> "subprocess.CompletedProcess[str]":
    """Run a command of Helm on a chart; each value is `path=JSON`, as for --set-json."""
    sets = [argument for value in values for argument in ("--set-json", value)]
    return subprocess.run(  # noqa: S603 - our own build, our own arguments
        [ensure(HELM) / "helm", *command, name, chart, f"--namespace={NAMESPACE}", *options, *sets],
        check=False,
        capture_output=True,
        text=True,
    )


@functools.cache
def rendered(*values: str, chart: Path = CHART, options: tuple[str, ...] = ()) -> str:
    """Return what `helm template` prints."""
    done = helm(*values, chart=chart, options=options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def parsed(text: str) -> tuple[Manifest, ...]:
    """Return the manifests in a text; the C loader, because CRDs are long."""
    return tuple(m for m in yaml.load_all(text, yaml.CSafeLoader) if m)


def notes(*values: str) -> str:
    """Return what Helm tells after an installation with these values."""
    done = helm(*values, command=("install",), options=("--dry-run=client",))
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("\nNOTES:\n")[2]


def manifests(
    *values: str, chart: Path = CHART, options: tuple[str, ...] = ()
) -> tuple[Manifest, ...]:
    """Return all manifests, those of hooks included."""
    return parsed(rendered(*values, chart=chart, options=options))


def installed(
    *values: str, chart: Path = CHART, options: tuple[str, ...] = ()
) -> tuple[Manifest, ...]:
    """Return the manifests that stay installed: all but those of hooks."""
    return tuple(m for m in manifests(*values, chart=chart, options=options) if not hook_of(m))


def hook_of(manifest: Manifest) -> str | None:
    """Return what hook of Helm a manifest belongs to."""
    annotations = manifest["metadata"].get("annotations") or {}
    return annotations.get("helm.sh/hook")


def of_kind(found: Iterable[Manifest], kind: str) -> list[Manifest]:
    """Return the manifests of one kind."""
    return [m for m in found if m["kind"] == kind]


def one(found: Iterable[Manifest], kind: str) -> Any:
    """Return the only manifest of a kind; of Deployments, the operator's."""
    (only,) = (
        m
        for m in of_kind(found, kind)
        if kind not in ("Deployment", "Service") or m["metadata"]["name"] == FULLNAME
    )
    return only


def pod_of(found: Iterable[Manifest]) -> Any:
    """Return the Pod template of the operator."""
    return one(found, "Deployment")["spec"]["template"]


def container_of(found: Iterable[Manifest]) -> Any:
    """Return the operator's container."""
    (only,) = pod_of(found)["spec"]["containers"]
    return only


def environment_of(found: Iterable[Manifest]) -> dict[str, Any]:
    """Return the variables of the operator's container: value or source by name."""
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in container_of(found)["env"]}


def pods(found: Iterable[Manifest]) -> dict[str, Any]:
    """Return every Pod spec, templates included, by `Kind/name`."""
    specs = {}
    for m in found:
        if m["kind"] in ("Deployment", "Job"):
            specs[f"{m['kind']}/{m['metadata']['name']}"] = m["spec"]["template"]["spec"]
        elif m["kind"] == "Pod":
            specs[f"Pod/{m['metadata']['name']}"] = m["spec"]
    return specs
