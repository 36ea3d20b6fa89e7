"""Whose turn it is among the keys that wait: namespaces in turn, and within each its accounts.

One namespace with a thousand keys, or with hundreds of accounts, gets no more turns than another
with one. Within a flow, what is nearly done goes first: one object Ready is worth more than two
that are half way.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agentrun_operator.core.identity import ObjectKey

MOST_OVERTAKES = 3
"""So many keys that are nearly done go before one that is not, which then has its turn."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Keys that share one turn: those of one account within a namespace."""

    namespace: str
    account: ObjectKey | None = None
    """None: of no account, or the account objects themselves."""
    is_nearly_done: bool = False
    """Of passes in flight: those that are nearly done are counted apart."""


@dataclass(slots=True)
class _Line:
    """The keys of one flow: what is nearly done, and the others; in both, first come first."""

    nearly_done: OrderedDict[ObjectKey, None] = field(default_factory=OrderedDict)
    others: OrderedDict[ObjectKey, None] = field(default_factory=OrderedDict)
    overtaken: int = 0
    """How many went before the first of the others while that waited."""

    def __bool__(self) -> bool:
        return bool(self.nearly_done or self.others)

    def take(self, flow: Flow, has_room: Callable[[Flow], bool]) -> ObjectKey | None:
        """Remove and return the next key that there is room for; None where there is none."""
        may_begin = bool(self.others) and has_room(flow)
        nearly_done = replace(flow, is_nearly_done=True)
        may_end = bool(self.nearly_done) and has_room(nearly_done)
        if may_begin and (not may_end or self.overtaken >= MOST_OVERTAKES):
            self.overtaken = 0
            return self.others.popitem(last=False)[0]
        if not may_end:
            return None
        # Who has no room is not overtaken.
        self.overtaken += may_begin
        return self.nearly_done.popitem(last=False)[0]


class Turns:
    """Keys that wait in one lane."""

    def __init__(self) -> None:
        """Start empty."""
        self._namespaces: OrderedDict[str, OrderedDict[Flow, _Line]] = OrderedDict()

    def add(self, flow: Flow, key: ObjectKey, *, is_nearly_done: bool = False) -> None:
        """Put a key at the end of its flow; a flow that had none waits for its first turn."""
        flows = self._namespaces.setdefault(flow.namespace, OrderedDict())
        line = flows.setdefault(flow, _Line())
        (line.nearly_done if is_nearly_done else line.others)[key] = None

    def remove(self, flow: Flow, key: ObjectKey) -> None:
        """Drop a key that was added with this flow."""
        line = self._namespaces[flow.namespace][flow]
        keys = line.nearly_done if key in line.nearly_done else line.others
        del keys[key]
        self._drop_if_empty(flow, line)

    def take(self, has_room: Callable[[Flow], bool]) -> tuple[Flow, ObjectKey] | None:
        """Remove and return the next key of a flow that has room; None where there is none.

        `has_room` is asked for what is nearly done and for the others of a flow apart.
        Whoever has a turn goes to the end of both rings. Flows without room keep their place.
        """
        for flows in self._namespaces.values():
            for flow, line in flows.items():
                key = line.take(flow, has_room)
                if key is not None:
                    flows.move_to_end(flow)
                    self._namespaces.move_to_end(flow.namespace)
                    self._drop_if_empty(flow, line)
                    return flow, key
        return None

    def _drop_if_empty(self, flow: Flow, line: _Line) -> None:
        if line:
            return
        flows = self._namespaces[flow.namespace]
        del flows[flow]
        if not flows:
            del self._namespaces[flow.namespace]
