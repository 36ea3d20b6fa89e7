"""Whose keys are these? Asked of the token service before anything is signed with them.

Nothing else tells: an access key does not name its account, and the account id in a spec is the
word of whoever wrote it. With the keys of another account every look-up would find nothing, and
everything would be created there a second time.

Second source: the account number in the ARNs of answers, which no keys can change.

Source: control-plane reference, §11 (GetCallerIdentity) and §8 (ARNs).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, Protocol

from agentrun_operator.api.credentials import Keys, KeySource
from agentrun_operator.api.errors import error_for, unusable
from agentrun_operator.api.exchange import Answer, Call
from agentrun_operator.core.errors import AccessDenied, ForeignKeys, Unavailable

STS_VERSION: Final = "2015-04-01"
GET_CALLER_IDENTITY: Final = Call(
    action="GetCallerIdentity", method="POST", path="/", is_question=True
)

_ACCOUNT_ID: Final = re.compile(r"[0-9]{1,32}")
_ARN: Final = re.compile(r"acs:agentrun:[a-z0-9-]*:(?P<account>[0-9]{1,32}):")


class Sender(Protocol):
    """Sends one call; `Transport` is one."""

    async def send(self, call: Call) -> Answer:
        """Send one call, once."""


class OwnedKeys:
    """A key source that gives keys away only when they are known to belong to the account.

    Every request takes its keys from here as it is signed, so that nothing can be sent with others:
    after a renewal, or an exchange for a role, the new ones are asked about first.
    """

    def __init__(
        self,
        source: KeySource,
        *,
        account_id: str,
        origin: str,
        ask: Callable[[Keys], Awaitable[str]],
    ) -> None:
        """Stand before `source`, whose keys come from `origin`; `ask` returns their account."""
        self._source = source
        self._account_id = account_id
        self._origin = origin
        self._ask = ask
        self._lock = asyncio.Lock()
        self._known: Keys | None = None

    async def keys(self) -> Keys:
        """Return keys of the account.

        Raises:
            ForeignKeys: They belong to another one.
            Unavailable: Nobody says whose they are.
        """
        keys = await self._source.keys()
        if keys == self._known:
            return keys
        async with self._lock:
            # Race: whoever waited here finds that the one before has already asked.
            if keys != self._known:
                await self._check(keys)
                self._known = keys
        return keys

    async def _check(self, keys: Keys) -> None:
        owner = await self._ask(keys)
        if owner != self._account_id:
            raise ForeignKeys(
                f"the keys in {self._origin} belong to account {owner}, and accountId is "
                f"{self._account_id}; put keys of account {self._account_id} there. Nothing else "
                "was asked with these"
            )


async def owner_of_keys(service: Sender, url: str) -> str:
    """Return the account whose keys sign the calls of `service`, which stands at `url`.

    Raises:
        CredentialsInvalid: The keys are refused.
        AccessDenied: They may not even ask.
        Unavailable: No usable answer; the message says how to do without one.
    """
    try:
        answer = await service.send(GET_CALLER_IDENTITY)
        if not answer.is_success:
            raise error_for(GET_CALLER_IDENTITY, answer)
        owner = (answer.payload or {}).get("AccountId")
        if not isinstance(owner, str) or not _ACCOUNT_ID.fullmatch(owner):
            raise unusable(GET_CALLER_IDENTITY, answer, "without an AccountId")
    except AccessDenied as error:
        raise AccessDenied(
            "GetCallerIdentity is denied, which needs no permission: some policy refuses it; "
            "allow sts:GetCallerIdentity, or set identityCheck.mode: Off",
            request_id=error.request_id,
        ) from None
    except Unavailable as error:
        raise Unavailable(
            f"{error.message}. Until {url} says whose keys these are they are not used: let the "
            "operator reach it, name another token service in identityCheck.endpoint, or set "
            "identityCheck.mode: Off",
            request_id=error.request_id,
        ) from None
    return owner


def check_arns(data: Any, account_id: str, *, action: str) -> None:
    """Refuse an answer whose ARNs name another account; `data` is the envelope's.

    Raises:
        ForeignKeys: Whatever signed the request, it was carried out elsewhere.
    """
    for arn in _arns(data):
        named = _ARN.match(arn)
        if named is not None and named["account"] != account_id:
            raise ForeignKeys(
                f"{action}: the answer speaks of account {named['account']}, and accountId is "
                f"{account_id}; correct the endpoint or the keys. Nothing was concluded from it"
            )


def _arns(data: Any) -> Iterator[str]:
    """Yield the ARNs of a resource, or of all in a list; deeper lies only what users wrote."""
    if not isinstance(data, Mapping):
        return
    for name, value in data.items():
        if isinstance(value, str) and name.endswith("Arn"):
            yield value
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, Mapping):
                    yield from (
                        v for k, v in item.items() if isinstance(v, str) and k.endswith("Arn")
                    )
