"""What the user asks for under Report and Ignore: the edits since the spec was last acted on.

Whatever wakes a pass (recovered keys, a restart, an edit of something else), nothing but an edit is
sent. What was acted on is known by digests: in memory of the values, in `status.actedOn` of what
leads to them. Where neither knows anything, nothing counts as edited.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from agentrun_operator.core.drift import Drift, find_drift
from agentrun_operator.core.ignored import Paths, is_within
from agentrun_operator.core.leaves import digest_of, is_touched, leaves
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.paths import read_path
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.snapshot import Existence, Observation
from agentrun_operator.core.wire import encode, field_rules
from agentrun_operator.core.write_only import plain_part, write_only_part, write_only_paths
from agentrun_operator.reconcile.context import STATE_PATH, Context, Planned
from agentrun_operator.reconcile.decide import FAILED
from agentrun_operator.reconcile.ports import Json
from agentrun_operator.reconcile.to_send import Edits

T = TypeVar("T")
_LIMITED = ("Report", "Ignore")


def compare(ctx: Planned, digest: Callable[[Any], bytes]) -> Edits | None:
    """Return what of the spec was edited since it was last acted on; None: it is not limited."""
    spec, resolution = ctx.plan.spec, ctx.plan.resolution
    is_limited = spec is not None and spec.drift_policy in _LIMITED and not ctx.obj.observes_only
    if not is_limited or spec is None or resolution is None:
        ctx.memory.acted.values = None
        return None
    # How an account has values spelled is edited there, and is no edit of what the spec says.
    unspelled = replace(resolution, compatibility={})
    desired = encode(ctx.kind, spec, unspelled) if resolution.compatibility else ctx.target.desired
    values = {path: digest(value) for path, value in _values(ctx, desired)}
    by_version = encode(ctx.kind, spec, unspelled.by_version())
    acted_on = {
        "generation": ctx.obj.generation,
        "inputs": inputs_of(resolution),
        "values": {path: digest_of(value) for path, value in _values(ctx, by_version)},
    }
    before = ctx.memory.acted.values
    if before is None:
        edited = _edited_since(ctx.obj, acted_on)
        before = {p: value for p, value in values.items() if p not in edited}
        # What went has no value any more; any digest tells that it was there.
        before |= dict.fromkeys(edited - values.keys(), b"")
        ctx.memory.acted.values = before
    return Edits(paths=_differing(before, values), values=values, acted_on=acted_on)


def _values(ctx: Planned, body: Json) -> Iterable[tuple[str, Any]]:
    yield from ((leaf.public_path, leaf.value) for leaf in leaves(ctx.kind, body))
    if ctx.target.desired_state is not None:
        yield STATE_PATH, ctx.target.desired_state


def inputs_of(resolution: Resolution) -> str:
    """Return a digest of the versions of all that a spec refers to."""
    return digest_of(
        [
            sorted(resolution.versions.items()),
            sorted((name, dict(data)) for name, data in resolution.config_maps.items()),
            sorted((*key, name) for key, name in resolution.references.items()),
            # Left out where there is none, as an older version wrote it.
            *([sorted(newest)] if (newest := resolution.newest_versions.items()) else []),
            # An older version wrote False for none.
            dict(resolution.compatibility) or False,
        ]
    )


def _edited_since(obj: KubeObject, now: Json) -> frozenset[str]:
    """Return what was edited since a process before us acted."""
    before = obj.status.get("actedOn")
    if not before or obj.is_heir:
        return frozenset()
    if all(before.get(name) == now[name] for name in ("generation", "inputs")):
        # Nobody edited anything. Another version of ours may write values in another way.
        return frozenset()
    return _differing(before.get("values") or {}, now["values"])


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(p for p in {*before, *now} if before.get(p) != now.get(p))


def note_acted(ctx: Context) -> None:
    """Record that the spec was acted on to an end: from now on nothing of it counts as edited."""
    edits = ctx.edits
    ctx.changes["actedOn"] = None if edits is None else edits.acted_on
    ctx.memory.acted.unconfirmed = frozenset()
    if edits is not None:
        ctx.edits = replace(edits, paths=frozenset())
        ctx.memory.acted.values = edits.values


def note_sent(ctx: Context) -> None:
    """Record that the edits went out: those that no read can confirm are sent once."""
    edits = ctx.edits
    if edits is None:
        return
    unseen = write_only_paths(ctx.kind)
    sent = frozenset(edit for edit in edits.paths if is_within(unseen, edit))
    underway = edits.paths - sent
    if underway:
        # They count as edits until a look finds them in place, whatever the spec says meanwhile: an
        # edit that takes them back would be none otherwise, and never be sent.
        _note(ctx, underway, dict.fromkeys(underway, b""), dict.fromkeys(underway, ""))
    if sent:
        ctx.edits = replace(edits, paths=edits.paths - sent)
        ctx.memory.acted.unconfirmed |= sent
        _note(ctx, sent, edits.values, edits.acted_on["values"])


def _note(
    ctx: Context, paths: Paths, values: Mapping[str, bytes], public: Mapping[str, str]
) -> None:
    if ctx.memory.acted.values is not None:
        ctx.memory.acted.values = _with(ctx.memory.acted.values, values, paths)
    if before := ctx.changes.get("actedOn") or ctx.obj.status.get("actedOn"):
        ctx.changes["actedOn"] = {
            **before,
            "values": _with(before.get("values") or {}, public, paths),
        }


def _with(before: Mapping[str, T], now: Mapping[str, T], paths: Paths) -> dict[str, T]:
    kept = {path: value for path, value in before.items() if path not in paths}
    return kept | {path: value for path, value in now.items() if path in paths}


# ------------------------------------------------ what is sent


def unedited_paths(ctx: Planned) -> Paths:
    """Return the spec paths that an update carries as they stand in the cloud, if at all."""
    edits = ctx.edits
    if edits is None:
        return frozenset()
    found = leaves(ctx.kind, ctx.target.desired, ctx.observation.resource)
    return frozenset(
        leaf.path
        for leaf in found
        if not (leaf.write_only or is_touched(edits.paths, leaf.public_path))
    )


def tops_to_repeat(ctx: Planned, edits: Edits) -> frozenset[str]:
    """Return the top-level wire fields that an update carries after one that failed."""
    desired, again = ctx.target.desired, edits.paths | ctx.memory.acted.unconfirmed
    found = frozenset(
        rule.api
        for rule in field_rules(ctx.kind)
        if rule.api in desired
        and any(
            leaf.public_path in again for leaf in leaves(ctx.kind, {rule.api: desired[rule.api]})
        )
    )
    return found if again else _top_as_it_stands(ctx)


def _top_as_it_stands(ctx: Planned) -> frozenset[str]:
    """Return one field to repeat a failed update with, of which nobody knows what it carried.

    It goes along as it stands in the cloud, which tries again and changes nothing else.
    """
    desired, seen = ctx.target.desired, ctx.observation.resource
    for rule in field_rules(ctx.kind):
        part = {rule.api: desired.get(rule.api)}
        is_readable = plain_part(ctx.kind, part) == part and not write_only_part(ctx.kind, part)
        is_there = part[rule.api] is not None and read_path(seen, rule.reads)[0] is not None
        is_ours = not rule.immutable and not is_within(ctx.target.ignored, rule.path)
        if is_readable and is_there and is_ours:
            return frozenset({rule.api})
    return frozenset()


def due(ctx: Planned, edits: Edits) -> Observation:
    """Return a look with nothing in it but the differences that edits make."""
    looked = ctx.observation
    if looked.existence is not Existence.PRESENT:
        return looked
    partial = not looked.confirmed
    target = replace(ctx.target, ignored=ctx.target.ignored | unedited_paths(ctx))
    desired = target.respecting(looked.resource, partial=partial)
    edited = replace(
        looked,
        drift=find_drift(ctx.kind, desired, looked.resource, partial=partial),
        removed=tuple(d for d in looked.removed if is_touched(edits.paths, d.path)),
        state_differs=looked.state_differs and STATE_PATH in edits.paths,
    )
    return ctx.unsent.beside(edited, ctx.kind)


def is_due(ctx: Planned, edits: Edits, *, waits: bool, is_asked: bool) -> bool:
    """Whether an edit is to be sent.

    Args:
        ctx: The pass.
        edits: What was edited.
        waits: Whether the spec, what it refers to, or a request token was not acted on yet.
        is_asked: Whether it is a new request token that waits.
    """
    looked = ctx.observation
    if looked.existence is not Existence.PRESENT or not looked.confirmed:
        return waits or bool(edits.paths)
    if looked.phase in FAILED:
        return waits and (is_asked or bool(edits.paths | ctx.memory.acted.unconfirmed))
    if not (waits or ctx.memory.sent.desired is None):
        return False
    return due(ctx, edits).differs


def in_place(ctx: Context, paths: Iterable[str]) -> Iterable[str]:
    """Return which of the applied paths an update has put there, or a look found there."""
    edits = ctx.edits
    if edits is None:
        return paths
    before = frozenset(ctx.obj.status.get("applied") or ())
    differing = frozenset(d.path for d in ctx.observation.drift)
    return [
        p for p in paths if p in before or is_touched(edits.paths, p) or not is_within(differing, p)
    ]


def left_over(ctx: Planned, sent: Iterable[Drift]) -> tuple[Drift, ...]:
    """Return what still differs after an update that was to change some of it."""
    if ctx.edits is None:
        return ()
    paths = {d.path for d in sent}
    return tuple(d for d in ctx.differences if d.path not in paths)
