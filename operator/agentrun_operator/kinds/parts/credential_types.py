"""The five types of a Credential. Source: control-plane reference, §8.6."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import (
    Name,
    SecretDocument,
    SecretSource,
    SpecModel,
    Unordered,
    Unquoted,
    ValueFrom,
)
from agentrun_operator.core.forms import NO_COLON, ONE_LINE, WebAddress
from agentrun_operator.core.resolution import Resolution

HeaderName = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_-]+$")]
Seconds = Annotated[int, Field(ge=1, le=86_400)]


class ApiKey(SpecModel):
    """A key in one header."""

    header_name: HeaderName | None = None
    """Header that carries the key; create default for purpose Inbound:
    Authorization."""
    prefix: Annotated[str, Field(max_length=64), ONE_LINE] | None = None
    """Text before the key in that header, e.g. `Bearer `."""
    provider: Name | None = None
    """Model provider, e.g. `openai` (purpose OutboundModel)."""
    value_from: SecretSource
    """The key, by reference."""


class RemoteJwks(SpecModel):
    """A key set behind a URL."""

    uri: WebAddress
    """Where the key set is."""
    timeout_seconds: Seconds | None = None
    """Upper bound of one fetch, in seconds."""
    ttl_seconds: Seconds | None = None
    """How long a fetched key set is used, in seconds."""


class Jwt(SpecModel):
    """Tokens signed by a key of a key set: exactly one of the two."""

    jwks_from: ValueFrom | None = None
    """The JSON Web Key Set itself, by reference."""
    remote: RemoteJwks | None = None
    """A key set behind a URL."""


class BasicUser(SpecModel):
    """One user."""

    username: Annotated[str, Field(min_length=1, max_length=256), NO_COLON]
    """Name of the user."""
    password_from: SecretSource
    """The password, by reference."""


class Basic(SpecModel):
    """User names and passwords."""

    users: Annotated[
        tuple[BasicUser, ...], Unordered("username"), Field(min_length=1, max_length=64)
    ]
    """Users, 1 to 64."""


class SecretHeader(SpecModel):
    """One header."""

    name: HeaderName
    """Name of the header."""
    value_from: SecretSource
    """Its value, by reference."""


class SecretParameter(SpecModel):
    """One named value, which may be a PEM or another document of several lines."""

    name: HeaderName
    """Name of the parameter."""
    value_from: SecretDocument
    """Its value, by reference."""


def values_by_name(
    named: Iterable[SecretHeader | SecretParameter], resolution: Resolution
) -> dict[str, str]:
    """Return headers or parameters as the API takes them."""
    return {each.name: resolution.value(each.value_from) for each in named}


Parameters = Annotated[tuple[SecretParameter, ...], Unordered("name"), Field(max_length=64)]


class AccessKey(SpecModel):
    """A key pair: accessKeyId with secretFrom, or the parameters of provider `custom`."""

    provider: Name | None = None
    """Whose key it is, e.g. `aliyun`, or `custom`."""
    access_key_id: Annotated[str | None, Field(min_length=1, max_length=256)] = None
    """The id of the key; not secret."""
    account_id: Annotated[str | None, Field(min_length=1, max_length=64), Unquoted()] = None
    """Account that the key belongs to."""
    secret_from: SecretSource | None = None
    """The secret of the key, by reference."""
    parameters: Parameters = ()
    """What a custom provider asks for instead, at most 64."""


class CustomHeader(SpecModel):
    """Headers of any name."""

    headers: Annotated[
        tuple[SecretHeader, ...], Unordered("name"), Field(min_length=1, max_length=64)
    ]
    """Headers, 1 to 64."""
