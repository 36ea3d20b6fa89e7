"""A Prometheus on loopback that scrapes one program of this machine."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import yaml

from controlplane.binaries import PROMETHEUS, ensure
from controlplane.processes import Launcher
from rig.rig import free_port
from rig.waiting import eventually

STEP_SECONDS = 1
"""Between two scrapes, and two points of a graph."""
START_SECONDS = 60.0
_NAME = "prometheus"


class QueryError(Exception):
    """Prometheus did not answer a query; the message has its words."""


@dataclass(frozen=True)
class Series:
    """What a query found for one set of labels.

    Attributes:
        labels: Of the result.
        points: (seconds since the epoch, value), the oldest first; never empty.
        name: What a legend calls it.
    """

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    name: str = ""


class Prometheus(Launcher):
    """A server with one target; a context manager that leaves nothing behind."""

    def __init__(self, target: str, job: str, labels: Mapping[str, str]) -> None:
        """Prepare to scrape `host:port`; every series gets the job and the labels."""
        super().__init__()
        self._scrape = {
            "job_name": job,
            "static_configs": [{"targets": [target], "labels": dict(labels)}],
        }
        self._url = ""

    def start(self) -> None:
        """Start the server and return when it is ready.

        Raises:
            BuildError: there is none, and it cannot be built.
        """
        program = ensure(PROMETHEUS) / _NAME
        self._open(_NAME)
        config = self._home / "prometheus.yml"
        seconds = {"scrape_interval": f"{STEP_SECONDS}s"}
        config.write_text(yaml.safe_dump({"global": seconds, "scrape_configs": [self._scrape]}))
        address = f"127.0.0.1:{free_port()}"
        command = [
            str(program),
            f"--config.file={config}",
            f"--storage.tsdb.path={self._home / 'data'}",
            f"--web.listen-address={address}",
        ]
        self._url = f"http://{address}"
        self._running.start(_NAME, command, self._log(_NAME), env={})
        eventually(self._is_ready, "Prometheus to be ready", seconds=START_SECONDS)

    def query(self, expression: str, start: float, end: float) -> list[Series]:
        """Return what an expression finds between two times.

        Raises:
            QueryError: it does not parse, or cannot be evaluated.
        """
        asked: dict[str, str | float] = {"query": expression, "step": STEP_SECONDS}
        asked |= {"start": start, "end": end}
        answer = httpx.get(f"{self._url}/api/v1/query_range", params=asked, trust_env=False)
        found: dict[str, Any] = answer.json()
        if found["status"] != "success":
            raise QueryError(f"{expression}: {found.get('error')}")
        read = (_series(each) for each in found["data"]["result"])
        return [series for series in read if series.points]

    def _is_ready(self) -> bool:
        self._require_alive(_NAME)
        try:
            return httpx.get(f"{self._url}/-/ready", trust_env=False).is_success
        except httpx.TransportError:
            return False


def _series(found: Mapping[str, Any]) -> Series:
    # A quotient of nothing is no point: Grafana leaves a gap there.
    points = ((float(at), float(value)) for at, value in found["values"])
    return Series(found["metric"], tuple(each for each in points if math.isfinite(each[1])))
