"""One object of a kind with every field set, Ready, and a hand in the cloud behind its back."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentrun_operator.core import redaction
from agentrun_operator.core.dependencies import dependencies
from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import KeyedBy, ResourceKind, Rest
from agentrun_operator.core.shown import HIDDEN, UNSET
from agentrun_operator.core.wire import encode, field_rules, update_extras
from agentrun_operator.core.write_only import texts_in
from agentrun_simulator.requestlog import masked
from drift.filled import CONFIG, CONFIG_DATA, KEYS, SECRET, Variant, spec_of
from fakes.cloud import MAIN
from fakes.examples import MINIMAL, examples
from fakes.lab import Lab

SETTLE_SECONDS = 75.0
"""A poll, and the transition that an update may cause."""
STALL_SECONDS = 400.0
"""After this a stalled object was looked at again."""
MAX_SHOWN = 128
"""Characters of a value in `status.drift`, as the CRD says."""
Step = str | int


@dataclass(frozen=True)
class Leaf:
    """One value on the wire, and what has to be said when it differs."""

    shown: FieldRule
    """The rule whose path a drift names: its own, or that of the list around it."""
    top: str
    """Top-level field that an update has to carry."""
    path: str
    """Where it stands in the spec, without list places."""
    steps: tuple[Step, ...]
    """Where it stands in the stored resource."""
    value: Any
    write_only: bool
    immutable: bool
    choices: tuple[str, ...] = ()
    """The words that the API knows for it."""
    is_key: bool = False
    """It tells the items of a list apart."""
    is_document: bool = False
    """A map or a free-form document, or a part of one: the server may add to the second."""

    @property
    def place(self) -> str:
        """The wire path, for messages."""
        return ".".join(map(str, self.steps))

    @property
    def hidden(self) -> bool:
        """Whether no value of it may be shown."""
        return self.shown.may_hold_secrets


def leaves(
    rules: Sequence[FieldRule], desired: Mapping[str, Any], stored: Mapping[str, Any]
) -> Iterator[Leaf]:
    """Yield every value of a body that a read may show, as declared."""
    for rule in rules:
        if rule.api in desired:
            name = rule.api if rule.api in stored else rule.reads[-1]
            value = desired[rule.api]
            fixed, unseen = rule.immutable, rule.write_only
            root = Leaf(rule, rule.api, rule.path, (name,), value, unseen, fixed)
            yield from _below(rule, root, in_list=False)


def _below(rule: FieldRule, at: Leaf, *, in_list: bool) -> Iterator[Leaf]:
    def child(steps: tuple[Step, ...], below: FieldRule | None, value: Any) -> Leaf:
        own = below if below is not None and not in_list and not rule.is_list else None
        return Leaf(
            shown=own or at.shown,
            top=at.top,
            path=below.path if below else ".".join([at.path, *map(str, steps)]),
            steps=(*at.steps, *steps),
            value=value,
            write_only=at.write_only or bool(below and below.write_only),
            immutable=at.immutable or bool(below and below.immutable),
            choices=below.choices if below else (),
            is_key=_is_key(rule, below, steps),
            is_document=below is None,
        )

    if not rule.children:
        yield at
        if isinstance(at.value, Mapping):
            for steps, value in _document(at.value):
                yield child(steps, None, value)
        return
    items: list[tuple[tuple[Step, ...], Any]] = [((), at.value)]
    if rule.is_list:
        yield at
        items = [((0,), at.value[0])]
    for place, item in items:
        for below in rule.children:
            if below.api in item:
                found = child((*place, below.api), below, item[below.api])
                yield from _below(below, found, in_list=in_list or rule.is_list)


def _is_key(rule: FieldRule, below: FieldRule | None, steps: tuple[Step, ...]) -> bool:
    if below is not None:
        key = rule.unordered.key if rule.unordered else None
        return key in (below.path.rpartition(".")[2], below.api)
    sets = rule.document.sets if rule.document else {}
    return len(steps) > 1 and sets.get(str(steps[0])) == steps[-1]


def _document(node: Any) -> Iterator[tuple[tuple[Step, ...], Any]]:
    places = node.items() if isinstance(node, Mapping) else enumerate(node)
    for step, value in places:
        if isinstance(value, Mapping | list):
            for below, leaf in _document(value):
                yield (step, *below), leaf
        else:
            yield (step,), value


def another(leaf: Leaf) -> Any:
    """Return another value of a leaf that the API would take."""
    others = [word for word in leaf.choices if word != leaf.value]
    is_word = not isinstance(leaf.value, list)
    return others[0] if others and is_word else altered(leaf.value)


def altered(value: Any) -> Any:
    """Return another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value}-altered"
    if isinstance(value, list):
        return value[:-1]
    return {**value, next(iter(value)): "altered"}


