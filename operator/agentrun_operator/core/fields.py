"""Field markers and field types: what a spec attribute means to CRD, wire and drift alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from agentrun_operator.core.quantities import (
    cores_as_text,
    cpu_cores,
    cpu_text,
    memory_mib,
    mib_as_text,
)

GrantName = Literal[
    "externalReferences", "adoption", "force", "observe", "executionRoles", "workspaces"
]
"""What the owner of a shared account may grant; see `core.grants`."""

MAX_NAME = 253
MAX_TEXT = 4096
MAX_LIST = 64


class SpecModel(BaseModel):
    """Base of every part of a spec; JSON names are camelCase, docstrings become descriptions."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


class ObservedModel(SpecModel):
    """Base of what a read may show in `status.atProvider`; every field is optional text or number.

    Field aliases are the API's own names.
    """

    state: str | None = None
    """The API's own lifecycle word."""
    state_reason: str | None = None
    """The API's explanation of that word."""


@dataclass(frozen=True, slots=True)
class Immutable:
    """CEL rule on the parent for all four moves; a difference stalls instead of being updated."""


@dataclass(frozen=True, slots=True)
class WriteOnly:
    """Accepted and never returned: compared with what was last sent, not with a read."""


@dataclass(frozen=True, slots=True)
class ServerDefault:
    """Optional, with a default that the server chooses; unset means any observed value is fine."""

    text: str


@dataclass(frozen=True, slots=True)
class CreateDefault:
    """What a create carries where the spec says nothing; in no schema, never drift, never updated.

    A default of the schema would stand in the spec as if the user had written it, and overwrite
    what an adopted resource has.
    """

    value: Any
    """In the words of the spec."""


@dataclass(frozen=True, slots=True)
class Clear:
    """What to send when a path that we had applied leaves the spec (default: by type)."""

    value: Any


@dataclass(frozen=True, slots=True)
class ClearWith:
    """The object leaves by a field of its own, sent in an update once the whole object left."""

    api: str
    value: Any


@dataclass(frozen=True, slots=True)
class UpdateOnly:
    """How an update is applied rather than what is desired: goes along with updates only."""


@dataclass(frozen=True, slots=True)
class EncodedBy:
    """The wire value is computed; a field beside it in the spec may have a part in it."""

    encode: Callable[[Any, Any], Any]
    """Pure: (object that holds the field, Resolution) → wire value, or None for "not set"."""
    decode: Callable[[Any], Any] | None = None
    """Pure: wire value → spec value, to show it; None shows the wire value."""
    exact: bool = False
    """The wire value is a map compared key for key: a key we did not send is drift."""


@dataclass(frozen=True, slots=True)
class Computed:
    """The object has this field on the wire beside its own, made of those that are `Local`.

    In a list each item has it. Its value is no object. What left the spec is left out.
    """

    api: str
    path: str
    """Spec path below the object, shown to people where it differs."""
    encode: Callable[[Any, Any], Any]
    """Pure: (object, Resolution) → wire value, or None for "not set"."""
    sensitive: bool = False
    write_only: bool = False


@dataclass(frozen=True, slots=True)
class Unordered:
    """The API returns the list in any order; objects are matched by `key`, scalars as a set."""

    key: str | None = None


@dataclass(frozen=True, slots=True)
class ApiName:
    """The field's name in requests and answers; `reads` where the answer's name differs.

    Dots lead into an object that the spec does not have: `proxyConfig.endpoints`. `reads` is then
    relative to that object.
    """

    name: str
    reads: str | None = None


@dataclass(frozen=True, slots=True)
class Inline:
    """The nested object has no object of its own on the wire: its fields stand in the parent's."""


@dataclass(frozen=True, slots=True)
class Local:
    """Never on the wire by itself: a policy of ours, or an ingredient of what is computed."""


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Values below may be secret: drift shows `(differs)` instead of them."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A `Reference` field leads to an object of this kind."""

    kind: str
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """JSON name of a field of the target's spec → the words that fit; unset there fits too."""
    by_name: bool = False
    """The API takes the target's name here, whatever keys it in its own path."""
    below: str = ""
    """JSON name of the reference beside this one that leads to the target's parent."""
    told_by: tuple[str, ...] = ()
    """Wire fields beside it that say what the value means, where several fields share its place."""


NEWEST_VERSION = "Published"
"""Word for the newest version that was published of what a reference names."""


