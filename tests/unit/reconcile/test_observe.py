"""Whose a resource is, as a table; and how a look becomes what `decide` reads."""

from dataclasses import replace
from typing import Any

import pytest

from agentrun_operator.core.drift import Drift
from agentrun_operator.core.kind import Phase
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.snapshot import Existence, Ownership
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile.observe import from_list, interpret
from agentrun_operator.reconcile.ownership import marks_of_others, whose
from agentrun_operator.reconcile.ports import Lookup
from agentrun_operator.reconcile.target import Target, tag_for

KINDS = catalogue()
OURS, FREE, FOREIGN = Ownership.OURS, Ownership.ADOPTABLE, Ownership.FOREIGN
TAG = "k8s:c1/ns/it"
DRIFT = (Drift("description", "description", "a", "b"),)
LOOKED_UP = "2026-01-05T09:00:00Z"
BEFORE = "2026-01-05T16:59:59.999000+08:00"
AT = "2026-01-05T17:00:00.000000+08:00"
AFTER = "2026-01-05T17:00:01.500000+08:00"
MARK = {"startedAt": LOOKED_UP, "lookedUpAt": LOOKED_UP}


def target(kind: str, status: dict[str, Any], desired: dict[str, Any] | None = None) -> Target:
    metadata = {"name": "it", "namespace": "ns", "uid": "u1", "resourceVersion": "1"}
    obj = KubeObject.of({"metadata": metadata, "status": status}, kind)
    rest = KINDS[kind].rest
    assert rest is not None
    return Target(
        kind=KINDS[kind],
        rest=rest,
        obj=obj,
        name="it",
        parent=None,
        chosen_id="k8s-u1-0",
        tag=tag_for("c1", obj),
        desired=desired or {},
        created=desired or {},
    )


ROWS: dict[str, tuple[str, dict[str, Any], dict[str, Any], tuple[Drift, ...], Ownership]] = {
    # name: kind, status, resource, drift, whose
    "persisted answer": (
        "AgentRuntime",
        {"externalId": "id-1", "adopted": False},
        {"agentRuntimeId": "id-1"},
        DRIFT,
        OURS,
    ),
    "adopted before": (
        "ModelProxy",
        {"externalId": "mp-1", "adopted": True},
        {"modelProxyId": "mp-1"},
        DRIFT,
        OURS,
    ),
    "only observed before": (
        "ModelProxy",
        {"externalId": "mp-1"},
        {"modelProxyId": "mp-1"},
        (),
        FREE,
    ),
    "another id under our name": (
        "ModelProxy",
        {"externalId": "mp-1", "adopted": False},
        {"modelProxyId": "mp-2"},
        (),
        FREE,
    ),
    "our tag on another id": (
        "AgentRuntime",
        {"externalId": "id-1", "adopted": False},
        {"agentRuntimeId": "id-2", "systemTags": [TAG]},
        (),
        OURS,
    ),
    "our tag, nothing on record": ("AgentRuntime", {}, {"systemTags": ["x", TAG]}, DRIFT, OURS),
    "our tag on what we adopted, nothing on record": (
        "AgentRuntime",
        {},
        {"systemTags": [TAG, f"{TAG}/adopted"]},
        (),
        FREE,
    ),
    "the tag of a namesake on what it adopted": (
        "AgentRuntime",
        {},
        {"systemTags": ["k8s:c2/ns/it/adopted", f"{TAG}/adopted"]},
        (),
        FOREIGN,
    ),
    "the tag of a namesake": ("AgentRuntime", {}, {"systemTags": ["k8s:c2/ns/it"]}, (), FOREIGN),
    "the tag of a SuperAgent": (
        "AgentRuntime",
        {},
        {"systemTags": ["x-agentrun-super"]},
        (),
        FOREIGN,
    ),
    "the tag of the command line": (
        "AgentRuntime",
        {},
        {"systemTags": ["x-agentrun-cli"]},
        (),
        FREE,
    ),
    "no mark at all": ("ModelProxy", {}, {"modelProxyId": "mp-1"}, (), FREE),
    "mark, made after the look-up, equal": (
        "ModelProxy",
        {"creation": MARK},
        {"createdAt": AFTER},
        (),
        OURS,
    ),
    "mark, made in the second of the look-up": (
        "ModelProxy",
        {"creation": MARK},
        {"createdAt": AT},
        (),
        OURS,
    ),
    "mark, but it carries the tag of a namesake": (
        "AgentRuntime",
        {"creation": MARK},
        {"createdAt": AFTER, "systemTags": ["k8s:c2/ns/it"]},
        (),
        FOREIGN,
    ),
    "mark, but it is older": ("ModelProxy", {"creation": MARK}, {"createdAt": BEFORE}, (), FREE),
    "mark, but it differs": ("ModelProxy", {"creation": MARK}, {"createdAt": AFTER}, DRIFT, FREE),
    "mark, but no time on it": ("ModelProxy", {"creation": MARK}, {}, (), FREE),
    "mark without the cloud's time": (
        "ModelProxy",
        {"creation": {"startedAt": LOOKED_UP}},
        {"createdAt": AFTER},
        (),
        FREE,
    ),
    "mark, ours by all signs, but a foreign tag": (
        "AgentRuntime",
        {"creation": MARK},
        {"createdAt": AFTER, "systemTags": ["k8s:c2/ns/it"]},
        DRIFT,
        FOREIGN,
    ),
    "mark on an endpoint, which has no time": (
        "AgentRuntimeEndpoint",
        {"creation": MARK},
        {},
        (),
        OURS,
    ),
    "mark on an endpoint that differs": (
        "AgentRuntimeEndpoint",
        {"creation": MARK},
        {},
        DRIFT,
        FREE,
    ),
    "endpoint without a mark": ("AgentRuntimeEndpoint", {}, {}, (), FREE),
    "an id that only we can know": ("Sandbox", {}, {"sandboxId": "k8s-u1-0"}, DRIFT, OURS),
}


