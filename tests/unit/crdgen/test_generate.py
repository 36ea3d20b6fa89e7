"""What is written to disk, and how stale files are found."""

from dataclasses import replace
from pathlib import Path

from agentrun_operator.crdgen import check, generate, write
from agentrun_operator.crdgen.kustomize import samples
from unit.crdgen.sample import GIZMO, WIDGET

KINDS = (WIDGET, GIZMO)


def test_every_kind_gets_its_files() -> None:
    assert sorted(generate(KINDS)) == [
        "charts/agentrun-operator-crds/templates/crds/gizmos.yaml",
        "charts/agentrun-operator-crds/templates/crds/widgets.yaml",
        "charts/agentrun-operator/templates/_rules.tpl",
        "charts/agentrun-operator/templates/crds/gizmos.yaml",
        "charts/agentrun-operator/templates/crds/widgets.yaml",
        "crds/gizmos.yaml",
        "crds/widgets.yaml",
        "docs/kustomize/agentrun.yaml",
        "docs/reference/README.md",
        "docs/reference/decision-tables.md",
        "docs/reference/gizmo.md",
        "docs/reference/permissions.md",
        "docs/reference/ram-policy.json",
        "docs/reference/widget.md",
        "samples/kustomization.yaml",
    ]


def test_the_order_of_the_kinds_does_not_matter() -> None:
    assert generate(KINDS) == generate(reversed(KINDS))


def test_what_was_written_is_fresh(tmp_path: Path) -> None:
    assert set(write(tmp_path, KINDS)) == set(generate(KINDS))
    assert check(tmp_path, KINDS) == ()
    assert write(tmp_path, KINDS) == ()


def test_an_edited_file_is_stale(tmp_path: Path) -> None:
    write(tmp_path, KINDS)
    (tmp_path / "crds/widgets.yaml").write_text("edited")
    assert check(tmp_path, KINDS) == ("crds/widgets.yaml",)


def test_files_of_a_kind_that_is_gone_are_removed(tmp_path: Path) -> None:
    write(tmp_path, KINDS)
    own = tmp_path / "crds" / "kustomization.yaml"
    own.write_text("resources: []")
    write(tmp_path, (WIDGET,))
    assert not (tmp_path / "crds/gizmos.yaml").exists()
    assert not (tmp_path / "docs/reference/gizmo.md").exists()
    assert own.exists()


def test_a_sample_is_named_after_its_kind() -> None:
    kinds = (replace(WIDGET, kind=name) for name in ("IMBot", "AgentRuntime", "Tool"))
    listed = samples((*kinds, replace(WIDGET, kind="ClusterTool", namespaced=False)))
    assert listed["resources"] == [
        "agent-runtime.yaml",
        "im-bot.yaml",
        "namespace.yaml",
        "tool.yaml",
    ]


def test_the_reference_page_names_type_default_and_rules() -> None:
    page = generate(KINDS)["docs/reference/widget.md"]
    assert "| `cpu` | number or string | Cores. Range 0.05 to 16. Default 2. Immutable. |" in page
    assert "| `env[].name*` | string |" in page
    assert "| `place.mode` | Public \\| Private |" in page
    assert "- title is required; set it" in page
    selectors = "`spec.targetRef.name`, `status.externalId`"
    assert f"Field selectors, on Kubernetes 1.31 or newer: {selectors}." in page
