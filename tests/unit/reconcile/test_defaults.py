"""Whose defaults an object takes: those of the account on record, else of the one it asks for."""

from typing import Any

import pytest

from agentrun_operator.core.defaults import NO_DEFAULTS
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.defaults import AccountDefaults

OWN, SHARED = ObjectKey("Account", "ns", "default"), ObjectKey("ClusterAccount", "", "default")
PLAIN = ObjectKey("Account", "ns", "plain")
ASKED_FOR = (OWN, SHARED)


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
    assert found.of(obj("Widget"), ASKED_FOR).deletion_policy == expected
    # A pin without a resource is one of before.
    assert found.of(pinned("Account", "plain"), ASKED_FOR).deletion_policy == expected


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
    assert found.of(it, ASKED_FOR).deletion_policy == expected


def test_an_account_that_is_gone_is_remembered_while_it_is_used() -> None:
    found, held = known(OWN, SHARED)
    it = pinned("Account", "default", externalId="1")
    held.remove(OWN)
    found.drop_unused({OWN}.__contains__)
    assert found.of(it, ASKED_FOR).deletion_policy == "Retain"
    found.drop_unused(lambda _at: False)
    assert found.of(it, ASKED_FOR).deletion_policy == "Delete"


def test_an_account_that_takes_its_defaults_back_has_none() -> None:
    found, _ = known(OWN)
    assert found.of(obj("Widget"), ASKED_FOR).deletion_policy == "Retain"
    found.note(account(OWN, None))
    assert found.of(obj("Widget"), ASKED_FOR) == NO_DEFAULTS
