"""How the rig judges objects, and what it makes of samples and failures."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rig import CloudAccount, RigError, eventually, is_ready
from rig.samples import FOLDER, as_list, key_secret, manifests
from rig.waiting import described


def body(ready: str, *, generation: int = 2, observed: int = 2) -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "reason": "Creating", "message": "wait"}
    return {
        "kind": "Sandbox",
        "metadata": {"name": "code", "generation": generation},
        "status": {"observedGeneration": observed, "conditions": [condition]},
    }


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(body("True"), True, id="ready"),
        pytest.param(body("False"), False, id="not ready"),
        pytest.param(body("True", observed=1), False, id="ready, but for an older spec"),
        pytest.param({"kind": "Sandbox", "metadata": {"generation": 1}}, False, id="no status"),
    ],
)
def test_ready_is_judged_on_the_newest_generation(found: dict[str, Any], *, expected: bool) -> None:
    assert is_ready(found) is expected


def test_an_object_is_described_by_its_conditions() -> None:
    assert described(body("False")) == "Sandbox/code: Ready=False (Creating) wait"
    bare = {"kind": "Sandbox", "metadata": {"name": "code"}}
    assert described(bare) == "Sandbox/code: no conditions"


def test_waiting_ends_with_a_find_or_says_what_was_missed() -> None:
    answers = iter([None, "found"])
    assert eventually(lambda: next(answers), "an answer") == "found"
    with pytest.raises(RigError, match="in vain for: an answer"):
        eventually(lambda: None, "an answer", seconds=0)


def test_samples_differ_only_by_the_simulated_cloud() -> None:
    found = manifests("team-a", "http://127.0.0.1:1")
    (account,) = [each for each in found if each["kind"] == "Account"]
    assert account["spec"].pop("endpoint") == "http://127.0.0.1:1"
    assert {each["metadata"].pop("namespace") for each in found} == {"team-a"}
    originals = [
        document
        for file in sorted(FOLDER.glob("*.yaml"))
        if file.name not in ("kustomization.yaml", "namespace.yaml")
        for document in yaml.safe_load_all(Path(file).read_text())
    ]
    for each in originals:
        del each["metadata"]["namespace"]
    assert found == originals


def test_secrets_of_an_account_are_not_in_its_repr() -> None:
    account = CloudAccount("1")
    assert account.access_key_secret not in repr(account)
    assert account.access_key_secret in json.dumps(as_list([key_secret("team-a", account)]))


def test_a_failure_keeps_the_line_apart_from_the_evidence() -> None:
    failure = RigError("not ready", "the log")
    assert (failure.what, failure.evidence, str(failure)) == (
        "not ready",
        "the log",
        "not ready\nthe log",
    )
