"""Account: the cloud account that a namespace uses, with credentials of the same namespace."""

from agentrun_operator.core.fields import SecretReference, SpecModel
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.kinds.parts.account import (
    ANY_NAME,
    COLUMNS,
    RULES,
    AccountBase,
    AccountObserved,
)


class AccountCredentials(SpecModel):
    """Where the access key is."""

    secret_ref: SecretReference
    """Secret of this namespace with the keys `accessKeyId`, `accessKeySecret` and, for a temporary
    key, `securityToken`. A trailing line break is not sent."""


class AccountSpec(AccountBase):
    """Desired state of one account."""

    # Tenant safety: the operator's own credentials are never offered to a namespaced object.
    credentials: AccountCredentials
    """Where the access key is."""


KIND = ResourceKind(
    kind="Account",
    plural="accounts",
    short_names=("aracct",),
    summary="A cloud account that objects of this namespace use.",
    spec=AccountSpec,
    observed=AccountObserved,
    name_pattern=ANY_NAME,
    rules=RULES,
    columns=COLUMNS,
)
