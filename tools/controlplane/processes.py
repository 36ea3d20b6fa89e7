"""The launcher's side of the supervisor: starts programs that cannot be left running."""

import abc
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from controlplane.errors import ControlPlaneError

SUPERVISOR = Path(__file__).with_name("supervisor.py")
LOG_TAIL_BYTES = 4000


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


class Launcher(abc.ABC):
    """Starts programs in a folder of its own; a context manager that leaves nothing behind."""

    def __init__(self) -> None:
        self._home = Path()
        self._supervisor: Supervisor | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abc.abstractmethod
    def start(self) -> None:
        """Start everything and return when it is ready."""

    def stop(self) -> None:
        """End everything; stopping twice is fine."""
        if self._supervisor is not None:
            self._supervisor.close()
            self._supervisor = None
            shutil.rmtree(self._home, ignore_errors=True)  # in case the supervisor was killed

    def _open(self, name: str) -> None:
        """Make the folder, and what owns the programs."""
        self._home = Path(tempfile.mkdtemp(prefix=f"agentrun-{name}-"))
        self._supervisor = Supervisor(self._home)

    @property
    def _running(self) -> Supervisor:
        if self._supervisor is None:
            raise ControlPlaneError(f"{type(self).__name__} is not running")
        return self._supervisor

    def _log(self, name: str) -> Path:
        return self._home / f"{name}.log"

    def _require_alive(self, name: str) -> None:
        """Raise what a program has said, if it exited."""
        code = self._running.exit_code(name)
        if code is not None:
            log = self._log(name).read_text(errors="replace")
            raise ControlPlaneError(f"{name} exited with {code}:\n{log[-LOG_TAIL_BYTES:]}")
