"""Finds out what the tag of the base image means today, so that a release builds on a digest.

A tag may lead elsewhere between the builds of two images, or of two platforms. The digest is
computed from the manifest that the registry sends; what the registry claims has to agree.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import httpx

from release.errors import ReleaseError

DOCKER_HUB = "registry-1.docker.io"
_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""An index first: its digest stands for the image of every platform."""
_ACCEPT = ", ".join(_TYPES)
_DEFAULT = re.compile(r"^ARG BASE_IMAGE=(\S+)$", re.MULTILINE)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Image:
    """A reference, taken apart."""

    name: str
    """As people write it, without tag."""
    host: str
    repository: str
    tag: str

    @classmethod
    def parse(cls, reference: str) -> "Image":
        """Read `[host/]repository[:tag]`; without a host it is one of Docker Hub."""
        name, _, tag = reference.partition("@")[0].rpartition(":")
        if not name or "/" in tag:
            name, tag = reference.partition("@")[0], "latest"
        first, slash, rest = name.partition("/")
        if slash and (first == "localhost" or {".", ":"} & set(first)):
            return cls(name, first, rest, tag)
        return cls(name, DOCKER_HUB, name if slash else f"library/{name}", tag)


def default_base(dockerfile: Path) -> str:
    """Return what a Dockerfile builds on unless told otherwise."""
    found = _DEFAULT.search(dockerfile.read_text())
    if found is None:
        raise ReleaseError(f"{dockerfile} names no BASE_IMAGE")
    return found[1]


def pinned(reference: str, client: httpx.Client) -> str:
    """Return an image by its digest: `name@sha256:…`; what has one already stays as it is.

    Raises:
        ReleaseError: the registry does not tell, or what it tells is not what it sends.
    """
    if "@sha256:" in reference:
        return reference
    image = Image.parse(reference)
    is_here = image.host.partition(":")[0] in {"localhost", "127.0.0.1"}
    scheme = "http" if is_here else "https"
    url = f"{scheme}://{image.host}/v2/{image.repository}/manifests/{image.tag}"
    try:
        answer = _get(url, client)
    except httpx.HTTPError as error:
        raise ReleaseError(f"{reference}: {image.host} cannot be asked: {error}") from error
    if not answer.is_success:
        raise ReleaseError(f"{reference}: {image.host} answers {answer.status_code}")
    digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    claimed = answer.headers.get("docker-content-digest", digest)
    if claimed != digest:
        raise ReleaseError(f"{reference}: {image.host} claims {claimed} and sends {digest}")
    return f"{image.name}@{digest}"


def _get(url: str, client: httpx.Client) -> httpx.Response:
    answer = client.get(url, headers={"Accept": _ACCEPT})
    scheme, _, rest = answer.headers.get("www-authenticate", "").partition(" ")
    if answer.status_code != httpx.codes.UNAUTHORIZED or scheme.lower() != "bearer":
        return answer
    # Anybody may read, with a token that anybody gets.
    challenge = dict(_CHALLENGE.findall(rest))
    asked = {name: challenge[name] for name in ("service", "scope") if name in challenge}
    token = client.get(challenge["realm"], params=asked).raise_for_status().json()
    bearer = token.get("token") or token.get("access_token")
    return client.get(url, headers={"Accept": _ACCEPT, "Authorization": f"Bearer {bearer}"})
