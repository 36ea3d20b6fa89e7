"""What the client of an account costs on real sockets: memory, and connections that stay open.

The lab's cloud needs no network, so this is measured beside it: real clients, and a simulator in a
process of its own. TLS, which every connection to the real cloud has beside that, is not in it.
"""

import asyncio
import gc
import tracemalloc
from typing import Any

import psutil

from agentrun_operator.api.client import AgentRunClient
from agentrun_operator.api.cloud import AgentRunCloud
from agentrun_operator.api.transport import KEEPALIVE_SECONDS
from agentrun_operator.core.identity import AccountIdentity, ObjectKey
from agentrun_operator.reconcile.ports import AccountConnection
from agentrun_simulator.settings import DEMO_ACCOUNT
from bench.bench_simulator import running
from fakes.cloud import keys_of

CLIENTS = 100
"""As many sockets as these open at once fit into the usual limit of a process."""
IDLE_SECONDS = KEEPALIVE_SECONDS + 2
"""After this no connection is used again."""


def measure(calls_at_once: int) -> dict[str, Any]:
    """Return the figures of one client that makes so many calls at once, then none, then one."""
    with running() as server:
        return asyncio.run(_measure(server.port, calls_at_once))


async def _measure(port: int, calls_at_once: int) -> dict[str, Any]:
    cloud = AgentRunCloud(environ={}, allow_list=("http://127.0.0.1:*",))
    # What the first one loads serves all others.
    first = _client(cloud, port, 0)
    await first.verify()
    await first.aclose()
    gc.collect()
    tracemalloc.start()
    clients = [_client(cloud, port, number) for number in range(CLIENTS)]
    figures: dict[str, Any] = {"client_kib": _kib()}
    for client in clients:
        await asyncio.gather(*(client.verify() for _ in range(calls_at_once)))
    figures["connected_client_kib"] = _kib()
    tracemalloc.stop()
    figures[f"sockets_after_{calls_at_once}_calls_at_once"] = _sockets(port)
    await asyncio.sleep(IDLE_SECONDS)
    figures[f"sockets_{IDLE_SECONDS:.0f}_seconds_later"] = _sockets(port)
    for client in clients:
        await client.verify()
    figures["sockets_after_one_more_call"] = _sockets(port)
    for client in clients:
        await client.aclose()
    return figures


def _client(cloud: AgentRunCloud, port: int, number: int) -> AgentRunClient:
    identity = AccountIdentity(DEMO_ACCOUNT.account_id, "cn-hangzhou")
    source = ObjectKey("Account", f"tenant-{number}", "default")
    keys, endpoint = keys_of(DEMO_ACCOUNT), f"http://127.0.0.1:{port}"
    return cloud.connect(AccountConnection(identity, endpoint, keys, 20.0, source=source))


def _kib() -> float:
    gc.collect()
    return round(tracemalloc.get_traced_memory()[0] / 1024 / CLIENTS, 1)


def _sockets(port: int) -> float:
    """Return how many connections to the simulator a client holds."""
    ours = psutil.Process().net_connections("tcp")
    return round(sum(bool(each.raddr) and each.raddr.port == port for each in ours) / CLIENTS, 2)