def replaced(node: Any, steps: Sequence[Step], value: Any) -> Any:
    """Return a copy of a document with one value replaced, or removed where it is None."""
    if not steps:
        return copy.deepcopy(value)
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        return [replaced(e, rest, value) if n == step else e for n, e in enumerate(node)]
    new = replaced(node.get(step), rest, value)
    others = {name: old for name, old in node.items() if name != step}
    return others if new is None else {**others, step: new}


def values_of(node: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (place, value) of every value of a stored resource."""
    if isinstance(node, Mapping | list):
        items = node.items() if isinstance(node, Mapping) else enumerate(node)
        for step, value in items:
            yield from values_of(value, f"{above}.{step}" if above else str(step))
    else:
        yield above, node


class Stage:
    """One object and its resource."""

    def __init__(self, lab: Lab, key: ObjectKey) -> None:
        self.lab = lab
        self.key = key
        self.kind: ResourceKind = lab.kinds[key.kind]
        assert self.kind.rest is not None
        self.rest: Rest = self.kind.rest
        self.family = examples()[key.kind].family
        self.focus: frozenset[str] = frozenset()
        self.desired: dict[str, Any] = {}
        self.extras: dict[str, Any] = {}

    @classmethod
    async def ready(cls, variant: Variant, *, lab: Lab | None = None, **policies: Any) -> "Stage":
        """Bring an object with every field set to Ready."""
        lab = lab or Lab()
        await prepared(lab, variant.kind)
        key = lab.cluster.apply(variant.kind, "it", {**spec_of(variant), **policies})
        stage = cls(lab, key)
        stage.focus = variant.focus
        await lab.elapse(20)
        assert lab.ready(key) == ("True", "Available"), lab.message(key)
        await stage.resolve()
        return stage

    async def resolve(self) -> None:
        """Work out anew what the object wants."""
        obj = self.lab.get(self.key)
        binding = await self.lab.world.accounts.bind(obj)
        resolution, _ = await self.lab.world.references.resolve(obj, binding)
        spec = self.kind.spec.model_validate(obj.spec)
        self.desired = encode(self.kind, spec, resolution)
        self.extras = update_extras(self.kind, spec, resolution)

    # ------------------------------------------------ the cloud

    @property
    def stored(self) -> dict[str, Any]:
        """What the cloud holds, under the names of requests where it keeps those."""
        simulator = self.lab.simulator
        tenant = simulator._tenant(MAIN.account_id, None)
        return copy.deepcopy(simulator._record(tenant, self.family, self.cloud_key).data)

    @property
    def cloud_key(self) -> str:
        """What stands in the path of the resource."""
        obj = self.lab.get(self.key)
        return (obj.external_id or "") if self.rest.key is not KeyedBy.NAME else obj.external_name

    def leaves(self) -> list[Leaf]:
        """Return every value that was sent, those that another variant covers aside."""
        found = leaves(field_rules(self.kind), self.desired, self.stored)
        return [leaf for leaf in found if not self.focus or leaf.top in self.focus]

    def tamper(self, **changes: Any) -> None:
        """Change stored fields behind everybody's back."""
        self.lab.simulator.edit(self.family, self.cloud_key, changes)

    def restore(self, stored: Mapping[str, Any]) -> None:
        """Bring the resource back to what it was."""
        if self.stored != stored:
            self.tamper(**{**dict.fromkeys(self.stored), **stored})

    def put(self, leaf: Leaf, value: Any) -> None:
        """Replace one stored value; None removes it."""
        top = str(leaf.steps[0])
        self.tamper(**{top: replaced(self.stored.get(top), leaf.steps[1:], value)})

    # ------------------------------------------------ what came of it

    async def settle(self, seconds: float = SETTLE_SECONDS) -> list[dict[str, Any]]:
        """Let time pass; return the requests of that time that were no reads.

        What was corrected before is forgotten: here nobody fights.
        """
        since = self.mark()
        self.lab.world.memory.of(self.key, self.lab.get(self.key).uid).corrected.end()
        await self.lab.elapse(seconds)
        return self.writes(since)

    def mark(self) -> int:
        """Return the position of the newest request."""
        requests = self.lab.simulator.requests()
        return int(requests[-1]["seq"]) if requests else 0

    def writes(self, since: int) -> list[dict[str, Any]]:
        """Return the requests since a position that were no reads."""
        return self.lab.cloud_writes(since)

    def minimal(self, *tops: str) -> Any:
        """Return the body of an update that carries only what it must, as the log shows it."""
        body = {top: self.desired[top] for top in tops}
        body |= {name: self.desired[name] for name in self.rest.always_send}
        return masked(body | self.extras)

    @property
    def drift(self) -> list[dict[str, Any]]:
        """What `status.drift` says."""
        return list(self.lab.get(self.key).status.get("drift") or ())

    @property
    def is_calm(self) -> bool:
        """Whether the object is Ready and no drift is on record."""
        return self.lab.ready(self.key) == ("True", "Available") and not self.drift

    def tells(self, leaf: Leaf, observed: Any) -> str | None:
        """Return what is wrong with the drift on record for a leaf that was changed, or None."""
        found = [d for d in self.drift if d["path"] == leaf.shown.path]
        if len(found) != 1 or len(self.drift) != 1:
            return f"status.drift is {[d['path'] for d in self.drift]}"
        said = found[0]
        if leaf.hidden and (said["desired"], said["observed"]) != (HIDDEN, HIDDEN):
            return "shows a value that may be secret"
        if not leaf.hidden and HIDDEN in (said["desired"], said["observed"]):
            return "hides a value that anybody may see"
        if not leaf.hidden and not self._is_right(said, leaf, observed):
            return f"shows {said}"
        now = self.lab.clock.now().isoformat()
        is_recent = "2026" < said["since"] < now
        return None if is_recent else f"says since {said['since']!r}"

    def _is_right(self, said: Mapping[str, Any], leaf: Leaf, observed: Any) -> bool:
        """Whether both values are there, as the user would write them."""
        both = said["desired"], said["observed"]
        if max(map(len, both)) > MAX_SHOWN or both[0] == both[1]:
            return False
        written: Any = self.lab.get(self.key).spec
        for step in leaf.path.split("."):
            written = written.get(step) if isinstance(written, dict) else None
        if leaf.path != leaf.shown.path or written is None or isinstance(written, dict | list):
            return True
        # What is absent may come back as an empty value.
        empty = (UNSET, "", "0", "0Mi", "false")
        fits = empty if observed is None else (_in_units_of_the_spec(leaf, observed),)
        # The values of all fields are alike here: one beside a secret may be masked for its sake.
        fits = (*fits, *map(self._beside_secrets, fits))
        return both[0] == _text_of(written) and both[1] in fits

    def _beside_secrets(self, text: str) -> str:
        """Return a text in which the values are masked that stand where a secret may."""
        all_of_them = leaves(field_rules(self.kind), self.desired, self.stored)
        kept = [leaf.value for leaf in all_of_them if leaf.hidden or leaf.write_only]
        return redaction.masked([text], [text for each in kept for text in texts_in(each)])[0]


def _text_of(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_units_of_the_spec(leaf: Leaf, value: Any) -> str:
    """Return a plain wire value as `status.drift` has it."""
    if leaf.shown.quantity is not None and leaf.shown.quantity.unit == "memory":
        return f"{int(value)}Mi" if int(value) % 1024 else f"{int(value) // 1024}Gi"
    if leaf.shown.decode is not None:
        value = leaf.shown.decode(value)
    if isinstance(value, float):
        return f"{value:g}"
    words = {wire: word for word, wire in (leaf.shown.words or {}).items()}
    return words.get(value) or _text_of(value)


async def prepared(lab: Lab, kind: str) -> None:
    """Give a lab an account, the planted Secret, and what an object of a kind refers to."""
    if not lab.cluster.keys():
        await lab.ready_account()
    lab.cluster.put_secret(SECRET, KEYS)
    lab.cluster.put_config_map(CONFIG, CONFIG_DATA)
    for need in dependencies(lab.kinds[kind], examples()[kind].drift.given):
        target = lab.cluster.apply(need.kind, need.name, MINIMAL[need.kind])
        await lab.elapse(20)
        rest = lab.kinds[need.kind].rest
        if rest is not None and rest.versions is not None:
            # A spec may name only those that exist.
            await lab.publish_by_hand(target, times=9)
