"""What an account says for those of its objects that do not say it themselves: `spec.defaults`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

DELETE, RETAIN = "Delete", "Retain"
NAMESPACE = "{namespace}"
"""What stands for the namespace of an object in a prefix."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """The defaults of one account."""

    deletion_policy: str | None = None
    name_prefix: str = ""
    """What goes before the name of an object that sets no external name. Of an account it may hold
    `{namespace}`; what an object is given has its namespace there."""

    former_prefixes: tuple[str, ...] = ()
    """What it put before names until its prefix was edited."""

    given: Mapping[str, Any] = field(default_factory=dict)
    """All of it, as written; kinds say which of it their creates take."""

    def at(self, path: str) -> str | None:
        """Return a text of what was given, by its dotted path; None where there is none."""
        found: Any = self.given
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
        return found if isinstance(found, str) and found else None

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What the account puts before names, or says that it did; the present one first."""
        return self.name_prefix, *self.former_prefixes

    def vouches_for(self, prefix: str) -> bool:
        """Whether the account puts something before names, or says that it did."""
        return prefix in self.prefixes

    def given_to(self, namespace: str, *, takes_prefix: bool) -> "Defaults":
        """Return what an object of a namespace takes, of a kind that takes a prefix or does not."""
        if not self.name_prefix and not self.former_prefixes:
            return self
        written = (self.name_prefix, *self.former_prefixes) if takes_prefix else ("",)
        prefix, *former = (each.replace(NAMESPACE, namespace) for each in written)
        return replace(self, name_prefix=prefix, former_prefixes=tuple(former))

    @classmethod
    def of(cls, account: Mapping[str, Any]) -> Self:
        """Read the raw spec of an account; what makes no sense says nothing."""
        given = account.get("defaults")
        if not isinstance(given, Mapping):
            return cls()
        policy = given.get("deletionPolicy")
        prefix, former = given.get("namePrefix"), given.get("formerNamePrefixes")
        return cls(
            deletion_policy=policy if policy in (DELETE, RETAIN) else None,
            name_prefix=prefix if isinstance(prefix, str) else "",
            former_prefixes=_texts(former),
            given=given,
        )


def _texts(given: Any) -> tuple[str, ...]:
    return tuple(x for x in given if isinstance(x, str)) if isinstance(given, list) else ()


NO_DEFAULTS = Defaults()
