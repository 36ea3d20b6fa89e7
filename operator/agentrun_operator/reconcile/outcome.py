"""Result or error of a pass → conditions, event and requeue. Both are decided here alone."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.errors import (
    AccessDenied,
    AccountMismatch,
    AccountNotUsable,
    Busy,
    CredentialsNotFound,
    DependencyNotReady,
    OperatorError,
    ReferenceNotFound,
    Retryable,
    Throttled,
    UnfitReference,
)
from agentrun_operator.core.gate import CloudText
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.settings import Backoff
from agentrun_operator.reconcile.failures import Failures
from agentrun_operator.reconcile.intervals import doubled
from agentrun_operator.reconcile.ports import EventType

GRACE_FAILURES = 3
"""So many failures in a row pass before a Ready resource is called anything else."""

UNRESOLVED = (ReferenceNotFound, DependencyNotReady, CredentialsNotFound, AccountMismatch)

_NO_RETRY_HELPS = frozenset(
    {
        Reason.PROVIDER_FAILED,
        Reason.TIMEOUT,
        Reason.DRIFT_DETECTED,
        Reason.CONTESTED,
        Reason.CANNOT_CLEAR,
        Reason.IMMUTABLE_FIELD_CHANGED,
        Reason.UNEXPECTED_ECHO,
        Reason.INVALID_PARAMETER,
    }
)
"""Reasons under which this generation counts as tried, although it is not in place."""

_CALM = frozenset(
    {
        Reason.AVAILABLE,
        Reason.CREATING,
        Reason.UPDATING,
        Reason.DELETING,
        Reason.COMPLETED,
        Reason.PENDING,
        Reason.DEPENDENCY_NOT_READY,
        Reason.PAUSED,
    }
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass ends with."""

    verdict: Verdict | None
    """None: nothing to say that is not already said."""
    requeue_after: float | None = None
    """Seconds; None: only a change brings the object back."""
    result: str = "success"
    """Label of the reconcile metric: success, error, requeue or requeue_after."""
    in_transition: bool = False
    blames_account: bool = False
    """Whether the object's account had better look at its own keys and endpoint now."""


def available(message: str = "the resource is as specified") -> Verdict:
    """Everything is as it should be."""
    return Verdict("True", Reason.AVAILABLE, message)


def completed(message: str) -> Verdict:
    """It ended as it should."""
    return Verdict("True", Reason.COMPLETED, message)


def progressing(
    reason: Reason, message: str, *, synced: bool = True, quote: CloudText | None = None
) -> Verdict:
    """Work is under way for this generation."""
    return Verdict("False", reason, message, synced=synced, reconciling=True, quote=quote)


def in_cloud(reason: Reason, word: str) -> Verdict:
    """The cloud is at work; said in the same words from the first moment to the last."""
    return progressing(reason, f"the cloud reports {word}")


def stalled(reason: Reason, message: str, quote: CloudText | None = None) -> Verdict:
    """No progress without a human."""
    return Verdict("False", reason, message, synced=False, stalled=True, quote=quote)


def unseen(reason: Reason, message: str, *, is_news: bool) -> Verdict:
    """Nobody knows how the resource stands; news of the spec is not in place yet for sure."""
    return Verdict(
        "Unknown", reason, message, synced=False, reconciling=True, is_unseen=not is_news
    )


def deleting(reason: Reason, message: str, quote: CloudText | None = None) -> Verdict:
    """The object is on its way out; kstatus reads the deletion timestamp before any condition."""
    return Verdict("False", reason, message, quote=quote)


def was_tried(obj: KubeObject) -> bool:
    """Whether this generation has been acted on, with whatever result."""
    if not obj.is_observed:
        return False
    synced = obj.condition("Synced") or {}
    return synced.get("status") == "True" or synced.get("reason") in _NO_RETRY_HELPS


class Outcomes:
    """Turns errors into outcomes, with full-jitter backoff."""

    def __init__(self, backoff: Backoff, jitter: Callable[[], float] = random.random) -> None:
        """Draw jitter from `jitter`, 0 to 1."""
        self._backoff = backoff
        self._jitter = jitter

    def delay(self, failures: int, floor: float) -> float:
        """Return seconds until the next try: full jitter over a doubling window, above a floor."""
        window = doubled(self._backoff.base_seconds, failures - 1)
        return min(max(floor, self._jitter() * window), self._backoff.cap_seconds)

    def delay_after(self, failures: Failures, floor: float) -> float:
        """Count a failure; return seconds until the next try."""
        return self.delay(failures.note(), floor)

    def of_error(
        self, error: OperatorError, obj: KubeObject, failures: Failures, now: float
    ) -> Outcome:
        """Return what a failed pass ends with; counts the failure."""
        floor = error.retry_floor_seconds
        if isinstance(error, Throttled) and error.retry_after is not None:
            floor = error.retry_after
        delay = self.delay_after(failures, floor)
        spent = failures.note_error(now)
        if is_in_grace(error, obj, failures):
            return Outcome(None, delay, "error")
        after = error.stalls_after_seconds
        has_stalled = after is not None and spent >= after
        verdict = Verdict(
            "False",
            error.reason,
            error.message,
            synced=False,
            reconciling=not has_stalled,
            stalled=has_stalled,
            quote=error.quote,
            request_id=error.request_id,
        )
        return Outcome(verdict, delay, "error")


def naming(outcome: Outcome, error: OperatorError) -> Outcome:
    """Return an outcome whose report names the call that failed, where it tells of that call."""
    verdict = outcome.verdict
    if verdict is None or not verdict.message.startswith(error.message):
        return outcome
    return replace(outcome, verdict=replace(verdict, request_id=error.request_id))


def is_in_grace(error: OperatorError, obj: KubeObject, failures: Failures) -> bool:
    """Whether a resource that was Ready stays so: a short outage of the cloud is no news of it."""
    if not (obj.is_ready and obj.is_observed):
        return False
    return isinstance(error, AccountNotUsable) or (
        isinstance(error, Retryable)
        and not isinstance(error, (*UNRESOLVED, AccessDenied, Busy))
        and error.stalls_after_seconds is None
        and failures.count < GRACE_FAILURES
    )


def is_resolved(blocked: OperatorError | None) -> bool:
    """Whether no part of what stands in the way is about a reference, the worst or another."""
    parts = () if blocked is None else blocked.parts or (blocked,)
    return not any(isinstance(part, (*UNRESOLVED, UnfitReference)) for part in parts)


def event_of(before: Mapping[str, Any] | None, verdict: Verdict) -> tuple[EventType, str] | None:
    """Return type and reason of the event that a change of Ready deserves, or None."""
    same = before is not None and (before.get("reason"), before.get("status")) == (
        verdict.reason.value,
        verdict.ready,
    )
    if same:
        return None
    return ("Normal" if verdict.reason in _CALM else "Warning"), verdict.reason.value


def paused(obj: KubeObject) -> Verdict:
    """Whatever was said before stands; only Paused comes to it."""
    ready = obj.ready
    synced = obj.condition("Synced") or {}
    resolved = obj.condition("ReferencesResolved")
    known = {r.value: r for r in Reason}
    return Verdict(
        ready.get("status") or "Unknown",
        known.get(obj.ready_reason, Reason.PENDING),
        str(ready.get("message") or "paused before it was first looked at"),
        synced=synced.get("status") == "True",
        paused=True,
        references_resolved=None if resolved is None else resolved.get("status") == "True",
    )
