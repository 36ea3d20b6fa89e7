"""Tells a tracer of each request to the API server as it goes out, those sent again included."""

from weakref import WeakKeyDictionary

import aiohttp

from agentrun_operator.reconcile.tracing import Tracer

REQUEST_ID = "Audit-Id"
"""Header of an answer: what the audit log of the API server calls the request."""


class Traced:
    """aiohttp's middleware protocol. Innermost, or it would count what others repeat as one."""

    def __init__(self, tracer: Tracer) -> None:
        """Tell `tracer`."""
        self._tracer = tracer
        self._sent: WeakKeyDictionary[aiohttp.ClientRequest, int] = WeakKeyDictionary()

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send one request; its span ends when the answer begins."""
        resends = self._sent.get(request, 0)
        self._sent[request] = resends + 1
        operation = f"{request.method} {resource_of(request.url.raw_path)}"
        with self._tracer.cluster_call(operation, request.method, resends=resends) as span:
            request.headers.update(span.headers)
            response = await handler(request)
            span.answered(str(response.status), response.headers.get(REQUEST_ID))
        return response


def resource_of(path: str) -> str:
    """Return what a path is about, without the names in it.

    `/apis/agentrun.dev/v1alpha1/namespaces/a/sandboxes/b/status` is about `sandboxes/status`.
    """
    parts = path.strip("/").split("/")
    # Behind the version: /api/v1, /apis/GROUP/VERSION.
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if parts[:1] == ["namespaces"] and len(parts) > 2:  # noqa: PLR2004 - of a namespace itself
        parts = parts[2:]
    return "/".join((*parts[:1], *parts[2:]))
