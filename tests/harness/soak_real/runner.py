"""Rounds of user actions in trouble, each followed by rest and judgement."""

import itertools
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from integration.conftest import FLEET_SETTINGS
from integration.fleet import canary
from rig import CloudAccount, Rig
from soak_real.door import Doors
from soak_real.evidence import Evidence
from soak_real.invariants import unsettled
from soak_real.replicas import NAMES, Replicas
from soak_real.trouble import BY_NAME, Trouble, deal
from soak_real.user import User

REST_SECONDS = 180.0
"""What has not come to rest by then never will; a dead watch is noticed after 150 s."""
ACTIONS_BEFORE, ACTIONS_DURING = 3, 3
QUIET_SECONDS = 3.0
"""Without a write, after every round; the objects are polled each second."""
LONG_QUIET_SECONDS, LONG_QUIET_EVERY = 15.0, 10
"""Longer than the time between two reads of what a LIST leaves out, and two resyncs."""
QUIET_PATIENCE_SECONDS = 30.0


@dataclass
class Findings:
    """What a run found."""

    seed: int
    rounds: Counter[str] = field(default_factory=Counter)
    """By trouble."""
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def summary(self) -> str:
        """The last line of a run."""
        return (
            f"soak-real: seed={self.seed} rounds={self.rounds.total()} "
            f"violations={len(self.violations)} seconds={self.seconds:.0f}"
        )


class Soak:
    """A control plane, two operators, a cloud, a user and their troubles."""

    def __init__(self, rig: Rig, replicas: Replicas, user: User, trouble: Trouble) -> None:
        self.replicas = replicas
        self.user = user
        self.trouble = trouble
        self.evidence = Evidence(rig, replicas, trouble.cloud, user)

    def play(self, name: str, *, quiet_seconds: float) -> tuple[list[str], list[str]]:
        """Play one round; return what the user did, and what was violated."""
        position = self.evidence.position()
        # What the operators have to do with these is under way when the trouble begins.
        done = [self.user.act() for _ in range(ACTIONS_BEFORE)]
        with BY_NAME[name].begin(self.trouble):
            done += [self.user.act() for _ in range(ACTIONS_DURING)]
        found = self.rest()
        if not found:
            found = self.evidence.wait_for_quiet(quiet_seconds, patience=QUIET_PATIENCE_SECONDS)
        found += self.trouble.findings + self.evidence.told(position)
        self.trouble.findings.clear()
        return done, found + self.evidence.written_by_the_deposed(position)

    def rest(self) -> list[str]:
        """Wait for rest; return what is wrong for good."""
        deadline = time.monotonic() + REST_SECONDS
        while True:
            self.replicas.tend()
            found = unsettled(self.user)
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.5)


@contextmanager
def soaked(seed: int, *, seconds: float) -> Iterator[Soak]:
    """Start everything, and end it.

    Args:
        seed: Of the actions and the troubles; the machine's own timing is not in it.
        seconds: How long etcd stands still when it does.
    """
    chance = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    account = CloudAccount("30001", access_key_secret=canary())
    with (
        Rig(
            transition_seconds=0.4,
            accounts=[account],
            settings=FLEET_SETTINGS,
            with_operator=False,
        ) as rig,
        Doors() as doors,
        closing(Replicas(rig, doors, chance)) as replicas,
    ):
        cloud = doors.add(rig.cloud.url, chance, whose=replicas.whose)
        replicas.start()
        with closing(User(rig, account, chance, endpoint=cloud.url)) as user:
            user.open()
            trouble = Trouble(rig, replicas, cloud, chance, seconds=seconds)
            yield Soak(rig, replicas, user, trouble)


def run(
    seed: int,
    rounds: int,
    *,
    seconds: float,
    troubles: tuple[str, ...] = (),
    quiet_seconds: float = QUIET_SECONDS,
    logs: Path | None = None,
    say: Callable[[str], None] = print,
) -> Findings:
    """Run rounds from one seed on a control plane of its own.

    Args:
        seed: Of the actions and the troubles; the machine's own timing is not in it.
        rounds: How many.
        seconds: How long etcd stands still when it does.
        troubles: Names of troubles, taken in turn; empty deals them by their cards.
        quiet_seconds: For how long nobody may write after a round; longer after every tenth.
        logs: Folder that gets the operators' logs when something was violated.
        say: Gets a line per round and per violation.
    """
    findings, begun = Findings(seed), time.monotonic()
    with soaked(seed, seconds=seconds) as soak:
        names = itertools.cycle(troubles) if troubles else deal(random.Random(seed))  # noqa: S311 - a schedule, not a secret
        for number, name in zip(range(rounds), names, strict=False):
            round_begun = time.monotonic()
            is_long = number % LONG_QUIET_EVERY == LONG_QUIET_EVERY - 1
            quiet = LONG_QUIET_SECONDS if is_long else quiet_seconds
            done, found = soak.play(name, quiet_seconds=quiet)
            findings.rounds[name] += 1
            took = time.monotonic() - round_begun
            say(f"round {number}: {name}; {'; '.join(done)}: {took:.1f} s")
            _complain(findings, f"round {number} ({name})", found, say)
        soak.user.delete_all()
        _complain(findings, "at the end", soak.rest(), say)
        if findings.violations and logs is not None:
            logs.mkdir(parents=True, exist_ok=True)
            for each in NAMES:
                shutil.copy(soak.replicas.log_file(each), logs / f"{each}.log")
    findings.seconds = time.monotonic() - begun
    return findings


def _complain(findings: Findings, when: str, found: list[str], say: Callable[[str], None]) -> None:
    findings.violations += [f"{when}: {each}" for each in found]
    for each in found:
        say(f"  VIOLATION {each}")
