"""Every kind's CRD against the rules for structural schemas and against what we promise users."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.fields import Local
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.shapes import json_name, marker, shape_of
from agentrun_operator.core.wire import field_rules
from agentrun_operator.crdgen import check, custom_resource_definition
from agentrun_operator.crdgen.crd import MAX_SELECTABLE, root_schema
from agentrun_operator.crdgen.reference import reference_page
from agentrun_operator.crdgen.rules import has_external_name, immutable_paths
from agentrun_operator.kinds import catalogue
from fakes.examples import examples

REPOSITORY = Path(__file__).resolve().parents[2]

MAX_BYTES = 262_144
"""Of an annotation: kubectl's client-side apply stores the whole object in one."""

KINDS = tuple(catalogue().values())
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.kind)

VERBATIM = frozenset({"spec.code.language", "spec.allow[].grants[]"})
"""Words that are names of the API's own, or of what a spec has, and stay as they are."""

FUNCTIONS = {
    *(
        "all",
        "compareTo",
        "contains",
        "exists",
        "filter",
        "has",
        "isGreaterThan",
        "isLessThan",
        "isQuantity",
        "map",
    ),
    *("matches", "quantity", "size", "string", "sum", "type"),
}
"""What rules call. Kubernetes 1.30 knows them: quantities came with 1.28, the others earlier.

Source: k8s.io/apiserver, `pkg/cel/environment/base.go`.
"""

Node = Mapping[str, Any]


def nodes(schema: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}" if path else name)
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            yield from nodes(schema[inner], f"{path}[]")


def spec_nodes(kind: ResourceKind) -> list[tuple[str, Node]]:
    return list(nodes(root_schema(kind)["properties"]["spec"], "spec"))


def test_generated_files_are_fresh() -> None:
    assert check(REPOSITORY, KINDS) == (), "run `make generate`"


@each_kind
def test_every_node_has_a_type_that_a_structural_schema_knows(kind: ResourceKind) -> None:
    for path, node in nodes(root_schema(kind)):
        assert not {"$ref", "title", "oneOf", "allOf", "not"} & set(node), path
        is_any_scalar = "minProperties" in node and node.get("x-kubernetes-preserve-unknown-fields")
        if node.get("x-kubernetes-int-or-string") or is_any_scalar:
            assert "type" not in node, path
        else:
            assert node["type"] in {"object", "array", "string", "integer", "boolean"}, path
        assert not ("properties" in node and "additionalProperties" in node), path


@each_kind
def test_every_property_is_described(kind: ResourceKind) -> None:
    for path, node in nodes(root_schema(kind)):
        if path and not path.endswith("]") and path != "metadata":
            assert len(node.get("description", "")) > len("x."), path
            assert node["description"].endswith((".", ":")), path


@each_kind
def test_everything_in_a_spec_is_bounded(kind: ResourceKind) -> None:
    for path, node in spec_nodes(kind):
        if node.get("type", "string") == "string" and "enum" not in node:
            assert "maxLength" in node, path
        if node.get("type") == "array":
            assert "maxItems" in node, path
        is_map = "additionalProperties" in node or "x-kubernetes-preserve-unknown-fields" in node
        if is_map and "type" in node:
            assert "maxProperties" in node, path


@each_kind
def test_every_list_says_how_it_merges(kind: ResourceKind) -> None:
    for path, node in nodes(root_schema(kind)):
        if node.get("type") != "array":
            continue
        sort = node["x-kubernetes-list-type"]
        assert sort in {"atomic", "set", "map"}, path
        for key in node.get("x-kubernetes-list-map-keys", ()):
            assert key in node["items"]["required"], path


@each_kind
def test_words_are_pascal_case(kind: ResourceKind) -> None:
    for path, node in spec_nodes(kind):
        if path in VERBATIM:
            continue
        for word in node.get("enum", ()):
            assert word[0].isupper(), path
            assert word.isalnum(), path


@each_kind
def test_root_rules_cannot_be_broken_by_a_status_write(
    kind: ResourceKind,
) -> None:
    """Whatever else judges a spec there would lock existing objects up when an upgrade adds it."""
    schema = root_schema(kind)
    at_root = schema.get("x-kubernetes-validations", [])
    judging = [rule for rule in at_root if "oldSelf" not in rule["rule"]]
    assert len(judging) == (1 if has_external_name(kind) else 0)
    for rule in at_root:
        if rule not in judging:
            assert rule["rule"].startswith("!(has(oldSelf.status) && ("), rule
            # The prefix on record is that of the status before on either side: it breaks nothing.
            compared = rule["rule"].replace("oldSelf.status.namePrefix", "'x'")
            compared = compared.replace("has(oldSelf.status", "").replace("oldSelf.", "self.")
            assert set(re.findall(r"self\.(\w+)", compared)) <= {"spec", "metadata"}, rule
    for path, node in nodes(schema["properties"]["status"], "status"):
        assert "x-kubernetes-validations" not in node, path


