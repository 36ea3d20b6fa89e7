"""Which objects had a deletion reach the cloud, so that "left alone" would not be true of them."""

from typing import TYPE_CHECKING

from agentrun_operator.core.objects import KubeObject
from soak.slots import SLOT_OF

if TYPE_CHECKING:
    from soak.simulation import Simulation


class Deletions:
    """Knows when a DELETE of an object's resource was last taken in."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._at: dict[str, float] = {}
        """By uid of the object, in the loop's time."""

    def note(self, uid: str) -> None:
        """Note that a DELETE reached the cloud."""
        self._at[uid] = self._simulation.loop.time()

    def forget(self, uid: str) -> None:
        """Note that the object made a successor of what was deleted."""
        self._at.pop(uid, None)

    def were_sent_for(self, obj: KubeObject) -> bool:
        """Whether one was sent for what the object leaves, and nobody made that since."""
        cloud, slot = self._simulation.cloud, SLOT_OF.get(obj.key)
        record = cloud.resource_of(slot, {}, dict(obj.status)) if slot is not None else None
        owner = cloud.ledger.get(record) if record is not None else None
        made_at = owner.made_at if owner is not None else 0.0
        return obj.uid in self._at and made_at <= self._at[obj.uid]
