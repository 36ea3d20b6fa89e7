"""One pass over one object: what it has found out so far."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Generic, TypeGuard, TypeVar

from agentrun_operator.core.dependencies import dependencies
from agentrun_operator.core.drift import Drift
from agentrun_operator.core.errors import OperatorError
from agentrun_operator.core.kind import ResourceKind, Rest
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.snapshot import Existence, Observation
from agentrun_operator.core.versions import Version
from agentrun_operator.reconcile.binding import Binding
from agentrun_operator.reconcile.memory import Memory
from agentrun_operator.reconcile.plan import Plan, Prepared
from agentrun_operator.reconcile.ports import Json
from agentrun_operator.reconcile.target import Target
from agentrun_operator.reconcile.to_send import Edits, Unsent

STATE_PATH = "desiredState"
"""Spec path of the state that verbs bring about."""


P_co = TypeVar("P_co", bound=Prepared, covariant=True)


@dataclass(slots=True)
class Pass(Generic[P_co]):
    """One pass: its object, the plan, what was seen and done, and what is to be told."""

    obj: KubeObject
    kind: ResourceKind
    rest: Rest
    memory: Memory
    started_at: datetime
    now: float
    """Monotonic time of its start."""
    fresh: bool
    """A shared LIST will not do."""
    plan: P_co
    """What was found out before the cloud is asked, and what turned out to be otherwise since."""
    observation: Observation = field(default_factory=Observation)
    changes: Json = field(default_factory=dict)
    """Status fields to write with the next report."""
    edits: Edits | None = None
    """Report or Ignore: nothing else is sent. None: drift is corrected, whatever was edited."""
    unsent: Unsent = field(default_factory=Unsent)
    """What no read returns and has to be sent."""
    contested: frozenset[str] = frozenset()
    """Paths that somebody else keeps changing: an update of this pass leaves them alone."""
    is_heir_confirmed: bool = False
    """A look of this pass confirmed the record of a predecessor, or a create follows it."""
    has_recalled: bool = False
    """The last incarnation was looked for, because the record of it is lost."""
    has_another_name: bool = False
    """What was found goes by a name that neither the account says today nor a record tells."""
    is_braked: bool = False
    """The last look found nothing, in an account in which too much is missing."""
    is_absence_open: bool = False
    """The last look found nothing, and that is not proven yet, or nothing may follow from it."""
    versions: tuple[Version, ...] | None = None
    """What a LIST of this pass showed of the resource's versions; None: none was asked for."""
    taken: OperatorError | None = None
    """The refusal of a create because the name is taken."""
    acted: set[str] = field(default_factory=set)
    """Writes done in this pass; each at most once, also where it has no effect."""
    settle: timedelta = timedelta(seconds=60)
    absence_confirm_seconds: float = 5.0

    @property
    def has_references(self) -> bool:
        """Whether the spec names anything beside its account."""
        return bool(dependencies(self.kind, self.obj.spec))

    @property
    def is_recorded(self) -> bool:
        """Whether the resource is on record, and not merely the one that it replaces."""
        return self.obj.external_id is not None and not self.obj.awaits_answer

    @property
    def is_unrecorded(self) -> bool:
        """Whether a resource may exist that the status knows nothing of."""
        return self.obj.is_unrecorded and not self.memory.held.is_untouched

    @property
    def awaits_own_create(self) -> bool:
        """Whether a create of this process may still be carried out that no status tells of.

        An older one was written back over it, or it was lost.
        """
        sent = self.memory.sent
        is_open = sent.create is not None and not self.obj.awaits_answer
        return is_open and self.now - sent.at < self.settle.total_seconds()

    @property
    def has_lost_create(self) -> bool:
        """Whether a deleted object may have what only this process knows that it asked for."""
        is_sent = self.memory.sent.create is not None
        return self.obj.deleting and is_sent and not self.obj.has_record

    @property
    def is_still_unrecorded(self) -> bool:
        """Whether this pass ends without finding out, so that the next one has to."""
        has_looked = self.observation.existence is not Existence.NOT_LOOKED
        # Else the next one would make a second one by the name of today.
        is_open = self.obj.deleting or not has_looked or self.has_another_name
        # Else nothing would be on record, and the next look would be believed at once.
        is_open = is_open or self.is_absence_open
        return self.is_unrecorded and is_open

    @property
    def binding(self: "Planned") -> Binding:
        """The account."""
        return self.plan.binding

    @property
    def target(self: "Planned") -> Target:
        """What the object wants, and where that lives."""
        return self.plan.target

    def retarget(self: "Planned", target: Target) -> None:
        """Go on with another target: another incarnation, another parent."""
        self.plan = replace(self.plan, target=target)

    def refocus(self, obj: KubeObject) -> None:
        """Go on with a newer version of the object, for the spec that this pass began with.

        Race: the answer of a status write may bring an edit made meanwhile. It is the next pass
        that acts on it; until then nothing may be said of its generation.
        """
        began = self.obj
        self.obj = obj = replace(
            obj,
            generation=began.generation,
            spec=began.spec,
            annotations=began.annotations,
            deleted_at=began.deleted_at,
            defaults=began.defaults,
        )
        if is_planned(self):
            self.retarget(replace(self.target, obj=obj))

    def forget_look(self) -> None:
        """Look again before the next decision, at the resource itself."""
        self.observation = Observation()
        self.fresh = True

    @property
    def differences(self: "Planned") -> tuple[Drift, ...]:
        """What people are told of a drift: fields that differ, that should be gone, the state."""
        looked = self.observation
        if not looked.state_differs:
            return looked.fields
        word = str(looked.resource.get(self.rest.state_field or ""))
        wanted = self.target.desired_state or ""
        return (*looked.fields, Drift(STATE_PATH, "", desired=wanted, observed=word))


Context = Pass[Prepared]
Planned = Pass[Plan]
"""A pass that nothing keeps from looking at the resource."""


def is_planned(ctx: Context) -> TypeGuard[Planned]:
    """Whether the account and the target are known."""
    return isinstance(ctx.plan, Plan)


def drifted_fields(found: Sequence[Drift]) -> str:
    """Return the paths of a drift for a message."""
    paths = list(dict.fromkeys(d.path for d in found))
    shown = ", ".join(paths[:5])
    return shown if len(paths) <= 5 else f"{shown} and {len(paths) - 5} more"  # noqa: PLR2004
