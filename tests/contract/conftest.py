"""A simulator on loopback, and the official client pointed at it by its own settings."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agentrun_simulator.server import serve
from agentrun_simulator.settings import Settings
from agentrun_simulator.simulator import Simulator

with warnings.catch_warnings():
    # The official packages warn about themselves when imported; that is not our defect.
    warnings.simplefilter("ignore", DeprecationWarning)
    from alibabacloud_agentrun20250910.client import Client
    from alibabacloud_tea_openapi.utils_models import Config

TRANSITION_SECONDS = 0.05


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Simulator, str]]:
    """A cloud with fast lifecycles on loopback, one per module."""
    simulator = Simulator(Settings(transition_seconds=TRANSITION_SECONDS))
    with serve(simulator) as url:
        yield simulator, url.removeprefix("http://")


@pytest.fixture
def simulator(served: tuple[Simulator, str]) -> Simulator:
    """The cloud, empty."""
    served[0].reset()
    return served[0]


@pytest.fixture
def endpoint(served: tuple[Simulator, str]) -> str:
    """Host and port of the cloud."""
    return served[1]


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
