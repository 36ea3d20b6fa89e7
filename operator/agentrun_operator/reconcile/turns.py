"""Whose turn it is among the keys that wait: namespaces in turn, and within each its accounts.

One namespace with a thousand keys, or with hundreds of accounts, gets no more turns than another
with one.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from agentrun_operator.core.identity import ObjectKey


@dataclass(frozen=True, slots=True)
class Flow:
    """Keys that share one turn: those of one account within a namespace."""

    namespace: str
    account: ObjectKey | None = None
    """None: of no account, or the account objects themselves."""


class Turns:
    """Keys that wait in one lane. First come, first served within a flow."""

    def __init__(self) -> None:
        """Start empty."""
        self._namespaces: OrderedDict[str, OrderedDict[Flow, OrderedDict[ObjectKey, None]]]
        self._namespaces = OrderedDict()

    def add(self, flow: Flow, key: ObjectKey) -> None:
        """Put a key at the end of its flow; a flow that had none waits for its first turn."""
        flows = self._namespaces.setdefault(flow.namespace, OrderedDict())
        flows.setdefault(flow, OrderedDict())[key] = None

    def remove(self, flow: Flow, key: ObjectKey) -> None:
        """Drop a key that was added with this flow."""
        flows = self._namespaces[flow.namespace]
        keys = flows[flow]
        del keys[key]
        if not keys:
            del flows[flow]
        if not flows:
            del self._namespaces[flow.namespace]

    def take(self, has_room: Callable[[Flow], bool]) -> tuple[Flow, ObjectKey] | None:
        """Remove and return the next key of a flow that has room; None where there is none.

        Whoever has a turn goes to the end of both rings. Flows without room keep their place.
        """
        for flows in self._namespaces.values():
            for flow, keys in flows.items():
                if has_room(flow):
                    key = next(iter(keys))
                    flows.move_to_end(flow)
                    self._namespaces.move_to_end(flow.namespace)
                    self.remove(flow, key)
                    return flow, key
        return None
