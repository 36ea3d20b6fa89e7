"""The API server as a test speaks to it: raw JSON, dry runs, and the message of a refusal."""

import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import yaml

from controlplane import ControlPlane
from rig.waiting import HANG_SECONDS

Json = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


class Refused(Exception):
    """The API server refused a request; the message is what a user sees."""


class Server:
    """One API server, as administrator."""

    def __init__(self, plane: ControlPlane) -> None:
        """Log in with the administrator's token."""
        config = yaml.safe_load(plane.kubeconfig.read_text())
        self._client = httpx.Client(
            base_url=plane.url,
            verify=ssl.create_default_context(cafile=plane.ca_file),
            headers={"Authorization": f"Bearer {config['users'][0]['user']['token']}"},
            trust_env=False,
            timeout=HANG_SECONDS,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def create(self, path: str, body: Mapping[str, Any], *, dry_run: bool = False) -> Json:
        """POST with strict field validation. Raises Refused."""
        return self._send("POST", path, body, dry_run=dry_run)

    def replace(self, path: str, body: Mapping[str, Any], *, dry_run: bool = False) -> Json:
        """PUT with strict field validation. Raises Refused."""
        return self._send("PUT", path, body, dry_run=dry_run)

    def patch(self, path: str, body: Mapping[str, Any], *, dry_run: bool = False) -> Json:
        """Merge patch. Raises Refused."""
        return self._send("PATCH", path, body, dry_run=dry_run, content_type=MERGE_PATCH)

    def json_patch(self, path: str, steps: list[Json]) -> Json:
        """JSON patch. Raises Refused."""
        return self._send("PATCH", path, steps, content_type=JSON_PATCH)

    def read(self, path: str) -> Json:
        """GET. Raises Refused."""
        return self._send("GET", path, None)

    def delete(self, path: str) -> None:
        """DELETE. Raises Refused."""
        self._send("DELETE", path, None)

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | list[Json] | None,
        *,
        dry_run: bool = False,
        content_type: str = "application/json",
    ) -> Json:
        parameters = {"fieldValidation": "Strict"} if body is not None else {}
        if dry_run:
            parameters["dryRun"] = "All"
        answer = self._client.request(
            method,
            path,
            params=parameters,
            json=body,
            headers={"Content-Type": content_type} if body is not None else None,
        )
        if answer.is_error:
            # What no API group serves is answered in plain text.
            is_status = answer.headers["Content-Type"].startswith("application/json")
            raise Refused(answer.json()["message"] if is_status else answer.text)
        found: Json = answer.json()
        return found


def eventually(holds: Callable[[], bool]) -> None:
    """Wait for something that the API server does in its own time."""
    deadline = time.monotonic() + HANG_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
