"""Makes a client for an account: endpoint checked, keys found, budget attached."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property

from agentrun_operator.api.auth import Acs3Auth
from agentrun_operator.api.client import AgentRunClient
from agentrun_operator.api.credential_chain import (
    DEFAULT_CHAIN,
    ChainOptions,
    assumed_role_keys,
    operator_keys,
    sts_endpoint,
)
from agentrun_operator.api.credentials import KeySource, StaticKeys, keys_from_secret
from agentrun_operator.api.endpoints import (
    DEFAULT_PATTERNS,
    endpoint_for,
    is_allowed,
    normalize_endpoint,
)
from agentrun_operator.api.transport import (
    DEFAULT_TIMEOUTS,
    Timeouts,
    Transport,
    unlimited,
    unobserved,
)
from agentrun_operator.core.errors import InvalidParameter
from agentrun_operator.reconcile.ports import AccountConnection

Acquire = Callable[[], Awaitable[None]]


class AgentRunCloud:
    """Opens accounts.

    Args:
        environ: Where the operator's own keys and its region come from, `os.environ` as a rule.
        allow_list: Endpoint patterns beside the official hosts.
        chain: Which sources the operator's own credential chain may ask.
        timeouts: Bounds of one call.
        observe: Told operation, HTTP status (or the error's name) and seconds of each call.
        sts: Host of the token service; None: as the variables of `environ` say.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        allow_list: tuple[str, ...] = (),
        chain: ChainOptions = DEFAULT_CHAIN,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        observe: Callable[[str, str, float], None] = unobserved,
        sts: str | None = None,
    ) -> None:
        self._sts = sts or sts_endpoint(environ)
        self._observe = observe
        self._environ = dict(environ)
        self._patterns = (*DEFAULT_PATTERNS, *allow_list)
        self._chain = chain
        self._timeouts = timeouts

    def connect(
        self, connection: AccountConnection, acquire: Acquire = unlimited
    ) -> AgentRunClient:
        """Return a client of one account that awaits `acquire` per request; nothing is sent yet.

        Raises:
            CredentialsInvalid: A key is missing or empty; the message names it.
            InvalidParameter: The endpoint is not on the allow-list, or the region is no region.
        """
        endpoint = self._endpoint(connection)
        transport = Transport(
            endpoint,
            Acs3Auth(self._keys(connection)),
            acquire=acquire,
            observe=self._observe,
            timeouts=self._timeouts,
        )
        return AgentRunClient(transport)

    def _endpoint(self, connection: AccountConnection) -> str:
        try:
            given = connection.endpoint or endpoint_for(connection.identity.region)
            endpoint = normalize_endpoint(given)
        except ValueError as error:
            raise InvalidParameter(str(error)) from None
        if not is_allowed(endpoint, self._patterns):
            raise InvalidParameter(
                f"endpoint {endpoint} is not on the operator's allow-list; leave spec.endpoint "
                "out, or ask the operator's administrator to allow the host"
            )
        return endpoint

    def _keys(self, connection: AccountConnection) -> KeySource:
        source = self._base_keys(connection)
        if connection.role_arn is None:
            return source
        return assumed_role_keys(
            source,
            role_arn=connection.role_arn,
            external_id=connection.role_external_id,
            sts_endpoint=self._sts,
        )

    def _base_keys(self, connection: AccountConnection) -> KeySource:
        if connection.keys is None:
            return self._own_keys
        where = f"the Secret of account {connection.identity}"
        return StaticKeys(keys_from_secret(connection.keys, where=where))

    @cached_property
    def _own_keys(self) -> KeySource:
        # Shared by all accounts that use it: one token exchange serves them all.
        return operator_keys(self._environ, self._chain)
