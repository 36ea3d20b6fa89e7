"""The samples are what a newcomer copies: whole, valid, coherent, and without a secret."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentrun_operator.core.dependencies import CONFIG_MAP, SECRET, dependencies
from agentrun_operator.core.identity import API_VERSION
from agentrun_operator.kinds import catalogue

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
Object = Mapping[str, Any]


def objects() -> list[tuple[str, Object]]:
    return [
        (path.relative_to(SAMPLES).as_posix(), document)
        for path in sorted(SAMPLES.rglob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
    ]


OBJECTS = objects()
each_object = pytest.mark.parametrize(
    ("path", "found"), OBJECTS, ids=[f"{p}:{o['metadata']['name']}" for p, o in OBJECTS]
)


def test_every_kind_has_a_sample() -> None:
    assert {found["kind"] for _, found in OBJECTS} == set(catalogue())


@each_object
def test_a_sample_is_an_object_of_ours_in_the_demos_namespace(path: str, found: Object) -> None:
    kind = catalogue()[found["kind"]]
    assert found["apiVersion"] == API_VERSION
    assert re.match(kind.name_pattern, found["metadata"]["name"])
    assert found["metadata"].get("namespace") == ("agentrun-demo" if kind.namespaced else None)
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
    present = {(o["kind"], o["metadata"]["name"]) for _, o in OBJECTS}
    secrets = {"agentrun-keys", "chat-keys"} if "/" not in path else {"agentrun-shared-keys"}
    for named in dependencies(catalogue()[found["kind"]], found["spec"]):
        assert named.kind != CONFIG_MAP
        if named.kind == SECRET:
            assert named.name in secrets
        else:
            assert (named.kind, named.name) in present


def test_no_sample_holds_a_secret() -> None:
    assert not [found for _, found in OBJECTS if found["kind"] == "Secret"]
