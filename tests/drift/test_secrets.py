"""Values planted in every Secret and every field that may hold one, searched for wherever we speak.

Beside the parts of the product, what a debugger or a core dump would print: exceptions with their
causes, and the reprs of what a pass works with.
"""

import io
from dataclasses import replace
from typing import Any

import pytest

from agentrun_operator.reconcile import asked, facts, observe, unsent
from agentrun_operator.reconcile.context import is_planned
from agentrun_simulator.faults import Fault
from drift.filled import CANARY, KEYS, SECRET, VARIANTS, Variant
from drift.stage import Stage, altered
from drift.watched import WatchedLab, leaks
from fakes.lab import Lab

each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.title)


async def _troubled_life(stage: Stage) -> None:
    """Everything that makes us talk: drift, refusals, failures, wrong and missing Secrets."""
    lab = stage.lab
    for policy in ("Report", "Correct"):
        lab.edit(stage.key, driftPolicy=policy)
        await stage.settle(20)
        for leaf in stage.leaves():
            if not isinstance(leaf.value, dict | list) and not leaf.immutable:
                stage.put(leaf, altered(leaf.value))
        await stage.settle(130)
    for effect in ("error", "html", "drop-after", "update-failed"):
        fault = {"action": "Update.*|Get.*", "effect": effect, "status": 500}
        lab.simulator.inject(Fault.model_validate(fault))
        lab.cluster.put_secret(SECRET, {**KEYS, "token": f"{CANARY}-{effect}"})
        await stage.settle(130)
    lab.simulator.clear_faults()
    lab.cluster.put_secret(SECRET, {"other": f"{CANARY}-other"})
    await stage.settle(20)
    lab.cluster.put_secret(SECRET, {**KEYS, ".dockerconfigjson": f"{{{CANARY}"})
    await stage.settle(20)
    lab.cluster.put_secret("default-keys", {"accessKeyId": "no", "accessKeySecret": f"{CANARY}-k"})
    await stage.settle(130)
    lab.cluster.delete_secret(SECRET)
    await stage.settle(20)


@each_variant
async def test_no_secret_is_ever_spoken(variant: Variant, log: io.StringIO) -> None:
    lab = WatchedLab()
    stage = await Stage.ready(variant, lab=lab)
    await _troubled_life(stage)
    lab.cluster.delete(stage.key)
    await lab.elapse(130)
    assert leaks(("log", log.getvalue()), *lab.spoken().items()) == []
    assert "cloud write" in log.getvalue()
    assert lab.witness.seen


@each_variant
async def test_no_secret_is_in_the_repr_of_what_a_pass_works_with(variant: Variant) -> None:
    lab = Lab()
    stage = await Stage.ready(variant, lab=lab)
    spec = lab.get(stage.key).spec
    for n in range(lab.settings.polling.few + 1):
        lab.cluster.apply(variant.kind, f"more-{n}", spec)
    await lab.elapse(90)
    reconciler = lab.engine._reconciler
    ctx = reconciler._begin(lab.get(stage.key), fresh=True)
    ctx.plan = await reconciler._preparation.prepare(ctx)
    assert is_planned(ctx)
    ctx.edits = asked.compare(ctx, lab.world.memory.digest)
    ctx.unsent = unsent.compare(ctx)
    ctx.observation = await observe.look(ctx.binding.api, ctx.target)
    parts: dict[str, Any] = {
        "snapshot": facts.snapshot(ctx),
        "observation": ctx.observation,
        "resolution": ctx.plan.resolution,
        "binding": ctx.binding,
        "memory": ctx.memory,
        "listings": list(lab.world.listings._lists.newest.values()),
        "connections": lab.cloud.connected,
        "accounts": lab.world.clients._clients,
        "secret": await lab.cluster.secret("team-a", SECRET),
    }
    said = [(name, repr(part)) for name, part in parts.items()]
    # The spec is the user's own; a free-form document in it is shown to whoever may read it there.
    obj = replace(ctx.obj, spec={})
    target = replace(ctx.target, obj=obj)
    bare = replace(ctx, obj=obj, plan=replace(ctx.plan, spec=None, target=target))
    assert leaks(*said, ("target", repr(target)), ("context", repr(bare))) == []
    assert lab.cloud.connected
