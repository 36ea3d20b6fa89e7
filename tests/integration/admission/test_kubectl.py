"""What kubectl shows, accepts and explains."""

import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from agentrun_operator.core.identity import API_VERSION, GROUP
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.reasons import Reason
from agentrun_operator.kinds import catalogue
from controlplane import ControlPlane, KubectlError
from controlplane.binaries import HELM, ensure
from fakes.examples import MINIMAL
from integration.admission.objects import KINDS, NAMESPACE, REPOSITORY, Held, manifest, path_of
from integration.admission.server import Server

SAMPLES = sorted((REPOSITORY / "samples").rglob("*.yaml"))

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.kind)


def test_samples_are_accepted(control_plane: ControlPlane, server: Server) -> None:
    del server
    documents = [d for s in SAMPLES for d in yaml.safe_load_all(s.read_text()) if d]
    ours = [d for d in documents if d["apiVersion"].startswith(GROUP)]
    assert {d["kind"] for d in ours} == {kind.kind for kind in KINDS}
    for document in ours:
        document["metadata"].pop("namespace", None)
    control_plane.kubectl(
        "apply",
        "--dry-run=server",
        "--validate=strict",
        f"--namespace={NAMESPACE}",
        "--filename=-",
        input=yaml.safe_dump_all(ours),
    )


def test_kubectl_refuses_an_unknown_field(control_plane: ControlPlane, server: Server) -> None:
    del server
    kind = catalogue()["ModelProxy"]
    document = manifest(kind, "typo", {**MINIMAL["ModelProxy"], "executionRole": "x"})
    with pytest.raises(KubectlError, match=r'unknown field "spec\.executionRole"'):
        control_plane.kubectl(
            "create",
            "--dry-run=server",
            f"--namespace={NAMESPACE}",
            "--filename=-",
            input=yaml.safe_dump(document),
        )


@each_kind
def test_every_published_field_explains_itself(server: Server, kind: ResourceKind) -> None:
    """`kubectl explain` reads what the server publishes, which may be less than the CRD says."""
    published = server.read(f"/openapi/v3/apis/{API_VERSION}")["components"]["schemas"]
    (schema,) = (s for name, s in published.items() if name.endswith(f".{kind.kind}"))
    for path, node in properties(schema, ""):
        assert node.get("description"), path


def properties(schema: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, node in schema.get("properties", {}).items():
        if prefix or name != "metadata":
            yield f"{prefix}.{name}", node
            yield from properties(node.get("items", node), f"{prefix}.{name}")


def test_explain_tells_unit_and_immutability(control_plane: ControlPlane, server: Server) -> None:
    del server
    text = control_plane.kubectl("explain", "modelproxy.spec.cpu")
    assert "0.05 to 16, like 2, 0.5 or 500m" in text
    assert "Immutable" in text


@each_kind
def test_short_names_and_the_category_lead_to_the_kind(
    control_plane: ControlPlane, server: Server, held: Held, kind: ResourceKind
) -> None:
    del server
    stored = held(kind, MINIMAL[kind.kind])
    name = f"{kind.kind.lower()}.{GROUP}/{stored['metadata']['name']}"
    found = {}
    for what in (kind.short_names[0], "agentrun"):
        listed = control_plane.kubectl("get", what, f"--namespace={NAMESPACE}", "--output=name")
        found[what] = name in listed.splitlines()
    # A deletion of the category in one namespace must not reach what all of them share.
    assert found == {kind.short_names[0]: True, "agentrun": kind.namespaced}


def test_columns_tell_the_state_at_a_glance(
    control_plane: ControlPlane, server: Server, held: Held
) -> None:
    kind = catalogue()["ModelProxy"]
    stored = held(kind, MINIMAL["ModelProxy"])
    provider = {"state": "READY", "endpoint": "https://proxy.example"}
    status = {"externalId": "mp-1", "atProvider": provider}
    server.patch(f"{path_of(kind, stored)}/status", {"status": status})
    get = ("get", "modelproxies", f"--namespace={NAMESPACE}")
    heading, row = (line.split() for line in control_plane.kubectl(*get).splitlines())
    assert heading == ["NAME", "READY", "REASON", "DRIFT", "PAUSED", "AGE"]
    assert row[:3] == ["held-0", "Unknown", "Pending"]
    assert len(row) == len(heading) - 2, "neither drift nor a pause"
    wide = control_plane.kubectl(*get, "--output=wide").splitlines()
    assert wide[0].split() == [
        *heading, "EXTERNAL-ID", "AS-OF", "MESSAGE", "STATE", "MODE", "ENDPOINT",
    ]  # fmt: skip
    assert "mp-1" in wide[1].split()
    assert wide[1].split()[-3:] == ["READY", "Single", "https://proxy.example"]


def test_drift_and_a_pause_are_columns_within_100_characters(
    control_plane: ControlPlane, server: Server, held: Held
) -> None:
    kind = catalogue()["ModelProxy"]
    stored = held(kind, MINIMAL["ModelProxy"])
    conditions = [
        {
            "type": name,
            "status": "True",
            "reason": Reason.DRIFT_DETECTED.value,
            "message": "told",
            "lastTransitionTime": "2026-01-05T09:03:20Z",
        }
        for name in ("Ready", "Paused")
    ]
    status = {"conditions": conditions, "drift": [{"path": "policies.numRetries"}, {"path": "cpu"}]}
    server.patch(f"{path_of(kind, stored)}/status", {"status": status})
    for what in ("modelproxies", "agentrun"):
        listed = control_plane.kubectl("get", what, f"--namespace={NAMESPACE}").splitlines()
        row = next(line for line in listed if "held-0" in line)
        assert row.split()[1:5] == ["True", "DriftDetected", "policies.numRetries", "True"]
        assert max(map(len, listed)) <= 100


def test_objects_can_be_selected_by_what_they_refer_to(
    control_plane: ControlPlane, server: Server, held: Held
) -> None:
    del server
    held(catalogue()["Sandbox"], MINIMAL["Sandbox"])
    select = ("get", "sandboxes", f"--namespace={NAMESPACE}", "--output=name", "--field-selector")
    assert control_plane.kubectl(*select, "spec.templateRef.name=code")
    assert not control_plane.kubectl(*select, "spec.templateRef.name=other")


def test_a_restricted_namespace_takes_the_chart_unwarned(
    control_plane: ControlPlane,
) -> None:
    namespace = "restricted"
    control_plane.kubectl("create", "namespace", namespace)
    for mode in ("enforce", "warn"):
        label = f"pod-security.kubernetes.io/{mode}=restricted"
        control_plane.kubectl("label", "namespace", namespace, label)
    rendered = subprocess.run(  # noqa: S603 - our own build
        [
            ensure(HELM) / "helm",
            "template",
            "agentrun-operator",
            REPOSITORY / "charts" / "agentrun-operator",
            f"--namespace={namespace}",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    # A Pod is refused where its ServiceAccount does not exist, also by a dry run.
    accounts = [
        each for each in yaml.safe_load_all(rendered) if each and each["kind"] == "ServiceAccount"
    ]
    try:
        control_plane.kubectl("apply", "--filename=-", input=yaml.safe_dump_all(accounts))
        control_plane.kubectl(
            "apply", "--dry-run=server", "--warnings-as-errors", "--filename=-", input=rendered
        )
    finally:
        control_plane.kubectl("delete", "namespace", namespace, "--wait=false")
