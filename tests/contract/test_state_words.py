"""Every state word that the API is known to say has a meaning; none is merely waited for."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentrun_operator.core.kind import Phase, ResourceKind
from agentrun_operator.kinds import catalogue
from agentrun_simulator import schema
from agentrun_simulator.families import FAMILIES
from fakes.examples import CLOUD_KINDS, examples

REFERENCE = Path(__file__).parents[2] / "docs" / "agentrun-api.md"
ANSWERS = {each.action: each.data for each in schema.operations()}
LIFECYCLES = {family.name: family.lifecycle for family in FAMILIES}


def _reference() -> dict[str, set[str]]:
    """Return the words of each resource, as "Status and lifecycle, Values" lists them."""
    section = REFERENCE.read_text().split("\n### 5.1 Values\n")[1].split("\n### ")[0]
    found: dict[str, set[str]] = {}
    for names, words in re.findall(r"^\| ([\w, ]+) \| (.+) \| \[", section, re.MULTILINE):
        for name in names.split(", "):
            found.setdefault(name, set()).update(re.findall(r"`([A-Za-z_]+)`", words))
    return found


REFERENCED = _reference()


def _known(kind: ResourceKind) -> Iterator[str]:
    """Yield the words of the reference, of the API's description and of the simulator."""
    assert kind.rest is not None
    yield from REFERENCED[kind.rest.noun]
    answer = schema.properties(ANSWERS[f"Get{kind.rest.noun}"])
    state = answer.get(kind.rest.state_field or "", {})
    yield from (*state.get("enum", ()), *state.get("x-known-values", ()))
    lifecycle = LIFECYCLES[examples()[kind.kind].family]
    if lifecycle.has_status:
        yield from (word for word in (lifecycle.ready, lifecycle.failed) if word is not None)


@pytest.mark.parametrize("name", CLOUD_KINDS)
def test_every_known_word_has_a_meaning(name: str) -> None:
    kind = catalogue()[name]
    assert kind.rest is not None
    field = kind.rest.state_field
    words = set(_known(kind))
    assert bool(words) is (field is not None)
    unclear = {w for w in words if field and kind.phase_of({field: w}) is Phase.UNKNOWN}
    assert not unclear, "give each word its meaning in KIND.phases"


@pytest.mark.parametrize("name", CLOUD_KINDS)
def test_no_meaning_is_given_to_a_word_that_nobody_says(name: str) -> None:
    kind = catalogue()[name]
    assert set(kind.phases) <= set(_known(kind))
