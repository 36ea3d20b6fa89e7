"""The start of a pass: what can be known of an object without asking the cloud."""

from dataclasses import replace
from functools import partial

import structlog

from agentrun_operator.core.create import created_body
from agentrun_operator.core.errors import (
    AccessDenied,
    CredentialsNotFound,
    DependencyNotReady,
    InvalidParameter,
    NotGranted,
    OperatorError,
    QuotaExceeded,
    ReferenceNotFound,
    Stalled,
    UnfitReference,
)
from agentrun_operator.core.fields import Reference
from agentrun_operator.core.grants import OBSERVE, Leave
from agentrun_operator.core.identity import AccountIdentity
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.policies import HasStates, ResourceSpec
from agentrun_operator.core.problems import combined, value_problems
from agentrun_operator.core.reaches import Lack
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.wire import applied_paths, encode, encode_resolved
from agentrun_operator.reconcile import facts, named, named_versions, views
from agentrun_operator.reconcile.binding import Binding, check_pin
from agentrun_operator.reconcile.cautions import caution
from agentrun_operator.reconcile.claims import Claims
from agentrun_operator.reconcile.context import Context
from agentrun_operator.reconcile.deletion_event import may_have_gone_out
from agentrun_operator.reconcile.holds import held_by
from agentrun_operator.reconcile.parents import look_for_parent
from agentrun_operator.reconcile.parsing import parse_spec
from agentrun_operator.reconcile.plan import Plan, Prepared
from agentrun_operator.reconcile.ports import Json
from agentrun_operator.reconcile.redactors import Redactors
from agentrun_operator.reconcile.target import Target, tag_for
from agentrun_operator.reconcile.world import World

log = structlog.get_logger(__name__)

_MISTAKES = (CredentialsNotFound, AccessDenied, Stalled)
"""Errors that no time mends: whatever else is wrong is told along with them."""

_MAX_RECORD_CHARS = 256 * 1024
"""Of the paths in `status.applied`: the cluster takes no object with more than about 1.5 MB."""