@each_kind
def test_every_message_says_something(kind: ResourceKind) -> None:
    for path, node in nodes(root_schema(kind)):
        for rule in node.get("x-kubernetes-validations", ()):
            assert len(rule["message"].split()) > 3, path
            assert "\n" not in rule["message"], path


@each_kind
def test_rules_call_only_what_the_oldest_kubernetes_knows(kind: ResourceKind) -> None:
    for path, node in nodes(root_schema(kind)):
        for rule in node.get("x-kubernetes-validations", ()):
            assert "optionalOldSelf" not in rule, path  # a setting of newer releases
            without_texts = re.sub(r"'(?:[^'\\]|\\.)*'", "", rule["rule"])
            assert '"' not in without_texts, path
            assert set(re.findall(r"(\w+)\(", without_texts)) <= FUNCTIONS, path


@each_kind
def test_every_immutable_field_is_described_as_such(kind: ResourceKind) -> None:
    described = dict(spec_nodes(kind))
    for path in immutable_paths(kind.spec):
        assert "mmutable" in described[f"spec.{path.dotted}"]["description"], path.dotted


def test_one_immutable_field_alone_is_unseen_by_admission() -> None:
    """Decision 14: admission does not see cpu, so its edit is told later than others."""
    unseen = [
        (kind, path) for kind in KINDS for path in immutable_paths(kind.spec) if not path.is_seen
    ]
    assert [(kind.kind, path.dotted) for kind, path in unseen] == [("ModelProxy", "cpu")]
    for kind, path in unseen:
        described = dict(spec_nodes(kind))[f"spec.{path.dotted}"]["description"]
        assert "ImmutableFieldChanged" in described


@each_kind
def test_what_a_rule_requires_is_described_and_starred(kind: ResourceKind) -> None:
    described = dict(spec_nodes(kind))
    page = reference_page(kind)
    found = [re.match(r"(\w+) is required; ", rule.message) for rule in kind.rules]
    for name in (match[1] for match in found if match):
        sentence = "Required unless managementPolicy is Observe."
        assert described[f"spec.{name}"]["description"].endswith(sentence), name
        assert f"| `{name}*` |" in page
    choices = [
        re.match(r"exactly one of (\w.*) must be set; ", rule.message) for rule in kind.rules
    ]
    for names in (match[1] for match in choices if match and "." not in match[1]):
        for name in re.split(", | and ", names):
            sentence = f"Exactly one of {names} is required unless managementPolicy is Observe."
            assert described[f"spec.{name}"]["description"].endswith(sentence), name


@each_kind
def test_a_new_object_is_in_progress_for_every_reader(kind: ResourceKind) -> None:
    status = root_schema(kind)["properties"]["status"]
    assert status["default"] == {}
    assert status["properties"]["observedGeneration"]["default"] == -1
    (ready,) = status["properties"]["conditions"]["default"]
    assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "Unknown", "Pending")


@each_kind
def test_a_crd_fits_an_annotation_and_the_limits_of_the_server(kind: ResourceKind) -> None:
    crd = custom_resource_definition(kind)
    assert len(json.dumps(crd, separators=(",", ":"))) < MAX_BYTES
    (version,) = crd["spec"]["versions"]
    assert len(version.get("selectableFields", ())) <= MAX_SELECTABLE
    is_namespaced = crd["spec"]["scope"] == "Namespaced"
    assert crd["spec"]["names"]["categories"] == (["agentrun"] if is_namespaced else [])
    assert crd["spec"]["names"]["shortNames"]


def test_names_are_not_shared_between_kinds() -> None:
    names = [n for k in KINDS for n in (k.plural, k.kind.lower(), *k.short_names)]
    assert len(names) == len(set(names))


@each_kind
def test_schema_defaults_never_change(kind: ResourceKind) -> None:
    found = {path: node["default"] for path, node in spec_nodes(kind) if "default" in node}
    assert found == examples()[kind.kind].defaults


@each_kind
def test_no_field_of_the_api_has_a_schema_default(kind: ResourceKind) -> None:
    """It would stand in every spec as if the user had written it, and go to what was adopted."""
    if kind.is_local:
        return
    local = {
        json_name(kind.spec, name)
        for name, info in kind.spec.model_fields.items()
        if marker(shape_of(info).markers, Local) is not None
    }
    found = {path.split(".")[1] for path, node in spec_nodes(kind) if "default" in node}
    assert found <= local


@each_kind
def test_a_create_default_is_told(kind: ResourceKind) -> None:
    told = {p for p, node in spec_nodes(kind) if "reate default" in node.get("description", "")}
    wanted = {f"spec.{rule.path}" for rule in _rules(kind) if rule.create_default is not None}
    assert wanted <= told


def _rules(kind: ResourceKind) -> list[FieldRule]:
    found = [] if kind.is_local else list(field_rules(kind))
    for rule in found:
        found += rule.children
    return found
