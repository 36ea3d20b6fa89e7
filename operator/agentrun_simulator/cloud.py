"""The simulated cloud behind the HTTP surface: checks a request, applies it, builds the answer.

A request passes in two steps, so that a delay between them does not hold up the others: `begin`
routes, authenticates, and looks for a fault; `finish` applies and answers. Both run under `lock`.

Source: control-plane reference, §2, §4 and §10.
"""

import copy
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from threading import RLock
from typing import Any
from urllib.parse import parse_qsl

from agentrun_simulator import callers
from agentrun_simulator.admission import Admission
from agentrun_simulator.body import parsed
from agentrun_simulator.calls import Call, Outcome
from agentrun_simulator.clock import Clock, http_date
from agentrun_simulator.dataplane import DataCall, DataPlane, DataRoute
from agentrun_simulator.engine import Engine
from agentrun_simulator.errors import ServiceError, bad_request
from agentrun_simulator.exchange import Exchange
from agentrun_simulator.families import FAMILIES
from agentrun_simulator.family import Family
from agentrun_simulator.faults import Fault, FaultBook
from agentrun_simulator.identities import Identities
from agentrun_simulator.keyring import KeyRing
from agentrun_simulator.reply import Reply, json_bytes
from agentrun_simulator.requestlog import Entry, RequestLog, masked
from agentrun_simulator.routing import Router
from agentrun_simulator.seeding import SeedResource
from agentrun_simulator.settings import Settings
from agentrun_simulator.signature import SignedRequest, Verifier
from agentrun_simulator.store import Tenant
from agentrun_simulator.tokens import TokenService, parameters

_log = logging.getLogger(__name__)
# The official SDK's double-scheme trick puts a whole URL into Host (§3).
_REGION_IN_HOST = re.compile(
    r"(?:https?://)?agentrun(?:-\w+)?\.([a-z0-9-]+)\.aliyuncs\.com(?::\d+)?"
)
_BAD_GATEWAY_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
    b"<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n"
)


