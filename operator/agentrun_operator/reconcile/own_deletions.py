"""Which resources this process deleted, whichever object asked for it."""

from collections.abc import Iterable

from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.slices import in_slices

_Resource = tuple[str, str, str, str]
"""Kind, account id, region and what `status.externalId` records: no other one ever has it."""


class OwnDeletions:
    """Explains absences to the objects that have the resource on record and did not delete it.

    One object may have taken over what several have on record; its deletion says nothing of the
    account. Without this a namespace could engage the brake of a shared account for everybody.
    """

    def __init__(self) -> None:
        """Start without any."""
        self._taken: set[_Resource] = set()

    def note(self, obj: KubeObject, ident: str) -> None:
        """Note that the cloud took the DELETE of the resource that has an id."""
        self._taken.add(_resource(obj, ident))

    def explain(self, obj: KubeObject) -> bool:
        """Whether the resource that an object has on record was deleted by this process."""
        return _resource(obj, obj.external_id or "") in self._taken

    async def keep(self, objects: Iterable[KubeObject | None]) -> None:
        """Forget what none of the objects has on record any more."""
        # Race: what is noted while the objects are gone through stays until the next time.
        noted, kept = frozenset(self._taken), set[_Resource]()
        async for obj in in_slices(objects if noted else ()):
            if obj is not None:
                kept.add(_resource(obj, obj.external_id or ""))
        self._taken -= noted - kept


def _resource(obj: KubeObject, ident: str) -> _Resource:
    pin = obj.pin
    return (obj.key.kind, str(pin.get("accountId")), str(pin.get("region")), ident)
