"""What the engine remembers of an object between passes; losing it costs reads, no more."""

import hmac
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.corrections import CorrectedFields
from agentrun_operator.reconcile.failures import Conflicts, Failures
from agentrun_operator.reconcile.held import Held
from agentrun_operator.reconcile.incarnations import Incarnations
from agentrun_operator.reconcile.ineffective import Ineffective
from agentrun_operator.reconcile.looks import Looks
from agentrun_operator.reconcile.published import Published
from agentrun_operator.reconcile.put_off import PutOff
from agentrun_operator.reconcile.reported import Reported
from agentrun_operator.reconcile.sent import ActedOn, Sent
from agentrun_operator.reconcile.transition import Transition


@dataclass(slots=True)
class Memory:
    """What this process remembers of one incarnation of one object."""

    uid: str
    failures: Failures = field(default_factory=Failures)
    looks: Looks = field(default_factory=Looks)
    transition: Transition = field(default_factory=Transition)
    conflicts: Conflicts = field(default_factory=Conflicts)
    held: Held = field(default_factory=Held)
    reported: Reported = field(default_factory=Reported)
    sent: Sent = field(default_factory=Sent)
    acted: ActedOn = field(default_factory=ActedOn)
    ineffective: Ineffective = field(default_factory=Ineffective)
    incarnations: Incarnations = field(default_factory=Incarnations)
    corrected: CorrectedFields = field(default_factory=CorrectedFields)
    published: Published = field(default_factory=Published)
    put_off: PutOff = field(default_factory=PutOff)


@dataclass(slots=True)
class MemoryBank:
    """All memories, and the random key of their digests, which never leaves the process."""

    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _memories: dict[ObjectKey, Memory] = field(default_factory=dict)
    _polled: dict[ObjectKey, None] = field(default_factory=dict)
    """Whose resource is in transition, in the order in which that was noticed."""

    def of(self, key: ObjectKey, uid: str) -> Memory:
        """Return the memory of this incarnation; that of another one is dropped."""
        memory = self._memories.get(key)
        if memory is None or memory.uid != uid:
            memory = self._memories[key] = Memory(uid)
            self._polled.pop(key, None)
        return memory

    def peek(self, key: ObjectKey) -> Memory | None:
        """Return the memory of a key, or None."""
        return self._memories.get(key)

    def in_transition(self) -> list[ObjectKey]:
        """Return whose resource is in transition, without a look at all the others."""
        return list(self._polled)

    def note_polled(self, key: ObjectKey, memory: Memory, *, is_polled: bool) -> None:
        """Note what the last pass of an incarnation says of its resource."""
        memory.transition.is_polled = is_polled
        if self._memories.get(key) is not memory:
            # Race: the object went, or was made anew, while the pass was at work.
            return
        if is_polled:
            self._polled[key] = None
        else:
            self._polled.pop(key, None)

    def overdue(self, now: float) -> list[ObjectKey]:
        """Return whose last look is too long ago; each once, until it is seen again."""
        return [key for key, memory in self._memories.items() if memory.looks.wants_pass(now)]

    def forget(self, key: ObjectKey) -> None:
        """Forget an object that is gone."""
        self._memories.pop(key, None)
        self._polled.pop(key, None)

    def digest(self, value: Any) -> bytes:
        """Return an HMAC of a JSON value, fit to compare and to keep in memory only."""
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
        return hmac.digest(self._key, text.encode(), "sha256")
