"""Stands before every call to an account: leadership, the account's breaker, and its budget."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from agentrun_operator.core.errors import (
    AccessDenied,
    Busy,
    CredentialsInvalid,
    ForeignKeys,
    InUse,
    OperatorError,
    QuotaExceeded,
    Throttled,
    Unavailable,
)
from agentrun_operator.core.identity import Locator
from agentrun_operator.core.kind import Rest, Verb
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.breaker import Breaker
from agentrun_operator.reconcile.budget import Budget, calling
from agentrun_operator.reconcile.contact import Contact
from agentrun_operator.reconcile.ports import (
    ClusterForbidden,
    ClusterUnavailable,
    ExternalAPI,
    Json,
    KubeWriter,
    Leadership,
    Lookup,
    Page,
    WriteUnanswered,
)
from agentrun_operator.reconcile.waiting import waiting

T = TypeVar("T")


class LeadershipLost(Exception):
    """Another process may lead by now: nothing may be written any more, and this one must end."""


class GuardedAPI:
    """An `AccountAPI` behind leadership, breaker and budget."""

    def __init__(
        self,
        api: ExternalAPI,
        *,
        budget: Budget,
        breaker: Breaker,
        contact: Contact,
        leadership: Leadership,
    ) -> None:
        """Stand before `api`, whose transport waits for `budget` before each request."""
        self._api = api
        self.budget = budget
        self.breaker = breaker
        self._contact = contact
        self._leadership = leadership
        self._active = 0
        self._is_retired = False
        self._is_closed = False

    @property
    def is_refusing(self) -> bool:
        """Whether some call would be answered with a refusal that is remembered."""
        return self.breaker.is_open

    @property
    def is_calm(self) -> bool:
        """Whether the last call went well, and the API has not asked for fewer calls."""
        return not (self._contact.failures or self.budget.is_throttled)

    def check_turn(self, operation: str) -> None:
        """See `AccountAPI.check_turn`."""
        self.budget.check_turn(operation)

    async def retire(self) -> None:
        """Close the client behind as soon as the calls under way have ended."""
        self._is_retired = True
        if self._active == 0:
            await self.aclose()

    async def find(self, rest: Rest, *, name: str, parent: str | None = None) -> Lookup:
        """See `ExternalAPI.find`."""
        return await self._call(
            f"List{rest.nouns}", lambda: self._api.find(rest, name=name, parent=parent)
        )

    async def read(self, rest: Rest, at: Locator) -> Lookup:
        """See `ExternalAPI.read`."""
        return await self._call(f"Get{rest.noun}", lambda: self._api.read(rest, at))

    async def read_page(
        self,
        rest: Rest,
        *,
        parent: str | None = None,
        partition: Mapping[str, str] | None = None,
        cursor: str | None = None,
    ) -> Page:
        """See `ExternalAPI.read_page`."""
        return await self._call(
            f"List{rest.nouns}",
            lambda: self._api.read_page(rest, parent=parent, partition=partition, cursor=cursor),
        )

    async def create(self, rest: Rest, body: Json, *, parent: str | None = None) -> Json:
        """See `ExternalAPI.create`."""
        return await self._mutate(
            rest.create_operation, lambda: self._api.create(rest, body, parent=parent)
        )

    async def update(self, rest: Rest, at: Locator, body: Json) -> Json:
        """See `ExternalAPI.update`."""
        return await self._mutate(f"Update{rest.noun}", lambda: self._api.update(rest, at, body))

    async def delete(self, rest: Rest, at: Locator) -> bool:
        """See `ExternalAPI.delete`."""
        return await self._mutate(f"Delete{rest.noun}", lambda: self._api.delete(rest, at))

    async def act(self, rest: Rest, at: Locator, verb: Verb) -> None:
        """See `ExternalAPI.act`."""
        await self._mutate(verb.action, lambda: self._api.act(rest, at, verb))

    async def identify(self) -> bool:
        """See `ExternalAPI.identify`; says nothing of what was refused before."""
        return await self._api.identify()

    def keys(self) -> frozenset[str]:
        """See `ExternalAPI.keys`."""
        return self._api.keys()

    async def verify(self) -> None:
        """See `ExternalAPI.verify`; asks the cloud whatever was refused before."""
        await self._observe("verify", self._api.verify)

    async def aclose(self) -> None:
        """Close the client behind."""
        self._is_closed = True
        await self._api.aclose()

    async def _mutate(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        check_leadership(self._leadership)
        with checked_at_sending(lambda: check_leadership(self._leadership)):
            return await self._call(operation, call)

    async def _call(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        self.breaker.check(operation)
        return await self._observe(operation, call)

    async def _observe(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        if self._is_closed:
            # Race: a pass may hold a client that was replaced between two of its calls.
            raise Unavailable(f"{operation}: the keys of the account changed; trying again")
        self._active += 1
        try:
            with waiting(), calling(operation):
                answer = await call()
        except BaseException as error:
            with calling(operation):
                self._note_failure(operation, error)
            raise
        finally:
            self._active -= 1
            if self._is_retired and self._active == 0:
                await self.aclose()
        with calling(operation):
            self.budget.succeeded()
        self.breaker.succeeded(operation)
        self._contact.answered()
        return answer

    def _note_failure(self, operation: str, error: BaseException) -> None:
        """Tell budget, breaker and the account's record what a failure means to them."""
        match error:
            case Throttled(is_ours=False):
                self.budget.throttled(error.retry_after)
                self.breaker.answered()
                self._contact.failed(error)
            case CredentialsInvalid() | ForeignKeys():
                self.breaker.refused(operation, error)
                self._contact.failed(error)
            case Unavailable():
                self.breaker.unanswered()
                self._contact.failed(error)
            case AccessDenied() | QuotaExceeded():
                self.breaker.refused(operation, error)
                self._contact.answered()
            case Busy() | InUse():
                # An answer about the resource is one that keys without a permission do not get.
                self.breaker.permitted(operation)
                self._contact.answered()
            case OperatorError() if not isinstance(error, Throttled):
                self.breaker.answered()
                self._contact.answered()
            case _:
                self.breaker.unsent()


