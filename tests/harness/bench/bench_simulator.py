"""How fast one simulator process is: `python tests/harness/bench/bench_simulator.py [--check]`.

The server runs in a process of its own; requests are signed beforehand. Rates are given per second
of wall time, and per second that the server's process was busy: the second is what one core
carries, whatever else runs on the machine.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "operator"))

from agentrun_simulator.settings import DEMO_ACCOUNT
from agentrun_simulator.signature import (
    ALGORITHM,
    SignedRequest,
    canonical_request,
    string_to_sign,
)

OBJECTS = 10_000
GETS = 5_000
LISTS = 100
CONNECTIONS = 8
LIMITS = {
    "gets_per_core_second": (1_000, "at least"),
    "creates_per_core_second": (500, "at least"),
    "memory_mib": (200, "at most"),
    "list_page_ms": (10, "at most"),
}
RUNTIME = {
    "artifactType": "Container",
    "containerConfiguration": {"image": "registry.example/ns/app:v1"},
    "cpu": 2,
    "memory": 2048,
    "port": 9000,
    "networkConfiguration": {"networkMode": "PUBLIC"},
    "environmentVariables": {"GREETING": "hello"},
}


@dataclass(frozen=True)
class Result:
    """What was measured."""

    creates_per_second: float
    creates_per_core_second: float
    gets_per_second: float
    gets_per_core_second: float
    list_page_ms: float
    """Median time of one page of 100 out of all objects, busy time of the server."""
    list_page_wall_ms: float
    memory_mib: float
    """Resident size of the process with all objects, the log of their requests included."""
    objects: int = OBJECTS


def signed(method: str, path: str, action: str, query: str = "", body: bytes = b"") -> bytes:
    """Return a whole HTTP request, signed with the demo account's key."""
    headers = {
        "host": "127.0.0.1",
        "x-acs-action": action,
        "x-acs-version": "2025-09-10",
        "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": uuid4().hex,
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
    }
    if body:
        headers["content-type"] = "application/json"
    names = tuple(sorted(headers))
    text = string_to_sign(
        canonical_request(SignedRequest(method, path, query, headers, body), path, names)
    )
    secret = DEMO_ACCOUNT.access_key_secret.get_secret_value()
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (
        f"{ALGORITHM} Credential={DEMO_ACCOUNT.access_key_id},"
        f"SignedHeaders={';'.join(names)},Signature={signature}"
    )
    if body:
        headers["content-length"] = str(len(body))
    target = f"{path}?{query}" if query else path
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def _one_by_one(port: int, requests: list[bytes]) -> list[bytes]:
    """Send requests over one connection; returns the bodies of their answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    bodies = []
    for request in requests:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        bodies.append(await reader.readexactly(length))
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"refused: {bodies[-1].decode()[:300]}")
    writer.close()
    await writer.wait_closed()
    return bodies


class Server:
    """A simulator process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.port = int(process.stdout.readline().rsplit(":", 1)[1])
        self._process = psutil.Process(process.pid)

    def measured(
        self, requests: list[bytes], connections: int = CONNECTIONS
    ) -> tuple[float, float, list[bytes]]:
        """Send requests; returns wall seconds, the server's busy seconds, and the bodies."""

        async def send() -> list[list[bytes]]:
            shares = (requests[start::connections] for start in range(connections))
            return await asyncio.gather(*(_one_by_one(self.port, share) for share in shares))

        busy, began = self._busy(), time.perf_counter()
        bodies = [body for share in asyncio.run(send()) for body in share]
        return time.perf_counter() - began, self._busy() - busy, bodies

    @property
    def memory_mib(self) -> float:
        """Resident size."""
        resident: int = self._process.memory_info().rss
        return resident / 1024**2

    def _busy(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def running() -> Iterator[Server]:
    """Run a simulator on a free port."""
    command = [sys.executable, "-m", "agentrun_simulator", "--transition-seconds", "1"]
    source = str(Path(__file__).resolve().parents[3] / "operator")
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": source}
    ) as process:
        try:
            yield Server(process)
        finally:
            process.terminate()


def measure() -> Result:
    """Create all objects, read some, list them, and look at the process."""
    path = "/2025-09-10/agents/runtimes"
    with running() as server:
        creates = [
            signed("POST", path, "CreateAgentRuntime", body=_runtime(f"runtime-{number}"))
            for number in range(OBJECTS)
        ]
        create_wall, create_busy, bodies = server.measured(creates)
        keys = [json.loads(body)["data"]["agentRuntimeId"] for body in bodies]
        gets = [signed("GET", f"{path}/{key}", "GetAgentRuntime") for key in keys[:GETS]]
        get_wall, get_busy, _ = server.measured(gets)
        query = "pageNumber={}&pageSize=100"
        lists = [
            signed("GET", path, "ListAgentRuntimes", query.format(number + 1))
            for number in range(LISTS)
        ]
        list_walls = [server.measured([request], connections=1)[0] for request in lists[::2]]
        _, list_busy, pages = server.measured(lists[1::2], connections=1)
        assert all(len(json.loads(page)["data"]["items"]) == 100 for page in pages)
        return Result(
            creates_per_second=OBJECTS / create_wall,
            creates_per_core_second=OBJECTS / create_busy,
            gets_per_second=GETS / get_wall,
            gets_per_core_second=GETS / get_busy,
            list_page_ms=list_busy / len(lists[1::2]) * 1000,
            list_page_wall_ms=statistics.median(list_walls) * 1000,
            memory_mib=server.memory_mib,
        )


def _runtime(name: str) -> bytes:
    return json.dumps(RUNTIME | {"agentRuntimeName": name}).encode()


def missed(result: Result) -> list[str]:
    """Return one line for every limit that was not kept."""
    found = asdict(result)
    return [
        f"{name} is {found[name]:.1f}, wanted {word} {limit}"
        for name, (limit, word) in LIMITS.items()
        if (found[name] < limit) == (word == "at least") and found[name] != limit
    ]


def main() -> int:
    """Measure and print; with --check, 1 when a limit was not kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--check", action="store_true", help="fail when a limit is not kept")
    options = parser.parse_args()
    result = measure()
    if options.json:
        rounded = {name: round(value, 2) for name, value in asdict(result).items()}
        sys.stdout.write(f"{json.dumps(rounded)}\n")
    else:
        lines = [f"{name:28}{value:12,.1f}\n" for name, value in asdict(result).items()]
        sys.stdout.writelines(lines)
    problems = missed(result)
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return int(options.check and bool(problems))


if __name__ == "__main__":
    sys.exit(main())
