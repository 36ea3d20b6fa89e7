"""What we know of our objects in the cluster: a slim copy of each, and who refers to whom."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from agentrun_operator.core.defaults import Defaults
from agentrun_operator.core.dependencies import dependencies
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.record import binding_of, own_part, without_future
from agentrun_operator.reconcile.defaults import AccountDefaults
from agentrun_operator.reconcile.ports import Held
from agentrun_operator.reconcile.publications import map_key, published_name
from agentrun_operator.reconcile.shelf import (
    LARGE_OBJECT_BYTES,
    MemoryShelf,
    PartlyStored,
    Shelf,
    Stored,
    laid_away,
)

K = TypeVar("K")

Changed = Callable[[KubeObject | None, KubeObject, frozenset[ObjectKey]], None]
"""Hears the version before, the one now, and what the one before referred to and this does not."""
Renamed = Callable[[KubeObject, KubeObject], None]
"""Hears of an object that has another name since its account changed."""

_ENDED_KEPT = 10_000
"""Uids of objects that are gone; a watch is never so late that more of them matter."""


@dataclass(slots=True)
class _Entry:
    uid: str
    version: int
    body: bytes
    """Compact JSON of what the engine reads: a tenth of the same as dictionaries."""
    stored: Mapping[str, Stored]
    """The large fields of its spec, which are not in the body."""
    size: int
    """Bytes of both."""
    refers_to: frozenset[ObjectKey]
    claims: tuple[str, str]
    recorded: tuple[str, str] | None
    """Its kind, and the id of the resource that it has on record."""
    publishes: ObjectKey | None
    """The ConfigMap that it wants to write."""
    is_claimed: bool
    """Whether our finalizer stands on it, for something in AgentRun."""


class ObjectCache:
    """The last version of each object that we saw, indexed by reference and by external name."""

    def __init__(
        self,
        kinds: Mapping[str, ResourceKind],
        *,
        controller_class: str,
        operator_namespace: str,
        cluster_id: str,
        shelf: Shelf | None = None,
    ) -> None:
        """Start empty; objects of another controller class are never taken in.

        References of cluster-scoped objects lead into `operator_namespace`. Records bound to
        another cluster than `cluster_id` are none. Large fields lie on the `shelf`.
        """
        self._shelf = shelf or MemoryShelf()
        self._kinds = kinds
        self.cluster_id = cluster_id
        self._class = controller_class
        self._operator_namespace = operator_namespace
        self._changed: Changed = lambda _before, _now, _left: None
        self._renamed: Renamed = lambda _before, _now: None
        self._entries: dict[ObjectKey, _Entry] = {}
        self._ended: dict[str, None] = {}
        """Uids of the objects that went last, in that order."""
        self._claimed: Counter[str] = Counter()
        """How many objects of a namespace carry our finalizer, accounts aside."""
        self._by_kind: dict[str, set[ObjectKey]] = {name: set() for name in kinds}
        self._users: dict[ObjectKey, set[ObjectKey]] = {}
        self._claims: dict[tuple[str, str], set[ObjectKey]] = {}
        self._recorders: dict[tuple[str, str], set[ObjectKey]] = {}
        self._publishers: dict[ObjectKey, set[ObjectKey]] = {}
        self._defaults = AccountDefaults(self._entries.__contains__)

    def observe(self, raw: Mapping[str, Any], kind: str) -> KubeObject | None:
        """Take in one version; None if it is stale, unchanged, or not ours to serve.

        Race: our own writes answer before the watch echoes them; an older echo must not undo what
        we know, nor an answer about a dead object what we know of its namesake. Comparing versions
        of one resource type as integers is allowed by the API since Kubernetes 1.35 and true in
        practice before.
        """
        obj = self.view(raw, kind)
        if str(obj.spec.get("controllerClass") or "") != self._class:
            return None
        if obj.uid in self._ended:
            # Race: a watch that was silent tells late what stood there before the end.
            return None
        known = self._entries.get(obj.key)
        version = int(obj.resource_version)
        if known is not None and known.version >= version:
            return None
        before = self.get(obj.key)
        if known is not None and known.uid != obj.uid:
            self._note_ended(known.uid)
        self._replace(obj, version)
        left = known.refers_to - self._entries[obj.key].refers_to if known else frozenset()
        self._changed(before, obj, left)
        return obj

    def view(self, raw: Mapping[str, Any], kind: str) -> KubeObject:
        """Read a raw object, its status only as far as it is its own: no reader sees more."""
        obj = KubeObject.of(raw, kind)
        obj = _with(obj, without_future(obj))
        if self._kinds[kind].is_local:
            return obj
        return self._with_defaults(_with(obj, own_part(obj, cluster_id=self.cluster_id)))

    def binding_of(self, obj: KubeObject) -> dict[str, str]:
        """Return what ties a record to an object of this cluster."""
        return binding_of(self.cluster_id, obj.key, obj.uid)

    def update(self, raw: Mapping[str, Any], kind: str) -> KubeObject | None:
        """Take in the answer to a write of ours, unless the object went away meanwhile.

        Race: the watch may tell of its end before the answer arrives; taking that in would leave an
        object that is gone in the cache, which holds what it refers to.
        """
        if ObjectKey.of(raw, kind) not in self._entries:
            return None
        return self.observe(raw, kind)

    def listen(self, changed: Changed, renamed: Renamed) -> None:
        """Call `changed` for every version taken in, our own writes included."""
        self._changed = changed
        self._renamed = renamed

    def forget(self, key: ObjectKey, uid: str | None = None) -> None:
        """Drop an object that is gone; with `uid`, only that incarnation of it."""
        known = self._entries.get(key)
        if known is None or (uid is not None and known.uid != uid):
            return
        self._note_ended(known.uid)
        is_named_by = key.is_account and self._defaults.has_prefixes
        users = self._users_known(key) if is_named_by else []
        self._unlink(key, known)
        del self._entries[key]
        self._by_kind[key.kind].discard(key)
        self._claim_anew(users)

    def _note_ended(self, uid: str) -> None:
        self._ended[uid] = None
        if len(self._ended) > _ENDED_KEPT:
            del self._ended[next(iter(self._ended))]

    def has_ended(self, uid: str) -> bool:
        """Whether an object went away; a 404 may have said so wrongly, which only a read tells."""
        return uid in self._ended

    def note_exists(self, uid: str) -> None:
        """Take it that an object is there after all: the cluster was asked for it itself."""
        self._ended.pop(uid, None)

    def get(self, key: ObjectKey) -> KubeObject | None:
        """Return the last version seen, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        obj = KubeObject.of(json.loads(entry.body), key.kind)
        if entry.stored:
            obj = replace(obj, spec=PartlyStored(obj.spec, entry.stored))
        return obj if key.is_account else self._with_defaults(obj)

    def _with_defaults(self, obj: KubeObject) -> KubeObject:
        found = self._given_to(obj, self._defaults.of(obj))
        return obj if found == obj.defaults else replace(obj, defaults=found)

    def retainer(self, obj: KubeObject, source: ObjectKey | None) -> ObjectKey | None:
        """Return which account is to be on record as keeping a resource that lives in `source`."""
        return self._defaults.retainer(obj, source)

    def in_account(self, obj: KubeObject, account: ObjectKey) -> KubeObject:
        """Return an object with what one account gives it, whatever its record says of accounts."""
        return replace(obj, defaults=self._given_to(obj, self._defaults.at(account)))

    def _given_to(self, obj: KubeObject, found: Defaults) -> Defaults:
        takes_prefix = self._kinds[obj.key.kind].takes_prefix
        return found.given_to(obj.key.namespace, takes_prefix=takes_prefix)

    def drop_unused(self) -> None:
        """Drop what is remembered of accounts that are gone and have no users."""
        self._defaults.drop_unused(lambda account: account in self._users)

    def account_of(self, key: ObjectKey) -> ObjectKey | None:
        """Return the account that an object refers to, without reading the object.

        Of two, that of its own namespace: work must not count for a shared one by mistake.
        """
        entry = self._entries.get(key)
        refers_to = () if entry is None else entry.refers_to
        accounts = (at for at in refers_to if at.is_account and at in self._entries)
        return min(accounts, default=None)

    def version(self, key: ObjectKey) -> int | None:
        """Return the resourceVersion held of a key, or None."""
        entry = self._entries.get(key)
        return None if entry is None else entry.version

    def size(self, key: ObjectKey) -> int:
        """Return the bytes of an object; 0 for one that is not held."""
        entry = self._entries.get(key)
        return 0 if entry is None else entry.size

    def claimed_in(self, namespace: str) -> int:
        """Return how many objects of a namespace carry our finalizer, accounts aside."""
        return self._claimed[namespace]

    def held(self, kind: str) -> dict[ObjectKey, Held]:
        """Return which version is held of each object of a kind."""
        entries = ((key, self._entries[key]) for key in self._by_kind[kind])
        return {key: Held(entry.uid, entry.version) for key, entry in entries}

    def keys(self, kind: str | None = None) -> Iterable[ObjectKey]:
        """Return a stable copy of the keys of one kind, or of all."""
        return list(self._entries) if kind is None else list(self._by_kind[kind])

    def users_of(self, target: ObjectKey) -> list[ObjectKey]:
        """Return who refers to a key (ours, Secret, ConfigMap), in a stable order."""
        return sorted(self._users.get(target, ()))

    def publishers_of(self, config_map: ObjectKey) -> list[ObjectKey]:
        """Return who wants to write an address to a ConfigMap, in a stable order."""
        return sorted(self._publishers.get(config_map, ()))

    def targets_of(self, obj: KubeObject) -> list[ObjectKey]:
        """Return what an object refers to, accounts included."""
        return sorted(self._references(obj))

    def claimants(self, kind: str, external_name: str) -> Iterator[KubeObject]:
        """Yield every object of a kind that claims one external name."""
        return self._each(self._claims.get((kind, external_name), ()))

    def recorders(self, kind: str, ident: str) -> Iterator[KubeObject]:
        """Yield every object of a kind that has the resource of one id on record."""
        return self._each(self._recorders.get((kind, ident), ()))

    def _each(self, keys: Iterable[ObjectKey]) -> Iterator[KubeObject]:
        found = (self.get(key) for key in sorted(keys))
        return (obj for obj in found if obj is not None)

    def _users_known(self, account: ObjectKey) -> list[KubeObject]:
        return [obj for obj in map(self.get, self.users_of(account)) if obj is not None]

    def _claim_anew(self, users: Iterable[KubeObject]) -> None:
        """Index what objects are called, now that their account says something else."""
        renamed = []
        for before in users:
            key, now = before.key, self.get(before.key)
            if now is not None and now.external_name != before.external_name:
                entry = self._entries[key]
                _discard(self._claims, entry.claims, key)
                entry.claims = (key.kind, now.external_name)
                self._claims.setdefault(entry.claims, set()).add(key)
                renamed.append((before, now))
        for before, now in renamed:
            self._renamed(before, now)

    def _replace(self, obj: KubeObject, version: int) -> None:
        is_named_by = obj.key.is_account and self._defaults.may_rename(obj)
        users = self._users_known(obj.key) if is_named_by else []
        known = self._entries.get(obj.key)
        if known is not None:
            self._unlink(obj.key, known)
        body, stored, size = _written(obj, self._shelf)
        entry = _Entry(
            uid=obj.uid,
            version=version,
            body=body,
            stored=stored,
            size=size,
            refers_to=self._references(obj),
            claims=(obj.key.kind, obj.external_name),
            recorded=_recorded(obj),
            publishes=self._published(obj),
            is_claimed=obj.is_claimed and not self._kinds[obj.key.kind].is_local,
        )
        self._claimed[obj.key.namespace] += int(entry.is_claimed)
        self._entries[obj.key] = entry
        self._by_kind[obj.key.kind].add(obj.key)
        self._claims.setdefault(entry.claims, set()).add(obj.key)
        for target in entry.refers_to:
            self._users.setdefault(target, set()).add(obj.key)
        if entry.recorded is not None:
            self._recorders.setdefault(entry.recorded, set()).add(obj.key)
        if entry.publishes is not None:
            self._publishers.setdefault(entry.publishes, set()).add(obj.key)
        if obj.key.is_account:
            self._defaults.note(obj)
            self._claim_anew(users)

    def _unlink(self, key: ObjectKey, entry: _Entry) -> None:
        _discard(self._claims, entry.claims, key)
        self._claimed[key.namespace] -= int(entry.is_claimed)
        for target in entry.refers_to:
            _discard(self._users, target, key)
        if entry.recorded is not None:
            _discard(self._recorders, entry.recorded, key)
        if entry.publishes is not None:
            _discard(self._publishers, entry.publishes, key)

    def _published(self, obj: KubeObject) -> ObjectKey | None:
        name = published_name(self._kinds[obj.key.kind], obj.spec)
        return None if name is None else map_key(obj.key.namespace, name)

    def _references(self, obj: KubeObject) -> frozenset[ObjectKey]:
        kind = self._kinds[obj.key.kind]
        namespace = obj.key.namespace or self._operator_namespace
        targets = {ObjectKey(d.kind, namespace, d.name) for d in dependencies(kind, obj.spec)}
        if not kind.is_local:
            targets.update(account_candidates(obj))
        return frozenset(targets)


