"""What a description, an answer and a status tell of versions."""

from typing import Any

import pytest

from agentrun_operator.core.errors import Unavailable
from agentrun_operator.core.gate import Redactor, unsealed
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.versions import (
    MAX_LISTED,
    Mark,
    Version,
    answer_to,
    is_on_record,
    newest_first,
    newest_of_ours,
    newest_on_record,
)
from fakes.mappings import RUNTIME_VERSIONS

HEAD, OTHER = "0123456789ab", "ba9876543210"
OURS = Mark(HEAD, "aaaaaaaaaaaa")


def version(number: int, mark: Mark | None = None, text: str = "") -> Version:
    return Version(str(number), text if mark is None else mark.described(text))


def runtime(**status: Any) -> KubeObject:
    return KubeObject(
        key=ObjectKey("AgentRuntime", "team-a", "base"),
        uid="uid-1",
        generation=1,
        resource_version="1",
        created_at="2026-01-05T09:00:00Z",
        deleted_at="",
        finalizers=(),
        annotations={},
        spec={},
        status={"externalId": "ar-1", **status},
    )


def listed(count: int) -> KubeObject:
    return runtime(
        published={"externalId": "ar-1"},
        latestVersion=str(count),
        versions=[{"number": str(number)} for number in range(count, 0, -1)],
    )


@pytest.mark.parametrize("text", ["", "build 7", "x" * 4096, "[agentrun.dev 1/2]", "build [7]"])
def test_a_mark_is_read_back_from_any_description(text: str) -> None:
    said = OURS.described(text)
    assert len(said) <= 256
    assert Version("1", said).mark == OURS


@pytest.mark.parametrize(
    "said",
    ["", "by hand", "[agentrun.dev 0123456789ab]", f"{OURS.described('a')} and more"],
)
def test_what_others_write_is_no_mark(said: str) -> None:
    assert Version("1", said).mark is None


def test_an_answer_is_read_in_our_words() -> None:
    time = "2026-01-15T17:12:59.375168+08:00"
    item = {"agentRuntimeVersion": "3", "description": "build 7", "lastUpdatedAt": time}
    found = Version.of(RUNTIME_VERSIONS, item)
    shown = unsealed(found.shown, Redactor(frozenset(), is_complete=False))
    assert shown == {
        "number": "3",
        "description": "build 7",
        "publishedAt": "2026-01-15T09:12:59Z",
    }


def test_a_description_that_quotes_a_secret_is_masked() -> None:
    item = {"agentRuntimeVersion": "3", "description": "key canary-4711", "lastUpdatedAt": 7}
    shown = unsealed(
        Version.of(RUNTIME_VERSIONS, item).shown,
        Redactor(frozenset({"canary-4711"}), is_complete=True),
    )
    assert shown == {"number": "3", "description": "key (secret)"}


@pytest.mark.parametrize("number", [None, "", "0", "-1", "1.0", "LATEST", "v1", "1" * 40, {}])
def test_what_is_no_number_is_no_version(number: Any) -> None:
    """Taken for none at all, it would be published once more."""
    with pytest.raises(Unavailable) as caught:
        Version.of(RUNTIME_VERSIONS, {"agentRuntimeVersion": number})
    assert caught.value.maybe_applied


def test_numbers_are_compared_as_numbers() -> None:
    versions = newest_first([version(9), version(10), version(2)])
    assert [v.number for v in versions] == ["10", "9", "2"]


def test_what_others_published_since_does_not_hide_ours() -> None:
    other = Mark(OTHER, "bbbbbbbbbbbb")
    found = newest_of_ours([version(1, other), version(2, OURS), version(3, None, "by hand")])
    assert found == (version(2, OURS), OURS)
    assert newest_of_ours([version(3, None, "by hand")]) is None


@pytest.mark.parametrize(
    ("versions", "number"),
    [
        pytest.param([], None, id="none"),
        pytest.param([version(1, Mark(HEAD, "bbbbbbbbbbbb"))], None, id="same head, before"),
        pytest.param([version(2, OURS), version(3, None, "by hand")], "2", id="ours"),
        pytest.param([version(2)], "2", id="its description was lost"),
        pytest.param([version(1)], None, id="an older one without description"),
        pytest.param([version(2, None, "by hand")], None, id="somebody else's"),
    ],
)
def test_a_list_tells_what_became_of_a_publication(
    versions: list[Version], number: str | None
) -> None:
    announced = {"head": HEAD, "attempt": OURS.attempt, "after": "1"}
    found = answer_to(versions, announced)
    assert (None if found is None else found.number) == number


@pytest.mark.parametrize("announced", [{}, {"after": "x", "attempt": 7}, {"after": -1}])
def test_an_announcement_that_says_nothing_is_no_bug(announced: dict[str, Any]) -> None:
    assert answer_to([version(1, OURS), version(2, None, "by hand")], announced) is None


def test_a_status_tells_of_the_resource_that_is_there() -> None:
    assert newest_on_record(listed(3)) == "3"
    assert newest_on_record(runtime(latestVersion="3", published={"externalId": "ar-0"})) is None
    assert newest_on_record(runtime(latestVersion="3")) is None


def test_a_status_tells_which_versions_there_are() -> None:
    assert is_on_record(listed(3), "2") is True
    assert is_on_record(listed(3), "4") is False
    assert is_on_record(runtime(), "1") is None


def test_a_cut_list_does_not_tell_what_it_leaves_out() -> None:
    assert is_on_record(listed(MAX_LISTED), str(MAX_LISTED)) is True
    assert is_on_record(listed(MAX_LISTED), str(MAX_LISTED + 1)) is None
