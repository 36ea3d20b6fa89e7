"""A lab that keeps whatever left the process, for a search."""

import base64
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agentrun_operator.core.errors import OperatorError
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.failures import Failures
from agentrun_operator.reconcile.outcome import Outcome, Outcomes
from agentrun_operator.reconcile.ports import Json
from agentrun_operator.reconcile.world import World
from agentrun_operator.telemetry.metrics import PrometheusMetrics
from drift.filled import CANARY
from fakes.cloud import MAIN, OTHER, TEMPORARY, keys_of
from fakes.lab import Lab

KEYS_OF_ACCOUNTS = tuple(
    value
    for account in (MAIN, OTHER, TEMPORARY)
    for name, value in keys_of(account).items()
    if name != "accessKeyId"
)
_BEGINNINGS = (CANARY, *KEYS_OF_ACCOUNTS)
PLANTED = (
    *_BEGINNINGS,
    # What a whole number of groups of three bytes becomes does not depend on what follows.
    *(base64.b64encode(text[: len(text) // 3 * 3].encode()).decode() for text in _BEGINNINGS),
)
"""What must not be found: how each planted value begins, as it is and in base64."""


class Witness(Outcomes):
    """Keeps every error that a pass ended with."""

    seen: list[BaseException]

    def of_error(
        self, error: OperatorError, obj: KubeObject, failures: Failures, now: float
    ) -> Outcome:
        self.seen.append(error)
        return super().of_error(error, obj, failures, now)


class WatchedLab(Lab):
    """Keeps every status that was ever written, and every error."""

    def _world(self) -> World:
        self.witness = Witness(self.settings.backoff, jitter=lambda: 1.0)
        self.witness.seen = []
        return replace(super()._world(), outcomes=self.witness)

    def restart(self) -> None:
        super().restart()
        self.prometheus = PrometheusMetrics()
        self.engine._metrics = self.engine.queue._metrics = self.prometheus
        self.written: list[Any] = []
        tell = self.cluster.notify

        def notify(event: str, raw: Json) -> None:
            self.written.append((raw.get("status"), raw["metadata"]))
            tell(event, raw)

        self.cluster.notify = notify

    def spoken(self) -> dict[str, str]:
        """Return what left the process, by the way it took; the requests themselves aside."""
        errors = [said for error in self.witness.seen for said in _told(error)]
        return {
            "status": str(self.written),
            "events": str(self.cluster.events),
            "connections": str(self.cluster.connections),
            "metrics": self.prometheus.render()[0].decode(),
            "errors": "\n".join(errors),
        }


def _told(error: BaseException) -> Iterator[str]:
    yield from (str(error), repr(error), str(vars(error)))
    yield "".join(traceback.format_exception(error))
    for other in (error.__cause__, error.__context__):
        if other is not None:
            yield from _told(other)


def leaks(*said: tuple[str, str]) -> list[str]:
    return [f"{value} in {place}" for place, text in said for value in PLANTED if value in text]
