"""The examples of each kind in `tests/kinds`, read here alone; a kind without a file fails.

What their references lead to is the same everywhere: an object of AgentRun has the name of our
object, and the Secrets `keys`, `pull` and `tls` and the ConfigMap `settings` hold what stands
below.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from agentrun_operator.core.create import created_body
from agentrun_operator.core.dependencies import dependencies
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.wire import encode
from agentrun_operator.kinds import catalogue

FOLDER = Path(__file__).resolve().parents[1] / "kinds"
Json = dict[str, Any]


class AnyName(dict[tuple[str, str], str]):
    """Every object exists, and has its own name in AgentRun."""

    def __missing__(self, key: tuple[str, str]) -> str:
        return key[1]


SECRETS: Mapping[str, Mapping[str, str]] = {
    "keys": {"api": "k-1", "arms": "k-2"},
    "pull": {
        ".dockerconfigjson": '{"auths": {"r.example.com": {"username": "u", "password": "p"}}}'
    },
    "tls": {"tls.crt": "c-1", "tls.key": "k-3"},
}
INBOUND = "in"
"""Name of a Credential that callers present."""
OUTBOUND_TOOL = "out"
"""Name of a Credential that a tool presents."""
CONFIG_MAPS: Mapping[str, Mapping[str, str]] = {"settings": {"LEVEL": "info"}}
RESOLUTION = Resolution(
    references=AnyName(), external_names=AnyName(), secrets=SECRETS, config_maps=CONFIG_MAPS
)


class _Entry(BaseModel):
    """A part of a file; what the loader does not know is a mistake in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Example(_Entry):
    """A spec, and the body of the create that it makes."""

    spec: Json
    body: Json = {}
    """Empty for a kind without a cloud resource."""


class _Variation(_Entry):
    """The minimal spec, changed at dotted paths below `spec`."""

    because: str
    """What is peculiar, for test reports."""
    set: Json = {}
    """Path → value; `${n}` stands for a text of n characters."""
    unset: tuple[str, ...] = ()

    def spec(self, minimal: Json) -> Json:
        """Return the minimal spec with the changes."""
        changed = copy.deepcopy(minimal)
        for path in self.unset:
            drop(changed, path)
        for path, value in self.set.items():
            length = re.fullmatch(r"\$\{(\d+)\}", value) if isinstance(value, str) else None
            put(changed, path, "x" * int(length[1]) if length else value)
        return changed


class Accepted(_Variation):
    """A spelling that can only mean one thing."""

    sends: Json = {}
    """Wire field → value that is sent for it."""


class Mistake(_Variation):
    """What somebody gets wrong, and what the refusal must tell."""

    expect: tuple[str, ...]
    """Parts of the message: the field, and what to do."""
    name: str = "spoilt"
    """`metadata.name`."""
    without_spec: bool = False


class Filling(_Entry):
    """One way to set every field of the spec: what is left out because something excludes it."""

    without: frozenset[str]
    """Paths of spec fields, without list places."""
    focus: frozenset[str] = frozenset()
    """Top-level wire fields that make it different from the one before it; empty: all."""


class Drift(_Entry):
    """How the drift matrix fills a spec, and what it cannot see."""

    variants: Mapping[str, Filling] = {"": Filling(without=frozenset())}
    """Ways to fill it that together reach every field, by a name for test reports."""
    given: Json = {}
    """Top-level spec fields whose value has to lead somewhere."""
    unseen: Mapping[str, str] = {}
    """Spec path without a value in the cloud to differ from → why."""
    shared: Mapping[str, str] = {}
    """Wire path of a map to which the API may add keys of its own → why."""
    computed: Mapping[str, tuple[str, ...]] = {}
    """Path that a drift names → the spec fields that it is computed from."""


