"""The steps of the engine, by the actions that they serve."""

from collections import Counter

from agentrun_operator.reconcile.decide import Action
from agentrun_operator.reconcile.reconciler import Reconciler
from fakes.lab import Lab


def test_the_tables_cover_each_action_once() -> None:
    tables = Reconciler(Lab().world).step_tables
    assert Counter(action for table in tables for action in table) == Counter(Action)
