"""ProxyConfig of a model proxy. Source: control-plane reference, §8.3."""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Clear,
    Name,
    Ref,
    Reference,
    SpecModel,
    Unordered,
)
from agentrun_operator.core.forms import WebAddress
from agentrun_operator.core.kind import Rule
from agentrun_operator.kinds.parts.rules import not_empty

Tokens = Annotated[int, Field(ge=0, le=2_000_000_000), Clear(0)]


class ProxyEndpoint(SpecModel):
    """One model service behind the proxy."""

    model_service_ref: Annotated[
        Reference | None, Ref("ModelService"), ApiName("modelServiceName")
    ] = None
    """The ModelService to call."""
    model_names: Annotated[tuple[Name, ...], Unordered(), Field(max_length=64)] = ()
    """Models of that service to offer, at most 64."""
    base_url: WebAddress | None = None
    """Base URL, where it differs from the service's own."""
    weight: Annotated[int | None, Field(ge=0, le=100)] = None
    """Share of the calls in percent. Set on every endpoint or on none; they sum to 100."""


class Fallback(SpecModel):
    """What to call when the chosen model fails."""

    model_service_ref: Annotated[Reference, Ref("ModelService"), ApiName("modelServiceName")]
    """The ModelService to fall back to."""
    model_name: Name | None = None
    """Its model."""


class TokenRateLimiter(SpecModel):
    """Limits on tokens; 0 means none."""

    tps: Tokens | None = None
    """Tokens per second."""
    tpm: Tokens | None = None
    """Tokens per minute."""
    tph: Tokens | None = None
    """Tokens per hour."""
    tpd: Tokens | None = None
    """Tokens per day."""


class AiGuardrail(SpecModel):
    """Checks of content on the way in and out."""

    check_request: bool | None = None
    """Whether requests are checked."""
    check_response: bool | None = None
    """Whether responses are checked."""
    block_on_content_moderation: bool | None = None
    """Whether objectionable content is blocked."""
    block_on_malicious_url: bool | None = None
    """Whether malicious URLs are blocked."""
    block_on_model_hallucination: bool | None = None
    """Whether likely hallucinations are blocked."""
    block_on_prompt_attack: bool | None = None
    """Whether prompt attacks are blocked."""
    block_on_sensitive_data: bool | None = None
    """Whether sensitive data is blocked."""
    level: Annotated[str | None, Field(max_length=63)] = None
    """Strictness, in the words of the guardrail service."""
    max_text_length: Annotated[int | None, Field(ge=0, le=10_000_000), Clear(0)] = None
    """Longest text that is checked, in characters."""


class Policies(SpecModel):
    """How the proxy treats calls."""

    cache: bool | None = None
    """Whether answers are cached."""
    concurrency_limit: Annotated[int | None, Field(ge=0, le=1_000_000), Clear(0)] = None
    """Calls in flight at most."""
    num_retries: Annotated[int | None, Field(ge=0, le=100), Clear(0)] = None
    """Repeats of a failed call."""
    request_timeout_seconds: Annotated[
        int | None, ApiName("requestTimeout"), Field(ge=1, le=86_400), Clear(0)
    ] = None
    """Upper bound of one call, in seconds."""
    fallbacks: Annotated[tuple[Fallback, ...], Field(max_length=16)] = ()
    """What to call instead, in order, at most 16."""
    token_rate_limiter: TokenRateLimiter | None = None
    """Limits on tokens."""
    ai_guardrail: Annotated[AiGuardrail | None, ApiName("aiGuardrailConfig")] = None
    """Checks of content."""


_ONE_ENDPOINT = Rule(
    "!has(self.mode) || !has(self.endpoints) || self.mode != 'Single'"
    " || self.endpoints.size() == 1",
    "endpoints has several entries but mode is Single; keep one, or create a proxy with mode Multi",
    "endpoints",
)
_WEIGHTED = "self.endpoints.filter(e, has(e.weight))"
_WEIGHTS = Rule(
    f"!has(self.endpoints) || {_WEIGHTED}.size() == 0"
    f" || ({_WEIGHTED}.size() == self.endpoints.size()"
    f" && {_WEIGHTED}.map(e, e.weight).sum() == 100)",
    "endpoints[].weight must be set on every endpoint and sum to 100, or be left out everywhere; "
    "correct the weights",
    "endpoints",
)

_LEADS_SOMEWHERE = Rule(
    "!has(self.endpoints) || self.endpoints.all(e, has(e.modelServiceRef) || has(e.baseUrl))",
    "an item of endpoints has neither modelServiceRef nor baseUrl; set its modelServiceRef",
    "endpoints",
)
ENDPOINT_RULES = (
    not_empty("endpoints", "name at least one model service"),
    _LEADS_SOMEWHERE,
    _ONE_ENDPOINT,
    _WEIGHTS,
)
