"""The catalogue: every module here declares one kind; `parts` holds what several of them share."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from agentrun_operator.core.kind import ResourceKind


@cache
def catalogue() -> Mapping[str, ResourceKind]:
    """Return every kind by its name, sorted by name."""
    modules = (
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
        if not info.ispkg
    )
    kinds: dict[str, ResourceKind] = {module.KIND.kind: module.KIND for module in modules}
    return MappingProxyType(dict(sorted(kinds.items())))


def kind_names() -> tuple[str, ...]:
    """Return the name of every kind, from its file: for a kind that has to name the others."""
    files = (info.name for info in pkgutil.iter_modules(__path__) if not info.ispkg)
    return tuple("".join(map(str.capitalize, file.split("_"))) for file in sorted(files))
