"""A release builds on a digest: what a registry sends counts, not what it says."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from charttools.metadata import ROOT
from release.base import DOCKER_HUB, Image, default_base, pinned
from release.errors import ReleaseError

INDEX = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
DIGEST = f"sha256:{hashlib.sha256(INDEX).hexdigest()}"


class Registry(ThreadingHTTPServer):
    """A registry of one image, on loopback; it wants a token that it gives to anybody."""

    claims = DIGEST

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self.server.asked.append(path)
        if path == "/token":
            self._answer(200, json.dumps({"token": f"for {query}"}).encode())
        elif not self.headers.get("Authorization", "").startswith("Bearer for "):
            realm = f'Bearer realm="http://{self.server.host}/token",service="here",scope="pull"'
            self._answer(401, b"{}", {"Www-Authenticate": realm})
        elif path != "/v2/library/base/manifests/1.0":
            self._answer(404, b"{}")
        else:
            assert "image.index" in self.headers["Accept"]
            self._answer(200, INDEX, {"Docker-Content-Digest": self.server.claims})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as client:
        yield client


def test_a_tag_becomes_a_digest(registry: Registry, client: httpx.Client) -> None:
    name = f"{registry.host}/library/base"
    assert pinned(f"{name}:1.0", client) == f"{name}@{DIGEST}"


def test_a_digest_stays(registry: Registry, client: httpx.Client) -> None:
    reference = f"{registry.host}/library/base@{DIGEST}"
    assert pinned(reference, client) == reference
    assert registry.asked == []


def test_what_is_not_there_has_none(registry: Registry, client: httpx.Client) -> None:
    with pytest.raises(ReleaseError, match="answers 404"):
        pinned(f"{registry.host}/library/base:2.0", client)


def test_a_registry_that_claims_another_digest_is_not_believed(
    registry: Registry, client: httpx.Client
) -> None:
    registry.claims = f"sha256:{'0' * 64}"
    with pytest.raises(ReleaseError, match=f"claims {registry.claims} and sends {DIGEST}"):
        pinned(f"{registry.host}/library/base:1.0", client)


def test_a_registry_that_does_not_answer(client: httpx.Client) -> None:
    with pytest.raises(ReleaseError, match="cannot be asked"):
        pinned("127.0.0.1:1/library/base:1.0", client)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("python:3.11", Image("python", DOCKER_HUB, "library/python", "3.11")),
        ("team/python", Image("team/python", DOCKER_HUB, "team/python", "latest")),
        ("a.example/b/c:1", Image("a.example/b/c", "a.example", "b/c", "1")),
        ("localhost:5000/b", Image("localhost:5000/b", "localhost:5000", "b", "latest")),
    ],
)
def test_references(reference: str, expected: Image) -> None:
    assert Image.parse(reference) == expected


def test_a_release_builds_both_images_on_what_was_pinned() -> None:
    base = default_base(ROOT / "Dockerfile")
    assert Image.parse(base).host == DOCKER_HUB
    workflow = (ROOT / ".github" / "workflows" / "release.yaml").read_text()
    assert 'base="$(PYTHONPATH=tools .venv/bin/python -m release --pin-base)"' in workflow
    assert workflow.count("build-args: BASE_IMAGE=${{ steps.version.outputs.base }}") == 2
