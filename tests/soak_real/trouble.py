"""What happens to the machines: each trouble begins, lasts while the user works, and ends."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import psutil

from rig import Rig
from rig.rig import OPERATOR

LEASE_SECONDS = 17.0
"""Longer than the Lease of the leader lasts."""


class Trouble:
    """The troubles of one rig."""

    def __init__(self, rig: Rig, chance: random.Random, *, seconds: float) -> None:
        """Let what lasts a while last `seconds`."""
        self._rig = rig
        self._chance = chance
        self._seconds = seconds
        self.all: dict[str, Callable[[], AbstractContextManager[None]]] = {
            "none": self.none,
            "kill the operator": self.kill,
            "stop the operator past its Lease": self.freeze,
            "restart the API server": self.restart_apiserver,
            "stop etcd": lambda: self._stopped(self._component("etcd"), self._seconds),
            "stop the cloud": lambda: self._stopped(self._simulator(), self._seconds / 2),
            "an unreliable cloud": self.unreliable_cloud,
            "kill during an unreliable cloud": self.kill_in_unreliable_cloud,
        }

    def choose(self) -> str:
        """Return the name of a trouble."""
        return self._chance.choice(sorted(self.all))

    @contextmanager
    def none(self) -> Iterator[None]:
        """Nothing happens."""
        yield

    @contextmanager
    def kill(self) -> Iterator[None]:
        """SIGKILL in the middle of the work, and a new process."""
        yield
        time.sleep(self._chance.random())
        self._rig.kill_operator()
        self._rig.start_operator()

    @contextmanager
    def freeze(self) -> Iterator[None]:
        """SIGSTOP until another one could lead; whether it goes on or exits is its own choice."""
        pid = self._rig.operator_pid
        assert pid is not None
        with self._stopped(pid, LEASE_SECONDS):
            yield

    def keep_running(self) -> None:
        """Start the operator again where it ended by itself, as a Deployment would."""
        if self._rig._running.exit_code(OPERATOR) is not None:
            self._rig.kill_operator()
            self._rig.start_operator()

    @contextmanager
    def restart_apiserver(self) -> Iterator[None]:
        """Every watch and connection is cut, and nobody answers for a while."""
        yield
        self._rig.plane.restart_apiserver()

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
        with self.unreliable_cloud(), self.kill():
            yield

    @contextmanager
    def _stopped(self, pid: int, seconds: float) -> Iterator[None]:
        """SIGSTOP one process for a time; what the user does meanwhile may have to wait."""
        os.kill(pid, signal.SIGSTOP)
        end = time.monotonic() + seconds
        try:
            if pid in (self._rig.operator_pid, self._simulator()):
                yield
                time.sleep(max(0.0, end - time.monotonic()))
            else:
                time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
        if pid not in (self._rig.operator_pid, self._simulator()):
            yield

    def _component(self, name: str) -> int:
        return self._rig.plane.process_ids[name]

    def _simulator(self) -> int:
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if "agentrun_simulator" in words and self._is_ours(process):
                return int(process.pid)
        raise RuntimeError("the simulator does not run")

    def _is_ours(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return os.getpid() in [parent.pid for parent in process.parents()]
        return False
