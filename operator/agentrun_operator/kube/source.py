"""Runs kopf inside our loop as the source of events, and notices when it no longer is one."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Collection, Iterable, Iterator
from http import HTTPStatus

import aiohttp
import kopf
import structlog

from agentrun_operator.core.identity import GROUP, VERSION
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.kube.handlers import Observer, watch_registry, watch_settings
from agentrun_operator.kube.session import close_streams, open_session
from agentrun_operator.kube.watch_ages import WatchAges
from agentrun_operator.reconcile.in_flight import AnswersInFlight

log = structlog.get_logger(__name__)

CHECK_SECONDS = 2.0
START_CHECK_SECONDS = 0.5
BEGIN_SECONDS = 60.0
"""Until kopf must watch everything: it does not look again for a CRD that it did not find."""
STOP_SECONDS = 3.0
_STREAM = "watcher for "
"""What kopf begins the names of its watching tasks with."""
CANCEL_SECONDS = 0.2


class WatchLostError(Exception):
    """Events no longer arrive; only a new process can trust what it knows."""


class Watcher:
    """Feeds every event of the given kinds to an observer.

    Args:
        access: The cluster.
        kinds: What to watch; in a namespaced install, cluster-scoped kinds are left out.
        observe: Called for every event, in the loop; see `Observer`.
        namespaces: Where to watch; empty: the whole cluster.
        answers: What the bytes of all answers are counted in.
        ages: Told of every sign of life of a watch.
    """

    def __init__(
        self,
        *,
        access: ClusterAccess,
        kinds: Iterable[ResourceKind],
        observe: Observer,
        namespaces: tuple[str, ...] = (),
        answers: AnswersInFlight | None = None,
        ages: WatchAges | None = None,
    ) -> None:
        self._answers = answers
        self._ages = ages
        self._access = access
        self._kinds = tuple(k for k in kinds if k.namespaced or not namespaces)
        self._observe = observe
        self._namespaces = namespaces
        self._streams: dict[str, asyncio.Task[object]] = {}
        self._sessions: list[aiohttp.ClientSession] = []

    @property
    def kinds(self) -> tuple[ResourceKind, ...]:
        """What is watched in this kind of install."""
        return self._kinds

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the streams that are not being watched: all of them before the start."""
        return tuple(
            name
            for name in self.expected()
            if (task := self._streams.get(name)) is None or task.done()
        )

    def expected(self) -> list[str]:
        """Return kopf's names of the tasks that watch."""
        return [
            f"{_STREAM}{kind.plural}.{VERSION}.{GROUP}@{namespace}"
            for kind in self._kinds
            for namespace in ((self._namespaces if kind.namespaced else ()) or (None,))
        ]

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set.

        Raises:
            WatchLostError: kopf ended, one of its watchers did, or it does not watch everything.
        """
        flag = asyncio.Event()
        # Not `kopf.operator`: at its end it cancels every younger task of the loop, ours included.
        with _own_signals():
            tasks = await kopf.spawn_tasks(
                registry=watch_registry(self._kinds, self._observe, self._login),
                settings=watch_settings(),
                standalone=True,
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                stop_flag=flag,
            )
        guard = asyncio.create_task(self.guard(), name="watch guard")
        stopper = asyncio.create_task(stop.wait(), name="watch stopper")
        try:
            await asyncio.wait([*tasks, guard, stopper], return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set():
                self._note_streams()
                raise WatchLostError(_why([*self._streams.values(), guard, *tasks]))
        finally:
            flag.set()
            # Order: kopf leaves its streams running when one of them fails.
            self._note_streams()
            await _end([guard, stopper, *tasks, *self._streams.values()])
            self._streams.clear()
            # kopf closes only those that it has used.
            await close_streams(*self._sessions)

    async def _login(self) -> kopf.AiohttpSession:
        """Return a new session.

        A session, because it is compared by identity: credentials that equal those which failed
        before are refused as known to be bad, and the process ends.
        """
        # Every stream holds a connection for good.
        streams = len(self.expected())
        session = open_session(
            self._access, streams=streams, for_kopf=True, answers=self._answers, ages=self._ages
        )
        self._sessions = [s for s in self._sessions if not s.closed] + [session]
        return kopf.AiohttpSession(
            aiohttp_session=session,
            server=self._access.server,
            default_namespace=self._access.namespace,
        )

    async def guard(self) -> None:
        """End when a watcher that once ran no longer does: kopf forgets a cancelled one."""
        loop = asyncio.get_running_loop()
        until = loop.time() + BEGIN_SECONDS
        while True:
            self._note_streams()
            lost = sorted(name for name, task in self._streams.items() if task.done())
            if lost:
                raise WatchLostError(f"kopf no longer runs: {', '.join(lost)}")
            missing = self.missing
            if missing and loop.time() > until:
                raise WatchLostError(
                    f"kopf did not begin: {', '.join(missing)}; is the CRD installed?"
                )
            await asyncio.sleep(START_CHECK_SECONDS if missing else CHECK_SECONDS)

    def _note_streams(self) -> None:
        """Find kopf's tasks by their names; it offers no other way."""
        expected = self.expected()
        if len(self._streams) < len(expected):
            running = {task.get_name(): task for task in asyncio.all_tasks()}
            self._streams.update((n, running[n]) for n in expected if n in running)


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Give the signals back that kopf takes: it would stop at once while others still drain."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    ours = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in ours.items():
        # Not removed: for a moment a signal would kill.
        loop.add_signal_handler(number, _nothing)
        signal.signal(number, handler)


def _nothing() -> None:
    """Stand where kopf's handler stood in the loop; the process has one of its own."""


async def _end(tasks: Collection[asyncio.Task[object]]) -> None:
    """Cancel until they are done: a watcher of kopf swallows what comes while it cleans up."""
    loop = asyncio.get_running_loop()
    until = loop.time() + STOP_SECONDS
    pending = set(tasks)
    while pending and loop.time() < until:
        for task in pending:
            task.cancel()
        done, pending = await asyncio.wait(pending, timeout=CANCEL_SECONDS)
        for task in done:
            # Read, or the loop reports it as never retrieved; the first has been raised already.
            if not task.cancelled() and (error := task.exception()) is not None:
                log.debug("a task of kopf failed", task=task.get_name(), error=repr(error)[:512])
    if pending:
        log.error("kopf did not stop", tasks=sorted(task.get_name() for task in pending))


def _why(tasks: Collection[asyncio.Task[object]]) -> str:
    errors = {task.get_name(): error for task in tasks if (error := _error_of(task)) is not None}
    gone = [name for name, error in errors.items() if _is_gone(error) and name.startswith(_STREAM)]
    if gone:
        what = ", ".join(name.removeprefix(_STREAM) for name in sorted(gone))
        said = errors[gone[0]]
        return (
            f"the API server no longer serves {what} ({said}); if a CRD was deleted, install the "
            "operator's CRDs again (kubectl apply --server-side -f crds/); a new process will find "
            "what there is"
        )
    for name, error in errors.items():
        return f"{name}: {type(error).__name__}: {error}"[:512]
    ended = ", ".join(task.get_name() for task in tasks if task.done())
    return f"kopf ended by itself: {ended}"


def _error_of(task: asyncio.Task[object]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


def _is_gone(error: BaseException) -> bool:
    # kopf's error classes are private; their HTTP status is what counts.
    return getattr(error, "status", None) == HTTPStatus.NOT_FOUND
