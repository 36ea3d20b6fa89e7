"""What a flow consists of beside its settings. Source: control-plane reference, §8.14."""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Computed,
    Local,
    Name,
    SpecModel,
    Unordered,
    Unquoted,
    ValueFrom,
)
from agentrun_operator.core.forms import NO_BLANKS, SlsName
from agentrun_operator.core.kind import Derived, Rule
from agentrun_operator.core.policies import ResourceSpec
from agentrun_operator.core.resolution import Resolution


class FlowVariable(SpecModel):
    """One variable of a flow: exactly one of value and valueFrom."""

    name: Annotated[Name, NO_BLANKS]
    """Name of the variable."""
    value: Annotated[str | None, Local(), Field(max_length=8192), Unquoted()] = None
    """Its value, at most 8192 characters; not for secrets."""
    value_from: Annotated[ValueFrom | None, Local()] = None
    """Where its value comes from."""
    description: Annotated[str | None, Field(max_length=256)] = None
    """Free text, at most 256 characters."""


class FlowLog(SpecModel):
    """A place in Simple Log Service."""

    project: Annotated[SlsName, ApiName("slsLogDestination.project")]
    """Log project."""
    logstore: Annotated[SlsName, ApiName("slsLogDestination.logStore")]
    """Logstore in that project."""


def _value(variable: FlowVariable, resolution: Resolution) -> str:
    source = variable.value_from
    return resolution.value(source) if source is not None else variable.value or ""


class FlowDocumentSpec(ResourceSpec):
    """A flow with a definition, at most one of the two, and with what it reads and writes."""

    definition: Annotated[str | None, Local(), Field(max_length=262_144)] = None
    """What the flow does, JSON or YAML text of the flow language, at most 262144 characters; not
    for secrets."""
    definition_from: Annotated[ValueFrom | None, Local()] = None
    """The same by reference, for a text that holds tokens, or is kept in a ConfigMap."""
    env: Annotated[
        tuple[FlowVariable, ...],
        ApiName("environmentConfiguration.variables"),
        Unordered("name"),
        Computed("value", "value", _value, sensitive=True),
        Field(max_length=128),
    ] = ()
    """Variables that the flow may read, at most 128."""
    logs: Annotated[
        tuple[FlowLog, ...],
        ApiName("loggingConfiguration.destinations"),
        Unordered(),
        Field(max_length=16),
    ] = ()
    """Where logs of its runs go, at most 16 places in any order."""


def _definition(spec: FlowDocumentSpec, resolution: Resolution) -> str | None:
    there = spec.definition_from
    if there is None:
        return spec.definition
    return resolution.document(there, "spec.definitionFrom")


DEFINITION = Derived("definition", "definition", _definition, secret=True, clear="")
DOCUMENT_RULES = (
    Rule(
        "!has(self.definition) || !has(self.definitionFrom)",
        "definition and definitionFrom exclude each other; keep one",
        "definition",
    ),
    Rule(
        "!has(self.env) || self.env.all(e, has(e.value) != has(e.valueFrom))",
        "env[]: exactly one of value and valueFrom must be set; keep one",
        "env",
    ),
)
