"""Which of several objects may have an external name: at most one, and always the same."""

from agentrun_operator.core.errors import ExternalNameConflict, OperatorError
from agentrun_operator.core.kind import KeyedBy, Rest
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.accounts import AccountDirectory
from agentrun_operator.reconcile.binding import Binding
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.changes import is_left_to_its_owner


class Claims:
    """Claims of external names in this cluster."""

    def __init__(self, cache: ObjectCache, accounts: AccountDirectory) -> None:
        """Compare the objects of a cache."""
        self._cache = cache
        self._accounts = accounts

    async def conflict(
        self, obj: KubeObject, rest: Rest, binding: Binding, parent: str | None = None
    ) -> OperatorError | None:
        """Return ExternalNameConflict when another object comes first with this name.

        `parent` is the id of the parent, where a pass knows it by now.

        Race: two passes may find the name free at the same moment, so it is asked again before
        anything follows from the answer.
        """
        if rest.key is KeyedBy.CHOSEN_ID or obj.observes_only:
            return None
        for other in self._cache.claimants(obj.key.kind, obj.external_name):
            if other.key == obj.key or not _same_parent(other, obj, rest, parent):
                continue
            if other.observes_only or _left_it_to_its_owner(other, obj, rest):
                continue
            if self._accounts.identity_of(other) != binding.identity:
                continue
            if not self._accounts.is_believed(other, binding.source):
                continue
            if _claim(other) < _claim(obj) and (
                _may_have_it(other) or await self._accounts.admits(other)
            ):
                return ExternalNameConflict(
                    f"{other.key} came first and claims the same external name "
                    f"{obj.external_name!r}; set another spec.externalName here, or delete that "
                    "object (with spec.deletionPolicy: Retain, so that this one can adopt)"
                )
        return None


def _claim(obj: KubeObject) -> tuple[bool, str, str]:
    """Return what orders claims of one name: who has the resource, then who is older.

    Race: creation times count full seconds. Of two objects of one second the one that comes second
    must not take over what the first has made already.
    """
    return not _may_have_it(obj), *obj.seniority


def _may_have_it(obj: KubeObject) -> bool:
    # A restored record counts less than any other until a look has confirmed it.
    return bool(obj.is_in_charge or obj.status.get("creation")) and not obj.is_heir


def _left_it_to_its_owner(other: KubeObject, obj: KubeObject, rest: Rest) -> bool:
    """Whether another object has seen that what has the name is somebody else's: maybe this one's.

    This one made it before it was restored, with its record or without, and each would wait for the
    other. A look tells, by the record or by a mark; without either only its content could, which
    proves too little. Only who was claimed can have made anything.
    """
    is_recognised = obj.is_heir or (rest.tags_field is not None and obj.is_claimed)
    return is_left_to_its_owner(other) and is_recognised and not _may_have_it(other)


def _same_parent(one: KubeObject, other: KubeObject, rest: Rest, parent: str | None) -> bool:
    if rest.parent is None:
        return True
    its, theirs = one.status.get("parentId"), parent or other.status.get("parentId")
    if its and theirs:
        return bool(its == theirs)
    return one.key.namespace == other.key.namespace and (
        one.spec.get(rest.parent) == other.spec.get(rest.parent)
    )
