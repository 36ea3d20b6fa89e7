"""What this process knows of the versions of one object's resource."""

from dataclasses import dataclass

from agentrun_operator.reconcile.ports import Json


@dataclass(slots=True)
class Published:
    """The last publication; a status that says something else is older, or not written yet."""

    record: Json | None = None
    """`status.published` as this process knows it; None: the status is all that is known."""
    desired: bytes | None = None
    """Digest of the desired state that it stands for, the values of Secrets included."""
    announced: Json | None = None
    """`status.publishing` of a publication that this process sent and had no answer to."""
    absent_since: float | None = None
    """Monotonic time of the first LIST that did not show it once it could come no more."""

    def close(self) -> None:
        """Note that nothing is announced any more: it was answered, found, or given up."""
        self.announced = self.absent_since = None
