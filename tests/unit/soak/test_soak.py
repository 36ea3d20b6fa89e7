"""The simulation itself: it repeats exactly, it finds what is wrong, and the engine stands it."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from soak import attack_mutations, mutations
from soak.__main__ import main
from soak.attacks import ATTACKS
from soak.bugs import BUGS, Bug
from soak.minimise import minimise
from soak.runner import find_bug, run_many
from soak.schedule import ALONE, ATTACK, Schedule, Step, generate
from soak.simulation import run
from soak.told import INVARIANT_OF

ROOT = Path(__file__).parents[3]
SCHEDULES = 150


def _soak(*arguments: str, hash_seed: str = "0") -> str:
    """Return what a run in a process of its own prints."""
    paths = os.pathsep.join(str(ROOT / name) for name in ("operator", "tests", "tests/harness"))
    found = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "soak", *arguments],
        env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return found.stdout


def _trace_elsewhere(seed: int, hash_seed: str) -> list[str]:
    """Return a seed's trace from a process whose sets and dictionaries hash otherwise."""
    return _soak("--seed", str(seed), hash_seed=hash_seed).splitlines()[:-1]


@pytest.mark.parametrize("seed", [3, 7, 11])
def test_one_seed_is_one_history(seed: int) -> None:
    first = run(generate(seed), verbose=True)
    second = run(generate(seed), verbose=True)
    assert len(first.trace) > 50
    assert first.trace == second.trace


def test_history_does_not_depend_on_the_process() -> None:
    assert _trace_elsewhere(5, "1") == _trace_elsewhere(5, "2")


@pytest.mark.slow
def test_no_schedule_breaks_an_invariant() -> None:
    summary = run_many(range(SCHEDULES))
    assert summary.schedules == SCHEDULES
    assert summary.failures == []


def test_every_planted_bug_breaks_one_invariant() -> None:
    assert len(BUGS) >= 15
    assert {bug.name for bug in BUGS} <= set(INVARIANT_OF)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_what_a_bug_replaces_is_there(bug: Bug) -> None:
    with bug.plant():
        pass


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_bugs_are_planted_where_the_engine_has_a_seam(bug: Bug) -> None:
    """What is private may change its shape at any time, and the bug with it."""
    assert [name for _, name, _ in bug.changes if name.startswith("_")] == []


@pytest.mark.parametrize("module", [mutations, attack_mutations], ids=lambda m: m.__name__)
def test_no_bug_uses_what_is_private(module: ModuleType) -> None:
    assert re.findall(r"\w\._[a-z]\w*", Path(str(module.__file__)).read_text()) == []


@pytest.mark.parametrize(
    "name",
    ["lookup-skipped", "mark-skipped", "unclaimed", "released-unconfirmed", "generation-ahead"],
)
def test_planted_bug_is_found_at_once(name: str) -> None:
    _, seed, _ = find_bug(name, 20)
    assert seed is not None


@pytest.mark.parametrize(
    ("name", "attack"),
    [
        ("disputed-is-gone", "_disputed"),
        ("disputed-let-go", "_disputed_deletion"),
        ("replaced-granted", "_own_replaced"),
        ("replaced-granted", "_neighbours_replaced"),
        ("moved-untold", "_moved_elsewhere"),
        ("moved-below-untold", "_moved_below"),
        ("prefix-believed", "_prefix_forged"),
        ("keeper-unheard", "_forced_out"),
    ],
)
def test_an_attack_finds_its_bug_and_holds_without_it(name: str, attack: str) -> None:
    place = next(n for n, each in enumerate(ATTACKS) if each.__name__ == attack)
    history = generate(ALONE * place + ATTACK)
    with next(bug for bug in BUGS if bug.name == name).plant():
        told = {violation.invariant for violation in run(history).violations}
    assert INVARIANT_OF[name] in told
    assert run(history).violations == []


def test_failing_history_is_shortened() -> None:
    bug = next(bug for bug in BUGS if bug.name == "mark-skipped")
    with bug.plant():
        shortest = minimise(generate(2))
        assert run(shortest).violations
    assert len(shortest.steps) <= 2


def _steps(*steps: tuple[float, str, dict[str, object]]) -> Schedule:
    return Schedule(1, False, 3, tuple(Step(*step) for step in steps), ends_empty=True)  # noqa: FBT003


