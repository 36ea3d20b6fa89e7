"""What a create is for: by that the ledger tells who made what comes of it."""

from collections.abc import Mapping
from typing import Any

from agentrun_simulator.exchange import Exchange

Name = tuple[str, str, str]
"""Account, family, and what a resource is called: its name, id or mark."""


def names_of(exchange: Exchange) -> list[Name]:
    """Return what a request makes, if it is a create."""
    route, body = exchange.route, exchange.body
    is_create = exchange.entry.action.startswith("Create")
    if route is None or exchange.refusal is not None or not is_create:
        return []
    family = route.family
    called = (*tags_of(body), body.get(family.name_field), body.get(family.key_field))
    return [(exchange.entry.account, family.name, str(each)) for each in called if each]


def tags_of(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the marks on a resource, or in what makes it."""
    return tuple(data.get("systemTags") or ())
