"""What an object reaches in a shared account beyond what its namespace made, and may not.

A `ClusterAccount` is shared, and so is the operator's own account. A grant is asked for before
something is sent or shown. What a resource has in AgentRun already is not asked for again: neither
an upgrade nor a withdrawn grant stops what runs.
"""

from collections.abc import Mapping

from agentrun_operator.core.errors import NotGranted
from agentrun_operator.core.fields import GrantName
from agentrun_operator.core.grants import EXTERNAL_REFERENCES, OBSERVE, Leave
from agentrun_operator.core.identity import AccountIdentity, ObjectKey
from agentrun_operator.core.kind import KeyedBy, ResourceKind, Rest
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reaches import Lack, Reach, reaches
from agentrun_operator.reconcile.binding import Binding
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.records import Records

Parents = frozenset[str] | None
"""Keys of the parent that is named, as far as our records tell; None where that does not matter."""


class Grants:
    """Compares what specs reach for with what their namespaces made and were granted."""

    def __init__(
        self, kinds: Mapping[str, ResourceKind], cache: ObjectCache, records: Records
    ) -> None:
        """Look up in a cache what names of objects stand for, and in the records who made it."""
        self._kinds = kinds
        self._cache = cache
        self._records = records

    def lacking(self, obj: KubeObject, binding: Binding, leave: Leave) -> tuple[Lack, ...]:
        """Return what a spec would send without leave, in the order of the spec."""
        if leave.allowances is None:
            return ()
        kind = self._kinds[obj.key.kind]
        found = (
            self._lack(obj, reach, binding, leave)
            for reach in reaches(kind, obj.spec)
            if not obj.observes_only or self._is_strange_parent(obj, reach, kind.rest, binding)
        )
        return tuple(lack for lack in found if lack is not None)

    def refuses_view(
        self, obj: KubeObject, binding: Binding, leave: Leave, found: str | None = None
    ) -> NotGranted | None:
        """Return why an object may not observe; None if it may, or does not ask to.

        Args:
            obj: The object.
            binding: Its account.
            leave: What its namespace was granted there.
            found: The id of what a look found in the place of what is on record, "" for nothing:
                then the record gives no right. None before a look, or where that is still there.
        """
        if not self._is_strange_view(obj, binding, leave, found) or self._lends(obj, leave):
            return None
        is_seen = found is None and _has_seen(obj, binding)
        if is_seen and OBSERVE not in (obj.status.get("granted") or ()):
            # Its namespace had made it, or a version that asked nobody showed it.
            return None
        told = leave.refusal(OBSERVE, obj.key.kind, obj.external_name)
        return NotGranted(f"spec.managementPolicy is Observe, and {told}")

    def lends_view(
        self, obj: KubeObject, binding: Binding, leave: Leave, found: str | None = None
    ) -> bool:
        """Whether an object observes by a grant, and by nothing else."""
        return self._is_strange_view(obj, binding, leave, found) and self._lends(obj, leave)

    def _lends(self, obj: KubeObject, leave: Leave) -> bool:
        return leave.allows(OBSERVE, obj.key.kind, _names_of(obj))

    def _is_strange_view(
        self, obj: KubeObject, binding: Binding, leave: Leave, found: str | None
    ) -> bool:
        rest = self._kinds[obj.key.kind].rest
        if leave.allowances is None or not obj.observes_only:
            return False
        if rest is None or rest.key is KeyedBy.CHOSEN_ID or (found is None and obj.is_in_charge):
            return False
        named = self._records.namesakes(obj.key.kind, obj.external_name, binding)
        neighbours = (owner for owner in named if owner.key.namespace == obj.key.namespace)
        return not any(_has_it(owner, rest, found) for owner in neighbours if owner.key != obj.key)

    def _is_strange_parent(
        self, obj: KubeObject, reach: Reach, rest: Rest | None, binding: Binding
    ) -> bool:
        """Whether who only observes would look below a parent that it has not looked below yet."""
        if rest is None or reach.path != rest.parent:
            return False
        parent = reach.external_name or self._strange(obj, reach, self._kinds[reach.kind])
        return not (_has_seen(obj, binding) and obj.status.get("parentId") == parent)

    def _lack(self, obj: KubeObject, reach: Reach, binding: Binding, leave: Leave) -> Lack | None:
        if reach.grant is not None:
            return _of_value(obj, reach, reach.grant, reach.name, leave)
        kind = self._kinds[reach.kind]
        below = self._parents(obj, reach, binding)
        value = reach.external_name or self._strange(obj, reach, kind, below)
        if not value:
            return None
        owners = tuple(self._records.owners(reach.kind, value, binding, by_name=reach.by_name))
        neighbours = (owner for owner in owners if owner.key.namespace == obj.key.namespace)
        if any(_lends(owner, kind, below) for owner in neighbours):
            return None
        if kind.grant is not None:
            return _of_value(obj, reach, kind.grant, value, leave)
        names = (value, *(owner.external_name for owner in owners))
        if leave.allows(EXTERNAL_REFERENCES, reach.kind, names):
            return None
        told = leave.refusal(EXTERNAL_REFERENCES, reach.kind, value)
        where = f"spec.{reach.path} names what no object of its namespace made, and"
        return Lack(reach, value, NotGranted(f"{where} {told}"))

    def _strange(
        self, obj: KubeObject, reach: Reach, kind: ResourceKind, below: Parents = None
    ) -> str:
        """Return the wire name of what an object of ours has not to lend; empty for its own."""
        target = self._cache.get(ObjectKey(reach.kind, obj.key.namespace, reach.name))
        if target is None or not target.external_id or kind.rest is None:
            return ""
        if _lends(target, kind, below):
            return ""
        return target.recorded_name if reach.by_name else target.path_key(kind.rest)

    def _parents(self, obj: KubeObject, reach: Reach, binding: Binding) -> Parents:
        """Return the keys of the parent below which a name leads; an id leads to one by itself."""
        if not (reach.by_name and reach.beside):
            return None
        each = reaches(self._kinds[obj.key.kind], obj.spec)
        named = next((parent for parent in each if parent.path == reach.beside), None)
        if named is None:
            return frozenset()
        rest = self._kinds[named.kind].rest
        if named.name:
            target = self._cache.get(ObjectKey(named.kind, obj.key.namespace, named.name))
            key = "" if target is None or rest is None else target.path_key(rest)
            # Without a key it waits for its parent, and nothing is sent before.
            return frozenset((key,)) if key else None
        name, by_name = named.external_name, named.by_name
        owners = self._records.owners(named.kind, name, binding, by_name=by_name)
        return frozenset() if rest is None else frozenset(owner.path_key(rest) for owner in owners)