@dataclass(frozen=True, slots=True)
class VersionOf:
    """The text is a version of what a reference of the spec names: a number, or a word.

    A number has to exist. `NEWEST_VERSION` is resolved to one; any other word is the API's own.
    """

    reference: str
    """JSON name of that reference."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """In an account that is lent, only its owner hands the value out, by this grant."""

    grant: GrantName
    told_by: tuple[str, ...] = ()
    """As with `Ref`."""


@dataclass(frozen=True, slots=True)
class Names:
    """The object's `name` is that of an object of one of these kinds; for tools that rename."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """The name of a container image; for tools that replace it."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A Kubernetes quantity that the API takes as a number of cores, or of MB (1 MB = 1 Mi)."""

    unit: Literal["cpu", "memory"]
    """Its range is `quantities.CPU_RANGE` or `MEMORY_RANGE`, which admission alone asks for."""

    def encode(self, value: str) -> float | int:
        """Return cores as a float, or memory in whole MiB."""
        return cpu_cores(value) if self.unit == "cpu" else memory_mib(value)

    def decode(self, value: Any) -> Any:
        """Return an amount of the API as people write it; what is no amount as it is."""
        return cores_as_text(value) if self.unit == "cpu" else mib_as_text(value)


@dataclass(frozen=True, slots=True)
class Form:
    """What a text must look like, for admission alone: see `core.forms`."""

    regex: str
    remedy: str
    """What admission says: `must be …`."""
    examples: tuple[str, str]
    """Two that fit and differ."""


@dataclass(frozen=True, slots=True)
class Unquoted:
    """A text that people write as a plain number.

    Admission takes the number where it can only mean one text; else it says to quote it, because
    YAML may have changed the digits (`0123`, `1e3`, more than 15 of them).
    """

    means_text: bool = False


@dataclass(frozen=True, slots=True)
class Bare:
    """A text that is a number or a word of JSON most of the time: written with or without quotes.

    Its node of the schema has no type, so that no rule can see it.
    """


@dataclass(frozen=True, slots=True)
class FreeForm:
    """An object whose fields the API defines per type: preserved as it is, compared by subset."""


@dataclass(frozen=True, slots=True)
class Document:
    """What of a computed document is not compared by subset, by the names of its fields."""

    owned: frozenset[str] = frozenset()
    """Maps that are the user's alone: a key that we did not send is drift."""
    sets: Mapping[str, str] = field(default_factory=dict)
    """Lists of objects whose order says nothing → the field that tells their items apart."""


Text = Annotated[str, Field(max_length=MAX_TEXT)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
ObjectName = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"),
]
"""Name of an object in this cluster."""
BARE_TEXT = r"^[^\s\x00-\x1f\x7f]+$"
"""Neither blanks nor control characters."""
DataKey = Annotated[str, Field(min_length=1, max_length=MAX_NAME, pattern=r"^[-._a-zA-Z0-9]+$")]
"""Key in the data of a Secret or ConfigMap."""
Cpu = Annotated[
    str,
    BeforeValidator(cpu_text),
    Field(pattern=r"^([0-9]+m|[0-9]+(\.[0-9]+)?)$", max_length=16),
    Quantity("cpu"),
]
Memory = Annotated[str, Field(pattern=r"^[0-9]+(Mi|Gi)$", max_length=16), Quantity("memory")]


class Reference(SpecModel):
    """Another AgentRun resource: an object here, or one that exists only in AgentRun."""

    name: ObjectName | None = None
    """Name of our object in the same namespace: lower-case letters, digits, `-` and `.`. It is
    watched. Excludes externalName."""
    external_name: (
        Annotated[Name, Form(BARE_TEXT, "must be a name or id without blanks", ("aaa", "bbb"))]
        | None
    ) = None
    """Name (or id, where the field says so) of a resource that exists only in AgentRun; not
    watched."""


class SecretKeySelector(SpecModel):
    """One key of a Secret in the same namespace."""

    name: ObjectName
    """Name of the Secret: lower-case letters, digits, `-` and `.`, starting and ending with a
    letter or digit."""
    key: DataKey
    """Key in the Secret's data: letters, digits, `-`, `_` and `.`."""


class ConfigMapKeySelector(SpecModel):
    """One key of a ConfigMap in the same namespace."""

    name: ObjectName
    """Name of the ConfigMap: lower-case letters, digits, `-` and `.`, starting and ending with a
    letter or digit."""
    key: DataKey
    """Key in the ConfigMap's data: letters, digits, `-`, `_` and `.`."""


class ValueFrom(SpecModel):
    """Where a value comes from: exactly one of the two."""

    secret_key_ref: SecretKeySelector | None = None
    """A key of a Secret."""
    config_map_key_ref: ConfigMapKeySelector | None = None
    """A key of a ConfigMap; not for secrets."""


class SecretSource(SpecModel):
    """Where a key, a password or the value of a header comes from: one line of text."""

    secret_key_ref: SecretKeySelector
    """A key of a Secret."""


class SecretDocument(SecretSource):
    """Where a secret value comes from that may have several lines, such as a PEM."""


class SecretReference(SpecModel):
    """A whole Secret in the same namespace."""

    name: ObjectName
    """Name of the Secret: lower-case letters, digits, `-` and `.`, starting and ending with a
    letter or digit."""


class ConfigMapReference(SpecModel):
    """A whole ConfigMap in the same namespace."""

    name: ObjectName
    """Name of the ConfigMap: lower-case letters, digits, `-` and `.`, starting and ending with a
    letter or digit."""
