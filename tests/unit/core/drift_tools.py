"""What the tests of drift, removed fields and clearing share."""

import copy
from collections.abc import Mapping
from typing import Any

from agentrun_operator.core.drift import Drift


def paths_of(drift: tuple[Drift, ...]) -> list[str]:
    return [d.path for d in drift]


def without(spec: Mapping[str, Any], *path: Any) -> dict[str, Any]:
    rest: dict[str, Any] = copy.deepcopy(dict(spec))
    node: Any = rest
    for step in path[:-1]:
        node = node[step]
    del node[path[-1]]
    return rest


def merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict) and new):
        return new
    return {k: merged(old[k], new[k]) if k in old and k in new else {**old, **new}[k]
            for k in {**old, **new}}  # fmt: skip
