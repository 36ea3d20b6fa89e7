"""What Account and ClusterAccount have in common. Both are local: no cloud resource is theirs."""

from typing import Annotated, Literal

from pydantic import Field

from agentrun_operator.core.fields import (
    Form,
    Immutable,
    Name,
    ObservedModel,
    SpecModel,
    Unquoted,
)
from agentrun_operator.core.forms import NO_BLANKS
from agentrun_operator.core.kind import Column, Rule


class Compatibility(SpecModel):
    """Answers to open questions of the API, where what we send depends on them."""

    endpoint_weights: Literal["Fraction", "Percent"] = "Fraction"
    """How routing weights of endpoints go on the wire: Fraction (0–1) or Percent (0–100)."""


class IdentityCheck(SpecModel):
    """How to find out whose keys an account has."""

    mode: Literal["Verify", "Off"] | None = None
    """Verify, or unset: before anything else the token service (STS GetCallerIdentity) is asked
    whose keys these are; other keys than those of `accountId` are not used. Off: nobody is asked,
    for networks in which the token service cannot be reached; Ready then says `not verified`, and a
    namespaced account holds no external name against objects of other accounts."""
    endpoint: Annotated[
        str | None, Field(pattern=r"^https?://[A-Za-z0-9.:_\[\]-]+/?$", max_length=253)
    ] = None
    """URL of the token service: an official host, or one on the operator's allow-list. Unset: the
    one of the region and network of `endpoint`; for any other host, that very host."""


class MassAbsence(SpecModel):
    """How many of the account's resources may vanish before none of them is made up for."""

    percent: Annotated[int | None, Field(ge=0, le=100)] = None
    """So many percent of the resources on record may vanish within the window. 100: all of them.
    Unset: the operator's default, 10."""
    minimum: Annotated[int | None, Field(ge=0, le=10000)] = None
    """So many resources may always vanish within the window, in a small account as well. Unset: the
    operator's default, 3."""
    window_seconds: Annotated[int | None, Field(ge=60, le=86400)] = None
    """Seconds within which absences count together. Unset: the operator's default, 600."""


NamePrefix = Annotated[
    str,
    Field(min_length=1, max_length=64),
    Form(
        r"^([A-Za-z_]|[{]namespace[}])([A-Za-z0-9_-]|[{]namespace[}])*$",
        "must begin with a letter or {namespace}, and hold letters, digits, - and _ beside that, "
        "like {namespace}-",
        ("{namespace}-", "dev-"),
    ),
]


class DefaultWorkspace(SpecModel):
    """A workspace of the account."""

    id: Annotated[Name, NO_BLANKS]
    """Id of the workspace."""


class Defaults(SpecModel):
    """What objects of an account take where they do not say it themselves."""

    deletion_policy: Literal["Delete", "Retain"] | None = None
    """What becomes of a resource when its object is deleted, as far as the object has no
    `deletionPolicy`; what this says at that time counts. `Delete` takes along what was adopted as
    well. With `Retain` an object that has a resource holds the account. Unset: delete what the
    operator created, retain what it adopted."""
    name_prefix: NamePrefix | None = None
    """What goes before `metadata.name` to make the name in AgentRun, where the object sets no
    `externalName`; `{namespace}` stands for its namespace, as in `{namespace}-`. Domains and what
    lives below a parent take none. What has a resource keeps its name, as long as an edited prefix
    stays in `formerNamePrefixes`."""
    former_name_prefixes: Annotated[tuple[NamePrefix, ...], Field(max_length=16)] = ()
    """What `namePrefix` was before, as it was written, at most 16. Keep one as long as objects have
    resources of such names: a resource whose prefix no account tells of is left alone."""
    workspace: DefaultWorkspace | None = None
    """Workspace in which a create puts what names none; it needs no grant. What has a resource
    stays where it is."""


class AccountBase(SpecModel):
    """Which cloud account, in which region."""

    account_id: Annotated[
        str, Immutable(), Field(pattern=r"^[0-9]{5,32}$", max_length=32), Unquoted()
    ]
    """Id of the Alibaba Cloud account, quoted digits. Immutable."""
    region: Annotated[str, Immutable(), Field(pattern=r"^[a-z]{2}-[a-z0-9-]{2,30}$", max_length=33)]
    """Region, e.g. `cn-hangzhou`. Immutable."""
    endpoint: Annotated[
        str | None, Field(pattern=r"^https?://[A-Za-z0-9.:_\[\]-]+/?$", max_length=253)
    ] = None
    """URL of the control plane; must match the operator's allow-list. Unset: the region's public
    endpoint. Edited, it has to lead to the same resources: they are looked for there first."""
    identity_check: IdentityCheck | None = None
    """How to find out whose the keys are. Unset: by the token service."""
    requests_per_second: Annotated[int | None, Field(ge=1, le=1000)] = None
    """Budget of API calls per second; unset: the operator's default, 20."""
    mass_absence: MassAbsence | None = None
    """Limits of the brake: where more resources of the account than `minimum` and `percent` vanish
    within the window, nothing of it is created or released until they are back, or the annotation
    `agentrun.dev/accept-absence` says that they are gone."""
    defaults: Defaults | None = None
    """What objects of the account take where they do not say it themselves."""
    compatibility: Compatibility | None = None
    """Answers to open questions of the API."""
    controller_class: Annotated[str, Immutable(), Field(max_length=63)] = ""
    """Which operator instance serves this object; empty: the one without a class. Immutable."""


class AccountObserved(ObservedModel):
    """Whose the keys are, and where they were accepted."""

    account_id: str | None = None
    """Account id; whether the token service confirmed it says `identity`."""
    region: str | None = None
    """Region in which the keys were accepted."""
    endpoint: str | None = None
    """Endpoint in use."""
    identity: str | None = None
    """`Verified`: the token service says that the keys belong to the account. `NotVerified`: it was
    not asked."""
    secret_version: str | None = None
    """With `NotVerified`: uid and version of the Secret that the keys came from. Another version
    has to show one of the account's resources."""


RULES = (
    Rule(
        "!has(self.endpoint)"
        " || !self.endpoint.matches('^https://agentrun(-vpc)?[.][a-z0-9-]+[.]aliyuncs[.]com(:443)?/?$')"
        " || self.endpoint.contains('.' + self.region + '.')",
        "endpoint is a host of another region than spec.region; name one of this region, or create "
        "another account for the other region",
        "endpoint",
    ),
    Rule(
        "!has(oldSelf.defaults) || !has(oldSelf.defaults.namePrefix) || (has(self.defaults) && ("
        "(has(self.defaults.namePrefix)"
        " && self.defaults.namePrefix == oldSelf.defaults.namePrefix)"
        " || (has(self.defaults.formerNamePrefixes)"
        " && oldSelf.defaults.namePrefix in self.defaults.formerNamePrefixes)))",
        "resources may be named by the namePrefix of before; add that to "
        "defaults.formerNamePrefixes, and take it out once no status.namePrefix has it",
        "defaults.formerNamePrefixes",
    ),
)
COLUMNS = (
    Column("Account", ".spec.accountId", wide=False),
    Column("Region", ".spec.region", wide=False),
)
ANY_NAME = r"^.+$"
"""Name pattern of kinds whose name never reaches the API."""
