"""Each action has one step."""

import pytest

from agentrun_operator.reconcile.context import Context
from agentrun_operator.reconcile.decide import Action
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.step import merged


async def step(_: Context) -> Outcome | None:
    return None


def test_each_action_finds_its_step() -> None:
    assert set(merged([dict.fromkeys(Action, step)])) == set(Action)


@pytest.mark.parametrize("action", Action)
def test_an_action_without_a_step_is_refused(action: Action) -> None:
    with pytest.raises(ValueError, match="each action once"):
        merged([{each: step for each in Action if each is not action}])


def test_two_steps_of_one_action_are_refused() -> None:
    with pytest.raises(ValueError, match="each action once"):
        merged([dict.fromkeys(Action, step), {Action.LOOK: step}])
