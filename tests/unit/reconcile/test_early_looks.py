"""Early looks come when an end is likely, and cost no more than transitions have paid for."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.early_looks import (
    CALLS_PER_TRANSITION,
    FIRST_CALLS,
    STEP_SECONDS,
    EarlyLooks,
    KindInAccount,
)
from agentrun_operator.reconcile.transition import ExpectedEnd

NEVER = float("inf")


def kind_in(account: str = "default", kind: str = "AgentRuntime") -> KindInAccount:
    return KindInAccount(ObjectKey("Account", "team-a", account), kind)


HERE = kind_in()


def begun(at: float, write: str = "create", busy_at: float | None = None) -> ExpectedEnd:
    end = ExpectedEnd(write, at)
    if busy_at is not None:
        end.note_busy(busy_at)
    return end


def note_end(
    subject: EarlyLooks, end: ExpectedEnd, seen_at: float, at: KindInAccount = HERE
) -> None:
    """Let a transition end that was counted somewhere else."""
    end.is_counted = True
    subject.note_end(at, end, seen_at)


def looks(transitions: int = 100) -> EarlyLooks:
    """Return what can afford looks."""
    subject = EarlyLooks()
    for _ in range(transitions):
        subject.note_begun(HERE, begun(0))
    return subject


def test_where_nothing_is_known_looks_begin_after_a_second() -> None:
    assert looks().next_look(HERE, [begun(100)], 98, 1) == 101


def test_looks_follow_one_another_in_steps() -> None:
    assert looks().next_look(HERE, [begun(100)], 103, 1) == 103 + STEP_SECONDS


def test_steps_grow_with_the_age() -> None:
    assert looks().next_look(HERE, [begun(0)], 48, 1) == 49.5


def test_what_others_took_is_waited_for() -> None:
    subject = looks()
    note_end(subject, begun(0, busy_at=19), 21)
    assert subject.next_look(HERE, [begun(100)], 99, 1) == 120
    assert subject.next_look(HERE, [begun(100), begun(90)], 99, 1) == 110


@pytest.mark.parametrize(
    "other", [kind_in("other"), kind_in(kind="Sandbox")], ids=["account", "kind"]
)
def test_others_tell_nothing(other: KindInAccount) -> None:
    subject = looks()
    note_end(subject, begun(0, busy_at=19), 21, other)
    assert subject.next_look(HERE, [begun(100)], 99, 1) == 101


def test_an_update_tells_nothing_of_creates() -> None:
    subject = looks()
    note_end(subject, begun(0, "update", busy_at=19), 21)
    assert subject.next_look(HERE, [begun(100)], 99, 1) == 101


def test_a_write_that_was_in_place_at_once_tells_nothing() -> None:
    subject = looks()
    subject.note_end(HERE, begun(0), 0.1)
    assert subject.next_look(HERE, [begun(100)], 99, 1) == 101


def test_the_shortest_transitions_count_and_one_odd_one_does_not() -> None:
    subject = looks()
    for took in (2, *range(20, 40)):
        note_end(subject, begun(0, busy_at=took), took)
    assert subject.next_look(HERE, [begun(100)], 99, 1) == 121


def test_the_last_of_a_fleet_do_not_hide_its_first() -> None:
    subject = looks()
    for n in range(200):
        note_end(subject, begun(0, busy_at=10 + n / 20), 10 + n / 20)
    assert subject.next_look(HERE, [begun(100)], 99, 1) == 111


def test_a_cloud_that_became_faster_is_found_out() -> None:
    subject = looks()
    note_end(subject, begun(0, busy_at=20), 20)
    expected = 20.0
    for _ in range(120):
        found = subject.next_look(HERE, [begun(0)], -1, 1)
        note_end(subject, begun(0), found)
        expected = min(expected, found)
    assert expected < 15


def test_a_cloud_that_became_slower_is_believed() -> None:
    subject = looks()
    for _ in range(300):
        note_end(subject, begun(0, busy_at=3), 3)
    for _ in range(300):
        note_end(subject, begun(0, busy_at=20), 20)
    assert subject.next_look(HERE, [begun(100)], 99, 1) == 120


def test_what_an_hour_without_the_process_taught_is_forgotten() -> None:
    """All that was in transition then seems to have taken an hour."""
    subject = looks()
    for _ in range(300):
        note_end(subject, begun(0, busy_at=2), 3600)
    for _ in range(30):
        note_end(subject, begun(0, busy_at=3), 3)
    assert subject.next_look(HERE, [begun(100)], 99, 1) == 103


# ------------------------------------------------ what looks may cost


def test_looks_cost_no_more_than_transitions_pay() -> None:
    subject, spent = looks(50), 0
    while subject.next_look(HERE, [begun(0)], 10, 2) < NEVER:
        subject.spend(HERE, 2)
        spent += 2
    assert 0 < spent <= FIRST_CALLS + 50 * CALLS_PER_TRANSITION


def test_a_transition_is_counted_once_however_often_seen() -> None:
    subject, end = EarlyLooks(), begun(0)
    for _ in range(10):
        subject.note_begun(HERE, end)
    assert subject.allowance(HERE) == FIRST_CALLS + CALLS_PER_TRANSITION


def test_with_little_left_the_look_comes_when_half_have_ended() -> None:
    subject = looks(0)
    for took in (10, 20, 30):
        note_end(subject, begun(0, busy_at=took), took)
    assert subject.next_look(HERE, [begun(100)], 99, 1) == 110
    assert subject.next_look(HERE, [begun(100)], 99, 2) == 120


def test_an_end_that_was_seen_is_not_looked_for() -> None:
    """The pass that is to tell of it may wait behind a thousand others."""
    end = begun(0)
    end.is_seen = True
    subject = looks()
    assert subject.next_look(HERE, [end], 10, 1) == NEVER
    assert not subject.begin_own_look(HERE, end, 10)


@pytest.mark.parametrize("took", [3, 20])
def test_what_takes_far_longer_than_others_gets_no_early_look(took: float) -> None:
    """It would use up what those pay that come and go."""
    subject = looks()
    for _ in range(20):
        note_end(subject, begun(0, busy_at=took), took)
    assert subject.next_look(HERE, [begun(0)], 1.5 * took, 1) < NEVER
    assert subject.next_look(HERE, [begun(0)], 3 * took + 5, 1) == NEVER
    stuck, other = begun(0, busy_at=3 * took + 5), begun(3 * took + 5)
    assert not subject.begin_own_look(HERE, stuck, 3 * took + 7)
    assert subject.next_look(HERE, [stuck, other], 3 * took + 5, 1) == 4 * took + 5


def test_what_is_stuck_is_given_up_where_nothing_is_known() -> None:
    subject, last, count = looks(1000), 0.0, 0
    while (due := subject.next_look(HERE, [begun(0)], last, 1)) < NEVER:
        last, count = due, count + 1
    assert last <= 60
    assert count <= 60 / STEP_SECONDS


def test_one_look_follows_a_leap_in_time_and_no_series() -> None:
    subject = looks()
    note_end(subject, begun(0, busy_at=2), 3600)
    assert subject.next_look(HERE, [begun(0)], 1, 1) == 1801
    assert subject.next_look(HERE, [begun(0)], 3599, 1) >= 3599 + STEP_SECONDS


# ------------------------------------------------ looks at one resource


def test_a_look_of_its_own_that_finds_the_end_costs_nothing() -> None:
    subject = EarlyLooks()
    note_end(subject, begun(0, busy_at=3), 3)
    for _ in range(100):
        end = begun(0, busy_at=2)
        assert not subject.begin_own_look(HERE, end, 2.9)
        assert subject.begin_own_look(HERE, end, 3)
        note_end(subject, end, 4)
        note_end(subject, begun(0, busy_at=2), 2)


def test_looks_of_its_own_that_find_nothing_end() -> None:
    subject, end, count = EarlyLooks(), begun(0), 0
    note_end(subject, begun(0, busy_at=3), 3)
    for tenth in range(1000):
        if subject.begin_own_look(HERE, end, tenth / 10):
            end.note_busy(tenth / 10)
            subject.note_too_early(HERE, end)
            count += 1
    assert 0 < count <= FIRST_CALLS + 1


def test_a_look_of_its_own_is_asked_for_once() -> None:
    subject, end = looks(), begun(0)
    assert subject.begin_own_look(HERE, end, 1)
    assert not subject.begin_own_look(HERE, end, 2)
    subject.note_too_early(HERE, end)
    assert subject.begin_own_look(HERE, end, 2)


def test_one_look_of_its_own_comes_when_half_have_ended() -> None:
    subject = looks()
    for took in (10, 20, 30):
        note_end(subject, begun(0, busy_at=took), took)
    assert not subject.begin_own_look(HERE, begun(0), 19)
    assert subject.begin_own_look(HERE, begun(0), 20)


# ------------------------------------------------ what is kept


def test_what_is_remembered_is_bounded() -> None:
    subject = EarlyLooks()
    for n in range(5000):
        note_end(subject, begun(0, busy_at=n), n + 1, kind_in(f"account-{n}"))
    assert len(subject) <= 256


def test_many_accounts_do_not_give_one_another_first_calls_anew() -> None:
    subject, spent = EarlyLooks(), 0
    places = [kind_in(f"account-{n}") for n in range(300)]
    for place in places:
        end = begun(0)
        subject.note_begun(place, end)
        note_end(subject, end, 3, place)
    for _ in range(20):
        for place in places:
            if subject.next_look(place, [begun(0)], 1, 1) < NEVER:
                subject.spend(place, 1)
                spent += 1
    assert spent <= len(places) * (FIRST_CALLS + CALLS_PER_TRANSITION)


def test_nothing_is_kept_of_an_account_that_is_gone() -> None:
    subject, gone = looks(), kind_in("gone")
    note_end(subject, begun(0), 3, gone)
    note_end(subject, begun(0), 3)
    subject.spend(gone, 2)
    subject.keep(lambda account: account.name != "gone")
    assert len(subject) == 1
    assert subject.allowance(gone) == FIRST_CALLS
    assert subject.allowance(HERE) > FIRST_CALLS