class Preparation:
    """Parses the spec, binds the account, resolves references and encodes the desired state."""

    def __init__(self, world: World, claims: Claims, redactors: Redactors) -> None:
        """Work on one world."""
        self._world = world
        self._redactors = redactors
        self._claims = claims

    async def prepare(self, ctx: Context) -> Prepared:
        """Return what can be known without the cloud: a `Plan`, or less and what blocks it."""
        spec = _parsed(ctx.kind, ctx.obj)
        if isinstance(spec, InvalidParameter):
            known = Prepared(blocked=spec, deadline_seconds=self._deadline(ctx.obj, None))
        else:
            known = Prepared(spec=spec, deadline_seconds=self._deadline(ctx.obj, spec))
        if ctx.obj.deleting:
            return await self._for_deletion(ctx, known)
        if ctx.obj.paused_until(ctx.started_at) is not None:
            return known
        if isinstance(spec, InvalidParameter):
            return replace(known, blocked=await self._with_references(ctx, None, spec))
        if (refusal := self._crowded_out(ctx.obj)) is not None:
            return replace(known, blocked=refusal)
        return await self._for_life(ctx, known, spec)

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

    async def _for_life(self, ctx: Context, known: Prepared, spec: ResourceSpec) -> Prepared:
        try:
            binding = await self._world.accounts.bind(ctx.obj)
            known = replace(known, binding=binding)
            leave = await self._world.accounts.leave(ctx.obj, binding.source)
            named.check_prefixed(ctx.kind, ctx.obj, binding.source)
            self._check_named(ctx, binding)
            elsewhere = check_pin(ctx.obj, binding)
            conflict = elsewhere or await self._claims.conflict(ctx.obj, ctx.rest, binding)
        except OperatorError as error:
            return replace(known, blocked=await self._with_references(ctx, spec, error))
        if elsewhere is not None:
            # What its references lead to lives where the resource does, and would differ too.
            told = await self._with_references(ctx, spec, elsewhere)
            return replace(known, conflict=told)
        if conflict is not None:
            lacking = self._world.grants.lacking(ctx.obj, binding, leave)
            # What a resource has already, only a look tells.
            is_new = not (ctx.obj.is_in_charge or ctx.obj.awaits_answer)
            ungranted = [lack.error for lack in lacking] if is_new else []
            told = await self._with_references(ctx, spec, conflict, *ungranted, binding=binding)
            return replace(known, lacking=lacking, conflict=told)
        return await self._whole(ctx, known, spec, binding, leave)

    def _check_named(self, ctx: Context, binding: Binding) -> None:
        """Ask for nothing by a name that only the status tells; what to delete a mark may tell.

        Raises:
            ImmutableFieldChanged: the account never put that before names, by what it says.
        """
        error = named.doubt(self._world.cache, ctx.obj, binding.source)
        may_be_marked = ctx.obj.deleting and ctx.rest.tags_field is not None
        if error is not None and not may_be_marked:
            raise error

    async def _with_references(
        self,
        ctx: Context,
        spec: ResourceSpec | None,
        *errors: OperatorError,
        binding: Binding | None = None,
    ) -> OperatorError:
        """Tell what else is wrong, where something is that only a human mends.

        The cloud is not asked. What waits is told where the account (`binding`) is usable: without
        it everything waits.
        """
        if not isinstance(errors[0], _MISTAKES):
            return errors[0]
        resolution, unresolved = await self._world.references.resolve(ctx.obj, binding)
        if binding is None:
            unresolved = tuple(e for e in unresolved if not isinstance(e, DependencyNotReady))
        found = [*errors, *unresolved, *self._world.fitness.problems(ctx.obj, binding)]
        if spec is not None:
            found += value_problems(spec, resolution)
        else:
            found += await self._account_problems(ctx)
        return combined(found)

    async def _account_problems(self, ctx: Context) -> list[OperatorError]:
        """Return what is wrong with the account or the name of an object without a valid spec."""
        try:
            binding = await self._world.accounts.bind(ctx.obj)
            named.check_prefixed(ctx.kind, ctx.obj, binding.source)
            self._check_named(ctx, binding)
            conflict = check_pin(ctx.obj, binding)
            conflict = conflict or await self._claims.conflict(ctx.obj, ctx.rest, binding)
        except OperatorError as error:
            return [error] if isinstance(error, _MISTAKES) else []
        return [] if conflict is None else [conflict]

    async def _for_deletion(self, ctx: Context, known: Prepared) -> Prepared:
        known = replace(known, held_by=await held_by(self._world, ctx.obj.key))
        before = facts.snapshot(ctx)
        may_exist = before.ever_created or before.unrecorded
        if not before.claimed or not may_exist or known.held_by:
            return known
        is_kept = before.policies.retain and not before.creation_unknown
        if is_kept and not may_have_gone_out(ctx.obj, ctx.memory):
            return known
        try:
            binding = await self._world.accounts.bind_for_deletion(
                ctx.obj, is_known=ctx.memory.held.is_known
            )
            known = replace(known, binding=binding)
            self._check_named(ctx, binding)
            leave = await self._world.accounts.leave(ctx.obj, binding.source)
            parent, is_parent_made = await self._last_parent(ctx, binding)
        except OperatorError as error:
            return replace(known, blocked=error)
        known = replace(known, blocked=None)
        if before.unrecorded or ctx.obj.is_heir:
            conflict = await self._claims.conflict(ctx.obj, ctx.rest, binding)
            known = replace(known, conflict=conflict)
        spec = known.spec
        if before.creation_unknown and spec is not None:
            whole = await self._whole(ctx, known, spec, binding, leave)
            if isinstance(whole, Plan):
                return whole
            # What it referred to may be gone already; the mark, the name and the rest still tell.
            log.debug("deleting without references")
            known = replace(known, lacking=whole.lacking)
        desired: Json = {}
        if spec is not None and (before.creation_unknown or _is_told_by_its_content(ctx)):
            found, _ = await self._world.references.resolve(ctx.obj, binding)
            desired = encode_resolved(ctx.kind, spec, found)
        target = self._target(
            ctx, spec, desired, account=binding.identity, parent=parent, digest=None
        )
        sent = target.sent
        if sent is not None and not ctx.obj.was_edited_since_mark():
            # A lost create is recognised by what is remembered of it, and by what the spec says.
            sent = {**target.created, **sent}
        is_parent_made |= target.is_parent_made
        target = replace(target, sent=sent, is_partial=True, is_parent_made=is_parent_made)
        return Plan.of(known, target, leave)

    async def _last_parent(self, ctx: Context, binding: Binding) -> tuple[str | None, bool]:
        """Return what a resource to be deleted lives below, and if a look shows that we made that.

        A status that somebody put in the place of the parent's own does not tell.
        """
        try:
            return self._world.references.last_parent(ctx.obj), False
        except ReferenceNotFound:
            found = await look_for_parent(self._world, ctx.obj, binding.api)
            if found is None:
                raise
            return found.key, found.is_made

    async def _whole(
        self, ctx: Context, known: Prepared, spec: ResourceSpec, binding: Binding, leave: Leave
    ) -> Prepared:
        """Return a plan with the whole desired state, or all that is wrong at once."""
        resolution, unresolved = await self._world.references.resolve(ctx.obj, binding)
        unresolved += self._world.fitness.problems(ctx.obj, binding)
        unresolved += await named_versions.missing(self._world, ctx, binding.api, resolution)
        known = replace(known, lacking=self._world.grants.lacking(ctx.obj, binding, leave))
        refused = self._refused(ctx, known.lacking, binding, leave, is_blocked=bool(unresolved))
        try:
            desired = _encoded(ctx.kind, spec, resolution, (*unresolved, *refused))
            self._redactors.note(ctx, resolution, desired)
            _check_recordable(ctx.kind, desired)
            parent = None
            if ctx.kind.parent is not None:
                reference: Reference = getattr(spec, ctx.kind.parent.attribute)
                parent = resolution.reference(ctx.kind.parent.kind, reference)
        except OperatorError as error:
            return replace(known, blocked=self._cautioned(ctx, spec, error, unresolved, resolution))
        digest = self._world.memory.digest(desired)
        target = self._target(
            ctx, spec, desired, account=binding.identity, parent=parent, digest=digest
        )
        return Plan.of(
            replace(known, desired_digest=digest),
            target,
            leave,
            resolution=resolution,
            write_only_digest=self._world.memory.digest(target.write_only),
        )

    def _cautioned(
        self,
        ctx: Context,
        spec: ResourceSpec,
        error: OperatorError,
        unresolved: tuple[OperatorError, ...],
        resolution: Resolution,
    ) -> OperatorError:
        """Tell also what a resource in use lacks where a reference leads to what cannot serve."""
        unfit = frozenset(e.path for e in unresolved if isinstance(e, UnfitReference))
        if not unfit or not ctx.obj.external_id or ctx.obj.deleting:
            return error
        more = caution(self._world, ctx, spec, resolution, unfit)
        told = type(error)(f"{error.message}{more}")
        told.parts = error.parts
        return told

    def _refused(
        self,
        ctx: Context,
        lacking: tuple[Lack, ...],
        binding: Binding,
        leave: Leave,
        *,
        is_blocked: bool,
    ) -> tuple[NotGranted, ...]:
        """Return which grants are missing for sure; what a resource has already, only a look tells.

        Where something else stands in the way of that look (`is_blocked`), an edit is told of both.
        """
        grants, obj = self._world.grants, ctx.obj
        hidden = grants.refuses_view(obj, binding, leave)
        if hidden is not None:
            # What was shown by a grant that is withdrawn is shown no longer.
            views.hide(ctx)
        elif ctx.obj.observes_only:
            is_lent = grants.lends_view(obj, binding, leave)
            ctx.changes["granted"] = [OBSERVE] if is_lent else None
        # What is immutable can be sent by no edit.
        asked_for = (x for x in lacking if not (x.reach.is_fixed and obj.is_in_charge))
        told = tuple(lack.error for lack in asked_for)
        is_told = not obj.is_observed or obj.ready_reason == NotGranted.reason.value
        if (obj.is_in_charge or obj.awaits_answer) and not (is_blocked and is_told):
            told = ()
        return told if hidden is None else (hidden, *told)

    def _target(
        self,
        ctx: Context,
        spec: ResourceSpec | None,
        desired: Json,
        *,
        account: AccountIdentity,
        parent: str | None,
        digest: bytes | None,
    ) -> Target:
        obj = ctx.obj
        recorded = obj.status.get("externalName") if obj.external_id else None
        sent = ctx.memory.sent.create
        is_changed = sent is not None and sent.digest != digest
        created = desired if spec is None else created_body(ctx.kind, spec, desired)
        return Target(
            kind=ctx.kind,
            rest=ctx.rest,
            obj=obj,
            name=str(recorded or obj.external_name),
            parent=parent,
            chosen_id=obj.chosen_id,
            inherited_id=obj.inherited_id,
            account=account,
            is_parent_made=self._is_parent_made(ctx),
            is_lost=ctx.is_unrecorded and spec is not None and spec.adoption_policy != "Adopt",
            held_id=ctx.memory.held.ident,
            tag=tag_for(self._world.cluster_id, obj),
            desired=desired,
            created=created,
            desired_state=spec.desired_state if isinstance(spec, HasStates) else None,
            ignored=frozenset(spec.ignore_fields if spec else ()),
            sent=None if sent is None else sent.plain if is_changed else created,
            is_partial=is_changed,
            is_others=partial(self._world.records.is_others, obj),
            is_secret_mark=partial(self._redactors.is_secret_mark, ctx),
        )

    def _is_parent_made(self, ctx: Context) -> bool:
        parent = self._world.references.parent_of(ctx.obj) if ctx.rest.parent else None
        if parent is None or parent.is_heir:
            # A predecessor's may be gone, and somebody else's have its name.
            return False
        return parent.status.get("adopted") is False

    def _deadline(self, obj: KubeObject, spec: ResourceSpec | None) -> float:
        settings = self._world.settings
        limits = spec.timeouts if spec else None
        if obj.deleting:
            own, default = "delete_seconds", settings.delete_timeout_seconds
        elif obj.creation or not obj.external_id:
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
    is_below = ctx.is_unrecorded and ctx.kind.parent is not None
    may_be_older = ctx.obj.is_in_charge or ctx.obj.copied_from is not None or is_below
    return may_be_older and not ctx.memory.held.is_known and ctx.rest.tags_field is None


def _check_recordable(kind: ResourceKind, desired: Json) -> None:
    """Refuse before anything is sent what no status could record afterwards."""
    if sum(map(len, applied_paths(kind, desired))) > _MAX_RECORD_CHARS:
        raise InvalidParameter(
            "the spec has more fields than the status can record; put them into fewer, as texts"
        )


def _parsed(kind: ResourceKind, obj: KubeObject) -> ResourceSpec | InvalidParameter:
    try:
        spec = parse_spec(kind, obj)
    except InvalidParameter as error:
        return error
    if not isinstance(spec, ResourceSpec):
        raise TypeError(f"{kind.kind} has no resource policies")
    return spec
