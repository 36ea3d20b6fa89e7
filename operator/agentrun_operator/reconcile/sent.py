"""What this process sent to the cloud for one object, or found in place there."""

from dataclasses import dataclass, field, replace
from typing import Any

from agentrun_operator.core.gate import CloudText


@dataclass(frozen=True, slots=True)
class Announced:
    """The body of a create whose answer is not on record yet."""

    digest: bytes
    """Of the whole desired state."""
    plain: dict[str, Any] = field(repr=False)
    """What of it is no secret."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A desired state that the API refused."""

    desired: bytes | None = None
    """Its digest; None: nothing was refused."""
    is_create: bool = False
    """Whether a create carried it: an update asks for something else."""
    message: str = ""
    """What we say of that."""
    quote: CloudText | None = None
    """What the API said."""
    request_id: str | None = None
    """What it calls the request."""


@dataclass(slots=True)
class ActedOn:
    """Under Report and Ignore: what of the spec was acted on."""

    values: dict[str, bytes] | None = None
    """Digests by `Leaf.public_path`; None: nothing is known of it."""
    unconfirmed: frozenset[str] = frozenset()
    """Which of them went out unseen with the last update: sent again if the cloud gave it up."""


@dataclass(frozen=True, slots=True)
class Clearing:
    """An attempt to clear removed fields."""

    generation: int
    paths: frozenset[str]
    token: str | None
    """The request that it was made for."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An update, or a verb, whose answer got lost: what it carries, by digests."""

    desired: tuple[bytes | None, str | None]
    """The desired state, and the word of the state that a verb leads to."""
    write_only: bytes | None
    paths: frozenset[str]
    """The write-only spec paths that are to be set."""
    carries: frozenset[str]
    """The spec paths whose values its body has."""


@dataclass(slots=True)
class Deletes:
    """What came of the DELETEs of one resource."""

    is_answered: bool = False
    """The cloud took one: the resource is expected to be absent."""
    is_refused: bool = False
    """The last one was refused: the next one is not announced in the status."""
    sent_at: str | None = None
    """When one first went out for a deleted object that the cloud took, or may have taken."""
    failures: int = 0
    """How often a deletion was begun anew because the cloud gave up the one before."""


@dataclass(slots=True)
class Sent:
    """The writes of one object, by digests where they carry secrets."""

    at: float = float("-inf")
    """Monotonic time of our last cloud write; a LIST begun before it says nothing."""
    desired: bytes | None = None
    """Digest of the desired state that was last found in place, or sent."""
    write_only: bytes | None = None
    """Digest of the write-only values last sent."""
    create: Announced | None = None
    """What the announced create sends; None where another process announced it."""
    refused: Refused = Refused()
    cleared: Clearing | None = None
    """The last attempt to clear."""
    deletes: Deletes = field(default_factory=Deletes)
    unanswered: dict[Unanswered, float] = field(default_factory=dict)
    """Updates whose answer got lost → monotonic time at which each was last sent."""

    def note_write(self, at: float) -> None:
        """Note that the cloud was told to change something, whether it answered or not."""
        self.at = at

    def note_tried(self, desired: bytes | None) -> None:
        """Note that a desired state was tried, whatever comes of it."""
        self.desired = desired

    def note_untried(self) -> None:
        """Note that the desired state stays to be tried, whatever it is."""
        self.desired = b""

    def note_write_only(self, values: bytes | None) -> None:
        """Note which write-only values went out, or stand there for all we know."""
        self.write_only = values

    def note_cleared(self, clearing: Clearing) -> None:
        """Note an attempt to clear."""
        self.cleared = clearing

    def note_gone(self, unseen: frozenset[str]) -> None:
        """Note that a look found cleared what it can show: what comes back is cleared anew.

        `unseen` are the paths that no read returns; of those nobody knows.
        """
        if self.cleared is not None:
            self.cleared = replace(self.cleared, paths=self.cleared.paths & unseen)

    def note_refused(self, refused: Refused) -> None:
        """Note that the API refused a desired state."""
        self.refused = refused

    def note_in_place(self, desired: bytes | None) -> None:
        """Note that a look found everything as desired, or as the policies want it left."""
        self.desired = desired
        self.forget_refusal()

    def forget_refusal(self) -> None:
        """Note that the spec is another one, or that somebody asks for another try."""
        self.refused = Refused()

    def announce(self, create: Announced) -> None:
        """Note what is about to be created."""
        self.create = create
        self.deletes.is_answered = False

    def withdraw(self) -> None:
        """Take an announced create back: whatever is found later is no answer to it."""
        self.create = None

    def note_made(self, desired: bytes | None, write_only: bytes | None) -> None:
        """Note that the announced create was answered."""
        self.create = None
        self.desired, self.write_only = desired, write_only

    def note_recorded(self, *, as_sent: bool) -> None:
        """Note that a resource is on record that no answer of a create told of."""
        self.create = None
        if not as_sent:
            # What cannot be read is sent once: nobody knows what stands there.
            self.write_only = b""

    def note_unanswered(self, lost: Unanswered, at: float) -> None:
        """Remember an update that may still be carried out, for as long as that may take."""
        self.at = at
        # A repeat replaces what it repeats, or an outage would fill the memory.
        self.unanswered[lost] = at

    def note_delete(self, at: float, *, is_taken: bool) -> None:
        """Note that a DELETE was answered; what the cloud did not take explains no absence."""
        self.at = at
        self.deletes.is_answered = self.deletes.is_answered or is_taken
