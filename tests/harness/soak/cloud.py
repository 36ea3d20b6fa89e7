"""The real simulator on virtual time, and a ledger of who made which resource."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Literal, Protocol, get_args, get_origin

import httpx
from pydantic import SecretStr

from agentrun_operator.api.client import AgentRunClient
from agentrun_operator.api.credentials import Keys, StaticKeys, keys_from_secret
from agentrun_operator.api.exchange import Answer, Call
from agentrun_operator.api.identity import (
    GET_CALLER_IDENTITY,
    STS_VERSION,
    OwnedKeys,
    owner_of_keys,
)
from agentrun_operator.api.transport import unlimited
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile.ports import AccountConnection, Json
from agentrun_simulator.clock import wire_timestamp
from agentrun_simulator.cloud import Cloud
from agentrun_simulator.errors import GatewayError
from agentrun_simulator.exchange import Exchange
from agentrun_simulator.family import Family
from agentrun_simulator.settings import Account, Settings, Switches
from agentrun_simulator.signature import SignedRequest
from agentrun_simulator.simulator import Simulator
from agentrun_simulator.store import Record, Tenant
from fakes.rests import rest_of
from soak.chance import Chance
from soak.naming import WORKSPACES
from soak.posts import Name, names_of, tags_of
from soak.slots import FAR, Slot
from soak.wire import Later, SimulatedTransport, Wire

REGION = "cn-hangzhou"
API = "/2025-09-10"
TOUCH_SECONDS = 45.0
"""A change by somebody else is seen within the steady poll interval, and some time to act."""
_RESTS = tuple(kind.rest for kind in catalogue().values() if kind.rest is not None)
MAIN = Account.model_validate(
    {"accountId": "10001", "accessKeyId": "main-id", "accessKeySecret": "canary-main-key"}
)
OTHER = Account.model_validate(
    {"accountId": "20002", "accessKeyId": "other-id", "accessKeySecret": "canary-other-key"}
)
FOREIGN = Account.model_validate(
    {"accountId": "30003", "accessKeyId": "foreign-id", "accessKeySecret": "canary-foreign-key"}
)
"""An account that no object here is meant to live in."""
EMPTY = Account.model_validate(
    {"accountId": "40004", "accessKeyId": "empty-id", "accessKeySecret": "canary-empty-key"}
)
"""An account with nothing in it, so that no answer shows its number."""
NEXT = MAIN.model_copy(
    update={"access_key_id": "next-id", "access_key_secret": SecretStr("canary-next-key")}
)
"""Another key of the same account."""
MODEL: Json = {"modelType": "llm", "provider": "tongyi", "providerSettings": {}}
"""What makes a model service, its name aside."""
OUTSIDER = "outsider"
"""Stands in the ledger for whoever works on the account beside us."""

_KEY_HEADER, _SECRET_HEADER = "x-soak-key", "x-soak-secret"


def keys_of(account: Account) -> dict[str, str]:
    """Return the data of a Secret with an account's keys."""
    return {
        "accessKeyId": account.access_key_id,
        "accessKeySecret": account.access_key_secret.get_secret_value(),
    }


def _answers(chance: Chance) -> Switches:
    """Answer every open question of the API on its own: a client has to be right under each."""
    drawn = {}
    for name, question in Switches.model_fields.items():
        is_word = get_origin(question.annotation) is Literal
        answers = get_args(question.annotation) if is_word else (False, True)
        drawn[name] = chance.choice(f"switch {name}", answers)
    return Switches(**drawn)


class _KeyCheck:
    """Stands for the verification of signatures: same keys, same refusals, no cryptography."""

    def __init__(self) -> None:
        self.accounts = [MAIN, NEXT, OTHER, FOREIGN, EMPTY]
        """The keys in force."""

    def verify(self, request: SignedRequest, _now: datetime) -> Account:
        key, secret = request.headers[_KEY_HEADER], request.headers[_SECRET_HEADER]
        for account in self.accounts:
            if account.access_key_id == key:
                if account.access_key_secret.get_secret_value() == secret:
                    return account
                raise GatewayError(400, "SignatureDoesNotMatch", "The signature does not match.")
        raise GatewayError(404, "InvalidAccessKeyId.NotFound", "The access key is not found.")


