"""An upgrade of the chart changes the CRDs below live objects, and nothing in the cloud."""

import io
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kwok.release import Released
from rig import eventually
from rig.chart import CHART, REPOSITORY
from rig.samples import key_secret, manifests, secret

SERVICES = 49
"""With their Account: 50 objects."""
NAMESPACE = "fleet"
QUIET_SECONDS = 8
"""Four polls, and a comparison with the whole cluster."""
SETTINGS = {"resyncSeconds": 5}
DROPPED_FIELD = "description"


def previous_commit(target: Path) -> Path:
    """Write the chart as it was before its last change.

    Where the history is cut off, as in a shallow clone, the committed one stands in, and we say so:
    `older_schema` then is the only one that differs.
    """

    def git(*arguments: str) -> bytes:
        return subprocess.run(  # noqa: S603
            ["git", "-C", str(REPOSITORY), *arguments],  # noqa: S607
            check=True,
            stdout=subprocess.PIPE,
        ).stdout

    folder = str(CHART.relative_to(REPOSITORY))
    commits = git("log", "--format=%H", "--max-count=2", "--", folder).decode().split()
    if len(commits) < 2:
        print("\nthe history is cut off: the chart's last commit stands in for the one before")  # noqa: T201 - for people
    with tarfile.open(fileobj=io.BytesIO(git("archive", commits[-1], folder))) as archive:
        archive.extractall(target, filter="data")
    return target / folder


def older_schema(target: Path) -> Path:
    """Write the chart with CRDs that lack a column, a field, and the descriptions of today."""
    chart = target / CHART.name
    subprocess.run(["cp", "-r", str(CHART), str(chart)], check=True)  # noqa: S603, S607
    for file in (chart / "templates" / "crds").glob("*.yaml"):
        lines = file.read_text().splitlines(keepends=True)
        # The template around the CRD: everything that is no plain YAML.
        crd = yaml.safe_load("".join(line for line in lines if "{{" not in line))
        (version,) = crd["spec"]["versions"]
        version["additionalPrinterColumns"].pop()
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        spec["description"] = "As it was."
        spec["properties"].pop(DROPPED_FIELD, None)
        file.write_text(yaml.safe_dump(crd, sort_keys=False))
    return chart


def crd(released: Released) -> dict[str, Any]:
    text = released.kubectl("get", "crd", "modelservices.agentrun.dev", "--output=yaml")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def services(namespace: str) -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "agentrun.dev/v1alpha1",
            "kind": "ModelService",
            "metadata": {"name": f"service-{number}", "namespace": namespace},
            "spec": {
                "modelType": "llm",
                "provider": "tongyi",
                "providerSettings": {
                    "modelNames": ["qwen-max"],
                    "apiKeyFrom": {"secretKeyRef": {"name": "keys", "key": "token"}},
                },
            },
        }
        for number in range(SERVICES)
    ]


@pytest.mark.parametrize("older", [previous_commit, older_schema])
def test_fifty_objects(older: Callable[[Path], Path], tmp_path: Path) -> None:
    chart = older(tmp_path)
    with Released(chart=chart, chart_values=SETTINGS) as released:
        released.create_namespace(NAMESPACE)
        samples = manifests(NAMESPACE, released.cloud.url)
        released.apply(
            [
                key_secret(NAMESPACE, released.account),
                secret(NAMESPACE, "keys", {"token": "sk-0"}),
                next(each for each in samples if each["kind"] == "Account"),
                *services(NAMESPACE),
            ]
        )
        before = released.wait_ready(NAMESPACE)
        assert len(before) == SERVICES + 1
        old = crd(released)
        cloud, audit = released.cloud.position(), released.plane.audit.position()

        released.release("upgrade", CHART)
        if older is older_schema:
            assert crd(released)["metadata"]["generation"] > old["metadata"]["generation"]
            assert not has_field(old)
            assert has_field(crd(released))
        released.stop_operator()  # as the Deployment does when its Pod template changes
        released.start_operator()
        polls = len(released.cloud.requests(since=cloud, action="ListModelServices"))

        def has_polled() -> bool:
            now = released.cloud.requests(since=cloud, action="ListModelServices")
            return len(now) > polls + 2

        eventually(has_polled, "the operator to have looked at the cloud")
        time.sleep(QUIET_SECONDS)

        assert released.cloud.writes(since=cloud) == []
        after = released.wait_ready(NAMESPACE)
        assert versions(after) == versions(before)
        writes = released.plane.audit.writes(user=released.operator_user, since=audit)
        assert {each.resource for each in writes} <= {"leases", "events"}
        released.delete_all(NAMESPACE, seconds=120)


def has_field(found: dict[str, Any]) -> bool:
    spec = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return DROPPED_FIELD in spec["properties"]


def versions(objects: list[dict[str, Any]]) -> dict[str, str]:
    return {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in objects}
