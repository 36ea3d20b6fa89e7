"""The `agentrun-simulator` command as another program starts it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the command with arguments and accounts; whatever still runs is killed at the end."""
    begun: list[subprocess.Popen[str]] = []

    def run(*arguments: str, accounts: str = "") -> "subprocess.Popen[str]":
        environment = {"PATH": os.environ["PATH"], "AGENTRUN_SIMULATOR_ACCOUNTS": accounts}
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "agentrun_simulator", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        return process

    yield run
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


def url_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    match = re.fullmatch(r"agentrun-simulator ready on (http://127\.0\.0\.1:\d+)\n", line)
    assert match is not None, line
    return match[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_announces_its_url_in_one_line_and_ends_cleanly(
    start: Start, number: signal.Signals
) -> None:
    process = start("--port", "0", "--auth", "off", "--transition-seconds", "0")
    with urllib.request.urlopen(f"{url_of(process)}/2025-09-10/workspaces", timeout=60) as answer:  # noqa: S310
        assert json.load(answer)["code"] == "SUCCESS"
        assert answer.headers["date"].endswith("GMT")
    process.send_signal(number)
    rest, errors = process.communicate(timeout=60)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_accounts_come_from_the_environment(start: Start) -> None:
    process = start(accounts="1:k1:s1,2:k2:s2, 2:STS.k3:s3:token")
    url = f"{url_of(process)}/admin/settings"
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310
        text = answer.read().decode()
    accounts = json.loads(text)["accounts"]
    assert [(a["accountId"], a["accessKeyId"]) for a in accounts] == [
        ("1", "k1"),
        ("2", "k2"),
        ("2", "STS.k3"),
    ]
    assert not any(f'"{secret}"' in text for secret in ("s1", "s2", "s3", "token"))


@pytest.mark.parametrize(
    ("arguments", "accounts", "message"),
    [
        ((), "1:k1", "AGENTRUN_SIMULATOR_ACCOUNTS: entry 1 is not ID:ACCESS_KEY_ID:"),
        ((), "1:k1:s1,2::s3cret", "AGENTRUN_SIMULATOR_ACCOUNTS: entry 2 is not"),
        (("--transition-seconds", "-1"), "", "transitionSeconds: Input should be greater"),
        (("--port", "99999"), "", "127.0.0.1:99999: "),
        (("--auth", "maybe"), "", "invalid choice"),
    ],
    ids=["short account", "empty key", "negative time", "impossible port", "unknown word"],
)
def test_wrong_settings_are_explained(
    start: Start, arguments: tuple[str, ...], accounts: str, message: str
) -> None:
    _, errors = (process := start(*arguments, accounts=accounts)).communicate(timeout=60)
    assert process.returncode in (1, 2)
    assert message in errors
    assert "Traceback" not in errors
    assert "s3cret" not in errors


def test_a_port_in_use_is_explained(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start("--port", str(taken.getsockname()[1]))
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "in use" in errors


def test_help_names_every_option(start: Start) -> None:
    shown, _ = (process := start("--help")).communicate(timeout=60)
    assert process.returncode == 0
    for option in ("--port", "--transition-seconds", "--auth", "--seed-file", "--tls-key"):
        assert option in shown
    assert "AGENTRUN_SIMULATOR_ACCOUNTS" in shown


def test_a_seed_file_is_sown_and_options_win_over_it(start: Start, tmp_path: Path) -> None:
    seed = {
        "settings": {"transitionSeconds": 9, "verifySignatures": False, "staleListSeconds": 1},
        "resources": [{"family": "Workspace", "fields": {"name": "team"}}],
    }
    (tmp_path / "seed.json").write_text(json.dumps(seed))
    process = start("--seed-file", str(tmp_path / "seed.json"), "--transition-seconds", "3")
    url = url_of(process)
    with urllib.request.urlopen(f"{url}/2025-09-10/workspaces?name=team", timeout=60) as answer:  # noqa: S310
        assert json.load(answer)["data"]["total"] == 1
    with urllib.request.urlopen(f"{url}/admin/settings", timeout=60) as answer:  # noqa: S310
        settings = json.load(answer)
    assert (settings["transitionSeconds"], settings["staleListSeconds"]) == (3, 1)
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310
        assert "<td>team</td>" in answer.read().decode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "Invalid JSON"),
        ('{"resource": []}', "resource: Extra inputs"),
        ('{"settings": {"seed": "x"}}', "seed: Input should be"),
        ('{"resources": [{"family": "Workspace", "fields": {}}]}', "Name is required"),
        (None, "No such file"),
    ],
)
def test_a_wrong_seed_file_is_explained(
    start: Start, tmp_path: Path, content: str | None, message: str
) -> None:
    file = tmp_path / "seed.json"
    if content is not None:
        file.write_text(content)
    _, errors = (process := start("--seed-file", str(file))).communicate(timeout=60)
    assert process.returncode == 2
    assert message in errors
    assert "Traceback" not in errors
