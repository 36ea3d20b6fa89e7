"""Whose word a name in AgentRun is: that of the spec, of the account, or of the status alone."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from agentrun_operator.core.defaults import Defaults
from agentrun_operator.core.errors import (
    AlreadyExistsNotOwned,
    ImmutableFieldChanged,
    InvalidParameter,
)
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.record import as_copy
from agentrun_operator.reconcile.cache import ObjectCache


def check_prefixed(kind: ResourceKind, obj: KubeObject, source: ObjectKey) -> None:
    """Refuse a name that is none with the prefix of the account; admission sees no account.

    Raises:
        InvalidParameter: AgentRun would not take it.
    """
    prefix, name = obj.name_prefix, obj.external_name
    if not prefix or obj.has_record or re.search(kind.name_pattern, name):
        return
    raise InvalidParameter(
        f"spec.externalName is unset, and with the prefix {prefix!r} (spec.defaults.namePrefix of "
        f"{source}) metadata.name makes {name!r}, which is no valid AgentRun name (it must "
        f"match {kind.name_pattern}); set spec.externalName"
    )


def otherwise(obj: KubeObject, beside: Iterable[Defaults] = ()) -> Iterator[KubeObject]:
    """Yield an object by each other name that its account gives it, or gave: without a record.

    `beside` are the defaults of other accounts that may have given it one.
    """
    if obj.spec.get("externalName"):
        return
    status = obj.status
    if obj.is_heir:
        # What its predecessor had is gone: that record is from now on another object's.
        said = status.get("conditions") or []
        status = {**as_copy(status, status["boundTo"]), "conditions": said}
    defaults = obj.defaults
    theirs = (prefix for each in beside for prefix in each.prefixes)
    for prefix in dict.fromkeys((*defaults.prefixes, "", *theirs)):
        again = replace(obj, status=status, defaults=replace(defaults, name_prefix=prefix))
        if again.external_name != obj.external_name:
            yield again


def unvouched(obj: KubeObject, found: KubeObject) -> AlreadyExistsNotOwned:
    """Return what is to be said of a name that the account neither gives nor says that it gave.

    What has it was made before the account had a prefix, or by way of another account, or is a
    stranger's. To take it would overwrite the stranger's, to make another one would be a second.
    """
    name, today = found.external_name, f"{obj.defaults.name_prefix}{obj.key.name}"
    is_prefixed = bool(found.defaults.name_prefix)
    how = "by way of another account" if is_prefixed else "before its account had a prefix"
    return AlreadyExistsNotOwned(
        f"no record tells which resource this object has, and {obj.key.kind} {name!r} exists, "
        f"which may be its own, made {how}; give the object "
        f"spec.externalName {name!r} if it is, else {today!r}"
    )


def doubt(cache: ObjectCache, obj: KubeObject, source: ObjectKey) -> ImmutableFieldChanged | None:
    """Return what is to be said where only the status tells the name of a resource.

    It is asked of the account that the calls go to: which one the record names is the status's word
    as well.
    """
    if not obj.status.get("namePrefix"):
        return None
    if not cache.in_account(obj, source).is_name_in_doubt:
        return None
    prefix, name = obj.name_prefix, obj.recorded_name
    listed = f"add {prefix!r} to spec.defaults.formerNamePrefixes of {source}, or "
    return ImmutableFieldChanged(
        f"the resource on record is named {name!r}, and of its prefix {prefix!r} nothing tells but "
        f"status.namePrefix; if it is this object's, {listed if source.is_account else ''}set "
        f"spec.externalName to {name!r}"
    )
