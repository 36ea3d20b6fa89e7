"""What answers the messages of a bot. Source: control-plane reference, §8.15."""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Name,
    Ref,
    Reference,
    SpecModel,
)
from agentrun_operator.core.forms import NO_BLANKS, WebAddress
from agentrun_operator.core.kind import Rule


class BotAgent(SpecModel):
    """What answers the messages."""

    runtime_ref: Annotated[Reference | None, Ref("AgentRuntime"), ApiName("agentRuntimeId")] = None
    """The AgentRuntime that answers; externalName is the runtime's id."""
    endpoint_ref: Annotated[
        Reference | None,
        Ref("AgentRuntimeEndpoint", below="runtimeRef"),
        ApiName("agentRuntimeEndpointId"),
    ] = None
    """The AgentRuntimeEndpoint of that runtime; externalName is the endpoint's id."""
    url: Annotated[WebAddress | None, ApiName("agentRuntimeEndpointUrl")] = None
    """Address at which the agent is called, such as the endpoint's; required with mode Standard."""
    protocol: Annotated[Name | None, NO_BLANKS, ApiName("protocolType")] = None
    """Protocol of the agent in the words of the API, in upper and lower case as there, e.g. `HTTP`;
    required with mode Standard."""
    custom_function_meta: Annotated[str | None, Field(max_length=4096)] = None
    """What the API keeps about a function of one's own, at most 4096 characters; not for
    secrets."""


AGENT_RULE = Rule(
    "!has(self.mode) || self.mode != 'Standard' || (has(self.agent)"
    " && has(self.agent.url) && has(self.agent.protocol))",
    "agent.url and agent.protocol are required with mode Standard; set both",
    "agent",
)
