"""The five verbs every family shares, over the lifecycles of the reference, §5 and §10."""

import copy
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from agentrun_simulator import listing, schema
from agentrun_simulator.calls import Call
from agentrun_simulator.clock import Clock, wire_timestamp
from agentrun_simulator.errors import (
    already_exists,
    bad_request,
    conflict,
    invalid,
    not_found,
    quota_exceeded,
)
from agentrun_simulator.family import Family
from agentrun_simulator.identities import Identities
from agentrun_simulator.settings import Settings
from agentrun_simulator.shapes import blanked, zeros
from agentrun_simulator.store import CREATING, DELETING, UPDATING, Record, Tenant

DEFAULT_WORKSPACE = "default"
"""Name of the workspace that takes in what names none (§5.4)."""
TRANSITIONAL = frozenset({CREATING, UPDATING, DELETING})


Action = Callable[["Engine", Call], dict[str, Any] | None]
"""Answers the `data` of a call; None stands for 204 without a body."""
Render = Callable[["Engine", Tenant, Record, dict[str, Any]], None]
Prepare = Callable[["Engine", Call, Record], None]
OnReady = Callable[["Engine", Tenant, Record, datetime], None]


@dataclass(frozen=True)
class ServedFamily(Family):
    """What a family declares, and what it does in its own way."""

    prepare: Prepare | None = None
    """Last word on a new or changed record; may refuse it."""
    on_ready: OnReady | None = None
    """Called when the record becomes READY, with the moment that happened."""
    render: Render | None = None
    """Last word on an answer."""
    verbs: Mapping[str, Action] = field(default_factory=dict)
    """Replacements of `create`, `list`, `get`, `update` or `delete`."""
    actions: Mapping[str, Action] = field(default_factory=dict)
    """Calls beside the common five, by operation name."""


