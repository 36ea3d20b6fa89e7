"""Schemathesis over the whole description: answers fit it, and no 5xx comes unasked."""

import logging
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from agentrun_simulator.server import serve
from agentrun_simulator.settings import Settings
from agentrun_simulator.simulator import Simulator
from fakes.official import run

CHECKS = (
    "status_code_conformance",
    "response_schema_conformance",
    "content_type_conformance",
    "response_headers_conformance",
)


@pytest.mark.slow
def test_answers_fit_the_description(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    simulator = Simulator(Settings(verify_signatures=False, transition_seconds=0))
    description = files("agentrun_simulator").joinpath("data/openapi.json")
    with serve(simulator) as url, caplog.at_level(logging.ERROR):
        done = run(
            [
                str(Path(sys.executable).with_name("schemathesis")),
                "run",
                str(description),
                f"--url={url}",
                f"--checks={','.join(CHECKS)}",
                "--phases=fuzzing",
                "--max-examples=4",
                "--suppress-health-check=all",
                "--generation-database=none",
                "--seed=1",
                "--no-color",
            ],
            {"PATH": "", "HOME": str(tmp_path)},
            tmp_path,
        )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "100 passed" in done.stdout
    entries = simulator.requests()
    assert len(entries) > 300
    broken = {entry["action"] for entry in entries if (entry["status"] or 500) >= 500}
    assert broken <= {"CreateModelProxy"}, "only a duplicate ModelProxy is a 500 (§4.2)"
    assert [record.message for record in caplog.records] == []
