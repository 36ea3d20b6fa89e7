"""One rig with a contestant and its fleet: creates, edits and deletes it, and counts the cost."""

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from agentrun_operator.environment import described
from bench.real import contestant as contestants
from bench.real.asked import Asked, Call, counted
from bench.real.contestant import Contestant, Thing
from bench.real.player import Operator, Player, Program, setup
from bench.real.seen import Seen
from bench.real.usage import Peak, cpu_seconds
from controlplane.audit import AuditEvent
from rig import Rig, RigError, eventually
from rig.chart import REPOSITORY
from rig.rig import SETTINGS
from soak_real.door import Door, Doors

CLIENTS = 8
"""Who create objects at a time."""
PER_NAMESPACE = 2500
"""Objects at most: half of what the operator serves in one by default."""
AUDIT_SECONDS = 1.0
"""An audit record may follow its answer by a moment."""
MERGE = {"Content-Type": "application/merge-patch+json"}
POLLING = {"steadySeconds": 60, "transitionSeconds": 5}
"""The chart's own pace; the rig's is for impatient tests."""
BOOKKEEPING = ("leases", "events")


@dataclass(frozen=True)
class Options:
    """What is the same for all runs that are compared.

    Attributes:
        families: Of the cloud, in equal shares.
        transition_seconds: How long a create takes in the cloud.
        requests_per_second: What an account allows, for contestants that ask.
        quiet_seconds: Length of the quiet minute.
        fault_percent: Of requests that go wrong in the run with faults.
        edits: Objects that are edited while nobody runs.
        patience_seconds: What takes longer has failed.
        product: Holds the operator; another version's folder will do.
    """

    families: tuple[str, ...]
    transition_seconds: float = 3.0
    requests_per_second: int = 200
    quiet_seconds: float = 60.0
    fault_percent: float = 10.0
    edits: int = 10
    patience_seconds: float = 3600.0
    product: Path = REPOSITORY


@dataclass(frozen=True)
class Mark:
    """Where all counters stood."""

    at: float
    calls: int
    audit: int
    contestant: float
    api_server: float
    etcd: float


@dataclass
class Stage:
    """What a phase works with."""

    options: Options
    contestant: Contestant
    player: Player
    rig: Rig
    asked: Asked
    seen: Seen
    peak: Peak
    http: httpx.Client
    plurals: Mapping[str, str]
    """Family → path of its collection in all namespaces; empty where the contestant takes files."""
    things: Sequence[Thing]
    door: Door | None
    report: Callable[[str], None]
    created: dict[str, float] = field(default_factory=dict)
    """Name → POSIX time just before the request, or the file."""

    @property
    def takes_objects(self) -> bool:
        """Whether there are objects, and so a Ready that is not the cloud's."""
        return self.contestant.takes == "objects"

    # ------------------------------------------------ the fleet

    def create_all(self) -> None:
        """Create the fleet as fast as a few clients can."""
        if not self.takes_objects:
            for thing in self.things:
                self.created[thing.name] = time.time()
                self._program.write(thing, "made")
            return

        def post(thing: Thing) -> None:
            body = contestants.body(self.contestant, thing, "made")
            self.created[thing.name] = time.time()
            self.http.post(self._path(thing, ""), json=body).raise_for_status()

        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(post, self.things))

    def edit(self, thing: Thing, description: str) -> int:
        """Change the description of a member; return its generation, 0 where there is none."""
        if not self.takes_objects:
            self._program.write(thing, description)
            return 0
        body = contestants.body(self.contestant, thing, description)
        changes = {part: body[part] for part in body if part not in _IDENTITY}
        path = self._path(thing, thing.name)
        answer = self.http.patch(path, json=changes, headers=MERGE).raise_for_status()
        generation: int = answer.json()["metadata"]["generation"]
        return generation

    def delete_all(self) -> None:
        """Delete the fleet, collection by collection, users of others first."""
        if not self.takes_objects:
            for thing in self.things:
                self._program.remove(thing)
            return
        for family in reversed(list(self.plurals)):
            for namespace in sorted({thing.namespace for thing in self.things}):
                path = _namespaced(self.plurals[family], namespace)
                self.http.delete(path).raise_for_status()

    def wait(self, holds: Callable[[], object], what: str) -> None:
        """Wait until something holds.

        Raises:
            RigError: it did not in time; the message has the end of the contestant's log.
        """
        try:
            eventually(holds, what, seconds=self.options.patience_seconds)
        except RigError as error:
            tail = (
                self.player.log_tail()
                if isinstance(self.player, Program)
                else self.rig.operator_log_tail()
            )
            raise RigError(error.what, tail) from None

    # ------------------------------------------------ what it costs

    def mark(self) -> Mark:
        """Return where all counters stand, and begin a new peak of memory."""
        self.peak.begin()
        pids = self.rig.plane.process_ids
        pid = self.player.pid
        return Mark(
            at=time.time(),
            calls=self.asked.position(),
            audit=self.rig.plane.audit.position(),
            contestant=cpu_seconds(pid) if pid is not None else 0.0,
            api_server=cpu_seconds(pids["kube-apiserver"]),
            etcd=cpu_seconds(pids["etcd"]),
        )

    def spent(self, since: Mark) -> dict[str, Any]:
        """Return what was asked, written and used since a mark."""
        now = self.mark_time()
        calls = self.asked.calls(since.calls)
        time.sleep(AUDIT_SECONDS)
        writes = self.rig.plane.audit.writes(user=self.player.user, since=since.audit)
        size = len(self.things)
        counts = counted(calls)
        kept = [each for each in writes if each.resource not in BOOKKEEPING]
        return {
            "seconds": round(now["at"] - since.at, 1),
            "calls": counts,
            "calls_per_object": round(counts["all"] / size, 3),
            "cloud_writes_per_object": round(counts["writes"] / size, 3),
            "kubernetes_writes": _by_resource(writes),
            "kubernetes_writes_per_object": round(len(kept) / size, 3),
            "cpu_seconds": round(now["contestant"] - since.contestant, 2),
            "rss_peak_mib": round(now["peak"], 1),
            "api_server_cpu_seconds": round(now["api_server"] - since.api_server, 2),
            "etcd_cpu_seconds": round(now["etcd"] - since.etcd, 2),
            "load": round(os.getloadavg()[0], 1),
        }

    def mark_time(self) -> dict[str, float]:
        """Return what can be read at once, before anything is counted."""
        pids, pid = self.rig.plane.process_ids, self.player.pid
        return {
            "at": time.time(),
            "contestant": cpu_seconds(pid) if pid is not None else 0.0,
            "peak": self.peak.most_mib(),
            "api_server": cpu_seconds(pids["kube-apiserver"]),
            "etcd": cpu_seconds(pids["etcd"]),
        }

    def calls(self, since: Mark) -> Sequence[Call]:
        """Return what the cloud was asked since a mark."""
        return self.asked.calls(since.calls)

    # ------------------------------------------------ inner parts

    @property
    def _program(self) -> Program:
        assert isinstance(self.player, Program)
        return self.player

    def _path(self, thing: Thing, name: str) -> str:
        return f"{_namespaced(self.plurals[thing.family], thing.namespace)}/{name}".rstrip("/")


