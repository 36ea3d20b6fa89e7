"""What the image check refuses, and what the build learns about this machine's index."""

import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from image.check import check
from image.errors import ImageError
from image.index import write_secrets


class FakeImage:
    """Answers like a good image, but for what a test changes."""

    def __init__(self, **changed: tuple[int, str]) -> None:
        self.answers = {
            "version": (0, "agentrun-operator 1.2.3\n"),
            "run": (1, "no cluster: set KUBECONFIG\n"),
            "probe": (0, "65532 65532 []\n"),
        } | changed

    def build(self, repository: Path, tag: str, secrets: Mapping[str, Path]) -> None:
        raise AssertionError(repository, tag, secrets)

    def run(self, tag: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._answer(tag, arguments[0])

    def run_program(self, tag: str, *argv: str) -> "subprocess.CompletedProcess[str]":
        assert argv[0] == "python3"
        return self._answer(tag, "probe")

    def _answer(self, tag: str, question: str) -> "subprocess.CompletedProcess[str]":
        code, output = self.answers[question]
        return subprocess.CompletedProcess([tag], code, output)


def test_a_good_image_passes(capsys: pytest.CaptureFixture[str]) -> None:
    check(FakeImage(), "tag", "1.2.3")
    assert "no cluster: set KUBECONFIG" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("question", "answer", "complaint"),
    [
        ("version", (0, "agentrun-operator 1.2.2\n"), "version is 1.2.3"),
        ("version", (1, "cannot import 1.2.3\n"), "version is 1.2.3"),
        ("probe", (0, "0 0 []\n"), "no root"),
        ("probe", (0, "65532 65532 ['gcc']\n"), "no build tools"),
        ("run", (0, "fine without a cluster\n"), "without a cluster"),
        ("run", (1, ""), "without a cluster"),
        ("run", (1, "Traceback (most recent call last):\n"), "without a cluster"),
        ("run", (1, "line\n" * 9), "without a cluster"),
    ],
    ids=["stale", "broken", "root", "compiler", "no error", "silent", "traceback", "wordy"],
)
def test_a_bad_image_is_refused(question: str, answer: tuple[int, str], complaint: str) -> None:
    with pytest.raises(ImageError, match=complaint):
        check(FakeImage(**{question: answer}), "tag", "1.2.3")


def test_the_build_gets_the_index_of_this_machine_in_a_private_file(
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
