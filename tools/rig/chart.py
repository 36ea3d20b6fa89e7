"""What the Helm chart says about the operator: its rights, and its environment."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from controlplane import HELM, ensure
from rig.errors import RigError

REPOSITORY = Path(__file__).resolve().parents[2]
CRDS = REPOSITORY / "crds"
CHART_FOLDER = "charts/agentrun-operator"
CHART = REPOSITORY / CHART_FOLDER
RELEASE = "agentrun-operator"

RIGHTS = frozenset(
    {
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
)


@dataclass(frozen=True)
class Rendering:
    """What `helm template` makes of the chart.

    Attributes:
        rights: ServiceAccount, roles, bindings and admission policy, ready to apply.
        service_account: Name of the ServiceAccount.
        arguments: Of the operator's command line.
        environment: The container's variables that have plain values.
    """

    rights: list[dict[str, Any]]
    service_account: str
    arguments: list[str]
    environment: dict[str, str]


def render(namespace: str, values: Mapping[str, Any], *, chart: Path = CHART) -> Rendering:
    """Render a chart for a namespace.

    Raises:
        RigError: Helm refused the values; the message is Helm's.
    """
    helm = ensure(HELM) / "helm"
    command = [str(helm), "template", RELEASE, str(chart), f"--namespace={namespace}", "--values=-"]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, input=json.dumps(values)
    )
    if done.returncode != 0:
        raise RigError(f"helm template: {done.stderr.strip()}")
    manifests = [each for each in yaml.load_all(done.stdout, yaml.CSafeLoader) if each]
    pod = next(m for m in manifests if m["kind"] == "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return Rendering(
        rights=[each for each in manifests if each["kind"] in RIGHTS],
        service_account=pod["serviceAccountName"],
        arguments=container["args"],
        environment={each["name"]: each["value"] for each in container["env"] if "value" in each},
    )
