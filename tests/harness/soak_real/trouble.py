"""What happens to the machines: each trouble begins, lasts while the user works, and ends."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

import httpx
import psutil

from rig import Rig
from soak_real.door import Door
from soak_real.replicas import NAMES, Replicas

TAKEOVER_SECONDS = 25.0
"""A Lease lasts 15 s; the one that stands by looks every 2 s; and the machine may be busy."""
GIVE_UP_SECONDS = 15.0
"""In which a deposed leader that runs again must have ended."""
MOMENT_SECONDS = 4.0
"""Shorter than a Lease."""
WHILE_SECONDS = 10.0
PAST_LEASE_SECONDS = 20.0


class Trouble:
    """The troubles of one rig with two operators."""

    def __init__(
        self, rig: Rig, replicas: Replicas, cloud: Door, chance: random.Random, *, seconds: float
    ) -> None:
        """Let etcd stand still for `seconds`, and the cloud for half as long."""
        self._rig = rig
        self._replicas = replicas
        self.cloud = cloud
        """The door to the cloud."""
        self._chance = chance
        self._seconds = seconds
        self.findings: list[str] = []
        """What a trouble itself showed to be wrong."""

    # ------------------------------------------------ operators

    @contextmanager
    def nothing(self) -> Iterator[None]:
        yield

    @contextmanager
    def kill_leader(self) -> Iterator[None]:
        """SIGKILL in the middle of the work; the new process keeps the identity, and the Lease."""
        self._wait(self._chance.random())
        self._replicas.kill(self._leader())
        yield

    @contextmanager
    def lose_leader(self) -> Iterator[None]:
        """SIGKILL, and its machine is gone as well: the other one takes over."""
        leader = self._leader_with_standby()
        self._replicas.kill(leader, back_after=TAKEOVER_SECONDS)
        yield
        self._expect_takeover(leader)

    @contextmanager
    def kill_both(self) -> Iterator[None]:
        self._wait(self._chance.random())
        for name in NAMES:
            self._replicas.kill(name, back_after=self._chance.random())
        yield

    @contextmanager
    def freeze(self) -> Iterator[None]:
        """SIGSTOP until the other one leads; the thawed one must end, or stand by."""
        leader = self._leader_with_standby()
        pid = self._replicas.pids[leader]
        with self._stopped(pid):
            yield
            self._expect_takeover(leader)
        self._expect_end(leader, pid)

    @contextmanager
    def isolate(self) -> Iterator[None]:
        """The leader reaches the cloud, and no longer the API server."""
        leader = self._leader_with_standby()
        pid = self._replicas.pids[leader]
        self._replicas.doors[leader].silence()
        try:
            yield
            self._expect_takeover(leader)
            self._expect_end(leader, pid)
        finally:
            self._replicas.doors[leader].speak()

    def _leader_with_standby(self) -> str:
        leader = self._leader()
        self._replicas.wait_for_standby(leader)
        return leader

    def _leader(self) -> str:
        leader = self._replicas.wait_for_leader()
        if leader is None:
            raise RuntimeError("nobody leads")
        return leader

    def _expect_takeover(self, leader: str) -> None:
        successor = self._replicas.other(leader)
        if self._replicas.wait_for_leader([successor], seconds=TAKEOVER_SECONDS) is None:
            self.findings.append(f"{successor} did not take over from {leader}")

    def _expect_end(self, name: str, pid: int) -> None:
        """A process that led once cannot know what others did meanwhile."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while self._replicas.pids.get(name) == pid and self._replicas.is_running(name):
            if time.monotonic() > deadline:
                self.findings.append(f"{name} was deposed and goes on")
                return
            time.sleep(0.2)

    # ------------------------------------------------ the cluster

    @contextmanager
    def restart_apiserver(self) -> Iterator[None]:
        """Every watch and connection is cut, and nobody answers for a while."""
        self._rig.plane.restart_apiserver()
        yield

    @contextmanager
    def stop_etcd(self) -> Iterator[None]:
        with self._stopped(self._rig.plane.process_ids["etcd"]):
            self._wait(self._seconds)
        yield

    @contextmanager
    def fill_etcd(self, seconds: float) -> Iterator[None]:
        """Raise the alarm that a full database raises: reads go on, no write does."""
        member = self._etcd("cluster/member/list", {})["members"][0]["ID"]
        alarm = {"memberID": member, "alarm": "NOSPACE"}
        self._etcd("maintenance/alarm", {"action": "ACTIVATE", **alarm})
        try:
            self._wait(seconds)
        finally:
            self._etcd("maintenance/alarm", {"action": "DEACTIVATE", **alarm})
        yield

    def _etcd(self, call: str, body: dict[str, object]) -> dict[str, list[dict[str, str]]]:
        answer = httpx.post(f"{self._rig.plane.etcd_url}/v3/{call}", json=body, trust_env=False)
        answer.raise_for_status()
        found: dict[str, list[dict[str, str]]] = answer.json()
        return found

    @contextmanager
    def cut_watches(self) -> Iterator[None]:
        """Every connection of both operators, three times in a row."""
        self._cut_again(self._replicas.doors.values())
        yield
        self._cut_again(self._replicas.doors.values())

    @contextmanager
    def hush(self, seconds: float, *, is_cut: bool) -> Iterator[None]:
        """Streams stay open and bring nothing any more."""
        for door in self._replicas.doors.values():
            door.hush()
        yield
        self._wait(seconds)
        if is_cut:
            for door in self._replicas.doors.values():
                door.cut()

    @contextmanager
    def rude_apiserver(self) -> Iterator[None]:
        with self._both_doors(lambda door: door.be_rude(0.4)):
            yield

    @contextmanager
    def lossy_apiserver(self) -> Iterator[None]:
        """Writes get lost, before or after they took effect."""
        with self._both_doors(lambda door: door.lose(before=0.15, after=0.3)):
            yield

    @contextmanager
    def _both_doors(self, do: Callable[[Door], None]) -> Iterator[None]:
        for door in self._replicas.doors.values():
            do(door)
        try:
            yield
            self._wait(MOMENT_SECONDS)
        finally:
            for door in self._replicas.doors.values():
                door.behave()

    # ------------------------------------------------ the machine

    @contextmanager
    def fill_log(self) -> Iterator[None]:
        """No operator can write a line, as on a full disk; a log is the only file they write."""
        limited = [psutil.Process(pid) for pid in self._replicas.pids.values()]
        for process in limited:
            process.rlimit(psutil.RLIMIT_FSIZE, (0, psutil.RLIM_INFINITY))
        yield
        self._wait(MOMENT_SECONDS)
        for process in limited:
            with suppress(psutil.NoSuchProcess):
                process.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))

    # ------------------------------------------------ the cloud

    @contextmanager
    def stop_cloud(self) -> Iterator[None]:
        """It takes connections and does not answer."""
        pid = self._rig.simulator_pid
        assert pid is not None
        with self._stopped(pid):
            yield
            self._wait(self._seconds / 2)

    @contextmanager
    def shut_cloud(self) -> Iterator[None]:
        self.cloud.shut()
        try:
            yield
            self._wait(WHILE_SECONDS)
        finally:
            self.cloud.reopen()

    @contextmanager
    def cut_cloud(self) -> Iterator[None]:
        """Answers are lost on the way, and so are requests."""
        self.cloud.lose(before=0.2, after=0.4)
        yield
        self._cut_again([self.cloud])
        self.cloud.behave()

    @contextmanager
    def unreliable_cloud(self) -> Iterator[None]:
        """Answers are lost, before or after what was asked for is done."""
        for effect in ("drop-after", "drop-before", "error", "html", "empty", "drop-after"):
            action = self._chance.choice(["Create.*", "Update.*", "Delete.*", ".*"])
            self._rig.cloud.fault(effect, action=action, times=self._chance.randint(1, 3))
        yield
        self._rig.cloud.clear_faults()

    @contextmanager
    def kill_in_unreliable_cloud(self) -> Iterator[None]:
        """Both at once: a create whose answer nobody remembers."""
        with self.unreliable_cloud():
            yield
            self._wait(self._chance.random())
            self._replicas.kill(self._leader())

    # ------------------------------------------------ inner parts

    def _cut_again(self, doors: Iterable[Door]) -> None:
        for _ in range(3):
            for door in doors:
                door.cut()
            self._wait(self._chance.random())

    def _wait(self, seconds: float) -> None:
        """Let time pass; operators that end meanwhile are started again."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._replicas.tend()
            time.sleep(min(left, 0.3))

    @contextmanager
    def _stopped(self, pid: int) -> Iterator[None]:
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


@dataclass(frozen=True)
class Card:
    """A trouble, and how many of a hundred rounds have it.

    Attributes:
        name: For people, and for `--only`.
        of_hundred: How many.
        begin: Opens it; it ends when the context does.
    """

    name: str
    of_hundred: int
    begin: Callable[[Trouble], AbstractContextManager[None]]


CARDS = (
    Card("nothing", 4, Trouble.nothing),
    Card("kill the leader", 7, Trouble.kill_leader),
    Card("lose the leader", 4, Trouble.lose_leader),
    Card("kill both", 6, Trouble.kill_both),
    Card("freeze the leader past its Lease", 5, Trouble.freeze),
    Card("cut off the leader past its Lease", 4, Trouble.isolate),
    Card("restart the API server", 6, Trouble.restart_apiserver),
    Card("stop etcd", 3, Trouble.stop_etcd),
    Card("no room in etcd for a moment", 4, lambda t: t.fill_etcd(MOMENT_SECONDS)),
    Card("no room in etcd past the Lease", 3, lambda t: t.fill_etcd(PAST_LEASE_SECONDS)),
    Card("no room for the log", 4, Trouble.fill_log),
    Card("cut the watches", 8, Trouble.cut_watches),
    Card("silent watches", 4, lambda t: t.hush(PAST_LEASE_SECONDS, is_cut=True)),
    Card("silent watches for good", 1, lambda t: t.hush(0.0, is_cut=False)),
    Card("an API server that refuses", 7, Trouble.rude_apiserver),
    Card("lost answers of the API server", 7, Trouble.lossy_apiserver),
    Card("stop the cloud", 2, Trouble.stop_cloud),
    Card("connections to the cloud refused", 5, Trouble.shut_cloud),
    Card("connections to the cloud cut", 4, Trouble.cut_cloud),
    Card("an unreliable cloud", 6, Trouble.unreliable_cloud),
    Card("kill during an unreliable cloud", 6, Trouble.kill_in_unreliable_cloud),
)
BY_NAME = {each.name: each for each in CARDS}


def deal(chance: random.Random) -> Iterator[str]:
    """Return names without end; each hundred has every trouble as often as its card says."""
    while True:
        deck = [each.name for each in CARDS for _ in range(each.of_hundred)]
        chance.shuffle(deck)
        yield from deck
