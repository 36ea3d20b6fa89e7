"""Filters and pages of lists.

Source: control-plane reference, §4.1 (pagination) and §6 (filters).
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from agentrun_simulator import schema
from agentrun_simulator.calls import Call
from agentrun_simulator.errors import invalid
from agentrun_simulator.family import Family, Filter, Match
from agentrun_simulator.settings import Settings
from agentrun_simulator.store import Record, values_at

Found = TypeVar("Found")

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
_MAX_DIGITS = 10


Render = Callable[[Record, frozenset[str]], dict[str, Any]]
"""Shows a record, of its fields those that a list may show."""


def page(call: Call, settings: Settings, render: Render) -> dict[str, Any]:
    """Return the `data` of a list answer."""
    texts = [(each, call.query.get(each.parameter)) for each in call.family.filters]
    asked = [(each, text) for each, text in texts if text]
    way = settings.switches.name_filter
    found = list(_candidates(call, settings.stale_list_seconds))
    for condition, wanted in asked:
        found = [each for each in found if _accepts(condition, each, wanted, call.query, way)]
    shown = _item_fields(call.operation, call.family)

    def item(record: Record) -> dict[str, Any]:
        return render(record, shown)

    return (
        token_page(call, found, item)
        if call.family.paging.by_token
        else number_page(call, found, item)
    )


def number_page(
    call: Call, found: list[Found], render: Callable[[Found], dict[str, Any]]
) -> dict[str, Any]:
    """Cut one numbered page out of all matches, rendering only what it holds."""
    paging = call.family.paging
    number = _positive(call, "pageNumber", 1)
    size = min(_positive(call, "pageSize", DEFAULT_PAGE_SIZE), MAX_PAGE_SIZE)
    items = found[(number - 1) * size : number * size]
    numbers = {"pageNumber": number, "pageSize": size, "total": len(found)}
    shown = {
        name: str(value) if paging.numbers_as_text else value for name, value in numbers.items()
    }
    return {paging.items: [render(item) for item in items], **shown}


def token_page(
    call: Call, found: list[Found], render: Callable[[Found], dict[str, Any]]
) -> dict[str, Any]:
    """Cut the page that an opaque token points at; the last one carries no token."""
    size = min(_positive(call, "maxResults", DEFAULT_PAGE_SIZE), MAX_PAGE_SIZE)
    start = _offset(call.query.get("nextToken", ""))
    answer: dict[str, Any] = {"items": [render(item) for item in found[start : start + size]]}
    if start + size < len(found):
        answer["nextToken"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return answer


def _offset(token: str) -> int:
    if not token:
        return 0
    try:
        digits = base64.b64decode(token, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        digits = b""
    if not digits.isdigit() or len(digits) > _MAX_DIGITS:
        raise invalid("nextToken is not valid")
    return int(digits)


def _positive(call: Call, name: str, default: int) -> int:
    text = call.query.get(name) or str(default)
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    value = int(text) if is_number else 0
    if value < 1:
        raise invalid(f"{name} must be a positive integer")
    return value


def _candidates(call: Call, max_age_seconds: float) -> Iterator[Record]:
    parent = call.keys[0] if call.family.parent is not None else None
    listed = call.tenant.listed(call.family.name, call.now, max_age_seconds)
    return listed if parent is None else (each for each in listed if each.parent == parent)


def _accepts(
    condition: Filter, record: Record, wanted: str, query: Mapping[str, str], way: str
) -> bool:
    name = condition.field or condition.parameter
    if condition.path:
        return wanted in values_at(record.data, condition.path)
    has_status = record.family.lifecycle.has_status
    value = record.status if name == "status" and has_status else record.data.get(name)
    if condition.match is Match.ANY_OF:
        return value in wanted.split(",")
    if condition.match is Match.ALL_OF:
        return set(wanted.split(",")) <= set(value or ())
    if condition.match is Match.CONTAINS and query.get("searchMode") != "exact":
        return _resembles(str(value or ""), wanted, way)
    if isinstance(value, bool):
        return wanted.lower() == str(value).lower()
    return value == wanted


def _resembles(value: str, wanted: str, way: str) -> bool:
    if way == "exact":
        return value == wanted
    return value.startswith(wanted) if way == "prefix" else wanted in value


def _item_fields(operation: schema.Operation, family: Family) -> frozenset[str]:
    """Return the fields that the list's item schema declares; some lists show a short form."""
    items = schema.properties(operation.data)[family.paging.items]
    return frozenset(schema.properties(items["items"]))
