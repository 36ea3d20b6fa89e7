"""What may not change once a resource exists, by any move: set, change, unset, set later.

Before that it may: a typo is corrected while nothing is there yet.
"""

import copy
from collections.abc import Callable, Mapping

import pytest

from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.crdgen.crd import root_schema
from agentrun_operator.crdgen.rules import ImmutablePath, immutable_paths
from agentrun_operator.kinds import catalogue
from fakes.examples import MINIMAL, drop, put
from integration.admission.objects import KINDS, Held, path_of
from integration.admission.server import Json, Refused, Server
from integration.admission.values import two_values

IMMUTABLE = [(kind, path) for kind in KINDS for path in immutable_paths(kind.spec)]
FIXED = [(k, p) for k, p in IMMUTABLE if k.is_local or p.is_fixed]
LATER = [(k, p) for k, p in IMMUTABLE if p.is_seen and not (k.is_local or p.is_fixed)]
EXISTING: Mapping[str, Json] = {
    "its id is on record": {"externalId": "id-1"},
    "its creation is announced": {"creation": {"startedAt": "2026-01-05T10:00:00Z"}},
}
NOTHING: Mapping[str, Json] = {
    "never looked at": {},
    "waiting": {"observedGeneration": 1, "externalName": "held-0"},
}


def each(fields: list[tuple[ResourceKind, ImmutablePath]]) -> pytest.MarkDecorator:
    ids = [f"{k.kind}.{p.dotted}" for k, p in fields]
    return pytest.mark.parametrize(("kind", "path"), fields, ids=ids)


class Moves:
    """One immutable field, and specs with a value, another value, and none."""

    def __init__(self, kind: ResourceKind, path: ImmutablePath) -> None:
        schema = root_schema(kind)["properties"]["spec"]
        for step in path.steps:
            is_required = step in schema.get("required", ())
            schema = schema["properties"][step]
        self.is_required = is_required
        one, other = two_values(schema)
        base = copy.deepcopy(MINIMAL[kind.kind])
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


def with_status(server: Server, kind: ResourceKind, stored: Json, status: Json) -> Json:
    return server.patch(f"{path_of(kind, stored)}/status", {"status": status}) if status else stored


def check_guarded(
    server: Server, kind: ResourceKind, path: ImmutablePath, held: Callable[[Json], Json]
) -> None:
    """Try all four moves, of which only set at creation may work."""
    moves = Moves(kind, path)
    refused = pytest.raises(Refused, match=f"{path.dotted} is immutable")
    required = pytest.raises(Refused, match="Required value")
    stored = held(moves.with_one)
    change(server, kind, stored, moves.with_one)
    with refused:
        change(server, kind, stored, moves.with_other)
    if path.may_come_and_go:
        # What the create sent in its place may be spelt out; another value stalls the object.
        change(server, kind, stored, moves.without)
        change(server, kind, held(moves.without), moves.with_one)
    elif moves.is_required:
        with required:
            change(server, kind, stored, moves.without)
    else:
        with refused:
            change(server, kind, stored, moves.without)
        with refused:
            change(server, kind, held(moves.without), moves.with_one)


@each(FIXED)
def test_what_is_fixed_is_so_from_the_first_moment(
    server: Server, held: Held, kind: ResourceKind, path: ImmutablePath
) -> None:
    check_guarded(server, kind, path, lambda spec: held(kind, spec))


@pytest.mark.parametrize("state", EXISTING)
@each(LATER)
def test_what_exists_keeps_what_is_immutable(
    server: Server, held: Held, kind: ResourceKind, path: ImmutablePath, state: str
) -> None:
    check_guarded(
        server,
        kind,
        path,
        lambda spec: with_status(server, kind, held(kind, spec), EXISTING[state]),
    )


@pytest.mark.parametrize("state", NOTHING)
@each(LATER)
def test_what_does_not_exist_yet_can_be_corrected(
    server: Server, held: Held, kind: ResourceKind, path: ImmutablePath, state: str
) -> None:
    moves = Moves(kind, path)
    stored = with_status(server, kind, held(kind, moves.with_one), NOTHING[state])
    change(server, kind, stored, moves.with_other)
    if not moves.is_required:
        change(server, kind, stored, moves.without)
        without = with_status(server, kind, held(kind, moves.without), NOTHING[state])
        change(server, kind, without, moves.with_one)


@each(LATER)
def test_a_status_that_is_wiped_protects_nothing_and_is_no_lock(
    server: Server, held: Held, kind: ResourceKind, path: ImmutablePath
) -> None:
    moves = Moves(kind, path)
    stored = with_status(server, kind, held(kind, moves.with_one), {"externalId": "id-1"})
    where = path_of(kind, stored)
    server.json_patch(f"{where}/status", [{"op": "remove", "path": "/status"}])
    change(server, kind, server.read(where), moves.with_other)


