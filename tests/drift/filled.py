"""Specs with every field set, made from the spec models: a new field is filled unasked.

Fields that exclude each other (CEL rules, which only an API server enforces) are told apart by
the variants in the examples of the kind; a test makes sure that together they reach every field.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from agentrun_operator.core.fields import (
    ConfigMapReference,
    Form,
    Reference,
    SecretDocument,
    SecretReference,
    SecretSource,
    Sensitive,
    SpecModel,
    ValueFrom,
)
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.policies import HasVersions, NamedSpec, ResourceSpec
from agentrun_operator.core.shapes import is_model, json_name, marker, shape_of
from agentrun_operator.core.words import Words
from agentrun_operator.kinds import catalogue
from agentrun_operator.kinds.parts.connection import ConnectionTarget
from fakes.examples import CLOUD_KINDS, examples

CANARY = "canary-7f3a"
"""Every secret value begins with it."""
SECRET = "planted"
HOST = "registry.example.com"
KEYS = {
    "token": f"{CANARY}-token",
    ".dockerconfigjson": (
        f'{{"auths": {{"{HOST}": {{"username": "robot", "password": "{CANARY}-pulls"}}}}}}'
    ),
    "tls.crt": f"{CANARY}-certificate",
    # No word of the API has six characters of it: they would be masked in what drift shows.
    "tls.key": f"{CANARY}-tls-key",
}
CONFIG = "settings"
CONFIG_DATA = {"LEVEL": "info"}
_POLICIES = (ResourceSpec, NamedSpec, HasVersions)
"""Models whose fields are policies of the operator: none of them goes to the API."""
_KEY = {"secretKeyRef": {"name": SECRET, "key": "token"}}
_VALUES: Mapping[type[SpecModel], Any] = {
    ValueFrom: _KEY,
    SecretSource: _KEY,
    SecretDocument: _KEY,
    SecretReference: {"name": SECRET},
    ConfigMapReference: {"name": CONFIG},
    ConnectionTarget: {"name": "address"},
}
_TEXTS = (
    f"{HOST}/team/x{{n}}",
    "https://example.com/x{n}",
    "acs:ram::1001:role/x{n}",
    "/x{n}",
    "{n}500m",
    "{n}Gi",
    "x{n}",
    "xx{n}x",
    "{n}",
)
"""The first that a field's own pattern admits is taken; `n` tells list items apart."""


@dataclass(frozen=True)
class Variant:
    """One way to fill a kind: what is left out because something else excludes it."""

    kind: str
    name: str = ""
    without: frozenset[str] = frozenset()
    """Paths of spec fields, without list places."""
    focus: frozenset[str] = frozenset()
    """Top-level API fields that make it different from the variant before it; empty: all."""

    @property
    def title(self) -> str:
        """What a test report calls it."""
        return f"{self.kind}-{self.name}" if self.name else self.kind

    @property
    def given(self) -> dict[str, Any]:
        """Top-level fields whose value has to lead somewhere."""
        return examples()[self.kind].drift.given


VARIANTS: tuple[Variant, ...] = tuple(
    Variant(kind, name, filling.without, filling.focus)
    for kind in CLOUD_KINDS
    for name, filling in examples()[kind].drift.variants.items()
)


def spec_of(variant: Variant) -> dict[str, Any]:
    """Return a spec with every field of a variant set; the operator's own policies are not."""
    kind = catalogue()[variant.kind]
    model = kind.spec
    policies = {json_name(model, name) for model in _POLICIES for name in model.model_fields}
    spec = _filled(model, variant.without | policies, "", 1)
    return {**spec, **variant.given}


def _filled(model: type[SpecModel], without: frozenset[str], above: str, n: int) -> dict[str, Any]:
    found = {}
    for attribute, info in model.model_fields.items():
        name = json_name(model, attribute)
        path = f"{above}{name}"
        if path not in without:
            found[name] = _value(info, without, f"{path}.", n)
    return found


