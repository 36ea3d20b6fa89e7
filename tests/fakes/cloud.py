"""The real simulator behind the real client, in process: no socket, and no second fake of it."""

from collections.abc import Awaitable, Callable
from functools import partial

import httpx

from agentrun_operator.api.auth import Acs3Auth
from agentrun_operator.api.client import AgentRunClient
from agentrun_operator.api.cloud import AgentRunCloud
from agentrun_operator.api.credentials import Keys, StaticKeys, keys_from_secret
from agentrun_operator.api.identity import STS_VERSION, OwnedKeys, owner_of_keys
from agentrun_operator.api.transport import Transport, unlimited
from agentrun_operator.core.errors import InvalidParameter
from agentrun_operator.reconcile.ports import AccountConnection
from agentrun_operator.reconcile.tracing import UNTRACED, Tracer
from agentrun_simulator.gateway import ConnectionDroppedError
from agentrun_simulator.settings import Account, Settings
from agentrun_simulator.simulator import Simulator
from fakes.calls import Calls
from fakes.clock import OffsetClock, VirtualClock

MAIN = Account.model_validate(
    {"accountId": "10001", "accessKeyId": "main-id", "accessKeySecret": "main-key-canary"}
)
OTHER = Account.model_validate(
    {"accountId": "20002", "accessKeyId": "other-id", "accessKeySecret": "other-key-canary"}
)
TEMPORARY = Account.model_validate(
    {
        "accountId": "10001",
        "accessKeyId": "STS.main-id",
        "accessKeySecret": "temporary-key-canary",
        "securityToken": "temporary-token-canary",
    }
)
"""Another key of MAIN, as a token service issues it."""


def keys_of(account: Account) -> dict[str, str]:
    """Return the data of a Secret with an account's keys."""
    token = account.security_token
    return {
        "accessKeyId": account.access_key_id,
        "accessKeySecret": account.access_key_secret.get_secret_value(),
        **({"securityToken": token.get_secret_value()} if token else {}),
    }


OWN_KEYS = keys_of(MAIN)
"""What the operator's own credential chain would find."""


class SimulatedCloud:
    """`ports.Cloud` over one simulator with the accounts MAIN and OTHER, signatures checked."""

    def __init__(
        self, clock: VirtualClock, calls: Calls, *, transition_seconds: float = 2.0
    ) -> None:
        self._clock = clock
        self._calls = calls
        self.time = OffsetClock(clock)
        """The cloud's own time."""
        self.simulator = Simulator(
            Settings(accounts=(MAIN, OTHER, TEMPORARY), transition_seconds=transition_seconds),
            self.time,
        )
        self.elsewhere: dict[str, Simulator] = {}
        """Other clouds, by their endpoint."""
        self.silent: set[str] = set()
        """Endpoints that take a request and do not answer it."""
        self.connected: list[AccountConnection] = []
        self.tracer: Tracer = UNTRACED

    def connect(
        self, connection: AccountConnection, acquire: Callable[[], Awaitable[None]]
    ) -> AgentRunClient:
        if connection.endpoint == "http://forbidden.example":
            raise InvalidParameter("endpoint is not on the operator's allow-list")
        self.connected.append(connection)
        given = OWN_KEYS if connection.keys is None else connection.keys
        source = StaticKeys(keys_from_secret(given, where=connection.origin))
        endpoint = connection.endpoint or "http://agentrun.test"
        account_id = connection.identity.account_id
        owned = None
        if connection.identity_check.is_on:
            ask = partial(self._owner_of, connection.identity_check.endpoint or endpoint)
            owned = OwnedKeys(source, account_id=account_id, origin=connection.origin, ask=ask)
        transport = self._transport(
            endpoint, Acs3Auth(owned or source, clock=self.time.now), acquire
        )
        return AgentRunClient(transport, account_id=account_id, keys=owned)

    def place_of(self, region: str, endpoint: str | None) -> str:
        return AgentRunCloud(environ={}).place_of(region, endpoint)

    async def _owner_of(self, service: str, keys: Keys) -> str:
        auth = Acs3Auth(StaticKeys(keys), version=STS_VERSION, clock=self.time.now)
        return await owner_of_keys(self._transport(service, auth), service)

    def _transport(
        self,
        url: str,
        auth: Acs3Auth,
        acquire: Callable[[], Awaitable[None]] = unlimited,
    ) -> Transport:
        simulator = self.elsewhere.get(url, self.simulator)
        network = _InProcess(simulator, self._calls, lambda: url in self.silent, self._clock)
        return Transport(url, auth, acquire=acquire, tracer=self.tracer, network=network)


class _InProcess(httpx.AsyncBaseTransport):
    """Hands requests to the simulator; a connection it drops looks like one that was lost."""

    def __init__(
        self,
        simulator: Simulator,
        calls: Calls,
        is_silent: Callable[[], bool],
        clock: VirtualClock,
    ) -> None:
        self._asgi = httpx.ASGITransport(simulator.app)
        self._calls = calls
        self._is_silent = is_silent
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._is_silent():
            return await self._calls.make("(no answer)", lambda: self._wait(request))
        action = str(request.extensions["action"])
        return await self._calls.make(action, lambda: self._send(request))

    async def _wait(self, request: httpx.Request) -> httpx.Response:
        await self._clock.sleep(float(request.extensions["timeout"]["read"]))
        raise httpx.ReadTimeout("no answer came", request=request)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._asgi.handle_async_request(request)
        except ConnectionDroppedError:
            raise httpx.ReadError("the connection was lost", request=request) from None
