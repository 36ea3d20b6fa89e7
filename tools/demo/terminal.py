"""Whom Ctrl-C reaches: the demo alone, and not whoever started it."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def own_keyboard() -> Iterator[None]:
    """Take the terminal for ourselves, and give it back at the end.

    A terminal sends Ctrl-C to all of a foreground group. Ours is that of make, which would call an
    ordinary end an error. Elsewhere than on a terminal, or where the group is ours alone, nothing
    is to be done.
    """
    group, ours = os.getpgrp(), os.getpid()
    if group == ours or not _is_in_front(group):
        yield
        return
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # else taking it back would stop us
    os.setpgid(0, 0)
    os.tcsetpgrp(sys.stdin.fileno(), ours)
    try:
        yield
    finally:
        os.tcsetpgrp(sys.stdin.fileno(), group)
        os.setpgid(0, group)
        signal.signal(signal.SIGTTOU, before)


def _is_in_front(group: int) -> bool:
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == group
    except (OSError, ValueError):
        return False
