"""What a tool offers: a JSON text that may hold tokens. Source: control-plane reference, §8.8."""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import Local, ValueFrom
from agentrun_operator.core.kind import Derived, Rule
from agentrun_operator.core.policies import ResourceSpec
from agentrun_operator.core.resolution import Resolution


class ProtocolSpecSpec(ResourceSpec):
    """A resource with a protocol spec: at most one of the two."""

    protocol_spec: Annotated[str | None, Local(), Field(max_length=262_144)] = None
    """What it offers, JSON text such as `{"mcpServers": {"w": {"url": "https://…"}}}`, at most
    262144 characters; not for secrets."""
    protocol_spec_from: Annotated[ValueFrom | None, Local()] = None
    """The same by reference, for a text that holds tokens."""


def _protocol_spec(spec: ProtocolSpecSpec, resolution: Resolution) -> str | None:
    there = spec.protocol_spec_from
    if there is None:
        return spec.protocol_spec
    return resolution.document(there, "spec.protocolSpecFrom")


PROTOCOL_SPEC = Derived("protocolSpec", "protocolSpec", _protocol_spec, secret=True, clear="")
PROTOCOL_SPEC_RULE = Rule(
    "!has(self.protocolSpec) || !has(self.protocolSpecFrom)",
    "protocolSpec and protocolSpecFrom exclude each other; keep one",
    "protocolSpec",
)
