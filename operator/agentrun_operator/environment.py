"""Settings from environment variables `AGENTRUN_OPERATOR_*`, as the chart sets them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from math import isfinite
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agentrun_operator.core.grants import Allowance
from agentrun_operator.core.settings import OwnAccount, Settings

PREFIX = "AGENTRUN_OPERATOR_"


class SettingsError(Exception):
    """A setting cannot be used; the message names the variable, its problem and the remedy."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable: its name behind the prefix, the setting that it sets, and how it is read."""

    name: str
    setting: str
    """Path of the field in `Settings`."""
    read: Callable[[str], Any]
    """Raises ValueError, whose message goes on after "NAME is 'value'"."""

    @property
    def default(self) -> Any:
        """What holds where the variable is unset."""
        return reduce(getattr, self.setting.split("."), Settings())


def settings_from(environ: Mapping[str, str]) -> Settings:
    """Read every setting; what is unset or empty keeps its default.

    Raises:
        SettingsError: a value is not of its type, or out of range.
    """
    groups: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for variable in VARIABLES:
        text = environ.get(PREFIX + variable.name, "").strip()
        if not text:
            continue
        group, _, field = variable.setting.rpartition(".")
        try:
            groups[group][field] = variable.read(text)
        except ValueError as error:
            raise SettingsError(f"{PREFIX}{variable.name} is {text!r}{error}") from None
    settings = replace(Settings(), **groups.pop("", {}), own_account=_own_account(environ))
    changed = {group: replace(getattr(settings, group), **given) for group, given in groups.items()}
    return replace(settings, **changed)


def described() -> Iterator[tuple[str, str]]:
    """Yield the name of each variable, and its default as people write it."""
    for variable in VARIABLES:
        yield PREFIX + variable.name, _written(variable.default)
    for name in (_ACCOUNT_ID, _REGION, _ENDPOINT, _STS_ENDPOINT):
        yield PREFIX + name, ""
    yield PREFIX + _IDENTITY_CHECK, _CHECK_MODES[0]
    yield PREFIX + _ALLOW, ""


def _written(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default or "")


def _own_account(environ: Mapping[str, str]) -> OwnAccount | None:
    account, region, endpoint = (
        environ.get(PREFIX + name, "").strip() for name in (_ACCOUNT_ID, _REGION, _ENDPOINT)
    )
    if not account and not region:
        return None
    if not account or not region:
        raise SettingsError(
            f"{PREFIX}{_ACCOUNT_ID} and {PREFIX}{_REGION} belong together; set both or neither"
        )
    mode, service = (
        environ.get(PREFIX + name, "").strip() for name in (_IDENTITY_CHECK, _STS_ENDPOINT)
    )
    if mode not in ("", *_CHECK_MODES):
        raise SettingsError(
            f"{PREFIX}{_IDENTITY_CHECK} is {mode!r}; use {' or '.join(_CHECK_MODES)}"
        )
    return OwnAccount(
        account,
        region,
        endpoint or None,
        mode != _CHECK_MODES[1],
        service or None,
        _allowances(environ.get(PREFIX + _ALLOW, "").strip()),
    )


def _allowances(text: str) -> tuple[Allowance, ...]:
    if not text:
        return ()
    try:
        return TypeAdapter(tuple[Allowance, ...]).validate_json(text)
    except ValidationError as error:
        where = [".".join(map(str, each["loc"])) or "the text" for each in error.errors()]
        raise SettingsError(
            f"{PREFIX}{_ALLOW} is no JSON list of what spec.allow of a ClusterAccount takes; "
            f"correct {', '.join(where)}"
        ) from None


