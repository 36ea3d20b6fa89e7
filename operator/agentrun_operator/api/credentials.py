"""The keys that sign requests, and where they come from.

A source is asked before every request, so rotation needs no restart. Values never show: not in a
repr, not in an error; a malformed Secret is described by the name of its key alone.

The chain of the operator's own keys beyond the environment is in `credential_chain`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from agentrun_operator.core.errors import CredentialsInvalid, OperatorError, Unavailable

ACCESS_KEY_ID: Final = "accessKeyId"
ACCESS_KEY_SECRET: Final = "accessKeySecret"
SECURITY_TOKEN: Final = "securityToken"

ENVIRONMENT_PREFIXES: Final = ("AGENTRUN_", "ALIBABA_CLOUD_")
"""Looked up in this order; a pair is never put together from two of them."""

REFRESH_EARLY_SECONDS: Final = 900.0
"""How long before expiry temporary keys are renewed; the official library's own margin."""
LAST_USE_SECONDS: Final = 30.0
"""Keys are not used in their last seconds: they would expire on the way."""
RETRY_SECONDS: Final = 20.0
"""Pause between renewals while they fail and the old keys are still good."""
FETCH_TIMEOUT_SECONDS: Final = 20.0
"""Bound of one renewal, of all its network calls together."""

_PRINTABLE: Final = re.compile(r"[!-~]+")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """One set of keys. Its repr shows nothing, so it may stand in any log or traceback."""

    access_key_id: str
    access_key_secret: str
    security_token: str | None = None
    expires_at: float | None = None
    """Seconds since the epoch; None for keys that last until somebody replaces them."""

    def __repr__(self) -> str:
        return "Keys(…)"

    @property
    def texts(self) -> frozenset[str]:
        """What no message may quote."""
        found = (self.access_key_id, self.access_key_secret, self.security_token)
        return frozenset(text for text in found if text)


class KeySource(Protocol):
    """Anything that can say which keys to sign with now."""

    async def keys(self) -> Keys:
        """Return usable keys.

        Raises:
            CredentialsInvalid: There are none, or they were refused; a human has to act.
            Unavailable: They could not be renewed just now.
        """
        ...


@dataclass(frozen=True, slots=True)
class StaticKeys:
    """A source of keys that do not change during its life."""

    value: Keys

    async def keys(self) -> Keys:
        """Return the keys given at construction."""
        return self.value


def keys_from_secret(data: Mapping[str, bytes | str], *, where: str) -> Keys:
    """Read keys from a Secret's data.

    Args:
        data: The decoded values (not base64) under `accessKeyId`, `accessKeySecret` and, for
            temporary keys, `securityToken`. A trailing newline, as `kubectl create secret
            --from-file` leaves it, is forgiven.
        where: How to name the Secret in a message, such as `Secret team-a/agentrun-keys`.

    Raises:
        CredentialsInvalid: A key is missing, empty or holds something no access key can hold. The
            message names the key and never the value.
    """
    token = data.get(SECURITY_TOKEN)
    return Keys(
        access_key_id=_clean(data.get(ACCESS_KEY_ID), name=ACCESS_KEY_ID, where=where),
        access_key_secret=_clean(data.get(ACCESS_KEY_SECRET), name=ACCESS_KEY_SECRET, where=where),
        security_token=None if not token else _clean(token, name=SECURITY_TOKEN, where=where),
    )


def keys_from_environment(environ: Mapping[str, str]) -> Keys | None:
    """Read keys from `AGENTRUN_*`, else from `ALIBABA_CLOUD_*` variables.

    Returns:
        None when neither prefix has an id or a secret.

    Raises:
        CredentialsInvalid: One half of a pair is set and the other is not, or a value is malformed.

    Source: control-plane reference, §1.2.
    """
    for prefix in ENVIRONMENT_PREFIXES:
        names = (f"{prefix}ACCESS_KEY_ID", f"{prefix}ACCESS_KEY_SECRET", f"{prefix}SECURITY_TOKEN")
        key_id, secret, token = (environ.get(name) or None for name in names)
        if key_id is None and secret is None:
            continue
        where = "the operator's environment"
        return Keys(
            access_key_id=_clean(key_id, name=names[0], where=where),
            access_key_secret=_clean(secret, name=names[1], where=where),
            security_token=None if token is None else _clean(token, name=names[2], where=where),
        )
    return None


def _clean(value: bytes | str | None, *, name: str, where: str) -> str:
    if value is None:
        raise CredentialsInvalid(f"{where} has no key {name}; add it")
    text = value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
    # Blanks and line breaks are left by editors and `echo`. Anything else was no accident.
    text = text.rstrip(" \r\n").lstrip(" ")
    if not text:
        raise CredentialsInvalid(f"key {name} of {where} is empty; fill it in")
    if not _PRINTABLE.fullmatch(text):
        raise CredentialsInvalid(
            f"key {name} of {where} is malformed: it holds white space or characters "
            "that no access key has; check how it was encoded"
        )
    return text


class RefreshingKeys:
    """A source of temporary keys, renewed early and by one caller at a time.

    While renewal fails, the old keys serve for as long as they are valid: a short outage of the
    token service must not stop a fleet.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[Keys]], *, clock: Callable[[], float] = time.time
    ) -> None:
        """Take a function that fetches new keys, and the clock they expire by."""
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._current: Keys | None = None
        self._renew_at = 0.0

    async def keys(self) -> Keys:
        """Return keys that are good for at least half a minute."""
        if (current := self._usable()) and self._clock() < self._renew_at:
            return current
        async with self._lock:
            # Race: whoever waited here finds that the one before has already renewed.
            if (current := self._usable()) and self._clock() < self._renew_at:
                return current
            return await self._renew()

    async def _renew(self) -> Keys:
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_SECONDS):
                fresh = await self._fetch()
        except (OperatorError, TimeoutError) as error:
            if (current := self._usable()) is not None:
                self._renew_at = self._clock() + RETRY_SECONDS
                log.warning("keys not renewed", error=type(error).__name__)
                return current
            if isinstance(error, TimeoutError):
                raise Unavailable(
                    f"the service that issues our keys did not answer within "
                    f"{FETCH_TIMEOUT_SECONDS:.0f} s"
                ) from None
            raise
        self._current, self._renew_at = fresh, self._next_renewal(fresh)
        return fresh

    def _usable(self) -> Keys | None:
        current = self._current
        if current is None or current.expires_at is None:
            return current
        return current if self._clock() < current.expires_at - LAST_USE_SECONDS else None

    def _next_renewal(self, fresh: Keys) -> float:
        if fresh.expires_at is None:
            # The library hides the expiry of keys from a profile and caches them itself: ask anew.
            return self._clock()
        lifetime = fresh.expires_at - self._clock()
        return self._clock() + max(lifetime - REFRESH_EARLY_SECONDS, lifetime / 2)
