"""Looks at the external resource of one object."""

from collections.abc import Mapping
from typing import Any

from agentrun_operator.core.drift import Drift, find_drift, find_removed
from agentrun_operator.core.identity import Locator
from agentrun_operator.core.ignored import is_within
from agentrun_operator.core.kind import KeyedBy, Phase, Rest
from agentrun_operator.core.snapshot import Existence, Observation
from agentrun_operator.reconcile.ownership import whose
from agentrun_operator.reconcile.ports import ExternalAPI, Lookup
from agentrun_operator.reconcile.target import Target


async def look(api: ExternalAPI, target: Target) -> Observation:
    """Read the resource itself: by its key where that is known, by its name otherwise."""
    at = target.locator
    found = await (api.read(target.rest, at) if at else _by_name(api, target))
    is_ours = found.resource is not None and not target.is_anothers_by_name(found.resource)
    if not is_ours and at is not None and target.rest.key is KeyedBy.ID:
        # The stored id is gone, or was never its own; somebody may have made the resource again
        # under its name.
        found = await _by_name(api, target)
    if target.rest.key is KeyedBy.CHOSEN_ID:
        # The recorded one is gone, whose id was made of the uid before a restore, or which has had
        # a successor since an older status was written.
        for ident in dict.fromkeys((target.chosen_id, target.held_id)):
            other = Locator(ident or "", target.parent)
            if found.resource is None and ident and other != at:
                found = await api.read(target.rest, other)
    return interpret(target, found, confirmed=True)


async def _by_name(api: ExternalAPI, target: Target) -> Lookup:
    found = await api.find(target.rest, name=target.name, parent=target.parent)
    if found.resource is None:
        return found
    return await api.read(target.rest, target.locator_of(found.resource))


def from_list(target: Target, item: Mapping[str, Any] | None) -> Observation:
    """Interpret an item of a LIST, or its absence from one."""
    resource = None if item is None else dict(item)
    return interpret(target, Lookup(resource, None), confirmed=False)


def interpret(target: Target, found: Lookup, *, confirmed: bool) -> Observation:
    """Turn a look-up into what `decide` needs to know."""
    resource = found.resource
    if resource is None:
        return Observation(Existence.ABSENT, confirmed=confirmed, date=found.date)
    kind = target.kind
    made: tuple[Drift, ...] = ()
    if target.obj.creation:
        # What tells a create of ours again is all that it sent.
        made = find_drift(kind, target.created, resource, partial=not confirmed)
    ownership = whose(target, resource, made)
    desired = target.respecting(resource, partial=not confirmed)
    drift = find_drift(kind, desired, resource, partial=not confirmed)
    applied = target.obj.status.get("applied") or ()
    removed = find_removed(kind, applied, desired, resource, target.created)
    return Observation(
        Existence.PRESENT,
        confirmed=confirmed,
        resource=resource,
        phase=kind.phase_of(resource),
        ownership=ownership,
        drift=drift,
        removed=tuple(d for d in removed if not is_within(target.ignored, d.path)),
        state_differs=_state_differs(target, resource),
        date=found.date,
    )


def _state_differs(target: Target, resource: Mapping[str, Any]) -> bool:
    verb = target.rest.verbs.get(target.desired_state or "")
    if verb is None or target.kind.phase_of(resource) is Phase.ENDED:
        return False
    return str(resource.get(target.rest.state_field or "")) != verb.state


def stamp_of(rest: Rest, resource: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return what moves when a resource changes, as far as an item of a LIST shows it too."""
    return resource.get(rest.change_token or ""), resource.get(rest.state_field or "")
