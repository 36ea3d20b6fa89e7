"""The one way in for words of the cloud: into status, events and logs they come from here alone.

Whatever the API says is sealed as it arrives, in a type that shows nothing of it: not in a string,
not in a repr, not in a traceback. To open it takes a redactor, which knows the values that may be
quoted. Who has none gets nothing, and says what happened in words of our own.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from agentrun_operator.core.addresses import places_in
from agentrun_operator.core.documents import values_in
from agentrun_operator.core.redaction import HIDDEN, RUN, masked
from agentrun_operator.core.secret_contents import secrets_in

MAX_QUOTED: Final = 256
"""Characters of what the cloud says that are shown."""
_MAX_READ: Final = 1024
"""Characters of it that are looked at: a broken endpoint may answer megabytes."""
_BY_DESIGN: Final = 12
"""So many characters of a random id are not shared by chance, unless with values of several
hundred kilobytes: of 200 ids in hex, 2 were with 200 kB of hex and 61 with 900 kB."""
UNSAID: Final = "what AgentRun says of it is not shown, as it may quote values unknown here"


@dataclass(frozen=True, slots=True, repr=False)
class Redactor:
    """The values that the cloud may quote to an object."""

    values: frozenset[str]
    is_complete: bool
    """Whether there can be no others. If there can, nothing is shown that was freely worded."""

    def __repr__(self) -> str:
        return "Redactor(…)"

    @property
    def size(self) -> int:
        """Characters of all values."""
        return sum(map(len, self.values))


class CloudText:
    """Words of the cloud, sealed."""

    __slots__ = ("__is_free", "__keys", "__said")

    def __init__(self, said: str, *, is_free: bool = True, keys: Iterable[str] = ()) -> None:
        """Seal what was said.

        Args:
            said: As it came.
            is_free: Whether anything may stand there, as in a message; not so in the field of a
                resource that a kind declares as showable, such as an id.
            keys: What signed the request that was answered.
        """
        self.__said = said
        self.__is_free = is_free
        self.__keys = frozenset(keys)

    def __bool__(self) -> bool:
        return bool(self.__said.strip())

    def __repr__(self) -> str:
        return "(words of AgentRun)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("what is sealed stays in this process")

    @property
    def is_free(self) -> bool:
        """Whether anything may stand there."""
        return self.__is_free

    @property
    def size(self) -> int:
        """Characters that are looked at to show it."""
        return min(len(self.__said), _MAX_READ)

    def has(self, pattern: str | re.Pattern[str]) -> bool:
        """Whether an expression matches somewhere, without case: enough to act on it."""
        return re.search(pattern, self.__said, re.IGNORECASE) is not None

    @staticmethod
    def opened(sealed: Iterable["CloudText"], redactor: Redactor | None) -> list[str]:
        """Return what may be shown of each text; empty where that is nothing."""
        each = [*sealed]
        read = [text.__readable(redactor) for text in each]  # noqa: SLF001 - its own kind
        values = frozenset() if redactor is None else redactor.values
        shown = masked(read, values.union(*(text.__keys for text in each)))  # noqa: SLF001
        return [_cut(text) if one.is_free else text for one, text in zip(each, shown, strict=True)]

    def __readable(self, redactor: Redactor | None) -> str:
        if redactor is None or (self.__is_free and not redactor.is_complete):
            return ""
        text = self.__said[:_MAX_READ]
        if not self.__is_free:
            return text
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def unsealed(document: Any, redactor: Redactor | None) -> Any:
    """Return a JSON document with its sealed texts opened; what shows nothing is left out."""
    sealed = [*sealed_in(document)]
    if not sealed:
        return document
    shown = dict(zip(map(id, sealed), CloudText.opened(sealed, redactor), strict=True))
    return _with_shown(document, shown)


def with_quote(message: str, shown: str) -> str:
    """Return a message of our own, and behind it what may be shown of the cloud's."""
    return f"{message}; AgentRun says: {shown}" if shown else f"{message}; {UNSAID}"


def shares_text(text: str, values: Collection[str], public: Collection[str]) -> bool:
    """Whether a field has text in common with a value, but for what is public."""
    said = (*public, *places_in(values, RUN))
    return masked([text], values, public=said) != [text]


def holds_value(text: str, values: Collection[str], public: Collection[str]) -> bool:
    """Whether an id holds a whole value, or more of one than it would by chance."""
    [shown] = masked([text], values, public=public)
    hidden = len(text) - len(shown.replace(HIDDEN, ""))
    folded = text.casefold()
    parts = (part.casefold() for value in values for part in secrets_in(value))
    return hidden >= _BY_DESIGN or (
        hidden > 0 and any(len(part) >= RUN and part in folded for part in parts)
    )


def sealed_in(node: Any) -> Iterator[CloudText]:
    """Yield the sealed texts of a JSON document."""
    return (value for value in values_in(node) if isinstance(value, CloudText))


def _with_shown(node: Any, shown: Mapping[int, str]) -> Any:
    if isinstance(node, CloudText):
        return shown[id(node)]
    if isinstance(node, Mapping):
        opened = {name: _with_shown(value, shown) for name, value in node.items()}
        return {n: v for n, v in opened.items() if v or not isinstance(node[n], CloudText)}
    return [_with_shown(item, shown) for item in node] if isinstance(node, list | tuple) else node


def _cut(text: str) -> str:
    text = text.removesuffix(".")
    return text if len(text) <= MAX_QUOTED else text[: MAX_QUOTED - 1] + "…"
