"""Settings from environment variables `AGENTRUN_OPERATOR_*`, as the chart sets them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar, cast

from agentrun_operator.core.settings import Backoff, OwnAccount, Polling, Settings

PREFIX = "AGENTRUN_OPERATOR_"

V = TypeVar("V")


class SettingsError(Exception):
    """A setting cannot be used; the message names the variable, its problem and the remedy."""


def settings_from(environ: Mapping[str, str]) -> Settings:
    """Read every setting; what is unset or empty keeps its default.

    Raises:
        SettingsError: a value is not of its type, or out of range.
    """
    read = _Reader(environ)
    base = Settings()
    polling = Polling(
        transition_seconds=read.seconds("POLL_TRANSITION_SECONDS", base.polling.transition_seconds),
        steady_seconds=read.seconds("POLL_STEADY_SECONDS", base.polling.steady_seconds),
        detail_seconds=read.seconds("POLL_DETAIL_SECONDS", base.polling.detail_seconds),
        slow_seconds=read.seconds("POLL_SLOW_SECONDS", base.polling.slow_seconds),
        few=read.number("POLL_FEW", base.polling.few, int, allow_zero=True),
    )
    access = read.text("SECRET_ACCESS", base.secret_access)
    if access not in ("watch", "get"):
        raise SettingsError(f"{PREFIX}SECRET_ACCESS is {access!r}; use watch or get")
    return replace(
        base,
        controller_class=read.text("CONTROLLER_CLASS", base.controller_class),
        namespaces=read.items("NAMESPACES"),
        operator_namespace=read.text("NAMESPACE", base.operator_namespace),
        cluster_id=read.text("CLUSTER_ID", base.cluster_id),
        leader_election=read.switch("LEADER_ELECTION", default=base.leader_election),
        lease_name=read.text("LEASE_NAME", base.lease_name),
        identity=read.text("IDENTITY", base.identity),
        workers=read.number("WORKERS", base.workers, int),
        polling=polling,
        backoff=Backoff(
            base_seconds=read.seconds("BACKOFF_BASE_SECONDS", base.backoff.base_seconds),
            cap_seconds=read.seconds("BACKOFF_CAP_SECONDS", base.backoff.cap_seconds),
        ),
        resync_seconds=read.seconds("RESYNC_SECONDS", base.resync_seconds),
        create_settle_seconds=read.seconds("CREATE_SETTLE_SECONDS", base.create_settle_seconds),
        create_timeout_seconds=read.number(
            "CREATE_TIMEOUT_SECONDS", base.create_timeout_seconds, int
        ),
        update_timeout_seconds=read.number(
            "UPDATE_TIMEOUT_SECONDS", base.update_timeout_seconds, int
        ),
        delete_timeout_seconds=read.number(
            "DELETE_TIMEOUT_SECONDS", base.delete_timeout_seconds, int
        ),
        requests_per_second=read.seconds("REQUESTS_PER_SECOND", base.requests_per_second),
        endpoint_allow_list=read.items("ENDPOINT_ALLOW_LIST"),
        own_account=_own_account(read),
        instance_role=read.switch("INSTANCE_ROLE", default=base.instance_role),
        secret_access=access,
        drain_seconds=read.seconds("DRAIN_SECONDS", base.drain_seconds),
        bind_host=read.text("BIND_HOST", base.bind_host),
        bind_port=read.number("BIND_PORT", base.bind_port, int, allow_zero=True),
    )


def _own_account(read: "_Reader") -> OwnAccount | None:
    account, region = read.text("ACCOUNT_ID", ""), read.text("REGION", "")
    if not account and not region:
        return None
    if not account or not region:
        raise SettingsError(
            f"{PREFIX}ACCOUNT_ID and {PREFIX}REGION belong together; set both or neither"
        )
    return OwnAccount(account, region, read.text("ENDPOINT", "") or None)


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: V) -> V:
        value = self._environ.get(PREFIX + name, "").strip()
        return cast("V", value) if value else default

    def items(self, name: str) -> tuple[str, ...]:
        text = self._environ.get(PREFIX + name, "")
        return tuple(part.strip() for part in text.split(",") if part.strip())

    def switch(self, name: str, *, default: bool) -> bool:
        text = self._environ.get(PREFIX + name, "").strip().lower()
        if text not in ("", "true", "false"):
            raise SettingsError(f"{PREFIX}{name} is {text!r}; use true or false")
        return default if not text else text == "true"

    def seconds(self, name: str, default: float) -> float:
        return self.number(name, default, float)

    def number(
        self, name: str, default: V, kind: Callable[[str], V], *, allow_zero: bool = False
    ) -> V:
        text = self._environ.get(PREFIX + name, "").strip()
        if not text:
            return default
        try:
            value = kind(text)
        except ValueError:
            raise SettingsError(f"{PREFIX}{name} is {text!r}, not a number; correct it") from None
        number = cast("float", value)
        is_usable = 0 <= number < float("inf") if allow_zero else 0 < number < float("inf")
        if not is_usable:
            raise SettingsError(f"{PREFIX}{name} is {text!r}; it must be a positive number")
        return value
