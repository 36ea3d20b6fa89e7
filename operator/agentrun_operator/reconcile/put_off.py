"""Which call an object had no turn for, although the look before it had one.

A 429 may be about creates alone, say. Each object that waits for its create would look for the
resource whenever it comes back, only to be sent away again; with hundreds of them that is all that
the account's budget is spent on.
"""

from dataclasses import dataclass

from agentrun_operator.core.objects import KubeObject


@dataclass(slots=True)
class PutOff:
    """What the last pass was sent away from after its look; nothing where there is none."""

    operation: str = ""
    _version: tuple[int, bool] = (-1, False)
    _looked_at: float = 0.0

    def note(self, operation: str, obj: KubeObject, now: float) -> None:
        """Remember what a pass that had looked was sent away from."""
        self.operation, self._version, self._looked_at = operation, _version_of(obj), now

    def replaces_look(self, obj: KubeObject, now: float, most_seconds: float) -> bool:
        """Whether another look is worth nothing before there is a turn for what is to follow.

        What exists is looked at as often as it would be in any case, and what was edited anew.
        """
        is_recent = not obj.has_record or now - self._looked_at < most_seconds
        return bool(self.operation) and is_recent and self._version == _version_of(obj)

    def end(self) -> None:
        """Forget it: a look follows."""
        self.operation = ""


def _version_of(obj: KubeObject) -> tuple[int, bool]:
    return obj.generation, obj.deleting
