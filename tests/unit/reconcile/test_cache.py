"""The slim copies: newest version wins, and the indexes never lie."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentrun_operator.core.dependencies import dependencies
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile.cache import ObjectCache, account_candidates

KINDS = catalogue()


def cache(controller_class: str = "") -> ObjectCache:
    return ObjectCache(
        KINDS, controller_class=controller_class, operator_namespace="system", cluster_id="c"
    )


def raw(
    version: int,
    *,
    kind: str = "ModelProxy",
    name: str = "a",
    namespace: str = "ns",
    uid: str = "u1",
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "resourceVersion": str(version),
            "generation": 1,
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": spec or {},
        "status": status or {},
    }


A = ObjectKey("ModelProxy", "ns", "a")


def test_the_newest_version_is_kept() -> None:
    held = cache()
    assert held.observe(raw(10), "ModelProxy") is not None
    assert held.observe(raw(9, spec={"cpu": "9"}), "ModelProxy") is None
    assert held.observe(raw(10, spec={"cpu": "9"}), "ModelProxy") is None
    assert held.observe(raw(100, spec={"cpu": "4"}), "ModelProxy") is not None
    obj = held.get(A)
    assert obj is not None
    assert obj.spec == {"cpu": "4"}
    assert held.version(A) == 100


def test_a_namesake_made_later_replaces_it() -> None:
    held = cache()
    held.observe(raw(10, uid="u1"), "ModelProxy")
    assert held.observe(raw(20, uid="u2"), "ModelProxy") is not None
    obj = held.get(A)
    assert obj is not None
    assert obj.uid == "u2"


def test_a_late_answer_on_a_deleted_object_replaces_nothing() -> None:
    held = cache()
    held.observe(raw(10, uid="u1"), "ModelProxy")
    held.observe(raw(20, uid="u2"), "ModelProxy")
    assert held.observe(raw(15, uid="u1"), "ModelProxy") is None
    obj = held.get(A)
    assert obj is not None
    assert obj.uid == "u2"


def test_an_answer_that_comes_after_the_end_keeps_nothing_gone() -> None:
    held = cache()
    held.observe(raw(10, spec={"credentialRef": {"name": "c"}}), "ModelProxy")
    assert held.update(raw(11), "ModelProxy") is not None
    held.forget(A, "u1")
    assert held.update(raw(12, spec={"credentialRef": {"name": "c"}}), "ModelProxy") is None
    assert held.get(A) is None
    assert held.users_of(ObjectKey("Credential", "ns", "c")) == []


def test_a_version_told_after_the_end_keeps_nothing_gone() -> None:
    held = cache()
    held.observe(raw(10), "ModelProxy")
    held.observe(raw(12), "ModelProxy")
    held.forget(A)
    assert held.observe(raw(11), "ModelProxy") is None
    assert held.observe(raw(20, uid="u2"), "ModelProxy") is not None


def test_nor_does_one_whose_namesake_ended_as_well() -> None:
    held = cache()
    held.observe(raw(10, uid="u1"), "ModelProxy")
    held.observe(raw(20, uid="u2"), "ModelProxy")
    held.forget(A)
    assert held.observe(raw(15, uid="u1"), "ModelProxy") is None


def test_an_object_that_is_read_after_all_is_taken_in() -> None:
    held = cache()
    held.observe(raw(10), "ModelProxy")
    held.forget(A)
    held.note_exists("u1")
    assert held.observe(raw(10), "ModelProxy") is not None


def test_forgetting_concerns_one_incarnation() -> None:
    held = cache()
    held.observe(raw(20, uid="u2"), "ModelProxy")
    held.forget(A, "u1")
    assert held.get(A) is not None
    held.forget(A, "u2")
    assert held.get(A) is None
    assert held.keys("ModelProxy") == []
    held.forget(A)


def test_another_class_is_not_taken_in() -> None:
    assert cache().observe(raw(1, spec={"controllerClass": "blue"}), "ModelProxy") is None
    held = cache("blue")
    assert held.observe(raw(1, spec={"controllerClass": "blue"}), "ModelProxy") is not None
    assert held.observe(raw(2), "ModelProxy") is None


def test_listeners_hear_what_was_before() -> None:
    heard: list[tuple[str | None, str, list[str]]] = []
    held = cache()
    held.listen(
        lambda before, now, left: heard.append(
            (
                before.resource_version if before else None,
                now.resource_version,
                sorted(target.name for target in left),
            )
        ),
        lambda _before, _now: None,
    )
    for version, credential in ((5, "one"), (4, "two"), (7, "one"), (8, "two")):
        held.observe(raw(version, spec={"credentialRef": {"name": credential}}), "ModelProxy")
    assert heard == [(None, "5", []), ("5", "7", []), ("7", "8", ["one"])]


def test_what_nobody_reads_is_not_kept() -> None:
    held = cache()
    held.observe(raw(1), "ModelProxy")
    assert b"managedFields" not in held._entries[A].body


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({}, {}, [("Account", "ns", "default"), ("ClusterAccount", "", "default")]),
        ({"accountRef": {"name": "x"}}, {}, [("Account", "ns", "x")]),
        (
            {"accountRef": {"kind": "ClusterAccount", "name": "x"}},
            {"account": {"kind": "Account", "name": "old"}},
            [("ClusterAccount", "", "x"), ("Account", "ns", "old")],
        ),
    ],
    ids=["defaults", "named", "pinned elsewhere"],
)
def test_candidates_for_the_account(
    spec: dict[str, Any], status: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    obj = KubeObject.of(raw(1, spec=spec, status=status), "ModelProxy")
    assert list(account_candidates(obj)) == [ObjectKey(*parts) for parts in expected]


# ------------------------------------------------ the indexes, for any history

NAMES = ["a", "b", "c"]
_ref = st.one_of(st.none(), st.builds(lambda n: {"name": n}, st.sampled_from(NAMES)))
_specs = st.fixed_dictionaries(
    {},
    optional={
        "credentialRef": _ref,
        "accountRef": _ref,
        "externalName": st.sampled_from(NAMES),
    },
)
_changes = st.tuples(
    st.sampled_from(["observe", "observe", "observe", "forget"]),
    st.sampled_from(["ModelProxy", "AgentRuntime", "Credential"]),
    st.sampled_from(NAMES),
    st.sampled_from(["ns", "other"]),
    st.integers(1, 30),
    st.sampled_from(["u1", "u2"]),
    _specs,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_changes, max_size=30))
def test_the_indexes_equal_a_recount(history: list[tuple[Any, ...]]) -> None:
    held = cache()
    for what, kind, name, namespace, version, uid, spec in history:
        if what == "observe":
            kept = {k: v for k, v in spec.items() if v is not None}
            found = raw(version, kind=kind, name=name, namespace=namespace, uid=uid, spec=kept)
            held.observe(found, kind)
        else:
            held.forget(ObjectKey(kind, namespace, name), uid)
    users: dict[ObjectKey, list[ObjectKey]] = {}
    claims: dict[tuple[str, str], list[ObjectKey]] = {}
    for key in held.keys():  # noqa: SIM118 - not a dictionary
        obj = held.get(key)
        assert obj is not None
        named = {
            ObjectKey(d.kind, key.namespace, d.name)
            for d in dependencies(KINDS[key.kind], obj.spec)
        }
        for target in {*named, *account_candidates(obj)}:
            users.setdefault(target, []).append(key)
        claims.setdefault((key.kind, obj.external_name), []).append(key)
    assert {t: held.users_of(t) for t in users} == {t: sorted(k) for t, k in users.items()}
    assert {k: [o.key for o in held.claimants(*k)] for k in claims} == {
        k: sorted(v) for k, v in claims.items()
    }
    assert set(held._users) == set(users), "nothing is left of what is gone"
    assert set(held._claims) == set(claims)
