"""What each kind costs: so many objects of every kind, in one process and one account.

Each object says all that the example of its kind says (`tests/kinds`), names of its own aside. What
they refer to stands there before, one object each, and its creation does not count.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import psutil

from agentrun_operator.core.dependencies import dependencies
from agentrun_operator.core.identity import ACCOUNT_KINDS, CLUSTER_ACCOUNT, ObjectKey
from agentrun_operator.core.settings import Settings
from agentrun_operator.kinds import catalogue
from bench.fleet import BUDGET_PER_SECOND, Fleet
from bench.held import held
from fakes.cloud import MAIN, keys_of
from fakes.examples import CONFIG_MAPS, FULL, OUTBOUND_TOOL, SECRETS, used_first
from fakes.lab import account_spec
from fakes.rests import rest_of

OBJECTS = 100
QUIET_MINUTES = 10
SETTLE_SECONDS = 120.0
NAMESPACE = "team-a"
IDENTITY = "GetCallerIdentity"
_KEYS = "account-keys"
_ACCOUNT = account_spec(_KEYS, requestsPerSecond=BUDGET_PER_SECOND)
SPECS: Mapping[str, Mapping[str, Any]] = {
    "Account": _ACCOUNT,
    CLUSTER_ACCOUNT: {**_ACCOUNT, "allowedNamespaces": {"names": ["team-b"]}},
    **FULL,
}
_OUTBOUND = {
    "purpose": "OutboundTool",
    "apiKey": {
        "headerName": "X-Key",
        "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api"}},
    },
}


class AllKinds(Fleet):
    """As many objects of each kind, beside one of each that they refer to."""

    def __init__(self, each: int) -> None:
        super().__init__(each * len(SPECS))
        self.each = each
        self.base = [ObjectKey("Account", NAMESPACE, "default")]
        """The account, and what full specs refer to."""
        self.writes: Counter[str] = Counter()
        """Of the operator to objects of a kind."""

    async def open(self) -> None:
        """Bring the account, and what full specs refer to, to Ready.

        Raises:
            RuntimeError: something did not become Ready.
        """
        await super().open()
        cluster = self.lab.cluster
        for name, secret in SECRETS.items():
            cluster.put_secret(name, secret)
        for name, data in CONFIG_MAPS.items():
            cluster.put_config_map(name, data)
        for space in (NAMESPACE, Settings().operator_namespace):
            cluster.put_secret(_KEYS, keys_of(MAIN), namespace=space)
        for kind, name in _referred_to():
            spec = _OUTBOUND if name == OUTBOUND_TOOL else FULL[kind]
            self.base.append(cluster.apply(kind, name, spec))
            await self.until_ready(self.base)
            if kind == "AgentRuntime":
                # Its endpoints serve a version by number.
                await self.lab.publish_by_hand(self.base[-1])
        cluster.server.listeners.append(self._note)
        self.lab.calls.take()

    def apply_of(self, kinds: Iterable[str]) -> None:
        """Create all objects of some kinds at once."""
        for kind in kinds:
            space = "" if kind == CLUSTER_ACCOUNT else NAMESPACE
            for name in (f"it-{n}" for n in range(self.each)):
                spec = _own_names(SPECS[kind], name)
                self.keys.append(self.lab.cluster.apply(kind, name, spec, namespace=space))

    def of_kind(self, kind: str) -> list[ObjectKey]:
        """Return the objects of a kind."""
        return [key for key in self.keys if key.kind == kind]

    def asked(self) -> Counter[str]:
        """Return the calls to the cloud since last time, by kind; whose keys it is, by itself."""
        found: Counter[str] = Counter()
        for action, count in Counter(self.lab.calls.take()).items():
            kind = IDENTITY if action == IDENTITY else kind_of(action)
            found[kind] += count
        del found[""]
        return found

    def _note(self, event: str, key: ObjectKey, _raw: object) -> None:
        if event == "MODIFIED":
            self.writes[key.kind] += 1


def kind_of(action: str) -> str:
    """Return whose operation it is, empty for none; the longest noun tells an endpoint's."""
    nouns = {noun: kind for kind in FULL for noun in (rest_of(kind).noun, rest_of(kind).nouns)}
    return nouns.get(max((noun for noun in nouns if noun in action), key=len, default=""), "")


async def measure(each: int) -> dict[str, Any]:
    """Return the figures of so many objects of each kind, together and by kind.

    Raises:
        RuntimeError: something did not become Ready.
    """
    fleet = AllKinds(each)
    await fleet.open()
    figures = await counts(fleet)
    figures["all_kinds"] |= await _memory(fleet, figures["kinds"])
    return figures


