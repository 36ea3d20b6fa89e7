"""The condition set of an object: which conditions stand, and when their transition time moves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from agentrun_operator.core.gate import CloudText
from agentrun_operator.core.objects import timestamp
from agentrun_operator.core.reasons import ConditionType, Reason

Truth = Literal["True", "False", "Unknown"]

_ORDER = {name: place for place, name in enumerate(ConditionType)}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition that should stand."""

    type: ConditionType
    status: Truth
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one pass found out, before it is written as conditions.

    `reconciling` and `stalled` exclude each other: kstatus reads whichever stands first.
    """

    ready: Truth
    reason: Reason
    message: str
    synced: bool = True
    reconciling: bool = False
    stalled: bool = False
    paused: bool = False
    is_unseen: bool = False
    """Nothing could be looked at: what was said of the last write and of references still holds."""
    references_resolved: bool | None = None
    """None where the spec names nothing beside its account."""
    quote: CloudText | None = None
    """What the cloud says of it; it becomes part of the message where it may be shown."""

    def __post_init__(self) -> None:
        """Refuse the one contradiction that readers cannot resolve."""
        if self.reconciling and self.stalled:
            raise ValueError("a verdict cannot be both reconciling and stalled")

    def conditions(self) -> tuple[Condition, ...]:
        """Return the conditions that should stand, in the order of `ConditionType`."""
        found = [self._with(ConditionType.READY, self.ready)]
        found.append(self._with(ConditionType.SYNCED, "True" if self.synced else "False"))
        if self.references_resolved:
            kind, message = ConditionType.REFERENCES_RESOLVED, "every reference is resolved"
            found.append(Condition(kind, "True", Reason.AVAILABLE, message))
        elif self.references_resolved is not None:
            found.append(self._with(ConditionType.REFERENCES_RESOLVED, "False"))
        if self.reconciling:
            found.append(self._with(ConditionType.RECONCILING, "True"))
        if self.stalled:
            found.append(self._with(ConditionType.STALLED, "True"))
        if self.paused:
            message = "paused by annotation"
            found.append(Condition(ConditionType.PAUSED, "True", Reason.PAUSED, message))
        return tuple(found)

    def _with(self, kind: ConditionType, status: Truth) -> Condition:
        return Condition(kind, status, self.reason, self.message)


def merge_conditions(
    previous: Sequence[Mapping[str, Any]],
    wanted: Sequence[Condition],
    *,
    generation: int,
    now: datetime,
) -> list[dict[str, Any]]:
    """Return the full condition list to write.

    The transition time of a condition moves only when its status flips, and every condition carries
    the generation it speaks of.
    """
    before = {c.get("type"): c for c in previous}
    stamp = timestamp(now)
    merged = []
    for condition in sorted(wanted, key=lambda c: _ORDER[c.type]):
        old = before.get(condition.type.value)
        kept = old is not None and old.get("status") == condition.status
        since = old.get("lastTransitionTime") if kept and old else None
        merged.append(
            {
                "type": condition.type.value,
                "status": condition.status,
                "reason": condition.reason.value,
                "message": condition.message,
                "observedGeneration": generation,
                "lastTransitionTime": since or stamp,
            }
        )
    return merged
