"""A simulator on loopback, and the official client pointed at it by its own settings."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from agentrun_simulator.clock import SystemClock
from agentrun_simulator.server import serve
from agentrun_simulator.settings import Settings
from agentrun_simulator.simulator import Simulator

with warnings.catch_warnings():
    # The official packages warn about themselves when imported; that is not our defect.
    warnings.simplefilter("ignore", DeprecationWarning)
    from alibabacloud_agentrun20250910.client import Client
    from alibabacloud_tea_openapi.utils_models import Config


class ForwardClock(SystemClock):
    """The machine's time, which the clients sign with, and what a test adds to it."""

    def __init__(self) -> None:
        self.forward = timedelta()

    def now(self) -> datetime:
        return super().now() + self.forward


@dataclass(frozen=True)
class Served:
    """A cloud on loopback."""

    simulator: Simulator
    clock: ForwardClock
    endpoint: str


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A cloud on loopback, one per module, that answers the same however long a test takes.

    It answers that a change is under way, and when it is asked next the change is done.
    """
    clock = ForwardClock()
    simulator = Simulator(Settings(transition_seconds=0), clock)
    with serve(simulator) as url:
        yield Served(simulator, clock, url.removeprefix("http://"))


@pytest.fixture
def simulator(served: Served) -> Simulator:
    """The cloud, empty."""
    served.simulator.reset()
    return served.simulator


@pytest.fixture
def pass_time(served: Served) -> Iterator[Callable[[float], None]]:
    """Return what moves the cloud's clock by some seconds."""

    def move(seconds: float) -> None:
        served.clock.forward += timedelta(seconds=seconds)

    yield move
    served.clock.forward = timedelta()


@pytest.fixture
def endpoint(served: Served) -> str:
    """Host and port of the cloud."""
    return served.endpoint


@pytest.fixture
def make_client(simulator: Simulator, endpoint: str) -> Callable[..., Any]:
    """Return a function that makes an official client; keywords override its settings."""
    account = simulator.settings.accounts[0]

    def make(**overrides: Any) -> Any:
        settings = {
            "endpoint": endpoint,
            "protocol": "http",
            "region_id": "cn-hangzhou",
            "access_key_id": account.access_key_id,
            "access_key_secret": account.access_key_secret.get_secret_value(),
        }
        return Client(Config(**(settings | overrides)))

    return make


@pytest.fixture
def client(make_client: Callable[..., Any]) -> Any:
    """The official generated client, unmodified."""
    return make_client()
