"""Who waits for whom where words of the cloud take long to compare."""

import asyncio
from typing import cast

from agentrun_operator.core.gate import Redactor
from agentrun_operator.core.identity import MAX_MARK
from agentrun_operator.reconcile.context import Context
from agentrun_operator.reconcile.redactors import Redactors
from agentrun_operator.reconcile.world import World


async def test_namespaces_take_turns_at_long_comparisons() -> None:
    """A namespace with megabytes of values and many failures keeps nobody waiting for all."""
    redactors = Redactors(cast(World, None))  # it asks nobody here
    long, order = Redactor(frozenset({"x" * 40_000}), is_complete=True), list[str]()

    async def compare(namespace: str) -> None:
        await redactors._in_turn(namespace, long, 1, lambda: order.append(namespace))

    await asyncio.gather(*(compare("team-a") for _ in range(5)), compare("team-b"))
    assert order[:2] == ["team-a", "team-b"]
    assert len(order) == 6


def test_a_mark_longer_than_any_is_compared_with_nothing() -> None:
    """Anybody may write one, and each look asks: a tenth of a second for 2,000 characters."""
    redactors, nothing = Redactors(cast(World, None)), cast(Context, None)
    assert redactors.is_secret_mark(nothing, "k8s:c/n/".ljust(MAX_MARK + 1, "x"))
