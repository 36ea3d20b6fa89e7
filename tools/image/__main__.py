"""Command line: `python -m image` builds both images and starts each once."""

import argparse
import sys
import tempfile
from pathlib import Path

from agentrun_operator import __version__
from controlplane.binaries import cache_root
from image.builders import Buildah, Builder, Docker
from image.check import check_operator, check_simulator
from image.errors import ImageError
from image.index import write_secrets
from image.sbom import write_sbom

REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> int:
    """Parse the arguments, build, check, return the exit code."""
    arguments = _parser().parse_args()
    try:
        if arguments.sbom:
            write_sbom(REPOSITORY, arguments.sbom, cache_root())
            return 0
        _build(builder_of(arguments.base_image), arguments.tag, is_twice=arguments.twice)
    except ImageError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def builder_of(base_image: str | None) -> Builder:
    """Return docker where it answers, else buildah."""
    if Docker.is_available():
        return Docker(base_image)
    return Buildah(base_image, cache_root())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="image", description=__doc__)
    parser.add_argument("--tag", default="test", help="tag of both images (%(default)s)")
    parser.add_argument("--base-image", help="base of all stages; default: the Dockerfile's own "
                        "with docker, one made from Debian packages with buildah")  # fmt: skip
    parser.add_argument("--twice", action="store_true",
                        help="build the operator twice and compare the files")  # fmt: skip
    parser.add_argument("--sbom", type=Path, metavar="FILE",
                        help="only write the bill of materials (CycloneDX JSON)")  # fmt: skip
    return parser


def _build(builder: Builder, tag: str, *, is_twice: bool) -> None:
    operator = f"localhost/agentrun-operator:{tag}"
    simulator = f"localhost/agentrun-simulator:{tag}"
    with tempfile.TemporaryDirectory(prefix="agentrun-image-") as folder:
        secrets = write_secrets(Path(folder))
        builder.build(REPOSITORY, operator, "operator", secrets)
        digest = check_operator(builder, operator, __version__)
        if is_twice:
            builder.build(REPOSITORY, operator, "operator", secrets)
            again = check_operator(builder, operator, __version__)
            if again != digest:
                raise ImageError(f"two builds differ: {digest} and {again}")
            print(f"image check: two builds are the same ({digest[:12]})", flush=True)
        builder.build(REPOSITORY, simulator, "simulator", secrets)
        check_simulator(builder, simulator)


if __name__ == "__main__":
    sys.exit(main())
