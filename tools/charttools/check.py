"""Every check of charts, Dockerfile, scripts and workflows that needs a program of its own."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from charttools import compatibility, conformity
from charttools.errors import ChartError, UnavailableError
from charttools.linters import lint, score
from charttools.metadata import CHARTS, ROOT, examples
from charttools.programs import ACTIONLINT, helm, python_tools, run
from charttools.release import stage
from controlplane.binaries import ensure

OPERATOR = CHARTS / "agentrun-operator"
CRDS = CHARTS / "agentrun-operator-crds"
SCRIPTS = (".ci/run", "tools/kind/e2e", "tools/release/publish")
NAMESPACE = "agentrun-system"

VALUES: Mapping[str, tuple[Path, Mapping[str, Any]]] = {
    "default": (OPERATOR, {}),
    "crds": (CRDS, {}),
    "namespaced": (
        OPERATOR,
        {
            "watchNamespaces": ["team-a", "team-b"],
            "secretAccess": "get",
            "clusterId": "prod-1",
            "leaderElection": False,
            "credentials": {"mode": "Secret", "existingSecret": "keys"},
            "account": {"id": "1234567890", "region": "cn-hangzhou"},
        },
    ),
    "everything": (
        OPERATOR,
        {
            "replicaCount": 2,
            "crds": {"annotations": {"a": "b"}, "labels": {"l": "m"}},
            "credentials": {
                "mode": "RRSAManual",
                "rrsa": {
                    "roleArn": "acs:ram::1:role/agentrun",
                    "oidcProviderArn": "acs:ram::1:oidc-provider/ack",
                },
            },
            "podDisruptionBudget": {"enabled": True, "minAvailable": 1},
            "networkPolicy": {"enabled": True, "apiServerCIDRs": ["10.0.0.1/32"]},
            "metrics": {
                "serviceMonitor": {"enabled": True},
                "prometheusRule": {"enabled": True, "runbookUrl": "https://wiki.example/runbooks"},
                "dashboard": {"enabled": True},
                "renderMode": "alwaysRender",
            },
            "simulator": {"enabled": True},
            "imagePullSecrets": [{"name": "pull"}],
            "nodeSelector": {"disk": "fast"},
            "tolerations": [{"key": "k", "operator": "Exists"}],
            "affinity": {"podAntiAffinity": {}},
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
            ],
            "priorityClassName": "high",
            "runtimeClassName": "sandboxed",
            "hostUsers": False,
            "extraEnv": [{"name": "A", "value": "b"}],
            "extraEnvFrom": [{"secretRef": {"name": "env"}}],
            "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
            "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}],
        },
    ),
    "pods": (
        OPERATOR,
        {"metrics": {"podMonitor": {"enabled": True}, "renderMode": "alwaysRender"}},
    ),
    "rrsa": (OPERATOR, {"credentials": {"mode": "RRSA", "rrsa": {"roleName": "agentrun"}}}),
}
"""Renderings that together hold every template and every branch worth a schema: chart, values."""


def check(*, complete: bool = False) -> None:
    """Run all checks, telling each one that holds, and each that cannot run here.

    Args:
        complete: Whether a check that cannot run is an error.

    Raises:
        ChartError: one does not hold; the message is that of the program. Or one did not run.
    """
    checks: Mapping[str, Callable[[], str | None]] = {
        "helm lint, with Helm 3 and 4": _lint,
        "Helm 3 and 4 render the same": _same,
        f"kubeconform, Kubernetes {conformity.VERSIONS[0]} to {conformity.VERSIONS[-1]}": _conform,
        "kube-score": _score,
        "kube-linter": _kube_linter,
        "crdify": compatibility.check,
        "packages as a release makes them": _package,
        "hadolint": _hadolint,
        "shellcheck": _shellcheck,
        "actionlint": _actionlint,
    }
    run_all(checks, complete=complete)


def run_all(checks: Mapping[str, Callable[[], str | None]], *, complete: bool) -> None:
    """Run checks by name; one that can say with what it looked returns that.

    Raises:
        ChartError: as `check` says.
    """
    not_run: list[str] = []
    for name, holds in checks.items():
        try:
            detail = holds()
        except UnavailableError as error:
            not_run.append(name)
            print(f"NOT RUN: {name}: {error}", flush=True)
        else:
            print(f"chart check: {name}{f', {detail}' if detail else ''}", flush=True)
    summary = f"{len(checks) - len(not_run)} of {len(checks)} chart checks hold"
    if not_run:
        summary += f"; NOT RUN: {', '.join(not_run)}"
    if not_run and complete:
        raise ChartError(summary)
    print(summary)


def _lint() -> None:
    for major in (3, 4):
        for chart, values in VALUES.values():
            _helm(major, "lint", str(chart), values=values, options=["--strict"])


def _same() -> None:
    for name in VALUES:
        three, four = (conformity.read(_render(major, name)) for major in (3, 4))
        if _sorted(three) != _sorted(four):
            raise ChartError(f"Helm 3 and 4 render the values {name!r} differently")


def _sorted(manifests: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(m, sort_keys=True) for m in manifests)


def _conform() -> None:
    with tempfile.TemporaryDirectory(prefix="agentrun-charts-") as text:
        folder = Path(text)
        files: dict[str, str] = {name: _render(4, name) for name in VALUES}
        files["samples"] = "---\n".join(json.dumps(each) + "\n" for each in examples())
        everything = [m for content in files.values() for m in conformity.read(content)]
        conformity.write_schemas(folder / "schemas", everything)
        for name, content in files.items():
            manifests = folder / f"{name}.yaml"
            manifests.write_text(content)
            conformity.conform(folder / "schemas", manifests)


def _score() -> None:
    for name, (chart, _) in VALUES.items():
        if chart == OPERATOR:  # it has nothing to say about a CRD
            score(_render(4, name))


def _kube_linter() -> str:
    return lint({name: _render(4, name) for name in VALUES})


def _package() -> None:
    """Stage both charts as a release does, package them, and render from the packages."""
    version, registry = "9.8.7", "registry.example/team"
    changelog = f"## {version}\n\n### Added\n- A thing: with a colon.\n"
    with tempfile.TemporaryDirectory(prefix="agentrun-charts-") as text:
        folder = Path(text)
        stage(folder / "charts", version=version, registry=registry, changelog=changelog)
        for major in (3, 4):
            for chart in (OPERATOR.name, CRDS.name):
                staged = str(folder / "charts" / chart)
                run([helm(major), "package", staged, f"--destination={folder}"])
                package = folder / f"{chart}-{version}.tgz"
                rendered = _helm(major, "template", "chart", str(package), values={})
                package.unlink()
                image = f"{registry}/agentrun-operator:{version}"
                if chart == OPERATOR.name and image not in rendered:
                    raise ChartError(f"{package.name} does not use the image {image}")


def _hadolint() -> None:
    run([python_tools() / "bin" / "hadolint", "Dockerfile"])


def _shellcheck() -> None:
    run([python_tools() / "bin" / "shellcheck", "--enable=all", "--severity=info", *SCRIPTS])


def _actionlint() -> None:
    shellcheck = python_tools() / "bin" / "shellcheck"
    workflows = map(str, sorted((ROOT / ".github" / "workflows").glob("*.yaml")))
    options = (f"-shellcheck={shellcheck}", "-pyflakes=")
    run([str(ensure(ACTIONLINT) / "actionlint"), *options, *workflows])


def _render(major: int, name: str) -> str:
    chart, values = VALUES[name]
    options = ["--kube-version=1.36.0"]
    return _helm(major, "template", "chart", str(chart), values=values, options=options)


def _helm(major: int, *command: str, values: Mapping[str, Any], options: Sequence[str] = ()) -> str:
    arguments: list[str | Path] = [
        helm(major),
        *command,
        f"--namespace={NAMESPACE}",
        "--values=-",
        *options,
    ]
    return run(arguments, text=json.dumps(values))