_LATE = {"effect": "drop-late", "action": "Create.*", "times": 1}
FOUND_BEFORE = {
    "an edit between a create whose answer was lost and its recovery": _steps(
        (20.0, "crash", {"pattern": "Create.*", "is_after": True, "nth": 1}),
        (21.0, "apply", {"slot": "cred", "variant": 0, "policies": {}}),
        (21.9, "apply", {"slot": "cred", "variant": 1, "policies": None}),
    ),
    "an edit absorbed by the answer of our own status write": _steps(
        (2.9, "apply", {"slot": "box", "variant": 0, "policies": {}}),
        (22.2, "account", {"what": "move"}),
    ),
    "an edit between a create that never arrived and the next": _steps(
        (5.6, "apply", {"slot": "ep", "variant": 0, "policies": {}}),
        (5.8, "apply", {"slot": "bare", "variant": 0, "policies": {}}),
        (13.2, "fault", {"effect": "drop-before", "action": "Create.*", "times": 1}),
        (37.2, "apply", {"slot": "ep", "variant": 1, "policies": None}),
        (93.7, "recreate", {"slot": "bare", "variant": 0}),
        (95.5, "recreate", {"slot": "ep", "variant": 3}),
    ),
    "two objects of one name within one second": _steps(
        (2.1, "apply", {"slot": "twin", "variant": 0, "policies": {}}),
        (2.3, "apply", {"slot": "solo", "variant": 0, "policies": {}}),
    ),
    "another master who names a resource by the slot that only claims it": replace(
        generate(963636216),
        steps=(
            Step(6.1, "apply", {"slot": "solo", "variant": 0, "policies": {}}),
            Step(13.2, "annotate", {"slot": "solo", "what": "pause-until"}),
            Step(72.9, "fight", {"slot": "twin", "seconds": 140.0}),
            Step(95.1, "foreign_keys", {"namespace": "team-a"}),
        ),
    ),
    "an older status written to an object while its operator stands still": replace(
        generate(963638583),
        steps=(
            Step(4.0, "apply", {"slot": "solo", "variant": 0, "policies": {}}),
            Step(4.3, "apply", {"slot": "b-run", "variant": 0, "policies": {}}),
            Step(27.2, "slow_watch", {"seconds": 5.0}),
            Step(28.3, "apply", {"slot": "b-solo", "variant": 2, "policies": None}),
            Step(82.1, "fight", {"slot": "solo", "seconds": 140.0}),
            Step(134.2, "old_status", {"slot": "solo", "share": 0.44}),
            Step(135.3, "freeze", {"seconds": 25.0}),
            Step(139.5, "freeze", {"seconds": 60.0}),
        ),
    ),
    "a parent that is left with what lives below it, and made again under another name": replace(
        generate(36463290),
        steps=(
            Step(4.7, "apply", {"slot": "flow", "variant": 0, "policies": {}}),
            Step(4.9, "apply", {"slot": "flow-ep", "variant": 0, "policies": {}}),
            Step(12.7, "recreate", {"slot": "flow", "variant": 3}),
            Step(
                27.1,
                "account_defaults",
                {
                    "account": "own",
                    "namespace": "team-a",
                    "given": {"deletionPolicy": "Retain", "namePrefix": "p-"},
                },
            ),
            Step(60.0, "delete", {"slot": "flow-ep"}),
        ),
    ),
    "a child with the id of the one that its object left below the former parent": replace(
        generate(1884552),
        steps=(
            Step(39.6, "recreate", {"slot": "flow", "variant": 3}),
            Step(44.2, "recreate", {"slot": "flow-ep", "variant": 3}),
            Step(
                67.9,
                "account_defaults",
                {
                    "account": "own",
                    "namespace": "team-a",
                    "given": {"deletionPolicy": "Retain", "namePrefix": "{namespace}-"},
                },
            ),
            Step(69.1, "recreate", {"slot": "flow-ep", "variant": 0}),
            Step(69.1, "recreate", {"slot": "flow", "variant": 0}),
        ),
    ),
    "two creates of one name that both come late, the older one first": replace(
        generate(36469983),
        steps=(
            Step(6.7, "apply", {"slot": "b-solo", "variant": 0, "policies": {}}),
            Step(6.7, "apply", {"slot": "solo", "variant": 0, "policies": {}}),
            Step(33.1, "recreate", {"slot": "solo", "variant": 1}),
            Step(39.9, "fault", {**_LATE, "seconds": 8.0}),
            Step(45.0, "fault", {**_LATE, "seconds": 8.0}),
            Step(
                54.9, "policy", {"slot": "b-solo", "field": "managementPolicy", "value": "Observe"}
            ),
            Step(
                63.5, "end_namespace", {"namespace": "team-a", "seconds": 10.0, "first": "Account"}
            ),
        ),
    ),
    "a sandbox made after the backup that its object came back from": replace(
        generate(36470574),
        steps=(
            Step(
                0.6, "apply", {"slot": "tpl", "variant": 0, "policies": {"driftPolicy": "Report"}}
            ),
            Step(
                0.6, "apply", {"slot": "box", "variant": 0, "policies": {"driftPolicy": "Report"}}
            ),
            Step(
                0.9, "apply", {"slot": "bot", "variant": 0, "policies": {"driftPolicy": "Report"}}
            ),
            Step(12.0, "crd", {"kind": "Sandbox", "seconds": 2.0}),
            Step(15.7, "crd", {"kind": "SandboxTemplate", "seconds": 2.0}),
            Step(37.8, "apply", {"slot": "tpl", "variant": 2, "policies": None}),
            Step(38.1, "apply", {"slot": "box", "variant": 1, "policies": None}),
            Step(42.1, "fault", {"effect": "drop-after", "action": "Create.*", "times": 1}),
            Step(92.5, "end_namespace", {"namespace": "team-a", "seconds": 30.0, "first": ""}),
            Step(107.8, "restart", {"graceful": False}),
            Step(108.7, "restore_namespace", {"namespace": "team-a", "status": True}),
        ),
    ),
    "another cluster's mark, put on a resource while its operator stands still": replace(
        generate(36467092),
        steps=(
            Step(34.6, "apply", {"slot": "b-cred", "variant": 2, "policies": None}),
            Step(34.9, "apply", {"slot": "b-run", "variant": 2, "policies": None}),
            Step(87.9, "restart", {"graceful": False}),
            Step(129.8, "take_over", {"slot": "b-run"}),
            Step(133.2, "freeze", {"seconds": 60.0}),
        ),
    ),
    "a resource adopted before its maker is back from the backup": replace(
        generate(333134533),
        steps=(
            Step(63.4, "apply", {"slot": "solo", "variant": 0, "policies": None}),
            Step(63.4, "apply", {"slot": "twin", "variant": 1, "policies": None}),
            Step(82.2, "lose_namespace", {"namespace": "team-a"}),
            Step(112.6, "restore_namespace", {"namespace": "team-a", "status": True}),
        ),
    ),
    "an endpoint restored without its status, known by its parent": replace(
        generate(333137694),
        steps=(
            Step(1.7, "apply", {"slot": "bare", "variant": 0, "policies": {}}),
            Step(1.7, "apply", {"slot": "ep", "variant": 0, "policies": {}}),
            Step(87.7, "lose_namespace", {"namespace": "team-a"}),
            Step(118.3, "restore_namespace", {"namespace": "team-a", "status": False}),
            Step(138.9, "delete", {"slot": "ep"}),
        ),
    ),
    "a process that ends late, since it began without a CRD": replace(
        generate(776775523),
        steps=(
            Step(4.9, "apply", {"slot": "bare", "variant": 0, "policies": {}}),
            Step(5.0, "apply", {"slot": "ep", "variant": 0, "policies": {}}),
            Step(110.0, "apply", {"slot": "bare", "variant": 3, "policies": None}),
            Step(118.6, "crd", {"kind": "AgentRuntimeEndpoint", "seconds": 70.0}),
        ),
    ),
}