def _written(obj: KubeObject, shelf: Shelf) -> tuple[bytes, Mapping[str, Stored], int]:
    """Return what stays of an object, its large fields, and the bytes of both."""
    slim = {"metadata": obj.metadata, "spec": dict(obj.spec), "status": obj.status}
    whole = json.dumps(slim, separators=(",", ":")).encode()
    if len(whole) <= LARGE_OBJECT_BYTES:
        return whole, {}, len(whole)
    slim["spec"], stored = laid_away(obj.spec, shelf)
    return json.dumps(slim, separators=(",", ":")).encode(), stored, len(whole)


def _with(obj: KubeObject, status: Mapping[str, Any]) -> KubeObject:
    return obj if status is obj.status else replace(obj, status=status)


def _recorded(obj: KubeObject) -> tuple[str, str] | None:
    return (obj.key.kind, obj.external_id) if obj.external_id and obj.is_in_charge else None


def account_candidates(obj: KubeObject) -> tuple[ObjectKey, ...]:
    """Return the account objects that an object may live in, the preferred one first."""
    found = [*obj.accounts_asked_for]
    pinned = obj.status.get("account")
    if isinstance(pinned, Mapping) and pinned.get("name"):
        found.append(obj.account_key(str(pinned["kind"]), str(pinned["name"])))
    return tuple(dict.fromkeys(found))


def _discard(index: dict[K, set[ObjectKey]], at: K, key: ObjectKey) -> None:
    members = index[at]
    members.discard(key)
    if not members:
        del index[at]
