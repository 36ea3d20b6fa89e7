"""Which hosts we talk to, and which ones we refuse to send signed requests to.

A tenant may name the endpoint of its account. Without a check, signed bodies (which hold secrets)
would go to any host of the tenant's choice, so an endpoint must match the operator's allow-list.

Patterns read `[scheme://]host[:port]`. In a host `{region}` stands for a region id and `*` for
part of one label, never for a dot; as a port `*` stands for any. Without a scheme https is meant:
plain http needs `http://` in the pattern, as in `http://127.0.0.1:*` for a simulator.

Why `{region}` and not `*`: an OSS bucket called "agentrun" answers at
`agentrun.oss-cn-hangzhou.aliyuncs.com`, and anybody can create one.

Source: control-plane reference, §1.1.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

DEFAULT_PATTERNS: Final = (
    "https://agentrun.{region}.aliyuncs.com",
    "https://agentrun-vpc.{region}.aliyuncs.com",
)
"""The official hosts of the control plane, public and inside a VPC."""
TOKEN_SERVICE_PATTERNS: Final = (
    "https://sts.{region}.aliyuncs.com",
    "https://sts-vpc.{region}.aliyuncs.com",
    "https://sts.aliyuncs.com",
)
"""The official hosts of the token service. Source: control-plane reference, §11."""

_REGION: Final = r"[a-z]{2}-[a-z0-9]+(?:-[a-z0-9]+)*"
_LABEL_PART: Final = "[a-z0-9-]+"
_NETWORK: Final = r"[a-z][a-z0-9]*"
_MAX_URL_CHARS: Final = 300
_MAX_PORT: Final = 65535
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}

# Deliberately narrower than RFC 3986: no user info, path, query or fragment, no trailing dot, no
# upper case. What two URL parsers could read differently is refused instead of interpreted.
_URL: Final = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)"
    r"(?::(?P<port>[0-9]{1,5}))?/?"
)
_OFFICIAL: Final = re.compile(
    rf"https://agentrun(?:-(?P<network>vpc))?\.(?P<region>{_REGION})\.aliyuncs\.com"
)
_PATTERN: Final = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.*{}-]+)(?::(?P<port>[0-9]{1,5}|\*))?/?"
)


def endpoint_for(region: str, network: str | None = None) -> str:
    """Compose the control plane's address in a region.

    Args:
        region: Region id such as `cn-hangzhou`.
        network: None for the public network, else the network's short name such as `vpc`.

    Returns:
        An https URL without a trailing slash.

    Raises:
        ValueError: The region or network is not shaped like one, so no host can be composed.
    """
    if not re.fullmatch(_REGION, region):
        raise ValueError(f"region {region!r} does not look like a region id such as cn-hangzhou")
    if network is not None and not re.fullmatch(_NETWORK, network):
        raise ValueError(f"network {network!r} does not look like a network name such as vpc")
    host = "agentrun" if network is None else f"agentrun-{network}"
    return f"https://{host}.{region}.aliyuncs.com"


def official_place(endpoint: str) -> tuple[str, str] | None:
    """Return network ("" for the public one) and region of an official host, None for others."""
    match = _OFFICIAL.fullmatch(endpoint)
    return None if match is None else (match["network"] or "", match["region"])


def token_service_for(endpoint: str, configured: str | None = None) -> str:
    """Return the token service that belongs to a control plane, as a URL.

    An official host has one beside it, in its region and network, unless another host is
    `configured` for all of them. Whoever answers for AgentRun at any other address (a simulator, a
    gateway of one's own) answers for the token service there too.

    Args:
        endpoint: What `normalize_endpoint` returned.
        configured: Host of the token service in the operator's own environment, if there is one.
    """
    place = official_place(endpoint)
    if place is None:
        return endpoint
    if configured is not None:
        return f"https://{configured}"
    network, region = place
    return f"https://sts{'-' if network else ''}{network}.{region}.aliyuncs.com"


def normalize_endpoint(url: str) -> str:
    """Reduce an endpoint to `scheme://host[:port]`, the only form we accept.

    Raises:
        ValueError: The URL holds anything else, or is not a URL; the message says what is allowed.
    """
    scheme, host, port = _split(url)
    return f"{scheme}://{host}" + ("" if port == _DEFAULT_PORTS[scheme] else f":{port}")


def is_allowed(url: str, patterns: Iterable[str] = DEFAULT_PATTERNS) -> bool:
    """Tell whether signed requests may go to this endpoint; a malformed URL may not.

    Raises:
        ValueError: A pattern is malformed. That is the operator's configuration, not the tenant's,
            and must not be read as "matches nothing" in silence.
    """
    tests = [_compile(pattern) for pattern in patterns]
    try:
        scheme, host, port = _split(url)
    except ValueError:
        return False
    return any(test.fullmatch(f"{scheme}://{host}:{port}") for test in tests)


def _split(url: str) -> tuple[str, str, int]:
    match = _URL.fullmatch(url) if len(url) <= _MAX_URL_CHARS else None
    if match is None:
        raise ValueError(
            "endpoint must be https://HOST or https://HOST:PORT, in lower case, without a path"
        )
    scheme, host = match["scheme"], match["host"]
    if host.startswith("["):
        ipaddress.IPv6Address(host[1:-1])
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port <= _MAX_PORT:
        raise ValueError(f"endpoint port {port} is out of range 1-{_MAX_PORT}")
    return scheme, host, port


def _compile(pattern: str) -> re.Pattern[str]:
    match = _PATTERN.fullmatch(pattern)
    if match is None:
        raise ValueError(f"endpoint pattern {pattern!r} is not [scheme://]host[:port]")
    scheme = match["scheme"] or "https"
    port = match["port"] or str(_DEFAULT_PORTS[scheme])
    host = re.escape(match["host"])
    host = host.replace(re.escape("{region}"), _REGION).replace(re.escape("*"), _LABEL_PART)
    if re.search(r"\\[{}]", host):
        raise ValueError(f"endpoint pattern {pattern!r}: {{region}} is the only placeholder")
    return re.compile(f"{scheme}://{host}:{'[0-9]+' if port == '*' else port}")
