"""The page of results: what is compared, what is left out, and that its pictures are pictures."""

import copy
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench.draw import Axis, Line, chart, shown
from bench.page import rendered, write

SVG = "{http://www.w3.org/2000/svg}"
SPREAD = {"p50": 1.0, "p99": 2.0, "last": 3.0}


def figures(size: int) -> dict[str, Any]:
    curves = {"created": [[0.0, 0.0], [1.0, size]], "ready": [[0.0, 0.0], [4.0, size]]}
    return {
        "objects": size,
        "ready": {
            "seconds_from_create": SPREAD,
            "lag_seconds": None,
            "last_ready_seconds": 4.0,
            "calls_per_object": 2.25,
            "cpu_seconds": 3.0,
            "rss_peak_mib": 90.0,
            "curves": curves,
        },
        "quiet": {
            "is_restless": False,
            "calls": {"writes": 0},
            "kubernetes_writes_per_object": 0.0,
        },
    }


def result(name: str, *sizes: int, **options: Any) -> dict[str, Any]:
    usual = {
        "families": ["AgentRuntime"],
        "transition_seconds": 3.0,
        "requests_per_second": 200,
        "quiet_seconds": 60.0,
        "fault_percent": 10.0,
        "edits": 10,
    }
    machine = {
        "processor": "A fast one",
        "cores": 2,
        "memory_gib": 8.0,
        "system": "Linux 6.1",
        "python": "3.11.7",
        "load_at_start": 0.1,
    }
    return {
        "taken": "2026-01-01",
        "machine": machine,
        "contestant": {"name": name, "version": "1.0", "about": "as it is", "takes": "objects"},
        "options": usual | options,
        "sizes": [figures(size) for size in sizes],
    }


def texts(svg: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314 - ours


def lines(svg: str) -> list[list[str]]:
    found = ET.fromstring(svg).iter(f"{SVG}polyline")  # noqa: S314 - ours
    return [each.attrib["points"].split() for each in found]


def rows(page: str) -> dict[str, list[str]]:
    cells = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return {name: values for name, *values in cells}


def test_contestants_with_like_fleets_stand_side_by_side() -> None:
    page, pictures = rendered([result("ours", 200, 2000), result("theirs", 200)], "real")
    assert "| | ours, 200 | theirs, 200 | ours, 2,000 |" in page
    assert rows(page)["create → Ready, seconds: p50 / p99 / last"] == ["1.0 / 2.0 / 3.0"] * 3
    names = texts(pictures["real-1-ready-200.svg"])
    assert {"ours: Ready", "theirs: Ready", "ours: created"} <= set(names)
    assert len(lines(pictures["real-1-ready-200.svg"])) == 4


def test_fleets_that_differ_are_not_compared() -> None:
    other = result("theirs", 200, families=["Credential"])
    page, _ = rendered([result("ours", 200), other], "real")
    assert "ours, 200 | theirs" not in page
    assert page.count("\n## ") == 2


def test_what_nobody_measured_has_no_row() -> None:
    page, pictures = rendered([result("ours", 200)], "real")
    assert "READY in the cloud → Ready" not in page
    assert "Deletion of all" not in page
    assert not any("deletion" in name for name in pictures)
    assert rows(page)["writes to the cloud"] == ["0"]


def test_the_machine_is_named_with_its_load() -> None:
    page, _ = rendered([result("ours", 200)], "real")
    assert "ours (1.0), 2026-01-01: A fast one, 2 cores" in page
    assert "load 0.1 at the start" in page


def test_cost_is_drawn_against_the_size_of_the_fleet() -> None:
    _, pictures = rendered([result("ours", 200, 2000)], "real")
    ((first, second),) = lines(pictures["real-1-calls.svg"])
    assert float(first.split(",")[0]) < float(second.split(",")[0])


def test_a_page_is_written_and_its_stale_pictures_are_not_kept(tmp_path: Path) -> None:
    data, page = tmp_path / "ours.json", tmp_path / "docs" / "real.md"
    data.write_text(json.dumps(result("ours", 200)))
    page.parent.mkdir()
    (page.parent / "real-9-ready-5.svg").write_text("old")
    assert write([data], page) == 0
    shown_names = {
        line[line.index("(") + 1 : -1]
        for line in page.read_text().splitlines()
        if line.startswith("![")
    }
    assert shown_names == {file.name for file in page.parent.glob("*.svg")}
    assert shown_names


def test_a_page_of_the_same_results_is_the_same() -> None:
    found = result("ours", 200)
    assert rendered([found], "real") == rendered([copy.deepcopy(found)], "real")


def test_a_higher_value_stands_higher_in_a_picture() -> None:
    svg = chart("T", [Line("a", [(0.0, 0.0), (10.0, 5.0)])], Axis("x"), Axis("y"))
    ((low, high),) = lines(svg)
    assert float(high.split(",")[1]) < float(low.split(",")[1])
    assert {"T", "a", "x", "y", "10", "5"} <= set(texts(svg))


def test_powers_of_ten_are_equally_far_apart() -> None:
    points = [(10.0, 1.0), (100.0, 1.0), (1000.0, 1.0)]
    ((a, b, c),) = lines(chart("T", [Line("a", points)], Axis("x", is_log=True), Axis("y")))
    first, second, third = (float(each.split(",")[0]) for each in (a, b, c))
    assert second - first == pytest.approx(third - second, abs=0.2)


@pytest.mark.parametrize(
    ("value", "expected"), [(12345.6, "12,346"), (0.123456, "0.123"), (0.0, "0"), (90.0, "90")]
)
def test_numbers_are_short(value: float, expected: str) -> None:
    assert shown(value) == expected


def test_a_phase_without_an_end_is_told() -> None:
    found = result("ours", 200)
    found["sizes"][0]["failed"] = [{"phase": "deletion", "why": "waited 3600 s in vain"}]
    page, _ = rendered([found, result("theirs", 200)], "real")
    assert rows(page)["did not come to its end in time"] == ["deletion", "–"]
