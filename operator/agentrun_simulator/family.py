"""What a resource family may declare; the package `families` is the table.

Everything the API description says (field types, what an update takes, what an answer carries)
is read from there; a family adds only what a schema cannot say, each with its source.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any


class Match(Enum):
    """How a list filter compares."""

    EXACT = "exact"
    CONTAINS = "contains"
    """Fuzzy, unless `searchMode=exact` comes along."""
    ANY_OF = "any-of"
    """Comma-separated alternatives."""
    ALL_OF = "all-of"
    """Comma-separated members that a list must all have."""


@dataclass(frozen=True)
class Filter:
    """One query parameter of a list."""

    parameter: str
    field: str = ""
    """Wire field compared; the parameter's own name when empty."""
    match: Match = Match.EXACT
    path: tuple[str, ...] = ()
    """Where the compared values stand, if not at the top; `[]` steps into every item of a list."""


@dataclass(frozen=True)
class Lifecycle:
    """Which calls take time; the others are done when they return."""

    creating: bool = False
    updating: bool = False
    deleting: bool = False
    has_status: bool = True
    ready: str = "READY"
    """Word for "usable"."""
    failed: str | None = None
    """Word for any failure; None means `CREATE_FAILED` and its like."""


SYNCHRONOUS = Lifecycle(has_status=False)
ASYNCHRONOUS = Lifecycle(creating=True, updating=True, deleting=True)


@dataclass(frozen=True)
class Paging:
    """Shape of a list answer; the exceptions of the reference, §4.1."""

    items: str = "items"
    numbers_as_text: bool = False
    by_token: bool = False


@dataclass(frozen=True)
class Reference:
    """A field that names another resource by its name or key."""

    path: tuple[str, ...]
    """Field names from the top; `[]` steps into every item of a list."""
    family: str
    is_child: bool = False
    """Whether the target owns this resource, so that a cascading delete takes it along."""


@dataclass(frozen=True)
class Family:
    """One resource family as data."""

    name: str
    """Schema of its answers, e.g. `ModelProxy`."""
    noun: str
    """How messages call it, e.g. `model proxy`."""
    collection: str
    """Path of its collection below the version."""
    key_field: str
    """Field that holds the path key."""
    name_field: str
    """Field that must be unique."""
    updated_field: str = "lastUpdatedAt"
    """Name of the second timestamp."""
    has_timestamps: bool = True
    lifecycle: Lifecycle = ASYNCHRONOUS
    paging: Paging = Paging()
    filters: tuple[Filter, ...] = ()
    parent: str | None = None
    """Family whose key stands in the collection path; keys are unique below it."""
    parent_fields: Mapping[str, str] = field(default_factory=dict)
    """Fields of an answer that come from the parent: own name to the parent's."""
    assigned: Mapping[str, str] = field(default_factory=dict)
    """Fields set at creation: patterns over the words of `Engine.filled`."""
    assigned_when_ready: Mapping[str, str] = field(default_factory=dict)
    """Fields that appear with READY, same patterns."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """What the server fills in for fields that were never set."""
    normalised: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Values stored in another spelling."""
    required: tuple[str, ...] = ()
    """Fields a create needs although the description does not mark them."""
    fixed: tuple[str, ...] = ()
    """Fields that an update takes and ignores."""
    transient: tuple[str, ...] = ()
    """Fields that steer one call and are not stored."""
    as_text: tuple[str, ...] = ()
    """Numbers that come back as strings."""
    references: tuple[Reference, ...] = ()
    duplicate_status: int | None = None
    """Status of a duplicate name where the reference attests it."""
    blank_delete_answer: bool = False
    """Whether DELETE answers with only the id filled in."""
    initial: tuple[Mapping[str, Any], ...] = ()
    """Resources that every account has from the start."""

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """Path of the collection, split, parameters written as `{}`."""
        parts = self.collection.strip("/").split("/")
        return tuple("{}" if part.startswith("{") else part for part in parts)
