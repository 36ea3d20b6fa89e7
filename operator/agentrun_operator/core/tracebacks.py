"""An exception and what led to it, with no words but those that the caller lets stand."""

import traceback
from collections.abc import Callable


def text_of(error: BaseException, words: Callable[[BaseException], str | None]) -> str:
    """Return where an exception and those before it were raised, the first one first.

    Args:
        error: The last of them.
        words: Returns what one of them may say; None for nothing.
    """
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    first = "" if before is None else f"{text_of(before, words)}\n\n"
    places = "".join(traceback.format_tb(error.__traceback__))
    says = words(error)
    end = "" if says is None else f": {says}"
    return f"{first}Traceback:\n{places}{type(error).__name__}{end}"
