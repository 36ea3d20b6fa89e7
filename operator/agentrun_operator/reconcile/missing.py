"""What a pass does whose resource is missing together with many others of its account."""

from collections.abc import Mapping

from agentrun_operator.core.reasons import Reason
from agentrun_operator.reconcile import edits, outcome, survey
from agentrun_operator.reconcile.clients import OWN_ACCOUNT
from agentrun_operator.reconcile.context import Context, Planned
from agentrun_operator.reconcile.decide import Action
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.settle import Settlement, spread
from agentrun_operator.reconcile.step import Step
from agentrun_operator.reconcile.world import World

_HOLD_SECONDS = 2.0
"""Between two passes that wait for the account to tell it first."""
_LONGEST_HOLD_SECONDS = 60.0
"""It may be paused, or its keys be refused."""


class MissingSteps:
    """The one action of an object in an account whose brake holds."""

    def __init__(self, world: World, settlement: Settlement) -> None:
        """Work on one world."""
        self._world = world
        self._settlement = settlement
        self.table: Mapping[Action, Step] = {Action.AWAIT_RETURN: self.await_return}

    async def await_return(self, ctx: Planned) -> Outcome | None:
        """Say once that nothing follows from the absence, and go on looking."""
        brake, source = self._world.brake, ctx.binding.source
        if source == OWN_ACCOUNT:
            # No object stands for it whose passes would bring it up to date.
            await survey.go_on(self._world, ctx.binding)
            brake.review(source)
        pause = self._pause(ctx)
        is_news = edits.has_to_tell(ctx)
        is_told = ctx.obj.ready_reason == Reason.MASS_ABSENCE.value
        if is_told and not is_news and brake.is_engaged(source):
            # The count moves; a write for each step of it would tell nobody anything.
            return Outcome(None, pause, "requeue_after")
        report = brake.report(source)
        if report is None or not report.is_engaged:
            return Outcome(None, _HOLD_SECONDS, "requeue_after")
        if not (ctx.changes or brake.is_told(source)) and self._may_hold(ctx):
            return Outcome(None, _HOLD_SECONDS, "requeue_after")
        message = f"not found, as is much else of its account. {source}: {report.message}"
        if ctx.obj.deleting:
            verdict = outcome.deleting(Reason.MASS_ABSENCE, message)
        else:
            verdict = outcome.unseen(Reason.MASS_ABSENCE, message, is_news=is_news)
        return Outcome(verdict, pause, "requeue_after")

    def _pause(self, ctx: Planned) -> float | None:
        """Return when to look again; None where a LIST that shows the resource wakes the object."""
        if ctx.binding.source != OWN_ACCOUNT and not ctx.obj.deleting:
            return self._settlement.steady_delay(ctx)
        return spread(self._world.settings.polling.steady_seconds)

    def _may_hold(self, ctx: Context) -> bool:
        absent_since = ctx.memory.looks.absent_since
        return absent_since is None or ctx.now - absent_since < _LONGEST_HOLD_SECONDS
