"""ACS3-HMAC-SHA256: how a request proves to the control plane who sends it.

The functions are pure, so that the reference's vectors and the official signer can check them one
by one; `Acs3Auth` only collects their inputs from a request. We sign the minimum that the gateway
demands (host, content-type when there is a body, every x-acs-* header): what is not signed may be
added by the transport without breaking anything.

Source: control-plane reference, §2.1-2.4.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote

import httpx

from agentrun_operator.api.credentials import Keys, KeySource

ALGORITHM: Final = "ACS3-HMAC-SHA256"
API_VERSION: Final = "2025-09-10"
ACTION_EXTENSION: Final = "action"
"""Key in `httpx.Request.extensions` that carries the operation's name, such as GetModelProxy."""
KEYS_EXTENSION: Final = "keys"
"""Key in `httpx.Request.extensions` that remembers the `Keys` a request was signed with."""

_SIGNED_ALWAYS: Final = frozenset({"host", "content-type"})
_UNRESERVED: Final = "-_.~"


def encode_segment(value: str) -> str:
    """Percent-encode one path parameter: everything but RFC 3986's unreserved characters.

    `a b/c~*+` becomes `a%20b%2Fc~%2A%2B`, so that a name holding a slash stays one segment.
    """
    return quote(value, safe=_UNRESERVED)


def canonical_query(wire_query: str) -> str:
    """Rebuild the query as the gateway does: decoded as a form, sorted, encoded by RFC 3986.

    Args:
        wire_query: The query exactly as sent, without the question mark; there a space may
            travel as `+`, which the canonical form spells `%20`.
    """
    pairs = sorted(parse_qsl(wire_query, keep_blank_values=True))
    return "&".join(f"{encode_segment(name)}={encode_segment(value)}" for name, value in pairs)


def payload_hash(body: bytes) -> str:
    """Lower-case hex SHA-256 of the body; the hash of nothing when there is no body."""
    return hashlib.sha256(body).hexdigest()


def signed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Pick and normalise what is signed: host, content-type and all of x-acs-*.

    Returns:
        Lower-case names in order, with trimmed values.
    """
    lowered = {name.lower(): value.strip() for name, value in headers.items()}
    names = sorted(n for n in lowered if n in _SIGNED_ALWAYS or n.startswith("x-acs-"))
    return {name: lowered[name] for name in names}


def canonical_request(
    method: str,
    raw_path: str,
    wire_query: str,
    headers: Mapping[str, str],
    body_hash: str,
) -> str:
    """Lay out the six parts that are signed, one per line.

    Args:
        method: Upper-case HTTP method.
        raw_path: The path as on the wire, already percent-encoded.
        wire_query: The query as on the wire, without the question mark.
        headers: What `signed_headers` returned.
        body_hash: What `payload_hash` returned.
    """
    return "\n".join(
        (
            method,
            raw_path or "/",
            canonical_query(wire_query),
            "".join(f"{name}:{value}\n" for name, value in headers.items()),
            ";".join(headers),
            body_hash,
        )
    )


def string_to_sign(canonical: str) -> str:
    """Name the algorithm and the hash of the canonical request."""
    return f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def signature(access_key_secret: str, text: str) -> str:
    """HMAC-SHA256 of the string to sign, lower-case hex."""
    return hmac.new(access_key_secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def authorization(keys: Keys, canonical: str, headers: Mapping[str, str]) -> str:
    """Compose the value of the Authorization header."""
    signed = signature(keys.access_key_secret, string_to_sign(canonical))
    return (
        f"{ALGORITHM} Credential={keys.access_key_id},"
        f"SignedHeaders={';'.join(headers)},Signature={signed}"
    )


def utc_now() -> datetime:
    """The wall clock, aware; the default of `Acs3Auth`."""
    return datetime.now(UTC)


def random_nonce() -> str:
    """32 hex digits, unique per request; a repeated nonce is refused by the gateway."""
    return secrets.token_hex(16)


class Acs3Auth(httpx.Auth):
    """Signs each request at the moment it is sent.

    The action comes from `request.extensions["action"]`. Keys are asked for anew each time, so a
    rotated Secret or a refreshed token is used by the very next request.
    """

    requires_request_body = True

    def __init__(
        self,
        keys: KeySource,
        *,
        version: str = API_VERSION,
        clock: Callable[[], datetime] = utc_now,
        nonce: Callable[[], str] = random_nonce,
    ) -> None:
        self._keys = keys
        self._version = version
        self._clock = clock
        self._nonce = nonce

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign and send once; a refused signature is reported, never retried here."""
        body = await request.aread()
        self._sign(request, body, await self._keys.keys())
        yield request

    def sync_auth_flow(
        self,
        request: httpx.Request,  # noqa: ARG002  the signature is httpx's
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Refuse: a synchronous client would otherwise send the request unsigned."""
        raise TypeError("Acs3Auth signs for httpx.AsyncClient only")

    def _sign(self, request: httpx.Request, body: bytes, keys: Keys) -> None:
        body_hash = payload_hash(body)
        request.extensions[KEYS_EXTENSION] = keys
        request.headers["x-acs-action"] = request.extensions[ACTION_EXTENSION]
        request.headers["x-acs-version"] = self._version
        request.headers["x-acs-date"] = self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        request.headers["x-acs-signature-nonce"] = self._nonce()
        request.headers["x-acs-content-sha256"] = body_hash
        if keys.security_token is not None:
            request.headers["x-acs-accesskey-id"] = keys.access_key_id
            request.headers["x-acs-security-token"] = keys.security_token
        headers = signed_headers(request.headers)
        # The raw path is what goes out; `url.path` is decoded and would sign another request.
        raw_path, _, query = request.url.raw_path.decode("ascii").partition("?")
        canonical = canonical_request(request.method, raw_path, query, headers, body_hash)
        request.headers["authorization"] = authorization(keys, canonical, headers)
