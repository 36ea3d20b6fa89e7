"""The operator's own keys: the environment, RRSA, and what the official library adds to them.

Only the operator's settings and cluster-wide accounts may use this module; a tenant's account
names a Secret of its own namespace.

The official library is used for its token exchanges and kept on a short lead, because of what its
source (1.0.12) does:

- It reads the environment when it is imported. We pass every value ourselves.
- Its cache takes a *thread* lock around an await: a second task blocks the event loop for five
  seconds. `RefreshingKeys` lets one caller in at a time.
- It renews 15 minutes before expiry and fails strictly from then on, although the old keys are
  good. `RefreshingKeys` keeps them.
- It logs failures through handlers of its own, with answer bodies that may hold keys. We mute it
  and pass on the status and the error code alone.
- Its default chain asks the instance metadata service, which hangs outside of ECS, and starts a
  scheduler thread. We ask only when told to, without the thread.
- A credentials URI without a port becomes `host:None`. We fill the port in.
"""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlsplit

from agentrun_operator.api import codes
from agentrun_operator.api.credentials import (
    Keys,
    KeySource,
    RefreshingKeys,
    StaticKeys,
    keys_from_environment,
)
from agentrun_operator.core.errors import CredentialsInvalid, OperatorError, Unavailable

SESSION_NAME: Final = "agentrun-operator"
"""Shows up in the account's audit trail as the session of an assumed role."""

DEFAULT_STS_HOST: Final = "sts.aliyuncs.com"
"""The token service of all regions, where nothing says which one is near."""

_HTTP_CODE: Final = re.compile(r"http_code[:=] ?(\d{3})")
_ERROR_CODE: Final = re.compile(r'"Code" ?: ?"([A-Za-z0-9._-]{1,80})"')
_CLIENT_ERRORS: Final = range(400, 500)
_TOO_MANY_REQUESTS: Final = 429


@dataclass(frozen=True, slots=True)
class ChainOptions:
    """Which sources beyond the environment and RRSA the operator may ask."""

    use_profile: bool = False
    """Read `~/.aliyun/config.json` or `~/.alibabacloud/credentials.ini`: a developer's machine.
    A profile may run a program, so it is never read unasked."""
    use_instance_role: bool = False
    """Ask the metadata service of the ECS node; off, because elsewhere the question hangs."""


DEFAULT_CHAIN: Final = ChainOptions()


