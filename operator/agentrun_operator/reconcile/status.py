"""The status stanza: what one pass found out, as the document that is written."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from agentrun_operator.core.conditions import Condition, Verdict, merge_conditions
from agentrun_operator.core.drift import CANNOT_READ, Drift
from agentrun_operator.core.gate import CloudText
from agentrun_operator.core.identity import RECONCILE_REQUESTED_ANNOTATION
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject, timestamp
from agentrun_operator.core.reasons import ConditionType, Reason
from agentrun_operator.core.shown import HIDDEN, UNSET, parted
from agentrun_operator.reconcile.ports import Json

_OF_WRITES = (ConditionType.SYNCED, ConditionType.REFERENCES_RESOLVED)
"""What a failed look says nothing of."""
_MAX_DRIFT = 32
_OURS = (HIDDEN, UNSET, CANNOT_READ)
"""What is said in place of a value."""


def changed(status: Mapping[str, Any], changes: Json) -> Json:
    """Return a status with fields changed; an empty value removes the field."""
    merged = {**status, **changes}
    return {name: value for name, value in merged.items() if value not in (None, {}, [], "")}


def compose(
    obj: KubeObject, verdict: Verdict, changes: Json, *, now: datetime, is_observed: bool = True
) -> Json:
    """Return the whole status to write; equal to the old one if nothing changed.

    While paused the generation is not observed: what was edited meanwhile has not been looked at.
    Nor is it while nobody could look for a resource whose record may be lost (`is_observed`).
    """
    status = changed(obj.status, changes)
    keeps = verdict.paused or not is_observed
    generation = obj.observed_generation if keeps else obj.generation
    status["observedGeneration"] = generation
    before = obj.status.get("conditions") or ()
    status["conditions"] = merge_conditions(
        before, _standing(before, verdict), generation=generation, now=now
    )
    token = obj.annotations.get(RECONCILE_REQUESTED_ANNOTATION)
    if token and not verdict.paused:
        status["lastRequest"] = token
    return status


def _standing(before: Sequence[Json], verdict: Verdict) -> tuple[Condition, ...]:
    """Return the conditions of a verdict; what nobody could look at keeps what was said of it.

    Without that the last write would count as not done, and be done again after each outage.
    """
    wanted = verdict.conditions()
    if not verdict.is_unseen:
        return wanted
    kept = {
        c["type"]: Condition(
            ConditionType(c["type"]), c["status"], Reason(c["reason"]), c.get("message") or ""
        )
        for c in before
        if c.get("type") in _OF_WRITES
    }
    others = (c for c in wanted if c.type not in _OF_WRITES)
    return (*others, *kept.values())


def with_ready_unknown(status: Json, reason: Reason, message: str, *, now: datetime) -> Json:
    """Return a status whose Ready is Unknown; all else stays as it was told."""
    generation = int(status.get("observedGeneration") or 0)
    before = status.get("conditions") or ()
    ready = Condition(ConditionType.READY, "Unknown", reason, message)
    merged = merge_conditions(before, [ready], generation=generation, now=now)
    others = (c for c in before if c.get("type") != ConditionType.READY)
    return {**status, "conditions": [*merged, *others]}


def drift_entries(found: Sequence[Drift], before: Sequence[Json], *, now: datetime) -> list[Json]:
    """Return `status.drift`; a path keeps the time since which it has differed."""
    since = {entry.get("path"): entry.get("since") for entry in before}
    return [
        {"path": drift.path, **_values(drift), "since": since.get(drift.path) or timestamp(now)}
        for drift in found[:_MAX_DRIFT]
    ]


def _values(drift: Drift) -> Json:
    desired, observed = parted(drift.desired, drift.observed)
    # An empty value quotes nothing; sealed, it would be left out as if nobody had looked.
    is_ours = drift.observed in _OURS or not observed
    return {"desired": desired, "observed": observed if is_ours else _field(observed)}


def at_provider(kind: ResourceKind, resource: Json) -> Json:
    """Return what of a read may be shown: the fields that the kind declares, and its state.

    Texts are sealed, all but the words of a state that we know.
    """
    rest = kind.rest
    shown = dict(resource)
    if rest is not None:
        shown["state"] = resource.get(rest.state_field) if rest.state_field else None
        reason = resource.get(rest.state_reason_field) if rest.state_reason_field else None
        shown["stateReason"] = reason
    try:
        model = kind.observed.model_validate(shown)
    except ValidationError as error:
        # A field of an unexpected type is left out rather than shown wrong.
        for bad in error.errors(include_input=False, include_url=False):
            shown.pop(str(bad["loc"][0]), None)
        model = kind.observed.model_validate(shown)
    found = model.model_dump(by_alias=True, exclude_none=True)
    sealed = {name: _sealed(value) for name, value in found.items() if value not in ("", {}, [])}
    if model.state and kind.word_of(resource) == model.state:
        sealed["state"] = model.state
    if model.state_reason:
        sealed["stateReason"] = CloudText(model.state_reason)
    return sealed


def _sealed(value: Any) -> Any:
    if isinstance(value, str):
        return _field(value)
    if isinstance(value, dict):
        return {name: _sealed(item) for name, item in value.items()}
    return [_sealed(item) for item in value] if isinstance(value, list | tuple) else value


def _field(text: str) -> CloudText:
    return CloudText(text, is_free=False)


def creation_mark(obj: KubeObject, *, looked_up: datetime | None, now: datetime) -> Json:
    """Return the mark that announces a create."""
    mark: Json = {"startedAt": timestamp(now), "generation": obj.generation}
    if obj.is_in_charge:
        mark["replaces"] = obj.external_id
    if looked_up is not None:
        mark["lookedUpAt"] = timestamp(looked_up)
    return mark


def serves(kind: ResourceKind, resource: Json) -> CloudText | None:
    """Return which versions of something answer at a resource; None for kinds that have none."""
    return None if kind.serves is None else _field(kind.serves(resource))


def reason_of(resource: Json, reason_field: str | None) -> CloudText | None:
    """Return the cloud's own explanation of a state; None where it gives none."""
    text: Any = resource.get(reason_field) if reason_field else None
    return CloudText(str(text)) if text else None
