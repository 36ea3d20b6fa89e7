"""What a round left behind: logs, audit log, what went through the doors, what others can read."""

import time
from dataclasses import dataclass

import psutil

from controlplane.audit import WRITE_VERBS, AuditEvent
from integration import fleet
from rig import Rig
from soak_real.door import Door, Write
from soak_real.replicas import NAMES, Replicas
from soak_real.user import User

_BUGS = (
    "Traceback",
    "Logging error",
    "pass failed",
    "Task exception was never retrieved",
    "Unclosed",
)
_GROUP = "agentrun.dev"
_CALM_ENDS = (0, 1)
"""Exit codes of an operator that ends on purpose."""


@dataclass
class Position:
    """Where everything stood at some moment."""

    logs: dict[str, int]
    audit: int
    cloud: int
    leaks: int
    defects: int
    ends: int


class Evidence:
    """Reads it, and remembers who led last."""

    def __init__(self, rig: Rig, replicas: Replicas, cloud: Door, user: User) -> None:
        """Look at one rig."""
        self._rig = rig
        self._replicas = replicas
        self._cloud = cloud
        self._user = user
        self._leader = ""

    def position(self) -> Position:
        """Return where everything stands now."""
        return Position(
            logs={name: self._replicas.log_size(name) for name in NAMES},
            audit=self._rig.plane.audit.position(),
            cloud=len(self._cloud.writes),
            leaks=sum(len(door.leaks) for door in self._replicas.doors.values()),
            defects=len(self._defects),
            ends=len(self._replicas.ends),
        )

    @property
    def _defects(self) -> list[str]:
        doors = (*self._replicas.doors.values(), self._cloud)
        return [f"a defect of a door: {each}" for door in doors for each in door.defects]

    # ------------------------------------------------ what came to light

    def told(self, since: Position) -> list[str]:
        """Return secrets that came to light, and bugs that an operator logged."""
        found: list[str] = []
        for name in NAMES:
            log = self._replicas.log(name, since=since.logs[name])
            found += [line for line in log.splitlines() if any(bug in line for bug in _BUGS)]
            found += self._secrets_in(f"the log of {name}", log)
            found += self._secrets_in(f"the metrics of {name}", self._replicas.metrics(name))
            found += self._secrets_in(f"the process of {name}", self._process(name))
        for name, code in self._replicas.ends[since.ends :]:
            if code not in _CALM_ENDS:
                found.append(f"{name} ended with {code}")
        found += self._secrets_in("an object", str(self._user.objects()))
        found += self._secrets_in("an Event", self._user.events())
        found += self._secrets_in("the audit log", self._audit_text(since.audit))
        leaks = [each for door in self._replicas.doors.values() for each in door.leaks]
        found += [f"a secret in the body of {each}" for each in leaks[since.leaks :]]
        return found + self._defects[since.defects :]

    def _secrets_in(self, where: str, text: str) -> list[str]:
        """Return what of the values in Secrets, or of the operators' token, is in a text."""
        found = [f"a secret in {where}"] if fleet.CANARY in text else []
        if self._replicas.token in text:
            found.append(f"the operators' token in {where}")
        return found

    def _process(self, name: str) -> str:
        try:
            process = psutil.Process(self._replicas.pids[name])
            return f"{process.cmdline()} {process.environ()}"
        except (KeyError, psutil.Error):
            return ""

    def _audit_text(self, since: int) -> str:
        with self._rig.plane.audit_log.open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    # ------------------------------------------------ who wrote

    def written_by_the_deposed(self, since: Position) -> list[str]:
        """Return the writes of an operator while the other one held the Lease.

        Times are those at which a request came in; a Lease changes hands when the write that takes
        it has been answered. Events may come late: they tell what was true.
        """
        events = self._rig.plane.audit.writes(user=self._rig.operator_user, since=since.audit)
        taken = [each for each in events if each.code < 400]
        steps = [(each.answered, "", _who(each)) for each in taken if each.resource == "leases"] + [
            (each.received, f"{each.verb} {each.resource}/{each.name}", _who(each))
            for each in taken
            if each.group == _GROUP or each.resource == "configmaps"
        ]
        steps += [(w.at, f"{w.method} {w.path}", w.who) for w in self._writes(since) if w.who]
        found = []
        for _, what, who in sorted(steps):
            if not what:
                self._leader = who
            elif self._leader not in ("", who):
                found.append(f"{who} was deposed by {self._leader}, and sent {what}")
        return found

    def _writes(self, since: Position) -> list[Write]:
        return self._cloud.writes[since.cloud :]

    def busy(self, since: Position) -> list[str]:
        """Return what the operators changed in cloud and cluster; Leases and Events apart."""
        events = self._rig.plane.audit.events(since=since.audit)
        found = {
            f"{each.verb} {each.resource}/{each.name} {each.subresource}"
            for each in events
            if each.verb in WRITE_VERBS
            and each.user == self._rig.operator_user
            and each.resource not in ("leases", "events")
        }
        return sorted(found | {f"{w.method} {w.path}" for w in self._writes(since)})

    def wait_for_quiet(self, window: float, *, patience: float) -> list[str]:
        """Wait until nothing was written for `window` seconds; return what goes on for ever."""
        deadline = time.monotonic() + patience
        while True:
            position = self.position()
            time.sleep(window)
            busy = self.busy(position)
            if not busy or time.monotonic() > deadline:
                return [f"never quiet: {each}" for each in busy]


def _who(event: AuditEvent) -> str:
    return event.agent.rpartition(" ")[2]
