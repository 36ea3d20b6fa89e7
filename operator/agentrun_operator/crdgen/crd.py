"""One kind → its CustomResourceDefinition."""

from collections.abc import Iterator
from typing import Any

from agentrun_operator.core.fields import Reference, SpecModel
from agentrun_operator.core.identity import API_VERSION, CATEGORY, GROUP, VERSION
from agentrun_operator.core.kind import Column, ResourceKind
from agentrun_operator.core.policies import AccountReference
from agentrun_operator.core.shapes import is_model, json_name, shape_of
from agentrun_operator.crdgen import required, rules
from agentrun_operator.crdgen.scalars import GenerationError, Schema
from agentrun_operator.crdgen.schema import object_schema
from agentrun_operator.crdgen.status import status_schema

MAX_SELECTABLE = 8
"""What the API server takes per version."""

_READY = '.status.conditions[?(@.type=="Ready")]'


def custom_resource_definition(kind: ResourceKind) -> dict[str, Any]:
    """Return the CRD of a kind.

    Raises:
        GenerationError: the declaration cannot be expressed; the message names the field.
    """
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "shortNames": list(kind.short_names),
                # `kubectl delete agentrun --all` in a namespace would take along what all share.
                "categories": [CATEGORY] if kind.namespaced else [],
            },
            "versions": [_version(kind)],
        },
    }


def _version(kind: ResourceKind) -> dict[str, Any]:
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": root_schema(kind)},
        "subresources": {"status": {}},
        "additionalPrinterColumns": list(_columns(kind)),
    }
    selectable = [{"jsonPath": path} for path in selectable_paths(kind)]
    if selectable:
        version["selectableFields"] = selectable
    return version


def root_schema(kind: ResourceKind) -> Schema:
    """Return the whole structural schema of a kind."""
    schema: Schema = {
        "description": kind.summary,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"description": f"Always {API_VERSION}.", "type": "string"},
            "kind": {"description": f"Always {kind.kind}.", "type": "string"},
            # The API server describes it itself and refuses a description of ours.
            "metadata": {"type": "object"},
            "spec": spec_schema(kind),
            "status": status_schema(kind),
        },
    }
    root = rules.root_rules(kind)
    if root:
        schema["x-kubernetes-validations"] = root
    return schema


def spec_schema(kind: ResourceKind) -> Schema:
    """Return the schema of `spec` with every rule that stands under it."""
    schema = object_schema(kind.spec)
    required.describe(kind, schema)
    if rules.has_external_name(kind):
        name = schema["properties"]["externalName"]
        name["x-kubernetes-validations"] = [rules.external_name_rule(kind)]
    found = [
        *schema.get("x-kubernetes-validations", []),
        *rules.fixed_rules(kind),
        *(rules.declared_rule(rule) for rule in kind.rules if not rule.once_it_exists),
    ]
    if found:
        schema["x-kubernetes-validations"] = found
    return schema


def _columns(kind: ResourceKind) -> Iterator[dict[str, Any]]:
    """Yield the columns; those that are always shown fit into 100 characters together."""
    yield _column(Column("Ready", f"{_READY}.status", wide=False), "Summary of the object's state.")
    yield _column(Column("Reason", f"{_READY}.reason", wide=False), "Why Ready is what it is.")
    if kind.rest is not None:
        # One of them, as the API server shows no more of a list.
        path = ".status.drift[0].path"
        yield _column(Column("Drift", path, wide=False), "First path that differs, if any does.")
    paused = '.status.conditions[?(@.type=="Paused")].status'
    yield _column(Column("Paused", paused, wide=False), "True while paused by annotation.")
    yield from (_column(c) for c in kind.columns if not c.wide)
    yield _column(Column("Age", ".metadata.creationTimestamp", type="date", wide=False))
    if kind.rest is not None:
        yield _column(Column("External-ID", ".status.externalId"), "Id or key in AgentRun.")
        as_of = Column("As-Of", ".status.lastSeenTime", type="date")
        yield _column(as_of, "For how long all this has been so: the last look before it was told.")
    yield _column(Column("Message", f"{_READY}.message"), "What happened and what to do.")
    if kind.rest is not None and "State" not in {c.name for c in kind.columns}:
        yield _column(Column("State", ".status.atProvider.state"), "The API's own lifecycle word.")
    yield from (_column(c) for c in kind.columns if c.wide)


def _column(column: Column, description: str = "") -> dict[str, Any]:
    path = column.path if column.path.startswith(".") else f".{column.path}"
    found: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": path}
    if description:
        found["description"] = description
    if column.wide:
        found["priority"] = 1
    return found


def selectable_paths(kind: ResourceKind) -> tuple[str, ...]:
    """Return what `kubectl get --field-selector` accepts: names of references, and the cloud id.

    Raises:
        GenerationError: more than the API server takes.
    """
    found = [f".spec.{path}" for path in _reference_names(kind.spec, "")]
    if kind.rest is not None:
        found.append(".status.externalId")
    if len(found) > MAX_SELECTABLE:
        raise GenerationError(f"{kind.kind}: {len(found)} selectable fields, {MAX_SELECTABLE} fit")
    return tuple(found)


def _reference_names(model: type[SpecModel], prefix: str) -> Iterator[str]:
    for attribute, info in model.model_fields.items():
        shape = shape_of(info)
        if not is_model(shape.inner) or shape.is_list:
            continue
        path = f"{prefix}{json_name(model, attribute)}"
        if shape.inner is Reference or shape.inner is AccountReference:
            yield f"{path}.name"
        else:
            yield from _reference_names(shape.inner, f"{path}.")
