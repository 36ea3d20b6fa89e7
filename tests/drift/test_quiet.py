"""What an answer may look like without being drift, whatever the open questions turn out to be."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.fields import Document
from agentrun_operator.core.wire import field_rules
from agentrun_simulator.settings import Switches
from drift.answers import ELSEWHERE, OTHER_ANSWERS, answered, lab_with
from drift.filled import VARIANTS, Variant
from drift.stage import Stage
from fakes.lab import Lab

each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.title)


def test_every_open_question_is_asked() -> None:
    asked = {field.alias or name for name, field in Switches.model_fields.items()}
    assert asked == set(OTHER_ANSWERS) | ELSEWHERE


@answered()
async def test_what_was_created_stays_as_it_is(variant: Variant, answer: Mapping[str, Any]) -> None:
    stage = await Stage.ready(variant, lab=lab_with(answer))
    stage.lab.calls.take()
    assert await stage.settle(400) == []
    assert {
        name for name in stage.lab.calls.take() if not name.startswith(("Get", "List"))
    } == set()
    assert stage.is_calm


@answered()
async def test_another_spelling_is_no_drift(variant: Variant, answer: Mapping[str, Any]) -> None:
    stage = await Stage.ready(variant, lab=lab_with(answer))
    stored = stage.stored
    for number in SPELLINGS:
        stage.restore(respelled(field_rules(stage.kind), stored, number))
        stage.lab.calls.take()
        assert await stage.settle(130) == [], stage.lab.message(stage.key)
        assert "write_status" not in stage.lab.calls.take()
        assert stage.is_calm


@each_variant
async def test_another_spelling_is_no_drift_after_a_restart_either(variant: Variant) -> None:
    stage = await Stage.ready(variant)
    stage.restore(respelled(field_rules(stage.kind), stage.stored, _as_text))
    stage.lab.restart()
    assert await stage.settle(200) == [], stage.lab.message(stage.key)
    assert stage.is_calm


@each_variant
async def test_what_the_server_adds_is_no_drift(variant: Variant) -> None:
    """Fields that nobody set come back with values of the server's own."""
    stage = await Stage.ready(variant)
    for rule in field_rules(stage.kind):
        if rule.api not in stage.stored:
            added = {"ofTheServersOwn": 1} if rule.children else "of the server's own"
            stage.tamper(**{rule.api: [added] if rule.is_list else added})
    assert await stage.settle(200) == []
    assert stage.is_calm


async def test_weights_in_percent_are_no_drift_but_corrected() -> None:
    """The account says what its API takes; both are compared as they were sent."""
    variant = next(v for v in VARIANTS if v.title == "AgentRuntimeEndpoint-routing")
    lab = Lab()
    account = await lab.ready_account()
    lab.edit(account, compatibility={"endpointWeights": "Percent"})
    stage = await Stage.ready(variant, lab=lab)
    sent = [route["weight"] for route in stage.stored["routingConfiguration"]["versionWeights"]]
    assert sent == [r["weightPercent"] for r in lab.get(stage.key).spec["routing"]]
    assert await stage.settle(200) == []
    shares = [{"version": "1", "weight": 100.0}]
    stage.tamper(routingConfiguration={"versionWeights": shares})
    (write,) = await stage.settle()
    assert write["body"] == stage.minimal("routingConfiguration")


FLEETS = (
    "AgentRuntimeEndpoint-routing",
    "Credential-apiKey",
    "ModelService-id",
    "SandboxTemplate-id",
)
FLEET = [next(v for v in VARIANTS if v.title == title) for title in FLEETS]
"""Below a parent, with a LIST that omits fields, in partitions, and plain."""


@pytest.mark.parametrize("variant", FLEET, ids=lambda v: v.title)
async def test_a_fleet_is_compared_by_its_list(variant: Variant) -> None:
    """One LIST serves all; what it leaves out is no drift, and a write follows a read only."""
    stage = await Stage.ready(variant)
    for n in range(stage.lab.settings.polling.few + 1):
        spec = stage.lab.get(stage.key).spec
        stage.lab.cluster.apply(variant.kind, f"more-{n}", spec)
    await stage.lab.elapse(60)
    assert await stage.settle(130) == []
    stage.tamper(description="altered")
    seconds = 130.0 if not stage.rest.list_omits else 1800.0
    (write,) = await stage.settle(seconds)
    assert write["body"] == stage.minimal("description")
    assert stage.is_calm


def respelled(
    rules: tuple[FieldRule, ...], stored: Mapping[str, Any], number: Callable[[Any], Any]
) -> dict[str, Any]:
    """Return a resource that means the same: numbers and switches in another format, lists in
    another order where that says nothing, more fields.

    Write-only fields come back masked.
    """
    answer = dict(stored)
    for rule in rules:
        if rule.api in stored:
            value = stored[rule.api]
            is_hidden = rule.write_only
            answer[rule.api] = _masked(value) if is_hidden else _respelled(rule, value, number)
    return answer


def _respelled(rule: FieldRule, value: Any, number: Callable[[Any], Any]) -> Any:
    if rule.is_list:
        items = [_respelled_one(rule, item, number) for item in value]
        return items[::-1] if rule.unordered else items
    return _respelled_one(rule, value, number)


def _respelled_one(rule: FieldRule, value: Any, number: Callable[[Any], Any]) -> Any:
    if rule.children:
        return {**respelled(rule.children, value, number), "ofTheServersOwn": 1}
    if not isinstance(value, Mapping):
        return number(value)
    parts = rule.document or Document()
    inner = {}
    for name, item in value.items():
        if name in parts.sets:
            inner[name] = [{**one, "ofTheServersOwn": 1} for one in reversed(item)]
        elif rule.exact_map or name in parts.owned:
            inner[name] = item
        else:
            inner[name] = _respelled_one(rule, item, number)
    return inner if rule.exact_map else {**inner, "ofTheServersOwn": 1}


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value}0"
    return str(value) if isinstance(value, int) else value


def _as_float(value: Any) -> Any:
    """Return 1 as 1.0, 0.50 as text, and a switch with a capital letter."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else f"{value:.2f}"
    return float(value) if isinstance(value, int) else value


def _as_float_text(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:.1f}" if is_number and float(value).is_integer() else value


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _masked(item) for name, item in value.items()}
    return f"{value[:3]}***" if isinstance(value, str) else None


SPELLINGS = (_as_text, _as_float, _as_float_text)
