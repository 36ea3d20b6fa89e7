"""Every kind against the API's own description: what we send exists, as the API has it."""

import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Literal, get_origin

import pytest

from agentrun_operator.core.dependencies import dependencies
from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.fields import Ref
from agentrun_operator.core.kind import KeyedBy, Paging, ResourceKind, Rest
from agentrun_operator.core.shapes import is_model, marker, shape_of
from agentrun_operator.core.spec_fields import spec_fields
from agentrun_operator.core.wire import field_rules
from agentrun_operator.kinds import catalogue
from agentrun_simulator import schema
from agentrun_simulator.families import FAMILIES
from fakes.examples import examples

API: Mapping[str, Any] = json.loads(
    files("agentrun_simulator").joinpath("data/openapi.json").read_text()
)
PREFIX = "/2025-09-10"


def _bare(path: str) -> str:
    """Return a path without the names of its parameters."""
    return re.sub(r"\{\w+\}", "{}", path)


PATHS = {_bare(path): methods for path, methods in API["paths"].items()}
Schema = schema.Schema
OPERATIONS = {each.action: each for each in schema.operations()}

CLOUD_KINDS = tuple(kind for kind in catalogue().values() if kind.rest is not None)
each_cloud_kind = pytest.mark.parametrize("kind", CLOUD_KINDS, ids=lambda k: k.kind)

FIXED_EVERYWHERE = {"workspaceId"}
"""SDK and CLI never move a resource, although updates take it."""


def rest_of(kind: ResourceKind) -> Rest:
    assert kind.rest is not None
    return kind.rest


def create_schema(kind: ResourceKind) -> Mapping[str, Schema]:
    return schema.properties(OPERATIONS[f"Create{rest_of(kind).noun}"].body or {})


def update_body(kind: ResourceKind) -> Schema:
    """Return the schema of an update's body; empty where there is no update."""
    if not rest_of(kind).updatable:
        return {}
    return schema.resolve(OPERATIONS[f"Update{rest_of(kind).noun}"].body or {})


def update_schema(kind: ResourceKind) -> Mapping[str, Schema]:
    return schema.properties(update_body(kind))


def answer_schema(kind: ResourceKind) -> Mapping[str, Schema]:
    return schema.properties(OPERATIONS[f"Get{rest_of(kind).noun}"].data)


def sent(kind: ResourceKind) -> tuple[FieldRule, ...]:
    return tuple(rule for rule in field_rules(kind) if not rule.update_only)


def scalars_of(kind: ResourceKind) -> Mapping[str, str]:
    """Return the spec paths of all texts and switches, without list places, and their type."""
    types = {str: "string", bool: "boolean"}
    return {
        ".".join(name for name, _ in field.steps): types[field.shape.inner]
        for field in spec_fields(kind.spec)
        if field.shape.inner in types
    }


def mismatches(
    rules: tuple[FieldRule, ...], fields: Mapping[str, Schema], scalars: Mapping[str, str]
) -> Iterator[str]:
    for rule in rules:
        if rule.api not in fields:
            yield f"{rule.api}: the API has no such field"
            continue
        there = schema.resolve(fields[rule.api])
        is_array = there.get("type") == "array"
        if is_array != rule.is_list:
            yield f"{rule.api}: one of us thinks it is a list"
        item = schema.resolve(there["items"]) if is_array else there
        if rule.children and _is_free_form(item):
            continue
        if rule.children:
            below = mismatches(rule.children, item["properties"], scalars)
            yield from (f"{rule.api}.{mismatch}" for mismatch in below)
        elif rule.attribute and (wanted := _wire_type(rule, scalars)) and item["type"] != wanted:
            yield f"{rule.api}: {item['type']} there, {wanted} here"


def _is_free_form(item: Schema) -> bool:
    """Whether the description says nothing of an object's fields; a kind may know some."""
    return item["type"] == "object" and "properties" not in item


def _wire_type(rule: FieldRule, scalars: Mapping[str, str]) -> str | None:
    if rule.encode is not None:
        return None
    if rule.quantity is not None:
        return "number" if rule.quantity.unit == "cpu" else "integer"
    if rule.free_form or rule.exact_map:
        return "object"
    if rule.path in scalars:
        return scalars[rule.path]
    is_number = rule.clear is None or isinstance(rule.clear, int)
    return "integer" if is_number and not rule.choices else "string"


