"""A pass gives up its worker while it waits, once, and takes back none when it has ended."""

import asyncio

import pytest

from agentrun_operator.reconcile.waiting import Worker, waiting, working


class Log:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.worker = Worker(lambda: self.told.append("give up"), self._back)

    def _back(self) -> None:
        self.told.append("take back")


async def test_nested_waits_are_one() -> None:
    log = Log()
    with working(log.worker), waiting():
        with waiting():
            await asyncio.sleep(0)
        assert log.told == ["give up"]
    assert log.told == ["give up", "take back"]


async def test_outside_of_a_pass_nothing_is_given_up() -> None:
    log = Log()
    with working(log.worker):
        pass
    with waiting():
        await asyncio.sleep(0)
    assert log.told == []


async def test_a_list_that_outlives_its_pass_takes_nothing_back() -> None:
    """Race: the key may be in its next pass by then."""
    log, going_on = Log(), asyncio.Event()

    async def read() -> None:
        with waiting():
            await going_on.wait()

    with working(log.worker):
        reading = asyncio.ensure_future(read())
        await asyncio.sleep(0)
    going_on.set()
    await reading
    assert log.told == ["give up"]


async def test_a_wait_that_fails_is_over() -> None:
    log = Log()
    with working(log.worker):
        with pytest.raises(TimeoutError), waiting():
            raise TimeoutError
        assert log.told == ["give up", "take back"]
