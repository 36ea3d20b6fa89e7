"""What references resolve to, what they wait for, and who holds whom."""

from typing import Any

import pytest

from agentrun_operator.core.errors import (
    AccountMismatch,
    DependencyNotReady,
    OperatorError,
    ReferenceNotFound,
)
from agentrun_operator.core.identity import FINALIZER, AccountIdentity, ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.problems import combined
from agentrun_operator.core.record import binding_of
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile.binding import Binding
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.holds import holders
from agentrun_operator.reconcile.references import ReferenceResolver
from fakes.lab import Lab

KINDS = catalogue()
PIN = {"kind": "Account", "name": "default", "accountId": "1001", "region": "r"}
READY = [{"type": "Ready", "status": "True", "reason": "Available"}]
IN_CONFLICT = [{"type": "Ready", "status": "False", "reason": "ExternalNameConflict"}]
BINDING = Binding(ObjectKey("Account", "ns", "default"), AccountIdentity("1001", "r"), api=None)  # type: ignore[arg-type]
CREDENTIAL = ObjectKey("Credential", "ns", "c")


def raw(
    kind: str,
    name: str,
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    **metadata: Any,
) -> dict[str, Any]:
    uid = f"uid-{name}"
    bound = binding_of("c", ObjectKey(kind, "ns", name), uid)
    return {
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": uid,
            "resourceVersion": "1",
            "generation": 1,
            "finalizers": [FINALIZER],
            **metadata,
        },
        "spec": spec or {},
        "status": {"boundTo": bound, **status} if status else {},
    }


def cache_of(*objects: dict[str, Any]) -> ObjectCache:
    cache = ObjectCache(KINDS, controller_class="", operator_namespace="system", cluster_id="c")
    for found in objects:
        cache.observe(found, found["kind"])
    return cache


def user(kind: str, spec: dict[str, Any], status: dict[str, Any] | None = None) -> KubeObject:
    return KubeObject.of(raw(kind, "user", spec, status), kind)


def usable(**more: Any) -> dict[str, Any]:
    return {"externalId": "id-1", "adopted": False, "account": PIN, "conditions": READY, **more}


async def resolve(cache: ObjectCache, obj: KubeObject) -> Any:
    found, problems = await ReferenceResolver(KINDS, cache, Lab().cluster).resolve(obj, BINDING)
    if problems:
        raise combined(problems)
    return found


# ------------------------------------------------ resolving


async def test_a_kind_keyed_by_name_resolves_to_its_external_name() -> None:
    target = raw("Credential", "c", {"externalName": "cred-x"}, usable(externalName="cred-x"))
    found = await resolve(cache_of(target), user("ModelProxy", {"credentialRef": {"name": "c"}}))
    assert found.references == {("Credential", "c"): "cred-x"}


async def test_a_kind_keyed_by_id_resolves_to_its_id() -> None:
    target = raw("AgentRuntime", "rt", {}, usable(externalName="rt"))
    spec = {"runtimeRef": {"name": "rt"}}
    found = await resolve(cache_of(target), user("AgentRuntimeEndpoint", spec))
    assert found.references == {("AgentRuntime", "rt"): "id-1"}


async def test_what_an_id_keys_resolves_to_its_name_as_well() -> None:
    target = raw("AgentRuntime", "rt", {"externalName": "chat"}, usable(externalName="chat"))
    spec = {"runtimeRef": {"name": "rt"}}
    found = await resolve(cache_of(target), user("AgentRuntimeEndpoint", spec))
    assert found.external_names == {("AgentRuntime", "rt"): "chat"}


