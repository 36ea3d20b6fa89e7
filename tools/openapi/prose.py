"""What the SDK says only in comments: required fields, values, ranges, defaults.

The comments are read for these facts and then dropped. Where they state values in a form that no
rule below reads, a table says them; a field named there that the SDK no longer has is an error.
"""

import re
from typing import Any

from openapi.errors import SdkError
from openapi.sdk import Field, Models

_METHODS = ["GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]
_PROTOCOLS = ["HTTP", "HTTPS", "HTTP,HTTPS"]
_ARTIFACTS = ["Code", "Container"]
_TOOL_METHODS = ["MCP_REMOTE", "MCP_LOCAL_STDIO", "MCP_BUNDLE", "CODE_PACKAGE", "OPENAPI_IMPORT"]
_AFFINITIES = ["NONE", "HEADER_FIELD", "GENERATED_COOKIE"]
_ISSUES = ["needs_config", "needs_conversion", "unsupported"]
_TOOL_TYPES = ["MCP", "FUNCTIONCALL", "SKILL"]

_VALUES: dict[tuple[str, str], list[str]] = {
    ("BoundTool", "method"): _METHODS,
    ("CreateCustomDomainInput", "protocol"): _PROTOCOLS,
    ("UpdateCustomDomainInput", "protocol"): _PROTOCOLS,
    ("CustomDomain", "protocol"): _PROTOCOLS,
    ("ConvertFlowDSLDataConversionPlanIssues", "issueType"): _ISSUES,
    ("ConvertFlowDSLDataConversionPlanIssues", "level"): ["info", "warning", "error"],
    ("PathConfig", "compatibleProtocol"): ["native", "openai", "dify-workflow", "dify-chatflow"],
    ("PathConfig", "methods"): ["HEAD", "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"],
    ("CreateToolInputV2", "artifactType"): _ARTIFACTS,
    ("UpdateToolInputV2", "artifactType"): _ARTIFACTS,
    ("Tool", "artifactType"): _ARTIFACTS,
    ("CreateToolInputV2", "createMethod"): _TOOL_METHODS,
    ("UpdateToolInputV2", "createMethod"): _TOOL_METHODS,
    ("Tool", "createMethod"): _TOOL_METHODS,
    ("CreateToolInputV2", "toolType"): _TOOL_TYPES,
    ("Tool", "toolType"): _TOOL_TYPES,
    ("CreateAgentRuntimeInput", "sessionAffinityType"): _AFFINITIES,
    ("UpdateAgentRuntimeInput", "sessionAffinityType"): _AFFINITIES,
    ("McpConfig", "sessionAffinity"): ["NONE", "MCP_SSE", "MCP_STREAMABLE"],
    ("CodeInterpreter", "status"): ["READY", "TERMINATED"],
    ("AgentRuntime", "status"): ["CREATING", "READY", "FAILED"],
    ("Tool", "status"): ["Running", "Stopped", "Failed"],
}
_RANGES: dict[tuple[str, str], dict[str, int]] = {
    ("CertConfig", "certName"): {"minLength": 1, "maxLength": 128},
    ("CreateIMBotInput", "minInstances"): {"minimum": 1},
    ("UpdateIMBotInput", "minInstances"): {"minimum": 1},
}
_OPEN = frozenset({"modelType", "imageRegistryType"})
"""Fields for which clients send values that the comments do not state."""
_ALIASES = {"sessionAffinityType": ["COOKIE"]}
"""Values accepted beside the stated ones."""

_REQUIRED = re.compile(r"This parameter is required\.(?:\s|$)")
_REQUIRED_WHEN = re.compile(
    r"This parameter is required (?:only )?when `?(\w+)`? is `?(\w+)`?", re.IGNORECASE
)
_DEFAULT = re.compile(r"(?:[Dd]efault(?:s)?(?: value)?(?: is|:| to)|默认为)\s*`?(\w+)`?")


def check_tables(models: Models) -> None:
    """Refuse tables that name what the SDK does not have.

    Raises:
        SdkError: a field is gone or renamed.
    """
    for model, name in (*_VALUES, *_RANGES):
        if name not in {each.json_name for each in models.get(model, ())}:
            raise SdkError(f"the tables name {model}.{name}, which the SDK does not have")


def is_required(field: Field) -> bool:
    """Return whether a field must always be there."""
    return _REQUIRED.search(field.comment) is not None


def required_when(field: Field) -> dict[str, str] | None:
    """Return the value of another field of the same object that makes this one required."""
    match = _REQUIRED_WHEN.search(field.comment)
    return {match[1]: match[2]} if match and not is_required(field) else None


def decorate(
    owner: str, field: Field, schema: dict[str, Any], *, is_closed: bool
) -> dict[str, Any]:
    """Add to a schema what a field's comment says; returns the same schema.

    Args:
        owner: Model of the field.
        field: Whose comment to read.
        schema: Type of the field.
        is_closed: Whether stated values bind, as in what is sent, or are a hint.
    """
    key = (owner, field.json_name)
    values = _VALUES.get(key) or _stated_values(field.comment)
    target = schema["items"] if schema.get("type") == "array" else schema
    if values and target.get("type") == "string":
        word = "enum" if is_closed and field.json_name not in _OPEN else "x-known-values"
        target[word] = list(dict.fromkeys([*values, *_ALIASES.get(field.json_name, [])]))
    if re.search(r"\bdeprecated\b", field.comment, re.IGNORECASE):
        schema["deprecated"] = True
    if "$ref" not in schema:
        schema |= _stated_limits(field) | _stated_default(field) | _RANGES.get(key, {})
        if re.search(r"ISO ?8601", field.comment):
            schema["x-format"] = "iso-8601"
    return schema


def _stated_values(comment: str) -> list[str]:
    """Return the values after "Valid values", in any of the three ways they are written."""
    match = re.search(r"Valid values(?: include)?:\s*(.*)", comment)
    if match is None or re.match(r"\d", match[1]):
        return []
    if bullets := re.findall(r"- `([^`]+)`", match[1]):
        return bullets
    sentence = re.split(r"\.(?:\s|$)", match[1])[0]
    if ticked := re.findall(r"`([^`]+)`", sentence):
        return ticked
    parts = re.split(r",|\band\b", re.sub(r"\([^)]*\)", "", sentence))
    words = [part.strip() for part in parts if part.strip()]
    return words if all(re.fullmatch(r"[\w-]+", word) for word in words) else []


def _stated_limits(field: Field) -> dict[str, int]:
    if field.type != "int":
        return {}
    if match := re.search(r"Valid values:\s*(\d+)\s*(?:to|–|-|~)\s*(\d+)", field.comment):
        return {"minimum": int(match[1]), "maximum": int(match[2])}
    at_least_one = r"must be (?:1 or greater|greater than or equal to 1)"
    return {"minimum": 1} if re.search(at_least_one, field.comment, re.IGNORECASE) else {}


def _stated_default(field: Field) -> dict[str, Any]:
    match = _DEFAULT.search(field.comment)
    if match is None:
        return {}
    word = match[1]
    if field.type == "int" and word.isdigit():
        return {"default": int(word)}
    if field.type == "bool" and word in ("true", "false"):
        return {"default": word == "true"}
    if field.type == "str" and (word.isdigit() or f"`{word}`" in field.comment):
        return {"default": word}
    return {}
