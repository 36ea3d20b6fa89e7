"""The start of a pass: what can be known of an object without asking the cloud."""

from dataclasses import replace
from functools import partial

import structlog

from agentrun_operator.core.create import created_body
from agentrun_operator.core.errors import (
    CredentialsNotFound,
    DependencyNotReady,
    InvalidParameter,
    NotGranted,
    OperatorError,
    QuotaExceeded,
    ReferenceNotFound,
    UnfitReference,
)
from agentrun_operator.core.fields import Reference
from agentrun_operator.core.grants import OBSERVE
from agentrun_operator.core.ignored import is_within
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.policies import HasStates, ResourceSpec
from agentrun_operator.core.problems import combined, value_problems
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.wire import (
    applied_paths,
    encode,
    encode_resolved,
)
from agentrun_operator.core.write_only import write_only_part, write_only_paths
from agentrun_operator.reconcile import asked, edits, facts, outcome, unanswered
from agentrun_operator.reconcile.binding import Binding, check_pin
from agentrun_operator.reconcile.cautions import caution
from agentrun_operator.reconcile.claims import Claims
from agentrun_operator.reconcile.context import Context
from agentrun_operator.reconcile.farewell import may_have_gone_out
from agentrun_operator.reconcile.parsing import parse_spec
from agentrun_operator.reconcile.ports import Json
from agentrun_operator.reconcile.redactors import Redactors
from agentrun_operator.reconcile.target import Target, tag_for
from agentrun_operator.reconcile.world import World

log = structlog.get_logger(__name__)

_MAX_RECORD_CHARS = 256 * 1024
"""Of the paths in `status.applied`: the cluster takes no object with more than about 1.5 MB."""

_SHOWN = ("externalId", "externalName", "parentId", "account", "atProvider", "drift", "granted")
"""What the status of an object says of a resource that it only observes."""