def _value(info: FieldInfo, without: frozenset[str], above: str, n: int) -> Any:
    shape = shape_of(info)

    def one(place: int) -> Any:
        if shape.inner is Reference:
            return {"externalName": f"other-{place}"}
        if shape.inner in _VALUES:
            return _VALUES[shape.inner]
        if is_model(shape.inner):
            return _filled(shape.inner, without, above, place)
        return _scalar(shape.inner, info, place, is_item=shape.is_list)

    return [one(2 * n - 1), one(2 * n)] if shape.is_list else one(n)


def _scalar(inner: Any, info: FieldInfo, n: int, *, is_item: bool) -> Any:
    known = marker(shape_of(info).markers, Words)
    words = get_args(inner) if get_origin(inner) is Literal else tuple(known.words if known else ())
    if words:
        return words[n % len(words)] if len(words) > n else words[0]
    if inner is bool:
        return True
    is_sensitive = marker(shape_of(info).markers, Sensitive) is not None
    if is_sensitive and inner is str:
        return f"{CANARY}-sensitive-{n}"
    if inner == dict[str, str]:
        return {f"key{n}": f"{CANARY}-sensitive-{n}"}
    if get_origin(inner) is dict:
        return {f"outer{n}": {"inner": f"{CANARY}-document", "number": 7}}
    candidates: list[Any] = (
        [n + 6, n * 60, n + 200] if inner is int else [text.format(n=n) for text in _TEXTS]
    )
    form = marker(shape_of(info).markers, Form)
    if form is not None:
        # The parser knows no forms, but the cluster does: of the name of a ConfigMap, for one.
        fitting = [text for text in candidates if re.search(form.regex, str(text))]
        candidates = [*fitting, form.examples[n % 2]]
    fits = _adapter(info) if not is_item else _item_adapter(info)
    for candidate in candidates:
        try:
            fits.validate_python(candidate)
        except ValidationError:
            continue
        return candidate
    raise AssertionError(f"no value fits {info}")


def _adapter(info: FieldInfo) -> TypeAdapter[Any]:
    annotated: Any = Annotated[(info.annotation, None, *info.metadata)]
    return TypeAdapter(annotated)


def _item_adapter(info: FieldInfo) -> TypeAdapter[Any]:
    inner = info.annotation
    while get_origin(inner) is not tuple:
        inner = get_args(inner)[0]
    return TypeAdapter(get_args(inner)[0])


def declared_fields(kind: ResourceKind) -> frozenset[str]:
    """Return the paths of all leaves of a kind's spec that go to the API in some way."""
    policies = frozenset(name for model in _POLICIES for name in model.model_fields)
    return frozenset(_declared(kind.spec, "", policies))


def _declared(model: type[SpecModel], above: str, without: frozenset[str]) -> Iterator[str]:
    for attribute, info in model.model_fields.items():
        if attribute in without:
            continue
        shape = shape_of(info)
        path = f"{above}{json_name(model, attribute)}"
        if is_model(shape.inner) and shape.inner not in (*_VALUES, Reference):
            yield from _declared(shape.inner, f"{path}.", frozenset())
        else:
            yield path


def is_below(path: str, owner: str) -> bool:
    """Whether a path is another one, or leads below it."""
    return f"{path}.".startswith(f"{owner}.")


_MANY_FIELDS = 50
SMALL_VARIANTS = tuple(
    v for v in VARIANTS if v.focus or len(declared_fields(catalogue()[v.kind])) < _MANY_FIELDS
)
"""Without those that take most of the time, for what does not depend on the field."""


def given_fields(spec: Any, above: str = "") -> Iterator[str]:
    """Yield the paths of all objects and leaves of a spec, without list places."""
    if isinstance(spec, dict):
        for name, value in spec.items():
            yield f"{above}{name}"
            yield from given_fields(value, f"{above}{name}.")
    elif isinstance(spec, list):
        for item in spec:
            yield from given_fields(item, above)
