"""The bill of materials of the operator's image, from the lock file that it is installed from."""

import hashlib
import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from agentrun_operator import __version__
from image.errors import ImageError

REQUIREMENTS = Path(__file__).with_name("sbom-requirements.txt")
LOCK = "requirements/runtime.txt"


def write_sbom(repository: Path, target: Path, cache: Path) -> None:
    """Write what the image holds, as CycloneDX JSON, the same text for the same lock file.

    Raises:
        ImageError: cyclonedx-bom could not be installed, or failed.
    """
    program = _environment(cache) / "bin" / "cyclonedx-py"
    command = [str(program), "requirements", LOCK, "--pyproject=pyproject.toml"]
    command += ["--output-reproducible", "--spec-version=1.6", f"--output-file={target.resolve()}"]
    _run(command, repository)
    # pyproject.toml takes the version from the package, where cyclonedx-py does not look.
    bill = json.loads(target.read_text(encoding="utf-8"))
    bill["metadata"]["component"]["version"] = __version__
    target.write_text(json.dumps(bill, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {target}", flush=True)


def _environment(cache: Path) -> Path:
    key = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    home = cache / f"sbom-{key}"
    if home.is_dir():
        return home
    cache.mkdir(parents=True, exist_ok=True)
    venv.create(home, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install"]
    pip += ["--quiet", "--require-hashes", "--requirement", str(REQUIREMENTS)]
    try:
        _run(pip, cache)
    except ImageError:
        shutil.rmtree(home)
        raise
    return home


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise ImageError(f"{Path(command[0]).name} failed:\n{done.stderr.strip()[-2000:]}")
