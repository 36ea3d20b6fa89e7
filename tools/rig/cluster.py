"""The objects in the cluster: apply them, wait for them, delete them."""

import abc
import functools
import json
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import httpx
import yaml

from controlplane import ControlPlane
from rig import samples
from rig.chart import CRDS
from rig.errors import RigError
from rig.waiting import HANG_SECONDS, described, eventually, is_ready

SAMPLES_NAMESPACE = "agentrun-demo"
"""The namespace that the samples name."""


OURS = "/apis/agentrun.dev/v1alpha1"


@functools.cache
def namespaced_kinds() -> Mapping[str, str]:
    """Return the plurals of our namespaced kinds, by kind in lower case, as the CRDs name them."""
    texts = [file.read_text() for file in sorted(CRDS.glob("*.yaml"))]
    definitions = [yaml.load(text, yaml.CSafeLoader)["spec"] for text in texts]
    return {
        each["names"]["kind"].lower(): each["names"]["plural"]
        for each in definitions
        if each["scope"] == "Namespaced"
    }


def administrator(plane: ControlPlane) -> httpx.Client:
    """Return a client of a control plane's API server with an administrator's token."""
    kubeconfig = yaml.safe_load(plane.kubeconfig.read_text())
    token = kubeconfig["users"][0]["user"]["token"]
    return httpx.Client(
        base_url=plane.url,
        headers={"Authorization": f"Bearer {token}"},
        verify=ssl.create_default_context(cafile=plane.ca_file),
        trust_env=False,
        timeout=60.0,
    )


class Cluster(abc.ABC):
    """What an administrator does in the cluster of a rig."""

    _client: httpx.Client | None = None

    @property
    @abc.abstractmethod
    def plane(self) -> ControlPlane:
        """The control plane."""

    @abc.abstractmethod
    def operator_log_tail(self) -> str:
        """Return the end of the operator's log."""

    def kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess
        """Run kubectl as administrator and return what it printed.

        Raises:
            KubectlError: it exited non-zero.
        """
        return self.plane.kubectl(*arguments, input=input)

    def apply(self, manifests: Iterable[Mapping[str, Any]]) -> str:
        """Apply manifests; return what kubectl printed. Values reach it by standard input only."""
        document = json.dumps(samples.as_list(manifests))
        return self.kubectl("apply", "--filename=-", input=document)

    def api(self) -> httpx.Client:
        """Return a client of the API server with an administrator's token, for bulk work."""
        return administrator(self.plane)

    def create_namespace(self, name: str) -> None:
        """Create a namespace; one that exists is fine."""
        self.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])

    def objects(self, namespace: str = SAMPLES_NAMESPACE) -> list[dict[str, Any]]:
        """Return all objects of our kinds in a namespace."""
        return [
            item
            for plural in namespaced_kinds().values()
            for item in self._read(f"{OURS}/namespaces/{namespace}/{plural}")["items"]
        ]

    def used_namespaces(self) -> set[str]:
        """Return the namespaces that hold objects of our kinds."""
        return {
            item["metadata"]["namespace"]
            for plural in namespaced_kinds().values()
            for item in self._read(f"{OURS}/{plural}")["items"]
        }

    def get(self, kind: str, name: str, namespace: str = SAMPLES_NAMESPACE) -> dict[str, Any]:
        """Return one object of ours, or a ConfigMap; `kind` in lower case.

        Raises:
            RigError: there is none of that name.
        """
        if kind == "configmap":
            return self._read(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        return self._read(f"{OURS}/namespaces/{namespace}/{namespaced_kinds()[kind]}/{name}")

    def wait_ready(
        self,
        namespace: str = SAMPLES_NAMESPACE,
        *,
        seconds: float = HANG_SECONDS,
        watch: Callable[[Sequence[Mapping[str, Any]]], None] = lambda _: None,
    ) -> list[dict[str, Any]]:
        """Wait until there are objects in a namespace and all are Ready; return them.

        Args:
            namespace: Where to look.
            seconds: How long.
            watch: Gets the objects on every look.

        Raises:
            RigError: not in time; the message holds every condition and the operator's log.
        """
        seen: list[dict[str, Any]] = []

        def all_ready() -> bool:
            seen[:] = self.objects(namespace)
            watch(seen)
            return bool(seen) and all(map(is_ready, seen))

        try:
            eventually(all_ready, f"all objects in {namespace} to be Ready", seconds=seconds)
        except RigError as error:
            raise RigError(error.what, self.evidence(seen)) from None
        return seen

    def delete_all(self, *namespaces: str, seconds: float = HANG_SECONDS) -> None:
        """Delete all objects of our kinds in some namespaces and wait until they are gone.

        Raises:
            RigError: some remain; the message holds their conditions and the operator's log.
        """
        for each in namespaces:
            names = [f"{e['kind'].lower()}/{e['metadata']['name']}" for e in self.objects(each)]
            if names:
                self.kubectl("delete", f"--namespace={each}", "--wait=false", *names)
        left: list[dict[str, Any]] = []

        def none_left() -> bool:
            left[:] = [found for each in namespaces for found in self.objects(each)]
            return not left

        try:
            what = f"all objects in {', '.join(namespaces)} to be gone"
            eventually(none_left, what, seconds=seconds)
        except RigError as error:
            raise RigError(error.what, self.evidence(left)) from None

    def _read(self, path: str) -> dict[str, Any]:
        """GET a path; a hundred times cheaper than kubectl, for what is asked again and again."""
        if self._client is None:
            self._client = self.api()
        try:
            answer = self._client.get(path)
        except httpx.TransportError as error:
            raise RigError(f"the API server does not answer: {error}") from None
        if not answer.is_success:
            raise RigError(f"GET {path}: HTTP {answer.status_code}")
        found: dict[str, Any] = answer.json()
        return found

    def _close_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def evidence(self, objects: Iterable[Mapping[str, Any]]) -> str:
        """Return the conditions of objects and the end of the operator's log."""
        return "\n".join((*map(described, objects), self.operator_log_tail()))
