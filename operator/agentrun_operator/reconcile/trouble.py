"""Why an account cannot be used: told by the account, and repeated by all of its objects."""

from dataclasses import dataclass
from datetime import datetime

from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject, parse_time
from agentrun_operator.core.reasons import ConditionType, Reason
from agentrun_operator.reconcile.world import World

_PASSING = frozenset({Reason.PROVIDER_UNAVAILABLE, Reason.THROTTLED, Reason.ACCOUNT_MISMATCH})
"""Nothing is known to be wrong with the resources: what was seen lately still counts."""
_REFUSED = {
    Reason.CREDENTIALS_INVALID: Reason.CREDENTIALS_INVALID,
    Reason.CREDENTIALS_NOT_FOUND: Reason.CREDENTIALS_NOT_FOUND,
    Reason.ACCESS_DENIED: Reason.DEPENDENCY_NOT_READY,
    Reason.INVALID_PARAMETER: Reason.DEPENDENCY_NOT_READY,
}
"""Somebody has to act before anything works again; and what the account's objects say then: they
are not the ones that a permission or a field is wrong for."""
_TOLD: dict[str, Reason] = {
    **{reason.value: reason for reason in _PASSING},
    **{reason.value: told for reason, told in _REFUSED.items()},
}


OUTAGE = frozenset({Reason.PROVIDER_UNAVAILABLE, Reason.THROTTLED})
"""What failing calls come to that may work the next time."""


def says_already(obj: KubeObject, status: str, reason: Reason) -> bool:
    """Whether an object's Ready says already what its pass comes to.

    A cloud in trouble answers now one way and now another. That it also asks to slow down is no
    news during an outage; each turn would be a write of every object.
    """
    if obj.ready.get("status") != status or not obj.is_observed:
        return False
    told = obj.ready_reason
    is_more = told == Reason.PROVIDER_UNAVAILABLE.value and reason is Reason.THROTTLED
    return is_more or told == reason.value


_TRIED_AGAIN = OUTAGE | {Reason.ACCESS_DENIED, Reason.QUOTA_EXCEEDED}
"""What failing creates come to that are sent again although nobody edits anything."""


def reported_outage(obj: KubeObject) -> Verdict | None:
    """Return what an object says of an outage; None where it says something else."""
    return _reported(obj, OUTAGE)


def reported_failure(obj: KubeObject) -> Verdict | None:
    """Return what an object says of a call that is sent again; None where it says something else.

    It stands until a call works: the next try alone is no sign that it will.
    """
    return _reported(obj, _TRIED_AGAIN)


def _reported(obj: KubeObject, reasons: frozenset[Reason]) -> Verdict | None:
    for reason in reasons:
        if obj.ready_reason == reason.value and says_already(obj, "False", reason):
            message = str(obj.ready.get("message"))
            stalled = (obj.condition(ConditionType.STALLED) or {}).get("status") == "True"
            return Verdict(
                "False", reason, message, synced=False, reconciling=not stalled, stalled=stalled
            )
    return None


@dataclass(frozen=True, slots=True)
class Trouble:
    """One account that cannot be used at present."""

    source: ObjectKey
    reason: Reason
    since: datetime | None
    is_told: bool = True
    """The account itself says so. Its objects wait for that, so that all give the same reason."""

    @property
    def is_refusal(self) -> bool:
        """Whether it lasts until somebody acts, so that there is nothing to wait for."""
        return self.reason not in _PASSING


def trouble_of(world: World, source: ObjectKey) -> Trouble | None:
    """Return why an account cannot be used; None where nothing speaks against it.

    What the account's conditions say outlives a restart, and its `since` does. The operator's own
    account has none.
    """
    contact = world.clients.contacts.of(source)
    account = world.cache.get(source) if source.is_account else None
    ready = account.ready if account is not None else {}
    told = _TOLD.get(str(ready.get("reason")))
    if ready.get("status") == "False" and told is not None:
        return Trouble(source, told, parse_time(ready.get("lastTransitionTime")))
    if not contact.is_out or contact.error is None:
        return None
    return Trouble(source, contact.error.reason, contact.failing_since, is_told=account is None)