async def counts(fleet: AllKinds) -> dict[str, dict[str, Any]]:
    """Return what can be counted: calls, writes and passes, beside the time of the processor."""
    kinds: dict[str, dict[str, Any]] = {kind: {} for kind in SPECS}
    total: dict[str, Any] = {"kinds": len(SPECS), "objects": fleet.objects}
    total |= await _to_ready(fleet, kinds)
    total |= await _at_rest(fleet, kinds)
    total |= await _restart(fleet)
    return {"all_kinds": total, "kinds": kinds}


async def _to_ready(fleet: AllKinds, kinds: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Bring each kind of account by itself, whose calls name no kind, then all others at once."""
    fleet.passes, begun, calls = 0, time.process_time(), 0
    for some in (*((kind,) for kind in ACCOUNT_KINDS), tuple(FULL)):
        fleet.writes.clear()
        fleet.apply_of(some)
        await fleet.until_ready()
        asked = fleet.asked()
        calls += asked.total()
        for kind in some:
            # A LIST of runtimes proves that the keys of an account may read.
            own = asked[kind] if kind in FULL else asked[IDENTITY] + asked["AgentRuntime"]
            kinds[kind]["ready_calls_per_object"] = round(own / fleet.each, 2)
            writes = fleet.writes[kind] / fleet.each
            kinds[kind]["ready_kubernetes_writes_per_object"] = round(writes, 2)
    spent = time.process_time() - begun
    return {
        "ready_calls_per_object": round(calls / fleet.objects, 2),
        "ready_passes_per_object": round(fleet.passes / fleet.objects, 2),
        "ready_cpu_ms_per_object": round(spent / fleet.objects * 1000, 2),
    }


async def _at_rest(fleet: AllKinds, kinds: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    await fleet.elapse(SETTLE_SECONDS)
    fleet.asked()
    fleet.writes.clear()
    fleet.lab.simulator.clear_requests()
    begun = time.process_time()
    await fleet.elapse(60.0 * QUIET_MINUTES)
    spent, asked = time.process_time() - begun, fleet.asked()
    for kind, figures in kinds.items():
        figures["rest_calls_per_minute"] = round(asked[kind] / QUIET_MINUTES, 1)
    return {
        "rest_calls_per_minute": round(asked.total() / QUIET_MINUTES, 1),
        "rest_cloud_writes": len(fleet.lab.cloud_writes()),
        "rest_kubernetes_writes": fleet.writes.total(),
        "rest_cpu_percent": round(spent / (60.0 * QUIET_MINUTES) * 100, 2),
    }


async def _restart(fleet: AllKinds) -> dict[str, Any]:
    """Count until each object had its pass."""
    fleet.writes.clear()
    fleet.lab.simulator.clear_requests()
    begun = time.process_time()
    fleet.lab.restart()
    await fleet.serve()
    spent, asked = time.process_time() - begun, fleet.asked()
    return {
        "restart_calls_per_object": round(asked.total() / fleet.objects, 3),
        "restart_identity_calls": asked[IDENTITY],
        "restart_cloud_writes": len(fleet.lab.cloud_writes()),
        "restart_kubernetes_writes": fleet.writes.total(),
        "restart_cpu_seconds": round(spent, 2),
    }


async def _memory(fleet: AllKinds, kinds: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Count what an engine holds of each kind, and of all."""
    resident = psutil.Process().memory_info().rss
    base = await held(fleet, fleet.base)
    for kind, figures in kinds.items():
        own = await held(fleet, [*fleet.base, *fleet.of_kind(kind)]) - base
        figures["engine_kib_per_object"] = round(own / 1024 / fleet.each, 1)
    whole = await held(fleet, [*fleet.base, *fleet.keys]) - base
    return {
        "engine_kib_per_object": round(whole / 1024 / fleet.objects, 1),
        "engine_mib": round(whole / 2**20, 1),
        "rss_mib_with_cloud_and_cluster": round(resident / 2**20),
    }


def _referred_to() -> Iterator[tuple[str, str]]:
    """Yield kind and name of what full specs refer to, in the order in which it can be made."""
    declared, order = catalogue(), used_first()
    needs = {
        (need.kind, need.name)
        for kind in FULL
        for need in dependencies(declared[kind], FULL[kind])
        if need.kind in FULL
    }
    yield from sorted(needs, key=lambda need: (order.index(need[0]), need[1]))


def _own_names(spec: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a spec of which there may be many."""
    own = {field: value for field, value in spec.items() if field != "externalName"}
    return own | (
        {"writeConnectionTo": {"configMap": {"name": name}}} if "writeConnectionTo" in own else {}
    )
