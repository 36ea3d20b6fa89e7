"""One simulator: an ASGI application, and the same administration as plain methods.

Tests in the same process call the methods; everybody else uses `/admin` over HTTP.
"""

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agentrun_simulator import page
from agentrun_simulator.admin import administration
from agentrun_simulator.clock import Clock
from agentrun_simulator.controls import Controls
from agentrun_simulator.gateway import Gateway
from agentrun_simulator.settings import Settings


class Simulator(Controls):
    """The AgentRun cloud in memory, as an ASGI application."""

    def __init__(self, settings: Settings | None = None, clock: Clock | None = None) -> None:
        super().__init__(settings, clock)
        self._gateway = Gateway(self._cloud)
        self._administration = administration(self)

    @property
    def app(self) -> ASGIApp:
        """The ASGI application: the control plane, and `/admin` beside it."""
        return self._serve

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_http = scope["type"] == "http"
        if is_http and _is_page(scope):
            with self._cloud.lock:
                content = page.rendered(self._cloud)
            await Response(content, headers=page.HEADERS)(scope, receive, send)
        elif is_http and not scope["path"].startswith("/admin/"):
            await self._gateway(scope, receive, send)
        else:
            await self._administration(scope, receive, send)


def _is_page(scope: Scope) -> bool:
    """Return whether a person asks; calls to the token service come to the same path."""
    is_root = scope["path"] == "/" and scope["method"] in ("GET", "HEAD")
    is_call = any(name.lower() == b"x-acs-action" for name, _ in scope["headers"])
    return is_root and not is_call and b"Action=" not in scope["query_string"]
