"""Where the programs of the control plane come from.

First hit wins: `KUBEBUILDER_ASSETS`; our cache; a build from the Go tools modules beside this
package. The prebuilt envtest archives are left out on purpose: they lack
kube-controller-manager, whose build compiles most of what the others need anyway.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from controlplane import gobuild
from controlplane.errors import BuildError

TOOLS = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Program:
    """One executable of a toolset.

    Attributes:
        name: File name of the executable.
        package: Go package with its `main`.
        seconds: Build time on two cores after the programs listed before it, for estimates.
    """

    name: str
    package: str
    seconds: int


@dataclass(frozen=True)
class Toolset:
    """Programs that one Go tools module pins.

    Attributes:
        name: Used in messages and in the cache key.
        module: Folder with go.mod and go.sum.
        pin: Go module whose version is the toolset's version.
        programs: What to build, in build order.
        stamps: Go string variables to set at link time, so that the programs report their
            version; values may use {version}, {major} and {minor}.
        assets_variable: Environment variable that may name a folder with ready programs.
        tags: Build tags, which leave out what we do not use.
    """

    name: str
    module: Path
    pin: str
    programs: tuple[Program, ...]
    stamps: Mapping[str, str]
    assets_variable: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The pinned version, such as v1.36.3; go.mod is the only place that knows it."""
        go_mod = (self.module / "go.mod").read_text()
        found = re.search(rf"^\s*(?:require )?{re.escape(self.pin)} (v\S+)", go_mod, re.MULTILINE)
        if found is None:
            raise BuildError(f"{self.module / 'go.mod'} does not require {self.pin}")
        return found[1]

    @property
    def key(self) -> str:
        """Name in the cache: it changes with the version and with any pinned dependency."""
        pins = b"".join((self.module / name).read_bytes() for name in ("go.sum", "go.mod"))
        return f"{self.name}-{self.version}-{hashlib.sha256(pins).hexdigest()[:12]}"

    @property
    def linker_flags(self) -> str:
        """Flags for `go build -ldflags`: no debug information, and the version stamped in."""
        major, minor, _ = self.version.removeprefix("v").split(".", 2)
        values = {"version": self.version, "major": major, "minor": minor}
        stamped = (f"-X {name}={text.format(**values)}" for name, text in self.stamps.items())
        return " ".join(("-s", "-w", *stamped))

    def missing_in(self, folder: Path) -> list[str]:
        """Return the names of the programs that `folder` does not hold as executables."""
        return [each.name for each in self.programs if not os.access(folder / each.name, os.X_OK)]


def _kubernetes_stamps() -> dict[str, str]:
    """Kubernetes keeps its version twice; unstamped it reports v0.0.0-master."""
    parts = {
        "gitVersion": "{version}",
        "gitMajor": "{major}",
        "gitMinor": "{minor}",
        "gitTreeState": "clean",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return {f"{package}.{name}": text for package in packages for name, text in parts.items()}


KUBERNETES = Toolset(
    name="kubernetes",
    module=TOOLS / "kubernetes",
    pin="k8s.io/kubernetes",
    programs=(
        Program("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", 210),
        Program("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", 56),
        Program("kubectl", "k8s.io/kubernetes/cmd/kubectl", 22),
        Program("etcd", "go.etcd.io/etcd/server/v3", 9),
    ),
    stamps=_kubernetes_stamps(),
    assets_variable="KUBEBUILDER_ASSETS",
)

HELM = Toolset(
    name="helm",
    module=TOOLS / "helm",
    pin="helm.sh/helm/v4",
    programs=(Program("helm", "helm.sh/helm/v4/cmd/helm", 116),),
    stamps={"helm.sh/helm/v4/internal/version.version": "{version}"},
)

PROMTOOL = Toolset(
    name="promtool",
    module=TOOLS / "promtool",
    pin="github.com/prometheus/prometheus",
    programs=(Program("promtool", "github.com/prometheus/prometheus/cmd/promtool", 120),),
    stamps={"github.com/prometheus/common/version.Version": "{version}"},
    # Without it the clients of some twenty clouds are compiled, for discovery of targets.
    tags=("remove_all_sd",),
)
"""Prometheus 3.X.Y is published as the module's v0.3XX.Y."""

PROMETHEUS = Toolset(
    name="prometheus",
    module=TOOLS / "prometheus",
    pin=PROMTOOL.pin,
    programs=(Program("prometheus", "github.com/prometheus/prometheus/cmd/prometheus", 150),),
    stamps=PROMTOOL.stamps,
    tags=PROMTOOL.tags,
)
"""The server is a module of its own: it needs more than promtool, and few ever build it."""


def cache_root(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder outside the repository that keeps what was built."""
    base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home()) / ".cache"
    return Path(base) / "agentrun-operator"


def find(toolset: Toolset, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return a folder that holds every program of the toolset, or None.

    A folder that lacks one program does not count: two releases are never mixed.
    """
    assets = environ.get(toolset.assets_variable or "")
    for folder in (Path(assets) if assets else None, cache_root(environ) / toolset.key):
        if folder is not None and not toolset.missing_in(folder):
            return folder.resolve()
    return None


def ensure(
    toolset: Toolset,
    *,
    environ: Mapping[str, str] = os.environ,
    report: Callable[[str], None] = print,
) -> Path:
    """Return a folder with every program of the toolset; build what is missing.

    Args:
        toolset: Such as KUBERNETES or HELM.
        environ: Environment to search and to build in.
        report: Gets one line of progress at a time; is not called when nothing is missing.

    Raises:
        BuildError: a program could not be built, or no Go toolchain could be had.
    """
    if found := find(toolset, environ):
        return found
    assets = environ.get(toolset.assets_variable or "")
    if assets:
        missing = ", ".join(toolset.missing_in(Path(assets)))
        report(f"{toolset.assets_variable}={assets} lacks {missing}; not used")
    target = cache_root(environ) / toolset.key
    with _exclusive(target.with_name(f"{target.name}.lock"), toolset, report):
        if toolset.missing_in(target):
            _build(toolset, target, environ, report)
    return target.resolve()


def _build(
    toolset: Toolset, target: Path, environ: Mapping[str, str], report: Callable[[str], None]
) -> None:
    """Build into a folder beside `target`, then rename: the cache never shows half a toolset.

    The folder beside it survives an interrupted build, whose finished programs are kept.
    """
    partial = target.with_name(f"{target.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    toolchain = gobuild.find_toolchain(toolset.module, cache_root(environ), environ, report)
    missing = toolset.missing_in(partial)
    jobs = [
        gobuild.Job(
            name=program.name,
            package=program.package,
            output=partial / program.name,
            seconds=program.seconds,
        )
        for program in toolset.programs
        if program.name in missing
    ]
    title = f"{toolset.name} {toolset.version}"
    gobuild.build(
        title,
        toolset.module,
        jobs,
        linker_flags=toolset.linker_flags,
        tags=toolset.tags,
        toolchain=toolchain,
        report=report,
    )
    shutil.rmtree(target, ignore_errors=True)  # an older copy that lost one of its programs
    partial.rename(target)


@contextlib.contextmanager
def _exclusive(lock: Path, toolset: Toolset, report: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock file; the kernel frees it when the holder dies, however it dies."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"{toolset.name}: another process is building it; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
