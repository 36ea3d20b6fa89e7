"""What the image check refuses, and what the build learns about this machine's index."""

import json
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from image.check import check_operator, check_simulator
from image.errors import ImageError
from image.index import write_secrets


class FakeImage:
    """Answers like a good image, but for what a test changes."""

    def __init__(self, **changed: tuple[int, str]) -> None:
        self.answers = {
            "version": (0, "agentrun-operator 1.2.3\n"),
            "run": (1, "no cluster: set KUBECONFIG\n"),
            "probe": (0, contents()),
            "--help": (0, "usage: agentrun-simulator [--port PORT]\n"),
            "serve": (0, "answered 200\n"),
        } | changed

    def build(self, repository: Path, tag: str, target: str, secrets: Mapping[str, Path]) -> None:
        raise AssertionError(repository, tag, target, secrets)

    def run(self, tag: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._answer(tag, arguments[0])

    def run_program(self, tag: str, *argv: str) -> "subprocess.CompletedProcess[str]":
        assert argv[0] == "python3"
        return self._answer(tag, "serve" if "urlopen" in argv[-1] else "probe")

    def push(self, tag: str, reference: str) -> None:
        raise AssertionError(tag, reference)

    def _answer(self, tag: str, question: str) -> "subprocess.CompletedProcess[str]":
        code, output = self.answers[question]
        return subprocess.CompletedProcess([tag], code, output)


def contents(**changed: object) -> str:
    good = {"user": "65532:65532", "tools": [], "bytes": 1000, "writable": False, "digest": "d"}
    return json.dumps(good | changed)


def test_a_good_image_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_operator(FakeImage(), "tag", "1.2.3") == "d"
    assert "no cluster: set KUBECONFIG" in capsys.readouterr().out
    assert check_simulator(FakeImage(), "tag") == "d"


@pytest.mark.parametrize(
    ("question", "answer", "complaint"),
    [
        ("version", (0, "agentrun-operator 1.2.2\n"), "version is 1.2.3"),
        ("version", (1, "cannot import 1.2.3\n"), "version is 1.2.3"),
        ("probe", (0, contents(user="0:0")), "without root's rights"),
        ("probe", (0, contents(tools=["gcc"])), "no build tools"),
        ("probe", (0, contents(writable=True)), "cannot change its own program"),
        ("probe", (0, contents(bytes=200_000_000)), "adds 200 of at most 150 MB"),
        ("probe", (1, "python3: not found"), "without root's rights"),
        ("run", (0, "fine without a cluster\n"), "without a cluster"),
        ("run", (1, ""), "without a cluster"),
        ("run", (1, "Traceback (most recent call last):\n"), "without a cluster"),
        ("run", (1, "line\n" * 9), "without a cluster"),
    ],
    ids=[
        "stale",
        "broken",
        "root",
        "compiler",
        "open",
        "large",
        "no python",
        "no error",
        "silent",
        "traceback",
        "wordy",
    ],
)
def test_a_bad_image_is_refused(question: str, answer: tuple[int, str], complaint: str) -> None:
    with pytest.raises(ImageError, match=complaint):
        check_operator(FakeImage(**{question: answer}), "tag", "1.2.3")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("--help", (2, "")),
        ("serve", (1, "ModuleNotFoundError")),
        ("probe", (0, contents(user="0:0"))),
    ],
    ids=["no usage", "does not serve", "root"],
)
def test_a_bad_simulator_is_refused(question: str, answer: tuple[int, str]) -> None:
    with pytest.raises(ImageError):
        check_simulator(FakeImage(**{question: answer}), "tag")


def test_the_build_gets_the_index_in_a_private_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("certificates")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:canary@index.example/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/only/on/this/machine")
    monkeypatch.setenv("PIP_CERT", str(bundle))
    secrets = write_secrets(tmp_path)
    assert secrets == {"pip-config": tmp_path / "pip.conf", "ca-certificates": bundle}
    assert stat.S_IMODE(secrets["pip-config"].stat().st_mode) == 0o600
    config = secrets["pip-config"].read_text()
    assert "index-url = https://me:canary@index.example/simple" in config
    assert "cert = /run/secrets/ca-certificates" in config
    assert "/only/on/this/machine" not in config
