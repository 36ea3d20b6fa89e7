"""Verification of AGENTRUN4-HMAC-SHA256, the signature of the data plane.

Source: control-plane reference, §2.6 [S]; refusals are 403 `ERR_FORBIDDEN` (§4.2 [S]).
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from agentrun_simulator.errors import ServiceError
from agentrun_simulator.keyring import KeyRing
from agentrun_simulator.settings import Account
from agentrun_simulator.signature import SignedRequest, canonical_query, path_readings

ALGORITHM = "AGENTRUN4-HMAC-SHA256"
HEADER = "agentrun-authorization"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(?P<key>[^/,]+)/(?P<day>\d{{8}})/(?P<region>[\w-]+)/agentrun/"
    r"aliyun_v4_request,\s*SignedHeaders=(?P<names>[\w;-]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


def verify(request: SignedRequest, keys: KeyRing, now: datetime, skew: timedelta) -> Account:
    """Return the account whose key signed a request of the data plane.

    Raises:
        ServiceError: 403 when the signature is missing, incomplete, old or wrong.
        GatewayError: the key is unknown or has expired.
    """
    parts = _AUTHORIZATION.fullmatch(request.headers.get(HEADER, ""))
    if parts is None:
        raise refused("the signature is missing or incomplete")
    names = tuple(parts["names"].split(";"))
    signed = {name for name in request.headers if name.startswith("x-acs-")} | {"host"}
    if not signed <= set(names):
        raise refused("host and all x-acs headers must be signed")
    if request.headers.get("x-acs-content-sha256") != UNSIGNED_PAYLOAD:
        raise refused(f"x-acs-content-sha256 must be {UNSIGNED_PAYLOAD}")
    _check_date(request.headers.get("x-acs-date", ""), parts["day"], now, skew)
    account = keys.find(parts["key"], now)
    token = account.security_token.get_secret_value() if account.security_token else ""
    shown = request.headers.get("x-acs-security-token", "")
    if not hmac.compare_digest(shown.encode(), token.encode()):
        raise refused("the security token does not belong to the key")
    key = signing_key(account.access_key_secret.get_secret_value(), parts["day"], parts["region"])
    for path in (*path_readings(request.raw_path), unquote(request.raw_path)):
        text = string_to_sign(request, path, names)
        expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        if hmac.compare_digest(expected, parts["signature"]):
            return account
    raise refused("the signature does not match")


def refused(reason: str) -> ServiceError:
    """Return the data plane's refusal, in the wording that agentrun-sdk's own tests expect."""
    return ServiceError(403, "ERR_FORBIDDEN", f"Signature verification failed: {reason}")


def string_to_sign(request: SignedRequest, path: str, names: tuple[str, ...]) -> str:
    """Return the two lines that are signed, for one reading of the path."""
    lines = "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in names)
    query = canonical_query(request.raw_query)
    canonical = "\n".join(
        (request.method, path or "/", query, lines, ";".join(names), UNSIGNED_PAYLOAD)
    )
    return f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def signing_key(secret: str, day: str, region: str) -> bytes:
    """Derive the key of one day, region and product."""
    key = f"aliyun_v4{secret}".encode()
    for part in (day, region, "agentrun", "aliyun_v4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _check_date(text: str, day: str, now: datetime, skew: timedelta) -> None:
    try:
        sent = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise refused("x-acs-date is not of the form YYYY-MM-DDThh:mm:ssZ") from None
    if abs(now - sent) > skew or sent.strftime("%Y%m%d") != day:
        raise refused("x-acs-date is too far from the present")
