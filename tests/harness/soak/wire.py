"""How a process reaches the world: every external call passes here, and may be where it dies."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from agentrun_operator.api.credentials import Keys, KeySource
from agentrun_operator.api.errors import unreachable
from agentrun_operator.api.exchange import Answer, Call
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.kube.client import ListExpired
from agentrun_operator.reconcile.guard import about_to_send
from agentrun_operator.reconcile.ports import (
    ClusterForbidden,
    ClusterUnavailable,
    Json,
    ObjectConflict,
    ObjectGone,
)
from fakes.feed import Feed
from fakes.kube_client import InMemoryClient
from fakes.kube_server import KubeServer, NamespaceEndsError, Place
from soak.chance import Chance
from soak.schedule import CrashPoint

T = TypeVar("T")
READ_TIMEOUT_SECONDS = 7.0
"""A third of the real transport's, as all times of `simulation.settings_for`."""
SILENCE_SECONDS = 75.0
"""Half of what the shipped client waits for a bookmark; streams last half as long, too."""


@dataclass(slots=True)
class Later:
    """An answer that takes its time: `deliver` runs so many seconds after the request arrived."""

    seconds: float
    deliver: Callable[[], Any]


@dataclass(slots=True)
class CrashPlan:
    """Where a process is to die: around the nth call whose name matches."""

    pattern: re.Pattern[str]
    is_after: bool
    """After the call took effect and before anybody learns of the answer; else before it."""
    nth: int

    def meets(self, name: str, *, is_after: bool) -> bool:
        """Count a call; return whether this is the one."""
        if is_after != self.is_after or not self.pattern.fullmatch(name):
            return False
        self.nth -= 1
        return self.nth <= 0


@dataclass
class Wire:
    """The network of one process. `on_dead` ends the process whose plan is fulfilled."""

    chance: Chance
    die: Callable[[str], None]
    trace: Callable[[str], None]
    number: Callable[[str], int]
    """Counts a call of a history; returns its number."""
    crash: CrashPoint | None = None
    """Where the process dies, if the call of that number is its own."""
    latency_seconds: float = 0.05
    plan: CrashPlan | None = None
    is_alive: bool = True
    freezes: list[tuple[float, float]] = field(default_factory=list)
    """From when to when it stood still, or is to."""
    calls: int = 0
    unanswered: dict[ObjectKey, float] = field(default_factory=dict)
    """When a write to an object was last applied without its sender learning of it."""
    read: set[ObjectKey] = field(default_factory=set)
    """Secrets that the process got to see."""
    _flying: dict[asyncio.TimerHandle, None] = field(default_factory=dict)

    async def carry(self, name: str, deliver: Callable[[], T | Later]) -> T:
        """Send one request and wait for its answer; an effect does not depend on the sender."""
        loop = asyncio.get_running_loop()
        self._check()
        number = self.number(name)
        self._consider(name, number, is_after=False)
        self.calls += 1
        answer: asyncio.Future[T] = loop.create_future()
        stream = f"latency {name}"
        out = self.chance.between(stream, 0.1, 1.0) * self.latency_seconds
        back = self.chance.between(stream, 0.1, 1.0) * self.latency_seconds
        handle: asyncio.TimerHandle

        def arrive() -> None:
            self._flying.pop(handle, None)
            self._arrived((name, number), deliver, answer, back)

        handle = loop.call_later(out, arrive)
        self._flying[handle] = None
        try:
            return await answer
        finally:
            self._check()

    def freeze(self, seconds: float) -> None:
        """Stand still, as under SIGSTOP: answers, events and alarms are noticed only afterwards."""
        now = asyncio.get_running_loop().time()
        before = [(begin, min(end, now)) for begin, end in self.freezes]
        self.freezes = [*before, (now, now + seconds)]

    @property
    def frozen_until(self) -> float:
        return self.freezes[-1][1] if self.freezes else 0.0

    def awake_since(self, at: float) -> float:
        """Return for how many seconds since a time it did not stand still."""
        now = asyncio.get_running_loop().time()
        still = (min(end, now) - max(begin, at) for begin, end in self.freezes)
        return now - at - sum(seconds for seconds in still if seconds > 0.0)

    async def thaw(self) -> None:
        """Return when the process runs; frozen, it notices nothing."""
        while (left := self.frozen_until - asyncio.get_running_loop().time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)

    def _arrived(
        self,
        call: tuple[str, int],
        deliver: Callable[[], Any],
        answer: asyncio.Future[Any],
        back: float,
    ) -> None:
        loop = asyncio.get_running_loop()
        error: Exception | None = None
        result: Any = None
        try:
            result = deliver()
        except Exception as problem:  # noqa: BLE001 - carried to the caller as it is
            error = problem
        if isinstance(result, Later):
            later = result.deliver
            if result.seconds > READ_TIMEOUT_SECONDS:
                timeout = httpx.ReadTimeout("no answer")
                loop.call_later(READ_TIMEOUT_SECONDS, _settle, answer, None, timeout)
            loop.call_later(result.seconds, self._arrived, call, later, answer, back)
            return
        if self.is_alive:
            self._consider(*call, is_after=True)
        due = max(loop.time() + back, self.frozen_until)
        loop.call_at(due, _settle, answer, result, error)

    def _consider(self, name: str, number: int, *, is_after: bool) -> None:
        is_planned = self.plan is not None and self.plan.meets(name, is_after=is_after)
        if is_planned or self.crash == CrashPoint(number, is_after):
            self.plan = None
            self.die(f"crash {'after' if is_after else 'before'} {name}")
            if not is_after:
                raise asyncio.CancelledError

    def cut(self) -> None:
        """End the process's part of everything: what it had not sent yet may be lost, or not."""
        self.is_alive = False
        for handle in list(self._flying):
            if self.chance.happens("lost on the way", 0.5):
                handle.cancel()
        self._flying.clear()

    def _check(self) -> None:
        if not self.is_alive:
            raise asyncio.CancelledError


