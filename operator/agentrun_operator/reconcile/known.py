"""The values that objects sent: now, and in the last hour. The cloud may quote any of them.

Kept in memory and nowhere else, with a bound per namespace and one for all. An object whose values
are more than may be kept counts as unknown, so that nothing freely worded is shown for it; nobody
else pays for that.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import Clock

KEPT_SECONDS = 3600.0
"""An answer may speak of what was rotated before."""
MAX_NAMESPACE_BYTES = 4 * 1024 * 1024
MAX_BYTES = 32 * 1024 * 1024
_CURRENT = float("inf")


@dataclass(slots=True)
class _Text:
    value: str = field(repr=False)
    """One string for all objects that send it."""
    users: int = 0


@dataclass(slots=True)
class _Sent:
    until: dict[str, float] = field(default_factory=dict, repr=False)
    """Value → monotonic time until which it counts."""
    unknown_until: float = float("-inf")
    """Until then values may be quoted that were sent before this process knew of them."""
    has_room: bool = True
    """Whether all of them could be kept."""
    is_gone: bool = False


class KnownValues:
    """What each object sent, by its key: one made anew under a name follows on the one before."""

    def __init__(
        self,
        clock: Clock,
        *,
        namespace_bytes: int = MAX_NAMESPACE_BYTES,
        all_bytes: int = MAX_BYTES,
    ) -> None:
        """Start with none, and room for so many bytes of a namespace and of all of them."""
        self._clock = clock
        self._namespace_bytes = namespace_bytes
        self._all_bytes = all_bytes
        self._sent: dict[ObjectKey, _Sent] = {}
        self._texts: dict[str, dict[str, _Text]] = {}
        """By namespace."""
        self._bytes: dict[str, int] = {}
        self._total = 0
        """Bytes of all namespaces."""

    def note(self, key: ObjectKey, values: Iterable[str], *, unknown_seconds: float = 0.0) -> None:
        """Take down what an object is about to send; what it sent before counts for an hour more.

        Args:
            key: The object.
            values: All that it sends.
            unknown_seconds: For so long others may be quoted, if nothing was known of it before.
        """
        now = self._clock.monotonic()
        known = self._sent.get(key)
        if known is None:
            known = self._sent[key] = _Sent(unknown_until=now + unknown_seconds)
        known.is_gone = False
        current = set(values)
        for value in known.until.keys() - current:
            known.until[value] = min(known.until[value], now + KEPT_SECONDS)
        self._expire(key, known, now)
        fits = [self._keep(key.namespace, known, value) for value in current]
        known.has_room = all(fits)

    def of(self, key: ObjectKey) -> tuple[frozenset[str], bool]:
        """Return what an object may have sent, as far as that is known, and whether that is all."""
        known, now = self._sent.get(key), self._clock.monotonic()
        if known is None:
            return frozenset(), False
        values = frozenset(value for value, until in known.until.items() if until > now)
        return values, known.has_room and now >= known.unknown_until

    def has_heard_of(self, key: ObjectKey) -> bool:
        """Whether anything was taken down of an object."""
        return key in self._sent

    def release(self, key: ObjectKey) -> None:
        """Keep what an object sent that is gone for an hour more."""
        if key in self._sent:
            self.note(key, ())
            self._sent[key].is_gone = True

    def sweep(self, is_there: Callable[[ObjectKey], bool]) -> None:
        """Drop what no longer counts; what an object sent that is not there ends in an hour."""
        now = self._clock.monotonic()
        for key, known in [*self._sent.items()]:
            if not known.is_gone and not is_there(key):
                # Race: a pass may have noted it after `release`.
                self.release(key)
            self._expire(key, known, now)
            if known.is_gone and not known.until:
                del self._sent[key]

    def _keep(self, namespace: str, known: _Sent, value: str) -> bool:
        """Keep a value as one string for all objects of a namespace; False: there is no room."""
        if value not in known.until:
            texts = self._texts.setdefault(namespace, {})
            text = texts.get(value)
            if text is None:
                size = sys.getsizeof(value)
                held = self._bytes.get(namespace, 0)
                is_over = held + size > self._namespace_bytes
                if is_over or self._total + size > self._all_bytes:
                    return False
                self._bytes[namespace] = held + size
                self._total += size
                text = texts[value] = _Text(value)
            text.users += 1
            value = text.value
        known.until[value] = _CURRENT
        return True

    def _expire(self, key: ObjectKey, known: _Sent, now: float) -> None:
        for value in [value for value, until in known.until.items() if until <= now]:
            del known.until[value]
            text = self._texts[key.namespace][value]
            text.users -= 1
            if not text.users:
                del self._texts[key.namespace][value]
                size = sys.getsizeof(text.value)
                self._bytes[key.namespace] -= size
                self._total -= size
        if not self._texts.get(key.namespace):
            self._texts.pop(key.namespace, None)
            self._bytes.pop(key.namespace, None)
