"""NetworkConfiguration. Source: control-plane reference, §7."""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import ApiName, Clear, CreateDefault, SpecModel, Unordered
from agentrun_operator.core.forms import SecurityGroupId, VpcId, VSwitchId
from agentrun_operator.core.kind import Rule
from agentrun_operator.core.words import CAPITALS, OpenWord, Words

_MODES = {"Public": "PUBLIC", "Private": "PRIVATE", "PublicAndPrivate": "PUBLIC_AND_PRIVATE"}


class Network(SpecModel):
    """How the workload reaches networks and is reached."""

    mode: Annotated[
        OpenWord | None,
        ApiName("networkMode"),
        Words(_MODES, CAPITALS),
        Clear("PUBLIC"),
        CreateDefault("Public"),
    ] = None
    """Public, Private (inside the VPC) or PublicAndPrivate. The two private modes need vpcId."""
    vpc_id: VpcId | None = None
    """VPC, e.g. `vpc-bp1…`."""
    vswitch_ids: Annotated[
        tuple[VSwitchId, ...], ApiName("vswitchIds"), Unordered(), Field(max_length=16)
    ] = ()
    """vSwitches of that VPC, at most 16; use two zones where availability matters."""
    security_group_id: SecurityGroupId | None = None
    """Security group of that VPC."""


PRIVATE_NEEDS_VPC = Rule(
    "!has(self.network) || !has(self.network.mode)"
    " || !(self.network.mode in ['Private', 'PublicAndPrivate']) || has(self.network.vpcId)",
    "network.vpcId is required with network.mode Private or PublicAndPrivate; "
    "set it, or set the mode to Public",
    "network.vpcId",
)
