"""What a step of a pass is, and which one serves an action."""

from collections.abc import Awaitable, Callable, Iterable, Mapping

from agentrun_operator.reconcile.context import Context, Planned, is_planned
from agentrun_operator.reconcile.decide import Action
from agentrun_operator.reconcile.outcome import Outcome

Step = Callable[[Planned], Awaitable[Outcome | None]]
"""Returns the outcome to end the pass with, or None to decide again."""
EarlyStep = Callable[[Context], Awaitable[Outcome | None]]
"""The same, also for a pass that has no target because something is in the way."""


def merged(
    tables: Iterable[Mapping[Action, Step]], early: Iterable[Mapping[Action, EarlyStep]] = ()
) -> Mapping[Action, EarlyStep]:
    """Return the one step of each action.

    Raises:
        ValueError: an action has no step, or more than one.
    """
    found = [(action, _planned(step)) for table in tables for action, step in table.items()]
    found += [(action, step) for table in early for action, step in table.items()]
    steps = dict(found)
    if len(steps) != len(found) or set(steps) != set(Action):
        raise ValueError("the tables of steps do not cover each action once")
    return steps


def _planned(step: Step) -> EarlyStep:
    async def checked(ctx: Context) -> Outcome | None:
        if not is_planned(ctx):
            raise RuntimeError("an action that needs a target was chosen without one")
        return await step(ctx)

    return checked
