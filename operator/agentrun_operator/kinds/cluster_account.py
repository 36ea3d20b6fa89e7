"""ClusterAccount: a cloud account that the platform lends to chosen namespaces."""

from typing import Annotated, Literal

from pydantic import Field

from agentrun_operator.core.fields import SecretReference, SpecModel
from agentrun_operator.core.forms import NamespaceName
from agentrun_operator.core.grants import Allowance, NamespaceSelector
from agentrun_operator.core.identity import ACCOUNT_KINDS
from agentrun_operator.core.kind import ResourceKind, Rule
from agentrun_operator.kinds import names_of_others
from agentrun_operator.kinds.parts.account import (
    ANY_NAME,
    COLUMNS,
    RULES,
    AccountBase,
    AccountObserved,
)
from agentrun_operator.kinds.parts.placement import RoleArn


class AssumedRole(SpecModel):
    """A RAM role to act as."""

    role_arn: RoleArn
    """ARN of the role, of another cloud account for instance: `acs:ram::1234567890:role/agentrun`.
    It must trust the credentials that assume it."""
    external_id: Annotated[str | None, Field(min_length=2, max_length=1224)] = None
    """External id, where the role's trust policy asks for one."""


class ClusterCredentials(SpecModel):
    """Where the credentials are."""

    source: Literal["Secret", "Operator"] = "Secret"
    """Secret, or Operator: the operator's own credential chain (RRSA, environment)."""
    secret_ref: SecretReference | None = None
    """Secret of the operator's own namespace with the keys `accessKeyId`, `accessKeySecret` and,
    for a temporary key, `securityToken`. A trailing line break is not sent."""
    assume_role: AssumedRole | None = None
    """Role to assume with these credentials. Unset: they are used themselves."""


class AllowedNamespaces(SpecModel):
    """Which namespaces may use the account: the listed ones and the selected ones."""

    names: Annotated[tuple[NamespaceName, ...], Field(max_length=64)] = ()
    """Names of namespaces, at most 64."""
    selector: NamespaceSelector | None = None
    """Namespaces by their labels."""


class ClusterAccountSpec(AccountBase):
    """Desired state of one cluster-wide account."""

    credentials: ClusterCredentials
    """Where the credentials are."""
    allowed_namespaces: AllowedNamespaces
    """Which namespaces may use the account."""
    allow: Annotated[tuple[Allowance, ...], Field(max_length=32)] = ()
    """What these namespaces may reach in the account that their own objects did not make, at most
    32 entries. Empty: nothing."""


_KINDS = [name for name in names_of_others(__name__) if name not in ACCOUNT_KINDS]
"""The kinds with a resource of their own; a test compares them with the catalogue."""

KIND = ResourceKind(
    kind="ClusterAccount",
    plural="clusteraccounts",
    short_names=("arcacct",),
    summary="A cloud account that chosen namespaces of the cluster use.",
    spec=ClusterAccountSpec,
    observed=AccountObserved,
    namespaced=False,
    name_pattern=ANY_NAME,
    rules=(
        *RULES,
        Rule(
            "has(self.credentials.secretRef) == (self.credentials.source == 'Secret')",
            "credentials.secretRef belongs to credentials.source Secret; name a Secret of the "
            "operator's namespace, or set the source to Operator and remove secretRef",
            "credentials.secretRef",
        ),
        Rule(
            "(has(self.allowedNamespaces.names) && self.allowedNamespaces.names.size() > 0)"
            " || has(self.allowedNamespaces.selector)",
            "allowedNamespaces allows no namespace; set names or selector.matchLabels",
            "allowedNamespaces",
        ),
        Rule(
            "!has(self.allow) || self.allow.all(a, has(a.namespaceSelector)"
            " || (has(a.namespaces) && a.namespaces.size() > 0))",
            "an item of allow selects no namespace; set its namespaces or namespaceSelector",
            "allow",
        ),
        Rule(
            f"!has(self.allow) || self.allow.all(a, !has(a.kinds)"
            f" || a.kinds.all(k, k in {_KINDS}))",
            f"an item of allow names an unknown kind; use {', '.join(_KINDS)}",
            "allow",
        ),
    ),
    columns=COLUMNS,
)
