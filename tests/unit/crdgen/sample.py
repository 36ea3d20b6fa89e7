"""A small kind with one field of every sort that the generator knows."""

from typing import Annotated, Any, Literal

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Cpu,
    FreeForm,
    Immutable,
    Memory,
    Name,
    ObservedModel,
    Ref,
    Reference,
    ServerDefault,
    SpecModel,
    Text,
    Unordered,
    ValueFrom,
    WriteOnly,
)
from agentrun_operator.core.kind import Column, KeyedBy, ResourceKind, Rest, Rule


class Variable(SpecModel):
    """One variable."""

    name: Annotated[str, Field(min_length=1, max_length=63), ApiName("key")]
    """Name of the variable."""
    value_from: ValueFrom | None = None
    """Where its value comes from."""
    scope: Annotated[Literal["Build", "Run"] | None, Immutable()] = None
    """When it is set."""


class Place(SpecModel):
    """Where it runs."""

    zone: Annotated[Name | None, Immutable()] = None
    """Zone."""
    mode: Literal["Public", "Private"] = "Public"
    """Public or Private."""


class WidgetSpec(SpecModel):
    """Desired state of one widget."""

    title: Text
    """Shown to people"""
    external_name: Name | None = None
    """Name in the cloud."""
    cpu: Annotated[Cpu, Immutable()] = "2"
    """Cores."""
    memory: Annotated[Memory | None, Immutable(), ServerDefault("4Gi")] = None
    """Memory."""
    retries: Annotated[int | None, Field(ge=0, le=9)] = None
    """Repeats of a failed call."""
    namespace: Annotated[str | None, Field(max_length=63, pattern="^[a-z]+$"), Immutable()] = None
    """Where it lives, e.g. `blue`."""
    place: Place | None = None
    """Where it runs."""
    target_ref: Annotated[Reference | None, Ref("Gadget")] = None
    """What it turns."""
    tags: Annotated[tuple[Annotated[str, Field(max_length=8)], ...], Unordered()] = ()
    """Free words."""
    env: Annotated[tuple[Variable, ...], Unordered("key"), Field(max_length=5)] = ()
    """Variables."""
    labels: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]] | None, Field(max_length=4)
    ] = None
    """Free pairs."""
    options: Annotated[dict[str, Any] | None, FreeForm(), WriteOnly()] = None
    """Whatever the type takes."""


class WidgetObserved(ObservedModel):
    """What a read shows."""

    address: str | None = None
    """Where it answers."""


WIDGET = ResourceKind(
    kind="Widget",
    plural="widgets",
    short_names=("wi",),
    summary="Something that turns.",
    spec=WidgetSpec,
    observed=WidgetObserved,
    rest=Rest(
        "/widgets",
        noun="Widget",
        nouns="Widgets",
        key=KeyedBy.NAME,
        id_field="widgetId",
        name_field="widgetName",
    ),
    rules=(
        Rule(
            "self.managementPolicy == 'Observe' || has(self.title)",
            "title is required; set it",
            "spec.title",
        ),
    ),
    columns=(
        Column("Title", ".spec.title", wide=False),
        Column("Address", "status.atProvider.address"),
    ),
)

GIZMO = ResourceKind(
    kind="Gizmo",
    plural="gizmos",
    short_names=("gi",),
    summary="Something local.",
    spec=Place,
    observed=ObservedModel,
    namespaced=False,
)