def operator_keys(environ: Mapping[str, str], options: ChainOptions = DEFAULT_CHAIN) -> KeySource:
    """Choose the source of the operator's own keys, the first that is configured.

    Order: `AGENTRUN_ACCESS_KEY_*`, `ALIBABA_CLOUD_ACCESS_KEY_*`, RRSA (the three variables the
    ACK webhook injects), `ALIBABA_CLOUD_CREDENTIALS_URI`, then profile and instance role where
    `options` allow them. A configured source that fails is reported, not skipped: silently using
    another identity would be worse.

    Raises:
        CredentialsInvalid: Nothing is configured, or the environment holds half a pair.
    """
    static = keys_from_environment(environ)
    if static is not None:
        return StaticKeys(static)
    token_file = environ.get("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "")
    role_arn = environ.get("ALIBABA_CLOUD_ROLE_ARN", "")
    provider_arn = environ.get("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "")
    if token_file and role_arn and provider_arn:
        return oidc_keys(
            role_arn=role_arn,
            provider_arn=provider_arn,
            token_file=token_file,
            sts_endpoint=configured_sts_host(environ) or DEFAULT_STS_HOST,
        )
    if uri := environ.get("ALIBABA_CLOUD_CREDENTIALS_URI", ""):
        return _refreshing(
            "the credentials URI", _official().URLCredentialsProvider(uri=with_port(uri))
        )
    if options.use_profile:
        return _profile_keys(environ)
    if options.use_instance_role:
        return _refreshing(
            "the instance role",
            _official().EcsRamRoleCredentialsProvider(async_update_enabled=False),
        )
    raise CredentialsInvalid(
        "the operator has no keys of its own: set AGENTRUN_ACCESS_KEY_ID and "
        "AGENTRUN_ACCESS_KEY_SECRET, or give its ServiceAccount a RAM role (RRSA)"
    )


def configured_sts_host(environ: Mapping[str, str]) -> str | None:
    """Name the token service's host, by the same variables as the official library."""
    region = environ.get("ALIBABA_CLOUD_STS_REGION", "")
    if not region:
        return None
    is_vpc = environ.get("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "").lower() == "true"
    return f"sts{'-vpc' if is_vpc else ''}.{region}.aliyuncs.com"


def oidc_keys(
    *, role_arn: str, provider_arn: str, token_file: str, sts_endpoint: str = DEFAULT_STS_HOST
) -> KeySource:
    """Exchange the ServiceAccount's token for temporary keys of a RAM role (RRSA).

    Args:
        role_arn: The role to assume.
        provider_arn: The identity provider that RAM knows the cluster by.
        token_file: Where the kubelet keeps the projected token; read at each renewal.
        sts_endpoint: Host, or host:port, of the token service; always asked over https.
    """
    provider = _official().OIDCRoleArnCredentialsProvider(
        role_arn=role_arn,
        oidc_provider_arn=provider_arn,
        oidc_token_file_path=token_file,
        role_session_name=SESSION_NAME,
        sts_endpoint=sts_endpoint,
    )
    return _refreshing("RRSA", provider)


def assumed_role_keys(
    base: KeySource,
    *,
    role_arn: str,
    external_id: str | None = None,
    sts_endpoint: str = DEFAULT_STS_HOST,
) -> KeySource:
    """Assume a RAM role, of another account for instance, with the keys of another source."""
    provider = _official().RamRoleArnCredentialsProvider(
        credentials_provider=_BaseProvider(base),
        role_arn=role_arn,
        role_session_name=SESSION_NAME,
        external_id=external_id,
        sts_endpoint=sts_endpoint,
    )
    return _refreshing(f"role {role_arn}", provider)


def _profile_keys(environ: Mapping[str, str]) -> KeySource:
    official = _official()
    name = environ.get("ALIBABA_CLOUD_PROFILE") or None
    if file := environ.get("ALIBABA_CLOUD_CREDENTIALS_FILE"):
        provider = official.ProfileCredentialsProvider(profile_file=file, profile_name=name)
    else:
        provider = official.CLIProfileCredentialsProvider(profile_name=name)
    return _refreshing("the profile", provider)


def _official() -> ModuleType:
    """Import the official library late: it is large, and most installations never need it."""
    library = importlib.import_module("alibabacloud_credentials.provider")
    for name in ("credentials", "alibabacloud-tea"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = False
        logger.setLevel(logging.CRITICAL + 1)
    return library


def _refreshing(what: str, provider: Any) -> KeySource:
    return RefreshingKeys(_fetcher(what, provider))


def _fetcher(what: str, provider: Any) -> Callable[[], Awaitable[Keys]]:
    async def fetch() -> Keys:
        try:
            found = await provider.get_credentials_async()
        except OperatorError:
            raise
        except Exception as error:  # noqa: BLE001  the library raises whatever it meets
            # The text may quote an answer that holds keys, so the cause is cut off as well.
            raise _translated(what, error) from None
        expiry = getattr(found, "get_expiration", lambda: None)()
        return Keys(
            access_key_id=found.get_access_key_id(),
            access_key_secret=found.get_access_key_secret(),
            security_token=found.get_security_token() or None,
            expires_at=None if expiry is None else float(expiry),
        )

    return fetch


def _translated(what: str, error: Exception) -> OperatorError:
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
        return CredentialsInvalid(
            f"{what}: cannot read {error.filename}: {error.strerror}; check the mounted token"
        )
    text = str(error)
    status = _HTTP_CODE.search(text)
    code = _ERROR_CODE.search(text)
    named = f" {code[1]}" if code and codes.is_known(code[1]) else ""
    if status is None:
        return Unavailable(f"{what}: no keys ({type(error).__name__})")
    refused = int(status[1]) in _CLIENT_ERRORS and int(status[1]) != _TOO_MANY_REQUESTS
    message = f"{what}: the token service answered HTTP {status[1]}{named}"
    if refused:
        return CredentialsInvalid(f"{message}; check the role and its trust policy")
    return Unavailable(message)


def with_port(uri: str) -> str:
    """Spell out the port of a URI; without one the official library asks `host:None`."""
    parts = urlsplit(uri)
    if parts.port is not None or parts.hostname is None:
        return uri
    port = 443 if parts.scheme == "https" else 80
    return parts._replace(netloc=f"{parts.netloc}:{port}").geturl()


class _BaseProvider:
    """Shows one of our sources to the official library."""

    def __init__(self, source: KeySource) -> None:
        self._source = source

    async def get_credentials_async(self) -> Any:
        """Return the keys in the library's own type."""
        keys = await self._source.keys()
        return _official().refreshable.Credentials(
            access_key_id=keys.access_key_id,
            access_key_secret=keys.access_key_secret,
            security_token=keys.security_token,
            provider_name="agentrun_operator",
        )