class Preparation:
    """Parses the spec, binds the account, resolves references and encodes the desired state."""

    def __init__(self, world: World, claims: Claims, redactors: Redactors) -> None:
        """Work on one world."""
        self._world = world
        self._redactors = redactors
        self._claims = claims

    async def prepare(self, ctx: Context) -> None:
        """Find out what can be known without the cloud; what is missing ends up in `blocked`."""
        try:
            ctx.spec = _parse(ctx.kind, ctx.obj)
        except InvalidParameter as error:
            ctx.blocked = error
        ctx.deadline_seconds = self._deadline(ctx)
        if ctx.obj.deleting:
            await self._prepare_deletion(ctx)
        elif facts.snapshot(ctx).paused:
            return
        elif ctx.blocked is None:
            ctx.blocked = self._crowded_out(ctx.obj)
            if ctx.blocked is None:
                await self._prepare_life(ctx)
        else:
            ctx.blocked = await self._with_references(ctx, ctx.blocked)

    def _crowded_out(self, obj: KubeObject) -> OperatorError | None:
        """Refuse what is new in a namespace that has as much as one may have."""
        most = self._world.settings.max_objects_per_namespace
        served = self._world.cache.claimed_in(obj.key.namespace)
        if obj.is_claimed or obj.external_id or served < most:
            return None
        return QuotaExceeded(
            f"namespace {obj.key.namespace!r} has {served} objects of AgentRun, and at most {most} "
            "are served; delete some, use another namespace, or have the operator's administrator "
            "raise AGENTRUN_OPERATOR_MAX_OBJECTS_PER_NAMESPACE"
        )

    async def _prepare_life(self, ctx: Context) -> None:
        try:
            binding = await self._world.accounts.bind(ctx.obj)
            ctx.binding = binding
            ctx.leave = await self._world.accounts.leave(ctx.obj, binding.source)
            ctx.conflict = check_pin(ctx.obj, binding) or await self._claims.conflict(
                ctx.obj, ctx.rest, binding
            )
            if ctx.conflict is None:
                await self._aim(ctx, binding)
        except OperatorError as error:
            ctx.blocked = await self._with_references(ctx, error)
            if ctx.unfit and ctx.obj.external_id:
                told = ctx.blocked
                ctx.blocked = type(told)(f"{told.message}{caution(self._world, ctx)}")
                ctx.blocked.parts = told.parts

    async def _with_references(self, ctx: Context, error: OperatorError) -> OperatorError:
        """Tell what else is wrong, where the account does not exist or the spec makes no sense."""
        if not isinstance(error, CredentialsNotFound) and ctx.spec is not None:
            return error
        ctx.resolution, unresolved = await self._world.references.attempt(ctx.obj, None)
        found = [error, *(e for e in unresolved if not isinstance(e, DependencyNotReady))]
        if ctx.spec is not None:
            found += value_problems(ctx.spec, ctx.resolution)
        else:
            try:
                await self._world.accounts.bind(ctx.obj)
            except CredentialsNotFound as missing:
                found.append(missing)
            except OperatorError:
                log.debug("an account that is not usable is no mistake", object=str(ctx.obj.key))
        return combined(found)

    async def _prepare_deletion(self, ctx: Context) -> None:
        ctx.held_by = await self._world.holds.on(ctx.obj.key)
        before = facts.snapshot(ctx)
        may_exist = before.ever_created or before.unrecorded
        if not before.claimed or not may_exist or before.held_by:
            return
        is_kept = before.policies.retain and not before.creation_unknown
        if is_kept and not may_have_gone_out(ctx.obj):
            return
        try:
            binding = await self._world.accounts.bind_for_deletion(
                ctx.obj, is_proven=ctx.memory.held.is_known
            )
            ctx.binding = binding
            ctx.leave = await self._world.accounts.leave(ctx.obj, binding.source)
            parent = self._world.references.last_parent(ctx.obj)
        except OperatorError as error:
            ctx.blocked = error
            return
        ctx.blocked = None
        if before.unrecorded or ctx.obj.is_heir:
            ctx.conflict = await self._claims.conflict(ctx.obj, ctx.rest, binding)
        try:
            if before.creation_unknown and ctx.spec is not None:
                await self._aim(ctx, binding)
        except OperatorError:
            # What it referred to may be gone already; the mark, the name and the rest still tell.
            log.debug("deleting without references", object=str(ctx.obj.key))
        if ctx.target is None:
            is_told = before.creation_unknown or _is_told_by_its_content(ctx)
            desired = await self._what_is_left(ctx, binding) if is_told else {}
            ctx.target = self._target(ctx, desired, parent)
            self._compare_what_is_left(ctx)

    async def _what_is_left(self, ctx: Context, binding: Binding) -> Json:
        """Return the desired state as far as its references still exist."""
        if ctx.spec is None:
            return {}
        references = self._world.references
        ctx.resolution = await references.resolve(ctx.obj, binding, is_partial=True)
        return encode_resolved(ctx.kind, ctx.spec, ctx.resolution)

    def _compare_what_is_left(self, ctx: Context) -> None:
        """Recognise a lost create by what is remembered of it, and by what the spec still says."""
        sent = ctx.aim.sent
        if sent is not None and not ctx.obj.was_edited_since_mark():
            sent = {**ctx.aim.created, **sent}
        ctx.target = replace(ctx.aim, sent=sent, is_partial=True)

    async def _aim(self, ctx: Context, binding: Binding) -> None:
        spec = ctx.spec
        if spec is None:
            raise RuntimeError("aiming needs a spec")
        ctx.resolution, unresolved = await self._world.references.attempt(ctx.obj, binding)
        ctx.unfit = frozenset(e.path for e in unresolved if isinstance(e, UnfitReference))
        refused = self._refused(ctx, binding, is_blocked=bool(unresolved))
        desired = _encoded(ctx.kind, spec, ctx.resolution, (*unresolved, *refused))
        self._redactors.note(ctx, desired)
        _check_recordable(ctx.kind, desired)
        parent = None
        if ctx.kind.parent is not None:
            reference: Reference = getattr(spec, ctx.kind.parent.attribute)
            parent = ctx.resolution.reference(ctx.kind.parent.kind, reference)
        ctx.desired_digest = self._world.memory.digest(desired)
        ctx.target = self._target(ctx, desired, parent)
        self._compare_write_only(ctx, desired)
        asked.compare(ctx, self._world.memory.digest)
        unanswered.take_up(ctx)

    def _refused(
        self, ctx: Context, binding: Binding, *, is_blocked: bool
    ) -> tuple[NotGranted, ...]:
        """Return which grants are missing for sure; what a resource has already, only a look tells.

        Where something else stands in the way of that look (`is_blocked`), an edit is told of both.
        """
        if ctx.leave is None:
            return ()
        grants, obj = self._world.grants, ctx.obj
        hidden = grants.refuses_view(obj, binding, ctx.leave)
        if hidden is not None:
            # What was shown by a grant that is withdrawn is shown no longer.
            ctx.changes |= dict.fromkeys(_SHOWN)
        elif ctx.obj.observes_only:
            is_lent = grants.lends_view(obj, binding, ctx.leave)
            ctx.changes["granted"] = [OBSERVE] if is_lent else None
        ctx.lacking = grants.lacking(obj, binding, ctx.leave)
        # What is immutable can be sent by no edit.
        asked_for = (x for x in ctx.lacking if not (x.reach.is_fixed and obj.is_in_charge))
        told = tuple(lack.error for lack in asked_for)
        ready = obj.ready
        is_news = obj.observed_generation != obj.generation
        is_told = is_news or ready.get("reason") == NotGranted.reason.value
        if (obj.is_in_charge or obj.awaits_answer) and not (is_blocked and is_told):
            told = ()
        return told if hidden is None else (hidden, *told)

    def _target(self, ctx: Context, desired: Json, parent: str | None) -> Target:
        obj = ctx.obj
        recorded = obj.status.get("externalName") if obj.external_id else None
        sent = ctx.memory.sent.create
        is_changed = sent is not None and sent.digest != ctx.desired_digest
        creates = desired if ctx.spec is None else created_body(ctx.kind, ctx.spec, desired)
        return Target(
            kind=ctx.kind,
            rest=ctx.rest,
            obj=obj,
            name=str(recorded or obj.external_name),
            parent=parent,
            chosen_id=obj.chosen_id,
            inherited_id=obj.inherited_id,
            is_parent_made=self._is_parent_made(ctx),
            held_id=ctx.memory.held.ident,
            tag=tag_for(self._world.cluster_id, obj),
            desired=desired,
            creates=creates,
            desired_state=ctx.spec.desired_state if isinstance(ctx.spec, HasStates) else None,
            ignored=frozenset(ctx.spec.ignore_fields if ctx.spec else ()),
            sent=None if sent is None else sent.plain if is_changed else creates,
            is_partial=is_changed,
            is_others=partial(self._is_others, obj),
            hides=partial(self._redactors.hides, ctx),
        )

    def _is_others(self, obj: KubeObject, ident: str) -> bool:
        """Whether another object of the account has the resource of an id on record.

        Who only observes has no more than seen it, and in another account the id is another one's.
        """
        identity = self._world.accounts.identity_of
        return any(
            not other.observes_only and not other.is_heir and identity(other) == identity(obj)
            for other in self._world.cache.other_recorders(obj.key, ident)
        )

    def _is_parent_made(self, ctx: Context) -> bool:
        parent = self._world.references.parent_of(ctx.obj) if ctx.rest.parent else None
        return parent is not None and parent.status.get("adopted") is False

    def _compare_write_only(self, ctx: Context, desired: Json) -> None:
        """Tell whether what cannot be read back is still what was last sent.

        In one process that is a comparison of digests. After a restart the versions of the Secrets
        that went out stand in for them, and the generation for everything else.
        """
        ignored = ctx.aim.ignored
        part = write_only_part(ctx.kind, desired, ignored) if ctx.rest.updatable else {}
        ctx.write_only_digest = self._world.memory.digest(part)
        if ctx.rest.updatable and ctx.is_recorded:
            ctx.write_only_gone = _gone(ctx, desired)
        known = ctx.memory.sent.write_only
        if not part:
            return
        if known is None:
            sent = {e["name"]: e["version"] for e in ctx.obj.status.get("sentSecrets") or ()}
            versions = dict(ctx.resolution.versions) if ctx.resolution else {}
            # A request to look again is none to send again: it would restart a runtime.
            settled = outcome.was_tried(ctx.obj, None)
            changed = not (settled and sent == versions)
        else:
            changed = known != ctx.write_only_digest
        if changed and ctx.is_recorded:
            ctx.write_only_changed = tuple(sorted(part))

    def _deadline(self, ctx: Context) -> float:
        settings = self._world.settings
        limits = ctx.spec.timeouts if ctx.spec else None
        if ctx.obj.deleting:
            own, default = "delete_seconds", settings.delete_timeout_seconds
        elif ctx.obj.status.get("creation") or not ctx.obj.external_id:
            own, default = "create_seconds", settings.create_timeout_seconds
        else:
            own, default = "update_seconds", settings.update_timeout_seconds
        return float(getattr(limits, own, None) or default)


