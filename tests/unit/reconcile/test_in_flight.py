"""The answers of all calls together have a bound; who is large gives way, who is small never."""

import pytest

from agentrun_operator.reconcile.in_flight import AnswersInFlight, HeldAnswer, ShedError


def test_the_largest_unfinished_answer_gives_way() -> None:
    answers = AnswersInFlight(most=100)
    large, small = answers.begin(), answers.begin()
    large.add(b"x" * 90)
    small.add(b"x" * 20)
    assert answers.size == 20
    assert not large.body
    with pytest.raises(ShedError):
        large.add(b"x")
    assert small.take() == b"x" * 20


def test_who_asks_for_more_than_there_is_hears_of_it_at_once() -> None:
    answers = AnswersInFlight(most=100)
    with pytest.raises(ShedError):
        answers.begin().add(b"x" * 101)
    assert answers.size == 0


def test_what_is_being_used_counts_and_is_not_taken_away() -> None:
    answers = AnswersInFlight(most=100)
    used, late = answers.begin(), answers.begin()
    used.add(b"x" * 80)
    assert len(used.take()) == 80
    with pytest.raises(ShedError):
        late.add(b"x" * 30)
    assert answers.size == 80
    used.end()
    used.end()
    assert answers.size == 0


def test_an_answer_that_stopped_coming_loses_its_bytes() -> None:
    answers = AnswersInFlight(most=100)
    tarpits = [answers.begin() for _ in range(10)]
    for each in tarpits:
        each.add(b"x" * 10)
    for _ in range(50):
        ordinary = answers.begin()
        ordinary.add(b"y")
        assert ordinary.take() == b"y"
        ordinary.end()
    assert answers.size <= 100
    assert sum(not each.body for each in tarpits) == 1


class Ending(bytearray):
    """Bytes of an answer; to ask for their number ends another answer, as the collector may."""

    def __init__(self, other: HeldAnswer) -> None:
        super().__init__(b"x" * 50)
        self.other = other

    def __len__(self) -> int:
        self.other.end()
        return super().__len__()


def test_an_answer_collected_while_room_is_made_is_harmless() -> None:
    answers = AnswersInFlight(most=100)
    largest, collected, small = (answers.begin() for _ in range(3))
    for each, size in ((largest, 50), (collected, 20), (small, 20)):
        each.add(b"x" * size)
    largest.body = Ending(collected)
    small.add(b"x" * 20)
    assert answers.size == 40
    assert small.take() == b"x" * 40
