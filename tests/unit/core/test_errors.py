"""The error taxonomy: one tree, each class with a reason and a retry policy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core import errors
from agentrun_operator.core.errors import (
    MAX_MESSAGE,
    AccessDenied,
    CredentialsInvalid,
    OperatorError,
    QuotaExceeded,
    Retryable,
    Stalled,
    Throttled,
    Unavailable,
)
from agentrun_operator.core.reasons import Reason


def _all_below(base: type[OperatorError]) -> set[type[OperatorError]]:
    return {c for s in base.__subclasses__() for c in {s, *_all_below(s)}
            if c.__module__ == errors.__name__}  # fmt: skip


LEAVES = sorted(
    {*Retryable.__subclasses__(), *Stalled.__subclasses__()} & _all_below(OperatorError),
    key=lambda c: c.__name__,
)
"""What is below one of these shares its reason and says more."""


def test_the_drawing_shows_every_class() -> None:
    drawn = {
        line.split("── ")[1].split()[0]
        for line in (errors.__doc__ or "").splitlines()
        if "── " in line
    }
    assert drawn == {c.__name__ for c in _all_below(OperatorError)}


@pytest.mark.parametrize("error", LEAVES, ids=lambda c: c.__name__)
def test_each_error_has_one_branch_and_a_reason_of_its_own(
    error: type[OperatorError],
) -> None:
    assert issubclass(error, Retryable) is not issubclass(error, Stalled)
    assert error.reason is not Reason.INTERNAL_ERROR
    assert [c for c in LEAVES if c.reason is error.reason] == [error]


@pytest.mark.parametrize("error", LEAVES, ids=lambda c: c.__name__)
def test_what_stalls_at_once_is_not_tried_quickly(error: type[OperatorError]) -> None:
    if error.stalls_after_seconds == 0:
        assert error.retry_floor_seconds >= 60
    else:
        assert error.retry_floor_seconds >= 1


@pytest.mark.parametrize(
    ("error", "stalls_after"),
    [
        pytest.param(Unavailable, None, id="an outage never stalls"),
        pytest.param(Throttled, None, id="throttling never stalls"),
        pytest.param(AccessDenied, 120.0, id="RAM changes spread slowly"),
        pytest.param(CredentialsInvalid, 0.0, id="refused keys need a human"),
        pytest.param(QuotaExceeded, 0.0, id="quota needs a human"),
    ],
)
def test_stalls_after(error: type[OperatorError], stalls_after: float | None) -> None:
    assert error.stalls_after_seconds == stalls_after


@given(st.text(max_size=3 * MAX_MESSAGE))
def test_a_message_fits_into_a_condition(text: str) -> None:
    error = OperatorError(text)
    assert len(error.message) <= MAX_MESSAGE
    assert str(error) == error.message
    assert error.message == text or error.message[:-1] == text[: MAX_MESSAGE - 1]


def test_what_an_error_carries() -> None:
    assert Unavailable("no answer", maybe_applied=True).maybe_applied
    assert not Unavailable("refused").maybe_applied
    assert Throttled("slow down", retry_after=3.0, request_id="r-1").retry_after == 3.0
    assert Throttled("slow down", request_id="r-1").request_id == "r-1"
    assert OperatorError("x").request_id is None
