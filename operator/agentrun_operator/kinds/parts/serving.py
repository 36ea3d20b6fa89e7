"""How a runtime is spoken to and watched. Source: control-plane reference, §7 and §8.1."""

from typing import Annotated, Any

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Clear,
    Name,
    Sensitive,
    ServerDefault,
    SpecModel,
    Text,
    Unordered,
)
from agentrun_operator.core.forms import UrlOrPath
from agentrun_operator.core.kind import Caution
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.words import CAPITALS, OpenWord, Words

Schema = Annotated[str, Field(max_length=32_768)]
Url = Annotated[str, Field(max_length=2048)]


class ProtocolSetting(SpecModel):
    """One way to call the runtime. The API's second spelling, A2AAgentCard, is not offered."""

    type: Annotated[str | None, Field(max_length=63)] = None
    """Type of the setting."""
    name: Name | None = None
    """Name of the setting."""
    path: Url | None = None
    """Path."""
    path_prefix: Url | None = None
    """Path before it."""
    method: Annotated[str | None, Field(max_length=16)] = None
    """HTTP method."""
    headers: Annotated[Text | None, Sensitive()] = None
    """Headers, JSON text; may hold tokens, so its drift is not shown."""
    request_content_type: Annotated[str | None, Field(max_length=128)] = None
    """Content type of requests."""
    response_content_type: Annotated[str | None, Field(max_length=128)] = None
    """Content type of responses."""
    input_body_json_schema: Schema | None = None
    """JSON schema of requests."""
    output_body_json_schema: Schema | None = None
    """JSON schema of responses."""
    a2a_agent_card: Annotated[Schema | None, Field(alias="a2aAgentCard")] = None
    """A2A agent card, JSON text."""
    a2a_agent_card_url: Annotated[UrlOrPath | None, Field(alias="a2aAgentCardUrl")] = None
    """Where the A2A agent card is."""
    config: Annotated[Schema | None, Sensitive()] = None
    """Further settings, JSON text; may hold tokens, so its drift is not shown."""


class Protocol(SpecModel):
    """Which protocol the runtime speaks."""

    type: Annotated[
        OpenWord | None,
        Words({"HTTP": "HTTP", "MCP": "MCP", "SuperAgent": "SUPER_AGENT"}, CAPITALS),
        Clear("HTTP"),
    ] = None
    """HTTP, MCP or SuperAgent."""
    settings: Annotated[
        tuple[ProtocolSetting, ...], ApiName("protocolSettings"), Unordered(), Field(max_length=32)
    ] = ()
    """Ways to call the runtime, at most 32."""


class HealthCheck(SpecModel):
    """How AgentRun finds out whether an instance is healthy."""

    http_get_url: Annotated[UrlOrPath | None, ServerDefault("/health")] = None
    """Path asked by GET; server default /health."""
    initial_delay_seconds: Annotated[int | None, ServerDefault("30"), Field(ge=0, le=300)] = None
    """Seconds before the first question; server default 30."""
    period_seconds: Annotated[int | None, ServerDefault("30"), Field(ge=1, le=300)] = None
    """Seconds between two questions; server default 30."""
    timeout_seconds: Annotated[int | None, ServerDefault("3"), Field(ge=1, le=60)] = None
    """Seconds an answer may take; server default 3."""
    failure_threshold: Annotated[int | None, ServerDefault("3"), Field(ge=1, le=10)] = None
    """Failures in a row that make an instance unhealthy; server default 3."""
    success_threshold: Annotated[int | None, ServerDefault("1"), Field(ge=1, le=10)] = None
    """Successes in a row that make it healthy again; server default 1."""


def open_to_all(spec: Any, _: Resolution) -> Caution | None:
    """Say that a runtime asks its callers for nothing: it has no authentication of its own."""
    is_private = spec.network is not None and spec.network.mode == "Private"
    if spec.credential_ref is not None or is_private:
        return None
    return Caution(
        "Unprotected",
        "without credentialRef anybody who knows the address of a public endpoint can call it",
    )
