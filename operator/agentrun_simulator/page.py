"""The page at `/`: what exists and what was asked, for people. No script, no secret."""

from collections.abc import Iterable, Sequence
from html import escape
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING

from agentrun_simulator.clock import wire_timestamp

if TYPE_CHECKING:
    from agentrun_simulator.cloud import Cloud
    from agentrun_simulator.requestlog import Entry
    from agentrun_simulator.store import Record, Tenant

SHOWN_REQUESTS = 50
SHOWN_RESOURCES = 200
"""Resources of one family that are listed; the rest is only counted."""
HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
}
_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#222}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}"
    "th,td{text-align:left;padding:.15rem .8rem;border-bottom:1px solid #ddd}"
    "h1{font-size:1.3rem}h2{font-size:1.1rem}h3{font-size:1rem;margin:1rem 0 0}"
    "code{font-size:.9em}.bad{color:#b00020}"
)
_HEAD = (
    "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
    "<meta http-equiv='refresh' content='5'><title>AgentRun simulator</title>"
    f"<style>{_STYLE}</style></head><body><h1>AgentRun simulator</h1>"
)


def rendered(cloud: "Cloud") -> bytes:
    """Return the page as HTML, in UTF-8."""
    parts = [
        _HEAD,
        _faults(cloud),
        *(_tenant(tenant) for tenant in cloud.tenants()),
        _requests(cloud.log.entries()[: -SHOWN_REQUESTS - 1 : -1]),
        "</body></html>",
    ]
    return "".join(parts).encode()


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    is_error = isinstance(value, int) and value >= HTTPStatus.BAD_REQUEST
    is_bad = is_error or text.endswith("FAILED")
    return f"<td{' class=bad' if is_bad else ''}>{escape(text)}</td>"


def _faults(cloud: "Cloud") -> str:
    rows = [
        (str(fault["id"]), fault["effect"], fault.get("action", ".*"), str(fault["left"]))
        for fault in cloud.faults.shown()
    ]
    header = ("id", "effect", "action", "left")
    return f"<h2>Faults in force</h2>{_table(header, rows)}" if rows else ""


def _tenant(tenant: "Tenant") -> str:
    title = f"<h2>Account {escape(tenant.account_id)}, {escape(tenant.region)}</h2>"
    return title + "".join(_family(tenant, family) for family in sorted(tenant.families()))


def _family(tenant: "Tenant", family: str) -> str:
    count = tenant.count(family)
    shown = islice(tenant.records(family), SHOWN_RESOURCES)
    more = f" (the first {SHOWN_RESOURCES})" if count > SHOWN_RESOURCES else ""
    title = f"<h3>{escape(family)}: {count}{more}</h3>"
    return title + _table(("name", "key", "status", "reason", "updated"), map(_row, shown))


def _row(record: "Record") -> tuple[str, str, str, str, str]:
    updated = wire_timestamp(record.updated)
    return record.name, record.key, record.status, record.reason, updated


def _requests(entries: Sequence["Entry"]) -> str:
    rows = [
        (
            str(entry.seq),
            entry.time.isoformat(timespec="milliseconds"),
            entry.account,
            entry.action or f"{entry.method} {entry.path}",
            entry.path,
            entry.status if entry.status is not None else "dropped",
            entry.fault,
        )
        for entry in entries
    ]
    header = ("seq", "time", "account", "action", "path", "status", "fault")
    return f"<h2>Last requests</h2>{_table(header, rows)}"