class Engine:
    """Creates, reads, lists, updates and deletes records of any family."""

    def __init__(
        self, settings: Settings, clock: Clock, families: tuple[ServedFamily, ...]
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.identities = Identities(settings.seed)
        self.families = {family.name: family for family in families}
        self.verbs: dict[str, Callable[[Call], dict[str, Any]]] = {
            "create": self.create,
            "list": self.list,
            "get": self.get,
            "update": self.update,
            "delete": self.delete,
        }

    # Verbs

    def create(self, call: Call) -> dict[str, Any]:
        """Store a new record and answer it as it is now."""
        family = call.family
        body = self.checked_body(call)
        _require(body, call)
        parent = self.parent_key(call)
        name = body.get(family.name_field)
        if name and self._is_taken(call.tenant, family, name, parent, body.get("workspaceId")):
            status = family.duplicate_status or self.settings.switches.duplicate_status
            raise already_exists(family.noun, name, status)
        limit = self.settings.quotas.get(family.name)
        if limit is not None and call.tenant.count(family.name) >= limit:
            raise quota_exceeded(family.noun, limit)
        record = self._new_record(call, body, parent)
        self._check_references(call.tenant, record)
        if (prepare := self.families[family.name].prepare) is not None:
            prepare(self, call, record)
        call.tenant.add(record)
        self.begin(call, record, CREATING, "CREATE_FAILED", asynchronous=family.lifecycle.creating)
        return self.render(call.tenant, record)

    def get(self, call: Call) -> dict[str, Any]:
        """Answer one record."""
        return self.render(call.tenant, self.record(call))

    def list(self, call: Call) -> dict[str, Any]:
        """Answer one page of a collection."""
        self.parent_key(call)
        return listing.page(call, self.settings, partial(self.render, call.tenant))

    def update(self, call: Call) -> dict[str, Any]:
        """Merge the fields that were sent into a record."""
        record = self.record(call)
        body = self.checked_body(call)
        self._check_updatable(record)
        assert call.operation.body is not None  # noqa: S101 - every update takes a body
        if missing := schema.missing_fields(body, call.operation.body):
            raise invalid("; ".join(_is_required(name) for name in missing))
        updatable = set(schema.properties(call.operation.body))
        moves = self.settings.switches.workspace_update == "moves"
        fixed = {*call.family.fixed, *(() if moves else ("workspaceId",))}
        trial = copy.copy(record)
        trial.data = dict(record.data)
        for name, value in body.items():
            if name in updatable and name not in fixed:
                trial.data[name] = self._merged(record.data.get(name), value)
        self._take_body(call, trial)
        self._commit(call, record, trial)
        lifecycle = call.family.lifecycle
        self.begin(call, record, UPDATING, "UPDATE_FAILED", asynchronous=lifecycle.updating)
        return self.render(call.tenant, record)

    def delete(self, call: Call) -> dict[str, Any]:
        """Let a record go, at once or after DELETING."""
        record = self.record(call)
        if record.status != DELETING:
            self._release_users(call, record)
            self._begin_delete(call, record)
        answer = self.render(call.tenant, record)
        return blanked(record, answer) if call.family.blank_delete_answer else answer

    def furnish(self, tenant: Tenant) -> None:
        """Put in place what every account has from the start."""
        now = self.clock.now()
        for family in self.families.values():
            for data in family.initial:
                record = Record(family, str(self.identities.new()), None, dict(data), now, now)
                record.data[family.key_field] = record.key
                self._assign(tenant, record)
                tenant.add(record)

    # Parts shared with the families' own actions

    def record(self, call: Call) -> Record:
        """Return the record a path names.

        Raises:
            ServiceError: 404 when it, or its parent, does not exist.
        """
        parent = self.parent_key(call)
        key = call.keys[0 if parent is None else 1]
        record = call.tenant.get(call.family.name, key, parent)
        if record is None:
            raise not_found(call.family.noun, key)
        return record

    def parent_key(self, call: Call) -> str | None:
        """Return the key of the parent in the path, which must exist; None without parent."""
        if call.family.parent is None:
            return None
        if call.tenant.get(call.family.parent, call.keys[0]) is None:
            raise not_found(self.families[call.family.parent].noun, call.keys[0])
        return call.keys[0]

    def checked_body(self, call: Call) -> dict[str, Any]:
        """Return the request body, types checked and unset fields dropped."""
        switches = self.settings.switches
        declared = call.operation.body or {}
        schema.check_body(call.body, declared, refuse_unknown=switches.refuse_unknown_fields)
        keep = switches.empty_list == "clear"
        body: dict[str, Any] = schema.drop_unset(
            call.body,
            declared,
            keep_empty_lists=keep,
            keep_empty_texts=switches.empty_text == "stored",
        )
        if switches.nested_put == "replace" or call.operation.method == "POST":
            schema.check_nested(body, declared)
        return body

    def begin(
        self, call: Call, record: Record, status: str, failed: str, *, asynchronous: bool
    ) -> None:
        """Enter a transition that ends READY, or failed where a fault says so."""
        record.reason = ""
        if not record.family.lifecycle.has_status:
            return
        reason = call.outcome.failures.get(failed)

        def finish(done: Record, moment: datetime) -> None:
            if reason is None:
                self.become_ready(call.tenant, done, moment)
            else:
                done.status, done.reason = done.family.lifecycle.failed or failed, reason

        if asynchronous:
            record.status = status
            call.tenant.plan(record, self.due(call), finish)
        else:
            finish(record, call.now)

    def become_ready(self, tenant: Tenant, record: Record, moment: datetime) -> None:
        """Make a record READY, with the fields that come with it."""
        record.status, record.reason = record.family.lifecycle.ready, ""
        for name, pattern in record.family.assigned_when_ready.items():
            record.data.setdefault(name, self.filled(pattern, tenant, record))
        if (on_ready := self.families[record.family.name].on_ready) is not None:
            on_ready(self, tenant, record, moment)

    def render(
        self, tenant: Tenant, record: Record, fields: Collection[str] | None = None
    ) -> dict[str, Any]:
        """Return a record as an answer carries it.

        Args:
            tenant: Owner of the record.
            record: What to show.
            fields: Names that may appear; None means those of the family's own schema.
        """
        family = record.family
        declared = schema.properties(schema.named(family.name))
        answer = dict(record.data)
        for name in family.as_text:
            if name in answer:
                answer[name] = str(answer[name])
        if family.lifecycle.has_status:
            answer |= {"status": record.status, "statusReason": record.reason}
        if family.has_timestamps:
            answer["createdAt"] = wire_timestamp(record.created)
            answer[family.updated_field] = wire_timestamp(record.updated)
        if family.parent is not None and (owner := tenant.get(family.parent, record.parent or "")):
            answer |= {name: owner.data[its] for name, its in family.parent_fields.items()}
        if (render := self.families[family.name].render) is not None:
            render(self, tenant, record, answer)
        if self.settings.switches.unset_fields == "zero":
            answer = zeros(family.name) | answer
        elif not record.reason:
            answer.pop("statusReason", None)
        shown = declared if fields is None else fields
        return {name: value for name, value in answer.items() if name in shown}

    def due(self, call: Call) -> datetime:
        """Return when a transition begun by a call ends."""
        seconds = call.outcome.seconds
        length = self.settings.transition_seconds if seconds is None else seconds
        return call.now + timedelta(seconds=length)

    def filled(self, pattern: str, tenant: Tenant, record: Record) -> str:
        """Return an assigned value: a pattern with what is known about the record put in."""
        identity = self.identities.new()
        return pattern.format(
            uuid=identity,
            hex=identity.hex,
            id=record.key,
            region=tenant.region,
            account=tenant.account_id,
            name=record.name,
            parent=record.parent,
            slug=quote(record.name, safe=""),
            data=self.settings.data_endpoint
            or f"https://{tenant.account_id}.agentrun-data.{tenant.region}.aliyuncs.com",
        )

    # Inner steps

    def _new_record(self, call: Call, body: dict[str, Any], parent: str | None) -> Record:
        family = call.family
        declared = schema.properties(call.operation.body or {})
        data = {name: value for name, value in body.items() if name in declared}
        record = Record(family, "", parent, data, created=call.now, updated=call.now)
        record.key = str(data.setdefault(family.key_field, str(self.identities.new())))
        self._assign(call.tenant, record)
        for name, value in family.defaults.items():
            data.setdefault(name, copy.deepcopy(value))
        self._take_body(call, record)
        return record

    def _assign(self, tenant: Tenant, record: Record) -> None:
        """Fill in what the server chooses at creation, the default workspace included."""
        for name, pattern in record.family.assigned.items():
            record.data.setdefault(name, self.filled(pattern, tenant, record))
        declared = schema.properties(schema.named(record.family.name))
        home = tenant.named("Workspace", DEFAULT_WORKSPACE)
        if "workspaceId" in declared and home is not None:
            record.data.setdefault("workspaceId", home.key)

    def _take_body(self, call: Call, record: Record) -> None:
        """Apply what the family says about single fields."""
        for name in call.family.transient:
            record.data.pop(name, None)
        for name, spellings in call.family.normalised.items():
            if name in record.data:
                record.data[name] = spellings.get(record.data[name], record.data[name])

    def _commit(self, call: Call, record: Record, trial: Record) -> None:
        """Make a changed copy of a record the truth, unless it is refused."""
        family, old_name = record.family, record.name
        home = trial.data.get("workspaceId")
        if trial.name != old_name and self._is_taken(
            call.tenant, family, trial.name, record.parent, home
        ):
            status = self.settings.switches.duplicate_status
            raise already_exists(family.noun, trial.name, status)
        self._check_references(call.tenant, trial)
        if (prepare := self.families[family.name].prepare) is not None:
            prepare(self, call, trial)
        record.data = trial.data
        record.updated = call.now
        call.tenant.rename(record, old_name)
        call.tenant.index(record)

    def _is_taken(
        self, tenant: Tenant, family: Family, name: str, parent: str | None, workspace: str | None
    ) -> bool:
        """Return whether a name is in use where it has to be unique."""
        holders = tenant.all_named(family.name, name, parent)
        is_path_key = family.name_field == family.key_field
        if is_path_key or self.settings.switches.name_scope == "account":
            return bool(holders)
        home = tenant.named("Workspace", DEFAULT_WORKSPACE)
        wanted = workspace or (home.key if home else None)
        return any(holder.data.get("workspaceId") == wanted for holder in holders)

    def _merged(self, old: Any, new: Any) -> Any:
        if self.settings.switches.nested_put == "replace":
            return new
        if not isinstance(old, dict) or not isinstance(new, dict):
            return new
        return old | {name: self._merged(old.get(name), value) for name, value in new.items()}

    def _check_updatable(self, record: Record) -> None:
        refused = {DELETING}
        if self.settings.switches.write_in_transition == "refuse":
            refused = set(TRANSITIONAL)
        if record.status in refused:
            raise bad_request(f"{record.family.noun} {record.key} is in {record.status} status")

    def _check_references(self, tenant: Tenant, record: Record) -> None:
        if self.settings.switches.check_references:
            for family, handle in tenant.dangling(record):
                raise not_found(self.families[family].noun, handle)

    def _begin_delete(self, call: Call, record: Record) -> None:
        if not record.family.lifecycle.deleting:
            call.tenant.remove(record)
            return
        reason = call.outcome.failures.get("DELETE_FAILED")

        def finish(done: Record, _: datetime) -> None:
            if reason is None:
                call.tenant.remove(done)
            else:
                done.status, done.reason = "DELETE_FAILED", reason

        record.status, record.reason = DELETING, ""
        call.tenant.plan(record, self.due(call), finish)

    def _release_users(self, call: Call, record: Record) -> None:
        """Refuse, or take along, what still refers to a record that is to go."""
        users = [(user, child) for user, child in call.tenant.users(record) if _holds(user)]
        children = [user for user, is_child in users if is_child]
        others = [user for user, is_child in users if not is_child]
        switches = self.settings.switches
        holders = others if switches.delete_in_use == "refuse" else []
        if switches.delete_with_children == "refuse":
            holders = [*children, *holders]
        if holders:
            named = ", ".join(f"{user.family.noun} {user.name}" for user in holders[:3])
            raise conflict(f"{record.family.noun} {record.name} is in use by {named}")
        for child in children:
            self._begin_delete(call, child)


def _holds(user: Record) -> bool:
    return user.status != "TERMINATED"


def _is_required(name: str) -> str:
    # Quirk: the service writes `CPU is required`, `Memory is required`, `Port is required` [C].
    label = "CPU" if name == "cpu" else name[:1].upper() + name[1:]
    return f"{label} is required"


def _require(body: dict[str, Any], call: Call) -> None:
    missing = schema.missing_fields(body, call.operation.body or {})
    extra = [name for name in call.family.required if body.get(name) in (None, "")]
    if needed := list(dict.fromkeys([*missing, *extra])):
        raise invalid("; ".join(_is_required(name) for name in needed))
