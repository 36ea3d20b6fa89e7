"""The error taxonomy.

OperatorError
├── Retryable                    a retry without any human edit can succeed
│   ├── Unavailable              no answer, 5xx, or an answer that is not the API's
│   │   └── AnswerTooLarge       the answer is beyond all bounds
│   ├── Throttled                429; `retry_after` in seconds where the API said so
│   ├── Busy                     the resource is in transition and refuses writes for now
│   ├── InUse                    something in the cloud uses it, and it cannot be deleted before
│   ├── DependencyNotReady       a referenced object exists and is not usable yet
│   │   └── AccountNotUsable     the account has to be put right; what was Ready stays so
│   ├── ReferenceNotFound        a referenced object, Secret, ConfigMap or key does not exist
│   │   └── Unresolved           … and who tried to resolve it has told so
│   ├── CredentialsNotFound      the account, or the Secret with its keys, does not exist
│   ├── AccessDenied             the keys are good, the RAM policy is not; stalls after a grace
│   └── CredentialsInvalid       the keys are refused or malformed; stalled at once, retried slowly
└── Stalled                      no retry helps until somebody edits something
    ├── InvalidParameter         the API (or our own parser) refuses the spec
    │   └── UnfitReference       … because it names an object that cannot serve there
    ├── NotGranted               the account's owner does not let the namespace reach something
    ├── QuotaExceeded            the account has no room; retried slowly all the same
    ├── AlreadyExistsNotOwned    the name is taken by a resource we may not touch
    ├── ExternalNameConflict     an older object claims the same name
    ├── ImmutableFieldChanged    the resource differs in a field that no update can change
    ├── AccountChanged           the account no longer is the one the object is pinned to
    ├── AccountMismatch          a reference leads into another account
    │   └── ForeignKeys          the keys of an account belong to another one; retried slowly
    ├── CannotClear              a field left the spec and the API keeps its value
    └── ProviderFailed           the cloud reports a failed state

Absence is a value (`None`, or `Lookup(resource=None)`), not an error. Anything outside this tree is
a bug of ours. Each class owns its reason and its retry policy; callers just raise. Messages are
our own words, never carry a secret and are cut to `MAX_MESSAGE` characters; what the cloud said is
sealed beside them (`core.gate`).
"""

from typing import ClassVar, Self

from agentrun_operator.core.gate import CloudText
from agentrun_operator.core.reasons import Reason

MAX_MESSAGE = 1024
"""What an Event takes."""


class OperatorError(Exception):
    """Base of every failure we understand."""

    reason: ClassVar[Reason] = Reason.INTERNAL_ERROR
    stalls_after_seconds: ClassVar[float | None] = None
    """How long Reconciling is shown before Stalled: 0 at once, None never."""
    retry_floor_seconds: ClassVar[float] = 1.0
    """The shortest delay before the next try; backoff grows from here."""

    def __init__(self, message: str, *, request_id: str | None = None) -> None:
        """Keep a message that says what failed and what to do; `request_id` is the cloud's."""
        text = message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
        super().__init__(text)
        self.message = text
        self.request_id = request_id
        self.quote: CloudText | None = None
        self.parts: tuple[OperatorError, ...] = ()
        """What was combined into it, if anything."""

    def quoting(self, quote: CloudText | None) -> Self:
        """Keep what the cloud said of it beside the message; returns itself."""
        self.quote = quote or None
        return self


class Retryable(OperatorError):
    """A retry can succeed without any human edit."""


class Unavailable(Retryable):
    """No usable answer. `maybe_applied` is True when a write may have taken effect all the same."""

    reason = Reason.PROVIDER_UNAVAILABLE

    def __init__(
        self, message: str, *, maybe_applied: bool = False, request_id: str | None = None
    ) -> None:
        """Keep whether a write may have been applied before the answer was lost."""
        super().__init__(message, request_id=request_id)
        self.maybe_applied = maybe_applied


class AnswerTooLarge(Unavailable):
    """The answer is beyond all bounds; one about fewer resources may not be."""


