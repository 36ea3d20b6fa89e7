"""Applications of Argo CD, and everything that was ever to be seen of them."""

import json
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from argocd.launcher import DESTINATION, NAMESPACE, PROJECT
from rig.errors import RigError
from rig.rig import Rig
from rig.waiting import eventually

COLLECTION = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications"
FINALIZER = "resources-finalizer.argocd.argoproj.io/foreground"
REFRESH = "argocd.argoproj.io/refresh"
SERVER_SIDE_DIFF = {"argocd.argoproj.io/compare-options": "ServerSideDiff=true"}

Json = dict[str, Any]


def application(
    name: str,
    source: Mapping[str, Any],
    namespace: str,
    *,
    annotations: Mapping[str, str] | None = None,
    retries: int | None = None,
    options: tuple[str, ...] = (),
) -> Json:
    """Return an Application that syncs, prunes and heals itself.

    Args:
        name: Of the Application.
        source: Its `spec.source` without the branch.
        namespace: Where it puts what names no namespace; it is created.
        annotations: Such as SERVER_SIDE_DIFF.
        retries: How often a failed sync is tried again; None is Argo CD's default, five times.
        options: More sync options.
    """
    policy: Json = {
        "automated": {"prune": True, "selfHeal": True, "allowEmpty": True},
        "syncOptions": ["CreateNamespace=true", *options],
    }
    if retries is not None:
        policy["retry"] = {"limit": retries}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "annotations": dict(annotations or {}),
            "finalizers": [FINALIZER],
        },
        "spec": {
            "project": PROJECT,
            "source": {"targetRevision": "main", **source},
            "destination": {"server": DESTINATION, "namespace": namespace},
            "syncPolicy": policy,
        },
    }


@dataclass(frozen=True)
class Sight:
    """What an Application said at one moment.

    Attributes:
        name: Of the Application.
        sync: Synced, OutOfSync or Unknown.
        health: Of the Application.
        revision: Commit that it was compared with.
        phase: Of its latest sync operation: Running, Succeeded, Failed, Error or empty.
        synced: Commit of its latest sync operation.
        resources: Health by kind/name, of those resources that have one.
        out_of_sync: kind/name of the resources that are out of sync.
        message: Of the latest sync operation.
    """

    name: str
    sync: str
    health: str
    revision: str
    phase: str
    synced: str
    resources: Mapping[str, str]
    out_of_sync: frozenset[str]
    message: str

    @property
    def is_settled(self) -> bool:
        """Whether the commit that was looked at is applied."""
        done = self.phase == "Succeeded" and self.synced == self.revision
        return self.sync == "Synced" and done


def sight(body: Mapping[str, Any]) -> Sight:
    """Read an Application."""
    status = body.get("status", {})
    operation = status.get("operationState", {})
    resources = status.get("resources", [])
    names = [f"{each['kind']}/{each['name']}" for each in resources]
    return Sight(
        name=body["metadata"]["name"],
        sync=status.get("sync", {}).get("status", ""),
        health=status.get("health", {}).get("status", ""),
        revision=status.get("sync", {}).get("revision", ""),
        phase=operation.get("phase", ""),
        synced=operation.get("syncResult", {}).get("revision", ""),
        resources={
            name: each["health"].get("status", "")
            for name, each in zip(names, resources, strict=True)
            if "health" in each
        },
        out_of_sync=frozenset(
            name
            for name, each in zip(names, resources, strict=True)
            if each.get("status") == "OutOfSync"
        ),
        message=operation.get("message", ""),
    )


class Applications:
    """Creates Applications and watches all of them from a thread; a context manager.

    Attributes:
        seen: Every state of every Application in order: a watch misses none that was written.
    """

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._client = rig.api()
        self.seen: list[Sight] = []
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        url = f"{COLLECTION}?watch=1"
        plane = self._rig.plane
        self._process = subprocess.Popen(
            [plane.programs / "kubectl", f"--kubeconfig={plane.kubeconfig}", "get", "--raw", url],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        if self._process is not None:
            self._process.kill()
            self._thread.join()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()

    def create(self, manifest: Mapping[str, Any]) -> None:
        """Apply an Application."""
        self._rig.apply([manifest])

    def read(self, name: str) -> Json:
        """Return an Application."""
        answer = self._client.get(f"{COLLECTION}/{name}")
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    def annotate(self, name: str, *annotations: str) -> None:
        """Set annotations, as `key=value` or `key-`."""
        self._rig.kubectl(
            "annotate",
            "application.argoproj.io",
            name,
            f"--namespace={NAMESPACE}",
            "--overwrite",
            *annotations,
        )

    def refresh(self, name: str, *, hard: bool = False) -> Sight:
        """Have Argo CD compare anew, and return what it found; `hard` renders anew as well."""
        self.annotate(name, f"{REFRESH}={'hard' if hard else 'normal'}")
        done: list[Json] = []

        def is_done() -> bool:
            done[:] = [self.read(name)]
            return REFRESH not in done[0]["metadata"].get("annotations", {})

        eventually(is_done, f"{name} to be refreshed")
        return sight(done[0])

    def wait(
        self, name: str, holds: Callable[[Sight], bool], what: str, *, seconds: float = 60.0
    ) -> Sight:
        """Wait until something holds for an Application and return that sight.

        Raises:
            RigError: not in time; the message holds what Argo CD and the operator say.
        """
        found: list[Sight] = []

        def look() -> bool:
            found[:] = [sight(self.read(name))]
            return holds(found[0])

        try:
            eventually(look, f"{name}: {what}", seconds=seconds)
        except RigError as error:
            body = json.dumps(self.read(name).get("status", {}), indent=1)
            seen = "\n".join((str(found[0]), body[-6000:], self._rig.operator_log_tail()))
            raise RigError(error.what, seen) from None
        return found[0]

    def wait_synced(
        self, name: str, commit: str, *, health: str = "Healthy", seconds: float = 60.0
    ) -> Sight:
        """Wait until a commit is applied and the Application has a health; return that sight."""
        self.refresh(name)
        return self.wait(
            name,
            lambda s: s.is_settled and s.synced == commit and s.health == health,
            f"Synced to {commit[:8]} and {health}",
            seconds=seconds,
        )

    def delete(self, name: str, *, seconds: float = 90.0) -> None:
        """Delete an Application with everything it brought, and wait until it is gone."""
        arguments = ("application.argoproj.io", name, f"--namespace={NAMESPACE}")
        self._rig.kubectl("delete", *arguments, "--wait=false", "--ignore-not-found")
        eventually(
            lambda: not self._rig.kubectl("get", *arguments, "--ignore-not-found"),
            f"the Application {name} to be gone",
            seconds=seconds,
        )

    def of(self, name: str, since: int = 0) -> list[Sight]:
        """Return what was seen of an Application, from a position of `seen` on."""
        return [each for each in self.seen[since:] if each.name == name]

    def _watch(self) -> None:
        if self._process is None or self._process.stdout is None:
            return
        for line in self._process.stdout:
            self.seen.append(sight(json.loads(line)["object"]))
