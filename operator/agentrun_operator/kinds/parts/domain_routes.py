"""PathConfig of a custom domain: what answers at a path. Source: control-plane reference, §8.12.

The API tells the resource by its type and name; the spec has one field for each type, so that an
object of ours can be named, and `resource` for types that have none.
"""

from typing import Annotated, Literal

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Computed,
    Inline,
    Local,
    Name,
    Ref,
    Reference,
    Reserved,
    ServerDefault,
    SpecModel,
    Unordered,
)
from agentrun_operator.core.forms import NO_BLANKS, UrlOrPath
from agentrun_operator.core.grants import EXTERNAL_REFERENCES
from agentrun_operator.core.kind import Rule
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.words import Words

_RUNTIME = "runtime"
_FLOW = "flow"
_TOLD_BY = ("resourceType",)
"""A runtime and a flow may have the same name, which stands in one place for both."""
_PROTOCOLS = {
    "Native": "native",
    "OpenAI": "openai",
    "DifyWorkflow": "dify-workflow",
    "DifyChatflow": "dify-chatflow",
}
Method = Literal["HEAD", "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]


class RoutedResource(SpecModel):
    """Something else that a domain can lead to."""

    type: Annotated[Name, NO_BLANKS, ApiName("resourceType")]
    """Type of the resource, in the words of the API."""
    name: Annotated[
        Name,
        NO_BLANKS,
        ApiName("resourceName"),
        Reserved(EXTERNAL_REFERENCES, told_by=_TOLD_BY),
    ]
    """Name of the resource in AgentRun; no object is looked up, and it is not watched."""


def _resource_type(route: "DomainRoute", _: Resolution) -> str | None:
    if route.runtime_ref is not None:
        return _RUNTIME
    if route.flow_ref is not None:
        return _FLOW
    return None if route.resource is None else route.resource.type


def _resource_name(route: "DomainRoute", resolution: Resolution) -> str | None:
    if route.runtime_ref is not None:
        return resolution.reference("AgentRuntime", route.runtime_ref, by_name=True)
    if route.flow_ref is not None:
        return resolution.reference("Flow", route.flow_ref, by_name=True)
    return None if route.resource is None else route.resource.name


class DomainRoute(SpecModel):
    """What answers at a path: exactly one of runtimeRef, flowRef and resource."""

    path: UrlOrPath
    """Path of the calls, e.g. `/chat/*`."""
    methods: Annotated[tuple[Method, ...], Unordered(), Field(max_length=7)] = ()
    """HTTP methods of the calls."""
    runtime_ref: Annotated[
        Reference | None,
        Ref("AgentRuntime", by_name=True, told_by=_TOLD_BY),
        ApiName("resourceName"),
        Local(),
    ] = None
    """The AgentRuntime that answers; externalName is the runtime's name."""
    endpoint_ref: Annotated[
        Reference | None,
        Ref("AgentRuntimeEndpoint", by_name=True, below="runtimeRef"),
        ApiName("agentRuntimeEndpointName"),
    ] = None
    """The AgentRuntimeEndpoint of that runtime; externalName is the endpoint's name."""
    flow_ref: Annotated[
        Reference | None,
        Ref("Flow", by_name=True, told_by=_TOLD_BY),
        ApiName("resourceName"),
        Local(),
    ] = None
    """The Flow that answers; externalName is the flow's name."""
    flow_endpoint_ref: Annotated[
        Reference | None,
        Ref("FlowEndpoint", by_name=True, below="flowRef"),
        ApiName("flowEndpointName"),
        ServerDefault("Default"),
    ] = None
    """The FlowEndpoint of that flow; externalName is the endpoint's name; server default
    Default."""
    compatible_protocol: Annotated[
        Literal["Native", "OpenAI", "DifyWorkflow", "DifyChatflow"] | None,
        Words(_PROTOCOLS),
    ] = None
    """How a flow is spoken to: Native, or as OpenAI, DifyWorkflow or DifyChatflow. Required with
    flowRef."""
    resource: Annotated[RoutedResource | None, Inline(), Local()] = None
    """Something else that answers, by type and name."""
    remove_base_path: Annotated[bool | None, ApiName("removeBasePathOnForward")] = None
    """Whether the path of the route is taken off before the call is passed on."""


TARGET = (
    Computed("resourceType", "resourceType", _resource_type),
    Computed("resourceName", "resourceName", _resource_name),
)
"""What the fields of a route make together; drift shows it under the API's names."""


def _of_each(condition: str) -> str:
    return f"!has(self.routes) || self.routes.all(r, {condition})"


ROUTE_RULES = (
    Rule(
        _of_each("[has(r.runtimeRef), has(r.flowRef), has(r.resource)].filter(x, x).size() == 1"),
        "routes[]: exactly one of runtimeRef, flowRef and resource must be set; keep the one that "
        "answers",
        "routes",
    ),
    Rule(
        _of_each("!has(r.endpointRef) || has(r.runtimeRef)"),
        "routes[].endpointRef belongs to runtimeRef; name the runtime too, or remove it",
        "routes",
    ),
    Rule(
        _of_each("has(r.flowRef) || (!has(r.flowEndpointRef) && !has(r.compatibleProtocol))"),
        "routes[].flowEndpointRef and compatibleProtocol belong to flowRef; remove them",
        "routes",
    ),
    Rule(
        _of_each("!has(r.flowRef) || has(r.compatibleProtocol)"),
        "routes[].compatibleProtocol is required with flowRef; set it, e.g. to OpenAI",
        "routes",
    ),
)
