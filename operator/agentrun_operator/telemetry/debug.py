"""/debug: what the engine is busy with, and what stands in its way; names and numbers only.

It names objects of every kind, where metrics name accounts alone, so it is off unless switched on,
and on loopback. Nothing on it is a word of the cloud or a value of a spec: operations, codes and
classes of errors are ours, or short words of HTTP.
"""

import json
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import timestamp
from agentrun_operator.reconcile.contact import Contact
from agentrun_operator.reconcile.guard import GuardedAPI
from agentrun_operator.reconcile.ports import Clock
from agentrun_operator.reconcile.queue import WorkQueue
from agentrun_operator.reconcile.world import World
from agentrun_operator.telemetry.listener import Listener

_OLDEST = 20
_FAILED_KEPT = 50
_USUAL = ("2", "404")
"""Codes, or their beginnings, of what is no failure: absence is an answer."""

Json = dict[str, Any]


class DebugPage:
    """Collects what failed, and shows it with the state of the engine."""

    def __init__(self, clock: Clock) -> None:
        """Show an engine that does not run yet."""
        self._clock = clock
        self._failed: deque[Json] = deque(maxlen=_FAILED_KEPT)
        self._engine: tuple[World, WorkQueue] | None = None

    def attach(self, world: World, queue: WorkQueue) -> None:
        """Show this engine from now on: the process leads."""
        self._engine = world, queue

    def api_called(self, operation: str, code: str) -> None:
        """Remember a call that failed; `code` is an HTTP status, or the name of an error."""
        if not code.startswith(_USUAL):
            at = timestamp(self._clock.now())
            self._failed.append({"at": at, "operation": operation, "code": code})

    def state(self) -> Json:
        """Return all of the page, newest failure first."""
        found: Json = {"leads": self._engine is not None}
        if self._engine is not None:
            world, queue = self._engine
            found["queue"] = _queue(queue)
            found["accounts"] = [
                _account(source, api, world.clients.contacts.of(source))
                for source, api in sorted(world.clients.apis().items())
            ]
        found["failedCalls"] = [*self._failed][::-1]
        return found


class DebugServer(Listener):
    """Serves the page as JSON."""

    def __init__(self, *, host: str, port: int, state: Callable[[], Json]) -> None:
        """Show what `state` returns at each request."""
        self._state = state
        super().__init__(
            host=host,
            port=port,
            pages={"/debug": self._render},
            variables="AGENTRUN_OPERATOR_DEBUG_HOST or AGENTRUN_OPERATOR_DEBUG_PORT",
        )

    async def _render(self, _: web.Request) -> web.Response:
        return web.json_response(self._state(), dumps=lambda found: json.dumps(found, indent=2))


def _queue(queue: WorkQueue) -> Json:
    return {
        "waiting": len(queue),
        "inFlight": queue.in_flight,
        "atWork": queue.at_work,
        "delayed": queue.delayed,
        "oldest": [
            {"object": str(key), "seconds": round(seconds, 1)}
            for key, seconds in queue.oldest(_OLDEST)
        ],
    }


def _account(source: ObjectKey, api: GuardedAPI, contact: Contact) -> Json:
    budget = api.budget
    return {
        "account": str(source),
        "budget": {
            "perSecond": round(budget.per_second, 2),
            "tokens": round(budget.tokens, 1),
            "waiting": budget.waiting,
            "pauseSeconds": round(budget.pause_seconds, 1),
            "throttled": [
                {
                    "namespace": scope.tenant,
                    "operation": scope.operation,
                    "seconds": round(seconds, 1),
                }
                for scope, seconds in budget.refused()
            ],
        },
        "breaker": [
            {
                "namespace": each.namespace,
                "operation": each.operation,
                "error": each.error,
                "seconds": round(each.seconds, 1),
            }
            for each in api.breaker.remembered()
        ],
        "failuresInARow": contact.failures,
        "failingSince": _time(contact.failing_since),
        "lastAnswer": _time(contact.last_answer),
        "error": None if contact.error is None else type(contact.error).__name__,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)
