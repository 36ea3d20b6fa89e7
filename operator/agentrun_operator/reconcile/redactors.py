"""Opens what the cloud says to an object: knows which values it may quote, and which it may not.

It may quote whatever the object sent, and whatever those sent that the object refers to; what
signed the requests; and what the resource itself shows of its secret fields. Where any of these
cannot be known, what is freely worded stays closed.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from agentrun_operator.core import tracebacks
from agentrun_operator.core.addresses import is_address, said_anyway
from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.dependencies import SOURCES, dependencies, refers_outside
from agentrun_operator.core.errors import ProviderFailed
from agentrun_operator.core.gate import (
    CloudText,
    Redactor,
    holds_value,
    sealed_in,
    shares_text,
    unsealed,
    with_quote,
)
from agentrun_operator.core.identity import ACCOUNT_KINDS, MAX_MARK, ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.wire import applied_paths
from agentrun_operator.core.write_only import sensitive_texts, texts_in, write_only_paths
from agentrun_operator.reconcile.context import Context, Planned, is_planned
from agentrun_operator.reconcile.known import KEPT_SECONDS
from agentrun_operator.reconcile.ports import Json
from agentrun_operator.reconcile.target import tag_for
from agentrun_operator.reconcile.waiting import waiting
from agentrun_operator.reconcile.world import World

_MANY = 32_768
"""Characters of values; to compare with more takes a thread, so that nobody waits for it."""
_LONG = 2048
"""Characters of the cloud's words; to decode more takes a thread as well, a second for 30,000."""
_MAX_RELATED = 64
"""Objects that one refers to, and those in turn; beyond, they count as unknown."""
_NO_OBJECT = frozenset({*SOURCES.values(), *ACCOUNT_KINDS})

T = TypeVar("T")


