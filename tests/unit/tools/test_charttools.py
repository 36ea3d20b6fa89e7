"""What the chart tools make of comments, changelogs and schemas."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentrun_operator.kinds import catalogue
from charttools.check import SCRIPTS, VALUES, run_all
from charttools.conformity import OTHERS, VERSIONS, _close, _file
from charttools.errors import ChartError, UnavailableError
from charttools.metadata import ROOT, chart_yaml, examples, explained
from charttools.programs import HELM3
from charttools.release import changes_of, notes_of, page_of, stage
from controlplane.binaries import HELM
from release.programs import COSIGN

VALUES_TEXT = """
# Explained.
plain: 1

group:
  # Below.
  inner: {}
  # A whole.
  block:
    a: 1
    b: [2]
# Two
# lines.
last: ""
"""
CHANGELOG = """# Changelog

## Unreleased

### Added
- Not yet.

## 1.2.0 (2026-12-01)

For people.

### Security
- A hole is closed.

### Added
- One thing.
- Another.

## 1.1.0

### Fixed
- Old.
"""


def test_a_comment_explains_the_value_below_it() -> None:
    assert list(explained(VALUES_TEXT)) == [
        ("plain", 1, "Explained."),
        ("group.inner", {}, "Below."),
        ("group.block", {"a": 1, "b": [2]}, "A whole."),
        ("last", "", "Two lines."),
    ]


def test_the_changes_of_a_release_are_its_own() -> None:
    assert changes_of(CHANGELOG, "1.2.0") == [
        {"kind": "security", "description": "A hole is closed."},
        {"kind": "added", "description": "One thing."},
        {"kind": "added", "description": "Another."},
    ]
    notes = "### Security\n- A hole is closed.\n\n### Added\n- One thing.\n- Another.\n"
    assert notes_of(CHANGELOG, "1.2.0") == notes


def test_the_page_of_a_release_says_how_to_install_and_verify_it() -> None:
    page = page_of(CHANGELOG, "1.2.0", registry="ghcr.io/team", verify="--certificate-identity=x")
    assert "oci://ghcr.io/team/charts/agentrun-operator" in page
    assert "--version 1.2.0 " in page
    assert "cosign verify --certificate-identity=x ghcr.io/team/agentrun-operator:1.2.0" in page
    assert "--type cyclonedx ghcr.io/team/agentrun-operator:1.2.0" in page
    assert page.endswith("### Added\n- One thing.\n- Another.\n")


@pytest.mark.parametrize("version", ["1.3.0", "1.2", "Released"])
def test_a_release_without_changes_is_refused(version: str) -> None:
    with pytest.raises(ChartError, match=re.escape(f"## {version}")):
        changes_of(CHANGELOG, version)


def test_a_staged_chart_carries_version_registry_and_changes(tmp_path: Path) -> None:
    registry = "registry.example/team"
    stage(tmp_path / "charts", version="1.2.0", registry=registry, changelog=CHANGELOG)
    chart = tmp_path / "charts" / "agentrun-operator"
    document = yaml.safe_load((chart / "Chart.yaml").read_text())
    assert document["version"] == document["appVersion"] == "1.2.0"
    annotations = document["annotations"]
    assert len(yaml.safe_load(annotations["artifacthub.io/changes"])) == 3
    assert annotations["artifacthub.io/containsSecurityUpdates"] == "true"
    assert annotations["artifacthub.io/prerelease"] == "false"
    images = yaml.safe_load(annotations["artifacthub.io/images"])
    assert images[0]["image"] == "registry.example/team/agentrun-operator:1.2.0"
    values = yaml.safe_load((chart / "values.yaml").read_text())
    assert values["image"]["registry"] == "registry.example/team"
    assert (tmp_path / "charts" / "agentrun-operator-crds" / "Chart.yaml").exists()


def test_artifact_hub_is_told_what_it_asks_for() -> None:
    document = yaml.safe_load(chart_yaml(ROOT / "charts" / "agentrun-operator"))
    annotations = document["annotations"]
    assert all(isinstance(value, str) for value in annotations.values())
    crds = yaml.safe_load(annotations["artifacthub.io/crds"])
    assert [crd["kind"] for crd in crds] == list(catalogue())
    assert all({"kind", "version", "name", "displayName", "description"} == set(c) for c in crds)
    shown = yaml.safe_load(annotations["artifacthub.io/crdsExamples"])
    assert [example["kind"] for example in shown] == list(catalogue())
    assert annotations["artifacthub.io/license"] == "Apache-2.0"


def test_every_kind_has_an_example() -> None:
    assert [example["kind"] for example in examples()] == list(catalogue())


def test_a_kind_without_a_sample_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChartError, match=r"no sample of Account, .*; write one into samples/"):
        list(examples(tmp_path))


def test_a_schema_is_closed_where_the_server_would_drop_fields() -> None:
    free: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "list": {"type": "array", "items": {"type": "object", "properties": {}}},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
            "free": {**free, "properties": {}},
        },
    }
    _close(schema)
    properties: Any = schema["properties"]
    assert schema["additionalProperties"] is False
    assert properties["list"]["items"]["additionalProperties"] is False
    assert properties["map"]["additionalProperties"] == {"type": "string"}
    assert "additionalProperties" not in properties["free"]


@pytest.mark.parametrize(
    ("api_version", "kind", "expected"),
    [
        ("v1", "Service", "service-v1.json"),
        ("apps/v1", "Deployment", "deployment-apps-v1.json"),
        ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicy-networking-v1.json"),
    ],
)
def test_schemas_are_named_as_kubeconform_looks_for_them(
    api_version: str, kind: str, expected: str
) -> None:
    assert _file(api_version, kind) == expected


def test_schemas_of_others_are_those_that_we_render() -> None:
    assert {path.name for path in OTHERS.iterdir()} == {
        "servicemonitor-monitoring-v1.json",
        "podmonitor-monitoring-v1.json",
        "prometheusrule-monitoring-v1.json",
    }


def test_the_checks_cover_the_releases_that_the_chart_supports() -> None:
    assert VERSIONS[0] == "1.30"
    assert {"default", "namespaced", "everything", "crds"} <= set(VALUES)
    assert all((ROOT / script).stat().st_mode & 0o111 for script in SCRIPTS)


def _missing() -> None:
    raise UnavailableError("no such program")


def test_a_check_that_cannot_run_is_told_twice(capsys: pytest.CaptureFixture[str]) -> None:
    checks = {"one": lambda: "v1", "two": _missing, "three": lambda: None}
    run_all(checks, complete=False)
    assert capsys.readouterr().out.splitlines() == [
        "chart check: one, v1",
        "NOT RUN: two: no such program",
        "chart check: three",
        "2 of 3 chart checks hold; NOT RUN: two",
    ]
    with pytest.raises(ChartError, match="NOT RUN: two"):
        run_all(checks, complete=True)


def test_the_workflows_use_the_pinned_helm_releases() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/verify.yaml").read_text())
    versions = workflow["jobs"]["kind"]["strategy"]["matrix"]["helm"]
    assert versions == [HELM3.version, HELM.version]


def test_a_release_signs_with_the_cosign_that_is_tried_here() -> None:
    workflow = (ROOT / ".github/workflows/release.yaml").read_text()
    assert re.findall(r"cosign-release: (\S+)", workflow) == [COSIGN.version]


WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yaml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_actions_of_others_are_pinned_by_their_commit(path: Path) -> None:
    used = re.findall(r"uses: ([^.\s].*)", path.read_text())
    assert [u for u in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", u)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_workflows_call_only_targets_and_files_that_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = path.read_text()
    assert set(re.findall(r"\bmake ([a-z0-9-]+)(?: ARGS=\S+)?$", text, re.MULTILINE)) <= targets
    for script in re.findall(r"^\s+(?:- )?(?:run: )?(tools/\S+)", text, re.MULTILINE):
        assert (ROOT / script).is_file()
