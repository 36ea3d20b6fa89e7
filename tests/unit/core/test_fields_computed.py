"""Fields of a nested object on the wire that several of its fields make."""

from typing import Annotated, Any

import pytest

from agentrun_operator.core.drift import find_drift, find_removed
from agentrun_operator.core.errors import ReferenceNotFound
from agentrun_operator.core.fields import (
    ApiName,
    Computed,
    Local,
    ObservedModel,
    SecretDocument,
    SecretKeySelector,
    SecretReference,
    SpecModel,
    Unordered,
)
from agentrun_operator.core.kind import KeyedBy, ResourceKind, Rest
from agentrun_operator.core.known_paths import unknown_paths
from agentrun_operator.core.policies import ResourceSpec
from agentrun_operator.core.problems import value_problems
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.shown import HIDDEN
from agentrun_operator.core.wire import applied_paths, encode, field_rules
from agentrun_operator.core.write_only import sensitive_texts, write_only_part, write_only_paths


class Pair(SpecModel):
    name: str | None = None
    secret_ref: Annotated[SecretReference, Local()]


def _of_key(key: str) -> Any:
    def value(pair: Pair, resolution: Resolution) -> str:
        selector = SecretKeySelector(name=pair.secret_ref.name, key=key)
        return resolution.value(SecretDocument(secret_key_ref=selector))

    return value


class Way(SpecModel):
    path: str
    runtime: Annotated[str | None, Local()] = None
    flow: Annotated[str | None, Local()] = None


def _type(way: Way, _: Resolution) -> str | None:
    return "runtime" if way.runtime else "flow" if way.flow else None


class PairSpec(ResourceSpec):
    pair: Annotated[
        Pair | None,
        ApiName("certConfig"),
        Computed("cert", "secretRef.cert", _of_key("crt"), sensitive=True, write_only=True),
        Computed("key", "secretRef.key", _of_key("key"), sensitive=True, write_only=True),
    ] = None
    ways: Annotated[
        tuple[Way, ...],
        ApiName("routing.ways"),
        Unordered(),
        Computed("type", "type", _type),
        Computed("name", "name", lambda way, _: way.runtime or way.flow),
    ] = ()


KIND = ResourceKind(
    "Paired",
    "paired",
    (),
    "A kind whose parts are computed.",
    spec=PairSpec,
    observed=ObservedModel,
    rest=Rest("/paired", "Paired", "Paired", KeyedBy.NAME, "pairedId", "pairedName"),
)
DATA = {"crt": "-----BEGIN-----\nc\n-----END-----\n", "key": "canary-key"}
RESOLUTION = Resolution(secrets={"tls": DATA}, versions={"tls": "uid-1/7"})
SPEC = {
    "pair": {"name": "p", "secretRef": {"name": "tls"}},
    "ways": [{"path": "/a", "runtime": "chat"}, {"path": "/b", "flow": "faq"}],
}
BODY = {
    "certConfig": {"name": "p", "cert": DATA["crt"], "key": DATA["key"]},
    "routing": {
        "ways": [
            {"path": "/a", "type": "runtime", "name": "chat"},
            {"path": "/b", "type": "flow", "name": "faq"},
        ]
    },
}


def body_of(spec: dict[str, Any], resolution: Resolution = RESOLUTION) -> dict[str, Any]:
    return encode(KIND, PairSpec.model_validate(spec), resolution)


def test_one_reference_fills_two_fields_of_an_object() -> None:
    assert body_of(SPEC) == BODY
    assert body_of({"ways": [{"path": "/c"}]}) == {"routing": {"ways": [{"path": "/c"}]}}


def test_what_is_made_of_secrets_is_sent_again_once_renewed() -> None:
    assert write_only_paths(KIND) == {"pair.secretRef.cert", "pair.secretRef.key"}
    told = write_only_part(KIND, body_of(SPEC, RESOLUTION.by_version()))
    assert told == {"certConfig": {"cert": "tls/crt@uid-1/7", "key": "tls/key@uid-1/7"}}


def test_what_is_made_of_secrets_is_neither_compared_nor_shown() -> None:
    masked = {**BODY, "certConfig": {"name": "p", "key": "***"}}
    assert find_drift(KIND, BODY, masked, partial=False) == ()
    assert set(sensitive_texts(KIND, BODY)) == set(DATA.values())


def test_a_computed_value_of_an_item_is_compared_and_shown() -> None:
    there = [{"path": "/b", "type": "flow", "name": "faq"}, {"path": "/a", "type": "runtime"}]
    (found,) = find_drift(KIND, BODY, {**BODY, "routing": {"ways": there}}, partial=False)
    assert (found.path, found.api) == ("ways", "routing")
    assert HIDDEN not in (found.desired, found.observed)
    assert '"name": "chat"' in found.desired


def test_what_left_is_left_out_of_its_owner() -> None:
    applied = applied_paths(KIND, BODY)
    assert {"pair.secretRef.cert", "ways.0.type", "ways.1.name"} <= set(applied)
    desired = body_of({"ways": [{"path": "/a", "runtime": "chat"}, {"path": "/b"}]})
    removed = find_removed(KIND, applied, desired, BODY)
    found = {d.path: d.clearable for d in removed if d.api == "routing"}
    assert found == {"ways.1.type": True, "ways.1.name": True}


def test_it_can_be_left_alone_by_its_path() -> None:
    listed = {"ignoreFields": ["pair.secretRef", "ways.type", "ways.runtime"], **SPEC}
    assert unknown_paths(KIND, listed) == ["ways.runtime"]


@pytest.mark.parametrize("key", ["crt", "key"])
def test_a_value_that_is_missing_is_told_with_its_place(key: str) -> None:
    lacking = Resolution(secrets={"tls": {k: v for k, v in DATA.items() if k != key}})
    (problem,) = value_problems(PairSpec.model_validate(SPEC), lacking)
    assert isinstance(problem, ReferenceNotFound)
    assert problem.message.startswith(f"spec.pair: Secret 'tls' has no key {key!r}")


def test_a_computed_field_claims_its_name_like_any_other() -> None:
    class Claimed(ResourceSpec):
        pair: Annotated[Pair | None, Computed("name", "n", _of_key("crt"))] = None

    kind = ResourceKind("Claimed", "claimed", (), "Wrong.", spec=Claimed, observed=ObservedModel)
    with pytest.raises(ValueError, match="'name' is claimed twice"):
        field_rules(kind)
