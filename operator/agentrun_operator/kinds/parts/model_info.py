"""ModelInfoConfig: what a single model can do. Source: control-plane reference, §8.7."""

import json
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from agentrun_operator.core.fields import ApiName, Bare, EncodedBy, Name, SpecModel, Text, Unordered
from agentrun_operator.core.nesting import is_deeper
from agentrun_operator.core.quantities import number_as_text
from agentrun_operator.core.resolution import Resolution

_MAX_DEPTH = 64
"""Levels of a default that is taken for JSON; what is deeper stays the text that it is."""


class ModelFeatures(SpecModel):
    """Abilities of a model."""

    agent_thought: bool | None = None
    """Whether it shows its reasoning steps."""
    multi_tool_call: bool | None = None
    """Whether it may call several tools in one turn."""
    stream_tool_call: bool | None = None
    """Whether tool calls are streamed."""
    tool_call: bool | None = None
    """Whether it calls tools."""
    vision: bool | None = None
    """Whether it reads images."""


class ModelProperties(SpecModel):
    """Limits of a model."""

    context_size: Annotated[int | None, Field(ge=0, le=100_000_000)] = None
    """Context window, in tokens."""


def _default(rule: "ModelParameterRule", _: Resolution) -> Any:
    text = rule.default or ""
    try:
        value = json.loads(text)
        # What the parser takes and no request can hold: NaN, infinity, half a character.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return text
    return text if is_deeper(value, _MAX_DEPTH) else value


def _as_written(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else number_as_text(value)


class ModelParameterRule(SpecModel):
    """One parameter that callers may set."""

    name: Name
    """Name of the parameter, e.g. `temperature`."""
    type: Annotated[str | None, Field(max_length=63)] = None
    """Type of its value, e.g. `float`, `int`, `string`, `boolean`."""
    required: bool | None = None
    """Whether a caller must set it."""
    min: int | None = None
    """Lower bound."""
    max: int | None = None
    """Upper bound."""
    default: Annotated[Text | None, BeforeValidator(_as_written), Bare(), EncodedBy(_default)] = (
        None
    )
    """Default value; sent as JSON where it is JSON (0.7, true, `"[1]"`), as text otherwise."""


class ModelInfo(SpecModel):
    """One model of the service."""

    name: Annotated[Name, ApiName("modelName")]
    """Name of the model."""
    features: Annotated[ModelFeatures | None, ApiName("modelFeatures")] = None
    """What it can do."""
    properties: Annotated[ModelProperties | None, ApiName("modelProperties")] = None
    """Its limits."""
    parameter_rules: Annotated[
        tuple[ModelParameterRule, ...],
        ApiName("modelParameterRules"),
        Unordered("name"),
        Field(max_length=64),
    ] = ()
    """Parameters that callers may set, at most 64."""
