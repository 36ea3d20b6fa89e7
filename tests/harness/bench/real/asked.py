"""What the cloud was asked, read off the simulator's log as it grows."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from agentrun_simulator.families import FAMILIES
from rig import SimulatedCloud
from rig.cloud import QUESTION

READ_SECONDS = 1.0
"""Between two reads: the log keeps the last 50,000 requests, which are gone in no second."""
ANSWER_SECONDS = 10.0
"""A request without a status for so long has lost its connection, and gets none any more."""
OK = range(200, 300)

NAMES = {family.name: family.name_field for family in FAMILIES}
TAKES_TIME = {family.name: family.lifecycle.creating for family in FAMILIES}
"""Whether a create is followed by a transition; the others are READY with its answer."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        at: When it came in, POSIX time.
        action: Operation.
        status: HTTP status; None where the connection was lost.
        path: Raw path.
        name: Of the resource that a create makes.
        description: What its body says.
    """

    at: float
    action: str
    status: int | None
    path: str
    name: str
    description: str

    @property
    def is_good(self) -> bool:
        """Whether it did what it asked for."""
        return self.status in OK


class Asked:
    """All requests since its start; a context manager with a thread that reads them."""

    def __init__(self, cloud: SimulatedCloud) -> None:
        self._cloud = cloud
        self._calls: list[Call] = []
        self._since = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read_on, daemon=True)
        self._lost = ""

    def __enter__(self) -> Self:
        self._since = self._cloud.position()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def position(self) -> int:
        """Return how many requests there were; pass it as `since` to skip them."""
        return len(self.calls())

    def calls(self, since: int = 0) -> Sequence[Call]:
        """Return the requests after the first `since`, up to now.

        Raises:
            RuntimeError: the log has lost some, so that no count is right.
        """
        self._read()
        if self._lost:
            raise RuntimeError(self._lost)
        return self._calls[since:]

    def _read_on(self) -> None:
        while not self._stop.wait(READ_SECONDS):
            self._read()

    def _read(self) -> None:
        with self._lock:
            patience = time.time() - ANSWER_SECONDS
            for entry in self._cloud.requests(since=self._since):
                at = datetime.fromisoformat(entry["time"]).timestamp()
                if entry["status"] is None and at > patience:
                    return  # and read again with its answer
                if entry["seq"] != self._since + 1 and self._since:
                    self._lost = f"the cloud's log lost requests {self._since + 1} and after"
                self._since = entry["seq"]
                self._calls.append(_call(at, entry))


def _call(at: float, entry: Mapping[str, Any]) -> Call:
    body = entry["body"] if isinstance(entry["body"], dict) else {}
    family = entry["action"].removeprefix("Create")
    name = str(body.get(NAMES.get(family, ""), ""))
    description = str(body.get("description", ""))
    return Call(at, entry["action"], entry["status"], entry["path"], name, description)


def counted(calls: Sequence[Call]) -> dict[str, int]:
    """Return how many requests there were: all, by what they do, and those for a change."""
    verbs = Counter(next(_verbs(call)) for call in calls)
    writes = sum(verbs[verb] for verb in ("Create", "Update", "Delete"))
    return {"all": len(calls), **dict(sorted(verbs.items())), "writes": writes}


def _verbs(call: Call) -> Iterator[str]:
    if call.action != QUESTION:
        yield from (
            v for v in ("List", "Get", "Create", "Update", "Delete") if v in call.action[:6]
        )
    yield "other"


def ready_times(calls: Sequence[Call], transition_seconds: float) -> dict[str, float]:
    """Return when each created resource became READY in the cloud, by its name."""
    found: dict[str, float] = {}
    for call in calls:
        family = call.action.removeprefix("Create")
        if call.is_good and call.name and family != call.action:
            wait = transition_seconds if TAKES_TIME.get(family) else 0.0
            found.setdefault(call.name, call.at + wait)
    return found


def deletion_times(calls: Sequence[Call], families: Iterable[str]) -> list[float]:
    """Return when the deletion of each resource was asked for the first time with success."""
    found: dict[str, float] = {}
    wanted = {f"Delete{family}" for family in families}
    for call in calls:
        if call.is_good and call.action in wanted:
            found.setdefault(call.path, call.at)
    return sorted(found.values())


def arrivals(calls: Sequence[Call], descriptions: Sequence[str]) -> dict[str, float]:
    """Return when the update with each description came in, by description."""
    wanted, found = set(descriptions), dict[str, float]()
    for call in calls:
        is_edit = call.is_good and call.action.startswith("Update")
        if is_edit and call.description in wanted:
            found.setdefault(call.description, call.at)
    return found
