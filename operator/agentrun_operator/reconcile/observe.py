"""Looks at the external resource of one object, and says whose it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from agentrun_operator.core.drift import HIDDEN, Drift, find_drift, find_leftovers
from agentrun_operator.core.identity import TAG_PREFIX, Locator, adopted_tag, ownership_tag
from agentrun_operator.core.ignored import covers, left_alone
from agentrun_operator.core.kind import KeyedBy, Phase, ResourceKind, Rest
from agentrun_operator.core.objects import KubeObject, parse_time
from agentrun_operator.core.snapshot import Existence, Observation, Ownership
from agentrun_operator.reconcile.ports import ExternalAPI, Json, Lookup

_POST_FOLLOWS = timedelta(seconds=60)
"""How long after its look-up a POST of ours may have been carried out."""
FOREIGN_TAGS = ("x-agentrun-super",)
"""Tags of other owners. Source: control-plane reference, "SuperAgent runtimes"."""

_MARKS = (TAG_PREFIX, "x-agentrun-")
"""How the tags begin that operators and official tools leave on what they write."""
_MAX_MARK = 128


@dataclass(frozen=True, slots=True)
class Target:
    """What one object wants, and where it lives in the cloud."""

    kind: ResourceKind
    rest: Rest
    obj: KubeObject
    name: str
    parent: str | None
    chosen_id: str
    """For kinds whose id we choose: derived from (uid, incarnation)."""
    tag: str
    """Marks what was created for the object."""
    desired: Json = field(repr=False)
    desired_state: str | None = None
    """`spec.desiredState`, for kinds with verbs."""
    ignored: frozenset[str] = frozenset()
    sent: Json | None = field(default=None, repr=False)
    """What the announced create sent; None where another process announced it."""
    is_partial: bool = False
    """Not all that was sent is known: `sent` lacks secrets, or `desired` what led elsewhere."""

    @property
    def locator(self) -> Locator | None:
        """Where the resource is, as far as that is known without a look-up."""
        if self.rest.key is KeyedBy.NAME:
            return Locator(self.name, self.parent)
        known = self.obj.external_id
        if self.rest.key is KeyedBy.CHOSEN_ID:
            # An object that was restored has another uid than its record was made with.
            return Locator(known or self.chosen_id, self.parent)
        return Locator(known, self.parent) if known else None

    def locator_of(self, resource: Mapping[str, Any]) -> Locator:
        """Return where a resource that we have seen lives."""
        if self.rest.key is KeyedBy.NAME:
            return Locator(self.name, self.parent)
        return Locator(str(resource.get(self.rest.id_field) or ""), self.parent)

    def respecting(self, resource: Mapping[str, Any], *, partial: bool = False) -> Json:
        """Return the desired state with what is to be left alone as it stands in a resource."""
        return left_alone(self.kind, self.desired, resource, self.ignored, partial=partial)

    @property
    def mark(self) -> str:
        """The tag that the resource is to carry, now that it is recorded."""
        return adopted_tag(self.tag) if self.obj.status.get("adopted") else self.tag

    @property
    def marks(self) -> frozenset[str]:
        """Either tag of the object."""
        return frozenset({self.tag, adopted_tag(self.tag)})

    def id_of(self, resource: Mapping[str, Any]) -> str:
        """Return what `status.externalId` records of a resource."""
        return str(resource.get(self.rest.id_field) or self.name)


async def look(api: ExternalAPI, target: Target) -> Observation:
    """Read the resource itself: by its key where that is known, by its name otherwise."""
    at = target.locator
    found = await _by_key(api, target, at) if at else await _by_name(api, target)
    if found.resource is None and at is not None and target.rest.key is KeyedBy.ID:
        # The stored id is gone; somebody may have made the resource again under its name.
        found = await _by_name(api, target)
    own = Locator(target.chosen_id, target.parent)
    if found.resource is None and target.rest.key is KeyedBy.CHOSEN_ID and at != own:
        # The recorded one is gone, whose id was made of the uid before a restore.
        found = await _by_key(api, target, own)
    return interpret(target, found, confirmed=True)


async def _by_key(api: ExternalAPI, target: Target, at: Locator) -> Lookup:
    return await api.read(target.rest, at)


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
    drift = find_drift(kind, target.desired, resource, partial=not confirmed)
    ownership = whose(target, resource, drift)
    desired = target.desired
    if target.ignored:
        desired = target.respecting(resource, partial=not confirmed)
        drift = find_drift(kind, desired, resource, partial=not confirmed)
    leftovers = find_leftovers(kind, target.obj.status.get("applied") or (), desired, resource)
    return Observation(
        Existence.PRESENT,
        confirmed=confirmed,
        resource=resource,
        phase=kind.phase_of(resource),
        ownership=ownership,
        drift=drift,
        leftovers=tuple(d for d in leftovers if not covers(target.ignored, d.path)),
        state_differs=_state_differs(target, resource),
        date=found.date,
    )


def _state_differs(target: Target, resource: Mapping[str, Any]) -> bool:
    verb = target.rest.verbs.get(target.desired_state or "")
    if verb is None or target.kind.phase_of(resource) is Phase.ENDED:
        return False
    return str(resource.get(target.rest.state_field or "")) != verb.state


def whose(target: Target, resource: Mapping[str, Any], drift: tuple[Drift, ...]) -> Ownership:
    """Say whose a resource is that stands where ours would."""
    if target.rest.key is KeyedBy.CHOSEN_ID:
        return Ownership.OURS
    tags = _tags(target.rest, resource)
    if target.marks.intersection(tags) == {target.tag}:
        return Ownership.OURS
    obj = target.obj
    # Another id under our name: ours was deleted and somebody made a new one.
    if obj.is_in_charge and obj.external_id == target.id_of(resource):
        return Ownership.OURS
    # Order: before the mark. Of two clusters with one manifest the slower one finds an equal.
    others = set(tags) - target.marks
    if any(t.startswith(TAG_PREFIX) or t in FOREIGN_TAGS for t in others):
        return Ownership.FOREIGN
    is_announced = bool(obj.status.get("creation")) and not obj.is_in_charge
    if is_announced and _may_be_our_create(target, resource, drift):
        return Ownership.OURS
    return Ownership.ADOPTABLE


def marks_of_others(target: Target, resource: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the marks of other writers on a resource: a few, cut short."""
    tags = (t for t in _tags(target.rest, resource) if t not in target.marks)
    return tuple(t[:_MAX_MARK] for t in tags if t.startswith(_MARKS))[:3]


