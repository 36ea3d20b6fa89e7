"""The values that objects sent: how long they count, and what room they may take."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.known import KEPT_SECONDS, KnownValues
from fakes.clock import VirtualClock

ONE, TWO = (ObjectKey("Credential", "team-a", name) for name in ("one", "two"))


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def known(clock: VirtualClock) -> KnownValues:
    return KnownValues(clock)


def test_nothing_is_known_of_whom_nobody_told(known: KnownValues) -> None:
    assert known.of(ONE) == (frozenset(), False)
    known.note(ONE, [])
    assert known.of(ONE) == (frozenset(), True)


def test_the_present_value_stays_and_the_last_for_an_hour(
    known: KnownValues, clock: VirtualClock
) -> None:
    known.note(ONE, ["old"])
    clock.advance(10 * KEPT_SECONDS)
    known.note(ONE, ["new"])
    clock.advance(KEPT_SECONDS - 1)
    known.note(ONE, ["new"])
    assert known.of(ONE) == (frozenset({"old", "new"}), True)
    clock.advance(1)
    assert known.of(ONE) == (frozenset({"new"}), True)


def test_a_value_that_comes_back_is_present_again(known: KnownValues, clock: VirtualClock) -> None:
    for value in ("a", "b", "a"):
        known.note(ONE, [value])
    clock.advance(KEPT_SECONDS)
    assert known.of(ONE) == (frozenset({"a"}), True)


def test_what_was_edited_before_we_began_is_in_doubt_for_an_hour(
    known: KnownValues, clock: VirtualClock
) -> None:
    known.note(ONE, ["new"], unknown_seconds=100)
    assert known.of(ONE) == (frozenset({"new"}), False)
    clock.advance(100)
    known.note(ONE, ["newer"], unknown_seconds=100)
    assert known.of(ONE) == (frozenset({"new", "newer"}), True), "this edit was seen"


def test_one_that_is_gone_leaves_nothing_after_its_hour(
    known: KnownValues, clock: VirtualClock
) -> None:
    known.note(ONE, ["a"])
    known.release(ONE)
    known.release(TWO)
    assert known.of(ONE)[0] == {"a"}
    clock.advance(KEPT_SECONDS)
    known.sweep(lambda _: True)
    assert not known.has_heard_of(ONE)
    assert vars(known)["_texts"] == vars(known)["_bytes"] == {}


def test_one_that_was_noted_after_it_went_leaves_nothing_either(
    known: KnownValues, clock: VirtualClock
) -> None:
    for key in (ONE, TWO):
        known.note(key, [key.name])
    known.release(ONE)
    known.note(ONE, ["a pass that was under way"])
    for _ in range(2):
        known.sweep(lambda key: key == TWO)
        clock.advance(KEPT_SECONDS)
    known.sweep(lambda key: key == TWO)
    assert not known.has_heard_of(ONE)
    assert known.of(TWO) == (frozenset({"two"}), True)


def test_a_value_of_many_objects_takes_room_once(clock: VirtualClock) -> None:
    known = KnownValues(clock, namespace_bytes=1500)
    for n in range(50):
        key = ObjectKey("Credential", "team-a", str(n))
        known.note(key, ["x" * 1000])
        assert known.of(key)[1]
    known.note(ONE, ["y" * 1000])
    assert known.of(ONE) == (frozenset(), False), "there is no room"
    elsewhere = ObjectKey("Credential", "team-b", "one")
    known.note(elsewhere, ["y" * 1000])
    assert known.of(elsewhere)[1], "another namespace has its own"


def test_all_namespaces_together_have_a_bound(clock: VirtualClock) -> None:
    known = KnownValues(clock, all_bytes=1500)
    known.note(ONE, ["x" * 1000])
    known.note(ObjectKey("Credential", "team-b", "one"), ["y" * 1000])
    assert not known.of(ObjectKey("Credential", "team-b", "one"))[1]
    known.note(ONE, ["z"])
    assert known.of(ONE)[1]
    known.release(ONE)
    clock.advance(KEPT_SECONDS)
    known.sweep(lambda _key: False)
    known.note(ObjectKey("Credential", "team-b", "one"), ["y" * 1000])
    assert known.of(ObjectKey("Credential", "team-b", "one"))[1], "what is gone takes no room"
