"""What another description adds, removes and changes, as one page by kind."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agentrun_operator.core.kind import ResourceKind
from apimap.description import Description, Operation
from apimap.facts import Facts, Subject, facts_of
from apimap.mapping import kinds_of_tags, mapped_operations, settable

_ORDER = ("added", "removed", "changed")
_SUBJECTS = ("operation", "query parameter", "request field", "answer field", "region")
_READS = ("Get", "List")
SERVICE = "The service"
"""Heading of what concerns no kind of resource; stands last."""


@dataclass(frozen=True, order=True)
class Change:
    """One difference, wherever it occurs."""

    heading: str
    """Our kind, or the API's word for what has none."""
    place: tuple[int, int, str]
    """Where it stands below the heading: added, removed, changed; then by subject and name."""
    text: str


@dataclass(frozen=True)
class _Comparison:
    """Two descriptions, and what was found to differ: change → operations in which it occurs."""

    ours: Description
    theirs: Description
    kinds: tuple[ResourceKind, ...]
    found: dict[Change, list[str]] = field(default_factory=dict)

    def run(self) -> Mapping[Change, list[str]]:
        """Compare everything; return what differs."""
        names = kinds_of_tags(self.ours, mapped_operations(self.kinds))
        set_by = {kind.kind: _set_by(kind, self.ours) for kind in self.kinds}
        operations = {**self.theirs.operations, **self.ours.operations}
        for action, operation in operations.items():
            heading = names.get(operation.tag, f"{operation.tag} (no kind)")
            self._operation(heading, action, set_by.get(heading, {}))
        for region in self.theirs.regions:
            if region not in self.ours.regions:
                self._add(SERVICE, "added", ("region", region), "")
        for region in self.ours.regions:
            if region not in self.theirs.regions:
                self._add(SERVICE, "removed", ("region", region), "")
        return self.found

    def _operation(self, heading: str, action: str, set_by: Mapping[str, str]) -> None:
        old = _facts(self.ours, self.ours.operations.get(action))
        new = _facts(self.theirs, self.theirs.operations.get(action))
        for subject in {**old, **new}:
            what, name = subject
            if what == "answer field" and not (old and new):
                continue  # comes and goes with its operation, and nobody sets it
            before, after = old.get(subject), new.get(subject)
            note = _here(name, set_by) if what in ("query parameter", "request field") else ""
            where = "" if what == "operation" else action
            if before is None and after is not None:
                self._add(heading, "added", subject, f": {_told(after)}", where)
            elif after is None:
                self._add(heading, "removed", subject, note, where)
            elif before is not None and before != after:
                told = "; ".join(_aspects(before, after))
                self._add(heading, "changed", subject, f": {told}{note}", where)

    def _add(self, heading: str, how: str, subject: Subject, told: str, where: str = "") -> None:
        what, name = subject
        place = (_ORDER.index(how), _SUBJECTS.index(what), name)
        change = Change(heading, place, f"{what} {name}{told}")
        self.found.setdefault(change, []).extend(filter(None, [where]))


def difference(ours: Description, theirs: Description, kinds: Iterable[ResourceKind]) -> str:
    """Return what `theirs` adds, removes and changes; one line alone where that is nothing."""
    cloud = tuple(kind for kind in kinds if kind.rest is not None)
    changes = _Comparison(ours, theirs, cloud).run()
    title = f"{ours.package}: {theirs.version} beside our {ours.version}"
    if not changes:
        return f"{title}: no difference\n"
    return "\n".join([f"{title}: {_counted(changes)}", *_lines(changes)]) + "\n"


def _counted(changes: Iterable[Change]) -> str:
    places = [change.place[0] for change in changes]
    return ", ".join(f"{places.count(index)} {word}" for index, word in enumerate(_ORDER))


def _lines(changes: Mapping[Change, list[str]]) -> Iterator[str]:
    heading, group = "", -1
    for change in sorted(changes, key=lambda each: (each.heading == SERVICE, each)):
        if change.heading != heading:
            heading, group = change.heading, -1
            yield ""
            yield heading
        if change.place[0] != group:
            group = change.place[0]
            yield f"  {_ORDER[group]}"
        yield f"    {change.text}{_where(change, changes[change])}"


def _where(change: Change, operations: list[str]) -> str:
    """Return the operations; of an answer the reads alone, whose data the writes repeat."""
    reads = [name for name in operations if name.startswith(_READS)]
    is_answer = _SUBJECTS[change.place[1]] == "answer field"
    shown = reads if is_answer and reads else operations
    return f" [{', '.join(sorted(shown))}]" if shown else ""


def _facts(description: Description, operation: Operation | None) -> Mapping[Subject, Facts]:
    return facts_of(description, operation) if operation else {}


def _told(facts: Facts) -> str:
    return "; ".join(
        words if aspect in ("type", "call") else f"{aspect}: {words}"
        for aspect, words in facts.items()
    )


def _aspects(before: Facts, after: Facts) -> Iterator[str]:
    for aspect in {**before, **after}:
        old, new = before.get(aspect), after.get(aspect)
        if old != new:
            yield f"{aspect}: {old or 'none'} → {new or 'none'}"


def _set_by(kind: ResourceKind, description: Description) -> Mapping[str, str]:
    fields = settable(kind, description)
    return {path: each.where.replace("`", "") for path, each in fields.items() if each.where}


def _here(path: str, set_by: Mapping[str, str]) -> str:
    """Return what sets a field here; of an object with many fields, what they have in common."""
    around = [where for known, where in set_by.items() if f"{path}.".startswith(f"{known}.")]
    below = [where for known, where in set_by.items() if known.startswith(f"{path}.")]
    if around or len(below) == 1:
        return f" (here: {(around or below)[0]})"
    common = []
    for steps in zip(*(where.split(".") for where in below), strict=False):
        if len(set(steps)) > 1:
            break
        common.append(steps[0])
    return f" (here: {'.'.join(common)}.…)" if common else ""
