"""The guides stay true: reasons, values and files that they name exist."""

import json
import re
from pathlib import Path

import pytest
import yaml

from agentrun_operator.core.reasons import Reason
from agentrun_operator.kinds import catalogue
from chart.rendering import CHART, ROOT, helm

GUIDES = (
    "install",
    "upgrade",
    "uninstall",
    "permissions",
    "rrsa",
    "multi-tenancy",
    "private-network",
    "troubleshooting",
)


def text_of(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()


def test_every_reason_has_a_remedy_in_troubleshooting() -> None:
    named = set(re.findall(r"`([A-Z][A-Za-z]+)`", text_of("troubleshooting")))
    assert {reason.value for reason in Reason} <= named


def test_the_readme_says_what_each_kind_is() -> None:
    table = (ROOT / "README.md").read_text().split("| kind | what it is |")[1].split("\n\n")[0]
    first_cells = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    named = [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == list(catalogue()), "add the kind to the table in README.md"


def test_the_provider_page_has_a_row_for_each_kind() -> None:
    table = text_of("provider").split("| kind | counterpart in AgentCore |")[1].split("\n\n")[0]
    first_cells = re.findall(r"^\| ([A-Z][\w, ]+) \|", table, re.MULTILINE)
    named = [name for cell in first_cells for name in cell.split(", ")]
    assert sorted(named) == list(catalogue()), "add the kind to the table in docs/provider.md"


def snippets() -> list[tuple[str, str]]:
    """Return the YAML in the guides that is meant as values of the chart."""
    found = []
    for name in GUIDES:
        for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", text_of(name), re.DOTALL)):
            if "apiVersion:" not in block:
                found.append((f"{name}-{number}", block))
    return found


@pytest.mark.parametrize(("name", "block"), snippets(), ids=lambda v: v if "-" in v[:20] else "")
def test_values_in_the_guides_are_accepted(name: str, block: str, tmp_path: Path) -> None:
    del name
    values = tmp_path / "values.yaml"
    values.write_text(block)
    done = helm(options=(f"--values={values}",))
    assert done.returncode == 0, done.stderr


def test_the_values_of_the_application_set_are_accepted(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(apiVersion: argoproj.*?)```", text_of("install"), re.DOTALL)
    application = yaml.safe_load(block)["spec"]["template"]["spec"]
    values = application["source"]["helm"]["valuesObject"] | {"clusterId": "prod-1"}
    file = tmp_path / "values.yaml"
    file.write_text(json.dumps(values))
    done = helm(options=(f"--values={file}",))
    assert done.returncode == 0, done.stderr
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert application["source"]["targetRevision"] == chart["version"]


def test_values_that_the_guides_name_exist() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    groups = "|".join(name for name, value in values.items() if isinstance(value, dict))
    for name in GUIDES:
        for path in re.findall(rf"`((?:{groups})\.[\w.]+)[:`]", text_of(name)):
            node = values
            for part in path.split("."):
                assert part in node, f"{name}: {path}"
                node = node[part]


def test_the_policy_in_the_guide_is_the_generated_one() -> None:
    assert "docs/reference/ram-policy.json" in text_of("permissions")
    assert json.loads((ROOT / "docs/reference/ram-policy.json").read_text())["Version"] == "1"


def rows() -> list[tuple[str, str]]:
    """Return the rows of the checklist: number, check."""
    return re.findall(r"^\| (\d+) \| .+? \| (.+) \|$", text_of("checklist"), re.MULTILINE)


def test_the_checklist_has_all_rows() -> None:
    assert [int(number) for number, _ in rows()] == list(range(1, 50))


@pytest.mark.parametrize(("number", "check"), rows(), ids=lambda v: v if v.isdigit() else "")
def test_a_check_of_the_checklist_exists(number: str, check: str) -> None:
    del number
    files = re.findall(r"`((?:tests|tools|\.github)/[\w./-]+)`", check)
    assert files or "waits for the observability issue" in check
    missing = [file for file in files if not (ROOT / file).is_file()]
    assert not missing
