"""Events that wait to be posted: namespaces in turn, and of each its warnings first.

One namespace whose objects all tell something keeps no other's warning waiting, or out.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from agentrun_operator.reconcile.ports import EventType, Json

MAX_WAITING = 1000
"""Of one namespace."""
MAX_IN_ALL = 2000
"""What is over it, the namespace loses that has most: some 8 MiB of longest messages."""


@dataclass(slots=True)
class _Lanes:
    """What waits of one namespace."""

    warnings: deque[Json] = field(default_factory=deque)
    normals: deque[Json] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self.warnings) + len(self.normals)

    def take(self) -> Json:
        return (self.warnings or self.normals).popleft()

    def drop(self) -> None:
        """Lose the newest one that matters least."""
        (self.normals or self.warnings).pop()


class EventTurns:
    """Holds a bounded number of Events. First come, first served within a lane."""

    def __init__(self) -> None:
        """Start empty."""
        self._namespaces: OrderedDict[str, _Lanes] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return self._count

    def add(self, namespace: str, kind: EventType, event: Json) -> bool:
        """Put an Event at the end of its lane; False: one that waited, or this one, is lost."""
        lanes = self._namespaces.setdefault(namespace, _Lanes())
        (lanes.warnings if kind == "Warning" else lanes.normals).append(event)
        self._count += 1
        if len(lanes) > MAX_WAITING:
            self._drop(namespace)
            return False
        if self._count > MAX_IN_ALL:
            # Of equals the newcomer loses, as others waited before it.
            held = self._namespaces
            self._drop(max(held, key=lambda name: (len(held[name]), name == namespace)))
            return False
        return True

    def take(self) -> Json:
        """Remove and return the next Event; there must be one."""
        namespace = next(iter(self._namespaces))
        lanes = self._namespaces[namespace]
        event = lanes.take()
        self._namespaces.move_to_end(namespace)
        self._end(namespace)
        return event

    def _drop(self, namespace: str) -> None:
        self._namespaces[namespace].drop()
        self._end(namespace)

    def _end(self, namespace: str) -> None:
        """Take in that a namespace has one less."""
        self._count -= 1
        if not self._namespaces[namespace]:
            del self._namespaces[namespace]
