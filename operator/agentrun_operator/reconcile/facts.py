"""What one pass has found out, as the snapshot that `decide` reads."""

from agentrun_operator.core.objects import parse_time
from agentrun_operator.core.policies import ResourceSpec
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.snapshot import Existence, Ownership, Policies, Snapshot
from agentrun_operator.reconcile import absence, edits, endings, heads, leave
from agentrun_operator.reconcile.context import Context, is_planned


def snapshot(ctx: Context) -> Snapshot:
    """Return what is known now, as `decide` reads it."""
    obj = ctx.obj
    creation = obj.creation
    return Snapshot(
        deleting=obj.deleting,
        claimed=obj.is_claimed,
        paused=not obj.deleting and obj.paused_until(ctx.started_at) is not None,
        policies=_policies(ctx),
        held_by=ctx.plan.held_by,
        conflict=ctx.plan.conflict,
        blocked=ctx.plan.blocked,
        creation_unknown=obj.awaits_answer or (obj.deleting and ctx.awaits_own_create),
        ever_created=bool(creation) or obj.is_in_charge or _is_remembered(ctx),
        unrecorded=ctx.is_unrecorded or ctx.has_lost_create,
        is_heir=obj.is_heir,
        is_copy=obj.copied_from is not None and not ctx.memory.held.is_known,
        misrecorded=is_misrecorded(ctx),
        adopted=_is_adopted(ctx),
        settled=absence.is_settled(ctx),
        proven=absence.seconds_to_proof(ctx) <= 0,
        missed=ctx.memory.looks.absent_since is not None,
        braked=ctx.is_braked,
        completed=endings.is_completed(ctx),
        refused=edits.is_refused(ctx),
        create_refused=edits.is_refused(ctx) and ctx.memory.sent.refused.is_create,
        edited=edits.is_edited(ctx),
        ungranted=any(leave.pending(ctx)),
        unpublished=heads.is_unpublished(ctx),
        publication_open=heads.announced(ctx) is not None,
        past_deadline=_is_past_deadline(ctx),
        cleared_before=_is_told_uncleared(ctx) or _was_cleared_by_us(ctx),
        observation=edits.seen(ctx),
    )


def _is_remembered(ctx: Context) -> bool:
    """Whether this process made something, or may have, whatever the status says."""
    return ctx.memory.held.is_known or ctx.has_lost_create


def _is_adopted(ctx: Context) -> bool:
    obj, ident = ctx.obj, None
    if obj.awaits_answer and is_planned(ctx) and ctx.observation.existence is Existence.PRESENT:
        # What was adopted before is gone, and with it the reason to retain.
        ident = ctx.target.id_of(ctx.observation.resource)
    return ctx.memory.held.was_adopted(obj, ident)


def is_misrecorded(ctx: Context) -> bool:
    """Whether a look shows that the record on the object is not what is there."""
    seen, obj = ctx.observation, ctx.obj
    is_ours = seen.existence is Existence.PRESENT and seen.ownership is Ownership.OURS
    if not is_ours or not is_planned(ctx) or ctx.obj.observes_only:
        return False
    ident, held = ctx.target.id_of(seen.resource), ctx.memory.held
    if held.has(ident) and held.is_adopted != obj.status.get("adopted"):
        return True
    return not obj.is_in_charge or obj.external_id != ident


def _policies(ctx: Context) -> Policies:
    spec = ctx.plan.spec or ResourceSpec()
    is_granted = leave.needed_to_take(ctx) is None
    return Policies(
        retain=ctx.obj.retains(is_adopted=_is_adopted(ctx)),
        may_adopt=asks_to_adopt(ctx) and is_granted,
        force_adopt=edits.is_forced(ctx) and is_granted,
        observe_only=ctx.obj.observes_only,
        drift=spec.drift_policy,
        delete_adopted=ctx.obj.deletes_adopted,
        restart_ended=endings.is_followed(ctx),
    )


def asks_to_adopt(ctx: Context) -> bool:
    """Whether the object wants to take over what carries nobody's mark."""
    policy = None if ctx.plan.spec is None else ctx.plan.spec.adoption_policy
    return ctx.kind.adopts_by_default if policy is None else policy == "Adopt"


def _is_past_deadline(ctx: Context) -> bool:
    # Of the last write, which an outage does not hide as it hides Ready.
    synced = ctx.obj.condition("Synced") or {}
    if synced.get("reason") == Reason.TIMEOUT.value and ctx.obj.is_observed:
        return True
    started = parse_time(ctx.obj.creation.get("startedAt"))
    if started is not None:
        return (ctx.started_at - started).total_seconds() > ctx.plan.deadline_seconds
    return ctx.memory.transition.exceeds(ctx.plan.deadline_seconds, ctx.now)


def _is_told_uncleared(ctx: Context) -> bool:
    """Whether an edit under Report or Ignore is on record as one that the API does not carry out.

    Such an edit is acted on once. Without the record it would be drift from the next look on, and
    Ignore would call the object Available.
    """
    if ctx.edits is None or ctx.obj.ready_reason != Reason.CANNOT_CLEAR.value:
        return False
    told = {entry.get("path") for entry in ctx.obj.status.get("drift") or ()}
    return not edits.has_news(ctx) and any(d.path in told for d in ctx.observation.removed)


def _was_cleared_by_us(ctx: Context) -> bool:
    cleared = ctx.memory.sent.cleared
    if cleared is None or cleared.generation != ctx.obj.generation:
        return False
    if cleared.token != ctx.obj.request_token:
        # Somebody may have set it meanwhile, and now asks for another try.
        return False
    return any(d.path in cleared.paths for d in ctx.observation.removed)
