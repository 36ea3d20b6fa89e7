"""A test kind on the real API server, and a proxy before it that fails on demand."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
from aiohttp import web

from agentrun_operator.core.fields import ObservedModel, SpecModel
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.kube.session import ssl_context
from controlplane import ControlPlane
from rig.waiting import HANG_SECONDS


class LabSpec(SpecModel):
    """Anything."""


class LabObserved(ObservedModel):
    """Nothing."""


def lab_kind(kind: str, *, namespaced: bool = True) -> ResourceKind:
    return ResourceKind(
        kind=kind,
        plural=f"{kind.lower()}s",
        short_names=(),
        summary="A test kind.",
        spec=LabSpec,
        observed=LabObserved,
        namespaced=namespaced,
    )


WIDGET = lab_kind("LabWidget")
GADGET = lab_kind("LabGadget", namespaced=False)


def crd(kind: ResourceKind) -> dict[str, Any]:
    free: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    limited = {**free, "properties": {"count": {"type": "integer"}}}
    schema = {"type": "object", "properties": {"spec": free, "status": limited}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.agentrun.dev"},
        "spec": {
            "group": "agentrun.dev",
            "names": {"kind": kind.kind, "plural": kind.plural},
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [
                {
                    "name": "v1alpha1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


@contextmanager
def lab_kinds(plane: ControlPlane) -> Iterator[None]:
    """Serve the test kinds for a while."""
    names = [f"crd/{kind.plural}.agentrun.dev" for kind in (WIDGET, GADGET)]
    items = [crd(WIDGET), crd(GADGET)]
    apply(plane, {"apiVersion": "v1", "kind": "List", "items": items})
    plane.kubectl("wait", "--for=condition=Established", "--timeout=120s", *names)
    yield
    for kind in (WIDGET, GADGET):
        _release_all(plane, kind)
    plane.kubectl("delete", "--timeout=120s", *names)


def _release_all(plane: ControlPlane, kind: ResourceKind) -> None:
    """Take the finalizers off, or neither the CRD nor a namespace would ever go."""
    items = json.loads(plane.kubectl("get", kind.plural, "--all-namespaces", "-o=json"))["items"]
    for item in items:
        metadata = item["metadata"]
        if metadata.get("finalizers"):
            where = [f"-n={metadata['namespace']}"] if kind.namespaced else []
            release = '{"metadata":{"finalizers":null}}'
            plane.kubectl(
                "patch", kind.plural, metadata["name"], *where, "--type=merge", f"-p={release}"
            )


def apply(plane: ControlPlane, manifest: dict[str, Any]) -> None:
    plane.kubectl("apply", "-f", "-", input=json.dumps(manifest))


@contextmanager
def namespace(plane: ControlPlane, name: str) -> Iterator[str]:
    """Lend a namespace."""
    plane.kubectl("create", "namespace", name)
    yield name
    plane.kubectl("delete", "namespace", name, "--wait=false")


async def eventually(check: Callable[[], object]) -> None:
    """Return when a check holds.

    Raises:
        TimeoutError: it does not hold in time.
    """
    async with asyncio.timeout(HANG_SECONDS):
        while not check():  # noqa: ASYNC110 - it waits for another program
            await asyncio.sleep(0.02)


Fault = Callable[[web.Request], int | bytes | None]
"""Returns a status to answer with, bytes to send in a 200 before hanging up, or None to pass."""


class FaultyProxy:
    """Stands before the API server. `faults` are asked in turn for every request."""

    def __init__(self, access: ClusterAccess) -> None:
        self._access = access
        self.faults: list[Fault] = []
        self.seen: list[str] = []
        self.url = ""
        self.redirect_to: str | None = None
        self._open: set[asyncio.Transport] = set()

    def hang_up(self) -> None:
        """Cut every connection."""
        for transport in self._open:
            transport.abort()

    @property
    def access(self) -> ClusterAccess:
        return ClusterAccess(self.url, token=self._access.token)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FaultyProxy"]:
        connector = aiohttp.TCPConnector(ssl=ssl_context(self._access))
        async with aiohttp.ClientSession(self._access.server, connector=connector) as upstream:
            self._upstream = upstream
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", self._forward)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            try:
                yield self
            finally:
                await runner.cleanup()

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(f"{request.method} {request.path_qs}")
        assert request.transport is not None
        self._open.add(request.transport)
        if self.redirect_to is not None:
            return web.Response(status=302, headers={"Location": self.redirect_to})
        for fault in self.faults:
            outcome = fault(request)
            if isinstance(outcome, int):
                body = {"kind": "Status", "code": outcome, "message": "injected"}
                return web.json_response(body, status=outcome)
            if outcome is not None:
                return await self._begin_and_hang_up(request, outcome)
        return await self._pass(request)

    async def _begin_and_hang_up(self, request: web.Request, begun: bytes) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(begun)
        assert request.transport is not None
        request.transport.abort()
        return answer

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        headers = {
            key: value
            for key, value in request.headers.items()
            if key in {"Authorization", "Accept", "Content-Type"}
        }
        async with self._upstream.request(
            request.method,
            request.path_qs,
            data=await request.read() or None,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as upstream:
            answer = web.StreamResponse(
                status=upstream.status, headers={"Content-Type": upstream.content_type}
            )
            await answer.prepare(request)
            async for chunk in upstream.content.iter_any():
                await answer.write(chunk)
            return answer


def once(fault: Fault) -> Fault:
    """Let a fault strike one time."""
    struck = False

    def strike(request: web.Request) -> int | bytes | None:
        nonlocal struck
        outcome = None if struck else fault(request)
        struck = struck or outcome is not None
        return outcome

    return strike
