"""Command line: `python -m release` publishes both images and both charts to this machine."""

import argparse
import sys
import tempfile
from pathlib import Path

import httpx

from agentrun_operator import __version__
from charttools.errors import ChartError
from controlplane.binaries import cache_root
from controlplane.errors import ControlPlaneError
from image.__main__ import REPOSITORY, builder_of
from image.errors import ImageError
from image.index import write_secrets
from image.sbom import write_sbom
from release.base import default_base, pinned
from release.check import Release, check
from release.errors import ReleaseError
from release.registry import Registry
from rig.errors import RigError

TAG = "release"


def main() -> int:
    """Build, publish, check; return the exit code."""
    parser = argparse.ArgumentParser(prog="release", description=__doc__)
    parser.add_argument("--base-image", help="as of `python -m image`")
    parser.add_argument(
        "--pin-base", action="store_true", help="print the base image by its digest, and end"
    )
    options = parser.parse_args()
    if options.pin_base:
        return _pin(options.base_image or default_base(REPOSITORY / "Dockerfile"))
    builder = builder_of(options.base_image)
    try:
        with tempfile.TemporaryDirectory(prefix="agentrun-release-") as text:
            home = Path(text)
            secrets = write_secrets(home)
            for name in ("operator", "simulator"):
                builder.build(REPOSITORY, f"localhost/agentrun-{name}:{TAG}", name, secrets)
            bill = home / "sbom.cdx.json"
            write_sbom(REPOSITORY, bill, cache_root())
            with Registry() as registry:
                check(Release(home, registry.host, __version__), builder, TAG, bill)
    except (ReleaseError, ImageError, ChartError, ControlPlaneError, RigError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _pin(reference: str) -> int:
    try:
        with httpx.Client(follow_redirects=True, timeout=60) as client:
            print(pinned(reference, client))
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
