"""Whose defaults an object takes: those of the account on record, else of the one it asks for."""

from typing import Any

import pytest

from agentrun_operator.core.defaults import NO_DEFAULTS
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.defaults import AccountDefaults

OWN, SHARED = ObjectKey("Account", "ns", "default"), ObjectKey("ClusterAccount", "", "default")
PLAIN = ObjectKey("Account", "ns", "plain")


def obj(kind: str, key: ObjectKey | None = None, **parts: Any) -> KubeObject:
    name, namespace = (key.name, key.namespace) if key is not None else ("it", "ns")
    metadata = {"name": name, "namespace": namespace, "uid": "u", "resourceVersion": "1"}
    return KubeObject.of({"metadata": metadata, **parts}, kind)


def account(key: ObjectKey, policy: str | None) -> KubeObject:
    defaults = {} if policy is None else {"defaults": {"deletionPolicy": policy}}
    return obj(key.kind, key, spec=defaults)


def pinned(kind: str, name: str, **more: Any) -> KubeObject:
    return obj("Widget", status={"account": {"kind": kind, "name": name}, **more})


def known(*there: ObjectKey) -> tuple[AccountDefaults, set[ObjectKey]]:
    held = set(there)
    found = AccountDefaults(held.__contains__)
    found.note(account(OWN, "Retain"))
    found.note(account(SHARED, "Delete"))
    found.note(account(PLAIN, None))
    return found, held


@pytest.mark.parametrize(
    ("there", "expected"),
    [((OWN, SHARED), "Retain"), ((SHARED,), "Delete"), ((), None)],
    ids=["the first", "the second", "none exists"],
)
def test_what_has_no_resource_asks(there: tuple[ObjectKey, ...], expected: str | None) -> None:
    found, _ = known(*there)
    assert found.of(obj("Widget")).deletion_policy == expected
    # A pin without a resource is one of before.
    assert found.of(pinned("Account", "plain")).deletion_policy == expected


@pytest.mark.parametrize("record", [{"externalId": "1"}, {"creation": {"startedAt": "x"}}])
@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("ClusterAccount", "default", "Delete"),
        ("Account", "plain", None),
        ("Operator", "", None),
        ("Account", "unheard-of", "Retain"),
    ],
)
def test_what_has_one_goes_by_its_record(
    record: dict[str, Any], kind: str, name: str, expected: str | None
) -> None:
    found, _ = known(OWN, SHARED, PLAIN)
    it = pinned(kind, name, **record)
    assert found.of(it).deletion_policy == expected


def test_an_account_that_is_gone_is_remembered_while_it_is_used() -> None:
    found, held = known(OWN, SHARED)
    it = pinned("Account", "default", externalId="1")
    held.remove(OWN)
    found.drop_unused({OWN}.__contains__)
    assert found.of(it).deletion_policy == "Retain"
    found.drop_unused(lambda _at: False)
    # Another account does not say what becomes of what lived in one that nobody knows.
    assert found.of(it).deletion_policy is None
    found.note(account(SHARED, "Retain"))
    assert found.of(it).deletion_policy == "Retain"


def test_an_account_that_takes_its_defaults_back_has_none() -> None:
    found, _ = known(OWN)
    assert found.of(obj("Widget")).deletion_policy == "Retain"
    found.note(account(OWN, None))
    assert found.of(obj("Widget")) == NO_DEFAULTS


KEPT = {"retainedBy": {"kind": "Account", "name": "default"}, "externalId": "1"}
CHOSEN = {"accountRef": {"kind": "ClusterAccount", "name": "default"}}


@pytest.mark.parametrize(
    ("own", "is_there", "spec", "expected"),
    [
        ("Retain", True, {}, OWN),
        (None, True, {}, None),
        (None, False, {}, OWN),
        ("Retain", True, CHOSEN, None),
        (None, False, CHOSEN, None),
    ],
    ids=["says so", "says so no more", "is gone", "another chosen", "is gone, another chosen"],
)
def test_who_keeps_what_another_account_took_over(
    own: str | None, expected: ObjectKey | None, *, is_there: bool, spec: dict[str, Any]
) -> None:
    there = {OWN, SHARED} if is_there else {SHARED}
    found = AccountDefaults(there.__contains__)
    if is_there:
        found.note(account(OWN, own))
    found.note(account(SHARED, "Delete"))
    pin = {"account": {"kind": "ClusterAccount", "name": "default"}}
    it = obj("Widget", spec=spec, status={**KEPT, **pin})
    assert found.retainer(it, SHARED) == expected
    assert found.of(it).deletion_policy == ("Retain" if expected else "Delete")


@pytest.mark.parametrize(
    ("status", "spec", "expected"),
    [
        ({"adopted": True}, {}, ObjectKey("Account", "ns", "gone")),
        ({"adopted": True}, {"deletionPolicy": "Retain"}, None),
        ({"adopted": True}, CHOSEN, None),
        ({"adopted": False}, {}, None),
    ],
    ids=["adopted", "has its own policy", "the next was chosen", "made"],
)
def test_what_was_adopted_is_kept_by_who_is_gone(
    status: dict[str, Any], spec: dict[str, Any], expected: ObjectKey | None
) -> None:
    found = AccountDefaults({SHARED}.__contains__)
    found.note(account(SHARED, "Delete"))
    gone = {"account": {"kind": "Account", "name": "gone"}, "externalId": "1"}
    it = obj("Widget", spec=spec, status={**gone, **status})
    assert found.retainer(it, SHARED) == expected


def test_names_are_those_of_the_account_that_is_asked_for() -> None:
    found = AccountDefaults({OWN, PLAIN}.__contains__)
    named = {"defaults": {"namePrefix": "a-", "formerNamePrefixes": ["b-"]}}
    found.note(obj(OWN.kind, OWN, spec=named))
    found.note(obj(PLAIN.kind, PLAIN, spec={"defaults": {"namePrefix": "c-"}}))
    given = found.of(pinned("Account", "plain", externalId="1"))
    assert (given.vouches_for("a-"), given.vouches_for("b-")) == (True, True)
    assert not given.vouches_for("c-")
