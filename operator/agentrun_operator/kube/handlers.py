"""What kopf is told: one `on.event` per kind, one login, and settings under which it only watches.

No change handler, timer, daemon or index may ever be added: the no-op storages below would silently
disable their retries, an index makes the start quadratic, and all of them write to users' objects.
"""

import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any

import kopf

from agentrun_operator.core.identity import GROUP, VERSION
from agentrun_operator.core.kind import ResourceKind

Observer = Callable[[str | None, Mapping[str, Any]], None]
"""(event type, raw object): synchronous, fast, never raises.

The type is None for an item of a LIST, else ADDED, MODIFIED or DELETED; the object is what `slim`
returns."""

Login = Callable[[], Awaitable[kopf.AiohttpSession]]

NEVER_SECONDS = 1e9

_METADATA = frozenset(
    {
        *("name", "namespace", "uid", "resourceVersion", "generation"),
        *("creationTimestamp", "deletionTimestamp", "finalizers"),
    }
)
"""What `KubeObject` reads of an object's metadata, annotations aside."""


class CappedBackoffs:
    """Endless delays, doubling up to a cap, jittered; kopf iterates anew for every request.

    A finite tuple would end the process after a minute of 5xx.
    """

    def __init__(self, base: float, cap: float) -> None:
        """Set the first and the longest delay, in seconds."""
        self._base = base
        self._cap = cap

    def __iter__(self) -> Iterator[float]:
        delay = self._base
        while True:
            yield random.uniform(delay / 2, delay)  # noqa: S311 - jitter
            delay = min(self._cap, delay * 2)


class NoProgress(kopf.ProgressStorage):
    """Keeps no handler progress, because there are no handlers that have any."""

    def fetch(self, **_: Any) -> None:
        """Return nothing."""

    def store(self, **_: Any) -> None:
        """Store nothing."""

    def purge(self, **_: Any) -> None:
        """Purge nothing."""

    def touch(self, **_: Any) -> None:
        """Touch nothing: a touch is a write to the user's object."""

    def clear(self, *, essence: Any) -> Any:
        """Return the essence as it is; the default makes a deep copy for every event."""
        return essence


class NoDiffBase(kopf.DiffBaseStorage):
    """Keeps no last-seen state; without it kopf copies and compares every object on every event."""

    def build(self, **_: Any) -> Any:
        """Return an empty essence."""
        return {}

    def fetch(self, **_: Any) -> None:
        """Return nothing."""

    def store(self, **_: Any) -> None:
        """Store nothing: the default writes an annotation with the whole spec."""


def watch_settings() -> kopf.OperatorSettings:
    """Return the settings under which kopf watches and does nothing else.

    Source: measurements on kopf 1.45.2; docs/architecture.md, "What kopf is told", says what each
    line prevents. `persistence.finalizer` stays kopf's own: it removes the finalizer named there.
    """
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.watching.chunk_size = 500
    # An int: the value goes into the URL as it is, and the API server refuses "240.0".
    settings.watching.server_timeout = 240 + random.randint(0, 60)  # noqa: S311 - jitter
    settings.watching.client_timeout = 330.0
    # Race: when this fires while the consumer is suspended, the watcher dies without a trace.
    settings.watching.inactivity_timeout = NEVER_SECONDS
    settings.watching.connect_timeout = 10.0
    settings.watching.reconnect_backoff = 1.0
    settings.networking.request_timeout = 30.0
    settings.networking.connect_timeout = 10.0
    settings.networking.error_backoffs = CappedBackoffs(1.0, 30.0)
    # Until then the last event of each object is held.
    settings.queueing.idle_timeout = 0.05
    settings.queueing.worker_limit = None
    settings.queueing.exit_timeout = 1.0
    settings.persistence.progress_storage = NoProgress()
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.consistency_timeout = 0.0
    # It would SIGKILL the process; the kubelet's grace period is the deadline we live under.
    settings.process.ultimate_exiting_timeout = None
    return settings


def watch_registry(
    kinds: Iterable[ResourceKind], observe: Observer, login: Login
) -> kopf.OperatorRegistry:
    """Return a registry of its own with one event handler per kind, and the login."""
    registry = kopf.OperatorRegistry()

    async def log_in(**_: Any) -> kopf.AiohttpSession:
        return await login()

    kopf.on.login(registry=registry, id="login")(log_in)
    for kind in kinds:
        _register(registry, kind, observe)
    return registry


def _register(registry: kopf.OperatorRegistry, kind: ResourceKind, observe: Observer) -> None:
    async def seen(event: kopf.RawEvent, **_: Any) -> None:
        raw: dict[str, Any] = event["object"]  # type: ignore[assignment]
        observe(event["type"], slim(raw, kind.kind))
        # kopf keeps the event until its worker of the object has been idle for a while.
        for part in ("spec", "status"):
            raw.pop(part, None)

    kopf.on.event(GROUP, VERSION, kind.plural, registry=registry, id=kind.plural)(seen)


def slim(raw: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return what the engine reads of a raw object: of annotations, those that speak to us."""
    metadata = {k: v for k, v in raw["metadata"].items() if k in _METADATA}
    annotations = raw["metadata"].get("annotations") or {}
    if ours := {k: v for k, v in annotations.items() if k.startswith(f"{GROUP}/")}:
        metadata["annotations"] = ours
    slimmed = {"kind": kind, "metadata": metadata}
    return slimmed | {part: raw[part] for part in ("spec", "status") if part in raw}
