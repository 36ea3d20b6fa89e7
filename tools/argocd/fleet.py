"""The product as Argo CD installs it, and teams whose objects Argo CD syncs from Git.

Argo CD is genuine: application controller, repository server, redis, a Git repository. The chart
is synced by it like everything else, and its Deployment becomes Ready on a fake node. The operator
itself runs as a process of this machine, under the ServiceAccount that Argo CD installed.
"""

import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from argocd.applications import Applications, application
from argocd.launcher import ArgoCD
from argocd.repository import Repository
from kwok.cluster import FakeNode
from rig import NAMESPACE, Rig, eventually
from rig.chart import CHART, RELEASE, render
from rig.official import official_client, totals
from rig.samples import CHAT_SECRET, KEYS_SECRET, chat_secret, key_secret, manifests

CHART_FOLDER = f"charts/{RELEASE}"
TRANSITION_SECONDS = 0.3
INSTALL_SECONDS = 120.0

Json = dict[str, Any]


class Fleet(Rig):
    """The rig, its chart installed by Argo CD.

    Attributes:
        repository: What Argo CD syncs from.
        applications: What it syncs.
    """

    repository: Repository
    applications: Applications

    def __init__(self, *, report: Callable[[str], None] = lambda _: None) -> None:
        """Prepare; nothing runs yet."""
        super().__init__(transition_seconds=TRANSITION_SECONDS, report=report)
        self._parts = contextlib.ExitStack()

    def install(self) -> None:
        """Have Argo CD install the chart, and wait until it is Synced and Healthy."""
        enter = self._parts.enter_context
        home = enter(tempfile.TemporaryDirectory(prefix="agentrun-fleet-"))
        self.repository = Repository(Path(home))
        enter(FakeNode(self.plane, report=self._report))
        enter(ArgoCD(self.plane, report=self._report))
        self.applications = enter(Applications(self))
        self.repository.put_tree(CHART, CHART_FOLDER)
        commit = self.repository.push("Install the operator")
        self._rendering = render(NAMESPACE, self._values)
        self._report("Argo CD installs the chart")
        source = {
            "repoURL": self.repository.url,
            "path": CHART_FOLDER,
            "helm": {"releaseName": RELEASE, "valuesObject": dict(self._values)},
        }
        self.applications.create(application(RELEASE, source, NAMESPACE))
        self.applications.wait_synced(RELEASE, commit, seconds=INSTALL_SECONDS)

    def stop(self) -> None:
        """End everything; stopping twice is fine."""
        self._parts.close()
        super().stop()

    def cloud_totals(self) -> dict[str, int]:
        """Return how many resources of each family there are, as the official client lists them."""
        counts = totals(official_client(self.cloud.url, self.account))
        return {family: count for family, count in counts.items() if count}


class Team:
    """One Application of ours: a folder of the repository, and a namespace.

    Attributes:
        fleet: Where it lives.
        name: Of Application, folder and namespace.
        samples: The samples as they are to be put into Git.
    """

    def __init__(self, fleet: Fleet, name: str) -> None:
        self.fleet = fleet
        self.name = name
        self.samples: list[Json] = manifests(name, fleet.cloud.url)
        fleet.create_namespace(name)

    def one(self, kind: str, name: str) -> Json:
        """Return one of the samples, to be changed before a push."""
        return next(e for e in self.samples if (e["kind"], e["metadata"]["name"]) == (kind, name))

    def bring_secrets(self) -> None:
        """Create what the samples refer to and Git does not hold."""
        fleet = self.fleet
        fleet.apply([key_secret(self.name, fleet.account), chat_secret(self.name)])

    def take_secrets(self) -> None:
        """Delete the Secrets."""
        names = (f"secret/{KEYS_SECRET}", f"secret/{CHAT_SECRET}")
        self.fleet.kubectl("delete", f"--namespace={self.name}", "--ignore-not-found", *names)

    def create(self, *, annotations: Mapping[str, str] | None = None, **options: Any) -> None:
        """Create the Application; options as those of `application`."""
        source = {"repoURL": self.fleet.repository.url, "path": self.name}
        self.fleet.applications.create(
            application(self.name, source, self.name, annotations=annotations, **options)
        )

    def push(self, message: str, objects: Sequence[Json] | None = None) -> str:
        """Have Git hold the samples, or exactly these objects; return the commit."""
        held = self.samples if objects is None else objects
        self.fleet.repository.put(self.name, held)
        return self.fleet.repository.push(message)

    def objects(self) -> dict[str, Json]:
        """Return the objects in the cluster by kind/name."""
        found = self.fleet.objects(self.name)
        return {f"{each['kind']}/{each['metadata']['name']}": each for each in found}

    def remove(self) -> None:
        """Delete the Application with all it brought, and wait until the cloud is empty."""
        self.fleet.cloud.clear_faults()
        self.bring_secrets()
        self.fleet.applications.delete(self.name)
        eventually(lambda: not self.objects(), f"everything in {self.name} to be gone")
        eventually(lambda: not self.fleet.cloud_totals(), "the cloud to be empty")
        self.fleet.kubectl("delete", "namespace", self.name, "--wait=false", "--ignore-not-found")