class Throttled(Retryable):
    """The API asks us to slow down, or our own budget of the account is spent.

    `retry_after` is in seconds, None when the API did not say; `is_ours` tells our own budget,
    which asked nobody, and `operation` what it was to be asked for.
    """

    reason = Reason.THROTTLED

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        is_ours: bool = False,
        operation: str = "",
        request_id: str | None = None,
    ) -> None:
        """Keep how long to pause, in seconds, and who said so."""
        super().__init__(message, request_id=request_id)
        self.retry_after = retry_after
        self.is_ours = is_ours
        self.operation = operation


class Busy(Retryable):
    """The resource is in transition and refuses this write for now; the poller brings us back."""

    reason = Reason.UPDATING


class InUse(Retryable):
    """Something in the cloud uses the resource, which cannot be deleted before that is gone."""

    reason = Reason.DELETION_BLOCKED


class DependencyNotReady(Retryable):
    """A referenced object exists and cannot be used yet; its next change wakes us."""

    reason = Reason.DEPENDENCY_NOT_READY
    retry_floor_seconds = 30.0


class AccountNotUsable(DependencyNotReady):
    """The account has to be put right first. That is no news of a resource that was Ready."""


class ReferenceNotFound(Retryable):
    """A referenced object, Secret, ConfigMap or key does not exist; its creation wakes us."""

    reason = Reason.REFERENCE_NOT_FOUND
    retry_floor_seconds = 30.0


class Unresolved(ReferenceNotFound):
    """A value behind a reference that could not be resolved, which was told already."""


class CredentialsNotFound(Retryable):
    """No account, or no Secret with its keys; their creation wakes us."""

    reason = Reason.CREDENTIALS_NOT_FOUND
    retry_floor_seconds = 30.0


class AccessDenied(Retryable):
    """The RAM policy does not allow the call. RAM changes spread slowly, hence the grace."""

    reason = Reason.ACCESS_DENIED
    stalls_after_seconds = 120.0
    retry_floor_seconds = 60.0


class CredentialsInvalid(Retryable):
    """The keys are refused or malformed. An edit of the Secret wakes us; we also retry slowly."""

    reason = Reason.CREDENTIALS_INVALID
    stalls_after_seconds = 0.0
    retry_floor_seconds = 60.0


class Stalled(OperatorError):
    """No retry helps until somebody edits something."""

    stalls_after_seconds = 0.0
    retry_floor_seconds = 300.0


class InvalidParameter(Stalled):
    """The spec is refused; the message names the field where that is known."""

    reason = Reason.INVALID_PARAMETER


class UnfitReference(InvalidParameter):
    """The spec names an object of a type or purpose that cannot serve there."""

    def __init__(self, message: str, *, path: str = "", request_id: str | None = None) -> None:
        """Keep the spec path of the reference; empty where several are told of at once."""
        super().__init__(message, request_id=request_id)
        self.path = path


class NotGranted(Stalled):
    """A shared account's owner grants no such reach. A grant wakes us, a label does not."""

    reason = Reason.NOT_GRANTED
    retry_floor_seconds = 60.0


class QuotaExceeded(Stalled):
    """The account has no room for one more."""

    reason = Reason.QUOTA_EXCEEDED


class AlreadyExistsNotOwned(Stalled):
    """The external name is taken by a resource that we may not touch."""

    reason = Reason.ALREADY_EXISTS_NOT_OWNED


class ExternalNameConflict(Stalled):
    """An older object in this cluster claims the same external name."""

    reason = Reason.EXTERNAL_NAME_CONFLICT


class ImmutableFieldChanged(Stalled):
    """The external resource differs in a field that no update can change."""

    reason = Reason.IMMUTABLE_FIELD_CHANGED


class AccountChanged(Stalled):
    """The account resolves to something else than what the object is pinned to."""

    reason = Reason.ACCOUNT_CHANGED


class AccountMismatch(Stalled):
    """A referenced object lives in another account."""

    reason = Reason.ACCOUNT_MISMATCH


class ForeignKeys(AccountMismatch):
    """The keys of an account belong to another one. An edit of the Secret wakes the account."""

    retry_floor_seconds = 60.0


class CannotClear(Stalled):
    """A field left the spec, was cleared once, and the API still shows its value."""

    reason = Reason.CANNOT_CLEAR


class ProviderFailed(Stalled):
    """The cloud reports a failed state; the message carries its reason."""

    reason = Reason.PROVIDER_FAILED
