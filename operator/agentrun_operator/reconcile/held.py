"""What this process knows of whose a resource is, which no status can prove."""

from dataclasses import dataclass

from agentrun_operator.core.objects import KubeObject


@dataclass(slots=True)
class Held:
    """The resource that this process made, adopted or found on record for one object."""

    ident: str | None = None
    is_adopted: bool = False
    is_untouched: bool = False
    """This process put the finalizer on, and has announced and recorded nothing since."""
    is_released: bool = False
    """Our finalizer was taken away: whatever version of the object comes now, it is old."""
    taken_over: str | None = None
    """Id of the resource whose former owner's mark this process replaced."""

    @property
    def is_known(self) -> bool:
        """Whether there is one."""
        return self.ident is not None

    def has(self, ident: str | None) -> bool:
        """Whether it is the one with this id."""
        return self.ident is not None and self.ident == ident

    def was_adopted(self, obj: KubeObject, ident: str | None = None) -> bool:
        """Whether a resource was there before its object: the one with an id, or the one on record.

        This process knows better than any status. What neither knows was made for the object.
        """
        ident = ident or self.ident or obj.external_id
        if self.has(ident):
            return self.is_adopted
        return obj.external_id == ident and bool(obj.status.get("adopted"))

    def note(self, ident: str, *, is_adopted: bool) -> None:
        """Remember the resource."""
        self.ident, self.is_adopted = ident, is_adopted

    def forget(self) -> None:
        """Forget it: another one follows."""
        self.ident, self.is_adopted = None, False

    def note_claimed(self) -> None:
        """Note that our finalizer was put on just now, before anything existed."""
        self.is_untouched = True

    def note_touched(self) -> None:
        """Note that a resource is announced or on record from now on."""
        self.is_untouched = False
