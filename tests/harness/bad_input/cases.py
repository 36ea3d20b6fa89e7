"""One object as somebody may write it, and what it refers to."""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from agentrun_operator.core.identity import (
    ADOPT_ANNOTATION,
    PAUSED_ANNOTATION,
    POLL_INTERVAL_ANNOTATION,
    RECONCILE_REQUESTED_ANNOTATION,
)
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.crdgen.crd import root_schema
from agentrun_operator.kinds import catalogue
from bad_input.values import Json, Schema, legal, nearly
from fakes.examples import examples

Step = str | int
SCHEMAS: Mapping[str, Schema] = {
    name: root_schema(kind)["properties"]["spec"] for name, kind in catalogue().items()
}
_NAMES = (
    *("a" * n for n in (63, 64, 65, 128, 129, 253, 254)),
    *("a.b", "0a", "a-", "A", "it_b", "-", "", "é"),
)
_ANNOTATIONS: Mapping[str, tuple[str, ...]] = {
    PAUSED_ANNOTATION: (
        *("true", "True", "", "soon", "2026-01-05T10:00:00Z", "2026-13-45T99:99:99Z", "2026-01-05"),
        *("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-01-05T10:00:00"),
    ),
    POLL_INTERVAL_ANNOTATION: (
        *("5", "0", "-1", "1e3", "abc", "", "9" * 400, "\u0663", "\u00b2", "1.5", " 7 ", "1_0"),
    ),
    RECONCILE_REQUESTED_ANNOTATION: ("", "now", "y" * 10_000, "\x00", "🦄"),
    ADOPT_ANNOTATION: ("force", "Force", ""),
}
_SECRET_TEXTS = (
    *("", "x", "k-1", "a\nb\n", "\x00", "🦄", "x" * 10_000, '{"keys": []}', "null", "[]", "{"),
    *(
        '{"auths": {}}',
        '{"auths": null}',
        '{"auths": []}',
        '{"auths": {"registry.example.com": 1}}',
    ),
    *(
        json.dumps({"auths": {"registry.example.com": login}})
        for login in (
            {"username": "u", "password": "p"},
            {"auth": "dTpw"},
            {"auth": "!"},
            {"auth": 7},
            {"username": ["u"]},
            {},
        )
    ),
)


@dataclass(frozen=True)
class Case:
    """What somebody writes, and edits later."""

    kind: str
    name: str
    annotations: Mapping[str, str]
    spec: Json
    later: Json = None
    """The spec after an edit; None: it is not edited."""
    secret: Mapping[str, str] = field(default_factory=dict)
    """What stands in the Secrets that it may refer to, beside or instead of what makes sense."""

    @property
    def resource_kind(self) -> ResourceKind:
        return catalogue()[self.kind]


@st.composite
def _specs(draw: st.DrawFn, kind: str, base: Json) -> Json:
    """Return a spec with fields of any legal value, and now and then a mistake."""
    schema = SCHEMAS[kind]
    spec = copy.deepcopy(base)
    properties = schema["properties"]
    names = draw(st.lists(st.sampled_from(sorted(properties)), max_size=3, unique=True))
    for name in names:
        put(spec, (name,), draw(legal(properties[name])))
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 1, 2)))):
        places = [place for place in nodes(schema, spec) if place[0]]
        if not places:
            break
        steps, below, value = draw(st.sampled_from(places))
        change = draw(st.sampled_from((legal, None, None)))
        put(spec, steps, draw(legal(below) if change else nearly(below, value)))
    return spec


def nodes(schema: Schema, value: Json) -> list[tuple[tuple[Step, ...], Schema, Json]]:
    """Return every node of a spec that its schema knows, with its steps."""
    return list(_nodes(schema, value, ()))


def _nodes(
    schema: Schema, value: Json, steps: tuple[Step, ...]
) -> Iterator[tuple[tuple[Step, ...], Schema, Json]]:
    yield steps, schema, value
    if isinstance(value, dict):
        known = schema.get("properties", {})
        for name, inner in value.items():
            below = known.get(name) or schema.get("additionalProperties")
            if below:
                yield from _nodes(below, inner, (*steps, name))
    elif isinstance(value, list) and "items" in schema:
        for place, item in enumerate(value):
            yield from _nodes(schema["items"], item, (*steps, place))


def put(spec: Json, steps: tuple[Step, ...], value: Json) -> None:
    """Replace a node."""
    *above, last = steps
    node = spec
    for step in above:
        node = node[step]
    node[last] = copy.deepcopy(value)  # what is drawn may be drawn again


def _bases(kind: str) -> st.SearchStrategy[Any]:
    return st.sampled_from([example.spec for _, example in examples()[kind].all()])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return anything that somebody may write, of any kind."""
    kind = draw(st.sampled_from(sorted(SCHEMAS)))
    is_named_oddly = draw(st.sampled_from((False,) * 9 + (True,)))
    name = draw(st.sampled_from(_NAMES)) if is_named_oddly else "it"
    annotated = draw(st.sampled_from((None, None, None, *_ANNOTATIONS)))
    annotations = {annotated: draw(st.sampled_from(_ANNOTATIONS[annotated]))} if annotated else {}
    spec = draw(_specs(kind, draw(_bases(kind))))
    is_edited = draw(st.booleans())
    later = draw(_specs(kind, spec)) if is_edited else None
    texts = st.sampled_from(_SECRET_TEXTS)
    keys = ("api", "arms", "odd", "inbound", ".dockerconfigjson")
    secret = {key: draw(texts) for key in draw(st.lists(st.sampled_from(keys), max_size=2))}
    return Case(kind, name, annotations, spec, later, secret)
