"""The official AgentRun client, pointed at the simulated cloud: an outsider's view of it."""

import warnings
from typing import Any

from rig.cloud import CloudAccount

with warnings.catch_warnings():
    # The official packages warn about themselves when imported; that is not our defect.
    warnings.simplefilter("ignore", DeprecationWarning)
    from alibabacloud_agentrun20250910 import models
    from alibabacloud_agentrun20250910.client import Client
    from alibabacloud_tea_openapi.utils_models import Config

__all__ = ["models", "official_client", "totals"]

LISTS = (
    ("agent runtimes", "list_agent_runtimes", "ListAgentRuntimesRequest"),
    ("credentials", "list_credentials", "ListCredentialsRequest"),
    ("model proxies", "list_model_proxies", "ListModelProxiesRequest"),
    ("model services", "list_model_services", "ListModelServicesRequest"),
    ("sandboxes", "list_sandboxes", "ListSandboxesRequest"),
    ("templates", "list_templates", "ListTemplatesRequest"),
)
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


def totals(client: Any) -> dict[str, int]:
    """Return how many resources of each family an account has, as its LISTs tell."""
    counts = {}
    for family, operation, request in LISTS:
        data = getattr(client, operation)(getattr(models, request)()).body.data.to_map()
        counts[family] = sum(each.get("status") != ENDED for each in data.get("items") or ())
    return counts
