"""Keys, and the names that we own: they are public, so changing one breaks users."""

import pytest

from agentrun_operator.core import identity
from agentrun_operator.core.identity import (
    AccountIdentity,
    Locator,
    ObjectKey,
    chosen_id,
    incarnation_of,
    ownership_tag,
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_VERSION", "agentrun.dev/v1alpha1"),
        ("CATEGORY", "agentrun"),
        ("FINALIZER", "agentrun.dev/cleanup"),
        ("PAUSED_ANNOTATION", "agentrun.dev/paused"),
        ("RECONCILE_REQUESTED_ANNOTATION", "agentrun.dev/reconcile-requested-at"),
        ("POLL_INTERVAL_ANNOTATION", "agentrun.dev/poll-interval"),
        ("ADOPT_ANNOTATION", "agentrun.dev/adopt"),
    ],
)
def test_public_names(name: str, value: str) -> None:
    assert getattr(identity, name) == value


def test_the_key_of_an_object() -> None:
    raw = {"kind": "Sample", "metadata": {"name": "chat", "namespace": "team-a"}}
    assert ObjectKey.of(raw) == ObjectKey("Sample", "team-a", "chat")
    assert ObjectKey.of({"metadata": {"name": "prod"}}, "ClusterAccount") == ObjectKey(
        "ClusterAccount", "", "prod"
    )


def test_how_things_are_named_to_people() -> None:
    assert str(ObjectKey("Sample", "team-a", "chat")) == "Sample team-a/chat"
    assert str(ObjectKey("ClusterAccount", "", "prod")) == "ClusterAccount prod"
    assert str(AccountIdentity("1234567890", "cn-hangzhou")) == "1234567890 in cn-hangzhou"


def test_keys_order_by_namespace_and_name() -> None:
    keys = [ObjectKey("Sample", "b", "a"), ObjectKey("Sample", "a", "b"), ObjectKey("A", "z", "z")]
    assert sorted(keys) == [keys[2], keys[1], keys[0]]


def test_ownership_tags_tell_clusters_and_objects_apart() -> None:
    key = ObjectKey("Sample", "team-a", "chat")
    assert ownership_tag("c-1", key) == "k8s:c-1/team-a/chat"
    assert ownership_tag("c-2", key) != ownership_tag("c-1", key)


def test_a_locator_has_a_parent_where_the_kind_has_one() -> None:
    assert Locator("ep-1", "rt-1") != Locator("ep-1")


@pytest.mark.parametrize("number", [0, 1, 7, 12, 999_999_999])
def test_an_incarnation_is_known_by_its_id(number: int) -> None:
    assert incarnation_of("u", chosen_id("u", number)) == number


@pytest.mark.parametrize(
    "ident",
    [
        "k8s-other-3",
        "k8s-u-",
        "k8s-u-03",
        "k8s-u-3x",
        "k8s-u-\N{ARABIC-INDIC DIGIT THREE}",
        "k8s-u-" + "9" * 20,
        "k8s-u-" + "9" * 5000,
        "u-3",
        "",
    ],
)
def test_an_id_that_we_could_not_have_chosen_is_somebody_else_s(ident: str) -> None:
    assert incarnation_of("u", ident) == 0
