"""Where a linter comes from whose module not every proxy serves."""

import os
from pathlib import Path

import pytest

from charttools.errors import ChartError, UnavailableError
from charttools.programs import CRDIFY, KUBE_LINTER, acquire, version_of

BROKEN_GO = """#!/bin/sh
if [ "$1" = env ]; then echo go1.99.0; exit; fi
echo "reading https://proxy.example/kube-linter/@v/v1.info: 403 Forbidden" >&2
exit 1
"""


def _program(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def _linter(path: Path, version: str) -> Path:
    return _program(path, f"#!/bin/sh\necho {version}\n")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which nothing can be built."""
    _program(tmp_path / "path" / "go", BROKEN_GO)
    return {"HOME": str(tmp_path / "home"), "PATH": f"{tmp_path / 'path'}:{os.defpath}"}


def test_the_variable_names_any_version(environ: dict[str, str], tmp_path: Path) -> None:
    _linter(tmp_path / "path" / "kube-linter", KUBE_LINTER.version)
    mine = _linter(tmp_path / "mine", "development")
    assert acquire(KUBE_LINTER, environ={**environ, "KUBE_LINTER": str(mine)}) == mine
    with pytest.raises(ChartError, match=r"CRDIFY names .*/nothing"):
        acquire(CRDIFY, environ={**environ, "CRDIFY": str(tmp_path / "nothing")})


def test_one_on_the_path_counts_in_the_pinned_version(
    environ: dict[str, str], tmp_path: Path
) -> None:
    found = _linter(tmp_path / "path" / "kube-linter", KUBE_LINTER.version.removeprefix("v"))
    assert acquire(KUBE_LINTER, environ=environ) == found
    _linter(found, "0.1.0")
    with pytest.raises(UnavailableError, match=f"403 Forbidden.*{KUBE_LINTER.version}") as raised:
        acquire(KUBE_LINTER, environ=environ)
    assert "KUBE_LINTER" in str(raised.value)


@pytest.mark.parametrize(
    ("said", "version"),
    [("v0.8.3", "v0.8.3"), ("version: 0.5.0", "v0.5.0"), ("development", "an unknown version")],
)
def test_a_version_is_as_told(tmp_path: Path, said: str, version: str) -> None:
    assert version_of(_linter(tmp_path / "linter", said)) == version
