"""What a Secret holds and what goes out, for every kind: keys are bare, documents are untouched."""

from collections.abc import Iterator
from typing import Any

import pytest

from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.wire import encode
from agentrun_operator.crdgen.crd import root_schema
from agentrun_operator.kinds import catalogue
from drift.filled import CONFIG, CONFIG_DATA, KEYS, SECRET, VARIANTS, Variant, is_below, spec_of
from fakes.examples import AnyName, examples


def texts(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from texts(value, f"{path}.{name}".lstrip("."))
    elif isinstance(node, list):
        for value in node:
            yield from texts(value, path)
    elif isinstance(node, str):
        yield path, node


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["line feed", "CR and LF"])
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.title)
def test_only_free_text_keeps_the_line_break_at_its_end(variant: Variant, end: str) -> None:
    kind = catalogue()[variant.kind]
    secrets = {SECRET: {key: value + end for key, value in KEYS.items()}}
    resolution = Resolution(
        secrets=secrets,
        config_maps={CONFIG: CONFIG_DATA},
        references=AnyName(),
        external_names=AnyName(),
    )
    body = encode(kind, kind.spec.model_validate(spec_of(variant)), resolution)
    kept = {path for path, text in texts(body) if text.endswith(end)}
    verbatim = examples()[variant.kind].verbatim
    assert {path for path in kept if not any(is_below(path, each) for each in verbatim)} == set()


@pytest.mark.parametrize("kind", catalogue().values(), ids=lambda k: k.kind)
def test_every_description_of_a_key_says_so(kind: ResourceKind) -> None:
    for path, node in described(root_schema(kind)["properties"]["spec"]):
        if set(node.get("properties", ())) == {"secretKeyRef"}:
            assert "line break" in node["description"], path


def described(schema: Any, path: str = "spec") -> Iterator[tuple[str, Any]]:
    for name, node in schema.get("properties", {}).items():
        yield f"{path}.{name}", node
        yield from described(node.get("items", node), f"{path}.{name}")