def _tags(rest: Rest, resource: Mapping[str, Any]) -> tuple[str, ...]:
    tags = resource.get(rest.tags_field) if rest.tags_field else None
    return tuple(str(t) for t in tags) if isinstance(tags, list) else ()


def _may_be_our_create(
    target: Target, resource: Mapping[str, Any], drift: tuple[Drift, ...]
) -> bool:
    """Recognise the resource of a create whose answer was lost.

    It did not exist at the look-up before our POST, so it is not older than that, and every field
    that can be read is what we sent. Endpoints carry no creation time; their look-up said absent,
    and their runtime is ours.

    Race: what is desired need not be what we sent any more: it was edited, or the references are
    gone. This process remembers what it sent, secrets aside. After a restart what no update can
    change has to fit, and a Secret may have been rotated: nothing records what went out where a
    read shows it. Either way the resource has to be about as old as our POST.
    """
    if target.sent is not None:
        drift = find_drift(target.kind, target.sent, resource, partial=False)
    is_secret = not target.is_partial and all(d.observed == HIDDEN for d in drift)
    is_changed = target.sent is None and (is_secret or was_edited_since_mark(target.obj))
    if any(d.immutable for d in drift) or (drift and not is_changed):
        return False
    if target.rest.created_field is None:
        return True
    created = parse_time(str(resource.get(target.rest.created_field) or ""))
    looked_up = parse_time((target.obj.status.get("creation") or {}).get("lookedUpAt"))
    if created is None or looked_up is None or created < looked_up:
        return False
    is_certain = not drift and not target.is_partial
    return is_certain or created - looked_up <= _POST_FOLLOWS


def was_edited_since_mark(obj: KubeObject) -> bool:
    """Whether the spec is another one than at the POST; deletion moves the generation as well."""
    marked = (obj.status.get("creation") or {}).get("generation")
    return isinstance(marked, int) and obj.generation - int(obj.deleting) > marked


def stamp_of(rest: Rest, resource: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return what moves when a resource changes, as far as an item of a LIST shows it too."""
    return resource.get(rest.change_token or ""), resource.get(rest.state_field or "")


def tag_for(cluster_id: str, obj: KubeObject) -> str:
    """Return the ownership tag of an object."""
    return ownership_tag(cluster_id, obj.key)
