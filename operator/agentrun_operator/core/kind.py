"""What a kind may declare. The engine, the API client and the CRD generator read nothing else."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from agentrun_operator.core.fields import Document, GrantName, ObservedModel, Ref, SpecModel
from agentrun_operator.core.resolution import Resolution


class KeyedBy(Enum):
    """What stands in the path of one resource."""

    NAME = "name"
    """The external name; the API refuses a second one."""
    ID = "id"
    """An id that the API chooses on create."""
    CHOSEN_ID = "chosen-id"
    """An id that we choose and send on create, derived from (uid, incarnation)."""


class Paging(Enum):
    """How a collection is paged."""

    PAGES = "pages"
    """`pageNumber` and `pageSize`; a page shorter than asked is the last."""
    TOKENS = "tokens"
    """`maxResults` and `nextToken`; a missing token ends the list."""


class Phase(Enum):
    """The API's lifecycle word, translated."""

    READY = "ready"
    PROGRESSING = "progressing"
    DELETING = "deleting"
    CREATE_FAILED = "create-failed"
    UPDATE_FAILED = "update-failed"
    DELETE_FAILED = "delete-failed"
    IDLE = "idle"
    """Usable, put to sleep on request (a paused sandbox)."""
    ENDED = "ended"
    """Over for good, and meant to be (a terminated sandbox)."""
    UNKNOWN = "unknown"
    """A word we do not know: keep polling."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A call on one resource that brings it to a state, for kinds without an update operation."""

    state: str
    """The API's state word once the verb has taken effect."""
    action: str
    """Operation name, e.g. `PauseSandbox`."""
    method: str
    """HTTP method."""
    suffix: str
    """Path below the resource, e.g. `pause`."""


@dataclass(frozen=True, slots=True, eq=False)
class Rest:
    """Where a kind lives in the API, and what its collection tells.

    Source: control-plane reference, §6 (operations) and §8.0 (all kinds).
    """

    collection: str
    """Path without the version prefix; `{parent}` stands for the parent's id."""
    noun: str
    """Singular in operation names: `Create{noun}`, `Get{noun}`, `Update{noun}`, `Delete{noun}`."""
    nouns: str
    """Plural in operation names: `List{nouns}`."""
    key: KeyedBy
    id_field: str
    name_field: str | None
    """The field with the human name; None where there is none (Sandbox)."""
    name_filter: Mapping[str, str] | None = None
    """Query that finds one name in the collection, `{name}` filled in; None: read by key only."""
    parent: str | None = None
    """JSON name of the spec field whose reference names the parent (`runtimeRef`)."""
    parent_param: str | None = None
    """Field of an item that repeats the parent's id."""
    items: str = "items"
    """The field of a LIST answer that holds the array."""
    paging: Paging = Paging.PAGES
    partitions: Mapping[str, str] = field(default_factory=dict)
    """Required LIST query parameter → JSON name of the spec field whose values partition it."""
    list_omits: frozenset[str] = frozenset()
    """Fields of a GET that a LIST item lacks."""
    live_filters: tuple[Mapping[str, str], ...] = ()
    """Queries that together find what has not ended, where what has ended stays listed."""
    change_token: str | None = "lastUpdatedAt"
    """Field that moves with every change."""
    created_field: str | None = "createdAt"
    reuses_ids: bool = False
    """True where a resource that is made anew has the id of the one before: `created_field` alone
    tells the two apart, and is part of `status.externalId`."""
    ended_field: str | None = "endedAt"
    """Field with the time of its end, of what ends by itself."""
    updatable: bool = True
    """False where the API has no update operation."""
    tags_field: str | None = None
    """Field of free tags that may carry our ownership mark."""
    state_field: str | None = "status"
    """Field with the lifecycle word; None for synchronous kinds: present means ready."""
    state_reason_field: str | None = "statusReason"
    always_send: tuple[str, ...] = ()
    """Fields that every update must repeat."""
    verbs: Mapping[str, Verb] = field(default_factory=dict)
    """Value of `spec.desiredState` → the verb that brings it about."""
    versions: "Rest | None" = None
    """Collection of the numbered versions below a resource, each as the resource was at the time.
    Its ids are the numbers; what was published stays as it is for as long as the resource is
    there."""
    creates_by: str | None = None
    """Name of the operation that creates; None: `Create{noun}`."""

    @property
    def create_operation(self) -> str:
        """Name of the operation that creates."""
        return self.creates_by or f"Create{self.noun}"

    @property
    def external_id_fields(self) -> tuple[str, ...]:
        """Fields of a resource that together are one resource's alone."""
        if self.reuses_ids and self.created_field is not None:
            return self.id_field, self.created_field
        return (self.id_field,)

    def external_id_of(self, resource: Mapping[str, Any]) -> str:
        """Return what `status.externalId` records of a resource: `<id>` or `<id>@<time>`.

        Empty where an answer leaves a part out: it may be about any resource.
        """
        parts = [str(resource.get(name) or "") for name in self.external_id_fields]
        return "@".join(parts) if all(parts) else ""


