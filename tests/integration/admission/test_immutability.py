"""What may never change, against all four moves: set, change, unset, set later."""

import copy

import pytest

from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.crdgen.crd import root_schema
from agentrun_operator.crdgen.rules import ImmutablePath, immutable_paths
from agentrun_operator.kinds import catalogue
from integration.admission.objects import KINDS, VALID, Held, drop, path_of, put
from integration.admission.server import Json, Refused, Server
from integration.admission.values import two_values

IMMUTABLE = [(kind, path) for kind in KINDS for path in immutable_paths(kind.spec)]

each_immutable_field = pytest.mark.parametrize(
    ("kind", "path"), IMMUTABLE, ids=[f"{k.kind}.{p.dotted}" for k, p in IMMUTABLE]
)


class Moves:
    """One immutable field, and specs with a value, another value, and none."""

    def __init__(self, kind: ResourceKind, path: ImmutablePath) -> None:
        schema = root_schema(kind)["properties"]["spec"]
        for step in path.steps:
            is_required = step in schema.get("required", ())
            schema = schema["properties"][step]
        self.is_required = is_required
        one, other = two_values(schema)
        base = copy.deepcopy(VALID[kind.kind])
        if "managementPolicy" in root_schema(kind)["properties"]["spec"]["properties"]:
            # Otherwise the rule that the field is required would speak first.
            base["managementPolicy"] = "Observe"
        self.without = base
        drop(base, path.dotted)
        self.with_one, self.with_other = copy.deepcopy(base), copy.deepcopy(base)
        put(self.with_one, path.dotted, one)
        put(self.with_other, path.dotted, other)


def change(server: Server, kind: ResourceKind, stored: Json, spec: Json) -> None:
    server.replace(path_of(kind, stored), {**stored, "spec": spec}, dry_run=True)


@each_immutable_field
def test_an_immutable_field_can_be_set_and_then_neither_changed_nor_unset(
    server: Server, held: Held, kind: ResourceKind, path: ImmutablePath
) -> None:
    moves = Moves(kind, path)
    stored = held(kind, moves.with_one)
    change(server, kind, stored, moves.with_one)
    with pytest.raises(Refused, match=f"{path.dotted} is immutable"):
        change(server, kind, stored, moves.with_other)
    if path.may_come_and_go:
        change(server, kind, stored, moves.without)
        return
    unset = "Required value" if moves.is_required else f"{path.dotted} is immutable"
    with pytest.raises(Refused, match=unset):
        change(server, kind, stored, moves.without)


@each_immutable_field
def test_an_immutable_field_cannot_be_set_later(
    server: Server, held: Held, kind: ResourceKind, path: ImmutablePath
) -> None:
    moves = Moves(kind, path)
    if moves.is_required:
        with pytest.raises(Refused, match="Required value"):
            held(kind, moves.without)
        return
    stored = held(kind, moves.without)
    if path.may_come_and_go:
        # What the create sent in its place may be spelt out; another value stalls the object.
        change(server, kind, stored, moves.with_one)
        return
    with pytest.raises(Refused, match=f"{path.dotted} is immutable"):
        change(server, kind, stored, moves.with_one)


def test_quantities_of_the_same_amount_are_the_same(server: Server, held: Held) -> None:
    kind = catalogue()["ModelProxy"]
    stored = held(kind, {**VALID["ModelProxy"], "cpu": "0.50", "memory": "4Gi"})
    change(server, kind, stored, {**stored["spec"], "cpu": "500m", "memory": "4096Mi"})


def test_a_credential_keeps_its_type(server: Server, held: Held) -> None:
    kind = catalogue()["Credential"]
    stored = held(kind, VALID["Credential"])
    value = {"secretKeyRef": {"name": "a", "key": "b"}}
    spec = {"purpose": "Inbound", "customHeader": {"headers": [{"name": "h", "valueFrom": value}]}}
    with pytest.raises(Refused, match="create another Credential for the other type"):
        change(server, kind, stored, spec)


def test_a_stopped_sandbox_stays_stopped(server: Server, held: Held) -> None:
    kind = catalogue()["Sandbox"]
    stored = held(kind, {**VALID["Sandbox"], "desiredState": "Stopped"})
    with pytest.raises(Refused, match="Stopped is final; create another Sandbox"):
        change(server, kind, stored, {**VALID["Sandbox"], "desiredState": "Running"})


def test_the_external_name_is_free_until_the_resource_exists(server: Server, held: Held) -> None:
    kind = catalogue()["ModelProxy"]
    stored = held(kind, VALID["ModelProxy"])
    renamed = {**VALID["ModelProxy"], "externalName": "other"}
    change(server, kind, stored, renamed)
    path = path_of(kind, stored)
    stored = server.patch(f"{path}/status", {"status": {"externalId": "id-1"}})
    with pytest.raises(Refused, match=r"spec.externalName: Forbidden: the external name"):
        change(server, kind, stored, renamed)


def test_spelling_out_the_effective_name_is_no_change(server: Server, held: Held) -> None:
    kind = catalogue()["ModelService"]
    stored = held(kind, {**VALID["ModelService"], "externalName": "held-0"})
    path = path_of(kind, stored)
    server.patch(f"{path}/status", {"status": {"externalId": "id-1"}})
    server.patch(path, {"spec": {"externalName": None}}, dry_run=True)
