"""The token service in the RPC style of Alibaba Cloud: whose keys, and keys of a role.

The reference does not describe this service; what is here is what the official credentials
library sends and reads [T], and general knowledge of the error codes [?].
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

from agentrun_simulator import callers
from agentrun_simulator.errors import GatewayError
from agentrun_simulator.identities import Identities
from agentrun_simulator.keyring import KeyRing
from agentrun_simulator.settings import Account
from agentrun_simulator.signature import SignedRequest

ACTIONS = frozenset({"AssumeRole", "AssumeRoleWithOIDC", callers.ACTION})
_ROLE = re.compile(r"acs:ram::(\d+):role/([\w.-]+)")
_PROVIDER = re.compile(r"acs:ram::(\d+):oidc-provider/[\w.-]+")
_DURATION_SECONDS = (900, 43200)
_DEFAULT_SECONDS = 3600


def parameters(request: SignedRequest) -> dict[str, str] | None:
    """Return the parameters of a call to the token service; None for any other request."""
    if request.raw_path not in ("/", ""):
        return None
    pairs = parse_qsl(request.raw_query, keep_blank_values=True, errors="replace")
    if request.method == "POST":
        form = request.body.decode("utf-8", errors="replace")
        pairs += parse_qsl(form, keep_blank_values=True)
    found = dict(pairs)
    return found if "Action" in found else None


class TokenService:
    """Hands out temporary keys of the accounts that the simulator knows."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def answer(
        self, asked: Mapping[str, str], method: str, now: datetime, identities: Identities
    ) -> tuple[str, dict[str, Any]]:
        """Return the account that is concerned, and the document of the answer.

        Raises:
            GatewayError: the caller, the role or a parameter is refused.
        """
        action = asked["Action"]
        if action not in ACTIONS:
            raise GatewayError(404, "InvalidAction.NotFound", "Specified api is not found.")
        if action == callers.ACTION:
            caller = self._check_signature(asked, method, now)
            return caller.account_id, callers.identity_of(caller)
        if action == "AssumeRole":
            self._check_signature(asked, method, now)
        else:
            _check_token(asked, now)
        role = _ROLE.fullmatch(asked.get("RoleArn", ""))
        if role is None:
            raise GatewayError(400, "InvalidParameter.RoleArn", "The parameter RoleArn is wrong.")
        if role[1] not in self._keys.account_ids:
            raise GatewayError(404, "EntityNotExist.Role", "The role does not exist.")
        session = asked.get("RoleSessionName", "")
        if not re.fullmatch(r"[\w.@-]{2,64}", session):
            message = "The parameter RoleSessionName is wrong."
            raise GatewayError(400, "InvalidParameter.RoleSessionName", message)
        expires = now + timedelta(seconds=_seconds(asked))
        key = self._keys.issue(role[1], expires, identities)
        user = {
            "AssumedRoleId": f"3{role[1]}:{session}",
            "Arn": f"acs:ram::{role[1]}:role/{role[2]}/{session}",
        }
        return role[1], {"AssumedRoleUser": user, "Credentials": _shown(key, expires)}

    def _check_signature(self, asked: Mapping[str, str], method: str, now: datetime) -> Account:
        caller = self._keys.find(asked.get("AccessKeyId", ""), now)
        token = caller.security_token.get_secret_value() if caller.security_token else ""
        if not hmac.compare_digest(asked.get("SecurityToken", "").encode(), token.encode()):
            message = "Specified security token is malformed."
            raise GatewayError(400, "InvalidSecurityToken.Malformed", message)
        expected = _signature(asked, method, caller.access_key_secret.get_secret_value())
        if not hmac.compare_digest(asked.get("Signature", "").encode(), expected.encode()):
            message = "Specified signature does not match our calculation."
            raise GatewayError(400, "SignatureDoesNotMatch", message)
        return caller


def _signature(asked: Mapping[str, str], method: str, secret: str) -> str:
    def encoded(text: str) -> str:
        return quote(text, safe="-_.~")

    pairs = sorted((name, value) for name, value in asked.items() if name != "Signature")
    query = "&".join(f"{encoded(name)}={encoded(value)}" for name, value in pairs)
    text = f"{method}&{encoded('/')}&{encoded(query)}"
    digest = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def _check_token(asked: Mapping[str, str], now: datetime) -> None:
    """Refuse an identity token that is none or has expired; its signature is not checked."""
    if _PROVIDER.fullmatch(asked.get("OIDCProviderArn", "")) is None:
        message = "The OIDC provider does not exist."
        raise GatewayError(404, "EntityNotExist.OIDCProvider", message)
    claims = token_claims(asked.get("OIDCToken", "").strip())
    if claims is None:
        message = "The parameter OIDCToken is not a JSON web token."
        raise GatewayError(400, "InvalidParameter.OIDCToken", message)
    if is_expired(claims, now):
        message = "The OIDC token is expired."
        raise GatewayError(400, "AuthenticationFail.OIDCToken.Expired", message)


def token_claims(token: str) -> dict[str, Any] | None:
    """Return the claims of a JSON web token, unverified; None for what is no such token."""
    parts = token.split(".")
    try:
        _, payload, _ = parts
        padded = payload + "=" * (-len(payload) % 4)
        claims = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def is_expired(claims: Mapping[str, Any], now: datetime) -> bool:
    """Return whether a token's `exp` has passed; without one it never does."""
    end = claims.get("exp")
    return isinstance(end, int | float) and now.timestamp() >= end


def _seconds(asked: Mapping[str, str]) -> int:
    text = asked.get("DurationSeconds") or str(_DEFAULT_SECONDS)
    shortest, longest = _DURATION_SECONDS
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) < len("1000000") else 0
    if not shortest <= seconds <= longest:
        message = f"DurationSeconds must be between {shortest} and {longest}."
        raise GatewayError(400, "InvalidParameter.DurationSeconds", message)
    return seconds


def _shown(key: Account, expires: datetime) -> dict[str, str]:
    token = key.security_token.get_secret_value() if key.security_token else ""
    return {
        "AccessKeyId": key.access_key_id,
        "AccessKeySecret": key.access_key_secret.get_secret_value(),
        "SecurityToken": token,
        "Expiration": expires.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
