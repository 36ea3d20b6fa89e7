"""From method and raw path to one family's operation.

Paths are split on the raw `/` first and decoded after, because a name may contain an encoded one.

Source: control-plane reference, §2.2 and §10 item 2.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote

from agentrun_simulator import schema
from agentrun_simulator.calls import Call
from agentrun_simulator.engine import Engine, ServedFamily
from agentrun_simulator.errors import bad_request, not_found, unknown_api
from agentrun_simulator.family import Family
from agentrun_simulator.schema import API_VERSION, Operation

Handler = Callable[[Call], dict[str, Any] | None]

_COLLECTION_VERBS = {"POST": "create", "GET": "list"}
_ITEM_VERBS = {"GET": "get", "PUT": "update", "DELETE": "delete"}


@dataclass(frozen=True)
class Route:
    """Where a request goes."""

    family: Family
    operation: Operation
    handler: Handler


@dataclass
class _Node:
    """One level of the path tree; a fixed word wins over a parameter."""

    children: dict[str, "_Node"] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)


class Router:
    """The operations of the known families, by path."""

    def __init__(self, engine: Engine) -> None:
        self._root = _Node()
        self._named: dict[str, Route] = {}
        self._creates: dict[str, Route] = {}
        for operation in schema.operations():
            for family in engine.families.values():
                handler = _handler(engine, family, operation)
                if handler is None:
                    continue
                route = Route(family, operation, handler)
                self._add(route)
                if operation.segments == family.segments and operation.method == "POST":
                    self._creates[family.name] = route

    def match(self, method: str, raw_path: str) -> tuple[Route, tuple[str, ...]]:
        """Return the route of a request and its decoded path parameters.

        Raises:
            ServiceError: 404 for an unknown path or method, 400 for a path that is not UTF-8.
        """
        version, *segments = raw_path.removeprefix("/").split("/")
        node, keys = self._root, []
        if version != API_VERSION:
            raise unknown_api()
        for segment in segments:
            if segment in node.children:
                node = node.children[segment]
            elif segment and "{}" in node.children:
                node = node.children["{}"]
                keys.append(_decoded(segment))
            else:
                raise unknown_api()
        if method not in node.routes:
            raise unknown_api()
        return node.routes[method], tuple(keys)

    def named(self, action: str) -> Route:
        """Return the route of an operation by its name."""
        return self._named[action]

    def creating(self, family: str) -> Route:
        """Return the route that creates a resource of a family.

        Raises:
            ServiceError: 404 when there is no such family.
        """
        if family not in self._creates:
            raise not_found("family", family)
        return self._creates[family]

    def _add(self, route: Route) -> None:
        node = self._root
        self._named[route.operation.action] = route
        for segment in route.operation.segments:
            node = node.children.setdefault(segment, _Node())
        node.routes[route.operation.method] = route


def _handler(engine: Engine, family: ServedFamily, operation: Operation) -> Handler | None:
    if action := family.actions.get(operation.action):
        return partial(action, engine)
    if operation.segments == family.segments:
        verb = _COLLECTION_VERBS.get(operation.method)
    elif operation.segments == (*family.segments, "{}"):
        verb = _ITEM_VERBS.get(operation.method)
    else:
        return None
    if verb is None:
        return None
    if replaced := family.verbs.get(verb):
        return partial(replaced, engine)
    return engine.verbs[verb]


def _decoded(segment: str) -> str:
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise bad_request("the path is not valid UTF-8") from None
