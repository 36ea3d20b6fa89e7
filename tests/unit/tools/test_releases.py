"""Which Kubernetes releases there are, and which one the environment chooses."""

import re
from pathlib import Path

import pytest

from controlplane.binaries import KUBERNETES
from controlplane.errors import ControlPlaneError
from controlplane.releases import VARIABLE, chosen, minor_version, releases

PINNED = minor_version(KUBERNETES)


def test_each_folder_pins_the_minor_version_of_its_name() -> None:
    folders = {each.parent.name for each in KUBERNETES.module.glob("*/go.mod")}
    assert set(releases()) == {*folders, PINNED}


def test_the_supported_releases_come_oldest_first() -> None:
    assert [*releases()] == ["1.34", "1.35", "1.36"]


def test_people_who_install_are_told_the_releases() -> None:
    page = (Path(__file__).parents[3] / "docs" / "install.md").read_text(encoding="utf-8")
    *older, newest = releases()
    assert f"Kubernetes {', '.join(older)} and {newest}." in page


def test_every_release_is_built_of_the_programs_that_it_pins() -> None:
    for toolset in releases().values():
        go_mod = (toolset.module / "go.mod").read_text()
        assert all(each.package in go_mod for each in toolset.programs), toolset.version
        staging = toolset.version.replace("v1.", "v0.")
        assert f"k8s.io/apiserver => k8s.io/apiserver {staging}\n" in go_mod


def test_no_release_is_taken_from_the_assets() -> None:
    """They hold one release: it would pass for all of them."""
    assert {each.assets_variable for each in releases().values()} == {None}


@pytest.mark.parametrize("environ", [{}, {VARIABLE: ""}])
def test_without_a_choice_it_is_the_pinned_one(environ: dict[str, str]) -> None:
    assert chosen(environ) is KUBERNETES


def test_the_environment_chooses_by_minor_version() -> None:
    assert chosen({VARIABLE: "1.35"}).version.startswith("v1.35.")


def test_an_unknown_minor_version_is_refused() -> None:
    with pytest.raises(ControlPlaneError, match=re.escape("is '1.3', none of 1.34, 1.35, 1.36")):
        chosen({VARIABLE: "1.3"})
