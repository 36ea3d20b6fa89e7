"""What an account costs: the same objects in as many accounts as there are teams, and in one.

Each account is one of its own in the cloud, with its own namespace and its own Secret of keys. All
are in one process, on virtual time; the first fleet stays while the second one is measured.
"""

import asyncio
import gc
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import psutil
from pydantic import SecretStr

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.settings import Account
from bench import clients
from bench.fleet import AVAILABLE, BUDGET_PER_SECOND, KINDS, WRITES, Fleet
from bench.held import held
from fakes.cloud import keys_of
from fakes.lab import account_spec

MANY = 300
EACH = len(KINDS)
"""Objects of an account: one of each kind."""
QUIET_MINUTES = 10
SETTLE_SECONDS = 120.0


class Teams(Fleet):
    """A fleet in equal shares among namespaces, each with an account of its own."""

    def __init__(self, accounts: int, objects: int) -> None:
        super().__init__(objects)
        self.accounts: list[ObjectKey] = []
        self.owners = [_account(number) for number in range(accounts)]
        self.lab.simulator.configure({"accounts": self.owners})

    async def open(self) -> None:
        """Bring all accounts to Ready.

        Raises:
            RuntimeError: one did not become Ready.
        """
        for number, owner in enumerate(self.owners):
            space, cluster = _namespace(number), self.lab.cluster
            cluster.put_secret("agentrun-keys", keys_of(owner), namespace=space)
            cluster.put_secret("values", {"token": "t"}, namespace=space)
            spec = account_spec(
                "agentrun-keys", owner.account_id, requestsPerSecond=BUDGET_PER_SECOND
            )
            self.accounts.append(cluster.apply("Account", "default", spec, namespace=space))
        await self.elapse(5)
        if not all(self.lab.ready(key) == AVAILABLE for key in self.accounts):
            raise RuntimeError("an account did not become Ready")

    def apply(self) -> None:
        """Create all objects at once, those of one account one after the other."""
        kinds, share = list(KINDS), self.objects // len(self.owners)
        for n in range(self.objects):
            kind, space = kinds[n % len(kinds)], _namespace(n // share)
            name = f"{kind.lower()}-{n}"
            self.keys.append(self.lab.cluster.apply(kind, name, KINDS[kind], namespace=space))


@dataclass(frozen=True)
class Asked:
    """Calls and writes since the last count."""

    calls: int
    """To the control plane."""
    identity: int
    """To the token service: whose keys are these?"""
    cloud_writes: int
    kubernetes_writes: int

    @classmethod
    def since(cls, fleet: Fleet) -> "Asked":
        """Count, and begin anew."""
        names = Counter(fleet.lab.calls.take())
        identity = names.pop("GetCallerIdentity", 0)
        kubernetes = sum(names.pop(name, 0) for name in WRITES)
        reads = sum(n for name, n in names.items() if name.startswith(("Get", "List")))
        return cls(names.total(), identity, names.total() - reads, kubernetes)


def measure_all(accounts: int) -> dict[str, Any]:
    """Return the figures of many accounts and of one, and what an account more costs."""
    return asyncio.run(measure(accounts)) | {"client": clients.measure(EACH)}


async def measure(accounts: int) -> dict[str, Any]:
    """Return the figures of a fleet in so many accounts, in one, and the difference.

    Raises:
        RuntimeError: a fleet did not become Ready.
    """
    # What the first fleet of a process loads serves all others.
    await _made(Teams(1, EACH))
    one, many = Teams(1, accounts * EACH), Teams(accounts, accounts * EACH)
    in_one, in_many = await _made(one), await _made(many)
    in_one |= await _kept(one)
    in_many |= await _kept(many)
    return {
        "many_accounts": in_many,
        "one_account": in_one,
        "an_account_more": {
            name: round((in_many[name] - in_one[name]) / max(1, accounts - 1), 1)
            for name in ("engine_kib", "resident_kib")
        },
    }


async def _made(fleet: Teams) -> dict[str, Any]:
    """Bring a fleet to Ready."""
    resident = _resident()
    figures: dict[str, Any] = {"accounts": len(fleet.owners), "objects": fleet.objects}
    figures |= await _opened(fleet)
    figures |= await _to_ready(fleet)
    figures["resident_kib"] = _kib(_resident() - resident)
    return figures


async def _kept(fleet: Teams) -> dict[str, Any]:
    """Leave a fleet alone, and start the operator anew."""
    figures = await _at_rest(fleet) | await _restart(fleet)
    whole = await held(fleet, [*fleet.accounts, *fleet.keys])
    accounts = await held(fleet, fleet.accounts)
    return figures | {
        "engine_kib": _kib(whole),
        "engine_kib_per_account_without_objects": _kib(accounts / len(fleet.accounts)),
        "engine_kib_per_object": _kib((whole - accounts) / fleet.objects),
    }


async def _opened(fleet: Teams) -> dict[str, Any]:
    """Count what accounts cost by themselves."""
    await fleet.open()
    made = Asked.since(fleet)
    await fleet.elapse(SETTLE_SECONDS)
    Asked.since(fleet)
    await fleet.elapse(60.0 * QUIET_MINUTES)
    alone = Asked.since(fleet)
    count = len(fleet.accounts)
    return {
        "account_calls": round(made.calls / count, 2),
        "account_identity_calls": round(made.identity / count, 2),
        "account_kubernetes_writes": round(made.kubernetes_writes / count, 2),
        "account_calls_per_minute_without_objects": round(
            (alone.calls + alone.identity) / count / QUIET_MINUTES, 2
        ),
    }


async def _to_ready(fleet: Teams) -> dict[str, Any]:
    fleet.apply()
    begun = time.process_time()
    await fleet.until_ready()
    spent, asked = time.process_time() - begun, Asked.since(fleet)
    return {
        "ready_calls_per_object": round(asked.calls / fleet.objects, 2),
        "ready_identity_calls": asked.identity,
        "ready_kubernetes_writes_per_object": round(asked.kubernetes_writes / fleet.objects, 2),
        "ready_cpu_ms_per_object": round(spent / fleet.objects * 1000, 2),
        "clients": len(fleet.lab.world.clients.apis()),
    }


async def _at_rest(fleet: Teams) -> dict[str, Any]:
    await fleet.elapse(SETTLE_SECONDS)
    Asked.since(fleet)
    begun = time.process_time()
    await fleet.elapse(60.0 * QUIET_MINUTES)
    spent, asked = time.process_time() - begun, Asked.since(fleet)
    per_minute = asked.calls / QUIET_MINUTES
    return {
        "rest_calls_per_minute": round(per_minute, 1),
        "rest_calls_per_object_and_minute": round(per_minute / fleet.objects, 3),
        "rest_calls_per_account_and_minute": round(per_minute / len(fleet.accounts), 2),
        "rest_identity_calls": asked.identity,
        "rest_cloud_writes": asked.cloud_writes,
        "rest_kubernetes_writes": asked.kubernetes_writes,
        "rest_cpu_percent": round(spent / (60.0 * QUIET_MINUTES) * 100, 2),
    }


async def _restart(fleet: Teams) -> dict[str, Any]:
    """Count until each object had its pass."""
    begun = time.process_time()
    fleet.lab.restart()
    await fleet.serve()
    spent, asked = time.process_time() - begun, Asked.since(fleet)
    unseen = [key for key in fleet.keys if _seen_at(fleet, key) is None]
    if unseen or not fleet.all_ready:
        raise RuntimeError(f"{len(unseen)} objects were not looked at after the restart")
    return {
        "restart_calls_per_object": round(asked.calls / fleet.objects, 3),
        "restart_identity_calls_per_account": round(asked.identity / len(fleet.accounts), 2),
        "restart_cloud_writes": asked.cloud_writes,
        "restart_kubernetes_writes": asked.kubernetes_writes,
        "restart_cpu_seconds": round(spent, 2),
    }


def _seen_at(fleet: Fleet, key: ObjectKey) -> float | None:
    memory = fleet.lab.world.memory.peek(key)
    return None if memory is None else memory.looks.seen_at


def _account(number: int) -> Account:
    """Return an account of the simulated cloud; no two have a key in common."""
    secret = SecretStr(f"secret-of-{number}")
    return Account(
        account_id=str(100_000 + number), access_key_id=f"key-{number}", access_key_secret=secret
    )


def _namespace(number: int) -> str:
    return f"team-{number}"


def _resident() -> int:
    gc.collect()
    resident: int = psutil.Process().memory_info().rss
    return resident


def _kib(size: float) -> float:
    return round(size / 1024, 1)
