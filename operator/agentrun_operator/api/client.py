"""The control plane of one account behind `ExternalAPI`, for any `Rest` mapping.

The client is kind-blind: a `Rest` says where a collection lives and how it pages; what to send and
what an answer means is the engine's business. What the client does guarantee is that absence is
only ever concluded from an answer that says so, and that no call leaves the resource it names.

Source: control-plane reference, §4 (answers), §6 (operations), §8.0 (keys).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import structlog

from agentrun_operator.api.auth import API_VERSION, encode_segment
from agentrun_operator.api.errors import error_for, is_absent, unusable
from agentrun_operator.api.exchange import Answer, Call
from agentrun_operator.api.identity import OwnedKeys, check_arns
from agentrun_operator.api.transport import Transport
from agentrun_operator.api.windows import PAGE_SIZE, Window
from agentrun_operator.core.errors import AnswerTooLarge, InvalidParameter, Unavailable
from agentrun_operator.core.identity import Locator
from agentrun_operator.core.kind import KeyedBy, Paging, Rest, Verb
from agentrun_operator.reconcile.ports import Json, Lookup, Page

_MAX_PAGES: Final = 1000
_DELETING: Final = "DELETING"
_WITHOUT_DATA: Final = "without the data that a success carries"
_ID: Final = re.compile(r"(?!\.{1,2}$)[\x21-\x7e]{0,256}")
"""Empty for none. No path can name what is called `.` or `..`."""

_PROBE: Final = Call(
    action="ListAgentRuntimes",
    method="GET",
    path=f"/{API_VERSION}/agents/runtimes",
    query={"pageNumber": "1", "pageSize": "1"},
    route=f"/{API_VERSION}/agents/runtimes",
)

log = structlog.get_logger(__name__)


class AgentRunClient:
    """One account of the AgentRun API."""

    def __init__(
        self,
        transport: Transport,
        *,
        account_id: str | None = None,
        keys: OwnedKeys | None = None,
    ) -> None:
        """Take charge of a transport; `aclose` closes it.

        Args:
            transport: Signs with `keys` where these are given.
            account_id: Whose answers these have to be; None believes all.
            keys: Know whose they are; None where nobody is to be asked.
        """
        self._transport = transport
        self._account_id = account_id
        self._keys = keys
        self._sizes: dict[str, int] = {}
        """How many items the next list of a path begins with, where items are large."""

    async def identify(self) -> bool:
        """See `ExternalAPI.identify`."""
        if self._keys is None:
            return False
        await self._keys.keys()
        return True

    async def find(self, rest: Rest, *, name: str, parent: str | None = None) -> Lookup:
        """Look one name up; only an exact match counts.

        Where the path key is a name (or an id that we chose), this is a GET. Otherwise the
        collection is listed with its name filter, all pages of it, because filters may be fuzzy.
        Of several resources of that name the one that is not being deleted wins, then the oldest.

        Returns:
            A list item (without the fields of `rest.list_omits`) where the key is the API's id,
            the full resource otherwise.
        """
        if rest.key is not KeyedBy.ID:
            return await self.read(rest, Locator(name, parent))
        # Of all matches the best alone is kept: once their page is gone, nobody counts their bytes.
        answer, found, count = None, None, 0
        async for answer in self._pages(rest, parent, _filled(rest.name_filter, name)):
            items = [] if is_absent(answer) else _items(rest, answer)
            for item in items:
                if rest.name_field and item.get(rest.name_field) == name:
                    count += 1
                    found = _preferred(rest, found or item, item)
        if count > 1:
            log.warning(
                "the name is not unique",
                noun=rest.noun,
                externalName=name,
                count=count,
            )
        if found is not None:
            _check_id(rest, f"List{rest.nouns}", found)
        return Lookup(found, answer.date if answer else None)

    async def read(self, rest: Rest, at: Locator) -> Lookup:
        """GET one resource by its path key.

        A resource that answers under another spelling of a name (a server that folds case) is not
        ours. An answer about anything else says nothing: what was asked for may well be there.

        Raises:
            Unavailable: the answer is about another resource, or about none.
        """
        call = _call(rest, f"Get{rest.noun}", "GET", _path(rest, at.parent, at.key))
        answer = await self._send(call)
        if is_absent(answer):
            return Lookup(None, answer.date)
        resource = _object(call, answer)
        if not resource:
            raise unusable(call, answer, _WITHOUT_DATA)
        _check_id(rest, call.action, resource)
        key_field = rest.name_field if rest.key is KeyedBy.NAME else rest.id_field
        told = str(resource.get(key_field or "") or at.key)
        if told == at.key:
            said = {key_field: at.key} if key_field else {}
            return Lookup({**resource, **said}, answer.date)
        if rest.key is KeyedBy.NAME and told.casefold() == at.key.casefold():
            return Lookup(None, answer.date)
        raise unusable(call, answer, "about another resource than was asked for")

    async def read_page(
        self,
        rest: Rest,
        *,
        parent: str | None = None,
        partition: Mapping[str, str] | None = None,
        cursor: str | None = None,
    ) -> Page:
        """LIST one page.

        Args:
            rest: Where the collection lives.
            parent: The parent's id, for a collection below one. A parent that is gone has none.
            partition: Required query parameters of the collection.
            cursor: From the previous page; None asks for the first.
        """
        answer, window = await self._list(rest, parent, partition or {}, cursor)
        if is_absent(answer):
            return Page([], None)
        items = _items(rest, answer)
        cursor = _next_cursor(rest, answer, items, window)
        return Page(items, cursor, size=len(answer.body), answer=answer)

    async def create(self, rest: Rest, body: Json, *, parent: str | None = None) -> Json:
        """POST one resource, once; returns what the API answered.

        Raises:
            Unavailable: the answer leaves out the id. The next look finds it: with another word on
                record the resource would pass for one that was there before.
        """
        call = _call(rest, rest.create_operation, "POST", _path(rest, parent), body)
        answer = await self._send(call)
        made = _object(call, answer)
        _check_id(rest, call.action, made, maybe_applied=True)
        if rest.key is not KeyedBy.CHOSEN_ID and not rest.external_id_of(made):
            missing = (name for name in rest.external_id_fields if not made.get(name))
            raise unusable(call, answer, f"without {' and '.join(missing)}")
        return made

    async def update(self, rest: Rest, at: Locator, body: Json) -> Json:
        """PUT the given fields; the API keeps the others."""
        call = _call(rest, f"Update{rest.noun}", "PUT", _path(rest, at.parent, at.key), body)
        return _object(call, await self._send(call))

    async def delete(self, rest: Rest, at: Locator) -> bool:
        """DELETE; returns whether the API took it: False where it knows no such resource."""
        call = _call(rest, f"Delete{rest.noun}", "DELETE", _path(rest, at.parent, at.key))
        answer = await self._send(call)
        if is_absent(answer):
            return False
        # The answer's body is not looked at: its shape differs per kind, and may be missing.
        if not answer.is_success:
            raise error_for(call, answer)
        return True

    async def act(self, rest: Rest, at: Locator, verb: Verb) -> None:
        """Call one verb of a resource; a resource that is gone is left to the next look.

        Raises:
            Unavailable: The resource no longer exists, among the other causes.
        """
        path = f"{_path(rest, at.parent, at.key)}/{verb.suffix}"
        route = f"{_route(rest)}/{{id}}/{verb.suffix}"
        call = Call(verb.action, verb.method, path, is_of_one=True, route=route)
        answer = await self._send(call)
        if is_absent(answer):
            raise Unavailable(
                f"{verb.action}: the resource no longer exists", request_id=answer.request_id
            )
        if not answer.is_success:
            raise error_for(call, answer)

    async def verify(self) -> None:
        """Prove with one LIST of one item that the keys are accepted and may read."""
        answer = await self._send(_PROBE)
        _object(_PROBE, answer)

    def keys(self) -> frozenset[str]:
        """See `ExternalAPI.keys`."""
        return self._transport.keys()

    async def aclose(self) -> None:
        """Close pooled connections."""
        await self._transport.aclose()

    async def _send(self, call: Call) -> Answer:
        answer = await self._transport.send(call)
        if self._account_id is not None and answer.is_success:
            check_arns(answer.data, self._account_id, action=call.action)
        return answer

    async def _pages(
        self, rest: Rest, parent: str | None, filters: Mapping[str, str]
    ) -> AsyncIterator[Answer]:
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            answer, window = await self._list(rest, parent, filters, cursor)
            yield answer
            cursor = _next_cursor(rest, answer, _items(rest, answer), window)
            if cursor is None:
                return
        raise Unavailable(f"List{rest.nouns}: no end after {_MAX_PAGES} pages")

    async def _list(
        self, rest: Rest, parent: str | None, filters: Mapping[str, str], cursor: str | None
    ) -> tuple[Answer, Window]:
        path = _path(rest, parent)
        window = Window.of(cursor, self._sizes.get(path, PAGE_SIZE), rest.paging)
        while True:
            query = {**filters, **window.query}
            route = _route(rest)
            call = Call(f"List{rest.nouns}", "GET", path, query=query, route=route)
            try:
                answer = await self._send(call)
            except AnswerTooLarge:
                if window.size == 1:
                    raise
                window = window.smaller()
                continue
            if not (is_absent(answer) and parent is not None):
                _object(call, answer)
                self._note_size(path, window.fitting(len(answer.body)))
            return answer, window

    def _note_size(self, path: str, size: int) -> None:
        """Remember where items are large, and nothing else: each parent has a path of its own."""
        if size == PAGE_SIZE:
            self._sizes.pop(path, None)
        else:
            self._sizes[path] = size


def _call(rest: Rest, action: str, method: str, path: str, body: Json | None = None) -> Call:
    route = _route(rest) if method == "POST" else f"{_route(rest)}/{{id}}"
    return Call(action, method, path, body=body, is_of_one=True, route=route)


def _route(rest: Rest) -> str:
    return f"/{API_VERSION}{rest.collection}"


def _path(rest: Rest, parent: str | None, key: str | None = None) -> str:
    collection = rest.collection
    if "{parent}" in collection:
        collection = collection.replace("{parent}", _segment(parent or "", "parent"))
    path = f"/{API_VERSION}{collection}"
    return path if key is None else f"{path}/{_segment(key, rest.noun)}"


def _segment(value: str, what: str) -> str:
    # Any of these would address the collection or its parent: a DELETE must never get there.
    if value in {"", ".", ".."}:
        raise InvalidParameter(f"{value!r} cannot be the name or id of a {what}")
    return encode_segment(value)


def _object(call: Call, answer: Answer) -> Json:
    if not answer.is_success:
        raise error_for(call, answer)
    if not isinstance(answer.data, dict):
        raise unusable(call, answer, _WITHOUT_DATA)
    return answer.data


def _check_id(
    rest: Rest, action: str, resource: Mapping[str, Any], *, maybe_applied: bool = False
) -> None:
    """Refuse an id that is none: a status records it as it is.

    Raises:
        Unavailable: It is no short text without blanks.
    """
    for name in rest.external_id_fields:
        ident = resource.get(name) or ""
        if not isinstance(ident, str | int) or not _ID.fullmatch(str(ident)):
            raise Unavailable(
                f"{action}: the answer's {name} is no id; check the account's endpoint",
                maybe_applied=maybe_applied,
            )


def _items(rest: Rest, answer: Answer) -> Sequence[Json]:
    if is_absent(answer):
        return []
    # A Go server leaves an empty list out, or answers null.
    items = answer.data.get(rest.items) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Unavailable(f"List{rest.nouns}: the answer's {rest.items} is no list of objects")
    if not items and (_int(answer.data.get("total")) or 0) > 0 and _first(answer):
        raise Unavailable(f"List{rest.nouns}: the answer counts resources and shows none")
    return items


def _first(answer: Answer) -> bool:
    return _int(answer.data.get("pageNumber")) in {None, 0, 1}


def _next_cursor(rest: Rest, answer: Answer, items: Sequence[Json], window: Window) -> str | None:
    if is_absent(answer):
        return None
    if rest.paging is Paging.TOKENS:
        token = answer.data.get("nextToken")
        if token and token == window.token:
            raise Unavailable(f"List{rest.nouns}: the same page is offered twice")
        return str(token) if token else None
    # The page size that counts is the one the API used: it may have clamped ours.
    size = min(max(1, _int(answer.data.get("pageSize")) or window.size), window.size)
    total = _int(answer.data.get("total"))
    seen = (window.page - 1) * size + len(items)
    more = seen < total if total else len(items) >= size
    return window.following(size) if items and more else None


def _int(value: Any) -> int | None:
    """Read a number that ListCredentials answers as a string. Reference, §4.1."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _filled(name_filter: Mapping[str, str] | None, name: str) -> dict[str, str]:
    return {key: value.replace("{name}", name) for key, value in (name_filter or {}).items()}


def _preferred(rest: Rest, first: Json, second: Json) -> Json:
    return min(first, second, key=lambda item: _preference(rest, item))


def _preference(rest: Rest, item: Json) -> tuple[bool, str]:
    state = item.get(rest.state_field) if rest.state_field else None
    created = item.get(rest.created_field) if rest.created_field else None
    return (state == _DELETING, str(created or ""))
