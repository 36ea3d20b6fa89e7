"""Numbered versions of a resource: what a status and a description tell of them.

Publishing takes no token that the API would know again, and of a version we choose its description
and nothing else. So the description ends with a mark: which head was published, and which attempt
did it. After a lost answer, a crash or a restored status the list of versions tells by the marks
what was published.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, Self

from agentrun_operator.core.errors import Unavailable
from agentrun_operator.core.gate import CloudText
from agentrun_operator.core.identity import GROUP
from agentrun_operator.core.kind import Rest
from agentrun_operator.core.objects import KubeObject, parse_time, timestamp

MAX_LISTED = 20
"""Versions that a status lists, the newest ones."""
STATUS_FIELDS = ("versions", "latestVersion", "published", "publishing")
"""What a status says of versions."""
_MAX_TEXT = 192
"""Characters before the mark: a description of the API has 256."""
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_MARK = re.compile(rf"\[{re.escape(GROUP)} ([0-9a-f]{{12}})/([0-9a-f]{{12}})\]\Z")


@dataclass(frozen=True, slots=True)
class Mark:
    """What the description of a version of ours ends with."""

    head: str
    """Digest of the desired state that was published."""
    attempt: str
    """Tells one try to publish it from another."""

    def described(self, text: str) -> str:
        """Return the description of a version."""
        return f"{text[:_MAX_TEXT].strip()} [{GROUP} {self.head}/{self.attempt}]".strip()


@dataclass(frozen=True, slots=True)
class Version:
    """One version, as AgentRun tells of it."""

    number: str
    description: str = field(default="", repr=False)
    published_at: str = ""
    """RFC 3339; empty where AgentRun says no time."""

    @classmethod
    def of(cls, rest: Rest, item: Mapping[str, Any]) -> Self:
        """Read an answer of the collection of versions.

        Raises:
            Unavailable: it has no number. Nobody could tell it from another one.
        """
        number = str(item.get(rest.id_field) or "")
        if not _NUMBER.fullmatch(number):
            raise Unavailable(
                f"{rest.nouns}: {rest.id_field} of an answer is no number of a version; check the "
                "account's endpoint",
                maybe_applied=True,
            )
        said = item.get("description")
        time = parse_time(str(item.get(rest.change_token or "") or ""))
        return cls(
            number,
            said if isinstance(said, str) else "",
            "" if time is None else timestamp(time.astimezone(UTC)),
        )

    @property
    def mark(self) -> Mark | None:
        """Our mark; None where somebody else published it, or the description was lost."""
        found = _MARK.search(self.description)
        return Mark(found[1], found[2]) if found else None

    @property
    def shown(self) -> dict[str, Any]:
        """What a status says of it; the description is the cloud's word."""
        told: dict[str, Any] = {
            "number": self.number,
            "description": CloudText(self.description, is_free=False),
            "publishedAt": self.published_at,
        }
        return {name: value for name, value in told.items() if value}


def newest_first(versions: Iterable[Version]) -> tuple[Version, ...]:
    """Return versions by their numbers, the newest first."""
    return tuple(sorted(versions, key=lambda version: -int(version.number)))


def newest_of_ours(versions: Sequence[Version]) -> tuple[Version, Mark] | None:
    """Return the newest version that carries a mark; None where none does."""
    return next(((v, v.mark) for v in newest_first(versions) if v.mark is not None), None)


def answer_to(versions: Iterable[Version], announced: Mapping[str, Any]) -> Version | None:
    """Return what an announced publication made, as a list of versions shows it; None: nothing.

    What is newer than the announcement and says nothing of itself counts as well: a description
    that the API lost must not make us publish again and again.
    """
    # Anybody with rights on the status may write there.
    told, attempt = str(announced.get("after") or ""), announced.get("attempt")
    after = int(told) if _NUMBER.fullmatch(told) else 0
    for version in newest_first(versions):
        is_bare = not version.description and int(version.number) > after
        if is_bare if version.mark is None else version.mark.attempt == attempt:
            return version
    return None


def is_of(entry: Mapping[str, Any] | None, external_id: str | None) -> bool:
    """Whether what a status says of versions is about the resource that has an id."""
    return entry is not None and external_id is not None and entry.get("externalId") == external_id


def publishes(obj: KubeObject) -> bool:
    """Whether an object publishes versions, so that its list of them is kept up to date."""
    return obj.spec.get("publish") == "OnChange"


def newest_on_record(obj: KubeObject) -> str | None:
    """Return the number of the newest version of an object's resource, by its status."""
    is_known = is_of(obj.status.get("published"), obj.external_id)
    return (obj.status.get("latestVersion") or None) if is_known else None


def is_on_record(obj: KubeObject, number: str) -> bool | None:
    """Whether an object's resource has a version, by its status; None: the status cannot tell."""
    if not is_of(obj.status.get("published"), obj.external_id):
        return None
    listed = [entry.get("number") for entry in obj.status.get("versions") or ()]
    if number in listed:
        return True
    return None if len(listed) >= MAX_LISTED else False
