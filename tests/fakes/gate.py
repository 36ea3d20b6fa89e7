"""What an error shows of the cloud's words, for tests that look at them."""

from agentrun_operator.core.errors import OperatorError
from agentrun_operator.core.gate import CloudText, Redactor


def quoted(error: OperatorError, *values: str) -> str:
    """Return what may be shown of the API's words to somebody who knows some values."""
    knows = Redactor(frozenset(values), is_complete=True)
    return "" if error.quote is None else CloudText.opened([error.quote], knows)[0]
