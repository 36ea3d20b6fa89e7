"""Admission by the real API server: what it lets through, and what it says to the rest."""

import re
from typing import Any

from bad_input.cases import Case
from integration.admission.objects import collection, manifest, path_of
from integration.admission.server import Json, Refused, Server

_FIELD = re.compile(r"\bspec\b|\bmetadata\.\w+|unknown field")
_UNHELPFUL = re.compile(
    r"internal error|failed to evaluate|no such (key|overload)|cost (limit|budget)|compil|panic"
    r"|failed rule",
    re.IGNORECASE,
)


class Gate:
    """One API server, which holds one object at a time."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def create(self, case: Case) -> Json:
        """Store an object. Raises Refused."""
        body = manifest(case.resource_kind, case.name, case.spec)
        body["metadata"]["annotations"] = dict(case.annotations)
        return self._server.create(collection(case.resource_kind), body)

    def edit(self, case: Case, stored: Json) -> Json:
        """Replace the spec by the later one. Raises Refused."""
        path = path_of(case.resource_kind, stored)
        now = self._server.read(path)
        return self._server.replace(path, {**now, "spec": case.later})

    def tell(self, case: Case, stored: Json, status: Json) -> str | None:
        """Write a status as the operator does; return what the API server has against it."""
        path = f"{path_of(case.resource_kind, stored)}/status"
        wanted = _plain(status)
        try:
            kept = self._server.json_patch(
                path, [{"op": "add", "path": "/status", "value": wanted}]
            )
        except Refused as refusal:
            return f"the status is refused: {refusal}"
        lost = [name for name in wanted if kept["status"].get(name) != wanted[name]]
        return f"the status loses {lost}" if lost else None

    def remove(self, case: Case, stored: Json) -> None:
        """Forget an object."""
        self._server.delete(path_of(case.resource_kind, stored))


def is_helpful(refusal: Refused) -> bool:
    """Whether a refusal names a field, and speaks to people."""
    text = str(refusal)
    return bool(_FIELD.search(text)) and not _UNHELPFUL.search(text)


def _plain(value: Any) -> Any:
    """Return JSON as the writer sends it: no nulls, no tuples."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if v is not None}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
