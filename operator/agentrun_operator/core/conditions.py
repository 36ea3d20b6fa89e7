"""The condition set of an object: which conditions stand, and when their transition time moves."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from agentrun_operator.core.gate import CloudText
from agentrun_operator.core.objects import timestamp
from agentrun_operator.core.reasons import ConditionType, Reason

Truth = Literal["True", "False", "Unknown"]

_REQUEST_ID = re.compile(r" \(request id ([0-9A-Fa-f-]+)\)$")
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
    request_id: str | None = None
    """The cloud's name for the call that failed; as above."""

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


def with_request_id(
    verdict: Verdict, before: Mapping[str, Any], *, is_same_generation: bool
) -> Verdict:
    """Return a verdict whose message names the call that failed, for the vendor's support.

    Each try has another request id: a failure that goes on keeps the message of its first call, or
    each retry would be a write of the status.

    Args:
        verdict: What a pass came to.
        before: Ready as it stands.
        is_same_generation: Whether that speaks of the present spec.
    """
    told = str(before.get("message") or "")
    is_same = (before.get("status"), before.get("reason")) == (verdict.ready, verdict.reason.value)
    if is_same and is_same_generation and _bare(told) == _bare(_named(verdict)):
        return replace(verdict, message=told, request_id=None)
    return replace(verdict, message=_named(verdict), request_id=None)


def without_request_id(message: str) -> str:
    """Return a message without the name of the call that failed."""
    return _REQUEST_ID.sub("", message)


def _named(verdict: Verdict) -> str:
    ident = verdict.request_id
    return f"{verdict.message} (request id {ident})" if ident else verdict.message


def _bare(message: str) -> str:
    """Return what two messages about the same failure share; the cloud may quote the id as well."""
    found = _REQUEST_ID.search(message)
    bare = without_request_id(message)
    return bare.replace(found[1], "") if found else bare


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
