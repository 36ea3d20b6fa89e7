"""What the brake knows of the absences in one account."""

from dataclasses import dataclass, field
from datetime import datetime

from agentrun_operator.core.identity import ACCEPT_ABSENCE_ANNOTATION, ObjectKey
from agentrun_operator.core.settings import MassAbsence
from agentrun_operator.reconcile.binding import CloudAccount

_SURVEY_SECONDS = 90.0
"""How long a survey counts. While the brake holds, each pass of the account takes another one."""


@dataclass(slots=True)
class Missing:
    """One resource on record that a look did not find."""

    uid: str
    at: float
    """Monotonic time of the first such look."""
    cloud: CloudAccount | None = None
    """Where it is missing; None where that is not verified."""
    is_proven: bool = False
    """This process had seen it: it counts for other accounts of that cloud too."""
    is_made_up: bool = False
    """It was created anew, or let go of; it counts until the window is over all the same."""
    is_back: bool = False
    """It was made up for, and a look found it: if it is missing again, that is another absence."""
    is_accepted: bool = False
    """Somebody said that it is gone: it neither counts nor waits."""


@dataclass(slots=True)
class Absences:
    """What is known of the absences in one account."""

    source: ObjectKey
    missing: dict[ObjectKey, Missing] = field(default_factory=dict)
    since: datetime | None = None
    """When the brake engaged, to the second; None while there is nothing to tell."""
    engaged_at: float = 0.0
    """The same, monotonic."""
    accepted_at: float | None = None
    """Monotonic time since when the absences are accepted."""
    is_inherited: bool = False
    """A process before this one engaged it, and not everything was looked at since."""
    surveyed: set[ObjectKey] = field(default_factory=set)
    """What the last survey's LISTs lack."""
    surveyed_at: float = float("-inf")
    recorded: int = 0
    counted_at: float = float("-inf")

    @property
    def is_engaged(self) -> bool:
        """Whether anything of it is held."""
        return self.since is not None and self.accepted_at is None

    def missed_since(self, begun: float) -> set[ObjectKey]:
        """Return whose absences count that were found since a monotonic time."""
        found = self.missing.items()
        return {key for key, m in found if m.at >= begun and not m.is_accepted}

    def lacking(self, now: float) -> set[ObjectKey]:
        """Return what the last survey did not find, and no look of its own tells of."""
        if now - self.surveyed_at > _SURVEY_SECONDS:
            return set()
        return self.surveyed - self.missing.keys()


@dataclass(frozen=True, slots=True)
class BrakeState:
    """What an account says of its brake."""

    since: str
    """Names the occurrence: the annotation that lets it go on has this value."""
    is_engaged: bool
    message: str


def message_of(
    source: ObjectKey, since: str, *, missing: int, recorded: int, limits: MassAbsence
) -> str:
    """Say why the brake of an account holds, and how to let it go on."""
    where = f" -n {source.namespace}" if source.namespace else ""
    told = (
        f"{missing} of {recorded} resources on "
        f"record were not found (since {since}), more than {limits.minimum} and "
        f"{limits.percent} % within {limits.window_seconds:.0f} seconds. Nothing of it "
        "is created or released until they are back: check spec.endpoint and AgentRun."
    )
    if not source.is_account:
        return told
    return (
        f"{told} If they are gone for good: kubectl annotate{where} {source.kind.lower()} "
        f"{source.name} --overwrite {ACCEPT_ABSENCE_ANNOTATION}={since}"
    )
