"""What can only be a key, a password or a header goes out as one line."""

import pytest

from agentrun_operator.core.errors import ReferenceNotFound
from agentrun_operator.core.one_line import one_line

WHERE = "key 'token' of Secret 'keys'"
PEM = "-----BEGIN KEY-----\nabc\n-----END KEY-----\n"


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n"])
@pytest.mark.parametrize("value", ["sk-123", " led by a blank", "ends with a blank ", "pä§§"])
def test_line_breaks_at_the_end_are_not_sent(value: str, end: str) -> None:
    assert one_line(value + end, WHERE) == value


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("hunter\n2", "a line break"),
        ("\nhunter2", "a line break"),
        ("hunter\r2\r\n", "a carriage return"),
        ("hunter\t2", "a tab"),
        ("hunter2\0", "a null character"),
        ("hunter2\x1b", "the control character U+001B"),
        ("hunter2\x7f", "the control character U+007F"),
        ("hunter2\x85", "the control character U+0085"),
        ("\N{ZERO WIDTH NO-BREAK SPACE}hunter2", "the control character U+FEFF"),
    ],
)
def test_other_control_characters_are_refused_and_not_shown(value: str, name: str) -> None:
    with pytest.raises(ReferenceNotFound) as caught:
        one_line(value, WHERE)
    assert str(caught.value).startswith(f"{WHERE} holds {name}, which")
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("value", ["", "\n", "\r\n"])
def test_nothing_but_a_line_break_is_empty(value: str) -> None:
    with pytest.raises(ReferenceNotFound, match="is empty; fill it in"):
        one_line(value, WHERE)


@pytest.mark.parametrize(
    ("value", "sent"),
    [(PEM, PEM), (PEM.replace("\n", "\r\n"), PEM.replace("\n", "\r\n")), ("key\n", "key")],
)
def test_a_legal_document_of_several_lines_is_sent_unchanged(value: str, sent: str) -> None:
    assert one_line(value, WHERE, may_have_lines=True) == sent


def test_a_document_holds_no_other_control_characters_either() -> None:
    with pytest.raises(ReferenceNotFound, match="null character"):
        one_line(f"{PEM}\0", WHERE, may_have_lines=True)