def _lends(target: KubeObject, kind: ResourceKind, below: Parents = None) -> bool:
    """Whether its namespace may use what an object has, without a grant.

    What was adopted was somebody else's. Where a kind has a grant of its own, that is still asked
    for: a grant to adopt is none to put things into what was adopted. Below another parent the
    same name is another resource's.
    """
    if below is not None and target.status.get("parentId") not in below:
        return False
    return target.is_in_charge and (kind.grant is None or target.status["adopted"] is False)


def _of_value(
    obj: KubeObject, reach: Reach, grant: GrantName, value: str, leave: Leave
) -> Lack | None:
    if leave.allows(grant, obj.key.kind, (value,)):
        return None
    told = leave.refusal(grant, obj.key.kind, value)
    return Lack(reach, value, NotGranted(f"spec.{reach.path}: {told}"))


def _has_seen(obj: KubeObject, binding: Binding) -> bool:
    """Whether an object has a resource of this very account on record.

    Who observes may follow its reference to another account, where the name is another owner's.
    """
    is_here = AccountIdentity.of(obj.pin) == binding.identity
    return is_here and obj.pinned_account == binding.source and obj.external_id is not None


def _has_it(owner: KubeObject, rest: Rest, found: str | None) -> bool:
    """Whether an owner of the name has what a look found, as far as its record tells that.

    Where the name is the id, a record does not tell what was made anew under it; who manages it
    does, because nobody else of this cluster may make it then.
    """
    if rest.key is KeyedBy.NAME:
        return not owner.observes_only
    return not found or owner.external_id == found


def _names_of(obj: KubeObject) -> tuple[str, ...]:
    return tuple(name for name in (obj.external_name, obj.external_id) if name)
