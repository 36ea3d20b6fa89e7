"""The API description is the installed SDK's, and the tool says what it cannot read."""

import json
from pathlib import Path

import pytest

from openapi.__main__ import main
from openapi.document import build
from openapi.errors import SdkError
from openapi.prose import check_tables, decorate, required_when
from openapi.sdk import Field, models

MODEL = """
class {name}(DaraModel):
    def __init__(
        self,
        {attribute}: {type} = None,
    ):
        # {comment}
        self.{attribute} = {attribute}

    def from_map(self, m: dict = None):
        if m.get('{json}') is not None:
            self.{attribute} = m.get('{json}')
        return self
"""


def test_the_committed_description_is_fresh() -> None:
    assert main(["--check"]) == 0


def test_a_change_shows_as_a_diff_and_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "openapi.json"
    assert main(["--target", str(target)]) == 0
    fresh = target.read_text()
    target.write_text(fresh.replace('"CreateFlow"', '"MakeFlow"'))
    assert main(["--check", "--target", str(target)]) == 1
    shown = capsys.readouterr().err
    assert '-    "operationId": "MakeFlow"' in shown
    assert "openapi.json is stale" in shown
    assert main(["--target", str(target)]) == 0
    assert target.read_text() == fresh
    assert "/2025-09-10/flows" in json.loads(fresh)["paths"]


def test_a_missing_description_is_stale(tmp_path: Path) -> None:
    assert main(["--check", "--target", str(tmp_path / "none.json")]) == 1


def test_a_field_that_the_tables_name_must_exist(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    text = MODEL.format(
        name="BoundTool", attribute="verb", type="str", comment="The verb.", json="verb"
    )
    (folder / "_bound_tool.py").write_text(text)
    with pytest.raises(SdkError, match=r"BoundTool\.method, which the SDK does not have"):
        check_tables(models(folder))


def test_an_attribute_without_a_json_name_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    text = MODEL.format(name="X", attribute="a", type="str", comment="A.", json="a")
    (folder / "_x.py").write_text(text.replace("self.a = m.get('a')", "pass"))
    with pytest.raises(SdkError, match=r"X\.a has no JSON name"):
        build(tmp_path, "9.9.9", "sdk")


@pytest.mark.parametrize(
    ("type_", "comment", "expected"),
    [
        ("str", "The mode. Valid values: `a`, `b`.", {"enum": ["a", "b"]}),
        ("str", "Valid values include: - `a` the first - `b`", {"enum": ["a", "b"]}),
        ("str", "Valid values: one (best), two and three.", {"enum": ["one", "two", "three"]}),
        ("str", "Valid values: whatever you like.", {}),
        (
            "int",
            "Valid values: 1 to 100. Default value: 20.",
            {"minimum": 1, "maximum": 100, "default": 20},
        ),
        ("int", "It must be 1 or greater.", {"minimum": 1}),
        ("bool", "Defaults to true.", {"default": True}),
        ("str", "Creation time, ISO 8601.", {"x-format": "iso-8601"}),
        ("str", "This parameter is deprecated.", {"deprecated": True}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_facts_stated_in_comments(type_: str, comment: str, expected: dict[str, object]) -> None:
    schema: dict[str, object] = {
        "type": {"str": "string", "int": "integer", "bool": "boolean"}[type_]
    }
    field = Field("x", "x", type_, comment)
    assert decorate("X", field, dict(schema), is_closed=True) == schema | expected


def test_a_hint_does_not_bind() -> None:
    field = Field("mode", "mode", "str", "Valid values: `a`, `b`.")
    assert decorate("X", field, {"type": "string"}, is_closed=False) == {
        "type": "string",
        "x-known-values": ["a", "b"],
    }


def test_what_is_required_in_a_case() -> None:
    field = Field("p", "p", "str", "This parameter is required only when `kind` is `flow`.")
    assert required_when(field) == {"kind": "flow"}
