"""A kind, an object of it, and a client whose answers a test writes down beforehand."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from agentrun_operator.core.fields import ObservedModel, SpecModel
from agentrun_operator.core.identity import FINALIZER
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.kube.client import JSON, KubeClient
from agentrun_operator.reconcile.guard import about_to_send
from agentrun_operator.reconcile.ports import Json


class WidgetSpec(SpecModel):
    """Nothing."""


class WidgetObserved(ObservedModel):
    """Nothing."""


def widget_kind(kind: str = "Widget", *, namespaced: bool = True) -> ResourceKind:
    return ResourceKind(
        kind=kind,
        plural=f"{kind.lower()}s",
        short_names=(),
        summary="A test kind.",
        spec=WidgetSpec,
        observed=WidgetObserved,
        namespaced=namespaced,
    )


WIDGET = widget_kind()


def widget(
    name: str = "chat", *, finalizers: tuple[str, ...] = (FINALIZER,), status: Any = None
) -> KubeObject:
    return KubeObject.of(raw_widget(name, finalizers=finalizers, status=status), "Widget")


def raw_widget(
    name: str = "chat",
    *,
    uid: str = "uid-1",
    finalizers: tuple[str, ...] = (FINALIZER,),
    status: Any = None,
) -> Json:
    return {
        "kind": "Widget",
        "metadata": {
            "namespace": "team",
            "name": name,
            "uid": uid,
            "resourceVersion": "7",
            "generation": 2,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "finalizers": list(finalizers),
        },
        "spec": {},
        "status": status or {},
    }


Answer = Json | Exception | Callable[[], Json]


class ScriptedClient(KubeClient):
    """Answers requests from a script, in order, and keeps what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = deque(answers)
        self.asked: list[tuple[str, str, Any]] = []
        """(method, path, body or query)."""

    async def _request(
        self,
        method: str,
        path: str,
        body: Json | list[Json] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        accept: str = JSON,
        content_type: str = JSON,
    ) -> Json:
        del accept, content_type
        about_to_send()
        self.asked.append((method, path, body if body is not None else params))
        return self._next()

    def _next(self) -> Json:
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer


class ScriptedStream(ScriptedClient):
    """Serves LISTs and WATCHes from one script: a page, a list of events, or an error."""

    def __init__(self, *script: Json | list[Json] | Exception) -> None:
        super().__init__()
        self.script = deque(script)

    async def pages(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        accept: str = JSON,
        limit: int = 500,
    ) -> AsyncIterator[Json]:
        del accept, limit
        self.asked.append(("LIST", path, params))
        step = self.script.popleft()
        if isinstance(step, Exception):
            raise step
        assert isinstance(step, dict)
        yield step

    async def watch(
        self,
        path: str,
        *,
        version: str,
        seconds: int,
        params: Mapping[str, str] | None = None,
        accept: str = JSON,
    ) -> AsyncGenerator[Json, None]:
        del seconds, params, accept
        self.asked.append(("WATCH", path, version))
        step = self.script.popleft()
        if isinstance(step, Exception):
            raise step
        assert isinstance(step, list)
        for event in step:
            yield event


class ManualClock:
    """Time that stands still until somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(1_700_000_000 + self.seconds, tz=UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
