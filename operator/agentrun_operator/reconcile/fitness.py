"""Whether what the references of a spec lead to can serve there."""

from collections.abc import Iterator, Mapping

from agentrun_operator.core.dependencies import Requirement, requirements
from agentrun_operator.core.errors import UnfitReference
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.spec_fields import words_of
from agentrun_operator.reconcile.cache import ObjectCache


class Fitness:
    """Compares what references ask for, as it is declared with them, with where they lead."""

    def __init__(self, kinds: Mapping[str, ResourceKind], cache: ObjectCache) -> None:
        """Look up in a cache what the names in a spec stand for."""
        self._kinds = kinds
        self._cache = cache

    def problems(self, obj: KubeObject) -> tuple[UnfitReference, ...]:
        """Return what is wrong with where the references of an object lead, each with its path."""
        return tuple(self._unfit(obj))

    def _unfit(self, obj: KubeObject) -> Iterator[UnfitReference]:
        """Yield what names an object of the wrong type or purpose."""
        for asked in requirements(self._kinds[obj.key.kind], obj.spec):
            need = asked.need
            target = self._cache.get(ObjectKey(need.kind, obj.key.namespace, need.name))
            given = target.spec.get(asked.field) if target is not None else None
            if given is not None and given not in asked.words and self._knows(asked, given):
                legal = " or ".join(asked.words)
                yield UnfitReference(
                    f"spec.{need.path} names {need.kind} {need.name!r} with {asked.field} {given}, "
                    f"which does not fit there; name one with {asked.field} {legal}",
                    path=need.path,
                )

    def _knows(self, asked: Requirement, word: str) -> bool:
        """Whether a word of a target is one of ours; nobody here can tell what another fits."""
        words = words_of(self._kinds[asked.need.kind].spec, asked.field)
        return words is None or words.others is None or word in words.words