@pytest.mark.parametrize(
    ("target", "is_user_there", "error"),
    [
        (None, False, ReferenceNotFound),
        (None, True, ReferenceNotFound),
        (raw("Credential", "c"), False, DependencyNotReady),
        (raw("Credential", "c", status=usable(conditions=[])), False, DependencyNotReady),
        (raw("Credential", "c", status=usable(conditions=[])), True, None),
        (raw("Credential", "c", status=usable(conditions=IN_CONFLICT)), True, DependencyNotReady),
        (raw("Credential", "c", status=usable(), deletionTimestamp="t"), False, DependencyNotReady),
        (raw("Credential", "c", status=usable(), deletionTimestamp="t"), True, None),
        (
            raw("Credential", "c", status=usable(account={**PIN, "accountId": "2002"})),
            True,
            AccountMismatch,
        ),
    ],
    ids=[
        "missing",
        "missing, user exists",
        "not created",
        "not ready",
        "not ready, user exists",
        "another one's by name, user exists",
        "going",
        "going, user exists",
        "another account",
    ],
)
async def test_what_a_user_waits_for(
    target: dict[str, Any] | None, error: type[OperatorError] | None, *, is_user_there: bool
) -> None:
    cache = cache_of(*([target] if target else []))
    status = usable() if is_user_there else None
    obj = user("ModelProxy", {"credentialRef": {"name": "c"}}, status)
    if error is None:
        assert (await resolve(cache, obj)).references
        return
    with pytest.raises(error) as caught:
        await resolve(cache, obj)
    assert "Credential" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"creation": {"startedAt": "t"}}, "is being created; see"),
        (usable(creation={"startedAt": "t", "replaces": "id-1"}), "is being created anew; see"),
    ],
    ids=["for the first time", "in the place of another"],
)
async def test_a_target_whose_create_is_under_way(status: dict[str, Any], said: str) -> None:
    target = raw("Credential", "c", status=status)
    with pytest.raises(DependencyNotReady, match=said):
        await resolve(cache_of(target), user("ModelProxy", {"credentialRef": {"name": "c"}}))


async def test_the_path_of_a_missing_secret_is_named() -> None:
    spec = {"env": [{"name": "A"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s"}}}]}
    with pytest.raises(ReferenceNotFound, match=r"spec\.env\[1\].*'s'"):
        await resolve(cache_of(), user("AgentRuntime", spec))


# ------------------------------------------------ holding

USER_SPEC = {"credentialRef": {"name": "c"}}
USERS: dict[str, tuple[dict[str, Any], bool]] = {
    "has a resource": (raw("ModelProxy", "u", USER_SPEC, usable()), True),
    "may have one": (raw("ModelProxy", "u", USER_SPEC, {"creation": {"startedAt": "t"}}), True),
    "is being deleted itself": (
        raw("ModelProxy", "u", USER_SPEC, usable(), deletionTimestamp="t"),
        True,
    ),
    "lost its record": (raw("ModelProxy", "u", USER_SPEC), True),
    "never created anything": (
        raw("ModelProxy", "u", USER_SPEC, {"observedGeneration": 1}),
        False,
    ),
    "has let go already": (raw("ModelProxy", "u", USER_SPEC, usable(), finalizers=[]), False),
    "retains": (raw("ModelProxy", "u", {**USER_SPEC, "deletionPolicy": "Retain"}, usable()), False),
    "adopted": (raw("ModelProxy", "u", USER_SPEC, usable(adopted=True)), False),
    "adopted, to be deleted": (
        raw("ModelProxy", "u", {**USER_SPEC, "deletionPolicy": "Delete"}, usable(adopted=True)),
        True,
    ),
    "observes": (
        raw("ModelProxy", "u", {**USER_SPEC, "managementPolicy": "Observe"}, usable()),
        False,
    ),
    "refers to another": (
        raw("ModelProxy", "u", {"credentialRef": {"name": "d"}}, usable()),
        False,
    ),
    "refers outside": (
        raw("ModelProxy", "u", {"credentialRef": {"externalName": "c"}}, usable()),
        False,
    ),
}


@pytest.mark.parametrize("name", USERS)
def test_a_user_that(name: str) -> None:
    found, holds = USERS[name]
    expected = [ObjectKey("ModelProxy", "ns", "u")] if holds else []
    assert [user.key for user in holders(CREDENTIAL, cache_of(found))] == expected


def test_a_namesake_in_another_namespace_holds_nothing() -> None:
    found = raw("ModelProxy", "u", USER_SPEC, usable(), namespace="other")
    assert holders(CREDENTIAL, cache_of(found)) == ()


@pytest.mark.parametrize(
    ("account", "holds"),
    [
        (PIN, True),
        ({**PIN, "name": "other"}, False),
        ({**PIN, "kind": "ClusterAccount"}, False),
    ],
    ids=["pinned here", "pinned to another", "pinned to a namesake"],
)
def test_an_account_is_held_by_whom_it_was_lent_to(account: dict[str, str], *, holds: bool) -> None:
    cache = cache_of(raw("ModelProxy", "u", {}, usable(account=account)))
    assert bool(holders(ObjectKey("Account", "ns", "default"), cache)) is holds


@pytest.mark.parametrize(
    ("policy", "adopted", "expected"),
    [
        (None, False, False),
        (None, True, True),
        ("Delete", True, False),
        ("Retain", False, True),
    ],
)
def test_retains(policy: str | None, *, adopted: bool, expected: bool) -> None:
    spec = {"deletionPolicy": policy} if policy else {}
    assert user("ModelProxy", spec, {"adopted": adopted}).retains() is expected
