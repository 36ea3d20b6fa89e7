"""What objects are called, as the defaults of their accounts come, change and go."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.record import binding_of
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile.cache import ObjectCache

KINDS = catalogue()
RECORDS: dict[str, dict[str, Any]] = {
    "none": {},
    "announced": {"namePrefix": "old-", "creation": {"startedAt": "x"}},
    "made": {"namePrefix": "old-", "externalName": "old-a", "externalId": "1", "adopted": False},
    "made without": {"externalName": "a", "externalId": "1", "adopted": False},
}


def cache() -> ObjectCache:
    return ObjectCache(KINDS, controller_class="", operator_namespace="system", cluster_id="c")


def raw(
    version: int, kind: str, name: str, spec: dict[str, Any], status: dict[str, Any] | None = None
) -> dict[str, Any]:
    namespace = "" if kind == "ClusterAccount" else "ns"
    metadata = {"name": name, "namespace": namespace, "uid": "u", "resourceVersion": str(version)}
    bound = {"boundTo": binding_of("c", ObjectKey(kind, namespace, name), "u")} if status else {}
    return {"kind": kind, "metadata": metadata, "spec": spec, "status": {**bound, **(status or {})}}


def with_prefix(prefix: str | None) -> dict[str, Any]:
    return {} if prefix is None else {"defaults": {"namePrefix": prefix}}


@pytest.mark.parametrize(
    ("record", "expected"),
    [("none", "new-a"), ("announced", "old-a"), ("made", "old-a"), ("made without", "a")],
)
def test_what_is_on_record_keeps_its_name(record: str, expected: str) -> None:
    held = cache()
    held.observe(raw(1, "Account", "default", with_prefix("new-")), "Account")
    obj = held.observe(raw(2, "ModelProxy", "a", {}, RECORDS[record]), "ModelProxy")
    assert obj is not None
    assert obj.external_name == expected
    assert (obj.status.get("externalId") is None) == (record in ("none", "announced"))


def test_another_name_than_the_prefix_makes_is_a_copy() -> None:
    status = {**RECORDS["made"], "externalName": "other-a"}
    obj = cache().observe(raw(2, "ModelProxy", "a", {}, status), "ModelProxy")
    assert obj is not None
    assert obj.external_id is None
    assert obj.copied_from == {"externalId": "1", "externalName": "other-a"}


def test_a_copied_announcement_tells_the_prefixed_name() -> None:
    there = {"clusterId": "c", "namespace": "elsewhere", "name": "b", "kind": "ModelProxy"}
    status = {**RECORDS["announced"], "boundTo": there}
    obj = cache().observe(raw(2, "ModelProxy", "a", {}, status), "ModelProxy")
    assert obj is not None
    assert (obj.copied_from or {})["externalName"] == "old-b"


def test_who_is_renamed_is_told_of() -> None:
    held = cache()
    heard: list[tuple[str, str]] = []
    held.listen(
        lambda _before, _now, _left: None,
        lambda before, now: heard.append((before.external_name, now.external_name)),
    )
    held.observe(raw(1, "ModelProxy", "a", {}), "ModelProxy")
    held.observe(raw(2, "ModelProxy", "b", {"externalName": "x"}), "ModelProxy")
    for version, prefix in ((3, None), (4, "p-"), (5, "p-"), (6, "q-")):
        held.observe(raw(version, "Account", "default", with_prefix(prefix)), "Account")
    held.forget(ObjectKey("Account", "ns", "default"))
    assert heard == [("a", "p-a"), ("p-a", "q-a"), ("q-a", "a")]


_accounts = st.sampled_from(
    [("Account", "default"), ("Account", "x"), ("ClusterAccount", "default")]
)
_steps = st.one_of(
    st.tuples(st.just("account"), _accounts, st.sampled_from([None, "p-", "{namespace}-"])),
    st.tuples(st.just("gone"), _accounts, st.none()),
    st.tuples(
        st.just("object"),
        st.tuples(st.sampled_from(["ModelProxy", "CustomDomain"]), st.sampled_from(["a", "b"])),
        st.tuples(
            st.sampled_from([None, "x"]), st.sampled_from([None, "a"]), st.sampled_from([*RECORDS])
        ),
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_steps, max_size=25))
def test_the_index_of_names_equals_a_recount(history: list[tuple[str, Any, Any]]) -> None:
    held = cache()
    for version, (what, (kind, name), more) in enumerate(history, start=1):
        if what == "gone":
            held.forget(ObjectKey(kind, "" if kind == "ClusterAccount" else "ns", name))
        elif what == "account":
            found = raw(version, kind, name, with_prefix(more))
            found["metadata"]["uid"] = f"u{version}"
            held.observe(found, kind)
        else:
            account, own, record = more
            spec = {"accountRef": {"name": account} if account else None, "externalName": own}
            kept = {k: v for k, v in spec.items() if v is not None}
            held.observe(raw(version, kind, name, kept, RECORDS[record]), kind)
    claims: dict[tuple[str, str], set[ObjectKey]] = {}
    for key in held.keys():  # noqa: SIM118 - not a dictionary
        obj = held.get(key)
        assert obj is not None
        claims.setdefault((key.kind, obj.external_name), set()).add(key)
    assert held._claims == claims
