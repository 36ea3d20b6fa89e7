"""Command line: `python -m image` builds the Dockerfile and starts the image once."""

import argparse
import sys
import tempfile
import tomllib
from pathlib import Path

from controlplane.binaries import cache_root
from image.builders import Buildah, Builder, Docker
from image.check import check
from image.errors import ImageError
from image.index import write_secrets

REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> int:
    """Parse the arguments, build, check, return the exit code."""
    parser = argparse.ArgumentParser(prog="image", description=__doc__)
    parser.add_argument("--tag", default="localhost/agentrun-operator:test")
    parser.add_argument("--base-image", help="base for both stages; default: the Dockerfile's own "
                        "with docker, one made from Debian packages with buildah")  # fmt: skip
    arguments = parser.parse_args()
    builder: Builder
    if Docker.is_available():
        builder = Docker(arguments.base_image)
    else:
        builder = Buildah(arguments.base_image, cache_root())
    try:
        with tempfile.TemporaryDirectory(prefix="agentrun-image-") as folder:
            builder.build(REPOSITORY, arguments.tag, write_secrets(Path(folder)))
        check(builder, arguments.tag, project_version())
    except ImageError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def project_version() -> str:
    """Return the version the image must report."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return str(project["version"])


if __name__ == "__main__":
    sys.exit(main())
