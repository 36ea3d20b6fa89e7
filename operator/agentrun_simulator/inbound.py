"""Inbound credentials: who may call an agent runtime or a model proxy without a signature.

Source: control-plane reference, §8.3 and §8.6 (kinds of credentials, header and prefix [S]). That
a signature passes where a credential is bound is ours: the `-ram` host of §1.1 suggests it [?].
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agentrun_simulator.errors import ServiceError
from agentrun_simulator.tokens import is_expired, token_claims

DEFAULT_HEADER = "X-API-Key"
"""Header of an API key whose credential names none (§8.3 [S])."""


def check(credential: Mapping[str, Any], headers: Mapping[str, str], now: datetime) -> None:
    """Let a call pass that shows the credential.

    Args:
        credential: Wire fields of a Credential.
        headers: Of the call, under lower-case names.
        now: Time of the call.

    Raises:
        ServiceError: 403 when the credential is disabled, or not what the call shows.
    """
    kind = credential.get("credentialAuthType")
    public = credential.get("credentialPublicConfig") or {}
    shows = {"api_key": _shows_key, "basic": _shows_user, "jwt": _shows_token}.get(kind or "")
    if not credential.get("enabled", True) or shows is None:
        raise _refused("the bound credential cannot be used")
    if not shows(credential, public, headers, now):
        raise _refused(f"the call does not show the bound {kind} credential")


def _shows_key(
    credential: Mapping[str, Any],
    public: Mapping[str, Any],
    headers: Mapping[str, str],
    _: datetime,
) -> bool:
    name = str(public.get("headerKey") or DEFAULT_HEADER).lower()
    prefix, secret = public.get("prefix") or "", credential.get("credentialSecret") or ""
    accepted = [f"{prefix}{secret}"]
    if name == "authorization" and not prefix:
        accepted.append(f"Bearer {secret}")
    shown = headers.get(name, "").encode()
    return bool(secret) and any(hmac.compare_digest(shown, each.encode()) for each in accepted)


def _shows_user(
    _: Mapping[str, Any], public: Mapping[str, Any], headers: Mapping[str, str], __: datetime
) -> bool:
    scheme, encoded = _authorization(headers)
    try:
        shown = base64.b64decode(encoded, validate=True).decode()
    except (ValueError, binascii.Error):
        return False
    users = [f"{user.get('username')}:{user.get('password')}" for user in public.get("users") or ()]
    return scheme == "basic" and shown in users


def _shows_token(
    _: Mapping[str, Any], __: Mapping[str, Any], headers: Mapping[str, str], now: datetime
) -> bool:
    """Accept any JSON web token that has not expired; its signature is not checked."""
    scheme, token = _authorization(headers)
    claims = token_claims(token)
    return scheme == "bearer" and claims is not None and not is_expired(claims, now)


def _authorization(headers: Mapping[str, str]) -> tuple[str, str]:
    """Return the scheme, in lower case, and the rest of the Authorization header."""
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    return scheme.lower(), rest.strip()


def _refused(message: str) -> ServiceError:
    return ServiceError(403, "ERR_FORBIDDEN", message)
