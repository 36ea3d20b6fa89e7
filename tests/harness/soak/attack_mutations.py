"""What planted bugs put in place whose faults attacks have found; see `mutations`."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.errors import CredentialsNotFound, OperatorError
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reasons import Reason
from agentrun_operator.reconcile import observe
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.outcome import Outcome
from soak.process import current


def while_observing(obj: KubeObject) -> bool:
    return obj.observes_only


def as_the_account_says(_: Any) -> Any:
    return property(lambda obj: obj.defaults.name_prefix)


def by_nobody(_: Any) -> Any:
    return property(lambda _obj: None)


def no_values(_: Any) -> Any:
    return lambda *_arguments: {}


def once_on_record(obj: KubeObject) -> bool:
    return bool(obj.pin and obj.external_id)


def unwritten(field: str, when: Callable[[KubeObject], bool]) -> Callable[[Any], Any]:
    """Return a change of `write` that leaves a field of the status as it is."""

    def change(write: Any) -> Any:
        async def writing(self: Any, ctx: Any, verdict: Verdict) -> None:
            if when(ctx.obj):
                ctx.changes.pop(field, None)
            await write(self, ctx, verdict)

        return writing

    return change


def half_seen(confirm: Any) -> Any:
    async def confirming(self: Any, ctx: Any) -> Outcome | None:
        was_absent, known = ctx.memory.looks.absent_since is not None, ctx.obj.external_id
        answer: Outcome | None = await confirm(self, ctx)
        found = ctx.observation.resource
        is_back = was_absent or ctx.target.id_of(found) != known
        if known and found and is_back:
            item = {name: value for name, value in found.items() if value not in (None, "")}
            told = observe.from_list(ctx.target, item)
            ctx.observation = replace(ctx.observation, drift=told.drift, removed=told.removed)
            ctx.memory.looks.differs = False
        return answer

    return confirming


def speaks_of_creating(progressing: Any) -> Any:
    def speaking(reason: Reason, *arguments: Any, **options: Any) -> Verdict:
        is_missing = reason is Reason.EXTERNAL_RESOURCE_MISSING
        said: Verdict = progressing(
            Reason.CREATING if is_missing else reason, *arguments, **options
        )
        return said

    return speaking


def never_raised(_: Any) -> Any:
    class NeverRaised(OperatorError):
        pass

    return NeverRaised


def pauses_of_others_ignored(paused_until: Any) -> Any:
    def asking(obj: KubeObject, now: Any) -> Any:
        found = current.get()
        is_other = found is not None and found.obj.key != obj.key
        return None if is_other else paused_until(obj, now)

    return asking


def without_accounts(targets_of: Any) -> Any:
    def answering(self: ObjectCache, obj: KubeObject) -> list[ObjectKey]:
        return [key for key in targets_of(self, obj) if not key.is_account]

    return answering


def only_as_pinned(bind: Any) -> Any:
    async def binding(self: Any, obj: KubeObject, **options: Any) -> Any:
        found = await bind(self, obj, **options)
        if obj.pinned_account not in (None, found.source):
            raise CredentialsNotFound(f"{obj.pinned_account} has no keys")
        return found

    return binding


def placeless(target: Any) -> Any:
    def making(**parts: Any) -> Any:
        return target(**{**parts, "account": None})

    return making


def not_for_good(forget: Any) -> Any:
    def forgetting(self: ObjectCache, key: ObjectKey, uid: str | None = None) -> None:
        known = self.get(key)
        forget(self, key, uid)
        if known is not None:
            self.note_exists(known.uid)

    return forgetting


def whoever_it_is(forget: Any) -> Any:
    return lambda self, key, _uid=None: forget(self, key)


def list_unasked(when: Callable[[KubeObject], bool]) -> Callable[[Any], Any]:
    """Return a change of `ask_list` that believes the reads of some objects alone."""

    def change(ask_list: Any) -> Any:
        async def asking(world: Any, ctx: Any) -> None:
            if not when(ctx.obj):
                await ask_list(world, ctx)

        return asking

    return change


def while_living(obj: KubeObject) -> bool:
    return not obj.deleting


def while_deleting(obj: KubeObject) -> bool:
    return obj.deleting


def found_ignored(refuses_view: Any) -> Any:
    def refusing(self: Any, obj: Any, binding: Any, leave: Any, _found: str | None = None) -> Any:
        return refuses_view(self, obj, binding, leave)

    return refusing


def wherever_it_lives(claim_of: Any) -> Any:
    def claiming(obj: KubeObject, rest: Any) -> Any:
        spec = {name: value for name, value in obj.spec.items() if name != "accountRef"}
        return claim_of(replace(obj, spec=spec), rest)

    return claiming


def whatever_the_parent(claim_of: Any) -> Any:
    return lambda obj, rest: claim_of(obj, rest and replace(rest, parent=None))
