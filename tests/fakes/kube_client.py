"""`kube.client.KubeClient` on a server in memory, for the shipped readers, writers and elector."""

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from agentrun_operator.kube.client import JSON_PATCH, MERGE_PATCH, KubeClient
from agentrun_operator.reconcile.guard import about_to_send
from agentrun_operator.reconcile.ports import ClusterForbidden, ClusterUnavailable, Json
from fakes.calls import Calls
from fakes.kube_server import KubeServer, Place

T = TypeVar("T")


class InMemoryClient(KubeClient):
    """Names each request `verb Kind` and hands it to `_call`, which decides how it gets there."""

    def __init__(self, server: KubeServer) -> None:
        self._at = server

    async def get(self, path: str, **_: object) -> Json:
        place = Place.of(path)
        return await self._call(f"get {place.kind}", place, lambda: self._at.get(place.key))

    async def pages(self, path: str, **_: object) -> AsyncIterator[Json]:
        place = Place.of(path)

        def read() -> Json:
            items = self._at.of_kind(place.kind, place.namespace)
            return {"items": items, "metadata": {"resourceVersion": str(self._at.version)}}

        yield await self._call(f"list {place.kind}", place, read)

    async def patch(
        self, path: str, body: Any, *, content_type: str = MERGE_PATCH, **_: object
    ) -> Json:
        place = Place.of(path)
        verb = "status" if place.subresource else "patch"
        apply = self._at.json_patch if content_type == JSON_PATCH else self._at.merge_patch
        return await self._call(f"{verb} {place.kind}", place, lambda: apply(place, body), body)

    async def post(self, path: str, body: Json, **_: object) -> Json:
        place = Place.of(path)
        return await self._call(
            f"post {place.kind}", place, lambda: self._at.post(place, body), body
        )

    async def delete(self, path: str, *, uid: str, version: str) -> Json:
        place = Place.of(path)
        body = {"uid": uid, "resourceVersion": version}
        name = f"delete {place.kind}"
        return await self._call(name, place, lambda: self._at.remove(place, body), body)

    async def _call(self, name: str, place: Place, apply: Callable[[], T], body: Any = None) -> T:
        """Let `apply` answer a request; only a write has a body."""
        raise NotImplementedError


class CountedClient(InMemoryClient):
    """Answers at once; writes are entered in `Calls`, by what the engine does with them."""

    def __init__(self, server: KubeServer, calls: Calls) -> None:
        super().__init__(server)
        self._calls = calls
        self.is_reachable = True
        """Whether anything is answered."""
        self.forbidden: frozenset[str] = frozenset()
        """Kinds and subresources that RBAC keeps from us."""

    async def _call(self, name: str, place: Place, apply: Callable[[], T], body: Any = None) -> T:
        about_to_send()
        if not self.is_reachable:
            raise ClusterUnavailable("the API server does not answer")
        if self.forbidden & {place.kind, place.subresource}:
            raise ClusterForbidden(f"{name}: HTTP 403; extend the RBAC rules of the operator")
        if body is None:
            return apply()

        async def answer() -> T:
            return apply()

        return await self._calls.make(_named(name, place, body), answer)


def _named(name: str, place: Place, body: Any) -> str:
    if place.kind == "ConfigMap":
        return "withdraw" if name.startswith("delete") else "publish"
    if place.subresource:
        return "write_status"
    return "remove_finalizer" if isinstance(body, list) else "add_finalizer"
