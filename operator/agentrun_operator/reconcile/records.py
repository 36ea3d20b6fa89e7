"""Whose a resource is that objects of this cluster have on record: at most one's.

Whoever may write a status can write anything into it, the right `boundTo` included. What another
object has on record with more right is therefore a copy, however well it is bound. Nothing is
stored for it: the start-up barrier fills the cache before anything is decided.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from agentrun_operator.core.identity import incarnation_prefix
from agentrun_operator.core.kind import KeyedBy, ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.record import as_copy
from agentrun_operator.reconcile.accounts import AccountDirectory
from agentrun_operator.reconcile.binding import Binding
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.memory import MemoryBank
from agentrun_operator.reconcile.references import ReferenceResolver


class Records:
    """Compares what the objects of one cluster have on record."""

    def __init__(
        self,
        kinds: Mapping[str, ResourceKind],
        cache: ObjectCache,
        memory: MemoryBank,
        accounts: AccountDirectory,
        references: ReferenceResolver,
    ) -> None:
        """Compare the objects of a cache, by what this process remembers of them."""
        self._kinds = kinds
        self._cache = cache
        self._accounts = accounts
        self._memory = memory
        self._references = references

    def own(self, obj: KubeObject) -> KubeObject:
        """Return an object with its status as far as no other object has more right to it."""
        if obj.observes_only:
            # It may look at what is another one's, and says what it sees.
            return obj
        if obj.is_name_in_doubt and self._is_disproved(obj):
            return _copied(obj, {})
        other = self._rightful(obj)
        if other is None or self._is_kept_by_name(obj, other):
            return obj
        return _copied(obj, self._cache.binding_of(other))

    def _rightful(self, obj: KubeObject) -> KubeObject | None:
        """Return another object with more right to what an object has on record."""
        for ident in _idents(obj):
            for other in self._others(obj, ident):
                if self._is_decided_by_name(obj, other):
                    continue
                if self._right(other, ident) < self._right(obj, ident):
                    return other
        return None

    def _is_kept_by_name(self, obj: KubeObject, other: KubeObject) -> bool:
        """Whether a restored object waits for the name of the one that took over what it had.

        It writes nothing until then (see `Claims`). Its record stays: nobody else's was restored
        here, and once the other one has given the resource up, nothing else tells whose it was.
        """
        rest = self._kinds[obj.key.kind].rest
        if rest is None or rest.key is KeyedBy.CHOSEN_ID or not obj.is_heir or other.is_heir:
            return False
        if obj.external_name != other.external_name:
            return False
        if obj.status.get("parentId") != other.status.get("parentId"):
            return False
        source = obj.pinned_account
        return source is not None and self._accounts.is_believed(other, source)

    def _is_disproved(self, obj: KubeObject) -> bool:
        """Whether this process knows better which resource is the object's."""
        memory = self._memory.peek(obj.key)
        if memory is None or memory.uid != obj.uid or not memory.held.is_known:
            return False
        return not memory.held.has(obj.external_id)

    def _is_decided_by_name(self, obj: KubeObject, other: KubeObject) -> bool:
        """Whether two records of one id have different names, so that a read by name decides.

        Otherwise age would give the older object a stolen id. Not asked where more than the name
        tells whose a resource is: its ownership tag, or the uid in a client-assigned id.
        """
        rest = self._kinds[obj.key.kind].rest
        if rest is None or rest.key is KeyedBy.CHOSEN_ID or rest.tags_field is not None:
            return False
        return obj.recorded_name != other.recorded_name

    def is_others(self, obj: KubeObject, ident: str) -> bool:
        """Whether another object of the account has the resource of an id on record.

        A restored record proves nothing before a look confirms it.
        """
        return any(not other.is_heir for other in self._others(obj, ident))

    def owners(
        self, kind: str, key: str, binding: Binding, *, by_name: bool
    ) -> Iterator[KubeObject]:
        """Yield who made or adopted the resource of an account that stands on the wire as `key`.

        `by_name`: that is its name, whatever keys it.
        """
        rest = self._kinds[kind].rest
        if by_name or (rest is not None and rest.key is KeyedBy.NAME):
            return self.namesakes(kind, key, binding)
        return self._owning(self._cache.recorders(kind, key), binding)

    def namesakes(self, kind: str, name: str, binding: Binding) -> Iterator[KubeObject]:
        """Yield who made or adopted a resource of this external name in an account."""
        return self._owning(self._cache.claimants(kind, name), binding)

    def _owning(self, candidates: Iterator[KubeObject], binding: Binding) -> Iterator[KubeObject]:
        for obj in candidates:
            if not obj.is_in_charge or obj.is_name_in_doubt:
                continue
            if self._accounts.identity_of(obj) != binding.identity:
                continue
            if not self._accounts.is_believed(obj, binding.source):
                continue
            if obj.observes_only or self._rightful(obj) is None:
                yield obj

    def _others(self, obj: KubeObject, ident: str) -> Iterator[KubeObject]:
        """Yield who else has an id on record in the account of an object.

        Who only observes has no more than seen it, or has given it up. In another account the same
        id is another resource's.
        """
        identity = self._accounts.identity_of
        for other in self._cache.recorders(obj.key.kind, ident):
            is_other = other.key != obj.key and not other.observes_only
            if is_other and identity(other) == identity(obj):
                yield other

    def _right(self, obj: KubeObject, ident: str) -> tuple[bool, bool, bool, bool, str, str]:
        """Return what orders the rights to one resource; the least has it.

        The id that was chosen for an object says whose it is. What this process was told by the
        cloud is beyond anybody's reach. A restored record counts less than any other, as does one
        under a name that only a status tells of. Below a parent lives what its spec puts there. The
        rest is decided by age.
        """
        memory = self._memory.peek(obj.key)
        is_held = memory is not None and memory.held.has(ident)
        parent = self._references.parent_of(obj)
        place = obj.status.get("parentId") or ""
        is_below = parent is None or self._references.path_key(parent) == place
        is_chosen = ident.startswith(incarnation_prefix(obj.uid))
        is_doubtful = obj.is_heir or obj.is_name_in_doubt
        return not is_chosen, not is_held, is_doubtful, not is_below, *obj.seniority


def _copied(obj: KubeObject, bound: Mapping[str, str]) -> KubeObject:
    """Return an object whose record is another one's."""
    # What it said stays its own, or the times of its conditions would move.
    said = obj.status.get("conditions") or []
    return replace(obj, status={**as_copy(obj.status, bound), "conditions": said})


def _idents(obj: KubeObject) -> tuple[str, ...]:
    """Return the ids of what an object would take for its own by its record."""
    recorded = obj.external_id if obj.is_in_charge else None
    return tuple(ident for ident in (recorded, obj.inherited_id) if ident)
