"""CustomDomain (control-plane reference, §8.12): synchronous, found by what it routes to."""

from agentrun_simulator.engine import ServedFamily
from agentrun_simulator.family import SYNCHRONOUS, Filter, Match

_ROUTES = ("routeConfig", "routes", "[]")

CUSTOM_DOMAIN = ServedFamily(
    name="CustomDomain",
    noun="custom domain",
    collection="/agents/custom-domains",
    key_field="domainName",
    name_field="domainName",
    updated_field="updatedAt",
    lifecycle=SYNCHRONOUS,
    filters=(
        Filter("domainName", match=Match.CONTAINS),
        Filter("domainType"),
        Filter("resourceName", path=(*_ROUTES, "resourceName")),
        Filter("resourceType", path=(*_ROUTES, "resourceType")),
    ),
)
