"""The whole CRD of a small kind, pinned, and what depends on the sort of kind."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from agentrun_operator.core.fields import Reference, SpecModel
from agentrun_operator.core.kind import Column, ResourceKind
from agentrun_operator.crdgen import GenerationError, custom_resource_definition
from agentrun_operator.crdgen.crd import selectable_paths, spec_schema
from unit.crdgen.sample import GIZMO, WIDGET

GOLDEN = Path(__file__).parent / "golden" / "widgets.yaml"


def columns(kind: ResourceKind) -> list[str]:
    (version,) = custom_resource_definition(kind)["spec"]["versions"]
    return [c["name"] for c in version["additionalPrinterColumns"]]


def test_the_crd_of_a_small_kind_is_as_reviewed() -> None:
    assert custom_resource_definition(WIDGET) == yaml.safe_load(GOLDEN.read_text())


def test_columns_end_with_what_only_wide_output_shows() -> None:
    assert columns(WIDGET) == [
        "Ready", "Reason", "Drift", "Paused", "Title", "Age",
        "External-ID", "As-Of", "Message", "State", "Address",
    ]  # fmt: skip


def test_a_local_kind_has_no_cloud_columns() -> None:
    assert columns(GIZMO) == ["Ready", "Reason", "Paused", "Age", "Message"]


def test_references_and_the_cloud_id_can_be_selected() -> None:
    assert selectable_paths(WIDGET) == (".spec.targetRef.name", ".status.externalId")


def test_too_many_selectable_fields_are_refused() -> None:
    fields = {f"f{n}_ref": Reference | None for n in range(8)}
    spec = type(
        "Many",
        (SpecModel,),
        {"__annotations__": fields, **dict.fromkeys(fields), "__doc__": "Many."},
    )
    with pytest.raises(GenerationError, match="9 selectable fields"):
        selectable_paths(replace(WIDGET, spec=spec))


def test_a_kind_may_say_better_what_its_state_is() -> None:
    kind = replace(WIDGET, columns=(Column("State", ".status.atProvider.address", wide=False),))
    assert columns(kind).count("State") == 1


def test_only_a_kind_with_external_names_has_rules_about_them() -> None:
    assert "x-kubernetes-validations" in spec_schema(WIDGET)["properties"]["externalName"]
    assert "externalName" not in spec_schema(GIZMO)["properties"]
