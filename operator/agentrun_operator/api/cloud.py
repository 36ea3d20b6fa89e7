"""Makes a client for an account: endpoint checked, keys found, budget attached."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property, partial

from agentrun_operator.api.auth import Acs3Auth
from agentrun_operator.api.client import AgentRunClient
from agentrun_operator.api.credential_chain import (
    DEFAULT_CHAIN,
    DEFAULT_STS_HOST,
    ChainOptions,
    assumed_role_keys,
    configured_sts_host,
    operator_keys,
)
from agentrun_operator.api.credentials import Keys, KeySource, StaticKeys, keys_from_secret
from agentrun_operator.api.endpoints import (
    DEFAULT_PATTERNS,
    TOKEN_SERVICE_PATTERNS,
    endpoint_for,
    is_allowed,
    normalize_endpoint,
    official_place,
    token_service_for,
)
from agentrun_operator.api.identity import STS_VERSION, OwnedKeys, owner_of_keys
from agentrun_operator.api.transport import (
    DEFAULT_TIMEOUTS,
    Timeouts,
    Transport,
    unlimited,
)
from agentrun_operator.core.errors import InvalidParameter
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.in_flight import AnswersInFlight
from agentrun_operator.reconcile.ports import AccountConnection
from agentrun_operator.reconcile.tracing import UNTRACED, Tracer

Acquire = Callable[[], Awaitable[None]]
Observe = Callable[[ObjectKey | None, str, str, float], None]


def unobserved_of(_source: ObjectKey | None, _operation: str, _code: str, _seconds: float) -> None:
    """Count nothing; the default of the metrics' hook."""


class AgentRunCloud:
    """Opens accounts.

    Args:
        environ: Where the operator's own keys and its region come from, `os.environ` as a rule.
        allow_list: Endpoint patterns beside the official hosts.
        chain: Which sources the operator's own credential chain may ask.
        timeouts: Bounds of one call.
        observe: Told account, operation, HTTP status (or the error's name) and seconds of a call.
        sts: Host of the token service beside every official host of the control plane; None: as
            the variables of `environ` say, or else the one of the account's region and network.
        answers: What the bytes of all answers are counted in; None: of these accounts alone.
        tracer: Told of each call.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        allow_list: tuple[str, ...] = (),
        chain: ChainOptions = DEFAULT_CHAIN,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        observe: Observe = unobserved_of,
        sts: str | None = None,
        answers: AnswersInFlight | None = None,
        tracer: Tracer = UNTRACED,
    ) -> None:
        self._answers = answers or AnswersInFlight()
        self._tracer = tracer
        self._sts = sts or configured_sts_host(environ)
        self._observe = observe
        self._environ = dict(environ)
        self._allow_list = allow_list
        self._chain = chain
        self._timeouts = timeouts

    def connect(
        self, connection: AccountConnection, acquire: Acquire = unlimited
    ) -> AgentRunClient:
        """Return a client of one account that awaits `acquire` per request; nothing is sent yet.

        Raises:
            CredentialsInvalid: A key is missing or empty; the message names it.
            InvalidParameter: An endpoint is not on the allow-list, or not of the account's region.
        """
        endpoint = self._endpoint(connection)
        service = self._token_service(connection, endpoint)
        source = self._keys(connection, endpoint, service)
        account_id = connection.identity.account_id
        observe = partial(self._observe, connection.source)
        owned = None
        if connection.identity_check.is_on:
            owned = OwnedKeys(
                source,
                account_id=account_id,
                origin=connection.origin,
                ask=partial(self._owner_of, service, observe),
            )
        transport = Transport(
            endpoint,
            Acs3Auth(owned or source),
            acquire=acquire,
            observe=observe,
            timeouts=self._timeouts,
            answers=self._answers,
            tracer=self._tracer,
        )
        return AgentRunClient(transport, account_id=account_id, keys=owned)

    def place_of(self, region: str, endpoint: str | None) -> str:
        """See `Cloud.place_of`; an official host is as good as any other of its region."""
        try:
            address = normalize_endpoint(endpoint or endpoint_for(region))
        except ValueError as error:
            raise InvalidParameter(str(error)) from None
        official = official_place(address)
        if official is None:
            return address
        if official[1] != region:
            raise InvalidParameter(
                f"endpoint {address} is of region {official[1]}, and spec.region is {region}; "
                "correct the endpoint, or create another account for the other region"
            )
        return f"region {region}"

    async def _owner_of(
        self, service: str, observe: Callable[[str, str, float], None], keys: Keys
    ) -> str:
        """Ask once; a connection kept for the next time would be closed long before."""
        async with Transport(
            service,
            Acs3Auth(StaticKeys(keys), version=STS_VERSION),
            observe=observe,
            timeouts=self._timeouts,
            connections=1,
            answers=self._answers,
            tracer=self._tracer,
        ) as transport:
            return await owner_of_keys(transport, service)

    def _endpoint(self, connection: AccountConnection) -> str:
        region = connection.identity.region
        self.place_of(region, connection.endpoint)
        endpoint = normalize_endpoint(connection.endpoint or endpoint_for(region))
        return self._allowed(endpoint, "endpoint", DEFAULT_PATTERNS)

    def _token_service(self, connection: AccountConnection, endpoint: str) -> str:
        given = connection.identity_check.endpoint
        if given is None:
            return token_service_for(endpoint, self._sts)
        try:
            service = normalize_endpoint(given)
        except ValueError as error:
            raise InvalidParameter(f"identityCheck.{error}") from None
        return self._allowed(service, "identityCheck.endpoint", TOKEN_SERVICE_PATTERNS)

    def _allowed(self, url: str, field: str, official: tuple[str, ...]) -> str:
        if not is_allowed(url, (*official, *self._allow_list)):
            raise InvalidParameter(
                f"{field} {url} is not on the operator's allow-list; leave spec.{field} "
                "out, or ask the operator's administrator to allow the host"
            )
        return url

    def _keys(self, connection: AccountConnection, endpoint: str, service: str) -> KeySource:
        source = self._base_keys(connection)
        if connection.role_arn is None:
            return source
        host = service.removeprefix("https://")
        if service == endpoint or "://" in host:
            # The official library speaks https only, which a simulator or a gateway need not.
            host = self._sts or DEFAULT_STS_HOST
        return assumed_role_keys(
            source,
            role_arn=connection.role_arn,
            external_id=connection.role_external_id,
            sts_endpoint=host,
        )

    def _base_keys(self, connection: AccountConnection) -> KeySource:
        if connection.keys is None:
            return self._own_keys
        return StaticKeys(keys_from_secret(connection.keys, where=connection.origin))

    @cached_property
    def _own_keys(self) -> KeySource:
        # Shared by all accounts that use it: one token exchange serves them all.
        return operator_keys(self._environ, self._chain)
