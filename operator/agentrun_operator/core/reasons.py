"""Every condition type and reason we ever write. They are public API: renaming one breaks users."""

from enum import StrEnum


class ConditionType(StrEnum):
    """Condition types; Ready and Synced always stand, the abnormal ones only while True."""

    READY = "Ready"
    SYNCED = "Synced"
    REFERENCES_RESOLVED = "ReferencesResolved"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    PAUSED = "Paused"


class Reason(StrEnum):
    """The stable cause of a condition, one PascalCase word."""

    AVAILABLE = "Available"
    PENDING = "Pending"
    CREATING = "Creating"
    UPDATING = "Updating"
    DELETING = "Deleting"
    DEPENDENCY_NOT_READY = "DependencyNotReady"
    REFERENCE_NOT_FOUND = "ReferenceNotFound"
    CREDENTIALS_NOT_FOUND = "CredentialsNotFound"
    CREDENTIALS_INVALID = "CredentialsInvalid"
    ACCESS_DENIED = "AccessDenied"
    NOT_GRANTED = "NotGranted"
    QUOTA_EXCEEDED = "QuotaExceeded"
    THROTTLED = "Throttled"
    INVALID_PARAMETER = "InvalidParameter"
    ALREADY_EXISTS_NOT_OWNED = "AlreadyExistsNotOwned"
    EXTERNAL_NAME_CONFLICT = "ExternalNameConflict"
    IMMUTABLE_FIELD_CHANGED = "ImmutableFieldChanged"
    EXTERNAL_RESOURCE_MISSING = "ExternalResourceMissing"
    MASS_ABSENCE = "MassAbsence"
    ACCOUNT_CHANGED = "AccountChanged"
    ACCOUNT_MISMATCH = "AccountMismatch"
    DRIFT_DETECTED = "DriftDetected"
    DRIFT_CORRECTED = "DriftCorrected"
    CONTESTED = "Contested"
    CANNOT_CLEAR = "CannotClear"
    UNEXPECTED_ECHO = "UnexpectedEcho"
    PROVIDER_UNAVAILABLE = "ProviderUnavailable"
    PROVIDER_FAILED = "ProviderFailed"
    TIMEOUT = "Timeout"
    DELETION_BLOCKED = "DeletionBlocked"
    COMPLETED = "Completed"
    INTERNAL_ERROR = "InternalError"
    PAUSED = "Paused"
