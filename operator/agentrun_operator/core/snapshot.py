"""Everything one pass knows, as plain values: what `decide` sees and nothing more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from agentrun_operator.core.drift import Drift
from agentrun_operator.core.errors import OperatorError
from agentrun_operator.core.kind import Phase


class Existence(Enum):
    """What we know of the external resource in this pass."""

    NOT_LOOKED = "not-looked"
    ABSENT = "absent"
    PRESENT = "present"


class Ownership(Enum):
    """Whose the resource is that we found."""

    OURS = "ours"
    """A persisted answer, our tag, or an answer that was lost and recognised again."""
    ADOPTABLE = "adoptable"
    """Nobody's mark on it."""
    FOREIGN = "foreign"
    """It carries somebody else's mark."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a look at the external resource showed. The repr shows no value of it."""

    existence: Existence = Existence.NOT_LOOKED
    confirmed: bool = False
    """From a read of this pass; only then may a write follow from it."""
    resource: Mapping[str, Any] = field(default_factory=dict, repr=False)
    phase: Phase = Phase.UNKNOWN
    ownership: Ownership = Ownership.OURS
    drift: tuple[Drift, ...] = ()
    removed: tuple[Drift, ...] = ()
    """Paths that left the spec and still show a value."""
    state_differs: bool = False
    """`spec.desiredState` asks for another state, and a verb leads there."""
    date: datetime | None = None
    """The cloud's time of the look-up."""

    @property
    def fields(self) -> tuple[Drift, ...]:
        """The fields that differ, those that left the spec and still show a value included."""
        return (*self.drift, *self.removed)

    @property
    def fields_differ(self) -> bool:
        """Whether there are such fields."""
        return bool(self.fields)

    @property
    def differs(self) -> bool:
        """Whether the resource is not as the spec wants it."""
        return self.fields_differ or self.state_differs

    @property
    def is_in_place(self) -> bool:
        """Whether the resource serves, and is as the spec wants it."""
        return self.phase is Phase.READY and not self.differs


@dataclass(frozen=True, slots=True)
class Policies:
    """The object's policies with every default filled in."""

    retain: bool = False
    """Release without deleting: asked for, or adopted under an unset deletion policy."""
    may_adopt: bool = True
    force_adopt: bool = False
    observe_only: bool = False
    drift: str = "Correct"
    delete_adopted: bool = False
    """`deletionPolicy: Delete` is asked for, so what was adopted goes as well."""
    restart_ended: bool = False
    """Replace a resource that ended (`restartPolicy: Always`)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One object, its account, its references and its external resource at one moment."""

    deleting: bool = False
    claimed: bool = True
    """Our finalizer stands."""
    paused: bool = False
    policies: Policies = Policies()
    held_by: tuple[str, ...] = ()
    """Objects with a cloud resource that refer to this one."""
    conflict: OperatorError | None = None
    """The name is claimed by an older object, or the account is not the pinned one."""
    blocked: OperatorError | None = None
    """The account, a reference or the spec itself is not usable."""
    creation_unknown: bool = False
    """A create was announced and no answer of it was persisted."""
    ever_created: bool = False
    """A create was announced, or an answer persisted, or a resource adopted."""
    unrecorded: bool = False
    """The finalizer stands and no status says what for: the record of a resource may be lost."""
    is_heir: bool = False
    """The record was written for a predecessor of the same name, and restored."""
    is_copy: bool = False
    """The status was another object's, and nothing proves a resource of this one."""
    misrecorded: bool = False
    """Ours, and the record names another id: somebody wrote an older status back."""
    adopted: bool = False
    """The resource was there before us."""
    settled: bool = True
    """Absence counts: no create of ours can still be on its way."""
    proven: bool = True
    """An absence that this pass sees was seen before, long enough ago; or nothing was on record."""
    missed: bool = False
    """A read has seen the absence before."""
    braked: bool = False
    """Too many resources of the account are missing: nothing is created or released."""
    completed: bool = False
    """It ended as it should, and its end was reported."""
    refused: bool = False
    """The API refused exactly this desired state; only an edit can change the answer."""
    create_refused: bool = False
    """It was a create that the API refused so."""
    edited: bool = True
    """This spec, or what it refers to, or a request token, has not been acted on yet."""
    ungranted: bool = False
    """A write that carries the spec out would reach for what the account's owner does not grant."""
    unpublished: bool = False
    """A version of what is there is to be published, once that is as specified."""
    publication_open: bool = False
    """A publication was announced, and nobody knows whether it made a version."""
    past_deadline: bool = False
    cleared_before: bool = False
    """The removed fields were cleared once for this generation."""
    observation: Observation = Observation()
