"""Turns the references of a spec into values, or says what it waits for."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from agentrun_operator.core.dependencies import (
    CONFIG_MAP,
    SECRET,
    Dependency,
    dependencies,
    versions_named,
)
from agentrun_operator.core.errors import (
    AccountMismatch,
    DependencyNotReady,
    OperatorError,
    ReferenceNotFound,
)
from agentrun_operator.core.identity import AccountIdentity, ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.versions import newest_on_record, publishes
from agentrun_operator.reconcile.binding import Binding, is_unverified_pin
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.changes import is_disowned
from agentrun_operator.reconcile.ports import ClusterUnavailable, KubeReader, SecretData

T = TypeVar("T")
_ByKindAndName = dict[tuple[str, str], T]
_SOURCES = (SECRET, CONFIG_MAP)


class ReferenceResolver:
    """Resolves one spec at a time; keeps no value beyond it."""

    def __init__(
        self, kinds: Mapping[str, ResourceKind], cache: ObjectCache, reader: KubeReader
    ) -> None:
        """Read objects from the cache, Secrets and ConfigMaps from the cluster."""
        self._kinds = kinds
        self._cache = cache
        self._reader = reader

    async def resolve(
        self, obj: KubeObject, binding: Binding | None
    ) -> tuple[Resolution, tuple[OperatorError, ...]]:
        """Return the values behind the references of an object, and all that is wrong with others.

        That is: ReferenceNotFound, DependencyNotReady and AccountMismatch, each with its path.
        Without a binding nobody can tell whether something lives in the right account.
        """
        keys: _ByKindAndName[str] = {}
        names: _ByKindAndName[str] = {}
        sources: _ByKindAndName[SecretData] = {}
        problems: list[OperatorError] = []
        for need in dependencies(self._kinds[obj.key.kind], obj.spec):
            try:
                if need.kind in _SOURCES:
                    sources[need.kind, need.name] = await self._read(obj, need)
                else:
                    target = self._target(obj, need, binding)
                    keys[need.kind, need.name] = self.path_key(target)
                    names[need.kind, need.name] = target.recorded_name
            except OperatorError as error:
                problems.append(error)
        newest, unpublished = self._newest_versions(obj)
        problems += unpublished
        compatibility = {} if binding is None else binding.compatibility
        found = replace(
            _held_in(sources),
            references=keys,
            external_names=names,
            newest_versions=newest,
            compatibility=compatibility,
        )
        return found, tuple(problems)

    def _newest_versions(
        self, obj: KubeObject
    ) -> tuple[Mapping[str, str], tuple[OperatorError, ...]]:
        """Return the newest versions that a spec asks for, and what is wrong with others."""
        found: dict[str, str] = {}
        problems: list[OperatorError] = []
        for named in versions_named(self._kinds[obj.key.kind], obj.spec):
            if not named.is_newest:
                continue
            target = self._cache.get(ObjectKey(named.kind, obj.key.namespace, named.name))
            newest = None if target is None else newest_on_record(target)
            if newest is not None:
                found[named.reference] = newest
            elif target is None or not publishes(target):
                problems.append(
                    ReferenceNotFound(
                        f"spec.{named.path}: no version is known of what spec.{named.reference} "
                        f"names; set publish OnChange on {named.kind} {named.name!r}, or name the "
                        "number of a version"
                    )
                )
            else:
                problems.append(
                    DependencyNotReady(
                        f"spec.{named.path}: {target.key} has published no version yet; see its "
                        "conditions"
                    )
                )
        return found, tuple(problems)

    def last_parent(self, obj: KubeObject) -> str | None:
        """Return what the resource of an object on its way out lives below; None: nothing.

        Raises:
            ReferenceNotFound: neither status nor spec leads to the parent any more.
        """
        kind = self._kinds[obj.key.kind]
        known = obj.status.get("parentId")
        if known or kind.rest is None or kind.rest.parent is None:
            return str(known) if known else None
        given = (obj.spec.get(kind.rest.parent) or {}).get("externalName")
        if given:
            return str(given)
        parent = self.parent_of(obj)
        if parent is not None and not parent.is_name_in_doubt and (key := self.path_key(parent)):
            return key
        raise ReferenceNotFound(
            f"spec.{kind.rest.parent} leads to no resource, and below it this one would have to be "
            "looked for"
        )

    def blame_parent(self, obj: KubeObject, error: OperatorError) -> OperatorError:
        """Return what a refused write waits for: its parent, while that is not Ready.

        Source: control-plane reference, §4.2 (endpoints of a runtime that is not READY).
        """
        parent = self.parent_of(obj)
        if parent is None or parent.is_ready:
            return error
        waiting = DependencyNotReady(f"{error.message}; see the conditions of {parent.key}")
        return waiting.quoting(error.quote)

    def parent_of(self, obj: KubeObject) -> KubeObject | None:
        """Return the object that a spec names as parent; None where it names none of ours."""
        kind = self._kinds[obj.key.kind]
        for need in dependencies(kind, obj.spec):
            if kind.rest is not None and need.path == kind.rest.parent:
                return self._cache.get(ObjectKey(need.kind, obj.key.namespace, need.name))
        return None

    def check_ready(self, obj: KubeObject) -> None:
        """Let a create wait for what it names, also one that replaces what is gone.

        A user that exists asks less of its targets. The create of its successor would be refused
        where a target has no resource. Its record, which stands until then, would hold a target
        that is being deleted: neither would ever end.

        Raises:
            DependencyNotReady: something that the spec names is not Ready, or on its way out.
        """
        for need in dependencies(self._kinds[obj.key.kind], obj.spec):
            target = self._cache.get(ObjectKey(need.kind, obj.key.namespace, need.name))
            if target is not None:
                _check_usable(target, is_user_there=False)

    async def sources_of(self, obj: KubeObject) -> Resolution | None:
        """Return the Secrets and ConfigMaps of an object; None where not all can be read."""
        sources: _ByKindAndName[SecretData] = {}
        for need in dependencies(self._kinds[obj.key.kind], obj.spec):
            if need.kind in _SOURCES:
                try:
                    source = sources[need.kind, need.name] = await self._read(obj, need)
                except (ReferenceNotFound, ClusterUnavailable):
                    return None
                if source.unreadable:
                    return None
        return _held_in(sources)

    async def _read(self, obj: KubeObject, need: Dependency) -> SecretData:
        read = self._reader.secret if need.kind == SECRET else self._reader.config_map
        found = await read(obj.key.namespace, need.name)
        if found is None:
            raise _missing(obj, need)
        return found

    def _target(self, obj: KubeObject, need: Dependency, binding: Binding | None) -> KubeObject:
        target = self._cache.get(ObjectKey(need.kind, obj.key.namespace, need.name))
        if target is None:
            raise _missing(obj, need)
        _check_usable(target, is_user_there=bool(obj.external_id))
        if binding is not None:
            _check_account(target, binding)
        return target

    def path_key(self, target: KubeObject) -> str:
        """Return what stands for an object in paths and bodies; empty where no record has it."""
        rest = self._kinds[target.key.kind].rest
        return target.recorded_name if rest is None else target.path_key(rest)


def _held_in(sources: _ByKindAndName[SecretData]) -> Resolution:
    """Return what Secrets and ConfigMaps hold."""
    secrets = {name: found for (kind, name), found in sources.items() if kind == SECRET}
    maps = {name: found for (kind, name), found in sources.items() if kind == CONFIG_MAP}
    unreadable = {(*at, key) for at, found in sources.items() for key in found.unreadable}
    edits = (found.edited_at for found in sources.values())
    return Resolution(
        secrets={name: found.data for name, found in secrets.items()},
        config_maps={name: found.data for name, found in maps.items()},
        versions={name: found.version for name, found in secrets.items()},
        unreadable=frozenset(unreadable),
        edited_at=max((edit for edit in edits if edit is not None), default=None),
    )


def _missing(obj: KubeObject, need: Dependency) -> ReferenceNotFound:
    return ReferenceNotFound(
        f"spec.{need.path} names {need.kind} {need.name!r}, which does not exist in namespace "
        f"{obj.key.namespace!r}; create it or correct the reference"
    )


def _check_usable(target: KubeObject, *, is_user_there: bool) -> None:
    """Ask less of a target once the user exists: a restart of the target is no news to it."""
    if target.deleting and not is_user_there:
        raise DependencyNotReady(f"{target.key} is being deleted")
    if target.awaits_answer:
        anew = " anew" if "replaces" in target.creation else ""
        raise DependencyNotReady(f"{target.key} is being created{anew}; see its conditions")
    # Of such a name nothing tells but a status, in which a Ready may stand as well.
    is_named = not target.is_name_in_doubt
    is_enough = is_user_there and not is_disowned(target)
    if target.external_id and is_named and (is_enough or target.is_ready):
        return
    raise DependencyNotReady(
        f"{target.key} is not Ready: {target.ready_reason or 'Pending'}; see its conditions"
    )


def _check_account(target: KubeObject, binding: Binding) -> None:
    pinned, there = target.pin, AccountIdentity.of(target.pin)
    if is_unverified_pin(target, binding.source):
        raise AccountMismatch(
            f"nobody knows that {target.key} lives in account {there}: the keys of "
            f"{pinned.get('kind')} {pinned.get('name')} were not verified (identityCheck.mode: "
            f"Off), and this object uses {binding.source}; let both use the same account"
        )
    if there != binding.identity:
        raise AccountMismatch(
            f"{target.key} lives in account {there}, this object in {binding.identity}; "
            "references cannot leave an account"
        )