@dataclass(frozen=True, slots=True)
class Derived:
    """A wire field computed from several spec fields, which are marked `Local` themselves."""

    api: str
    """Top-level field of the request."""
    path: str
    """Spec path shown to people when it drifts, e.g. `env`."""
    encode: "Callable[[Any, Resolution], Any]"
    """Pure: (spec, resolution) → wire value, or None for "not set"."""
    secret: bool = False
    """Values are shown as `(differs)` only."""
    plain: tuple[str, ...] = ()
    """Of a secret one: spec paths behind it whose secrets are all references; no text is one."""
    exact: bool = False
    """A map compared key for key: a key we did not send is drift."""
    is_value: bool = False
    """One plain value instead of a document, whose parts may be secret: it is shown as it is."""
    document: Document | None = None
    """How parts of it compare, where it is neither exact nor one plain value."""
    immutable: bool = False
    write_only: bool = False
    clear: Any = None
    """Value that clears it once every spec field behind it is gone; None: cannot be cleared."""
    create_default: Callable[[Any], Mapping[str, Any]] | None = None
    """Pure: spec → what of the document a create adds where the spec says nothing of it. What left
    the spec goes back to it."""
    account_default: str | None = None
    """Path in `spec.defaults` of an account, of what a create sends where the spec says nothing. It
    is no part of the desired state, and is compared with nothing: the account may say another one
    by now."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One CEL rule. `message` says what is wrong and what to do."""

    rule: str
    message: str
    field_path: str | None = None
    once_it_exists: bool = False
    """It compares `self` with `oldSelf`, and holds only once the resource exists."""
    one_of: tuple[str, ...] = ()
    """Fields of `spec` of which it requires exactly one, unless the object only observes."""


@dataclass(frozen=True, slots=True)
class Caution:
    """What people should know of a resource although all is well."""

    reason: str
    """Of the event that tells it."""
    message: str


@dataclass(frozen=True, slots=True)
class Column:
    """An extra printer column, shown with `-o wide` unless `wide` is False."""

    name: str
    path: str
    type: str = "string"
    wide: bool = True


@dataclass(frozen=True, slots=True)
class Parent:
    """What a kind lives below."""

    attribute: str
    """Of the spec: the reference to it."""
    kind: str


