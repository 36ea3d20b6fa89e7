"""The catalogue: every module here declares one kind; `parts` holds what several of them share."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from agentrun_operator.core.kind import ResourceKind


@cache
def catalogue() -> Mapping[str, ResourceKind]:
    """Return every kind by its name, sorted by name."""
    kinds: dict[str, ResourceKind] = {module.KIND.kind: module.KIND for module in _modules()}
    return MappingProxyType(dict(sorted(kinds.items())))


def names_of_others(asking: str) -> tuple[str, ...]:
    """Return the names of all kinds but that of a module, which is still being imported.

    They come from the declarations: the name of a file does not tell IMBot from ImBot. One module
    alone may ask; two would import each other.
    """
    return tuple(sorted(module.KIND.kind for module in _modules(besides=asking)))


def _modules(besides: str = "") -> Iterator[Any]:
    for info in pkgutil.iter_modules(__path__):
        name = f"{__name__}.{info.name}"
        if not info.ispkg and name != besides:
            yield importlib.import_module(name)
