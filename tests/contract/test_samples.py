"""The samples are what a newcomer copies: whole, valid, coherent, and without a secret."""

import base64
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentrun_operator.core.dependencies import CONFIG_MAP, SECRET, dependencies
from agentrun_operator.core.identity import API_VERSION
from agentrun_operator.kinds import catalogue

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
FEATURES = SAMPLES / "features"
NAMESPACES = {".": "agentrun-demo", "features": None, "cluster": None}
"""Folder → namespace that its files name; a kustomization gives that of the features."""
SECRETS = {
    ".": {"agentrun-keys", "chat-keys"},
    "features": {"agentrun-keys", "feature-keys"},
    "cluster": {"agentrun-shared-keys"},
}
BESIDE = {"kustomization.yaml", "namespace.yaml"}
"""Files beside the samples that hold no object of ours."""
Object = Mapping[str, Any]


def objects() -> list[tuple[str, Object]]:
    return [
        (path.relative_to(SAMPLES).as_posix(), document)
        for path in sorted(SAMPLES.rglob("*.yaml"))
        if path.name not in BESIDE
        for document in yaml.safe_load_all(path.read_text())
    ]


OBJECTS = objects()
each_object = pytest.mark.parametrize(
    ("path", "found"), OBJECTS, ids=[f"{p}:{o['metadata']['name']}" for p, o in OBJECTS]
)
each_kustomization = pytest.mark.parametrize("folder", [SAMPLES, FEATURES], ids=lambda p: p.name)


def test_every_kind_has_a_sample() -> None:
    assert {found["kind"] for path, found in OBJECTS if "features" not in path} == set(catalogue())


@each_object
def test_a_sample_is_an_object_of_ours_in_its_namespace(path: str, found: Object) -> None:
    kind = catalogue()[found["kind"]]
    assert found["apiVersion"] == API_VERSION
    assert re.match(kind.name_pattern, found["metadata"]["name"])
    assert found["metadata"].get("namespace") == NAMESPACES[str(Path(path).parent)]
    assert path.startswith("cluster/") is not kind.namespaced


@each_object
def test_a_sample_says_nothing_that_its_spec_would_ignore(path: str, found: Object) -> None:
    assert path
    model = catalogue()[found["kind"]].spec
    understood = model.model_validate(found["spec"]).model_dump(
        by_alias=True, exclude_unset=True, mode="json"
    )
    assert understood == found["spec"]


@each_object
def test_what_a_sample_names_is_in_the_samples_or_explained(path: str, found: Object) -> None:
    folder = str(Path(path).parent)
    present = {
        (other["kind"], other["metadata"]["name"])
        for where, other in OBJECTS
        if str(Path(where).parent) in (folder, "cluster")
    }
    for named in dependencies(catalogue()[found["kind"]], found["spec"]):
        assert named.kind != CONFIG_MAP
        if named.kind == SECRET:
            assert named.name in SECRETS[folder]
        else:
            assert (named.kind, named.name) in present


def test_no_sample_holds_a_secret() -> None:
    assert not [found for _, found in OBJECTS if found["kind"] == "Secret"]


def keys_named(spec: Any) -> set[tuple[str, str]]:
    """Return which keys of which Secrets a spec names."""
    if isinstance(spec, list):
        return {named for each in spec for named in keys_named(each)}
    if not isinstance(spec, Mapping):
        return set()
    found = {named for each in spec.values() for named in keys_named(each)}
    ref = spec.get("secretKeyRef")
    return found | ({(ref["name"], ref["key"])} if ref else set())


@pytest.mark.parametrize(
    ("folder", "told", "form"),
    [
        (".", "README.md", "--from-file={key}="),
        (".", "account.yaml", "--from-file={key}="),
        ("features", "README.md", "`{key}`"),
    ],
)
def test_who_makes_the_secrets_of_the_samples_is_told_their_keys(
    folder: str, told: str, form: str
) -> None:
    text = (SAMPLES / told).read_text()
    specs = [found["spec"] for path, found in OBJECTS if str(Path(path).parent) == folder]
    assert {name for name, _ in keys_named(specs)} == SECRETS[folder] - {"agentrun-keys"}
    assert [key for _, key in keys_named(specs) if form.format(key=key) not in text] == []
    assert [name for name in SECRETS[folder] if name not in text] == []


@each_kustomization
def test_one_command_applies_every_sample_of_a_folder(folder: Path) -> None:
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    present = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert sorted(listed) == listed
    assert set(listed) == present


def test_every_feature_is_in_the_table() -> None:
    told = re.findall(r"^\| \[([\w-]+)\]", (SAMPLES / "README.md").read_text(), re.MULTILINE)
    samples = {path.stem for path in FEATURES.glob("*.yaml") if path.name not in BESIDE}
    assert sorted(told) == sorted(samples - {"account"})


def test_the_code_in_a_sample_is_a_zip_archive() -> None:
    sample = yaml.safe_load((FEATURES / "code-from-zip.yaml").read_text())
    archive = base64.b64decode(sample["spec"]["code"]["zipFile"], validate=True)
    with zipfile.ZipFile(io.BytesIO(archive)) as code:
        assert code.namelist() == [sample["spec"]["code"]["command"][1]]
        compile(code.read("app.py"), "app.py", "exec")
