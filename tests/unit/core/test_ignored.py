"""What is to be left alone goes along as it stands in the cloud."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core.drift import find_drift
from agentrun_operator.core.fields import Document
from agentrun_operator.core.ignored import is_within, left_alone
from agentrun_operator.core.kind import Derived
from agentrun_operator.core.wire import applied_paths
from unit.core.sample_kind import FULL, KIND, answer_to, body_of, json_values, specs

BODY = body_of(FULL)


def _changed(*steps: Any) -> dict[str, Any]:
    """Return the answer to a full spec with the last step at the path of the others; None drops."""
    *path, last, value = steps
    answer = copy.deepcopy(answer_to(BODY))
    node: Any = answer
    for step in path:
        node = node[step]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return answer


def _overlaid(answer: Mapping[str, Any], *ignored: str, partial: bool = False) -> dict[str, Any]:
    return left_alone(KIND, BODY, answer, frozenset(ignored), partial=partial)


PLACES = [
    pytest.param("port", ("port", 1), ("port",), id="field"),
    pytest.param("policies.cache", ("policies", "cache", False), ("policies", "cache"), id="below"),
    pytest.param(
        "policies", ("policies", "limits", "note", "x"), ("policies", "limits", "note"), id="object"
    ),
    pytest.param("traceSink", ("tracing", "sink", "name", "x"), ("tracing", "sink", "name"),
                 id="in an object of the wire alone"),
    pytest.param("scaling.perSecond", ("scalingStatus", "perSecond", 9),
                 ("scalingConfig", "perSecond"), id="read elsewhere"),
    pytest.param("tags", ("tags", ["z"]), ("tags",), id="list"),
    pytest.param("upstreams.weight", ("upstreams", 1, "weight", 9), ("upstreams", 1, "weight"),
                 id="of every item"),
    pytest.param("upstreams.b.weight", ("upstreams", 1, "weight", 9), ("upstreams", 1, "weight"),
                 id="of one item, by its key"),
    pytest.param("mounts.1.server", ("mounts", 1, "server", "x"), ("mounts", 1, "server"),
                 id="of one item, by its place"),
    pytest.param("peers.readOnly", ("peers", 1, "readOnly", False), ("peers", 1, "readOnly"),
                 id="of an item without a key"),
    pytest.param("env.LEVEL", ("environmentVariables", "LEVEL", "x"),
                 ("environmentVariables", "LEVEL"), id="key of a map"),
    pytest.param("env.MORE", ("environmentVariables", "MORE", "x"),
                 ("environmentVariables", "MORE"), id="key that only the cloud has"),
    pytest.param("document.outer.inner", ("document", "outer", "inner", "x"),
                 ("document", "outer", "inner"), id="in a document"),
    pytest.param("env", ("environmentVariables", "LEVEL", "x"), ("environmentVariables", "LEVEL"),
                 id="derived"),
]  # fmt: skip


def _at(node: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        node = node[step]
    return node


@pytest.mark.parametrize(("ignored", "edit", "place"), PLACES)
def test_ignored_is_no_drift_and_kept_when_its_owner_is_sent(
    ignored: str, edit: tuple[Any, ...], place: tuple[Any, ...]
) -> None:
    answer = _changed(*edit)
    assert find_drift(KIND, BODY, answer, partial=False)
    body = _overlaid(answer, ignored)
    assert find_drift(KIND, body, answer, partial=False) == ()
    assert _at(body, place) == edit[-1]


@pytest.mark.parametrize(("ignored", "edit", "place"), PLACES)
def test_everything_else_is_as_desired(
    ignored: str, edit: tuple[Any, ...], place: tuple[Any, ...]
) -> None:
    body = _overlaid(_changed(*edit), ignored)
    *owner, last = place
    for one in (body, rest := copy.deepcopy(BODY)):
        _at(one, tuple(owner)).pop(last, None)
    assert body == rest


@pytest.mark.parametrize(
    ("ignored", "edit", "place"),
    [
        pytest.param("policies.cache", ("policies", "cache", None), ("policies",), id="below"),
        pytest.param("env.LEVEL", ("environmentVariables", "LEVEL", None),
                     ("environmentVariables",), id="key of a map"),
        pytest.param("upstreams.weight", ("upstreams", 0, "weight", None), ("upstreams", 0),
                     id="in an item"),
    ],
)  # fmt: skip
def test_what_the_cloud_lacks_is_left_out(
    ignored: str, edit: tuple[Any, ...], place: tuple[Any, ...]
) -> None:
    body = _overlaid(_changed(*edit), ignored)
    assert edit[-2] not in _at(body, place)
    assert find_drift(KIND, body, _changed(*edit), partial=False) == ()


@pytest.mark.parametrize("field", ["mounts", "peers"])
def test_a_key_of_a_map_in_each_item_may_be_ignored(field: str) -> None:
    spec = {field: [{"server": "nas-1", "labels": ["a=b"]}]}
    answer = answer_to(body_of(spec))
    answer[field][0]["labels"] = {"a": "changed", "added": "c"}
    ignored = frozenset({f"{field}.labels.a", f"{field}.0.labels.added"})
    body = left_alone(KIND, body_of(spec), answer, ignored)
    assert body[field][0]["labels"] == {"a": "changed", "added": "c"}
    body = left_alone(KIND, body_of(spec), answer, frozenset({f"{field}.labels.added"}))
    assert body[field][0]["labels"] == {"a": "b", "added": "c"}


def test_what_the_spec_does_not_set_goes_along_as_well() -> None:
    """An update that replaces the object would take it away."""
    desired = body_of({"policies": {"cache": True}, "network": {"mode": "Private"}})
    answer = answer_to(BODY)
    body = left_alone(KIND, desired, answer, frozenset({"policies.limits.burst", "port"}))
    assert body["policies"] == {"cache": True, "limits": {"burst": 20}}
    assert "port" not in body, "nothing would send it"


def test_an_equal_value_keeps_our_spelling() -> None:
    assert _overlaid(_changed("memory", "4096"), "memory")["memory"] == BODY["memory"]


def test_what_no_read_shows_keeps_its_desired_value() -> None:
    assert _overlaid(answer_to(BODY), "licenseKey")["licenseKey"] == BODY["licenseKey"]


def test_what_the_server_added_to_an_ignored_list_is_not_sent() -> None:
    answer = _changed("upstreams", 0, "serverId", "added")
    answer["upstreams"][0]["weight"] = 1
    items = _overlaid(answer, "upstreams")["upstreams"]
    assert items == [{**BODY["upstreams"][0], "weight": 1}, BODY["upstreams"][1]]


ANN, BOB, EVE = ({"name": name, "password": f"of-{name}"} for name in ("ann", "bob", "eve"))
USERS = Derived(
    "logins", "logins", lambda *_: None, document=Document(sets={"users": "name"}), secret=True
)


@pytest.mark.parametrize("there", [[ANN], [EVE, BOB], [BOB, ANN, EVE], []])
def test_a_set_in_a_document_is_left_alone_whole(there: list[dict[str, str]]) -> None:
    kind = replace(KIND, derived=(USERS,))
    desired = {"logins": {"users": [ANN, BOB], "mode": "basic"}}
    answer = {"logins": {"users": there, "mode": "other"}}
    body = left_alone(kind, desired, answer, frozenset({"logins.users", "logins.users.0.name"}))
    assert body == {"logins": {"users": there, "mode": "basic"}}
    answer = {"logins": {"users": there, "mode": "basic"}}
    assert find_drift(kind, body, answer, partial=False) == ()


def test_a_place_in_a_set_is_the_one_of_the_spec() -> None:
    kind = replace(KIND, derived=(USERS,))
    desired = {"logins": {"users": [ANN, BOB]}}
    changed = {**BOB, "password": "changed"}
    answer = {"logins": {"users": [changed, ANN]}}
    body = left_alone(kind, desired, answer, frozenset({"logins.users.1.password"}))
    assert body == {"logins": {"users": [ANN, changed]}}


def test_a_list_item_without_the_field_says_nothing() -> None:
    answer = _changed("policies", None)
    assert _overlaid(answer, "policies.cache", partial=True) == BODY


@given(specs, st.lists(st.sampled_from(applied_paths(KIND, BODY)), max_size=4), json_values)
def test_no_answer_of_a_server_breaks_it(
    spec: dict[str, Any], ignored: list[str], answer: Any
) -> None:
    body = body_of(spec)
    junk = dict.fromkeys([*answer_to(body), "meta"], answer)
    left_alone(KIND, body, junk, frozenset(ignored))


@given(specs, specs)
def test_with_everything_ignored_nothing_drifts(
    spec: dict[str, Any], other: dict[str, Any]
) -> None:
    body, answer = body_of(spec), answer_to(body_of(other))
    everything = frozenset(spec) | {"env"}
    found = left_alone(KIND, body, answer, everything)
    assert find_drift(KIND, found, answer, partial=False) == ()


@pytest.mark.parametrize(
    ("path", "is_inside"),
    [("network", True), ("network.mode", True), ("networks", False), ("net", False)],
)
@pytest.mark.parametrize("others", [0, 63])
def test_a_path_covers_what_is_below_it(path: str, others: int, *, is_inside: bool) -> None:
    assert is_within(frozenset({"network", *map(str, range(others))}), path) is is_inside


_dotted = st.text("a.", max_size=8)


@given(st.frozensets(_dotted, max_size=12), _dotted)
def test_many_paths_cover_what_each_of_them_covers(paths: frozenset[str], path: str) -> None:
    assert is_within(paths, path) is any(is_within(frozenset({each}), path) for each in paths)


class _Counted(frozenset[str]):
    """Paths that count how many of them are looked at one by one."""

    seen = 0

    def __iter__(self) -> Iterator[str]:
        for each in super().__iter__():
            _Counted.seen += 1
            yield each


def test_many_paths_are_not_gone_through_for_each_field() -> None:
    """A spec has thousands of items, and nobody else is served meanwhile."""
    _Counted.seen = 0
    ignored = _Counted(f"models.m{n}.parameterRules.p{n}" for n in range(64))
    for n in range(1000):
        assert not is_within(ignored, f"models.m{n}.parameterRules.q.max")
    assert _Counted.seen == 0
