"""Addresses that a workload may be told: what they look like, and what in them says nothing new."""

import re
from collections.abc import Iterable

from agentrun_operator.core.identity import AccountIdentity

MAX_ADDRESS = 2048
_ADDRESS = re.compile(
    # No user, no query and no escape: a key would stand there.
    r"(?P<place>(?:(?P<scheme>https?|wss?)://)?(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9a-fA-F:]{2,39}\])"
    r"(?::[0-9]{1,5})?)(?:/[A-Za-z0-9._~:/-]*)?"
)
_WORDS = ("https://", "wss://", "/agent-runtimes/", "/endpoints/", "/invocations", "/models/")
_SERVICES = ("agentrun-data", "agentrun")


def is_address(text: str) -> bool:
    """Whether a text is a plain URL, or a host with a port and a path."""
    return len(text) <= MAX_ADDRESS and _ADDRESS.fullmatch(text) is not None


def said_anyway(account: AccountIdentity) -> tuple[str, ...]:
    """Return what an address of AgentRun may hold that is known to all who read the object."""
    number, region = account.account_id, account.region
    hosts = (f"https://{number}.{name}.{region}.aliyuncs.com/" for name in _SERVICES)
    return (*_WORDS, *hosts, number, region)


def places_in(values: Iterable[str], run: int) -> tuple[str, ...]:
    """Return scheme and host of the values that are URLs: a service's name is no secret.

    With less than a `run` of what follows, so that a run of both tells nothing either.
    """
    found = (_ADDRESS.fullmatch(value) for value in values if len(value) <= MAX_ADDRESS)
    urls = (match for match in found if match is not None and match["scheme"])
    return tuple(match[0][: match.end("place") + run - 1] for match in urls)
