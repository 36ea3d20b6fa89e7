"""With what the CRDs are compared, and what of crdify's report counts."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from charttools.compatibility import History, findings, history, last_state, wordless
from charttools.errors import ChartError, UnavailableError

PLAIN = History(releases=[], head="head", fork="", is_edited=False, changes=["last", "before"])
CRD: dict[str, Any] = {
    "metadata": {"name": "things.example.dev"},
    "spec": {
        "description": "Gone.",
        "properties": {
            "description": {"type": "string", "description": "Gone."},
            "name": {
                "x-kubernetes-validations": [
                    {"rule": "size(self) > 3", "message": "Gone.", "messageExpression": "gone"}
                ]
            },
        },
    },
}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (replace(PLAIN, releases=["v1.1.0", "v1.0.0"], fork="fork", is_edited=True), "v1.1.0"),
        (replace(PLAIN, fork="fork", is_edited=True), "fork"),
        (replace(PLAIN, fork="head", is_edited=True), "head"),
        (replace(PLAIN, fork="head"), "before"),
        (PLAIN, "before"),
    ],
    ids=["last release", "a branch", "edited on main", "on main", "no remote"],
)
def test_the_state_that_people_may_have(known: History, expected: str) -> None:
    base, what = last_state(known)
    assert base == expected
    assert what


def test_there_may_be_nothing_to_compare_with(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no earlier commit"):
        last_state(replace(PLAIN, changes=["last"]))
    with pytest.raises(UnavailableError, match="a clone has"):
        history(tmp_path)


def test_words_break_nothing() -> None:
    assert wordless(CRD)["spec"] == {
        "properties": {
            "description": {"type": "string"},
            "name": {"x-kubernetes-validations": [{"rule": "size(self) > 3"}]},
        }
    }


def _crdify(folder: Path, output: str) -> Path:
    """Write a program that reports the same of any two CRDs."""
    program = folder / "crdify"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\nexit 1\n")
    program.chmod(0o755)
    return program


def test_every_error_is_told_with_its_place(tmp_path: Path) -> None:
    report = {
        "crdValidation": [{"name": "scope"}, {"name": "removal", "errors": ["removed ^.spec.a"]}],
        "sameVersionValidation": {
            "v1": {"^.spec.b": [{"name": "enum", "errors": ["fewer"], "warnings": ["ignored"]}]}
        },
        "servedVersionValidation": None,
    }
    text = yaml.safe_dump(CRD)
    old = {"things.yaml": text, "lost.yaml": text.replace("things", "lost")}
    told = list(findings(_crdify(tmp_path, json.dumps(report)), old, {"things.yaml": text}))
    assert told == [
        "lost.example.dev is gone",
        "things.example.dev removal: removed ^.spec.a",
        "things.example.dev ^.spec.b enum: fewer",
    ]


def test_a_comparison_that_fails_is_no_success(tmp_path: Path) -> None:
    crds = {"things.yaml": yaml.safe_dump(CRD)}
    with pytest.raises(ChartError, match="loading old"):
        list(findings(_crdify(tmp_path, "loading old: no such file"), crds, crds))
