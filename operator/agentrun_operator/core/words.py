"""Choices of a spec: our words, the API's, and those that the API may add."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

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

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Refuse what admission refuses: an object may be older than its rule."""
        schema = handler(source)
        if self.others is None:
            return schema
        return core_schema.no_info_after_validator_function(self._checked, schema)

    def _checked(self, word: str | None) -> str | None:
        if word is None or word in self.words:
            return word
        is_second_spelling = word in self.words.values()
        if is_second_spelling or not re.fullmatch(self.others or "", word):
            raise ValueError(self.expected)
        return word
