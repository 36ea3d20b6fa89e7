"""`ar runtime apply` in a loop: what changed in the folder $MANIFESTS first, all once a minute.

A contestant of the bench, and about what people write who have the CLI and no operator. It keeps
nothing on disk: after a restart everything counts as changed, and what was removed meanwhile is
found by a list.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PAUSE_SECONDS = 1.0
AGAIN_SECONDS = 60.0
"""Until what has not changed is applied again: so long a difference stays unseen."""
BATCH = 10
"""Documents of one call: a start of the CLI costs a second, and a failure ends the whole call."""
AT_A_TIME = 2


def ar(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the CLI."""
    done = subprocess.run(["ar", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607 - the program that is measured, on PATH on purpose
    if done.returncode != 0:
        print(f"ar {arguments[:2]}: {done.returncode}: {done.stderr[-500:]}", flush=True)  # noqa: T201 - the log
    return done


def apply(texts: Sequence[str]) -> bool:
    """Apply a few documents; return whether all of them were taken."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("\n---\n".join(texts))
        file.flush()
        return ar("runtime", "apply", "--no-wait", "--file", file.name).returncode == 0


def delete(name: str) -> bool:
    """Delete a runtime; return whether it is on its way, or gone already."""
    not_found = 1
    return ar("runtime", "delete", name, "--yes", "--no-wait").returncode in (0, not_found)


def existing() -> Iterator[str]:
    """Yield the names of all runtimes, once a list succeeds."""
    while (done := ar("runtime", "list")).returncode != 0:
        time.sleep(PAUSE_SECONDS)
    for each in json.loads(done.stdout):
        if each["status"] != "DELETING":
            yield each["name"]


class Loop:
    """What it remembers from round to round."""

    def __init__(self, folder: Path, known: Iterable[str]) -> None:
        self._folder = folder
        self._known = set(known)
        self._applied: dict[str, tuple[str, float]] = {}
        self._pool = ThreadPoolExecutor(AT_A_TIME)

    def turn(self) -> bool:
        """Work off what is most urgent, a few calls at most; return whether there was anything."""
        texts = {file.stem: file.read_text() for file in self._folder.glob("*.yaml")}
        now = time.monotonic()
        due = [name for name, text in texts.items() if self._urgency(name, text, now) > 0]
        due.sort(key=lambda name: -self._urgency(name, texts[name], now))
        due = due[: BATCH * AT_A_TIME]
        batches = [due[n : n + BATCH] for n in range(0, len(due), BATCH)]
        done = self._pool.map(lambda names: apply([texts[name] for name in names]), batches)
        for names, is_done in zip(batches, done, strict=True):
            # What a failed call has done nobody knows; it may well exist.
            self._known.update(names)
            self._applied |= {name: (texts[name], now) for name in names if is_done}
        removed = sorted(self._known - set(texts))[: BATCH * AT_A_TIME]
        for name, is_gone in zip(removed, self._pool.map(delete, removed), strict=True):
            if is_gone:
                self._known.discard(name)
                self._applied.pop(name, None)
        return bool(due or removed)

    def _urgency(self, name: str, text: str, now: float) -> float:
        """Return infinity for what changed, else how many seconds it is overdue."""
        before, at = self._applied.get(name, ("", 0.0))
        return float("inf") if before != text else now - at - AGAIN_SECONDS


def main() -> None:
    """Loop until killed."""
    loop = Loop(Path(os.environ["MANIFESTS"]), existing())
    while True:
        if not loop.turn():
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
