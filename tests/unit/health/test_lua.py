"""The health checks for Argo CD: its own tests, in its own layout, with and without libraries."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentrun_operator.core.identity import API_VERSION, GROUP
from agentrun_operator.kinds import catalogue
from argocd import customizations
from fakes.argo_health import HealthScript
from fakes.kstatus import CURRENT, FAILED, IN_PROGRESS, kstatus

KINDS = sorted(catalogue())
STATES = {"unseen", "waiting", "healthy", "edited", "degraded", "suspended"}
KSTATUS = {"Healthy": CURRENT, "Progressing": IN_PROGRESS, "Degraded": FAILED}

LIBRARIES = {"built-in": True, "argocd-cm": False}


def cases_of(kind: str) -> list[dict[str, Any]]:
    content = yaml.safe_load((customizations.folder_of(kind) / "health_test.yaml").read_text())
    tests: list[dict[str, Any]] = content["tests"]
    return tests


def shown(kind: str, test: dict[str, Any]) -> dict[str, Any]:
    path = customizations.folder_of(kind) / test["inputPath"]
    body: dict[str, Any] = yaml.safe_load(path.read_text())
    return body


CASES = [
    pytest.param(kind, test, id=f"{kind} {Path(test['inputPath']).stem}")
    for kind in KINDS
    for test in cases_of(kind)
]


@pytest.mark.parametrize("origin", LIBRARIES)
@pytest.mark.parametrize(("kind", "test"), CASES)
def test_argo_cd_says_what_its_test_expects(kind: str, test: dict[str, Any], origin: str) -> None:
    script = (customizations.folder_of(kind) / "health.lua").read_text()
    found = HealthScript(script, with_all_libraries=LIBRARIES[origin]).health(shown(kind, test))
    assert found == test["healthStatus"]


@pytest.mark.parametrize(("kind", "test"), CASES)
def test_argo_cd_and_kstatus_agree(kind: str, test: dict[str, Any]) -> None:
    body, health = shown(kind, test), test["healthStatus"]["status"]
    assert (body["apiVersion"], body["kind"]) == (API_VERSION, kind)
    assert kstatus(body) == KSTATUS.get(health, IN_PROGRESS)  # the suspended ones were edited


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_shown_in_every_state(kind: str) -> None:
    assert {Path(test["inputPath"]).stem for test in cases_of(kind)} >= STATES


def test_nothing_lies_beside_what_is_tested() -> None:
    files = {path for path in customizations.folder_of("").rglob("*") if path.is_file()}
    tested = {
        customizations.folder_of(kind) / name
        for kind in KINDS
        for name in (
            "health.lua",
            "health_test.yaml",
            *(test["inputPath"] for test in cases_of(kind)),
        )
    }
    assert files == tested


def test_the_generated_files_are_up_to_date() -> None:
    assert customizations.check(KINDS) == []


def test_argocd_cm_has_one_key_for_each_kind() -> None:
    content = yaml.safe_load((customizations.FOLDER / "argocd-cm.yaml").read_text())
    assert content["metadata"]["name"] == "argocd-cm"
    script = customizations.SCRIPT.read_text()
    wanted = {f"resource.customizations.health.{GROUP}_{kind}": script for kind in KINDS}
    assert content["data"] == wanted


def test_the_test_data_names_no_machine() -> None:
    for path in customizations.FOLDER.rglob("*.yaml"):
        assert not re.search(r"127\.0\.0\.1|localhost|LTAI\w", path.read_text()), path
