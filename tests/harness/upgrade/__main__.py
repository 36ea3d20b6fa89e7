"""`python -m upgrade --from REVISION`: objects of an older version live on under this one.

The older operator, with its own CRDs and rights, brings fifty objects to Ready on a real API server
and the simulated cloud. Then this version takes its place. The cloud must see no write and no
object may lose Ready; after that, edits and deletions work. Exits non-zero if any of it fails.
"""

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from integration.cluster_view import PLURALS, ClusterView, conditions
from integration.fleet import Tenant, family_of_each
from rig import CloudAccount, Rig
from rig.chart import CHART_FOLDER, REPOSITORY

SETS = 7
"""Of each kind that the older version serves."""
QUIET_SECONDS = 12.0
"""Six polls, and some comparisons with the whole cluster."""
SETTINGS = {"AGENTRUN_OPERATOR_RESYNC_SECONDS": "3"}
WRITES = 1
"""Status writes that an upgrade may cost an object: what this version records in addition."""
NAMESPACE = "upgraded"
CHANGED = "edited after the upgrade"


def main() -> int:
    """Run the upgrade and return the exit code."""
    parser = argparse.ArgumentParser(prog="upgrade", description=__doc__)
    parser.add_argument("--from", dest="revision", default=_latest_release(), help="git revision")
    revision = parser.parse_args().revision
    if not revision:
        _say("no release is tagged; name the older version: ARGS='--from REVISION'")
        return 2
    with (
        _product_of(revision) as older,
        Rig(
            product=older, accounts=(CloudAccount("20000"),), settings=SETTINGS, report=_say
        ) as rig,
        ClusterView(rig.plane) as view,
    ):
        tenant = Tenant(rig, view, NAMESPACE, rig.account)
        problems = _upgrade(tenant, revision, older)
    for problem in problems:
        _say(f"FAILED: {problem}")
    _say(f"upgrade from {revision}: {len(problems)} problems")
    return 1 if problems else 0


def _upgrade(tenant: Tenant, revision: str, older: Path) -> list[str]:
    rig = tenant.rig
    rig.create_namespace(NAMESPACE)
    tenant.open()
    crds = {kind: older / "crds" / f"{plural}.yaml" for kind, plural in PLURALS.items()}
    objects = [each for n in range(SETS) for each in family_of_each(f"-{n}")]
    tenant.apply(*(each for each in objects if crds[each["kind"]].exists()))
    tenant.wait_ready()
    _say(f"{len(tenant.objects()) + 1} objects are Ready under {revision}")
    before = tenant.resources()
    asked, logged, seen = rig.cloud.position(), rig.plane.audit.position(), len(tenant.versions())
    rig.upgrade(REPOSITORY)
    time.sleep(QUIET_SECONDS)
    problems = [f"cloud write {each['action']}" for each in tenant.cloud_writes(since=asked)]
    if tenant.resources() != before:
        problems.append("a resource changed")
    for version in tenant.versions()[seen:]:
        problems += [
            f"{version.body['kind']}/{version.body['metadata']['name']} is {each}"
            for each in conditions(version.body)
            if (each["type"], each["status"]) in {("Ready", "False"), ("Stalled", "True")}
        ]
    writes = Counter((w.resource, w.name) for w in tenant.kube_writes(since=logged))
    problems += [f"{n} writes of {name}" for name, n in writes.items() if n > WRITES]
    _say(f"quiet for {QUIET_SECONDS:.0f} s; status writes of the upgrade: {sum(writes.values())}")
    return problems + _life_goes_on(tenant)


def _life_goes_on(tenant: Tenant) -> list[str]:
    """Edit what has a description, then delete everything."""
    edited = [e for e in tenant.objects() if e["kind"] in ("AgentRuntime", "ModelProxy")]
    for each in edited:
        tenant.edit(each["kind"], each["metadata"]["name"], description=CHANGED)
    tenant.wait_ready()
    found = tenant.resources()
    changed = [e for items in found.values() for e in items if e.get("description") == CHANGED]
    problems = []
    if len(changed) != len(edited):
        problems.append(f"{len(edited)} edits, {len(changed)} of them in the cloud")
    for each in tenant.objects():
        tenant.delete(each["kind"], each["metadata"]["name"])
    tenant.wait_gone()
    if left := tenant.resources():
        problems.append(
            f"left in the cloud: { {family: len(each) for family, each in left.items()} }"
        )
    _say(f"edited {len(edited)} objects, deleted all")
    return problems


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is a program


@contextmanager
def _product_of(revision: str) -> Iterator[Path]:
    """Lay out the operator, CRDs and chart of a revision in a folder of their own."""
    folders = ("operator", "crds", CHART_FOLDER)
    with tempfile.TemporaryDirectory(prefix="agentrun-upgrade-") as folder:
        with tarfile.open(fileobj=io.BytesIO(_git("archive", revision, *folders))) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def _latest_release() -> str | None:
    tags = _git("tag", "--list", "v*", "--sort=-v:refname").decode().split()
    return tags[0] if tags else None


def _git(*arguments: str) -> bytes:
    command = ["git", "-C", str(REPOSITORY), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
