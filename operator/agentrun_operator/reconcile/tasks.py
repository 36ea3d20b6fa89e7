"""Names of tasks: they tell whoever looks at the loop which object is being served."""

import asyncio

from agentrun_operator.core.identity import ObjectKey


def name_pass(key: ObjectKey | None) -> None:
    """Name the running task after the object it serves; None: it waits for the next one."""
    if (task := asyncio.current_task()) is not None:
        task.set_name("worker" if key is None else f"pass {key}")
