"""McpConfig of a tool. Source: control-plane reference, §8.8."""

from typing import Annotated, Literal

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Clear,
    EncodedBy,
    Name,
    Sensitive,
    SpecModel,
    Text,
    Unordered,
)
from agentrun_operator.core.forms import UrlOrPath, WebAddress
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.words import Words
from agentrun_operator.kinds.parts.credential_types import SecretHeader, values_by_name


def _headers(hook: "Hook", resolution: Resolution) -> dict[str, str]:
    return values_by_name(hook.headers, resolution)


class Hook(SpecModel):
    """A URL that the proxy calls when something happens."""

    event: Name
    """What happens, in the words of the API."""
    url: WebAddress
    """URL to call."""
    api_version: Name | None = None
    """Version of the hook's protocol."""
    description: Annotated[str | None, Field(max_length=256)] = None
    """Free text, at most 256 characters."""
    enabled: bool | None = None
    """Whether it is called."""
    headers: Annotated[
        tuple[SecretHeader, ...],
        EncodedBy(_headers, exact=True),
        Clear({}),
        Sensitive(),
        Unordered("name"),
        Field(max_length=16),
    ] = ()
    """Headers of the call, at most 16; their values come from Secrets."""
    timeout_seconds: Annotated[int | None, ApiName("timeout"), Field(ge=1, le=86_400), Clear(0)] = (
        None
    )
    """Upper bound of one call, in seconds, 1 to 86400."""


class BoundApi(SpecModel):
    """One operation behind a tool."""

    method: Annotated[str | None, Field(max_length=16)] = None
    """HTTP method."""
    path: UrlOrPath | None = None
    """Path."""


class BoundTool(SpecModel):
    """One tool of an MCP server that is made from an HTTP API."""

    tool_name: Name
    """Name of the tool."""
    method: Literal["GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"] | None = None
    """HTTP method."""
    path: UrlOrPath | None = None
    """Path."""
    apis: Annotated[tuple[BoundApi, ...], Field(max_length=16)] = ()
    """Operations that it calls, in order, at most 16."""


class Mcp(SpecModel):
    """How an MCP server is offered."""

    session_affinity: Annotated[
        Literal["None", "Sse", "Streamable"] | None,
        Words({"None": "NONE", "Sse": "MCP_SSE", "Streamable": "MCP_STREAMABLE"}),
        Clear("NONE"),
    ] = None
    """How calls of one session find the same instance: None, Sse or Streamable, by transport."""
    session_affinity_config: Text | None = None
    """Settings of the affinity, JSON text."""
    proxy_enabled: bool | None = None
    """Whether calls go through a proxy, which calls the hooks."""
    hooks: Annotated[
        tuple[Hook, ...],
        ApiName("mcpProxyConfiguration.hooks"),
        Unordered(),
        Field(max_length=16),
    ] = ()
    """URLs that the proxy calls when something happens, at most 16."""
    bound_tools: Annotated[
        tuple[BoundTool, ...],
        ApiName("boundConfiguration.boundTools"),
        Unordered("toolName"),
        Field(max_length=64),
    ] = ()
    """Tools made from an HTTP API, at most 64."""
