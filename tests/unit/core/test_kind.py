"""The lifecycle words of the API, translated."""

from dataclasses import replace

import pytest
from hypothesis import given

from agentrun_operator.core.kind import Phase, ResourceKind
from unit.core.sample_kind import KIND, json_values

WORDS = [
    ("READY", Phase.READY),
    ("CREATING", Phase.PROGRESSING),
    ("UPDATING", Phase.PROGRESSING),
    ("PAUSING", Phase.PROGRESSING),
    ("DELETING", Phase.DELETING),
    ("CREATE_FAILED", Phase.CREATE_FAILED),
    ("UPDATE_FAILED", Phase.UPDATE_FAILED),
    ("DELETE_FAILED", Phase.DELETE_FAILED),
    ("FAILED", Phase.CREATE_FAILED),
    ("ERROR", Phase.CREATE_FAILED),
    ("Running", Phase.UNKNOWN),
    ("SOMETHING_NEW", Phase.UNKNOWN),
    ("", Phase.UNKNOWN),
    ("RUNNING", Phase.READY),
    ("STOPPED", Phase.IDLE),
]


@pytest.mark.parametrize(("word", "phase"), WORDS, ids=[word or "empty" for word, _ in WORDS])
def test_phase_of(word: str, phase: Phase) -> None:
    assert KIND.phase_of({"status": word}) is phase


@pytest.mark.parametrize("resource", [{}, {"status": None}], ids=["absent", "null"])
def test_a_missing_word_is_unknown(resource: dict[str, None]) -> None:
    assert KIND.phase_of(resource) is Phase.UNKNOWN


def _synchronous() -> ResourceKind:
    assert KIND.rest is not None
    return replace(KIND, rest=replace(KIND.rest, state_field=None))


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(_synchronous(), id="synchronous"),
        pytest.param(replace(KIND, rest=None), id="local"),
    ],
)
def test_without_a_word_present_means_ready(kind: ResourceKind) -> None:
    assert kind.phase_of({"status": "CREATE_FAILED"}) is Phase.READY


@given(json_values)
def test_any_word_has_a_phase(word: object) -> None:
    assert isinstance(KIND.phase_of({"status": word}), Phase)


def test_a_local_kind_says_so() -> None:
    assert replace(KIND, rest=None).is_local
    assert not KIND.is_local
