"""The official AgentRun client, pointed at the simulated cloud: an outsider's view of it."""

import re
import warnings
from typing import Any

from agentrun_operator.kinds import catalogue
from rig.cloud import CloudAccount, is_default

with warnings.catch_warnings():
    # The official packages warn about themselves when imported; that is not our defect.
    warnings.simplefilter("ignore", DeprecationWarning)
    from alibabacloud_agentrun20250910 import models
    from alibabacloud_agentrun20250910.client import Client
    from alibabacloud_tea_openapi.utils_models import Config

__all__ = ["LISTED", "method_of", "models", "official_client", "totals"]

LISTED = {
    name: kind.rest
    for name, kind in catalogue().items()
    if kind.rest is not None and kind.rest.parent is None
}
"""Kind → where it lives, with the name of the operation that lists all of an account."""
ENDED = "TERMINATED"
"""Status in which the API goes on listing a sandbox that was deleted."""


def official_client(url: str, account: CloudAccount) -> Any:
    """Return the client from PyPI, unmodified, logged in to an account of the simulated cloud."""
    protocol, _, endpoint = url.partition("://")
    return Client(
        Config(
            endpoint=endpoint,
            protocol=protocol,
            region_id=account.region,
            access_key_id=account.access_key_id,
            access_key_secret=account.access_key_secret,
        )
    )


def method_of(operation: str) -> str:
    """Return what the client calls an operation: `ListIMBots` is `list_imbots`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", operation).lower()


def totals(client: Any) -> dict[str, int]:
    """Return how many resources of each kind were made in an account, as its LISTs tell."""
    counts = {}
    for kind, rest in LISTED.items():
        nouns = rest.nouns
        call = getattr(client, method_of(f"List{nouns}"))
        data = call(getattr(models, f"List{nouns}Request")()).body.data.to_map()
        found = [each for each in data.get(rest.items) or () if not is_default(each)]
        counts[kind] = sum(each.get("status") != ENDED for each in found)
    return counts
