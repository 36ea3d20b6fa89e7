"""Quiet logs: at their default level, writing them would be a third of the work."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from fakes.log_lines import listening


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Return everything that is logged, at the lowest level and set up as in production."""
    with listening("DEBUG") as said:
        yield said
