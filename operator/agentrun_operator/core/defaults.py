"""What an account says for those of its objects that do not say it themselves: `spec.defaults`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

DELETE, RETAIN = "Delete", "Retain"


@dataclass(frozen=True, slots=True)
class Defaults:
    """The defaults of one account."""

    deletion_policy: str | None = None

    @classmethod
    def of(cls, account: Mapping[str, Any]) -> Self:
        """Read the raw spec of an account; what makes no sense says nothing."""
        given = account.get("defaults")
        if not isinstance(given, Mapping):
            return cls()
        policy = given.get("deletionPolicy")
        return cls(deletion_policy=policy if policy in (DELETE, RETAIN) else None)


NO_DEFAULTS = Defaults()