class FencedWriter:
    """A `KubeWriter` that only a leader can use.

    Raises WriteUnanswered for ClusterUnavailable, save ClusterForbidden, which is an answer.
    """

    def __init__(self, writer: KubeWriter, leadership: Leadership) -> None:
        """Stand before `writer`."""
        self._writer = writer
        self._leadership = leadership

    async def add_finalizer(self, obj: KubeObject) -> Json:
        """See `KubeWriter.add_finalizer`."""
        with self._writing():
            return await self._writer.add_finalizer(obj)

    async def remove_finalizer(self, obj: KubeObject) -> None:
        """See `KubeWriter.remove_finalizer`."""
        with self._writing():
            await self._writer.remove_finalizer(obj)

    async def write_status(self, obj: KubeObject, status: Json) -> Json:
        """See `KubeWriter.write_status`."""
        with self._writing():
            return await self._writer.write_status(obj, status)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Let only a leader in, and say of a lost answer that it was one to a write."""
        check_leadership(self._leadership)
        try:
            yield
        except ClusterForbidden:
            raise
        except ClusterUnavailable as error:
            raise WriteUnanswered(str(error)) from error


_check: ContextVar[Callable[[], None] | None] = ContextVar("check_at_sending", default=None)


@contextmanager
def checked_at_sending(check: Callable[[], None]) -> Iterator[None]:
    """Have `check` called when a request made within is about to go out; it may raise."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def about_to_send() -> None:
    """Ask once more, with a connection at hand: waiting for one takes as long as it takes.

    Raises:
        LeadershipLost: this is a mutation, and another process may lead by now.
    """
    check = _check.get()
    if check is not None:
        check()


def check_leadership(leadership: Leadership) -> None:
    """Raise LeadershipLost unless this process may still write."""
    if not leadership.is_valid():
        raise LeadershipLost("the lease has run out; another process may lead by now")
