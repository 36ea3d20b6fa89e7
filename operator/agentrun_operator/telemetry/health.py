"""/healthz, /readyz and /metrics over plain HTTP."""

from collections.abc import Callable

from aiohttp import web

from agentrun_operator.telemetry.door import CONNECTION_SECONDS
from agentrun_operator.telemetry.listener import Listener, Page

Check = Callable[[], str | None]
"""None: fine; else the reason why not, in a sentence without secrets."""


class HealthServer(Listener):
    """Answers probes from the operator's own loop: an answer proves that the loop is alive.

    Args:
        host: Address to bind.
        port: Port to bind; 0 takes a free one, see `port`.
        alive: Why this process should be restarted. Never asks the cloud: an outage there must not
            restart a fleet of operators.
        ready: Why this process does not do its work yet.
        metrics: Renders the metrics for an `Accept` header; returns the media type as well.
        seconds: How long a connection may last; see `Door`.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        alive: Check,
        ready: Check,
        metrics: Callable[[str], tuple[bytes, str]],
        seconds: float = CONNECTION_SECONDS,
    ) -> None:
        self._metrics = metrics
        super().__init__(
            host=host,
            port=port,
            pages={"/healthz": _probe(alive), "/readyz": _probe(ready), "/metrics": self._render},
            variables="AGENTRUN_OPERATOR_BIND_HOST or AGENTRUN_OPERATOR_BIND_PORT",
            seconds=seconds,
        )

    async def _render(self, request: web.Request) -> web.Response:
        # A header may come in several lines, which mean the same as one.
        body, media_type = self._metrics(", ".join(request.headers.getall("Accept", ())))
        return web.Response(body=body, headers={"Content-Type": media_type})


def _probe(check: Check) -> Page:
    async def answer(_: web.Request) -> web.Response:
        reason = check()
        return web.Response(
            text="ok\n" if reason is None else f"{reason}\n", status=200 if reason is None else 503
        )

    return answer
