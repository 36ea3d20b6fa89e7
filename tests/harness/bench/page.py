"""The page of `make bench ARGS=--real`: tables and pictures, from nothing but the results' JSON.

Results are compared where the fleets are alike: same families, same cloud, same limits.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.draw import Axis, Line, chart, shown
from rig.chart import REPOSITORY

PAGE = REPOSITORY / "docs" / "benchmarks" / "real.md"
ALIKE = (
    "families",
    "transition_seconds",
    "requests_per_second",
    "quiet_seconds",
    "fault_percent",
    "edits",
)
"""Options that a comparison needs to have in common."""
NONE = "–"

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """One contestant with one size of fleet."""

    name: str
    result: Json
    figures: Json

    @property
    def size(self) -> int:
        """How many objects."""
        return int(self.figures["objects"])

    def at(self, path: str) -> Any:
        """Return a figure by its dotted path; None where it was not measured."""
        found: Any = self.figures
        for part in path.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found


Show = Callable[[Run], str]


def one(path: str, unit: str = "", factor: float = 1.0) -> Show:
    """Show one figure."""

    def show(run: Run) -> str:
        value = run.at(path)
        return NONE if value is None else f"{shown(value * factor)}{unit}"

    return show


def per_object(path: str, unit: str, factor: float) -> Show:
    """Show a figure divided by the size of the fleet."""

    def show(run: Run) -> str:
        value = run.at(path)
        return NONE if value is None else f"{shown(value * factor / run.size)}{unit}"

    return show


def spread(path: str) -> Show:
    """Show p50, p99 and the last of some seconds."""

    def show(run: Run) -> str:
        value = run.at(path)
        if value is None:
            return NONE
        return " / ".join(f"{value[each]:.1f}" for each in ("p50", "p99", "last"))

    return show


def resting(run: Run) -> str:
    """Show whether the contestant came to rest."""
    value = run.at("quiet.is_restless")
    return NONE if value is None else ("no" if value else "yes")


def _writes(path: str) -> Show:
    """Show writes to Kubernetes, without Leases and Events."""

    def show(run: Run) -> str:
        value = run.at(f"{path}.kubernetes_writes_per_object")
        return NONE if value is None else f"{round(value * run.size)}"

    return show


def _failed(run: Run) -> str:
    """Show which phases did not come to their end."""
    return ", ".join(each["phase"] for each in run.at("failed") or ()) or NONE


TABLE: tuple[tuple[str, tuple[tuple[str, Show], ...]], ...] = (
    ("Given up", (("did not come to its end in time", _failed),)),
    (
        "From nothing to Ready",
        (
            ("all created after", one("ready.last_created_seconds", " s")),
            ("all Ready after", one("ready.last_ready_seconds", " s")),
            ("create → Ready, seconds: p50 / p99 / last", spread("ready.seconds_from_create")),
            (
                "create → READY in the cloud, seconds",
                spread("ready.cloud_seconds_from_create"),
            ),
            ("READY in the cloud → Ready, seconds", spread("ready.lag_seconds")),
            ("calls per object", one("ready.calls_per_object")),
            ("of them writes", one("ready.cloud_writes_per_object")),
            ("Kubernetes writes per object", one("ready.kubernetes_writes_per_object")),
            ("processor time per object", per_object("ready.cpu_seconds", " ms", 1000)),
            ("most resident memory", one("ready.rss_peak_mib", " MiB")),
            ("processor time of the API server", one("ready.api_server_cpu_seconds", " s")),
            ("processor time of etcd", one("ready.etcd_cpu_seconds", " s")),
            ("load of the machine at the end", one("ready.load")),
        ),
    ),
    (
        "A quiet minute",
        (
            ("came to rest before it", resting),
            ("calls per minute, all objects together", one("quiet.calls_per_minute")),
            ("writes to the cloud", one("quiet.calls.writes")),
            ("writes to Kubernetes", _writes("quiet")),
            ("share of one core", one("quiet.core_percent", " %")),
            ("most resident memory", one("quiet.rss_peak_mib", " MiB")),
        ),
    ),
    (
        "Killed and started again",
        (
            ("a pass over every object after", one("restart.all_passed_seconds", " s")),
            (
                "edits made meanwhile in the cloud after, seconds",
                spread("restart.edit_seconds_from_start"),
            ),
            ("calls", one("restart.calls.all")),
            ("writes to the cloud", one("restart.calls.writes")),
            ("writes to Kubernetes", _writes("restart")),
            ("processor time", one("restart.cpu_seconds", " s")),
        ),
    ),
    (
        "One edit while a new process goes through all objects",
        (
            ("start → first call", one("resync_edit.start_to_first_call_seconds", " s")),
            ("edit → cloud", one("resync_edit.edit_to_cloud_seconds", " s")),
            ("edit → Ready", one("resync_edit.edit_to_ready_seconds", " s")),
        ),
    ),
    (
        "Deletion of all",
        (
            ("→ asked for in the cloud, seconds", spread("deletion.cloud_seconds")),
            ("→ object gone, seconds", spread("deletion.gone_seconds")),
            ("calls per object", one("deletion.calls_per_object")),
            ("Kubernetes writes per object", one("deletion.kubernetes_writes_per_object")),
            ("processor time per object", per_object("deletion.cpu_seconds", " ms", 1000)),
        ),
    ),
    (
        "While requests fail",
        (
            ("create → Ready, seconds", spread("faults.ready.seconds_from_create")),
            ("calls per object that reached the cloud", one("faults.ready.calls_per_object")),
            ("resources too many in the cloud", one("faults.more_than_wanted_in_cloud")),
            ("processor time per object", per_object("faults.ready.cpu_seconds", " ms", 1000)),
            ("deletion of all asked for, seconds", spread("faults.deletion.cloud_seconds")),
        ),
    ),
)
CURVES = {
    "created": ("created", "1 4"),
    "cloud": ("in the cloud", "6 4"),
    "ready": ("Ready", ""),
    "gone": ("gone", ""),
}
"""Of a phase: what a legend says, and how the line is drawn."""
COST = (
    ("calls", "Calls per object, from nothing to Ready", "ready.calls_per_object", False),
    ("cpu", "Processor seconds, from nothing to Ready", "ready.cpu_seconds", True),
    ("memory", "Most resident memory in MiB", "ready.rss_peak_mib", True),
    ("time", "Seconds until the last one is Ready", "ready.last_ready_seconds", True),
)
"""Pictures of cost by the size of the fleet: file, title, figure, whether logarithmic."""


def write(files: Iterable[Path], page: Path) -> int:
    """Write the page of some results with its pictures beside it; return the exit code."""
    results = [json.loads(file.read_text()) for file in files]
    page.parent.mkdir(parents=True, exist_ok=True)
    for stale in page.parent.glob(f"{page.stem}-*.svg"):
        stale.unlink()
    text, pictures = rendered(results, page.stem)
    for name, picture in pictures.items():
        (page.parent / name).write_text(picture)
    page.write_text(text)
    return 0


def rendered(results: Sequence[Json], stem: str) -> tuple[str, dict[str, str]]:
    """Return the text of the page, and its pictures by file name."""
    lines = [_HEAD, *_machines(results)]
    pictures: dict[str, str] = {}
    for number, group in enumerate(_groups(results)):
        runs = [
            Run(result["contestant"]["name"], result, figures)
            for result in group
            for figures in result["sizes"]
        ]
        runs.sort(key=lambda run: run.size)
        drawn = dict(_pictures(runs, f"{stem}-{number + 1}"))
        pictures |= {name: picture for name, (_, picture) in drawn.items()}
        lines += _section(group, runs)
        lines += [f"![{title}]({name})\n" for name, (title, _) in drawn.items()]
    return "\n".join(lines).rstrip() + "\n", pictures


def _groups(results: Sequence[Json]) -> list[list[Json]]:
    found: dict[str, list[Json]] = {}
    for each in results:
        key = json.dumps([each["options"][name] for name in ALIKE])
        found.setdefault(key, []).append(each)
    return list(found.values())


def _machines(results: Sequence[Json]) -> Iterator[str]:
    for result in results:
        machine, who = result["machine"], result["contestant"]
        version = f" ({who['version']})" if who["version"] else ""
        yield (
            f"- {who['name']}{version}, {result['taken']}: {machine['processor']}, "
            f"{machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
            f"Python {machine['python']}, load {machine['load_at_start']} at the start."
        )
        if who["about"]:
            yield f"  {who['about'][0].upper()}{who['about'][1:]}."


def _section(group: Sequence[Json], runs: Sequence[Run]) -> Iterator[str]:
    options = group[0]["options"]
    yield f"\n## {', '.join(options['families'])}\n"
    yield (
        f"In equal shares. A create takes {options['transition_seconds']:g} s in the cloud where "
        f"it takes time; accounts allow {options['requests_per_second']} requests a second to whom "
        f"asks; {options['edits']} objects at most are edited while nobody runs; of the requests "
        f"{options['fault_percent']:g} % fail in the last part.\n"
    )
    yield f"| | {' | '.join(f'{run.name}, {run.size:,}' for run in runs)} |"
    yield f"| --- |{' --- |' * len(runs)}"
    for title, rows in TABLE:
        shown_rows = [(label, [show(run) for run in runs]) for label, show in rows]
        shown_rows = [row for row in shown_rows if set(row[1]) != {NONE}]
        if shown_rows:
            yield f"| **{title}** |{' |' * len(runs)}"
            yield from (f"| {label} | {' | '.join(cells)} |" for label, cells in shown_rows)
    yield ""


def _pictures(runs: Sequence[Run], stem: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield file name, title and SVG of each picture."""
    names = list(dict.fromkeys(run.name for run in runs))
    seconds, objects = Axis("seconds"), Axis("objects")
    for size in sorted({run.size for run in runs}):
        for phase, title in (("ready", "Ready over time"), ("deletion", "Deleted over time")):
            lines = [
                line
                for run in runs
                if run.size == size
                for line in _curves(run, phase, names.index(run.name))
            ]
            if lines:
                told = f"{title}, {size:,} objects"
                name = f"{stem}-{phase}-{size}.svg"
                yield name, (told, chart(told, lines, seconds, objects))
    if len({run.size for run in runs}) == 1:
        return
    for slug, title, path, is_log in COST:
        lines = list(_against_size(runs, names, path))
        if lines:
            x, y = Axis("objects of the fleet", is_log=True), Axis("", is_log=is_log)
            yield f"{stem}-{slug}.svg", (title, chart(title, lines, x, y))


def _curves(run: Run, phase: str, color: int) -> Iterator[Line]:
    for kind, points in (run.at(f"{phase}.curves") or {}).items():
        words, dashes = CURVES[kind]
        pairs = [(x, y) for x, y in points]
        yield Line(f"{run.name}: {words}", pairs, color, dashes=dashes)


def _against_size(runs: Sequence[Run], names: Sequence[str], path: str) -> Iterator[Line]:
    for number, name in enumerate(names):
        points = [
            (float(run.size), float(run.at(path)))
            for run in runs
            if run.name == name and run.at(path)
        ]
        if points:
            yield Line(name, points, number, has_dots=True)


_HEAD = """<!-- generated by `make bench ARGS="--page …"`; do not edit -->
# A fleet on real parts

etcd, kube-apiserver, the simulated cloud and the contestant, each a process of its own, all on one
machine. What happens in each phase, and how to take part: [contestants](contestants.md). Counts are
those of the cloud's log and of the API server's audit log, Leases and Events left out; processor
time and memory are /proc's, children included. Compare seconds with others of the same machine.
"""