def test_quantities_of_the_same_amount_are_the_same(server: Server, held: Held) -> None:
    kind = catalogue()["ModelProxy"]
    stored = held(kind, {**MINIMAL["ModelProxy"], "cpu": "0.50", "memory": "4Gi"})
    stored = with_status(server, kind, stored, {"externalId": "id-1"})
    change(server, kind, stored, {**stored["spec"], "cpu": 0.5, "memory": "4096Mi"})


def test_a_credential_keeps_its_type(server: Server, held: Held) -> None:
    kind = catalogue()["Credential"]
    stored = held(kind, MINIMAL["Credential"])
    value = {"secretKeyRef": {"name": "a", "key": "b"}}
    spec = {"purpose": "Inbound", "customHeader": {"headers": [{"name": "h", "valueFrom": value}]}}
    change(server, kind, stored, spec)
    stored = with_status(server, kind, stored, {"externalId": "id-1"})
    with pytest.raises(Refused, match="create another Credential for the other type"):
        change(server, kind, stored, spec)


def test_a_stopped_sandbox_stays_stopped(server: Server, held: Held) -> None:
    kind = catalogue()["Sandbox"]
    stored = held(kind, {**MINIMAL["Sandbox"], "desiredState": "Stopped"})
    change(server, kind, stored, {**MINIMAL["Sandbox"], "desiredState": "Running"})
    stored = with_status(server, kind, stored, {"externalId": "id-1"})
    with pytest.raises(Refused, match="Stopped is final; create another Sandbox"):
        change(server, kind, stored, {**MINIMAL["Sandbox"], "desiredState": "Running"})


def test_the_external_name_is_free_until_the_resource_exists(server: Server, held: Held) -> None:
    kind = catalogue()["ModelProxy"]
    stored = held(kind, MINIMAL["ModelProxy"])
    renamed = {**MINIMAL["ModelProxy"], "externalName": "other"}
    change(server, kind, stored, renamed)
    path = path_of(kind, stored)
    stored = server.patch(f"{path}/status", {"status": {"externalId": "id-1"}})
    with pytest.raises(Refused, match=r"spec.externalName: Forbidden: the external name"):
        change(server, kind, stored, renamed)


def test_spelling_out_the_effective_name_is_no_change(server: Server, held: Held) -> None:
    kind = catalogue()["ModelService"]
    stored = held(kind, {**MINIMAL["ModelService"], "externalName": "held-0"})
    path = path_of(kind, stored)
    server.patch(f"{path}/status", {"status": {"externalId": "id-1"}})
    server.patch(path, {"spec": {"externalName": None}}, dry_run=True)


def test_a_prefix_on_record_is_a_part_of_the_name(server: Server, held: Held) -> None:
    kind = catalogue()["ModelService"]
    stored = held(kind, MINIMAL["ModelService"])
    name, path = stored["metadata"]["name"], path_of(kind, stored)
    server.patch(f"{path}/status", {"status": {"externalId": "id-1", "namePrefix": "team-a-"}})
    for other in (name, f"team-b-{name}"):
        with pytest.raises(Refused, match=r"spec.externalName: Forbidden: the external name"):
            server.patch(path, {"spec": {"externalName": other}})
    server.patch(path, {"spec": {"externalName": f"team-a-{name}"}})
    server.patch(path, {"spec": {"externalName": None}})
    # The record goes, and comes: no spec is another one for that.
    server.json_patch(f"{path}/status", [{"op": "remove", "path": "/status/namePrefix"}])
    server.patch(f"{path}/status", {"status": {"namePrefix": "team-a-"}})


@pytest.mark.parametrize("kind", ["Account", "ClusterAccount"])
def test_a_prefix_is_edited_along_with_what_it_was(server: Server, held: Held, kind: str) -> None:
    found = catalogue()[kind]
    stored = held(found, {**MINIMAL[kind], "defaults": {"deletionPolicy": "Retain"}})
    path = path_of(found, stored)
    server.patch(path, {"spec": {"defaults": {"namePrefix": "p-"}}})
    told = r"spec.defaults.formerNamePrefixes: .*add that to defaults.formerNamePrefixes"
    for edit in ({"namePrefix": "q-"}, {"namePrefix": None}, None, {"namePrefix": "p-{namespace}"}):
        with pytest.raises(Refused, match=told):
            server.patch(path, {"spec": {"defaults": edit}})
    server.patch(path, {"spec": {"defaults": {"deletionPolicy": None}}})
    server.patch(path, {"spec": {"defaults": {"namePrefix": "q-", "formerNamePrefixes": ["p-"]}}})
    # Whoever knows that nothing is named so any more takes it out.
    server.patch(path, {"spec": {"defaults": {"formerNamePrefixes": None}}})
    server.patch(path, {"status": {"observedGeneration": 1}})
