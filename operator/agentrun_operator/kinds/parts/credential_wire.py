"""What each type of a Credential puts on the wire.

Source: control-plane reference, §8.6, whose table holds bodies captured from the official SDK. The
remote key set is what that table says the SDK should send.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from agentrun_operator.core.fields import Document
from agentrun_operator.core.kind import Derived
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.kinds.parts.credential_types import (
    AccessKey,
    ApiKey,
    Basic,
    CustomHeader,
    Jwt,
    values_by_name,
)

DEFAULT_HEADER = "Authorization"
"""Header of an inbound API key that names none; the SDK always sends it."""

AUTH_TYPES: Mapping[str, str] = {
    "api_key": "api_key",
    "jwt": "jwt",
    "basic": "basic",
    "access_key": "ak_sk",
    "custom_header": "custom_header",
}
"""Attribute of the spec → credentialAuthType."""


class CredentialTypes(Protocol):
    """The part of a Credential's spec that is read here."""

    purpose: Any
    api_key: ApiKey | None
    jwt: Jwt | None
    basic: Basic | None
    access_key: AccessKey | None
    custom_header: CustomHeader | None


def auth_type(spec: CredentialTypes, _: Resolution) -> str | None:
    """Return credentialAuthType; None where the spec names no type."""
    return next((word for name, word in AUTH_TYPES.items() if getattr(spec, name)), None)


def secret(spec: CredentialTypes, resolution: Resolution) -> str | None:
    """Return credentialSecret: the one value that is not public; empty for types without it."""
    if spec.api_key is not None:
        return resolution.value(spec.api_key.value_from)
    if spec.access_key is not None and spec.access_key.secret_from is not None:
        return resolution.value(spec.access_key.secret_from)
    return None if auth_type(spec, resolution) is None else ""


def public_config(spec: CredentialTypes, resolution: Resolution) -> dict[str, Any] | None:
    """Return credentialPublicConfig. Its name lies: passwords and headers travel here."""
    for name, encode in _ENCODERS.items():
        chosen = getattr(spec, name)
        if chosen is not None:
            found: dict[str, Any] = encode(chosen, spec, resolution)
            return {key: value for key, value in found.items() if value is not None}
    return None


def public_defaults(spec: CredentialTypes) -> dict[str, Any]:
    """Return what a create adds to credentialPublicConfig where the spec says nothing of it."""
    if spec.api_key is None or spec.purpose != "Inbound":
        return {}
    # An empty prefix takes away one that was set before.
    return {"headerKey": DEFAULT_HEADER, "prefix": ""}


def _api_key(key: ApiKey, _: CredentialTypes, __: Resolution) -> dict[str, Any]:
    return {
        "headerKey": key.header_name,
        "prefix": key.prefix,
        "provider": key.provider,
    }


def _jwt(jwt: Jwt, _: CredentialTypes, resolution: Resolution) -> dict[str, Any]:
    if jwt.jwks_from is not None:
        return {
            "authType": "static_jwks",
            "jwks": resolution.document(jwt.jwks_from, "spec.jwt.jwksFrom"),
        }
    if jwt.remote is None:
        return {}
    remote = {
        "uri": jwt.remote.uri,
        "timeout": jwt.remote.timeout_seconds,
        "ttl": jwt.remote.ttl_seconds,
    }
    return {"remoteConfig": {k: v for k, v in remote.items() if v is not None}}


def _basic(basic: Basic, _: CredentialTypes, resolution: Resolution) -> dict[str, Any]:
    return {
        "users": [
            {"username": user.username, "password": resolution.value(user.password_from)}
            for user in basic.users
        ]
    }


def _access_key(key: AccessKey, _: CredentialTypes, resolution: Resolution) -> dict[str, Any]:
    known = {"accessKey": key.access_key_id, "accountId": key.account_id}
    config = {name: value for name, value in known.items() if value is not None}
    return {
        "provider": key.provider,
        "authConfig": {**config, **values_by_name(key.parameters, resolution)},
    }


def _headers(custom: CustomHeader, _: CredentialTypes, resolution: Resolution) -> dict[str, Any]:
    return {"authConfig": values_by_name(custom.headers, resolution)}


_ENCODERS: Mapping[str, Callable[[Any, CredentialTypes, Resolution], dict[str, Any]]] = {
    "api_key": _api_key,
    "jwt": _jwt,
    "basic": _basic,
    "access_key": _access_key,
    "custom_header": _headers,
}

PUBLIC_CONFIG = Derived(
    "credentialPublicConfig",
    "credentialPublicConfig",
    public_config,
    secret=True,
    plain=("apiKey", "jwt", "basic", "accessKey", "customHeader"),
    create_default=public_defaults,
    # No answer is known to add to the headers or parameters, or to keep the order of the users.
    document=Document(owned=frozenset({"authConfig"}), sets={"users": "username"}),
)
