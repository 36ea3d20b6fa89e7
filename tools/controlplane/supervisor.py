"""A small process that owns the control plane's programs and outlives whoever started it.

Run as a script with the folder to remove at the end. It reads one JSON command per line from
standard input and answers each with one line. When standard input closes, because the launcher
asked it to finish or was killed in any way, it kills the programs and removes the folder.

Commands, with what they answer:
    {"start": name, "argv": [...], "log": path}   {"pid": n}; with "env": {...} in place of ours
    {"stop": name, "seconds": n}                  {"code": n}; killed if it takes longer
    {"kill": name}                                {"code": n}; at once, by SIGKILL
    {"code": name}                                {"code": n}; null while it runs
"""

import ctypes
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve commands until standard input ends, then leave nothing behind."""
    home = Path(sys.argv[1])
    for number in (signal.SIGINT, signal.SIGHUP):  # meant for the launcher, which then closes us
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    programs: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line), programs)), flush=True)
    except BrokenPipeError:
        pass  # the launcher died between its question and our answer
    finally:
        for program in programs.values():
            program.kill()
        for program in programs.values():
            program.wait()
        shutil.rmtree(home, ignore_errors=True)


def answer(command: dict[str, Any], programs: dict[str, subprocess.Popen[bytes]]) -> dict[str, Any]:
    """Carry out one command."""
    if "start" in command:
        with Path(command["log"]).open("ab") as log:
            program = subprocess.Popen(
                command["argv"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=Path(command["log"]).parent,
                env=command.get("env"),
                # Quirk: safe here, this process has one thread.
                preexec_fn=die_with_parent,  # noqa: PLW1509
            )
        programs[command["start"]] = program
        return {"pid": program.pid}
    if "stop" in command:
        program = programs.pop(command["stop"])
        program.terminate()
        try:
            program.wait(command["seconds"])
        except subprocess.TimeoutExpired:
            program.kill()
        return {"code": program.wait()}
    if "kill" in command:
        program = programs.pop(command["kill"])
        program.kill()
        return {"code": program.wait()}
    return {"code": programs[command["code"]].poll()}


def die_with_parent() -> None:
    """Have Linux kill this program when the supervisor itself is killed; elsewhere do nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
