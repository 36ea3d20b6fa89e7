"""Ready has a date: when a resource was last seen, and what is said once that is too long ago.

The date in a status is that of its writing: kept up to date it would write a quiet fleet all the
time.
"""

from dataclasses import replace

from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.errors import AccountNotUsable, OperatorError, Throttled, Unavailable
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import timestamp
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.snapshot import Existence
from agentrun_operator.reconcile import edits, outcome
from agentrun_operator.reconcile.clients import OWN_ACCOUNT
from agentrun_operator.reconcile.contact import OUT_OF_REACH
from agentrun_operator.reconcile.context import Context
from agentrun_operator.reconcile.intervals import patience_of
from agentrun_operator.reconcile.looks import wall_time
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.trouble import OUTAGE, Trouble, says_already, trouble_of
from agentrun_operator.reconcile.world import World

_HOLD_SECONDS = 5.0
"""Between two passes that wait for the account to say what is wrong with it."""
_LONGEST_HOLD_SECONDS = 60.0
"""A proof of keys that is not answered takes about half of it."""


class Freshness:
    """Decides what a pass says that could not look."""

    def __init__(self, world: World) -> None:
        """Work on one world."""
        self._world = world

    def failed(self, ctx: Context, error: OperatorError, own: Outcome) -> Outcome:
        """Return what a failed pass ends with; `own` is what its error alone would come to."""
        result = self._judged(ctx, error, own)
        return replace(result, verdict=None) if _is_no_news(ctx, result.verdict) else result

    def _judged(self, ctx: Context, error: OperatorError, own: Outcome) -> Outcome:
        trouble = self._trouble_of(ctx, error)
        if ctx.obj.deleting:
            return self._deleting(ctx, trouble, error, own)
        if not ctx.obj.has_record:
            return own
        if trouble is None:
            return self._own_trouble(ctx, error, own)
        return self._account_trouble(ctx, trouble, own)

    def _account_trouble(self, ctx: Context, trouble: Trouble, own: Outcome) -> Outcome:
        """Return what an object says whose account cannot be used: what all of them say."""
        delay = own.requeue_after or _HOLD_SECONDS
        if trouble.source == OWN_ACCOUNT or not trouble.is_told:
            # No object says so that would ask again, and wake the others when it is over.
            delay = min(delay, self._world.settings.polling.steady_seconds)
        if not trouble.is_told and self._may_hold(ctx):
            return Outcome(None, min(delay, _HOLD_SECONDS), "error")
        is_news = edits.has_to_tell(ctx)
        if not is_news:
            is_told = says_already(ctx.obj, "Unknown", trouble.reason)
            left = float("inf") if is_told else self._seconds_left(ctx, trouble)
            if left > 0:
                return Outcome(None, min(delay, left), "error")
        return self._unseen(ctx, trouble.reason, _story(trouble), delay, is_news=is_news)

    def _own_trouble(self, ctx: Context, error: OperatorError, own: Outcome) -> Outcome:
        """Return what an object says that cannot be looked at although its account answers.

        Or says nothing: one that is to go tells who holds it, and nothing of keys that are wrong.
        """
        is_passing = isinstance(error, Unavailable | Throttled | AccountNotUsable)
        if not is_passing or edits.has_to_tell(ctx):
            return own
        if not _is_blind(ctx):
            # The look went well, and what failed is a write: that is news whatever its date.
            return own
        delay = own.requeue_after or _HOLD_SECONDS
        asked = error.retry_after if isinstance(error, Throttled) else None
        delay = max(asked or 0.0, min(delay, self._world.settings.polling.steady_seconds))
        left = self._seconds_left(ctx, None)
        is_first = ctx.memory.failures.count < outcome.GRACE_FAILURES and left <= 0
        if is_first or left > 0 or says_already(ctx.obj, "Unknown", error.reason):
            return Outcome(None, min(delay, left) if left > 0 else delay, own.result)
        return self._unseen(ctx, error.reason, error.message, delay)

    def _unseen(
        self, ctx: Context, reason: Reason, why: str, delay: float, *, is_news: bool = False
    ) -> Outcome:
        """Return what is said of a resource that nobody could look at for too long."""
        ctx.memory.looks.note_overdue()
        verdict = outcome.unseen(reason, f"{why}; {self._last_seen(ctx)}", is_news=is_news)
        return Outcome(verdict, delay, "error")

    def _deleting(
        self, ctx: Context, trouble: Trouble | None, error: OperatorError, own: Outcome
    ) -> Outcome:
        if own.verdict is None:
            return own
        if trouble is None:
            is_passing = isinstance(error, Unavailable | Throttled) and not ctx.changes
            delay = own.requeue_after
            if isinstance(error, Unavailable) and _is_blind(ctx):
                # As often as in life: what only looks costs little, and somebody waits.
                steady = self._world.settings.polling.steady_seconds
                delay = min(delay or steady, steady)
            is_first = is_passing and ctx.memory.failures.count < outcome.GRACE_FAILURES
            return Outcome(None if is_first else own.verdict, delay, own.result)
        if own.verdict.reason is Reason.DELETION_BLOCKED:
            # It says what to do, which is more than to wait.
            return own
        if not trouble.is_told and not ctx.changes and self._may_hold(ctx):
            return Outcome(None, _HOLD_SECONDS, "error")
        message = f"the deletion waits: {_story(trouble)}"
        return replace(own, verdict=outcome.deleting(trouble.reason, message))

    def _trouble_of(self, ctx: Context, error: OperatorError) -> Trouble | None:
        """Return the account's trouble where that is why the pass failed."""
        if ctx.plan.binding is not None and not isinstance(error, OUT_OF_REACH):
            return None
        if ctx.plan.binding is not None:
            source: ObjectKey | None = ctx.plan.binding.source
        else:
            source = self._world.accounts.source_of(ctx.obj)
        return None if source is None else trouble_of(self._world, source)

    def _may_hold(self, ctx: Context) -> bool:
        since = ctx.memory.failures.since
        return since is None or ctx.now - since < _LONGEST_HOLD_SECONDS

    def _seconds_left(self, ctx: Context, trouble: Trouble | None) -> float:
        """Return how long what was last said of an object still counts; for ever if it ended."""
        if ctx.obj.has_reported_end:
            return float("inf")
        if not ctx.obj.is_ready or (trouble is not None and trouble.is_refusal):
            return 0.0
        seen = ctx.memory.looks.counts_from or 0.0
        if trouble is not None:
            seen = max(seen, self._last_answer(trouble))
        shared = self._world.listings.is_read_by_list(ctx.obj)
        until = seen + patience_of(ctx.obj, self._world.settings.polling, is_shared=shared)
        return until - ctx.now

    def _last_answer(self, trouble: Trouble) -> float:
        """Return from when on the looks at all objects of an account count as missed.

        The same moment for all of them, however their own looks were spread. What is answered after
        the account told of its trouble puts nothing off: it was an answer to something else.
        """
        if not trouble.is_told or trouble.since is None:
            return float("-inf")
        spent = (self._world.clock.now() - trouble.since).total_seconds()
        answered = self._world.clients.contacts.of(trouble.source).answered_at
        return min(answered, self._world.clock.monotonic() - spent)

    def _last_seen(self, ctx: Context) -> str:
        looks, clock = ctx.memory.looks, self._world.clock
        if looks.seen_at is None:
            started = wall_time(clock, looks.known_since or ctx.now)
            return f"not seen since this operator took over at {timestamp(started)}"
        return f"last seen at {timestamp(wall_time(clock, looks.seen_at))}"


def _is_blind(ctx: Context) -> bool:
    """Whether it was a look that failed, and no write."""
    return not ctx.acted and ctx.observation.existence is Existence.NOT_LOOKED


def _story(trouble: Trouble) -> str:
    """Say the same of every object of an account, and the same at every try."""
    since = f" since {timestamp(trouble.since)}" if trouble.since is not None else ""
    if trouble.source == OWN_ACCOUNT:
        return f"the operator's own account cannot be used{since}: {trouble.reason}"
    return f"{trouble.source} is not Ready{since}: {trouble.reason}; see its conditions"


def _is_no_news(ctx: Context, verdict: Verdict | None) -> bool:
    """Whether an object in an outage says already what its pass comes to, in whatever words."""
    if verdict is None or verdict.reason not in OUTAGE or edits.has_to_tell(ctx):
        return False
    synced = ctx.obj.condition("Synced") or {}
    is_synced_told = verdict.is_unseen or verdict.synced == (synced.get("status") == "True")
    return is_synced_told and says_already(ctx.obj, verdict.ready, verdict.reason)