@each_cloud_kind
def test_the_simulator_serves_every_kind(kind: ResourceKind) -> None:
    served = {family.name: family.collection for family in FAMILIES}
    row, place = served.get(examples()[kind.kind].family, ""), rest_of(kind).collection
    assert re.sub(r"\{\w+\}", "{}", row) == re.sub(r"\{\w+\}", "{}", place), (
        f"no row of operator/agentrun_simulator/families has the collection {place} and the"
        f" name that `family` in tests/kinds gives; write one, or correct the name"
    )


@each_cloud_kind
def test_everything_sent_has_a_place_in_the_create(kind: ResourceKind) -> None:
    assert list(mismatches(sent(kind), create_schema(kind), scalars_of(kind))) == []


def choices(
    rules: tuple[FieldRule, ...], fields: Mapping[str, Schema]
) -> Iterator[tuple[str, Schema]]:
    """Yield (spec path, what the API says of the field) of all choices."""
    for rule in rules:
        there = schema.resolve(fields[rule.api])
        item = schema.resolve(there["items"]) if there.get("type") == "array" else there
        if rule.choices:
            yield rule.path, item
        elif rule.children and not _is_free_form(item):
            yield from choices(rule.children, item["properties"])


@each_cloud_kind
def test_a_choice_is_closed_where_the_api_closes_it(kind: ResourceKind) -> None:
    """The service may know more words than we do wherever its description lists none."""
    fields = spec_fields(kind.spec)
    shapes = {".".join(name for name, _ in field.steps): field.shape for field in fields}
    for path, there in choices(sent(kind), create_schema(kind)):
        is_closed = get_origin(shapes[path].inner) is Literal
        assert is_closed is ("enum" in there), path


@each_cloud_kind
def test_immutable_is_what_no_update_takes(kind: ResourceKind) -> None:
    update = update_schema(kind)
    fixed = FIXED_EVERYWHERE | set(examples()[kind.kind].fixed)
    expected = {rule.api for rule in sent(kind) if rule.api not in update or rule.api in fixed}
    assert {rule.api for rule in sent(kind) if rule.immutable} == expected


@each_cloud_kind
def test_what_goes_with_updates_only_is_no_part_of_a_create(kind: ResourceKind) -> None:
    rules = field_rules(kind)
    companions = {rule.api for rule in rules if rule.update_only}
    companions |= {rule.clear_with.api for rule in rules if rule.clear_with}
    assert companions <= set(update_schema(kind))
    assert not companions & set(create_schema(kind))


@each_cloud_kind
def test_whatever_an_answer_lacks_is_write_only(kind: ResourceKind) -> None:
    answer = answer_schema(kind)
    unseen = {rule.api for rule in sent(kind) if rule.reads[0] not in answer}
    assert {rule.api for rule in sent(kind) if rule.write_only} == unseen


@each_cloud_kind
def test_an_update_can_carry_what_it_always_must(kind: ResourceKind) -> None:
    assert set(rest_of(kind).always_send) <= set(update_schema(kind))
    assert set(update_body(kind).get("required", ())) <= set(rest_of(kind).always_send)


def _hidden(rules: tuple[FieldRule, ...], above: str = "") -> Iterator[str]:
    for rule in rules:
        path = f"{above}{rule.api}"
        if rule.sensitive or (rule.encode is not None and rule.write_only):
            yield path
        elif rule.children:
            yield from _hidden(rule.children, f"{path}.")


@each_cloud_kind
def test_every_secret_of_the_reference_is_hidden(kind: ResourceKind) -> None:
    assert set(_hidden(field_rules(kind))) == examples()[kind.kind].secrets


@each_cloud_kind
def test_status_shows_known_fields_and_none_that_is_sent(kind: ResourceKind) -> None:
    shown = {
        info.alias or name
        for name, info in kind.observed.model_fields.items()
        if name not in ("state", "state_reason")
    }
    assert shown <= set(answer_schema(kind))
    assert shown & {rule.api for rule in field_rules(kind)} <= {"workspaceId"}


