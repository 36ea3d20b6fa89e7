"""Runs a health check as Argo CD does: the object in, status and message out.

Argo CD's interpreter speaks Lua 5.1 with goto, as LuaJIT does. Scripts that ship with Argo CD get
every library; scripts from argocd-cm get no string, math, io, coroutine or debug.
"""

from collections.abc import Mapping
from typing import Any

from lupa.luajit21 import LuaRuntime  # type: ignore[import-untyped]

WITHHELD = ("string", "math", "io", "coroutine", "debug", "bit", "jit", "ffi")


class HealthScript:
    """One script, loaded."""

    def __init__(self, script: str, *, with_all_libraries: bool) -> None:
        self._lua = LuaRuntime(register_eval=False)
        if not with_all_libraries:
            for name in WITHHELD:
                self._lua.globals()[name] = None
        self._run = self._lua.execute(f"return function() {script}\nend")

    def health(self, body: Mapping[str, Any]) -> dict[str, str]:
        """Return status and message."""
        self._lua.globals()["obj"] = self._lua.table_from(body, recursive=True)
        return dict(self._run())
