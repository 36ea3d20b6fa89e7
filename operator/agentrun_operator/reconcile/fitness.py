"""Whether what the references of a spec lead to can serve there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agentrun_operator.core.errors import UnfitReference
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reaches import Reach, reaches
from agentrun_operator.core.spec_fields import words_of
from agentrun_operator.reconcile.binding import Binding
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.records import Records


@dataclass(frozen=True, slots=True)
class _Identity:
    """What tells a resource from others of its kind in an account, as far as it is known."""

    key: str = ""
    """What stands in the path of the resource."""
    name: str = ""

    def differs_from(self, other: "_Identity") -> bool:
        """Whether the two are different resources for sure."""
        if self.key and other.key:
            return self.key != other.key
        return bool(self.name and other.name) and self.name != other.name


class Fitness:
    """Compares what references ask for, as it is declared with them, with where they lead."""

    def __init__(
        self, kinds: Mapping[str, ResourceKind], cache: ObjectCache, records: Records
    ) -> None:
        """Look up in a cache what names of objects stand for, and in the records who made it."""
        self._kinds = kinds
        self._cache = cache
        self._records = records

    def problems(self, obj: KubeObject, binding: Binding | None) -> tuple[UnfitReference, ...]:
        """Return what is wrong with where the references of an object lead, each with its path.

        Without a binding nobody can tell whose a resource is that is named itself.
        """
        found = {reach.path: reach for reach in reaches(self._kinds[obj.key.kind], obj.spec)}
        unfit = (each for reach in found.values() for each in self._unfit(obj, reach, binding))
        pairs = ((child, found.get(child.beside)) for child in found.values())
        misplaced = (self._misplaced(obj, *pair, binding) for pair in pairs)
        return (*unfit, *(error for error in misplaced if error is not None))

    def _unfit(
        self, obj: KubeObject, need: Reach, binding: Binding | None
    ) -> Iterator[UnfitReference]:
        """Yield why something that is named has the wrong type or purpose."""
        asked = {} if need.ref is None else need.ref.where
        target = self._target(obj, need, binding) if asked else None
        if target is None:
            return
        for field, words in asked.items():
            given = target.spec.get(field)
            if given is None or given in words or not self._knows(need.kind, field, given):
                continue
            named = "names" if need.name else "leads by its externalName to"
            legal = " or ".join(words)
            yield UnfitReference(
                f"spec.{need.path} {named} {need.kind} {target.key.name!r} with {field} {given}, "
                f"which does not fit there; name one with {field} {legal}",
                path=need.path,
            )

    def _misplaced(
        self, obj: KubeObject, child: Reach, parent: Reach | None, binding: Binding | None
    ) -> UnfitReference | None:
        """Return why something lives below another parent than the one that is named beside it.

        The API takes the two apart, and a call would get no answer, or one of something else.
        """
        target = None if parent is None else self._target(obj, child, binding)
        if parent is None or target is None:
            return None
        told, real = self._parent(obj, parent, binding), self._parent_of(target, parent.kind)
        if not told.differs_from(real):
            return None
        return UnfitReference(
            f"spec.{child.path} leads to {child.kind} {target.key.name!r}, which does not belong "
            f"to what spec.{parent.path} names; correct one of the two",
            path=child.path,
        )

    def _parent(self, obj: KubeObject, named: Reach, binding: Binding | None) -> _Identity:
        """Return what is known of the parent that a reference names."""
        target = self._target(obj, named, binding)
        if target is not None:
            return self._identity(target)
        external = named.external_name
        return _Identity(name=external) if named.by_name else _Identity(key=external)

    def _parent_of(self, target: KubeObject, kind: str) -> _Identity:
        """Return what is known of the parent that an object has."""
        rest = self._kinds[target.key.kind].rest
        named = target.spec.get(rest.parent) if rest is not None and rest.parent else None
        node = named if isinstance(named, Mapping) else {}
        parent = self._cache.get(ObjectKey(kind, target.key.namespace, str(node.get("name"))))
        if parent is not None:
            return self._identity(parent)
        return _Identity(key=str(target.status.get("parentId") or node.get("externalName") or ""))

    def _identity(self, obj: KubeObject) -> _Identity:
        rest = self._kinds[obj.key.kind].rest
        return _Identity("" if rest is None else obj.path_key(rest), obj.recorded_name)

    def _target(self, obj: KubeObject, need: Reach, binding: Binding | None) -> KubeObject | None:
        """Return the object that a reference leads to, also where it names its resource.

        Of other namespaces nothing is told. Below a parent a name alone says too little.
        """
        if need.name:
            return self._cache.get(ObjectKey(need.kind, obj.key.namespace, need.name))
        rest = self._kinds[need.kind].rest
        if binding is None or rest is None or (need.by_name and rest.parent is not None):
            return None
        owners = self._records.owners(need.kind, need.external_name, binding, by_name=need.by_name)
        return next((owner for owner in owners if owner.key.namespace == obj.key.namespace), None)

    def _knows(self, kind: str, field: str, word: str) -> bool:
        """Whether a word of a target is one of ours; nobody here can tell what another fits."""
        words = words_of(self._kinds[kind].spec, field)
        return words is None or words.others is None or word in words.words