def _items(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _switch(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("; use true or false")
    return text.lower() == "true"


def _access(text: str) -> str:
    if text not in ("watch", "get"):
        raise ValueError("; use watch or get")
    return text


def _number(kind: Callable[[str], float], *, may_be_zero: bool = False) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            raise ValueError(f", not {what}; correct it") from None
        if not isfinite(value) or value < 0 or (value == 0 and not may_be_zero):
            raise ValueError("; it must be a positive number")
        return value

    return read


_seconds = _number(float)
_count = _number(int)
_count_or_zero = _number(int, may_be_zero=True)


def _percent(text: str) -> float:
    value = _count_or_zero(text)
    if value > 100:  # noqa: PLR2004 - all of it
        raise ValueError("; it must be at most 100")
    return value


_ACCOUNT_ID, _REGION, _ENDPOINT = "ACCOUNT_ID", "REGION", "ENDPOINT"
"""Of the operator's own account, which is made of all three."""
_IDENTITY_CHECK, _STS_ENDPOINT = "IDENTITY_CHECK", "STS_ENDPOINT"
"""Of the operator's own account as well: whether, and where, to ask whose keys it has."""
_CHECK_MODES = ("Verify", "Off")
_ALLOW = "ACCOUNT_ALLOW"
"""Of the operator's own account: what namespaces may reach in it, a JSON list."""

VARIABLES = (
    Variable("CONTROLLER_CLASS", "controller_class", str),
    Variable("NAMESPACES", "namespaces", _items),
    Variable("NAMESPACE", "operator_namespace", str),
    Variable("CLUSTER_ID", "cluster_id", str),
    Variable("LEADER_ELECTION", "leader_election", _switch),
    Variable("LEASE_NAME", "lease_name", str),
    Variable("IDENTITY", "identity", str),
    Variable("WORKERS", "workers", _count),
    Variable("POLL_TRANSITION_SECONDS", "polling.transition_seconds", _seconds),
    Variable("POLL_STEADY_SECONDS", "polling.steady_seconds", _seconds),
    Variable("POLL_DETAIL_SECONDS", "polling.detail_seconds", _seconds),
    Variable("POLL_SLOW_SECONDS", "polling.slow_seconds", _seconds),
    Variable("POLL_UNSEEN_INTERVALS", "polling.unseen_intervals", _seconds),
    Variable("POLL_FEW", "polling.few", _count_or_zero),
    Variable("BACKOFF_BASE_SECONDS", "backoff.base_seconds", _seconds),
    Variable("BACKOFF_CAP_SECONDS", "backoff.cap_seconds", _seconds),
    Variable("RESYNC_SECONDS", "resync_seconds", _seconds),
    Variable("CREATE_SETTLE_SECONDS", "create_settle_seconds", _seconds),
    Variable("ABSENCE_CONFIRM_SECONDS", "absence_confirm_seconds", _seconds),
    Variable("MASS_ABSENCE_PERCENT", "mass_absence.percent", _percent),
    Variable("MASS_ABSENCE_MINIMUM", "mass_absence.minimum", _count_or_zero),
    Variable("MASS_ABSENCE_WINDOW_SECONDS", "mass_absence.window_seconds", _seconds),
    Variable("CREATE_TIMEOUT_SECONDS", "create_timeout_seconds", _count),
    Variable("UPDATE_TIMEOUT_SECONDS", "update_timeout_seconds", _count),
    Variable("DELETE_TIMEOUT_SECONDS", "delete_timeout_seconds", _count),
    Variable("REQUESTS_PER_SECOND", "requests_per_second", _seconds),
    Variable("ENDPOINT_ALLOW_LIST", "endpoint_allow_list", _items),
    Variable("INSTANCE_ROLE", "instance_role", _switch),
    Variable("SECRET_ACCESS", "secret_access", _access),
    Variable("MAX_OBJECTS_PER_NAMESPACE", "max_objects_per_namespace", _count),
    Variable("LOOP_HELD_SECONDS", "loop_held_seconds", _seconds),
    Variable("SECRET_NAMESPACES", "secret_namespaces", _items),
    Variable("DRAIN_SECONDS", "drain_seconds", _seconds),
    Variable("BIND_HOST", "bind_host", str),
    Variable("BIND_PORT", "bind_port", _count_or_zero),
    Variable("DEBUG_HOST", "debug_host", str),
    Variable("DEBUG_PORT", "debug_port", _count_or_zero),
)
