"""One case from admission to deletion, and many of them."""

import asyncio
import logging
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings

from bad_input.cases import Case, cases
from bad_input.gate import Gate, is_helpful
from bad_input.life import Life
from controlplane import ControlPlane
from integration.admission.objects import serving
from integration.admission.server import Json, Refused

BATCH = 250
"""Cases per run of hypothesis, which slows down as it remembers more."""


@dataclass
class Tally:
    """What became of the cases, so that nobody takes a stream of refusals for a proof."""

    endings: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def admitted(self) -> int:
        """How many cases the API server let through."""
        return self.endings.total() - self.endings["refused"]

    @property
    def summary(self) -> str:
        """The last line of a run."""
        most = ", ".join(f"{count} {name}" for name, count in self.endings.most_common())
        return f"violations {len(self.problems)} ({most})"


def run(count: int, first_seed: int, *, say: Callable[[str], None]) -> Tally:
    """Try many cases on a control plane of their own; the seed of a batch repeats it."""
    tally = Tally()
    with ControlPlane() as plane, serving(plane) as server, quiet_logs():
        gate = Gate(server)
        for number, begun in enumerate(range(0, count, BATCH)):
            started = time.monotonic()
            try_batch(min(BATCH, count - begun), first_seed + number, gate, tally)
            spent = time.monotonic() - started
            say(
                f"seed {first_seed + number}: {min(count, begun + BATCH)} of {count}, {spent:.0f} s"
            )
    return tally


def try_batch(count: int, of_seed: int, gate: Gate, tally: Tally) -> None:
    """Try some cases; the first that fails is minimised and noted, with how to repeat it."""

    @seed(of_seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(cases())
    def try_all(case: Case) -> None:
        problems = problems_of(case, gate, tally)
        assert not problems, f"seed {of_seed}: {problems[0]}\n{case}"

    try:
        try_all()
    except AssertionError as error:
        tally.problems.append(str(error))


def problems_of(case: Case, gate: Gate, tally: Tally) -> list[str]:
    """Let a case live; return what should not have been."""
    try:
        stored = gate.create(case)
    except Refused as refusal:
        tally.endings["refused"] += 1
        if not is_helpful(refusal):
            return [f"refused unhelpfully: {refusal}"]
        return asyncio.run(ungated(case)) if isinstance(case.spec, dict) else []
    try:
        return asyncio.run(_admitted(case, stored, gate, tally))
    finally:
        gate.remove(case, stored)


async def _admitted(case: Case, stored: Json, gate: Gate, tally: Tally) -> list[str]:
    life = Life(case, stored)
    await life.begin()
    problems = _told(life, gate)
    if case.later is not None:
        try:
            edited = gate.edit(case, stored)
        except Refused as refusal:
            if not is_helpful(refusal):
                problems.append(f"an edit is refused unhelpfully: {refusal}")
        else:
            await life.edit(edited)
            problems += _told(life, gate)
    tally.endings[life.ending] += 1
    await life.end()
    return life.problems + problems


def _told(life: Life, gate: Gate) -> list[str]:
    """Show the API server every new status: what it would not take, nobody would ever see."""
    new, life.statuses = life.statuses, []
    told = [gate.tell(life.case, life.stored, status) for status in new]
    return [problem for problem in told if problem]


async def ungated(case: Case) -> list[str]:
    """Let an object live that was stored before a rule that refuses it today."""
    life = Life(case, {"metadata": {"name": "it", "annotations": {}}, "spec": case.spec})
    await life.begin()
    await life.end()
    return life.problems


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Log warnings and worse only, which is what matters here; and make errors of warnings."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    structlog.reset_defaults()