@pytest.mark.parametrize("story", FOUND_BEFORE)
def test_what_was_found_stays_repaired(story: str) -> None:
    assert run(FOUND_BEFORE[story]).violations == []


def test_a_crd_goes_with_its_objects_and_comes_back() -> None:
    again = {"slot": "solo", "variant": 1, "policies": {}}
    steps = (
        Step(1.0, "apply", {"slot": "solo", "variant": 0, "policies": {}}),
        Step(40.0, "crd", {"kind": "ModelProxy", "seconds": 70.0}),
        Step(45.0, "apply", again),
        Step(190.0, "apply", again),
    )
    history = run(replace(_steps(), steps=steps, active_seconds=240.0), verbose=True)
    assert history.violations == []
    told = "\n".join(history.trace)
    assert told.count("  alpha-1 CreateModelProxy") == told.count("  alpha-4 CreateModelProxy") == 1
    gone, back = told.index("the CRD of ModelProxy is gone"), told.index("190.0s apply")
    assert told.index("DeleteModelProxy") < gone
    assert "ends: WatchLostError" in told[gone:back]


def test_two_masters_do_not_fight_for_ever() -> None:
    """The other one never gives in; the bound on strikes is an invariant of every history."""
    apply = Step(1.0, "apply", {"slot": "solo", "variant": 0, "policies": {}})
    fight = Step(20.0, "fight", {"slot": "solo", "seconds": 900.0})
    long = Schedule(1, two_leaders=False, few=0, steps=(apply, fight), ends_empty=True)
    history = run(replace(long, active_seconds=400.0))
    assert history.violations == []
    assert "Contested" in history.reasons


def test_a_first_seed_is_drawn_anew_and_told_at_both_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def one(*more: str) -> list[str]:
        assert main(["--schedules", "1", "--jobs", "1", *more]) == 0
        return capsys.readouterr().out.splitlines()

    lines = [one() for _ in range(2)]
    told = [(own[0], own[-1].rsplit(", ", 1)[1]) for own in lines]
    assert all(begin == end for begin, end in told)
    assert told[0] != told[1]
    first = told[0][0].removeprefix("first seed ")
    assert int(first) % 2 == 0
    assert one("--first", first)[0] == told[0][0]