class Cloud:
    """All accounts and regions of one simulator."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.lock = RLock()
        self.clock = clock
        self.log = RequestLog(settings.max_log_entries)
        self.faults = FaultBook()
        self.engine = Engine(settings, clock, FAMILIES)
        self._router = Router(self.engine)
        self._tenants: dict[tuple[str, str], Tenant] = {}
        self._late: list[tuple[datetime, Exchange]] = []
        self._keys = KeyRing(settings.accounts)
        self._verifier = self._new_verifier(settings)
        self._admission = Admission(settings)
        self._tokens = TokenService(self._keys)
        self._data = DataPlane(self.engine, self._router, self._keys)

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.engine.settings

    def apply_settings(self, settings: Settings) -> None:
        """Put other settings in force; what is under way keeps its old ones."""
        now = self.settings
        if (settings.accounts, settings.clock_skew_seconds) != (
            now.accounts,
            now.clock_skew_seconds,
        ):
            self._keys.configure(settings.accounts)
            self._verifier = self._new_verifier(settings)
        self._admission = Admission(settings)
        self.engine.settings = settings

    def clear(self) -> None:
        """Forget all resources and everything that was still to happen; begin the ids anew."""
        self._tenants.clear()
        self._late.clear()
        self._keys.withdraw()
        self.engine.identities = Identities(self.settings.seed)

    def tenant(self, account_id: str, region: str) -> Tenant:
        """Return the resources of one account and region, everything due having happened."""
        self._apply_late_writes()
        key = (account_id, region)
        if key not in self._tenants:
            self._tenants[key] = Tenant(account_id, region)
            self.engine.furnish(self._tenants[key])
        self._tenants[key].settle(self.clock.now())
        return self._tenants[key]

    def tenants(self) -> list[Tenant]:
        """Return every account and region in use, everything due having happened."""
        return [self.tenant(*key) for key in sorted(self._tenants)]

    def plant(self, resource: SeedResource) -> None:
        """Create a resource without a request, ready at once.

        Raises:
            ServiceError: the service would refuse it, or its family or parent does not exist.
        """
        route = self._router.creating(resource.family)
        first = self.settings.accounts[0].account_id
        region = resource.region or self.settings.default_region
        tenant = self.tenant(resource.account or first, region)
        call = Call(
            tenant=tenant,
            family=route.family,
            operation=route.operation,
            keys=_parent_keys(tenant, route.family, resource.parent),
            query={},
            body=copy.deepcopy(resource.fields),
            now=self.clock.now(),
            outcome=Outcome(seconds=0.0),
        )
        route.handler(call)
        tenant.settle(call.now)

    def begin(self, request: SignedRequest) -> Exchange:
        """Check a request and note it in the log."""
        now = self.clock.now()
        entry = self.log.open(
            time=now,
            request_id=str(self.engine.identities.new()).upper(),
            method=request.method,
            path=request.raw_path,
            query=request.raw_query,
            body=len(request.body),
        )
        exchange = Exchange(request, entry, now)
        try:
            self._admit(exchange)
        except ServiceError as refusal:
            exchange.refusal = refusal
        except Exception:  # noqa: BLE001 - the outermost frame of a request
            exchange.refusal = self._internal(entry)
        return exchange

    def finish(self, exchange: Exchange) -> Reply:
        """Apply a request, unless it is refused or a fault says otherwise, and answer it."""
        fault = exchange.fault
        if fault is None or exchange.refusal is not None:
            return self._closed(exchange, self._answer(exchange))
        if fault.effect == "drop-late":
            due = exchange.now + timedelta(seconds=fault.seconds or 0.0)
            self._late.append((due, exchange))
        if fault.effect in ("drop-before", "drop-late"):
            return Reply(None, {}, b"")
        if fault.effect in ("error", "html", "empty"):
            if fault.applied:
                self._answer(exchange)
            return self._closed(exchange, self._broken(exchange, fault))
        reply = self._answer(exchange)
        return (
            Reply(None, {}, b"") if fault.effect == "drop-after" else self._closed(exchange, reply)
        )

    def _admit(self, exchange: Exchange) -> None:
        request = exchange.request
        if callers.is_asked(request):
            self._admit_identity_call(exchange)
        elif (asked := parameters(request)) is not None:
            self._admit_token_call(exchange, asked)
        elif (found := self._data.match(request)) is not None:
            self._admit_data_call(exchange, *found)
        else:
            self._admit_operation(exchange)

    def _admit_operation(self, exchange: Exchange) -> None:
        request, entry = exchange.request, exchange.entry
        route, keys = self._router.match(request.method, request.raw_path)
        exchange.route, exchange.keys, entry.action = route, keys, route.operation.action
        account = self.settings.accounts[0]
        if self.settings.verify_signatures:
            account = self._verifier.verify(request, exchange.now)
        entry.account, entry.region = account.account_id, self._region(request)
        self._pass_gateway(exchange, account.access_key_id)
        self._meet_fault(exchange)

    def _admit_data_call(self, exchange: Exchange, route: DataRoute, keys: tuple[str, ...]) -> None:
        request, entry = exchange.request, exchange.entry
        exchange.keys, entry.action = keys, route.action
        entry.account, entry.region, is_signed = self._data.caller(request, exchange.now)
        self._pass_gateway(exchange, "")

        def answer(exchange: Exchange) -> Reply:
            call = DataCall(
                tenant=self.tenant(entry.account, entry.region),
                request=request,
                keys=exchange.keys,
                body=exchange.body,
                now=self.clock.now(),
                is_signed=is_signed,
            )
            reply = self._data.answer(route, call, entry.request_id)
            return replace(reply, headers=self._headers(exchange) | reply.headers)

        exchange.beside = answer
        self._meet_fault(exchange)

    def _admit_identity_call(self, exchange: Exchange) -> None:
        request, entry = exchange.request, exchange.entry
        entry.action = callers.ACTION
        account = self.settings.accounts[0]
        if self.settings.verify_signatures:
            account = self._verifier.verify(request, exchange.now)
        entry.account = account.account_id

        def answer(exchange: Exchange) -> Reply:
            shown = callers.identity_of(account)
            return self._reply(exchange, 200, {"RequestId": entry.request_id, **shown})

        exchange.beside, exchange.body = answer, {}
        self._meet_fault(exchange)

    def _admit_token_call(self, exchange: Exchange, asked: Mapping[str, str]) -> None:
        entry = exchange.entry
        # The parameters hold tokens and signatures, and are no business of the log.
        entry.query, entry.action = "", asked["Action"]

        def answer(exchange: Exchange) -> Reply:
            method, now = exchange.request.method, self.clock.now()
            entry.account, data = self._tokens.answer(asked, method, now, self.engine.identities)
            return self._reply(exchange, 200, {"RequestId": entry.request_id, **data})

        exchange.beside, exchange.body = answer, {}
        self._meet_fault(exchange)

    def _pass_gateway(self, exchange: Exchange, access_key_id: str) -> None:
        entry, request = exchange.entry, exchange.request
        self._admission.check(
            entry.action,
            account=entry.account,
            access_key_id=access_key_id,
            region=entry.region,
            now=exchange.now,
        )
        exchange.latency_seconds = self._admission.latency_seconds(entry.action)
        exchange.body = parsed(request.body)
        entry.body = masked(exchange.body) if request.body else None

    def _meet_fault(self, exchange: Exchange) -> None:
        entry = exchange.entry
        names = exchange.keys
        if exchange.route is not None:
            tenant = self.tenant(entry.account, entry.region)
            names = exchange.names(exchange.route.family, tenant)
        exchange.fault = self.faults.take(entry.action, names, entry.account)
        entry.fault = exchange.fault.effect if exchange.fault else None

    def _new_verifier(self, settings: Settings) -> Verifier:
        return Verifier(self._keys, timedelta(seconds=settings.clock_skew_seconds))

    def _region(self, request: SignedRequest) -> str:
        match = _REGION_IN_HOST.fullmatch(request.headers.get("host", ""))
        return match[1] if match else self.settings.default_region

    def _answer(self, exchange: Exchange) -> Reply:
        if exchange.refusal is not None:
            return self._refused(exchange, exchange.refusal)
        try:
            if exchange.beside is not None:
                return exchange.beside(exchange)
            data = self._applied(exchange)
        except ServiceError as refusal:
            return self._refused(exchange, refusal)
        except Exception:  # noqa: BLE001 - the outermost frame of a request
            return self._refused(exchange, self._internal(exchange.entry))
        return self._reply(exchange, 200 if data is not None else 204, data)

    def _applied(self, exchange: Exchange) -> dict[str, Any] | None:
        entry, route = exchange.entry, exchange.route
        if route is None:
            raise bad_request("no operation")
        call = Call(
            tenant=self._tenant_of(exchange),
            family=route.family,
            operation=route.operation,
            keys=exchange.keys,
            query=dict(parse_qsl(exchange.request.raw_query, errors="replace")),
            body=exchange.body,
            now=self.clock.now(),
            outcome=exchange.fault.outcome if exchange.fault else Outcome(),
        )
        data = route.handler(call)
        if data is None:
            return None
        return {"code": "SUCCESS", "requestId": entry.request_id, "data": data}

    def _tenant_of(self, exchange: Exchange) -> Tenant:
        """Return what a call works on; a read that meets `absent` is served by an empty store."""
        entry, fault = exchange.entry, exchange.fault
        if fault is None or fault.effect != "absent":
            return self.tenant(entry.account, entry.region)
        bare = Tenant(entry.account, entry.region)
        self.engine.furnish(bare)
        return bare

    def _internal(self, entry: Entry) -> ServiceError:
        """Note a bug of ours: the log gets all, the client what a broken service would say."""
        _log.exception("request %s failed", entry.request_id)
        return ServiceError(500, "ERR_INTERNAL_SERVER_ERROR", "internal error")

    def _refused(self, exchange: Exchange, refusal: ServiceError) -> Reply:
        entry = exchange.entry
        host = exchange.request.headers.get("host", "")
        body = refusal.body(request_id=entry.request_id, host=host, action=entry.action)
        return self._reply(exchange, refusal.status, body, refusal.headers)

    def _broken(self, exchange: Exchange, fault: Fault) -> Reply:
        if fault.effect == "error":
            return self._refused(exchange, fault.error)
        headers = {"date": http_date(self.clock.now()), **fault.headers}
        if fault.effect == "empty":
            return Reply(fault.status, headers, b"")
        return Reply(fault.status, {"content-type": "text/html", **headers}, _BAD_GATEWAY_PAGE)

    def _reply(
        self,
        exchange: Exchange,
        status: int,
        document: dict[str, Any] | None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        body = b""
        if document is not None:
            body = json_bytes(document)
        fixed = {"content-type": "application/json"} | self._headers(exchange)
        return Reply(status, fixed | (headers or {}), body)

    def _headers(self, exchange: Exchange) -> dict[str, str]:
        return {
            "x-acs-request-id": exchange.entry.request_id,
            "date": http_date(self.clock.now()),
        }

    def _closed(self, exchange: Exchange, reply: Reply) -> Reply:
        exchange.entry.status = reply.status
        return reply

    def _apply_late_writes(self) -> None:
        now = self.clock.now()
        due = [exchange for moment, exchange in self._late if moment <= now]
        self._late = [(moment, exchange) for moment, exchange in self._late if moment > now]
        for exchange in due:
            self._answer(exchange)


def _parent_keys(tenant: Tenant, family: Family, parent: str) -> tuple[str, ...]:
    """Return the path parameters of a create, its parent given by name or key."""
    if family.parent is None:
        return ()
    found = tenant.named(family.parent, parent)
    return (found.key if found else parent,)