class Watcher(Protocol):
    """Sees the requests of one process; runs in the context of the pass that sent them."""

    def sending(self, call: Call) -> None:
        """A call leaves the engine."""

    def before_write(self, call: Call, exchange: Exchange) -> None:
        """A write has arrived and is about to be applied."""

    def answered(self, call: Call, exchange: Exchange, status: int | None) -> None:
        """A request was answered, or its connection dropped (None)."""


@dataclass(eq=False, slots=True)
class Owner:
    """Who made a record."""

    uid: str
    """Of the Kubernetes object whose pass sent the POST; OUTSIDER otherwise."""
    made_at: float


class SimulatedCloud:
    """All accounts. `sender` tells for whom a call is made at the moment of its sending."""

    def __init__(
        self, now: Callable[[], datetime], time: Callable[[], float], chance: Chance, seed: int
    ) -> None:
        self._now = now
        self._time = time
        self.skew = timedelta(seconds=chance.between("cloud skew", -3, 3))
        settings = Settings(
            accounts=(MAIN, NEXT, OTHER, EMPTY),
            transition_seconds=chance.choice("transition", (0.5, 3.0, 12.0)),
            seed=seed,
            switches=_answers(chance),
            max_log_entries=1,
        )
        self.simulator = Simulator(settings, self)
        self.core: Cloud = self.simulator._cloud
        self._keys = _KeyCheck()
        self.core._verifier = self._keys  # type: ignore[assignment]
        self.ledger: dict[Record, Owner] = {}
        self.list_lag_seconds = chance.choice("list lag", (0.0, 0.0, 0.0, 3.0))
        """How long a LIST may not show what was just made."""
        if chance.happens("names repeat", 0.4):
            self._let_names_repeat()
        self.posted: dict[Name, str] = {}
        """Uid of the last POST for a name."""
        self._posts: dict[int, dict[Name, str]] = {}
        """By `id` of a request: what it adds to `posted` where it is carried out late."""
        self.late = 0
        self._delayed: list[Exchange] = []
        self._lands_at: list[float] = []
        """When what arrived late was carried out, or will be."""
        self._touched_at = float("-inf")

    def now(self) -> datetime:
        """Tell the cloud's own time."""
        return self._now() + self.skew

    def _let_names_repeat(self) -> None:
        """Accept a second runtime or endpoint of one name: the API promises no such check."""
        engine: Any = self.core.engine
        is_taken = engine._is_taken

        def unless_keyed_by_id(tenant: Tenant, family: Family, *place: Any) -> bool:
            is_keyed_by_id = family.name.startswith("AgentRuntime")
            return not is_keyed_by_id and is_taken(tenant, family, *place)

        engine._is_taken = unless_keyed_by_id

    def furnish(self) -> None:
        """Make what objects and accounts name and nobody here manages."""
        bodies = [{**MODEL, "modelServiceName": FAR}, *({"name": name} for name in WORKSPACES)]
        for account, body in product((MAIN, OTHER), bodies):
            rest = rest_of("Workspace" if "name" in body else "ModelService")
            self.outsider(f"{API}{rest.collection}", body, f"Create{rest.noun}", account=account)

    # ------------------------------------------------ for the operator

    def connect(
        self,
        wire: Wire,
        connection: AccountConnection,
        acquire: Callable[[], Any],
        watch: Watcher,
    ) -> AgentRunClient:
        """Return a client of an account; every call is shown to `watch`."""
        account_id = connection.identity.account_id
        source = StaticKeys(keys_from_secret(connection.keys or {}, where=connection.origin))

        def answer(keys: Keys, call: Call) -> Answer | Later:
            headers = {_KEY_HEADER: keys.access_key_id, _SECRET_HEADER: keys.access_key_secret}
            if call == GET_CALLER_IDENTITY:
                headers |= {"x-acs-action": call.action, "x-acs-version": STS_VERSION}
            return self.answer(call, headers, watch)

        async def ask(keys: Keys) -> str:
            service = SimulatedTransport(wire, unlimited, StaticKeys(keys), answer, watch.sending)
            return await owner_of_keys(service, "the token service")

        owned = None
        if connection.identity_check.is_on:
            owned = OwnedKeys(source, account_id=account_id, origin=connection.origin, ask=ask)
        transport: Any = SimulatedTransport(wire, acquire, owned or source, answer, watch.sending)
        return AgentRunClient(transport, account_id=account_id, keys=owned)

    def answer(
        self, call: Call, headers: Mapping[str, str], watch: Watcher | None
    ) -> Answer | Later:
        """Answer one request."""
        path, _, query = call.target.partition("?")
        exchange = self.core.begin(
            SignedRequest(call.method, path, query, dict(headers), call.content() or b"")
        )
        # What a sender may do is judged when its request arrives: it cannot know how long the
        # cloud will sit upon it, nor what changes meanwhile.
        if watch is not None and call.is_write and exchange.refusal is None:
            watch.before_write(call, exchange)
        self._posts[id(exchange)] = {
            n: self.posted[n] for n in names_of(exchange) if n in self.posted
        }
        if not exchange.delay_seconds:
            return self._finish(call, exchange, watch)
        self._delayed.append(exchange)

        def finish() -> Answer:
            self._delayed.remove(exchange)
            self.posted |= self._posts[id(exchange)]
            return self._finish(call, exchange, watch)

        return Later(exchange.delay_seconds, finish)

    @property
    def is_busy(self) -> bool:
        """Whether a request that has arrived, answered or not, is still to be carried out."""
        return bool(self._delayed or self.core._late)

    def _finish(self, call: Call, exchange: Exchange, watch: Watcher | None) -> Answer:
        fault = exchange.fault
        if fault is not None and fault.effect == "drop-late":
            self.late += 1
            self._lands_at.append(self._time() + (fault.seconds or 0.0))
            posts = self._posts[id(exchange)]
            asyncio.get_running_loop().call_later(fault.seconds or 0.0, self._land, posts)
        reply = self.core.finish(exchange)
        if call.is_write or self.late:
            self.take_stock()
        if watch is not None:
            watch.answered(call, exchange, reply.status)
        if reply.status is None:
            if fault is not None and fault.effect == "drop-before":
                raise httpx.ConnectError("dropped")
            raise httpx.ReadError("dropped")
        body = reply.body
        if self.list_lag_seconds and call.action.startswith("List") and reply.status == 200:
            body = self._without_the_newest(exchange, body)
        return Answer(reply.status, httpx.Headers(reply.headers), body)

    def _without_the_newest(self, exchange: Exchange, body: bytes) -> bytes:
        """Leave out of a LIST what is too new for it."""
        if exchange.route is None or not body.startswith(b"{"):
            return body
        family = exchange.route.family
        edge = self._time() - self.list_lag_seconds
        hidden = {
            r.key for r, owner in self.ledger.items() if r.family is family and owner.made_at > edge
        }
        document = json.loads(body)
        data = document.get("data") or {}
        items = data.get(family.paging.items) or []
        shown = [item for item in items if item.get(family.key_field) not in hidden]
        if len(shown) == len(items):
            return body
        data[family.paging.items] = shown
        if "total" in data:
            data["total"] = type(data["total"])(int(data["total"]) - len(items) + len(shown))
        return json.dumps(document).encode()

    def _land(self, posts: Mapping[Name, str]) -> None:
        """Enter what a late request has made: another one of its name may have come since."""
        self.posted |= posts
        self.take_stock()

    # ------------------------------------------------ for the harness

    def take_stock(self) -> None:
        """Enter what is new into the ledger, and strike out what is gone."""
        living: set[int] = set()
        for tenant in self.tenants():
            for family in list(tenant.families()):
                for record in tenant.records(family):
                    living.add(id(record))
                    if record not in self.ledger:
                        # Of two creates of one name that came late only the marks tell.
                        names = (*tags_of(record.data), record.name, record.key)
                        places = [(tenant.account_id, family, n) for n in names]
                        uid = next((self.posted[p] for p in places if p in self.posted), OUTSIDER)
                        self.ledger[record] = Owner(uid, self._time())
        for record in [r for r in self.ledger if id(r) not in living]:
            del self.ledger[record]

    def tenants(self) -> list[Tenant]:
        """Return all tenants, everything due having happened."""
        return [self.core.tenant(account.account_id, REGION) for account in (MAIN, OTHER)]

    def tenant(self, account: str = MAIN.account_id) -> Tenant:
        """Return one tenant, everything due having happened."""
        return self.core.tenant(account, REGION)

    def resource_of(self, slot: Slot, raw: Json, status: Json) -> Record | None:
        """Return the resource that an object's status speaks of, or that has its name."""
        account = (status.get("account") or {}).get("accountId") or MAIN.account_id
        wanted = status.get("externalId") or (raw.get("status") or {}).get("externalId")
        found = [r for r in self.tenant(account).records(slot.family) if wanted in _ids(r)]
        # Below another parent there may be one of the same id.
        told = [r for r in found if r.parent == status.get("parentId")]
        return next(iter((*told, *found)), None)

    def at(self, exchange: Exchange) -> Record | None:
        """Return the resource that a request's path leads to."""
        assert exchange.route is not None
        family, keys = exchange.route.family, exchange.keys
        parent = keys[0] if family.parent is not None and keys else None
        tenant = self.tenant(exchange.entry.account)
        return tenant.get(family.name, keys[-1], parent) if keys else None

    def late_owners(self) -> set[str]:
        """Return the uids whose creates are still on their way."""
        late = [*self._delayed, *(exchange for _, exchange in self.core._late)]
        return {uid for exchange in late for uid in self._posts[id(exchange)].values()}

    def inherit(self, old: Json, new_uid: str) -> None:
        """Give what one object made to another: its status was restored there.

        What was made after the backup is on no record: only a mark tells whose it is, or an id
        that was made of the uid. What a lost answer made is known by its content alone.
        """
        self.take_stock()
        old_uid, status = old["metadata"]["uid"], old["status"]
        told = status.get("externalId")
        said = old["spec"].get("description")
        for record, owner in self.ledger.items():
            is_open = bool(status.get("creation")) and record.data.get("description") == said
            is_told = (told is not None and told in _ids(record)) or old_uid in record.key
            if owner.uid == old_uid and (is_open or is_told or record.data.get("systemTags")):
                owner.uid = new_uid
        for posts in (self.posted, *self._posts.values()):
            posts |= {place: new_uid for place, uid in posts.items() if uid == old_uid}

    def withdraw(self, account: Account) -> None:
        """Disable a key."""
        if account in self._keys.accounts:
            self._keys.accounts.remove(account)

    def touch(self) -> None:
        """Note that somebody else changed something."""
        self._touched_at = self._time()

    @property
    def was_touched(self) -> bool:
        """Whether something changed in the last moments that no pass could foresee.

        Somebody else changed it, or a write whose answer was lost was carried out at last.
        """
        moments = (self._touched_at, *self._lands_at)
        return any(0 <= self._time() - moment < TOUCH_SECONDS for moment in moments)

    def outsider(
        self, path: str, body: Mapping[str, Any], action: str, *, account: Account = MAIN
    ) -> int:
        """Make a resource as somebody else with the same account; returns the HTTP status."""
        held, self.core.faults._rules = self.core.faults._rules, []
        headers = {
            _KEY_HEADER: account.access_key_id,
            _SECRET_HEADER: account.access_key_secret.get_secret_value(),
        }
        self.take_stock()
        posted, self.posted = self.posted, {}
        answer = self.answer(Call(action, "POST", path, body=body), headers, None)
        self.core.faults._rules, self.posted = held, posted
        assert isinstance(answer, Answer)
        return answer.status


def _ids(record: Record) -> set[str]:
    """Return what a status may have on record of a resource."""
    shown = {**record.data, "createdAt": wire_timestamp(record.created)}
    return {record.key, *(rest.external_id_of(shown) for rest in _RESTS)} - {""}
