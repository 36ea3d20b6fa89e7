"""The simulated cloud as the rig sees it: its accounts, and its admin surface."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from rig.waiting import HANG_SECONDS

QUESTION = "GetCallerIdentity"
"""A POST that changes nothing: by it an account learns whose keys it has."""


def is_write(request: Mapping[str, Any]) -> bool:
    """Return whether a logged request asks for a change."""
    return bool(request["method"] != "GET" and request["action"] != QUESTION)


def is_default(resource: Mapping[str, Any]) -> bool:
    """Whether it is the workspace that an account has from the start, which nobody made."""
    return bool(resource.get("isDefault"))


@dataclass(frozen=True)
class CloudAccount:
    """An account of the simulated cloud, with one access key.

    Attributes:
        account_id: Account number.
        access_key_id: Names the key.
        access_key_secret: Signs requests; not in the repr.
        region: Where the account is used.
    """

    account_id: str
    access_key_id: str = field(default_factory=lambda: f"LTAI{secrets.token_hex(8)}")
    access_key_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    region: str = "cn-hangzhou"

    @property
    def setting(self) -> str:
        """The account as AGENTRUN_SIMULATOR_ACCOUNTS spells it; it holds the secret."""
        return f"{self.account_id}:{self.access_key_id}:{self.access_key_secret}"


class SimulatedCloud:
    """Client of the simulator's `/admin`: what it was asked, what it has, how it misbehaves.

    `account` is an account number everywhere; None is the simulator's first.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=f"{url}/admin", trust_env=False, timeout=HANG_SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def requests(
        self, *, since: int = 0, action: str | None = None, account: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the logged requests after number `since`, oldest first, secrets masked."""
        query = {"since": since, "action": action, "account": account}
        found: list[dict[str, Any]] = self._call("GET", "/requests", query=query)["requests"]
        return found

    def position(self) -> int:
        """Return the number of the latest request; pass it as `since` to skip what is older."""
        logged = self.requests()
        return logged[-1]["seq"] if logged else 0

    def writes(self, *, since: int = 0) -> list[dict[str, Any]]:
        """Return the logged requests that ask for a change."""
        return [each for each in self.requests(since=since) if is_write(each)]

    def resources(self, *, account: str | None = None) -> dict[str, list[dict[str, Any]]]:
        """Return what exists, by family, as the API would show it; families without any are out."""
        found = self._call("GET", "/resources", query={"account": account})["resources"]
        return {family: items for family, items in found.items() if items}

    def fault(self, effect: str, **rule: Any) -> int:
        """Put a fault in force and return its number; docs/simulator.md lists effects and rules."""
        number: int = self._call("POST", "/faults", {"effect": effect, **rule})["id"]
        return number

    def clear_faults(self) -> None:
        """Lift all faults."""
        self._call("DELETE", "/faults")

    def edit(
        self, family: str, key: str, changes: Mapping[str, Any], *, account: str | None = None
    ) -> dict[str, Any]:
        """Change fields of a resource behind everybody's back; return it."""
        path = f"/resources/{family}/{key}"
        return self._call("PATCH", path, changes, query={"account": account})

    def delete(self, family: str, key: str, *, account: str | None = None) -> None:
        """Remove a resource, with its children, behind everybody's back."""
        self._call("DELETE", f"/resources/{family}/{key}", query={"account": account})

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Change the simulator's settings, by their JSON names."""
        self._call("PUT", "/settings", settings)

    def reset(self) -> None:
        """Forget resources, faults and log."""
        self._call("POST", "/reset")

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        wanted = {name: value for name, value in (query or {}).items() if value is not None}
        answer = self._http.request(method, path, params=wanted, json=body)
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document
