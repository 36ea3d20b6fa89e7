"""Rounds of user actions in trouble, each followed by rest and judgement."""

import random
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

from integration.conftest import FLEET_SETTINGS
from rig import CloudAccount, Rig
from soak_real.invariants import spoken, unsettled
from soak_real.trouble import Trouble
from soak_real.user import User

REST_SECONDS = 120.0
"""What has not come to rest by then never will."""
ACTIONS = 6


@dataclass
class Report:
    """What a run found."""

    seed: int
    rounds: int = 0
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def summary(self) -> str:
        """The last line of a run."""
        return (
            f"soak-real: seed={self.seed} rounds={self.rounds} "
            f"violations={len(self.violations)} seconds={self.seconds:.0f}"
        )


def run(
    seed: int,
    rounds: int,
    *,
    seconds: float,
    troubles: tuple[str, ...] = (),
    say: Callable[[str], None] = print,
) -> Report:
    """Run rounds from one seed on a control plane of its own.

    Args:
        seed: Of the actions and the troubles; the machine's own timing is not in it.
        rounds: How many.
        seconds: How long a stopped process stays stopped.
        troubles: Names of troubles, taken in turn; empty leaves them to chance.
        say: Gets a line per round and per violation.
    """
    report, begun = Report(seed), time.monotonic()
    chance = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    account = CloudAccount("30001")
    with (
        Rig(transition_seconds=0.4, accounts=[account], settings=FLEET_SETTINGS) as rig,
        closing(User(rig, account, chance)) as user,
    ):
        trouble = Trouble(rig, chance, seconds=seconds)
        user.open()
        for number in range(rounds):
            name = troubles[number % len(troubles)] if troubles else trouble.choose()
            round_begun, position = time.monotonic(), len(rig.operator_log)
            with trouble.all[name]():
                done = [user.act() for _ in range(ACTIONS)]
            found = _rested(user, trouble) + spoken(user, position)
            report.rounds += 1
            report.violations += [f"round {number} ({name}): {each}" for each in found]
            say(
                f"round {number}: {name}; {'; '.join(done)}: {time.monotonic() - round_begun:.1f} s"
            )
            for each in found:
                say(f"  VIOLATION {each}")
        user.delete_all()
        report.violations += [f"at the end: {each}" for each in _rested(user, trouble)]
    report.seconds = time.monotonic() - begun
    return report


def _rested(user: User, trouble: Trouble) -> list[str]:
    """Wait for rest; return what is wrong for good."""
    deadline = time.monotonic() + REST_SECONDS
    trouble.keep_running()
    while found := unsettled(user):
        trouble.keep_running()
        if time.monotonic() > deadline:
            return [*found, user.rig.operator_log_tail()]
        time.sleep(0.5)
    return []
