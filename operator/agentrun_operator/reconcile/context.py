"""One pass over one object: what it has found out so far, and the snapshot that `decide` sees."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from agentrun_operator.core.dependencies import dependencies
from agentrun_operator.core.drift import CANNOT_READ, HIDDEN, Drift
from agentrun_operator.core.errors import OperatorError
from agentrun_operator.core.identity import (
    ADOPT_ANNOTATION,
    PAUSED_ANNOTATION,
    RECONCILE_REQUESTED_ANNOTATION,
)
from agentrun_operator.core.kind import ResourceKind, Rest
from agentrun_operator.core.objects import KubeObject, parse_time
from agentrun_operator.core.policies import ResourceSpec
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.snapshot import Existence, Observation, Ownership, Policies, Snapshot
from agentrun_operator.core.write_only import find_unseen
from agentrun_operator.reconcile.binding import Binding
from agentrun_operator.reconcile.memory import Memory, Unanswered
from agentrun_operator.reconcile.outcome import was_tried
from agentrun_operator.reconcile.ports import Json
from agentrun_operator.reconcile.references import is_unrecorded, observes_only, retains
from agentrun_operator.reconcile.target import Target

_VANISHED_FACTOR = 4.0
"""How much longer an absence has to last that no DELETE of ours explains."""
STATE_PATH = "desiredState"
"""Spec path of the state that verbs bring about."""


@dataclass(slots=True)
class Context:
    """The mutable notes of one pass."""

    obj: KubeObject
    kind: ResourceKind
    rest: Rest
    memory: Memory
    started_at: datetime
    fresh: bool
    """A shared LIST will not do."""
    spec: ResourceSpec | None = None
    binding: Binding | None = None
    resolution: Resolution | None = None
    target: Target | None = None
    blocked: OperatorError | None = None
    unfit: frozenset[str] = frozenset()
    """Paths of references to what cannot serve there; in the cloud they protect nothing."""
    conflict: OperatorError | None = None
    held_by: tuple[str, ...] = ()
    observation: Observation = field(default_factory=Observation)
    changes: Json = field(default_factory=dict)
    """Status fields to write with the next report."""
    desired_digest: bytes | None = None
    write_only_changed: tuple[str, ...] = ()
    write_only_digest: bytes | None = None
    write_only_gone: frozenset[str] = frozenset()
    """Write-only paths that left the spec and were not cleared yet."""
    overtaken: list[Unanswered] = field(default_factory=list)
    """Lost updates that may have been carried out after a newer one, and will come no more."""
    contested: frozenset[str] = frozenset()
    """Paths that somebody else keeps changing: an update of this pass leaves them alone."""
    is_heir_confirmed: bool = False
    """A look of this pass confirmed the record of a predecessor, or a create follows it."""
    has_recalled: bool = False
    """The last incarnation was looked for, because the record of it is lost."""
    taken: str = ""
    """What the API said when it refused a create because the name is taken."""
    acted: set[str] = field(default_factory=set)
    """Writes done in this pass; each at most once, or a stubborn API would hold us in a loop."""
    settle: timedelta = timedelta(seconds=60)
    absence_confirm_seconds: float = 5.0
    deadline_seconds: float = 600.0

    @property
    def has_references(self) -> bool:
        """Whether the spec names anything beside its account."""
        return bool(dependencies(self.kind, self.obj.spec))

    @property
    def observes_only(self) -> bool:
        """Whether the cloud must not be written to for this object."""
        # Of the raw spec: it is to be obeyed even where another field makes no sense.
        return observes_only(self.obj)

    @property
    def is_recorded(self) -> bool:
        """Whether the resource is on record, and not merely the one that it replaces."""
        return self.obj.external_id is not None and not self.obj.awaits_answer

    @property
    def is_unrecorded(self) -> bool:
        """Whether a resource may exist that the status knows nothing of."""
        return is_unrecorded(self.obj) and not self.memory.is_untouched

    @property
    def is_still_unrecorded(self) -> bool:
        """Whether this pass ends without finding out, so that the next one has to."""
        has_looked = self.observation.existence is not Existence.NOT_LOOKED
        return self.is_unrecorded and (self.obj.deleting or not has_looked)

    @property
    def bound(self) -> Binding:
        """The account, in steps that come after it was resolved."""
        if self.binding is None:
            raise RuntimeError("a step ran before the account was resolved")
        return self.binding

    @property
    def aim(self) -> Target:
        """The target, in steps that come after it was built."""
        if self.target is None:
            raise RuntimeError("a step ran before the target was built")
        return self.target

    def redact(self, text: str) -> str:
        """Take the secret values that this object sends out of a text of the cloud."""
        return text if self.resolution is None else self.resolution.redact(text)

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
            deleting=began.deleting,
        )
        if self.target is not None:
            self.target = replace(self.target, obj=obj)

    def forget_look(self) -> None:
        """Look again before the next decision, at the resource itself."""
        self.observation = Observation()
        self.fresh = True

    @property
    def seen(self) -> Observation:
        """The observation, and beside it what no read returns and has to be sent."""
        looked = self.observation
        is_sent = not (self.write_only_changed or self.write_only_gone)
        if is_sent or looked.existence is not Existence.PRESENT:
            return looked
        unsent = tuple(
            Drift(path=api, api=api, desired=HIDDEN, observed=CANNOT_READ)
            for api in self.write_only_changed
        )
        gone = find_unseen(self.kind, self.write_only_gone, looked.resource)
        return replace(looked, drift=(*looked.drift, *unsent), leftovers=(*looked.leftovers, *gone))

    @property
    def differences(self) -> tuple[Drift, ...]:
        """What people are told of a drift: fields that differ, that should be gone, the state."""
        looked = self.observation
        found = (*looked.drift, *looked.leftovers)
        if not looked.state_differs:
            return found
        word = str(looked.resource.get(self.rest.state_field or ""))
        wanted = self.aim.desired_state or ""
        return (*found, Drift(STATE_PATH, "", desired=wanted, observed=word))

    def snapshot(self) -> Snapshot:
        """Return what is known now, as `decide` reads it."""
        obj = self.obj
        creation = obj.status.get("creation")
        return Snapshot(
            deleting=obj.deleting,
            claimed=obj.is_claimed,
            paused=not obj.deleting and paused_until(obj, self.started_at) is not None,
            policies=self._policies(),
            held_by=self.held_by,
            conflict=self.conflict,
            blocked=self.blocked,
            creation_unknown=obj.awaits_answer,
            ever_created=bool(creation) or obj.is_in_charge or self.memory.held is not None,
            unrecorded=self.is_unrecorded,
            is_heir=obj.is_heir,
            is_copy=obj.copied_from is not None and self.memory.held is None,
            misrecorded=self._is_misrecorded(),
            adopted=self.is_adopted,
            settled=self._is_settled(),
            proven=self.seconds_to_proof <= 0,
            finished=self._is_finished(),
            refused=self._is_refused(),
            create_refused=self._is_refused() and self.memory.is_create_refused,
            edited=self.is_edited,
            past_deadline=self._is_past_deadline(),
            cleared_before=self._was_cleared(),
            observation=self.seen,
        )

    @property
    def is_adopted(self) -> bool:
        """Whether the resource was there before the object; this process knows it better."""
        obj, held = self.obj, self.memory.held
        is_known = held is not None
        if obj.awaits_answer and self.observation.existence is Existence.PRESENT:
            # What was adopted before is gone, and with it the reason to retain.
            ident = self.aim.id_of(self.observation.resource)
            if ident not in (obj.external_id, held[0] if held else None):
                return False
            is_known = held is not None and held[0] == ident
        return held[1] if held and is_known else bool(obj.status.get("adopted"))

    def _is_misrecorded(self) -> bool:
        seen, obj = self.observation, self.obj
        is_ours = seen.existence is Existence.PRESENT and seen.ownership is Ownership.OURS
        if not is_ours or self.target is None or self.observes_only:
            return False
        ident, held = self.target.id_of(seen.resource), self.memory.held
        if held is not None and held[0] == ident and held[1] != obj.status.get("adopted"):
            return True
        return not obj.is_in_charge or obj.external_id != ident

    @property
    def is_edited(self) -> bool:
        """Whether the spec, what it refers to, or a request token waits to be acted on."""
        # What no read returns cannot drift: if it differs, it was changed on our side.
        if self.write_only_changed or self.write_only_gone or self.is_untried:
            return True
        known = self.memory.desired
        return (
            known is not None and self.desired_digest is not None and known != self.desired_digest
        )

    @property
    def has_news(self) -> bool:
        """Whether the spec was edited, or a new request token came, since the last report."""
        obj, token = self.obj, self.request_token
        is_asked = token is not None and obj.status.get("lastRequest") != token
        return is_asked or obj.observed_generation != obj.generation

    @property
    def is_untried(self) -> bool:
        """Whether the spec as it stands, or a request token, was not acted on to an end."""
        return not was_tried(self.obj, self.request_token)

    @property
    def request_token(self) -> str | None:
        """The value by which somebody asks for another try; None without one."""
        return self.obj.annotations.get(RECONCILE_REQUESTED_ANNOTATION)

    def _is_refused(self) -> bool:
        return (
            self.desired_digest is not None
            and self.memory.refused == self.desired_digest
            and not self.is_untried
        )

    @property
    def is_forced(self) -> bool:
        """Whether the resource may be taken from its owner: once, or two that force would fight."""
        if self.obj.annotations.get(ADOPT_ANNOTATION) != "force":
            return False
        taken, seen = self.memory.taken_over, self.observation
        if taken is None or self.target is None or self.has_news:
            return True
        is_taken_back = seen.ownership is Ownership.FOREIGN
        return not (is_taken_back and self.target.id_of(seen.resource) == taken)

    def _policies(self) -> Policies:
        spec = self.spec or ResourceSpec()
        may_adopt = self.kind.adopts_by_default
        if spec.adoption_policy is not None:
            may_adopt = spec.adoption_policy == "Adopt"
        return Policies(
            retain=retains(self.obj, is_adopted=self.is_adopted),
            may_adopt=may_adopt,
            force_adopt=self.is_forced,
            observe_only=self.observes_only,
            drift=spec.drift_policy,
            delete_adopted=self.obj.spec.get("deletionPolicy") == "Delete",
            restart_ended=getattr(spec, "restart_policy", None) == "Always"
            and getattr(spec, "desired_state", None) != "Stopped",
        )

    def _is_settled(self) -> bool:
        return self.window_passed or not self.obj.awaits_answer

    @property
    def is_on_record(self) -> bool:
        """Whether the status says, or may have said before it was lost, that a resource exists."""
        obj = self.obj
        if obj.external_id and not obj.is_in_charge and self.binding is not None:
            # What is only observed may be moving to another account than its record tells of.
            return bool(obj.status.get("account") == self.binding.pin())
        return bool(obj.external_id or obj.status.get("creation")) or self.is_unrecorded

    @property
    def seconds_to_proof(self) -> float:
        """Return until when an absence is no more than one answer; 0 where it counts.

        A cloud that loses its store answers 404 for what exists. One answer, or several within
        moments, would make a twin of the resource, or leave it behind for ever.
        """
        if not self.is_on_record:
            return 0.0
        since = self.memory.absent_since
        is_expected = self.memory.deleted or not self.is_recorded or self._has_reported_end()
        needed = self.absence_confirm_seconds * (1.0 if is_expected else _VANISHED_FACTOR)
        return needed if since is None else max(0.0, since + needed - self.memory.now_hint)

    @property
    def window_passed(self) -> bool:
        """Whether the settle window of the announced create is over, by either clock.

        Race: the machine's time may jump. As long as this process lives it knows better when it
        last sent something.
        """
        started = parse_time((self.obj.status.get("creation") or {}).get("startedAt"))
        if started is None:
            return True
        passed = self.memory.now_hint - self.memory.wrote_at
        return self.started_at - started >= self.settle and passed >= self.settle.total_seconds()

    def _has_reported_end(self) -> bool:
        ready = self.obj.condition("Ready") or {}
        return bool(ready.get("reason") == Reason.COMPLETED.value)

    def _is_finished(self) -> bool:
        if not self._has_reported_end():
            return False
        # An edit wakes no dead, unless it asks for the next incarnation.
        may_follow = self.spec is None or self._policies().restart_ended
        return not may_follow or self.obj.observed_generation == self.obj.generation

    def _is_past_deadline(self) -> bool:
        # Of the last write, which an outage does not hide as it hides Ready.
        synced = self.obj.condition("Synced") or {}
        if (
            synced.get("reason") == Reason.TIMEOUT.value
            and self.obj.observed_generation == self.obj.generation
        ):
            return True
        started = parse_time((self.obj.status.get("creation") or {}).get("startedAt"))
        if started is not None:
            return (self.started_at - started).total_seconds() > self.deadline_seconds
        since = self.memory.transition_since
        return since is not None and self.memory.now_hint - since > self.deadline_seconds

    def _was_cleared(self) -> bool:
        cleared = self.memory.cleared
        if cleared is None or cleared[0] != self.obj.generation:
            return False
        if self.memory.cleared_for != self.request_token:
            # Somebody may have set it meanwhile, and now asks for another try.
            return False
        return any(d.path in cleared[1] for d in self.observation.leftovers)


def paused_until(obj: KubeObject, now: datetime) -> datetime | None:
    """Return until when an object is paused (`datetime.max` for good), or None if it is not.

    A value that is neither `true` nor a time does not pause: a typo must not stop corrections.
    """
    text: Any = obj.annotations.get(PAUSED_ANNOTATION)
    if text == "true":
        return datetime.max.replace(tzinfo=now.tzinfo)
    end = parse_time(text)
    return end if end is not None and end > now else None


def drifted_fields(found: Sequence[Drift]) -> str:
    """Return the paths of a drift for a message."""
    paths = list(dict.fromkeys(d.path for d in found))
    shown = ", ".join(paths[:5])
    return shown if len(paths) <= 5 else f"{shown} and {len(paths) - 5} more"  # noqa: PLR2004
