"""The samples by feature, as a newcomer applies them: one command, a fresh namespace, all Ready."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane import ControlPlane
from rig import CloudAccount, Rig
from rig.rig import ACCOUNT
from rig.samples import FOLDER, key_secret, secret

NAMESPACE = "e2e-features"
FEATURE_KEYS = ("callers", "alice", "nightly", "tenant")
OWN = CloudAccount(ACCOUNT)
"""Keys of the operator itself, as RRSA would give it."""


@pytest.fixture
def features(spare_plane: ControlPlane) -> Iterator[Rig]:
    """The product, with keys of its own."""
    settings = {
        "AGENTRUN_ACCESS_KEY_ID": OWN.access_key_id,
        "AGENTRUN_ACCESS_KEY_SECRET": OWN.access_key_secret,
    }
    with Rig(spare_plane, transition_seconds=0.2, accounts=(OWN,), settings=settings) as running:
        yield running
        running.delete_all(NAMESPACE)
        running.kubectl("delete", "clusteraccounts", "--all")
        running.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def overlay(folder: Path, endpoint: str) -> Path:
    """Return the kustomization of samples/README.md, with what it asks a user to put in."""
    shutil.copytree(FOLDER, folder / "samples")
    blocks = re.findall(r"```yaml\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)
    (recipe,) = [block for block in blocks if "patches:" in block]
    document = yaml.safe_load(recipe.replace("YOUR-ACCOUNT", ACCOUNT).replace("team-a", NAMESPACE))
    document["resources"] = ["../samples/features"]
    to_endpoint = [{"op": "add", "path": "/spec/endpoint", "value": endpoint}]
    document["patches"].append(
        {"target": {"kind": "Account"}, "patch": yaml.safe_dump(to_endpoint)}
    )
    own = folder / "own"
    own.mkdir()
    (own / "kustomization.yaml").write_text(yaml.safe_dump(document))
    return own


def of_the_platform(endpoint: str) -> dict[str, Any]:
    """Return the ClusterAccount of RRSA, lent to our namespace."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / "cluster" / "rrsa.yaml").read_text())
    found["spec"] |= {"endpoint": endpoint, "allowedNamespaces": {"names": [NAMESPACE]}}
    return found


def test_every_feature_becomes_ready_in_a_namespace_of_ones_own(
    features: Rig, tmp_path: Path
) -> None:
    rig = features
    rig.kubectl("create", "namespace", NAMESPACE)
    own = str(overlay(tmp_path, rig.cloud.url))
    applied = rig.kubectl("apply", "--kustomize", own)
    keys = {name: f"sk-{name}" for name in FEATURE_KEYS}
    rig.apply([key_secret(NAMESPACE, rig.account), secret(NAMESPACE, "feature-keys", keys)])
    rig.apply([of_the_platform(rig.cloud.url)])
    ready = rig.wait_ready(NAMESPACE)
    assert len(ready) == applied.count(".agentrun.dev/")
    assert rig.kubectl("get", "clusteraccount", "rrsa", "--output=name")
    assert 'namespace "' not in rig.kubectl("delete", "--kustomize", own, "--wait=false")
