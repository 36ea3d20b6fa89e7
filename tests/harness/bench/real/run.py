"""A whole run: every size, every phase; and what it says about itself."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.real.contestant import FOLDER, OPERATOR, Contestant, load
from bench.real.phases import FAULTS, PHASES, with_faults
from bench.real.stage import Options, Stage, staged
from rig import RigError

ALL = (*PHASES, FAULTS)


def measure(
    options: Options,
    sizes: Iterable[int],
    report: Callable[[str], None],
    *,
    file: Path | None = None,
    phases: Collection[str] = ALL,
    name: str = "",
) -> dict[str, Any]:
    """Return the figures of one contestant.

    Args:
        options: What is the same for all contestants; no families: all that it has templates for.
        sizes: Of the fleets, one after the other.
        report: Gets a line about each thing that takes seconds.
        file: Of the contestant; None: the operator.
        phases: Which of them.
        name: What pages call it; empty: as its file says.
    """
    contestant = load(file or Path(OPERATOR))
    folder = file.resolve().parent if file is not None and file.exists() else FOLDER
    options = replace(options, families=options.families or tuple(contestant.manifests))
    _check(contestant, options)
    where = machine()
    # Nothing else makes sense without a fleet that is Ready.
    on_one_rig = [each for each in PHASES if each == "ready" or each in phases]
    rigs = [on_one_rig] if set(phases) & set(PHASES) else []
    rigs += [[FAULTS]] if FAULTS in phases else []
    version, found = "", []
    for size in sizes:
        figures: dict[str, Any] = {"objects": size, "failed": []}
        for names in rigs:
            report(f"{contestant.name}: {size} objects: {', '.join(names)}")
            is_rough = names == [FAULTS]
            with staged(options, contestant, folder, size, report, with_door=is_rough) as stage:
                version = stage.player.version()
                _take(stage, names, figures)
        found.append(figures)
    about = {"name": name or contestant.name, "version": version, "about": contestant.about}
    told = {name: value for name, value in asdict(options).items() if name != "product"}
    return {
        "taken": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": where,
        "contestant": {**about, "takes": contestant.takes},
        "options": told,
        "sizes": found,
    }


def _take(stage: Stage, names: Iterable[str], figures: dict[str, Any]) -> None:
    """Go through phases; what does not come to its end is told, and what was measured is kept."""
    for name in names:
        stage.report(f"  {name}")
        try:
            figures[name] = (PHASES | {FAULTS: with_faults})[name](stage)
        except RigError as error:
            stage.report(str(error))
            figures["failed"].append({"phase": name, "why": error.what})
            return


def _check(contestant: Contestant, options: Options) -> None:
    missing = [each for each in options.families if each not in contestant.manifests]
    if missing:
        raise SystemExit(f"{contestant.name} has no manifest for {', '.join(missing)}")
