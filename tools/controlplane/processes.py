"""The launcher's side of the supervisor: starts programs that cannot be left running."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from controlplane.errors import ControlPlaneError

SUPERVISOR = Path(__file__).with_name("supervisor.py")


class Supervisor:
    """Owns programs and a folder; both are gone when it closes or this process dies."""

    def __init__(self, home: Path) -> None:
        # In a session of its own: Ctrl-C in a terminal reaches us, and we close it in order.
        self._process = subprocess.Popen(
            [sys.executable, "-I", SUPERVISOR, home],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Process id of the supervisor."""
        return self._process.pid

    def start(
        self, name: str, argv: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None
    ) -> int:
        """Start a program, its output appended to `log`; return its process id.

        Args:
            name: For `stop`, `kill` and `exit_code`.
            argv: Command line; it is no place for secrets, other users can read it.
            log: File that gets both of its streams; its folder is where the program runs.
            env: Its whole environment; None: ours.
        """
        environ = None if env is None else dict(env)
        pid: int = self._ask(start=name, argv=list(argv), log=str(log), env=environ)["pid"]
        return pid

    def stop(self, name: str, *, seconds: float) -> int:
        """Stop a program, by force after `seconds`; return its exit code."""
        code: int = self._ask(stop=name, seconds=seconds)["code"]
        return code

    def kill(self, name: str) -> None:
        """End a program by SIGKILL, as a crash would."""
        self._ask(kill=name)

    def exit_code(self, name: str) -> int | None:
        """Return the exit code of a program, None while it runs."""
        code: int | None = self._ask(code=name)["code"]
        return code

    def close(self) -> None:
        """Kill the programs and remove the folder; closing twice is fine."""
        if self._process.stdin and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):  # a supervisor that was killed reads no more
                self._process.stdin.close()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def _ask(self, **command: Any) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None or stdin.closed:
            raise ControlPlaneError("the control plane is stopped")
        try:
            stdin.write(json.dumps(command) + "\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise ControlPlaneError("the supervisor of the control plane died")
        answer: dict[str, Any] = json.loads(line)
        return answer
