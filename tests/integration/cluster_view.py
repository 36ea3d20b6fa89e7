"""What a cluster's users see: every version of every object of ours, as the watch delivers it."""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import httpx
import yaml

from agentrun_operator.kinds import catalogue
from controlplane import ControlPlane
from rig import RigError
from rig.waiting import HANG_SECONDS

API = "/apis/agentrun.dev/v1alpha1"
PLURALS = {kind.kind: kind.plural for kind in catalogue().values()}
CORE = {"Secret": "secrets", "ConfigMap": "configmaps"}

WATCH_AGAIN_SECONDS = 0.1
TLS_GOODBYE_SECONDS = 0.2
"""aiohttp returns from closing before its TLS connections are closed."""

Body = dict[str, Any]
Key = tuple[str, str, str]
"""(kind, namespace, name); the namespace is empty for cluster-scoped objects."""


@dataclass(frozen=True)
class Version:
    """One watch event.

    Attributes:
        event: ADDED, MODIFIED or DELETED.
        body: The object.
        at: Monotonic time at which it came.
    """

    event: str
    body: Body
    at: float


def key_of(body: Mapping[str, Any]) -> Key:
    """Return what names an object."""
    metadata = body["metadata"]
    return body["kind"], metadata.get("namespace", ""), metadata["name"]


def path_of(kind: str, namespace: str, name: str = "") -> str:
    """Return the path of an object, or of its collection."""
    place = f"/namespaces/{namespace}" if namespace else ""
    plural = CORE.get(kind) or PLURALS[kind]
    base = f"{'/api/v1' if kind in CORE else API}{place}/{plural}"
    return f"{base}/{name}" if name else base


class ClusterView:
    """An administrator's view of a cluster, and hands to change it; a context manager."""

    def __init__(self, plane: ControlPlane) -> None:
        """Connect to a control plane that serves our kinds; the watches start on entry."""
        config = yaml.safe_load(plane.kubeconfig.read_text())
        self._headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
        self._url = plane.url
        self._trust = ssl.create_default_context(cafile=plane.ca_file)
        self._http = httpx.Client(
            base_url=plane.url,
            headers=self._headers,
            verify=self._trust,
            trust_env=False,
            timeout=HANG_SECONDS,
        )
        self._changed = threading.Condition()
        self._objects: dict[Key, Body] = {}
        self._versions: list[Version] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cluster view")
        self._watches: list[Any] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self._watches = [
            asyncio.run_coroutine_threadsafe(self._watch(kind), self._loop) for kind in PLURALS
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._watches:
            each.cancel()
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._http.close()

    # ------------------------------------------------------------ seeing

    def get(self, key: Key) -> Body | None:
        """Return the newest version of an object, None when there is none."""
        with self._changed:
            return self._objects.get(key)

    def objects(self, namespace: str) -> list[Body]:
        """Return all objects of ours in a namespace."""
        with self._changed:
            return [body for key, body in self._objects.items() if key[1] == namespace]

    def versions(self, namespace: str | None = None) -> list[Version]:
        """Return every version seen so far, oldest first, of one namespace or of all."""
        with self._changed:
            seen = list(self._versions)
        return [v for v in seen if namespace in (None, v.body["metadata"].get("namespace"))]

    def wait(self, holds: Callable[[], object], what: str) -> None:
        """Return when something holds; asked on every event, and a few times a second.

        Raises:
            RigError: it did not come to hold in time.
        """
        deadline = time.monotonic() + HANG_SECONDS
        while not holds():
            for watch in self._watches:
                if watch.done():
                    watch.result()
            if time.monotonic() > deadline:
                raise RigError(f"waited {HANG_SECONDS:.0f} s in vain for: {what}")
            with self._changed:
                self._changed.wait(0.1)

    # ------------------------------------------------------------ changing

    def create(self, manifest: Mapping[str, Any]) -> Body:
        """Create an object, or replace the spec or data of the one that is there."""
        kind, namespace, name = key_of(manifest)
        answer = self._http.post(path_of(kind, namespace), json=manifest)
        if answer.status_code == httpx.codes.CONFLICT:
            changes = {k: v for k, v in manifest.items() if k in ("spec", "data", "stringData")}
            return self.patch((kind, namespace, name), changes)
        return self._seen(_body(answer))

    def patch(self, key: Key, changes: Mapping[str, Any]) -> Body:
        """Merge changes into an object; None removes a field."""
        headers = {"Content-Type": "application/merge-patch+json"}
        answer = self._http.patch(path_of(*key), content=json.dumps(changes), headers=headers)
        return self._seen({"kind": key[0], **_body(answer)})

    def write_status(self, key: Key, status: Mapping[str, Any]) -> Body:
        """Merge a status into an object's, as anybody may who has the right to."""
        headers = {"Content-Type": "application/merge-patch+json"}
        path, body = f"{path_of(*key)}/status", json.dumps({"status": status})
        answer = self._http.patch(path, content=body, headers=headers)
        return self._seen({"kind": key[0], **_body(answer)})

    def delete(self, key: Key, *, propagation: str = "Background") -> None:
        """Ask for the deletion of an object."""
        _body(self._http.delete(path_of(*key), params={"propagationPolicy": propagation}))
        if key[0] in PLURALS:
            self.wait(lambda: _is_going(self.get(key)), f"the deletion of {key} to be seen")

    def read(self, path: str) -> Body:
        """GET any path."""
        return _body(self._http.get(path))

    # ------------------------------------------------------------ inner parts

    def _seen(self, body: Body) -> Body:
        """Return an object once the watch has brought it, so that no test judges an older one."""
        if body["kind"] in PLURALS:
            version = int(body["metadata"]["resourceVersion"])

            def has_come() -> bool:
                held = self.get(key_of(body))
                if held is None:
                    return "deletionTimestamp" in body["metadata"]
                return int(held["metadata"]["resourceVersion"]) >= version

            self.wait(has_come, f"{key_of(body)} to be seen")
        return body

    async def _watch(self, kind: str) -> None:
        path = f"{self._url}{API}/{PLURALS[kind]}"
        timeout = aiohttp.ClientTimeout(total=None)
        connector = aiohttp.TCPConnector(ssl=self._trust)
        async with aiohttp.ClientSession(
            headers=self._headers, connector=connector, timeout=timeout, read_bufsize=2**24
        ) as session:
            while True:
                # Without a resourceVersion a watch begins with what exists.
                async with session.get(path, params={"watch": "true"}) as answer:
                    # The API server says 429 while the cache of a new CRD is being filled.
                    if answer.status == httpx.codes.OK:
                        async for line in answer.content:
                            self._take(json.loads(line))
                await asyncio.sleep(WATCH_AGAIN_SECONDS)

    def _take(self, event: Mapping[str, Any]) -> None:
        body = event["object"]
        with self._changed:
            if event["type"] == "DELETED":
                self._objects.pop(key_of(body), None)
            else:
                self._objects[key_of(body)] = body
            self._versions.append(Version(event["type"], body, time.monotonic()))
            self._changed.notify_all()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(TLS_GOODBYE_SECONDS)


def _is_going(body: Body | None) -> bool:
    return body is None or "deletionTimestamp" in body["metadata"]


def _body(answer: httpx.Response) -> Body:
    if answer.is_error:
        raise RigError(f"{answer.request.method} {answer.request.url.path}: {answer.text}")
    found: Body = answer.json()
    return found


def conditions(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Return the conditions of an object."""
    yield from body.get("status", {}).get("conditions", [])
