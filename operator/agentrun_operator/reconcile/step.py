"""What a step of a pass is, and which one serves an action."""

from collections.abc import Awaitable, Callable, Iterable, Mapping

from agentrun_operator.reconcile.context import Context
from agentrun_operator.reconcile.decide import Action
from agentrun_operator.reconcile.outcome import Outcome

Step = Callable[[Context], Awaitable[Outcome | None]]
"""Returns the outcome to end the pass with, or None to decide again."""


def merged(tables: Iterable[Mapping[Action, Step]]) -> Mapping[Action, Step]:
    """Return the one step of each action.

    Raises:
        ValueError: an action has no step, or more than one.
    """
    found = [(action, step) for table in tables for action, step in table.items()]
    steps = dict(found)
    if len(steps) != len(found) or set(steps) != set(Action):
        raise ValueError("the tables of steps do not cover each action once")
    return steps
