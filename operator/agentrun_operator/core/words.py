"""Choices of a spec: our words, the API's, and those that the API may add."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

OpenWord = Annotated[str, Field(min_length=1, max_length=63)]
"""One of several words, to which the API may add; its `Words` have `others`."""
CAPITALS = r"[A-Z][A-Z0-9_]*"
"""Words of the API like PUBLIC_AND_PRIVATE."""
SMALL_LETTERS = r"[a-z][a-z0-9_]*"
"""Words of the API like external_llm."""
PASCAL_CASE = r"[A-Z][A-Za-z0-9]*"
"""Words of the API like CodeInterpreter."""


@dataclass(frozen=True, slots=True)
class Words:
    """Our PascalCase words → the API's own."""

    words: Mapping[str, str] = field(hash=False)
    others: str | None = None
    """What words of the API look like that we do not know: a spec may have them as they stand
    there. None: the API has no others. The field is an `OpenWord` then, no `Literal`."""

    @property
    def expected(self) -> str:
        """What is said of a word that is none of these."""
        *all_but_last, last = self.words
        return (
            f"must be {', '.join(all_but_last)} or {last}, "
            "or a word of the API that has no name here, spelled as there"
        )