@each_cloud_kind
def test_an_answer_identifies_and_dates_a_resource(kind: ResourceKind) -> None:
    rest = rest_of(kind)
    named = (
        rest.id_field,
        rest.name_field,
        rest.parent_param,
        rest.state_field,
        rest.state_reason_field,
        rest.change_token,
        rest.created_field,
        rest.tags_field,
        *rest.list_omits,
        *kind.connection.values(),
    )
    assert {name for name in named if name is not None} <= set(answer_schema(kind))


@each_cloud_kind
def test_every_operation_exists_under_its_name(kind: ResourceKind) -> None:
    rest = rest_of(kind)
    collection, item = _paths(rest)
    wanted = {
        (collection, "post"): f"Create{rest.noun}",
        (collection, "get"): f"List{rest.nouns}",
        (item, "get"): f"Get{rest.noun}",
        (item, "delete"): f"Delete{rest.noun}",
    }
    if rest.updatable:
        wanted[(item, "put")] = f"Update{rest.noun}"
    for verb in rest.verbs.values():
        wanted[(f"{item}/{verb.suffix}", verb.method.lower())] = verb.action
    if rest.versions is not None:
        versions = _paths(rest.versions)[0]
        wanted[(versions, "post")] = rest.versions.create_operation
        wanted[(versions, "get")] = f"List{rest.versions.nouns}"
    found = {place: PATHS[place[0]][place[1]]["operationId"] for place in wanted}
    assert found == wanted


def _paths(rest: Rest) -> tuple[str, str]:
    collection = PREFIX + rest.collection.replace("{parent}", "{}")
    return collection, f"{collection}/{{}}"


@each_cloud_kind
def test_a_path_has_the_key_that_is_declared(kind: ResourceKind) -> None:
    rest = rest_of(kind)
    item = next(path for path in API["paths"] if _bare(path) == _paths(rest)[1])
    declared = rest.name_field if rest.key is KeyedBy.NAME else rest.id_field
    *_, key = re.findall(r"\{(\w+)\}", item)
    # The id of a bot has a name of its own in the path, which no answer knows.
    assert key == declared or (rest.key is KeyedBy.ID and key not in answer_schema(kind))


@each_cloud_kind
def test_a_list_takes_our_filters_and_our_way_of_paging(kind: ResourceKind) -> None:
    rest = rest_of(kind)
    operation = PATHS[_paths(rest)[0]]["get"]
    queries = {p["name"]: p for p in operation.get("parameters", ()) if p["in"] == "query"}
    paging = ("pageNumber", "pageSize") if rest.paging is Paging.PAGES else ("nextToken",)
    live = {name for query in rest.live_filters for name in query}
    assert {*(rest.name_filter or {}), *rest.partitions, *paging, *live} <= set(queries)
    required = {name for name, query in queries.items() if query.get("required")}
    assert required == set(rest.partitions)


@each_cloud_kind
def test_a_partition_is_a_field_of_the_spec(kind: ResourceKind) -> None:
    names = {info.alias for info in kind.spec.model_fields.values()}
    assert set(rest_of(kind).partitions.values()) <= names


@pytest.mark.parametrize("kind", catalogue().values(), ids=lambda k: k.kind)
def test_every_reference_leads_to_a_kind_of_ours(kind: ResourceKind) -> None:
    assert set(_referenced(kind.spec)) <= set(catalogue())
    assert dependencies(kind, {}) == ()


def _referenced(model: Any) -> Iterator[str]:
    for info in model.model_fields.values():
        shape = shape_of(info)
        ref = marker(shape.markers, Ref)
        if ref is not None:
            yield ref.kind
        elif is_model(shape.inner):
            yield from _referenced(shape.inner)


def test_names_are_unique_and_short() -> None:
    kinds = catalogue().values()
    names = [name for kind in kinds for name in (kind.plural, *kind.short_names)]
    assert len(names) == len(set(names))
    assert list(catalogue()) == sorted(catalogue())
    assert all(len(kind.short_names) == 1 for kind in kinds)


@pytest.mark.parametrize("kind", catalogue().values(), ids=lambda k: k.kind)
def test_every_refusal_says_what_to_do(kind: ResourceKind) -> None:
    for rule in kind.rules:
        assert ";" in rule.message, "a remedy follows the problem"
        assert len(rule.message) < 256
