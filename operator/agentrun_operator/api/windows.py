"""Which part of a collection one LIST asks for: pages that are small in bytes.

The API counts a page in items, of which one may have a kilobyte or a megabyte. A page that gets too
large is asked for anew with fewer items, from the same item on; the next list begins with as many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from agentrun_operator.core.kind import Paging

PAGE_SIZE: Final = 100
"""The largest the API states; it clamps larger values without an error."""
TARGET_BYTES: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Window:
    """One page."""

    size: int
    """Items asked for."""
    page: int = 1
    token: str | None = None
    """What the API named as the next page; None where pages have numbers."""
    paging: Paging = Paging.PAGES

    @classmethod
    def of(cls, cursor: str | None, size: int, paging: Paging) -> Self:
        """Read a cursor, which may carry a size; None is the first page."""
        if paging is Paging.TOKENS:
            return cls(size, token=cursor, paging=paging)
        page, _, own = (cursor or "1").partition("/")
        return cls(int(own or (size if cursor is None else PAGE_SIZE)), int(page))

    @property
    def query(self) -> Mapping[str, str]:
        """Its parameters."""
        if self.paging is Paging.TOKENS:
            token = {"nextToken": self.token} if self.token else {}
            return {"maxResults": str(self.size), **token}
        return {"pageNumber": str(self.page), "pageSize": str(self.size)}

    def smaller(self) -> Self:
        """Return a window of fewer items that begins with the same one.

        A whole part of the size, because the first item of a numbered page is a multiple of it.
        """
        part = next((n for n in (2, 5) if self.size % n == 0), self.size)
        size = max(1, self.size // part)
        return replace(self, size=size, page=(self.page - 1) * (self.size // size) + 1)

    def following(self, size: int) -> str:
        """Return the cursor of the next numbered page; `size` is what the API made of ours."""
        return f"{self.page + 1}" if size == PAGE_SIZE else f"{self.page + 1}/{size}"

    def fitting(self, size: int) -> int:
        """Return how many items the next list begins with, after this page of so many bytes."""
        if size > TARGET_BYTES:
            return self.smaller().size
        return PAGE_SIZE if size * PAGE_SIZE < TARGET_BYTES * self.size else self.size
