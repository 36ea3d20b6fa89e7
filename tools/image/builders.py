"""The two ways to build and start an image: docker where a daemon answers, else buildah."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from image.errors import ImageError

SUITE = "bookworm"
BASE_PACKAGES = ("ca-certificates", "python3", "python3-venv")
DEBIAN_PACKAGES = ("buildah", "mmdebstrap")
BUILDAH_REMARKS = ("subprocess exited with status", "Error: exit status", "error running")
"""What buildah itself adds to the output of a program that exits non-zero."""
START_SECONDS = 60
EPOCH = os.environ.get("SOURCE_DATE_EPOCH", "1577836800")
"""The time that all files of an image carry, in seconds; a release uses that of its commit."""


class Builder(Protocol):
    """Builds an image from the repository and runs programs in it."""

    def build(self, repository: Path, tag: str, target: str, secrets: Mapping[str, Path]) -> None:
        """Build one target of the repository's Dockerfile."""

    def run(self, tag: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Start the image's entry point with arguments; output holds both streams."""

    def run_program(self, tag: str, *argv: str) -> "subprocess.CompletedProcess[str]":
        """Start another program of the image instead of its entry point."""

    def push(self, tag: str, reference: str) -> None:
        """Push an image to a registry of this machine, which speaks plain HTTP."""


class Docker:
    """Docker, or what answers in its place."""

    def __init__(self, base_image: str | None) -> None:
        self._base_image = base_image

    @staticmethod
    def is_available() -> bool:
        """Tell whether there is a client and a daemon behind it."""
        return shutil.which("docker") is not None and (
            subprocess.run(["docker", "version"], check=False, capture_output=True).returncode == 0
        )

    def build(self, repository: Path, tag: str, target: str, secrets: Mapping[str, Path]) -> None:
        """Build one target of the repository's Dockerfile."""
        options = [f"--tag={tag}", f"--target={target}", *_options(secrets, self._base_image)]
        _show(
            ["docker", "build", f"--build-arg=SOURCE_DATE_EPOCH={EPOCH}", *options, "."],
            repository,
            os.environ | {"DOCKER_BUILDKIT": "1"},
        )

    def run(self, tag: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Start the image's entry point, without a network."""
        return _capture(["docker", "run", "--rm", "--network=none", tag, *arguments], os.environ)

    def run_program(self, tag: str, *argv: str) -> "subprocess.CompletedProcess[str]":
        """Start another program of the image."""
        command = ["docker", "run", "--rm", "--network=none", f"--entrypoint={argv[0]}", tag]
        return _capture([*command, *argv[1:]], os.environ)

    def push(self, tag: str, reference: str) -> None:
        """Push an image; docker itself takes loopback for a registry without TLS."""
        for command in (["tag", tag, reference], ["push", "--quiet", reference]):
            _show(["docker", *command], Path("/"), os.environ)


class Buildah:
    """Buildah without a daemon, on a base image made from Debian packages.

    Its images live in the cache folder, not among the machine's own.
    """

    def __init__(self, base_image: str | None, cache: Path) -> None:
        self._base_image = base_image
        self._cache = cache
        self._environ = {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot", **os.environ}
        storage = cache / "containers"
        self._buildah = ["buildah", f"--root={storage}", f"--runroot={storage / 'run'}"]

    def build(self, repository: Path, tag: str, target: str, secrets: Mapping[str, Path]) -> None:
        """Build one target of the Dockerfile, on our own base unless another was asked for."""
        _install_debian_packages()
        base = self._base_image or self._own_base()
        self._cache.mkdir(parents=True, exist_ok=True)
        # vfs copies whole layers: the image of the previous build goes first.
        _capture([*self._buildah, "rmi", "--force", tag], self._environ)
        options = ["--format=docker", "--pull-never", "--layers=false", f"--tag={tag}"]
        options += [f"--target={target}", f"--timestamp={EPOCH}", *_options(secrets, base)]
        _show([*self._buildah, "bud", *options, "."], repository, self._environ)

    def run(self, tag: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Start the image's entry point: `buildah run` knows the user but not the entry point."""
        inspected = self._call("inspect", "--type=image", tag)
        entry_point = json.loads(inspected)["OCIv1"]["config"]["Entrypoint"]
        return self.run_program(tag, *entry_point, *arguments)

    def run_program(self, tag: str, *argv: str) -> "subprocess.CompletedProcess[str]":
        """Start a program of the image in a container of its own."""
        container = self._call("from", "--pull-never", tag)
        try:
            done = _capture([*self._buildah, "run", container, "--", *argv], self._environ)
        finally:
            self._call("rm", container)
        lines = done.stdout.splitlines(keepends=True)
        done.stdout = "".join(line for line in lines if not line.startswith(BUILDAH_REMARKS))
        return done

    def push(self, tag: str, reference: str) -> None:
        """Push an image to a registry of this machine."""
        command = ["push", "--quiet", "--tls-verify=false", tag, f"docker://{reference}"]
        _show([*self._buildah, *command], Path("/"), self._environ)

    def _own_base(self) -> str:
        """Return a local image with Debian's Python; make it if it does not exist yet."""
        tag = f"localhost/agentrun-operator-base:{SUITE}"
        if (
            _capture([*self._buildah, "inspect", "--type=image", tag], self._environ).returncode
            == 0
        ):
            return tag
        print(f"making a base image from Debian {SUITE} packages, about half a minute", flush=True)
        archive = self._cache / f"base-{SUITE}.tar"
        include = f"--include={','.join(BASE_PACKAGES)}"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", include, SUITE, str(archive)]
        _show(command, self._cache, self._environ)
        container = self._call("from", "scratch")
        try:
            self._call("add", container, str(archive), "/")
            self._call("commit", container, tag)
        finally:
            self._call("rm", container)
            archive.unlink()
        return tag

    def _call(self, *arguments: str) -> str:
        done = _capture([*self._buildah, *arguments], self._environ)
        if done.returncode != 0:
            raise ImageError(f"buildah {arguments[0]}: {done.stdout.strip()}")
        return done.stdout.strip()


def _options(secrets: Mapping[str, Path], base_image: str | None) -> list[str]:
    options = [f"--secret=id={name},src={path}" for name, path in secrets.items()]
    if base_image:
        options.append(f"--build-arg=BASE_IMAGE={base_image}")
    return options


def _install_debian_packages() -> None:
    missing = [name for name in DEBIAN_PACKAGES if shutil.which(name) is None]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ImageError(
            "no docker daemon answers, and without one the image is built by root on Debian with "
            f"{' and '.join(DEBIAN_PACKAGES)}; start docker, or install {' and '.join(missing)}"
        )
    print(f"installing the Debian packages {' and '.join(missing)}", flush=True)
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        _show(["apt-get", "--quiet", "--quiet", *command], Path("/"), environ)


def _show(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
    """Run a command with its output on the terminal."""
    code = subprocess.run(command, check=False, cwd=folder, env=dict(environ)).returncode
    if code != 0:
        raise ImageError(f"{command[0]} exited with {code}; what it said stands above")


def _capture(
    command: Sequence[str], environ: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run a command and keep both of its streams, in order, as `stdout`."""
    try:
        return subprocess.run(
            command,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=dict(environ),
            timeout=START_SECONDS,
        )
    except subprocess.TimeoutExpired as late:
        raise ImageError(f"still running after {START_SECONDS} s: {' '.join(command)}") from late