def _encoded(
    kind: ResourceKind,
    spec: ResourceSpec,
    resolution: Resolution,
    unresolved: tuple[OperatorError, ...],
) -> Json:
    """Return the desired state, or raise everything at once that keeps it from being known."""
    if unresolved:
        raise combined((*unresolved, *value_problems(spec, resolution)))
    try:
        return encode(kind, spec, resolution)
    except ReferenceNotFound as error:
        problems = value_problems(spec, resolution) or (error,)
    raise combined(problems)


def _is_told_by_its_content(ctx: Context) -> bool:
    """Whether an older status may hide what was made since: only its content would tell."""
    is_doubtful = ctx.obj.is_in_charge or ctx.obj.copied_from is not None
    return is_doubtful and not ctx.memory.held.is_known and ctx.rest.tags_field is None


def _check_recordable(kind: ResourceKind, desired: Json) -> None:
    """Refuse before anything is sent what no status could record afterwards."""
    if sum(map(len, applied_paths(kind, desired))) > _MAX_RECORD_CHARS:
        raise InvalidParameter(
            "the spec has more fields than the status can record; put them into fewer, as texts"
        )


def _gone(ctx: Context, desired: Json) -> frozenset[str]:
    """Return the write-only paths that are applied, left the spec, and were not cleared yet."""
    applied = write_only_paths(ctx.kind).intersection(ctx.obj.status.get("applied") or ())
    cleared = ctx.memory.sent.cleared
    if not applied:
        return frozenset()
    done: frozenset[str] = frozenset()
    if cleared is not None and cleared.generation == ctx.obj.generation and not edits.has_news(ctx):
        done = cleared.paths
    gone = applied - done - set(applied_paths(ctx.kind, desired))
    return frozenset(path for path in gone if not is_within(ctx.aim.ignored, path))


def _parse(kind: ResourceKind, obj: KubeObject) -> ResourceSpec:
    spec = parse_spec(kind, obj)
    if not isinstance(spec, ResourceSpec):
        raise TypeError(f"{kind.kind} has no resource policies")
    return spec