def _settle(answer: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
        answer.exception()  # read here, or a dead caller's would be reported as never retrieved
    else:
        answer.set_result(result)


# ---------------------------------------------------------------- Kubernetes


@dataclass(slots=True)
class KubeFault:
    """What the API server does to the next calls whose name matches."""

    pattern: re.Pattern[str]
    status: int
    applied: bool
    times: int


class SimulatedKubeClient(InMemoryClient):
    """Every request passes the wire of a process, and may meet a fault."""

    def __init__(
        self,
        wire: Wire,
        server: KubeServer,
        faults: list[KubeFault],
        on_write: Callable[[str, Place, Any], None],
        watch_delay: Callable[[], float],
    ) -> None:
        super().__init__(server)
        self._wire = wire
        self._faults = faults
        self._on_write = on_write
        self._watch_delay = watch_delay

    def watch(
        self, path: str, *, version: str, seconds: int, **_: object
    ) -> AsyncGenerator[Json, None]:
        return self.stream(path, version=version, seconds=seconds / 2, patience=SILENCE_SECONDS)

    async def stream(
        self, path: str, *, version: str, seconds: float, patience: float
    ) -> AsyncGenerator[Json, None]:
        """See `Feed.events`; opening it is a call like any other."""
        place = Place.of(path)
        feed: Feed = await self._call(
            f"watch {place.kind}",
            place,
            lambda: self._at.watch(place, int(version), self._watch_delay),
        )
        async with aclosing(
            feed.events(int(version), seconds=seconds, patience=patience)
        ) as events:
            async for event in events:
                await self._wire.thaw()
                yield event

    async def _call(self, name: str, place: Place, apply: Callable[[], T], body: Any = None) -> T:
        def deliver() -> T:
            fault = self._fault(name)
            if fault is not None and not fault.applied:
                self._wire.trace(f"  kube fault {fault.status} on {name}")
                raise _refusal(fault.status, name)
            if body is not None:
                self._on_write(name, place, body)
            try:
                answer = apply()
            except NamespaceEndsError as error:
                raise ClusterForbidden(f"{name}: HTTP 403: {error} is being deleted") from None
            if fault is not None:
                self._wire.trace(f"  kube fault {fault.status} after {name}")
                self._wire.unanswered[place.key] = asyncio.get_running_loop().time()
                raise _refusal(fault.status, name)
            if name == "get Secret":
                self._wire.read.add(place.key)
            return answer

        about_to_send()
        return await self._wire.carry(name, deliver)

    def _fault(self, name: str) -> KubeFault | None:
        is_read = name.startswith(("get ", "list ", "watch "))
        for fault in self._faults:
            # Only writes conflict, only lists and watches expire. What a read does not find is not
            # there, and is no fault.
            expires = name.startswith(("list ", "watch "))
            possible = {404: not is_read, 409: not is_read, 410: expires}
            is_possible = possible.get(fault.status, True)
            if is_possible and fault.pattern.fullmatch(name):
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
                return fault
        return None


def _refusal(status: int, name: str) -> Exception:
    if status == 404:
        return ObjectGone(f"{name}: HTTP 404")
    if status == 409:
        return ObjectConflict(f"{name}: HTTP 409")
    if status == 410:
        return ListExpired(f"{name}: HTTP 410")
    return ClusterUnavailable(f"{name}: HTTP {status}")


# ---------------------------------------------------------------- the cloud


class SimulatedTransport:
    """`api.transport.Transport` without a network: one account's calls to the simulator."""

    def __init__(
        self,
        wire: Wire,
        acquire: Callable[[], Any],
        keys: KeySource,
        answer: Callable[[Keys, Call], Answer | Later],
        sending: Callable[[Call], None],
    ) -> None:
        self._wire = wire
        self._acquire = acquire
        self._keys = keys
        self._answer = answer
        self._sending = sending
        self._signed: frozenset[str] = frozenset()

    async def send(self, call: Call) -> Answer:
        await self._acquire()
        keys = await self._keys.keys()
        self._signed |= keys.texts
        self._sending(call)
        try:
            return await self._wire.carry(call.action, lambda: self._answer(keys, call))
        except (httpx.HTTPError, TimeoutError) as error:
            raise unreachable(call, error) from None

    def keys(self) -> frozenset[str]:
        """Return what signed; a history is over before any of it is too old."""
        return self._signed

    async def aclose(self) -> None:
        """Nothing is open."""
