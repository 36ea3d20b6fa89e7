"""Verification of ACS3-HMAC-SHA256, the control plane's only authentication.

Source: control-plane reference, §2.1, §2.2 ("Rules for a verifier" [X]) and §2.5 [?].
"""

import hashlib
import hmac
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote

from agentrun_simulator.errors import GatewayError
from agentrun_simulator.keyring import KeyRing
from agentrun_simulator.settings import Account

ALGORITHM = "ACS3-HMAC-SHA256"
REQUIRED_HEADERS = (
    "host",
    "x-acs-action",
    "x-acs-version",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-content-sha256",
)


@dataclass(frozen=True)
class SignedRequest:
    """What of a request takes part in its signature, exactly as received."""

    method: str
    raw_path: str
    """Path as on the wire, still percent-encoded."""
    raw_query: str
    """Query as on the wire, without the question mark."""
    headers: Mapping[str, str]
    """Headers under lower-case names."""
    body: bytes


@dataclass(frozen=True)
class Authorization:
    """The three parts of the `Authorization` header."""

    access_key_id: str
    signed_headers: tuple[str, ...]
    signature: str


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")


def canonical_query(raw_query: str) -> str:
    """Decode a query as a form and encode it again by RFC 3986, sorted by name."""
    pairs = parse_qsl(raw_query, keep_blank_values=True, errors="replace")
    return "&".join(sorted(f"{_encode(name)}={_encode(value)}" for name, value in pairs))


def canonical_request(request: SignedRequest, path: str, signed_headers: tuple[str, ...]) -> str:
    """Build the canonical request for one reading of the path."""
    lines = "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in signed_headers)
    return "\n".join(
        (
            request.method,
            path or "/",
            canonical_query(request.raw_query),
            lines,
            ";".join(signed_headers),
            request.headers.get("x-acs-content-sha256", ""),
        )
    )


def string_to_sign(canonical: str) -> str:
    """Return the two lines that are signed."""
    return f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def _signature(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def path_readings(raw_path: str) -> tuple[str, ...]:
    """Return the raw path and, where it differs, its re-encoded form.

    The asynchronous official client rewrites `%2A %3A %40` after signing, so the signed form is
    only found by decoding each segment and encoding it again.
    """
    again = "/".join(_encode(unquote(segment)) for segment in raw_path.split("/"))
    return (raw_path,) if again == raw_path else (raw_path, again)


def parse_authorization(header: str | None) -> Authorization:
    """Read the `Authorization` header.

    Raises:
        GatewayError: 400 when it is missing, of another scheme, or incomplete.
    """
    if header is None:
        raise GatewayError(400, "MissingParameter", "The header Authorization is required.")
    scheme, _, rest = header.partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    names = tuple(name for name in parts.get("SignedHeaders", "").lower().split(";") if name)
    if scheme != ALGORITHM or not parts.get("Credential") or not parts.get("Signature"):
        message = f"The Authorization header is not a complete {ALGORITHM} signature."
        raise GatewayError(400, "IncompleteSignature", message)
    return Authorization(parts["Credential"], names, parts["Signature"])


class Verifier:
    """Checks signatures against the configured keys and remembers used nonces."""

    def __init__(self, keys: KeyRing, skew: timedelta) -> None:
        self._keys = keys
        self._skew = skew
        self._nonces: set[tuple[str, str]] = set()
        self._nonce_ages: deque[tuple[datetime, tuple[str, str]]] = deque()

    def verify(self, request: SignedRequest, now: datetime) -> Account:
        """Return the account whose key signed the request.

        Raises:
            GatewayError: the refusal of §2.5 that fits the first defect found.
        """
        authorization = parse_authorization(request.headers.get("authorization"))
        _check_parts(request, authorization)
        self._check_date(request.headers["x-acs-date"], now)
        account = self._keys.find(authorization.access_key_id, now)
        _check_token(request.headers.get("x-acs-security-token"), account)
        _check_body(request)
        _check_signature(request, authorization, account)
        self._check_nonce(account, request.headers["x-acs-signature-nonce"], now)
        return account

    def _check_date(self, text: str, now: datetime) -> None:
        try:
            sent = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            message = "The header x-acs-date is not of the form YYYY-MM-DDThh:mm:ssZ."
            raise GatewayError(400, "InvalidTimeStamp.Format", message) from None
        if abs(now - sent) > self._skew:
            message = "Specified time stamp or date value is expired."
            raise GatewayError(400, "InvalidTimeStamp.Expired", message)

    def _check_nonce(self, account: Account, nonce: str, now: datetime) -> None:
        # A nonce older than twice the skew belongs to a date that would be refused anyway.
        while self._nonce_ages and now - self._nonce_ages[0][0] > 2 * self._skew:
            self._nonces.discard(self._nonce_ages.popleft()[1])
        used = (account.access_key_id, nonce)
        if used in self._nonces:
            message = "Specified signature nonce was used already."
            raise GatewayError(400, "SignatureNonceUsed", message)
        self._nonces.add(used)
        self._nonce_ages.append((now, used))


def _check_parts(request: SignedRequest, authorization: Authorization) -> None:
    for name in REQUIRED_HEADERS:
        if not request.headers.get(name):
            raise GatewayError(400, "MissingParameter", f"The header {name} is required.")
    must = {name for name in request.headers if name.startswith("x-acs-")} | {"host"}
    if request.body:
        must |= {"content-type"} & set(request.headers)
    unsigned = sorted(must - set(authorization.signed_headers))
    if unsigned:
        message = f"These headers must be signed: {', '.join(unsigned)}."
        raise GatewayError(400, "IncompleteSignature", message)


def _check_token(token: str | None, account: Account) -> None:
    expected = account.security_token
    if expected is None and token:
        message = "Specified security token does not belong to this access key."
        raise GatewayError(400, "InvalidSecurityToken.MismatchWithAccessKey", message)
    if expected is None:
        return
    if not token:
        message = "The header x-acs-security-token is required for this access key."
        raise GatewayError(400, "MissingSecurityToken", message)
    if not hmac.compare_digest(token.encode(), expected.get_secret_value().encode()):
        message = "Specified security token is malformed."
        raise GatewayError(400, "InvalidSecurityToken.Malformed", message)


def _check_body(request: SignedRequest) -> None:
    if request.headers["x-acs-content-sha256"] != hashlib.sha256(request.body).hexdigest():
        message = "The header x-acs-content-sha256 does not match the body."
        raise GatewayError(400, "SignatureDoesNotMatch", message)


def _check_signature(
    request: SignedRequest, authorization: Authorization, account: Account
) -> None:
    secret = account.access_key_secret.get_secret_value()
    for path in path_readings(request.raw_path):
        canonical = canonical_request(request, path, authorization.signed_headers)
        expected = _signature(secret, string_to_sign(canonical))
        if hmac.compare_digest(expected.encode(), authorization.signature.encode()):
            return
    canonical = canonical_request(request, request.raw_path, authorization.signed_headers)
    # The message ends up in clients' logs, and a security token is a secret.
    if token := request.headers.get("x-acs-security-token"):
        canonical = canonical.replace(token, "***")
    message = (
        "Specified signature does not match our calculation. "
        f"server string to sign is [{string_to_sign(canonical)}], "
        f"server canonical request is [{canonical}]"
    )
    raise GatewayError(400, "SignatureDoesNotMatch", message)