@dataclass(frozen=True, slots=True, eq=False)
class ResourceKind:
    """One kind, as data."""

    kind: str
    plural: str
    short_names: tuple[str, ...]
    summary: str
    """One sentence for `kubectl explain` and the reference page."""
    spec: type[SpecModel]
    observed: type[ObservedModel]
    """What of a read may be shown in `status.atProvider`; nothing else ever is."""
    rest: Rest | None = None
    """None: a local kind without a cloud resource (Account)."""
    adopts_by_default: bool = True
    """What an unset `adoptionPolicy` means; False where adopting would overwrite a secret."""
    grant: GrantName | None = None
    """In an account that is lent, what a namespace needs to use one that it did not make, also one
    that it adopted, and to adopt one beside `adoption`. None: what any reference and adoption
    need."""
    namespaced: bool = True
    phases: Mapping[str, Phase] = field(default_factory=dict)
    """State words that mean something else here than their spelling says."""
    name_pattern: str = r"^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$"
    """What the API accepts as an external name."""
    has_free_name: bool = True
    """False where a name means something outside AgentRun, as a domain does: no account puts
    anything before it."""
    derived: tuple[Derived, ...] = ()
    rules: tuple[Rule, ...] = ()
    """Cross-field CEL rules on `spec`, beside those that the field types bring."""
    columns: tuple[Column, ...] = ()
    cautions: tuple[Callable[[Any, Resolution], Caution | None], ...] = ()
    """Pure: spec and what it refers to → what people should know although all is well."""
    serves: Callable[[Mapping[str, Any]], str] | None = None
    """Pure: a read → which versions of something answer there, for `status.serves`."""
    connection: Mapping[str, str] = field(default_factory=dict)
    """Key in a connection ConfigMap → API field with an address (never a secret)."""
    parent: Parent | None = field(init=False)
    """Found by `rest.parent` when the kind is declared."""

    def __post_init__(self) -> None:
        """Find the parent.

        Raises:
            TypeError: `rest.parent` names no reference of the spec.
        """
        name = self.rest.parent if self.rest is not None else None
        object.__setattr__(self, "parent", _parent_of(self.spec, name) if name else None)

    @property
    def takes_prefix(self) -> bool:
        """Whether an account may put something before a name: one that is alone in the account.

        What lives below a parent shares no names with what lives below another one.
        """
        rest = self.rest
        return self.has_free_name and rest is not None and bool(rest.name_field) and not rest.parent

    @property
    def is_local(self) -> bool:
        """Whether the kind has no cloud resource."""
        return self.rest is None

    def phase_of(self, resource: Mapping[str, Any]) -> Phase:
        """Translate the lifecycle word of a read.

        Source: control-plane reference, §5.1 (also how unknown words are read).
        """
        rest = self.rest
        if rest is None or rest.state_field is None:
            return Phase.READY
        word = str(resource.get(rest.state_field) or "")
        return self.phases.get(word) or _spelled(word)

    def is_end(self, desired_state: str) -> bool:
        """Whether what `spec.desiredState` asks for is the end of the resource."""
        verb = self.rest.verbs.get(desired_state) if self.rest is not None else None
        return verb is not None and self.phases.get(verb.state) is Phase.ENDED

    def word_of(self, resource: Mapping[str, Any]) -> str:
        """Return the lifecycle word of a read, if it is one: anything might stand in its place."""
        rest = self.rest
        word = str(resource.get(rest.state_field or "") or "") if rest is not None else ""
        if not word:
            return "no state"
        is_known = word in self.phases or _spelled(word) is not Phase.UNKNOWN
        return word if is_known and _WORD.fullmatch(word) else "an unknown state"


def _parent_of(spec: type[SpecModel], name: str) -> Parent:
    for attribute, info in spec.model_fields.items():
        ref = next((m for m in info.metadata if isinstance(m, Ref)), None)
        if (info.alias or attribute) == name and ref is not None:
            return Parent(attribute, ref.kind)
    raise TypeError(f"{spec.__name__} declares no reference {name}")


_WORD = re.compile(r"[A-Z][A-Za-z]{1,20}(?:_[A-Z]{1,20}){0,3}")


def _spelled(word: str) -> Phase:
    known = {
        "READY": Phase.READY,
        "DELETING": Phase.DELETING,
        "UPDATE_FAILED": Phase.UPDATE_FAILED,
        "DELETE_FAILED": Phase.DELETE_FAILED,
    }
    if word in known:
        return known[word]
    if word.endswith("FAILED") or word == "ERROR":
        return Phase.CREATE_FAILED
    return Phase.PROGRESSING if word.endswith("ING") else Phase.UNKNOWN