@pytest.mark.parametrize("name", ROWS)
def test_whose(name: str) -> None:
    kind, status, resource, drift, expected = ROWS[name]
    assert whose(target(kind, status), resource, drift) is expected


def test_of_many_marks_only_those_that_are_told_are_compared() -> None:
    """Each may take a tenth of a second, in which nothing else of the operator runs."""
    compared: list[str] = []

    def is_secret(mark: str) -> bool:
        compared.append(mark)
        return mark.endswith("-1")

    it = replace(target("AgentRuntime", {}), is_secret_mark=is_secret)
    marks = [TAG, *(f"x-agentrun-{n}" for n in range(5000))]
    assert marks_of_others(it, {"systemTags": marks}) == ("x-agentrun-0", "x-agentrun-2")
    assert compared == marks[1:4]


def test_absence_is_confirmed_or_not() -> None:
    it = target("ModelProxy", {})
    gone = interpret(it, Lookup(None, None), confirmed=True)
    assert (gone.existence, gone.confirmed) == (Existence.ABSENT, True)
    assert from_list(it, None).confirmed is False


def test_a_list_item_may_leave_fields_out() -> None:
    it = target("ModelProxy", {}, {"description": "a", "cpu": 2})
    assert from_list(it, {"modelProxyName": "it", "status": "READY", "cpu": 2.0}).drift == ()
    read = interpret(it, Lookup({"status": "READY", "cpu": 2.0}, None), confirmed=True)
    assert [d.path for d in read.drift] == ["description"]


def test_ignored_paths_cover_what_is_below() -> None:
    body = {"description": "a", "networkConfiguration": {"networkMode": "PUBLIC", "vpcId": "v"}}
    it = target("ModelProxy", {}, body)
    plain = interpret(it, Lookup({}, None), confirmed=True)
    assert {d.path for d in plain.drift} >= {"description", "network.mode", "network.vpcId"}
    object.__setattr__(it, "ignored", frozenset({"network", "descr"}))
    seen = interpret(it, Lookup({}, None), confirmed=True)
    assert {d.path for d in seen.drift} == {"description"}


def test_an_ignored_field_still_tells_whose_it_is() -> None:
    it = target("ModelProxy", {"creation": MARK}, {"description": "a"})
    object.__setattr__(it, "ignored", frozenset({"description"}))
    seen = interpret(it, Lookup({"createdAt": AFTER, "description": "b"}, None), confirmed=True)
    assert seen.drift == ()
    assert seen.ownership is FREE


@pytest.mark.parametrize(
    ("wanted", "state", "differs"),
    [
        ("Running", "READY", False),
        ("Running", "PAUSED", True),
        ("Paused", "READY", True),
        ("Paused", "PAUSED", False),
        ("Stopped", "READY", True),
        ("Running", "TERMINATED", False),
        (None, "PAUSED", False),
    ],
)
def test_the_state_that_is_wanted(wanted: str | None, state: str, *, differs: bool) -> None:
    it = target("Sandbox", {})
    object.__setattr__(it, "desired_state", wanted)
    seen = interpret(it, Lookup({"status": state}, None), confirmed=True)
    assert seen.state_differs is differs


def test_what_a_look_shows_stays_out_of_reprs() -> None:
    seen = interpret(target("Credential", {}), Lookup({"x": "canary"}, None), confirmed=True)
    assert seen.phase is Phase.READY
    assert "canary" not in repr(seen)