class Redactors:
    """Makes the redactors of passes."""

    def __init__(self, world: World) -> None:
        """Know what the world knows."""
        self._world = world
        self._turn = asyncio.Lock()
        self._turns_of = WeakValueDictionary[str, asyncio.Lock]()
        """By namespace."""

    def note(self, ctx: Context, resolution: Resolution, desired: Json) -> None:
        """Take down what a pass is about to send."""
        self._note(ctx.obj, resolution, _unwritten(ctx, desired))

    async def opened(self, ctx: Context, verdict: Verdict, changes: Json) -> tuple[Verdict, Json]:
        """Return a verdict and changes of the status with the words of the cloud that may stand."""
        # An id that holds a value is none, and is left out.
        ident = CloudText(verdict.request_id or "", is_free=False)
        document = {"quote": verdict.quote, "requestId": ident or None, "changes": changes}
        sealed = [*sealed_in(document)]
        if not sealed:
            return verdict, changes
        redactor = await self.of(ctx, is_asked_for_all=any(text.is_free for text in sealed))
        size = sum(text.size for text in sealed)
        place = ctx.obj.key.namespace
        shown = await self._in_turn(place, redactor, size, lambda: unsealed(document, redactor))
        if verdict.quote is not None:
            message = with_quote(verdict.message, shown.get("quote", ""))
            verdict = replace(verdict, message=message, quote=None)
        if shown.get("requestId") != verdict.request_id:
            verdict = replace(verdict, request_id=None)
        return verdict, shown["changes"]

    async def may_publish(self, ctx: Context, address: str) -> bool:
        """Whether a workload may be told an address that AgentRun reports of an object."""
        if not address:
            return True
        if not is_address(address):
            return False
        redactor, related = await self.of(ctx), self._related(ctx.obj)
        names = {key.name for key in related}
        names |= {obj.external_name for obj in related.values() if obj is not None}
        public = self._public(ctx, names)
        return not await self._compare(ctx, shares_text, address, redactor, public)

    async def check_id(self, ctx: Planned, ident: str) -> None:
        """Refuse an id that holds a secret, before a status shows it for the first time.

        The resource can be addressed by nothing else, so it cannot be masked. A ConfigMap, such as
        the one that we publish, may hold it.

        Raises:
            ProviderFailed: it holds a value of a Secret of the object, or of the account's keys.
        """
        public = self._public(ctx, (ctx.target.name, ctx.target.chosen_id))
        if ident in public or ident == ctx.obj.external_id:
            return
        found = ctx.plan.resolution
        values = {v for data in (found.secrets.values() if found else ()) for v in data.values()}
        values |= self._world.clients.keys_of(ctx.binding)
        redactor = Redactor(frozenset(values), is_complete=True)
        if await self._compare(ctx, holds_value, ident, redactor, public):
            raise ProviderFailed(
                f"AgentRun's id of {ctx.kind.kind} {ctx.target.name!r} holds a value of a Secret "
                "that this object or its account uses, and status.externalId would show it; if "
                "that is no secret, put it into the spec or into a ConfigMap, else check the "
                "account's endpoint"
            )

    def is_secret_mark(self, ctx: Context, mark: str) -> bool:
        """Whether a mark on a resource has text of a value that the object or its account sends.

        What would take long to find out, or is not known, counts as one that does. So does what is
        longer than any mark: nobody's operator wrote it.
        """
        if len(mark) > MAX_MARK:
            return True
        key = ctx.obj.key
        if not self._world.known.has_heard_of(key):
            return ctx.has_references
        values = self._world.known.of(key)[0]
        if ctx.plan.binding is not None:
            values |= self._world.clients.keys_of(ctx.plan.binding)
        redactor = Redactor(values, is_complete=True)
        public = (tag_for(self._world.cluster_id, ctx.obj),)
        return redactor.size > _MANY or shares_text(mark, redactor.values, public)

    def _public(self, ctx: Context, names: Iterable[str]) -> tuple[str, ...]:
        """Return names, and what an address of the account says anyway."""
        account = self._world.accounts.identity_of(ctx.obj)
        return (*names, *(said_anyway(account) if account is not None else ()))

    async def _compare(
        self,
        ctx: Context,
        compare: Callable[[str, Collection[str], Collection[str]], bool],
        text: str,
        redactor: Redactor,
        public: Collection[str],
    ) -> bool:
        found = partial(compare, text, redactor.values, public)
        return await self._in_turn(ctx.obj.key.namespace, redactor, len(text), found)

    async def _in_turn(
        self, namespace: str, redactor: Redactor, size: int, compare: Callable[[], T]
    ) -> T:
        if redactor.size <= _MANY and size <= _LONG:
            return compare()
        # One at a time: each takes turns with the event loop for the interpreter, and one of a
        # namespace is next at most. Whoever waits for that keeps no worker, or one namespace's
        # passes would stop all others.
        own = self._turns_of.setdefault(namespace, asyncio.Lock())
        with waiting():
            async with own, self._turn:
                return await asyncio.to_thread(compare)

    async def of(self, ctx: Context, *, is_asked_for_all: bool = True) -> Redactor:
        """Return what is known of the values that the cloud may quote to an object.

        What this process never sent is only read where all of them are asked for.
        """
        values: set[str] = set()
        is_complete = not (ctx.obj.observes_only or _has_unknown_of_others(ctx))
        related = self._related(ctx.obj)
        if len(related) > _MAX_RELATED:
            is_complete = False
        for key, obj in related.items():
            is_new = obj is not None and not self._world.known.has_heard_of(key)
            if obj is not None and is_new and is_complete and is_asked_for_all:
                await self._look_up(obj)
            sent, is_all = self._world.known.of(key)
            values |= sent
            is_complete = is_complete and is_all
            if obj is not None and refers_outside(self._world.kinds[key.kind], obj.spec):
                # No object here has the values of what it names in the cloud.
                is_complete = False
        values.update(_unwritten(ctx, ctx.observation.resource, is_read=True))
        if ctx.plan.binding is not None:
            values |= self._world.clients.keys_of(ctx.plan.binding)
        return Redactor(frozenset(values), is_complete)

    def _related(self, obj: KubeObject) -> Mapping[ObjectKey, KubeObject | None]:
        """Return an object, and what it refers to, and what that does."""
        found: dict[ObjectKey, KubeObject | None] = {obj.key: obj}
        todo = [obj]
        while todo and len(found) <= _MAX_RELATED:
            user = todo.pop()
            for need in dependencies(self._world.kinds[user.key.kind], user.spec):
                key = ObjectKey(need.kind, user.key.namespace, need.name)
                if need.kind in _NO_OBJECT or key in found:
                    continue
                found[key] = target = self._world.cache.get(key)
                if target is not None:
                    todo.append(target)
        return found

    async def _look_up(self, obj: KubeObject) -> None:
        """Read what an object sends that this process did not send itself."""
        found = await self._world.references.sources_of(obj)
        if found is not None:
            maps = (v for data in found.config_maps.values() for v in data.values())
            self._note(obj, found, maps)

    def _note(self, obj: KubeObject, found: Resolution, others: Iterator[str]) -> None:
        secret = (value for data in found.secrets.values() for value in data.values())
        unknown = 0.0
        if found.edited_at is not None and obj.has_record:
            # If it was sent before this process began, nobody says what stood there then.
            spent = (self._world.clock.now() - found.edited_at).total_seconds()
            unknown = max(0.0, KEPT_SECONDS - spent)
        self._world.known.note(obj.key, (*secret, *others), unknown_seconds=unknown)


def _unwritten(ctx: Context, body: Mapping[str, Any], *, is_read: bool = False) -> Iterator[str]:
    """Yield the texts of a body that stand where a secret may, but what the spec itself shows.

    Who may read the status may read the spec. An ordinary message is full of such words: a region,
    a host, a log level.
    """
    shown = (path for derived in ctx.kind.derived for path in derived.plain)
    written = frozenset(text for path in shown for text in texts_in(ctx.obj.spec.get(path)))
    return (t for t in sensitive_texts(ctx.kind, body, is_read=is_read) if t not in written)


def _has_unknown_of_others(ctx: Context) -> bool:
    """Whether a resource that somebody else made may hold values that no read shows."""
    if not ctx.memory.held.was_adopted(ctx.obj):
        return False
    ours = ctx.target.desired if is_planned(ctx) else {}
    return bool(write_only_paths(ctx.kind) - set(applied_paths(ctx.kind, dict(ours))))


def bug_told(bug: BaseException, redactor: Redactor | None = None) -> str:
    """Return where an exception was raised, and what it says as far as that may be shown.

    It may quote the values that the pass works with, or an answer of the cloud.
    """

    def words(error: BaseException) -> str | None:
        says: str | None = unsealed({"says": CloudText(str(error))}, redactor).get("says")
        return says

    return tracebacks.text_of(bug, words)
