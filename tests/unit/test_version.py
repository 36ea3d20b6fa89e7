"""The version has one place, `agentrun_operator.__version__`; what repeats it cannot differ."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from agentrun_operator import __version__

ROOT = Path(__file__).parents[2]
VERSION = r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?"


def test_the_project_takes_its_version_from_the_package() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    settings = tomllib.loads(text)
    assert "version" not in settings["project"]
    assert settings["project"]["dynamic"] == ["version"]
    owner = (ROOT / settings["tool"]["hatch"]["version"]["path"]).read_text(encoding="utf-8")
    assert f'__version__ = "{__version__}"' in owner


def test_the_version_is_one_that_charts_and_python_take() -> None:
    assert re.fullmatch(VERSION, __version__)


@pytest.mark.parametrize("chart", ["agentrun-operator", "agentrun-operator-crds"])
def test_charts_have_the_version_of_the_operator(chart: str) -> None:
    document = yaml.safe_load((ROOT / "charts" / chart / "Chart.yaml").read_text(encoding="utf-8"))
    assert (document["version"], document["appVersion"]) == (__version__, __version__)


@pytest.mark.parametrize("page", ["README.md", "docs/install.md"])
def test_pages_tell_the_version(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    told = re.findall(
        rf"(?:agentrun-(?:operator|simulator):|targetRevision: |\bversion )({VERSION})", text
    )
    assert set(told) == {__version__}


def test_the_newest_release_of_the_changelog_is_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(rf"^## ({VERSION})\b", text, re.MULTILINE)
    assert released[:1] in ([], [__version__])
