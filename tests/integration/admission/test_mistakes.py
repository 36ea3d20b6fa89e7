"""A valid spec is accepted; a mistake is refused with the field and the remedy."""

import copy
import re
from collections import defaultdict

import pytest
import yaml

from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.wire import encode
from agentrun_operator.kinds import catalogue
from integration.admission.objects import (
    KINDS,
    TABLES,
    VALID,
    collection,
    drop,
    manifest,
    path_of,
    put,
)
from integration.admission.server import Json, Refused, Server

MALFORMED: list[Json] = yaml.safe_load((TABLES / "malformed.yaml").read_text())
ACCEPTED: list[Json] = yaml.safe_load((TABLES / "accepted.yaml").read_text())
ANY_REFERENCE = Resolution(references=defaultdict(lambda: "x"))


def spoilt(row: Json) -> Json | None:
    if row.get("without_spec"):
        return None
    spec = copy.deepcopy(VALID[row["kind"]])
    for path in row.get("unset", ()):
        drop(spec, path)
    for path, value in row.get("set", {}).items():
        length = re.fullmatch(r"\$\{(\d+)\}", value) if isinstance(value, str) else None
        put(spec, path, "x" * int(length[1]) if length else value)
    return spec


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.kind)
def test_a_valid_spec_is_accepted_and_in_progress_before_any_operator_saw_it(
    server: Server, kind: ResourceKind
) -> None:
    stored = server.create(collection(kind), manifest(kind, "fresh", VALID[kind.kind]))
    path = path_of(kind, stored)
    found = server.read(path)
    server.delete(path)
    assert found["status"] == {
        "observedGeneration": -1,
        "conditions": [
            {
                "type": "Ready",
                "status": "Unknown",
                "reason": "Pending",
                "message": "waiting for the operator",
                "lastTransitionTime": "1970-01-01T00:00:00Z",
            }
        ],
    }


def test_the_table_of_mistakes_covers_every_kind() -> None:
    assert len(MALFORMED) >= 60
    assert {row["kind"] for row in MALFORMED} == {kind.kind for kind in KINDS}


@pytest.mark.parametrize("row", MALFORMED, ids=lambda r: f"{r['kind']}: {r['because']}")
def test_a_mistake_is_refused_with_the_field_and_the_remedy(server: Server, row: Json) -> None:
    kind = catalogue()[row["kind"]]
    with pytest.raises(Refused) as refusal:
        server.create(
            collection(kind), manifest(kind, row.get("name", "spoilt"), spoilt(row)), dry_run=True
        )
    for part in row["expect"]:
        assert part in str(refusal.value)


@pytest.mark.parametrize("row", ACCEPTED, ids=lambda r: f"{r['kind']}: {r['because']}")
def test_what_means_one_thing_is_accepted_and_sent_as_the_api_has_it(
    server: Server, row: Json
) -> None:
    kind = catalogue()[row["kind"]]
    sent = manifest(kind, "accepted", spoilt(row))
    stored = server.create(collection(kind), sent, dry_run=True)
    body = encode(kind, kind.spec.model_validate(stored["spec"]), ANY_REFERENCE)
    assert {name: body[name] for name in row["sends"]} == row["sends"]


def test_a_typed_spec_error_never_repeats_a_secret_reference_as_a_value(server: Server) -> None:
    kind = catalogue()["Credential"]
    spec = copy.deepcopy(VALID["Credential"])
    put(spec, "apiKey.valueFrom", {"value": "canary-value"})
    with pytest.raises(Refused) as refusal:
        server.create(collection(kind), manifest(kind, "spoilt", spec), dry_run=True)
    assert "canary-value" not in str(refusal.value)
