"""What Account and ClusterAccount have in common. Both are local: no cloud resource is theirs."""

from typing import Annotated, Literal

from pydantic import Field

from agentrun_operator.core.fields import Immutable, ObservedModel, SpecModel
from agentrun_operator.core.kind import Column


class Compatibility(SpecModel):
    """Answers to open questions of the API, where what we send depends on them."""

    endpoint_weights: Literal["Fraction", "Percent"] = "Fraction"
    """How routing weights of endpoints go on the wire: Fraction (0–1) or Percent (0–100)."""


class AccountBase(SpecModel):
    """Which cloud account, in which region."""

    account_id: Annotated[str, Immutable(), Field(pattern=r"^[0-9]{5,32}$", max_length=32)]
    """Id of the Alibaba Cloud account, quoted digits. Immutable."""
    region: Annotated[str, Immutable(), Field(pattern=r"^[a-z]{2}-[a-z0-9-]{2,30}$", max_length=33)]
    """Region, e.g. `cn-hangzhou`. Immutable."""
    endpoint: Annotated[
        str | None, Field(pattern=r"^https?://[A-Za-z0-9.:_\[\]-]+/?$", max_length=253)
    ] = None
    """URL of the control plane; must match the operator's allow-list. Unset: the region's public
    endpoint."""
    requests_per_second: Annotated[int | None, Field(ge=1, le=1000)] = None
    """Budget of API calls per second; unset: the operator's default, 20."""
    compatibility: Compatibility | None = None
    """Answers to open questions of the API."""
    controller_class: Annotated[str, Immutable(), Field(max_length=63)] = ""
    """Which operator instance serves this object; empty: the one without a class. Immutable."""


class AccountObserved(ObservedModel):
    """Where the keys were accepted, by one call."""

    account_id: str | None = None
    """Account id as the spec has it; no answer of the API tells whose keys they are."""
    region: str | None = None
    """Region in which the keys were accepted."""
    endpoint: str | None = None
    """Endpoint in use."""


COLUMNS = (
    Column("Account", ".spec.accountId", wide=False),
    Column("Region", ".spec.region", wide=False),
)
ANY_NAME = r"^.+$"
"""Name pattern of kinds whose name never reaches the API."""