class Examples(_Entry):
    """What the tests know of one kind beside its declaration."""

    family: str = ""
    """What the simulator calls it; empty for a kind without a cloud resource."""
    minimal: Example
    """What a create has to say, and no more."""
    full: Example | None = None
    """Every structure of the spec at least once; required of a kind with a cloud resource."""
    others: Mapping[str, Example] = {}
    """What excludes something in `full`, by a name for test reports."""
    refers_to: Mapping[str, str]
    """Path in `full`, else in `minimal` → `<kind>/<name>` of the object that is named there."""

    fixed: Mapping[str, str] = {}
    """Top-level wire field that an update takes and that is `Immutable` all the same → why."""
    secrets: frozenset[str] = frozenset()
    """Wire paths whose values never show, as the control-plane reference names them."""
    verbatim: frozenset[str] = frozenset()
    """Wire paths below which a value of a Secret is free text, and keeps the line break at its
    end; a key or a password goes without."""
    defaults: Mapping[str, Any] = {}
    """Path → schema default. Frozen for the life of v1alpha1: another one rewrites existing objects
    on read, and restarts a fleet."""
    drift: Drift = Drift()
    accepted: tuple[Accepted, ...] = ()
    """Spellings that the API server takes, and what is sent for them."""
    malformed: tuple[Mistake, ...]
    """Specs that the API server refuses."""

    @property
    def fullest(self) -> Json:
        """The spec that says most."""
        return (self.full or self.minimal).spec

    def all(self) -> Iterator[tuple[str, Example]]:
        """Yield (name, example)."""
        yield "minimal", self.minimal
        if self.full is not None:
            yield "full", self.full
        yield from self.others.items()


@cache
def examples() -> Mapping[str, Examples]:
    """Return the examples of each kind, by its name."""
    return {
        name: Examples.model_validate(yaml.safe_load((FOLDER / f"{file}.yaml").read_text()))
        for name, file in _files().items()
    }


def _files() -> dict[str, str]:
    """Return the name of each kind → the name of its module, which its file shares."""
    return {kind.kind: _module_of(kind) for kind in catalogue().values()}


def _module_of(kind: ResourceKind) -> str:
    return kind.spec.__module__.rpartition(".")[2]


def put(spec: Json, path: str, value: Any) -> None:
    """Set a dotted path, making the objects that lead to it."""
    *above, last = path.split(".")
    for step in above:
        spec = spec.setdefault(step, {})
    spec[last] = value


def drop(spec: Json, path: str) -> None:
    """Remove a dotted path, if it is there."""
    *above, last = path.split(".")
    for step in above:
        spec = spec.get(step, {})
    spec.pop(last, None)


CLOUD_KINDS: tuple[str, ...] = tuple(n for n, k in catalogue().items() if not k.is_local)
MINIMAL: Mapping[str, Json] = {name: each.minimal.spec for name, each in examples().items()}
"""The minimal spec of each kind."""
FULL: Mapping[str, Json] = {name: examples()[name].fullest for name in CLOUD_KINDS}
"""The full spec of each kind with a cloud resource."""


def body_of(kind: str, spec: Json, resolution: Resolution = RESOLUTION) -> Json:
    """Return the body of a create."""
    declared = catalogue()[kind]
    parsed = declared.spec.model_validate(spec)
    return created_body(declared, parsed, encode(declared, parsed, resolution))


def used_first() -> tuple[str, ...]:
    """Return the kinds with a cloud resource, those first whose full spec needs the least."""

    def depth(kind: str) -> int:
        needs = {need.kind for need in dependencies(catalogue()[kind], FULL[kind])} & {*FULL}
        return 1 + max(map(depth, needs - {kind}), default=0)

    return tuple(sorted(CLOUD_KINDS, key=depth))


def referring(kind: str, spec: Json, names: Mapping[str, str]) -> Json:
    """Return a spec that refers to other names: those given, by the kind of the target."""
    changed = copy.deepcopy(spec)
    while wrong := [
        need
        for need in dependencies(catalogue()[kind], changed)
        if names.get(need.kind, need.name) != need.name
    ]:
        node: Any = changed
        for step in re.findall(r"\w+", wrong[0].path):
            node = node[int(step) if step.isdigit() else step]
        node["name"] = names[wrong[0].kind]
    return changed