_IDENTITY = ("apiVersion", "kind", "metadata")


def _namespaced(collection: str, namespace: str) -> str:
    head, _, plural = collection.rpartition("/")
    return f"{head}/namespaces/{namespace}/{plural}"


def _by_resource(writes: Sequence[AuditEvent]) -> dict[str, int]:
    found = {"all": len(writes)}
    for each in writes:
        name = f"{each.resource}/{each.subresource}".rstrip("/")
        found[name] = found.get(name, 0) + 1
    return found


@contextmanager
def staged(
    options: Options,
    contestant: Contestant,
    folder: Path,
    size: int,
    report: Callable[[str], None],
    *,
    with_door: bool = False,
) -> Iterator[Stage]:
    """Run a rig with a contestant that waits for its fleet.

    Args:
        options: What is the same for all.
        contestant: What its file says.
        folder: Of its file.
        size: How many objects.
        report: Gets a line about each thing that takes seconds.
        with_door: Whether the cloud stands behind a door that can misbehave.
    """
    with ExitStack() as stack:
        rig = stack.enter_context(
            Rig(
                transition_seconds=options.transition_seconds,
                chart_values={"polling": POLLING},
                # As shipped: the rig shortens these for impatient tests.
                settings={name: dict(described())[name] for name in SETTINGS},
                with_operator=False,
                product=options.product,
                report=report,
            )
        )
        door = None
        if with_door:
            door = stack.enter_context(Doors()).add(rig.cloud.url, random.Random(1))  # noqa: S311
        endpoint = door.url if door else rig.cloud.url
        player: Player
        if contestant.start:
            program = player = Program(rig, contestant, endpoint, folder)
            stack.callback(program.close)
            program.prepare()
        else:
            player = Operator(rig, contestant, endpoint)
        places = [f"bench-{n}" for n in range(-(-size // PER_NAMESPACE))]
        for each in places:
            setup(rig, contestant, each, endpoint, options.requests_per_second)
        http = stack.enter_context(rig.api())
        things = contestants.fleet(size, options.families, places)
        plurals = _plurals(http, contestant, things)
        player.start()
        yield Stage(
            options,
            contestant,
            player,
            rig,
            stack.enter_context(Asked(rig.cloud)),
            stack.enter_context(
                Seen(
                    rig.api,
                    list(plurals.values()),
                    lambda seen: contestants.is_ready(seen, contestant.ready),
                )
            ),
            stack.enter_context(Peak(lambda: [] if player.pid is None else [player.pid])),
            http,
            plurals,
            things,
            door,
            report,
        )


def _plurals(
    http: httpx.Client, contestant: Contestant, things: Sequence[Thing]
) -> Mapping[str, str]:
    """Return the collection of each family's objects, as the API server names it."""
    if contestant.takes != "objects":
        return {}
    found = {}
    for thing in things:
        if thing.family not in found:
            body = contestants.body(contestant, thing, "")
            version = body["apiVersion"]
            base = f"/apis/{version}" if "/" in version else f"/api/{version}"
            resources = http.get(base).raise_for_status().json()["resources"]
            named = [e for e in resources if e["kind"] == body["kind"] and "/" not in e["name"]]
            if not named:
                raise contestants.ContestantError(
                    f"the cluster serves no {body['kind']} of {version}"
                )
            found[thing.family] = f"{base}/{named[0]['name']}"
    return found
