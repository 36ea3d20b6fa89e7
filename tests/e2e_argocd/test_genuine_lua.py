"""The health checks in Argo CD's own interpreter: it agrees with the one of the unit tests."""

import subprocess
from pathlib import Path

import pytest
import yaml

from agentrun_operator.kinds import catalogue
from argocd import ARGOCD, customizations
from controlplane import ensure


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Argo CD under the name of its command line."""
    link = tmp_path_factory.mktemp("bin") / "argocd"
    link.symlink_to(ensure(ARGOCD) / "argocd")
    return link


@pytest.mark.parametrize("kind", sorted(catalogue()))
def test_every_state(program: Path, kind: str) -> None:
    folder = customizations.folder_of(kind)
    settings = customizations.FOLDER / "argocd-cm.yaml"
    for test in yaml.safe_load((folder / "health_test.yaml").read_text())["tests"]:
        said = subprocess.run(  # noqa: S603 - our own build
            [
                program,
                "admin",
                "settings",
                "resource-overrides",
                "health",
                folder / test["inputPath"],
                f"--argocd-cm-path={settings}",
            ],
            check=True,
            capture_output=True,
            text=True,
            env={"HOME": str(program.parent), "PATH": ""},
        ).stdout
        wanted = test["healthStatus"]
        assert said == f"STATUS: {wanted['status']}\nMESSAGE: {wanted['message']}\n"
