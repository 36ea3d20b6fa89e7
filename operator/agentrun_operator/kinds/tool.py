"""Tool: what an agent can call: an MCP server, a function or a skill.

Source: control-plane reference, §8.8. `status` has words of its own.
"""

from typing import Annotated, Literal

from pydantic import Field

from agentrun_operator.core.fields import ApiName, Immutable, Ref, Reference
from agentrun_operator.core.kind import Column, KeyedBy, Phase, ResourceKind, Rest
from agentrun_operator.core.words import Words
from agentrun_operator.kinds.parts.code import ARTIFACT_TYPE, ARTIFACTS, CODE_RULES, Archive
from agentrun_operator.kinds.parts.container import Port
from agentrun_operator.kinds.parts.environment import ENVIRONMENT, left_out
from agentrun_operator.kinds.parts.mcp import Mcp
from agentrun_operator.kinds.parts.placement import PLACE, PlacedObserved
from agentrun_operator.kinds.parts.protocol_spec import (
    PROTOCOL_SPEC,
    PROTOCOL_SPEC_RULE,
    ProtocolSpecSpec,
)
from agentrun_operator.kinds.parts.rules import never_switches, required
from agentrun_operator.kinds.parts.storage import OssMount
from agentrun_operator.kinds.parts.tool_methods import METHOD_RULES, METHODS
from agentrun_operator.kinds.parts.workload import WORKLOAD_RULES, RunningSpec


class ToolSpec(RunningSpec, ProtocolSpecSpec):
    """Desired state of one tool."""

    type: Annotated[
        Literal["MCP", "FunctionCall", "Skill"] | None,
        ApiName("toolType"),
        Words({"FunctionCall": "FUNCTIONCALL", "Skill": "SKILL"}),
        Immutable(),
    ] = None
    """MCP (a server of the Model Context Protocol), FunctionCall or Skill."""
    create_method: Annotated[
        Literal["McpRemote", "McpLocalStdio", "McpBundle", "CodePackage", "OpenApiImport"] | None,
        Words(METHODS),
    ] = None
    """How it is made. Of type MCP: McpRemote (a server that runs elsewhere), McpLocalStdio (a
    server on its standard input and output) or McpBundle (a packed server). Of other types too:
    CodePackage, or OpenApiImport (an HTTP API that runs elsewhere)."""
    mcp: Annotated[Mcp | None, ApiName("mcpConfig")] = None
    """How an MCP server is offered; with type MCP only."""
    code: Annotated[Archive | None, ApiName("codeConfiguration")] = None
    """The code to run, or the files of a skill; excludes container."""
    port: Port | None = None
    """Port that it listens on, 1 to 65535."""
    timeout_seconds: Annotated[int | None, ApiName("timeout"), Field(ge=1, le=86_400)] = None
    """Upper bound of one call, in seconds, 1 to 86400."""
    credential_ref: Annotated[
        Reference | None,
        Ref("Credential", {"purpose": ("OutboundTool",)}),
        ApiName("credentialName"),
    ] = None
    """The Credential that it shows to services outside (purpose OutboundTool)."""
    oss_mount: Annotated[OssMount | None, ApiName("ossMountConfig")] = None
    """OSS buckets to mount."""


class ToolObserved(PlacedObserved):
    """What `status.atProvider` shows."""

    tool_id: str | None = None
    """Informative id; the API's key is the name."""


KIND = ResourceKind(
    kind="Tool",
    plural="tools",
    short_names=("artool",),
    summary="What an agent can call: an MCP server, a function or a skill.",
    spec=ToolSpec,
    observed=ToolObserved,
    rest=Rest(
        "/agents/tools",
        noun="Tool",
        nouns="Tools",
        key=KeyedBy.NAME,
        id_field="toolId",
        name_field="toolName",
        name_filter={"toolName": "{name}"},
        change_token="updatedAt",  # noqa: S106 - a field name
    ),
    # `Failed` does not say of what: an edit is sent as an update, which deletes nothing.
    phases={"Running": Phase.READY, "Stopped": Phase.IDLE, "Failed": Phase.UPDATE_FAILED},
    derived=(ENVIRONMENT, PROTOCOL_SPEC, ARTIFACT_TYPE, PLACE),
    rules=(
        required("type", "set it to MCP, FunctionCall or Skill"),
        required("createMethod", "set it, e.g. to McpRemote"),
        *METHOD_RULES,
        never_switches(ARTIFACTS, "create another Tool"),
        *WORKLOAD_RULES,
        *CODE_RULES,
        PROTOCOL_SPEC_RULE,
    ),
    cautions=(left_out,),
    columns=(Column("Type", ".spec.type"), Column("Method", ".spec.createMethod")),
)
