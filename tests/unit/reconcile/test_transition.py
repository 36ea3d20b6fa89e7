"""Each write of ours has an end of its own to be expected, and what is idle holds nothing."""

import pytest

from agentrun_operator.reconcile.transition import Transition


def test_a_new_transition_has_paid_for_no_look() -> None:
    subject = Transition()
    subject.begin(0, "create", 1)
    assert subject.expected is not None
    subject.expected.prepaid, subject.expected.is_seen = 1.0, True
    subject.begin(10, "update", 11)
    end = subject.expected
    assert (end.write, end.begun_at, end.busy_at) == ("update", 11, None)
    assert (end.prepaid, end.is_seen, end.is_counted) == (0.0, False, False)


@pytest.mark.parametrize("over", [Transition.end, Transition.expect_no_end])
def test_what_is_idle_holds_no_expectation(over: object) -> None:
    subject = Transition()
    subject.begin(0, "create", 1)
    assert callable(over)
    over(subject)
    assert subject.expected is None


def test_what_a_look_found_under_way_has_no_known_end() -> None:
    subject = Transition()
    subject.go_on(5)
    assert (subject.since, subject.expected) == (5, None)


def test_a_look_from_before_the_write_tells_nothing_of_it() -> None:
    subject = Transition()
    subject.begin(10, "create", 11)
    assert subject.expected is not None
    subject.expected.note_busy(10)
    assert subject.expected.busy_at is None
    subject.expected.note_busy(13)
    subject.expected.note_busy(12)
    assert subject.expected.busy_at == 13
