"""The level of the log while the process runs: a mounted file says it, SIGUSR1 turns debug on.

The kubelet brings a changed ConfigMap to its file within about a minute, so that neither a Pod has
to start anew nor anybody needs a shell in it.
"""

import asyncio
import signal
from pathlib import Path
from typing import Final

import structlog

from agentrun_operator.telemetry.logs import set_level

LEVELS: Final = ("debug", "info", "warning", "error")
FOLLOW_SECONDS: Final = 5.0
"""Between two looks at the file."""

log = structlog.get_logger(__name__)


class LevelSwitch:
    """Holds the level that was asked for, and whether debug is on beyond it.

    Args:
        level: What holds until the file says otherwise.
        file: Holds one word of `LEVELS`; None, or one that does not exist: nobody changes it there.
    """

    def __init__(self, level: str, file: Path | None = None) -> None:
        self._asked = level.lower()
        self._file = file
        self._is_debug = False
        self._refused = ""

    @property
    def level(self) -> str:
        """What holds now."""
        return "debug" if self._is_debug else self._asked

    def toggle(self) -> None:
        """Turn debug on, or back off."""
        before, self._is_debug = self.level, not self._is_debug
        self._changed(before)

    def look(self) -> None:
        """Read the file; what is no level changes nothing and is told once."""
        word = self._word()
        if word is None or word == self._asked:
            self._refused = ""
        elif word in LEVELS:
            before, self._asked, self._refused = self.level, word, ""
            self._changed(before)
        elif word != self._refused:
            self._refused = word
            log.warning("log level not understood", now=self.level)

    async def follow(self) -> None:
        """Take SIGUSR1 and look at the file again and again, until cancelled."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self.toggle)
        while True:
            self.look()
            await asyncio.sleep(FOLLOW_SECONDS)

    def _word(self) -> str | None:
        if self._file is None:
            return None
        try:
            return self._file.read_text(encoding="utf-8", errors="replace")[:64].strip().lower()
        except OSError:
            return None

    def _changed(self, before: str) -> None:
        if before == self.level:
            return
        # While the chattier of the two holds: who turns the log down is told of it as well.
        set_level(min(before, self.level, key=LEVELS.index))
        log.info("log level changed", now=self.level, was=before)
        set_level(self.level)
