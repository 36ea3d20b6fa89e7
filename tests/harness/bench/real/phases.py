"""What happens to a fleet, one phase after the other, and the figures of each."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.real.asked import Call, arrivals, deletion_times, ready_times
from bench.real.contestant import Thing
from bench.real.figures import curve, spread
from bench.real.stage import Mark, Stage

SETTLE_SECONDS, SETTLE_AT_MOST = 10.0, 120.0
"""So long nothing is written before a quiet minute begins; who never rests has one all the same."""


def to_ready(stage: Stage) -> dict[str, Any]:
    """Create the fleet; return how long it took to be Ready, and at what cost."""
    mark = stage.mark()
    stage.create_all()
    created = time.time()
    stage.report(f"  {len(stage.things)} created in {created - mark.at:.1f} s; waiting for Ready")
    stage.wait(lambda: _all_ready(stage, mark), "all to be Ready")
    spent = stage.spent(mark)
    in_cloud = _in_cloud(stage, mark)
    ready = _ready(stage, mark)
    begun = min(stage.created.values())
    found = {
        "seconds_from_create": spread(ready[n] - at for n, at in stage.created.items()),
        "cloud_seconds_from_create": spread(in_cloud[n] - at for n, at in stage.created.items()),
        "lag_seconds": None,
        "last_ready_seconds": round(max(ready.values()) - begun, 3),
        "last_created_seconds": round(max(stage.created.values()) - begun, 3),
        **spent,
        "curves": {
            "created": curve(stage.created.values(), begun),
            "cloud": curve(in_cloud.values(), begun),
        },
    }
    if stage.takes_objects:
        found["lag_seconds"] = spread(ready[name] - at for name, at in in_cloud.items())
        found["curves"]["ready"] = curve(ready.values(), begun)
    return found


def quiet(stage: Stage) -> dict[str, Any]:
    """Return what a minute costs in which nobody wants anything."""
    is_restless = not _settled(stage)
    mark = stage.mark()
    time.sleep(stage.options.quiet_seconds)
    spent = stage.spent(mark)
    seconds = stage.options.quiet_seconds
    return {
        "is_restless": is_restless,
        "calls_per_minute": round(spent["calls"]["all"] * 60 / seconds, 1),
        "core_percent": round(spent["cpu_seconds"] / seconds * 100, 2),
        **spent,
    }


def restart(stage: Stage) -> dict[str, Any]:
    """Kill the contestant, edit some objects meanwhile, and start it again."""
    count = min(stage.options.edits, len(stage.things))
    chosen = [stage.things[n * len(stage.things) // count] for n in range(count)]
    stage.player.kill()
    wanted = {f"edited-while-nobody-ran-{thing.name}": thing for thing in chosen}
    generations = {text: stage.edit(thing, text) for text, thing in wanted.items()}
    mark = stage.mark()
    stage.player.start()
    passed = _wait_for_passes(stage)
    stage.wait(lambda: _are_edited(stage, mark, wanted, generations), "the edits to be carried on")
    arrived = arrivals(stage.calls(mark), list(wanted))
    return {
        "all_passed_seconds": None if passed is None else round(passed - mark.at, 2),
        "edits": count,
        "edit_seconds_from_start": spread(at - mark.at for at in arrived.values()),
        **stage.spent(mark),
    }


def resync_edit(stage: Stage) -> dict[str, Any]:
    """Edit one object while a new process goes through all of them; return how long it waits."""
    thing = stage.things[len(stage.things) // 2]
    text = "edited-in-a-resync"
    stage.player.kill()
    mark = stage.mark()
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(stage.player.start)
        stage.wait(lambda: stage.calls(mark), "the first request of a new process")
        edited = time.time()
        generation = stage.edit(thing, text)
        started.result()
    wanted, generations = {text: thing}, {text: generation}
    stage.wait(lambda: _are_edited(stage, mark, wanted, generations), "the edit to be carried on")
    arrived = arrivals(stage.calls(mark), [text])[text]
    ready = stage.seen.ready_since(thing.name, generation) if stage.takes_objects else None
    return {
        "start_to_first_call_seconds": round(edited - mark.at, 2),
        "edit_to_cloud_seconds": round(arrived - edited, 3),
        "edit_to_ready_seconds": None if ready is None else round(ready - edited, 3),
    }


def delete(stage: Stage) -> dict[str, Any]:
    """Delete the fleet; return how long that took."""
    mark = stage.mark()
    stage.delete_all()
    stage.wait(lambda: _all_gone(stage, mark), "all to be gone")
    spent = stage.spent(mark)
    asked = deletion_times(stage.calls(mark), stage.options.families)
    found = {"cloud_seconds": spread(at - mark.at for at in asked), "gone_seconds": None, **spent}
    found["curves"] = {"cloud": curve(asked, mark.at)}
    if stage.takes_objects:
        gone = [stage.seen.gone[thing.name] for thing in stage.things]
        found["gone_seconds"] = spread(at - mark.at for at in gone)
        found["curves"]["gone"] = curve(gone, mark.at)
    return found


def with_faults(stage: Stage) -> dict[str, Any]:
    """Bring a fleet to Ready, and delete it, while a share of the requests goes wrong."""
    assert stage.door is not None
    share = stage.options.fault_percent / 100
    # Of all requests, most of the share is refused; of the writes that are let through, the rest
    # is lost, half of it after it took effect: only that can make anything exist twice.
    stage.door.be_rude(share * 0.8)
    stage.door.lose(before=share * 0.1, after=share * 0.1)
    ready = to_ready(stage)
    twice = sum(len(items) for items in _alive(stage).values()) - len(stage.things)
    deletion = delete(stage)
    if stage.door.defects:
        raise RuntimeError(f"the proxy failed, so this proves nothing: {stage.door.defects[0]}")
    return {"ready": ready, "more_than_wanted_in_cloud": twice, "deletion": deletion}


PHASES: dict[str, Callable[[Stage], dict[str, Any]]] = {
    "ready": to_ready,
    "quiet": quiet,
    "restart": restart,
    "resync_edit": resync_edit,
    "deletion": delete,
}
"""In this order, on one rig."""
FAULTS = "faults"
"""On a rig of its own."""


# ---------------------------------------------------------------- what is waited for


def _in_cloud(stage: Stage, since: Mark) -> dict[str, float]:
    wanted = {thing.name for thing in stage.things}
    found = ready_times(stage.calls(since), stage.options.transition_seconds)
    return {name: at for name, at in found.items() if name in wanted}


def _ready(stage: Stage, since: Mark) -> dict[str, float]:
    """Return when the members became Ready: the objects, or where there are none, the resources."""
    if not stage.takes_objects:
        return _in_cloud(stage, since)
    found = {thing.name: stage.seen.ready_since(thing.name, 1) for thing in stage.things}
    return {name: at for name, at in found.items() if at is not None}


def _all_ready(stage: Stage, since: Mark) -> bool:
    if stage.takes_objects and len(stage.seen.ready) < len(stage.things):
        return False  # what follows costs a tenth of a second with 10,000 objects
    ready = _ready(stage, since)
    is_complete = len(ready) == len(stage.things) and max(ready.values()) <= time.time()
    return is_complete and len(_in_cloud(stage, since)) == len(stage.things)


def _are_edited(
    stage: Stage, since: Mark, wanted: dict[str, Thing], generations: dict[str, int]
) -> bool:
    if len(arrivals(stage.calls(since), list(wanted))) < len(wanted):
        return False
    return not stage.takes_objects or all(
        stage.seen.ready_since(thing.name, generations[text]) for text, thing in wanted.items()
    )


def _wait_for_passes(stage: Stage) -> float | None:
    """Return when there were as many passes as objects and none waited; None: it does not tell."""
    if not stage.player.metrics_url():
        return None

    def passed() -> bool:
        count, waiting = stage.player.passes() or (0.0, 0.0)
        return count >= len(stage.things) and waiting == 0

    stage.wait(passed, "a pass over every object")
    return time.time()


def _all_gone(stage: Stage, since: Mark) -> bool:
    if stage.takes_objects and any(t.name not in stage.seen.gone for t in stage.things):
        return False
    # The log is cheap to ask, the resources are not.
    asked = deletion_times(stage.calls(since), stage.options.families)
    return len(asked) >= len(stage.things) and not _alive(stage)


def _alive(stage: Stage) -> dict[str, list[dict[str, Any]]]:
    found = stage.rig.cloud.resources(account=stage.rig.account.account_id)
    families = {thing.family for thing in stage.things}
    return {family: items for family, items in found.items() if family in families}


def _settled(stage: Stage) -> bool:
    """Wait until nothing has been written for a while; return whether it came to that."""
    deadline = time.monotonic() + SETTLE_AT_MOST
    seconds = min(SETTLE_SECONDS, stage.options.quiet_seconds)
    while time.monotonic() < deadline:
        mark = stage.mark()
        time.sleep(seconds)
        if not _writes(stage.calls(mark)) and not _cluster_writes(stage, mark):
            return True
    return False


def _writes(calls: Sequence[Call]) -> bool:
    return any(call.action[:6] in ("Create", "Update", "Delete") for call in calls)


def _cluster_writes(stage: Stage, since: Mark) -> bool:
    writes = stage.rig.plane.audit.writes(user=stage.player.user, since=since.audit)
    return any(each.resource not in ("leases", "events") for each in writes)
