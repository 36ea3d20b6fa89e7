"""Which of several objects may have an external name: at most one, and always the same."""

from collections.abc import Iterator
from contextlib import contextmanager

from agentrun_operator.core.errors import ExternalNameConflict, OperatorError
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import KeyedBy, Rest
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.binding import Binding
from agentrun_operator.reconcile.changes import is_left_to_its_owner
from agentrun_operator.reconcile.world import World


class Claims:
    """Claims of external names in this cluster."""

    def __init__(self, world: World) -> None:
        """Compare the objects of one world."""
        self._cache = world.cache
        self._accounts = world.accounts
        self._memory = world.memory
        self._taking: dict[ObjectKey, tuple[str, str | None]] = {}
        """Who is about to put on record that it takes a name: that name, and its parent's id."""

    @contextmanager
    def taking(self, obj: KubeObject, parent: str | None) -> Iterator[None]:
        """Keep a name for one object until the cache has on record that it takes it.

        Race: between the answer of `conflict` and that record another pass would find the name free
        as well. Two would announce a create, and after a crash nobody knew whose the resource is.
        To be entered without any await after that answer. Nobody waits for it: who finds the name
        kept has a conflict.
        """
        self._taking[obj.key] = obj.external_name, parent
        try:
            yield
        finally:
            del self._taking[obj.key]

    async def conflict(
        self, obj: KubeObject, rest: Rest, binding: Binding, parent: str | None = None
    ) -> OperatorError | None:
        """Return ExternalNameConflict when another object comes first with this name.

        `parent` is the id of the parent, where a pass knows it by now. None holds until the next
        await: what was found before one is looked through again after it.
        """
        if rest.key is KeyedBy.CHOSEN_ID or obj.observes_only:
            return None
        refused: set[ObjectKey] = set()
        refused_before = -1
        while refused_before < len(refused):
            refused_before = len(refused)
            for other in self._ahead(obj, rest, binding, parent):
                if self._may_have_it(other) or (
                    other.key not in refused and await self._accounts.admits(other)
                ):
                    return ExternalNameConflict(
                        f"{other.key} came first and claims the same external name "
                        f"{obj.external_name!r}; set another spec.externalName here, or delete "
                        "that object (with spec.deletionPolicy: Retain, so that this one can adopt)"
                    )
                refused.add(other.key)
        return None

    def _ahead(
        self, obj: KubeObject, rest: Rest, binding: Binding, parent: str | None
    ) -> Iterator[KubeObject]:
        """Yield the other objects that come first with this name, if they may live there."""
        for other in self._wanting(obj.key.kind, obj.external_name):
            if other.key == obj.key or not self._has_same_parent(other, obj, rest, parent):
                continue
            if other.observes_only or self._left_it_to_its_owner(other, obj, rest):
                continue
            if self._accounts.identity_of(other) != binding.identity:
                continue
            if not self._accounts.is_believed(other, binding.source):
                continue
            if self._claim(other) < self._claim(obj):
                yield other

    def _wanting(self, kind: str, name: str) -> Iterator[KubeObject]:
        """Yield who has a name by what it says now, or is about to put it on record.

        Race: the account of the second may have got another prefix since its pass began.
        """
        found = set()
        for each in self._cache.claimants(kind, name):
            found.add(each.key)
            yield each
        for key, (taken, _) in list(self._taking.items()):
            each_taking = self._cache.get(key) if key.kind == kind and taken == name else None
            if each_taking is not None and key not in found:
                yield each_taking

    def _claim(self, obj: KubeObject) -> tuple[bool, bool, bool, str, str]:
        """Return what orders claims of one name: who has the resource, who had it, who is older.

        A name that only a status tells of counts less than one that a spec or an account gives.

        Race: creation times count full seconds. Of two objects of one second the one that comes
        second must not take over what the first has made already.
        """
        has, had = self._may_have_it(obj), self._may_have_had_it(obj)
        return not has, obj.is_name_in_doubt, not had, *obj.seniority

    def _may_have_it(self, obj: KubeObject) -> bool:
        if obj.key in self._taking or self._may_be_recorded(obj):
            return True
        # A restored record counts less than any other until a look has confirmed it.
        return bool(obj.is_in_charge or obj.creation) and not obj.is_heir

    def _may_have_had_it(self, obj: KubeObject) -> bool:
        """Whether a restored record tells of the resource, or this process alone knows of it.

        Who was deleted and restored is younger than those that wait for its name, and they would
        take over what it had. They have nothing to show. The status of who has it may be lost
        just then: it must not come after a restored record that somebody made up.
        """
        memory = self._memory.peek(obj.key)
        is_held = memory is not None and memory.uid == obj.uid and memory.held.is_known
        return is_held or bool(obj.is_heir and (obj.is_in_charge or obj.creation))

    def _may_be_recorded(self, obj: KubeObject) -> bool:
        """Whether a write that was not answered may have put a mark or a resource on record.

        Its next pass reads what became of it.
        """
        memory = self._memory.peek(obj.key)
        if memory is None or memory.uid != obj.uid or not memory.conflicts.is_unsure:
            return False
        return memory.sent.create is not None or memory.held.is_known

    def _left_it_to_its_owner(self, other: KubeObject, obj: KubeObject, rest: Rest) -> bool:
        """Whether another object saw that what has the name is somebody else's: maybe this one's.

        This one made it before it was restored, with its record or without, and each would wait for
        the other. A look tells, by the record or by a mark; without either only its content could,
        which proves too little. Only who was claimed can have made anything.
        """
        is_recognised = obj.is_heir or (rest.tags_field is not None and obj.is_claimed)
        return is_left_to_its_owner(other) and is_recognised and not self._may_have_it(other)

    def _has_same_parent(
        self, one: KubeObject, other: KubeObject, rest: Rest, parent: str | None
    ) -> bool:
        _, taken = self._taking.get(one.key, ("", None))
        its = taken or one.status.get("parentId")
        return _is_below_same(one, other, rest, its, parent or other.status.get("parentId"))


def may_share_parent(one: KubeObject, other: KubeObject, rest: Rest) -> bool:
    """Whether a name of one object may be the same as that of another, as far as they tell."""
    its, theirs = one.status.get("parentId"), other.status.get("parentId")
    return _is_below_same(one, other, rest, its, theirs)


def _is_below_same(
    one: KubeObject, other: KubeObject, rest: Rest, its: str | None, theirs: str | None
) -> bool:
    if rest.parent is None:
        return True
    if its and theirs:
        return its == theirs
    return one.key.namespace == other.key.namespace and (
        one.spec.get(rest.parent) == other.spec.get(rest.parent)
    )
