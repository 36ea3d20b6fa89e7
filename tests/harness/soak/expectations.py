"""What has to be so at a moment of an undisturbed history, before the world comes to rest."""

import asyncio
from typing import TYPE_CHECKING

from agentrun_operator.core.identity import ObjectKey
from soak.conditions import condition, ready_of
from soak.slots import SLOTS

if TYPE_CHECKING:
    from soak.simulation import Simulation

_THEIRS = "mine"
"""The description that `actions.Actions.squat` gives to a stranger's resource."""

_SHOWN = ("atProvider", "drift")
"""Fields of a status that tell of the resource itself."""


class Expectations:
    """One method per step name."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._kube = simulation.kube

    def expect_gone(self, kind: str, namespace: str, name: str) -> None:
        """Nothing holds what is to go any more, and whoever waited for that has heard of it."""
        self._is_gone(ObjectKey(kind, namespace, name))

    def expect_slot_gone(self, slot: str) -> None:
        """The same of an object with a resource."""
        self._is_gone(SLOTS[slot].key)

    def _is_gone(self, key: ObjectKey) -> None:
        raw = self._kube.find(key)
        if raw is not None:
            self._simulation.checks.violated("what is free goes", f"{key}: {ready_of(raw)}")

    def expect_ready(self, slot: str) -> None:
        """Who takes the name of what is gone is served at once."""
        raw = self._kube.find(SLOTS[slot].key)
        if raw is None or ready_of(raw)[0] != "True":
            told = None if raw is None else ready_of(raw)
            self._simulation.checks.violated("namesakes are served", f"{slot}: {told}")

    def expect_begun(self, slot: str) -> None:
        """Who waited for a name takes it as soon as it is free, not with its next try."""
        raw = self._kube.find(SLOTS[slot].key)
        if raw is None or not (raw["status"].get("creation") or raw["status"].get("externalId")):
            told = None if raw is None else ready_of(raw)
            self._simulation.checks.violated("namesakes are served", f"{slot}: {told}")

    def expect_rest(self, slot: str, seconds: float) -> None:
        """Nothing looks at an object any more whose end is known."""
        key, checks = SLOTS[slot].key, self._simulation.checks
        before = checks.passes[key]

        def compare() -> None:
            if checks.passes[key] != before:
                checks.violated("what ended rests", f"{key} was served again")

        asyncio.get_running_loop().call_later(seconds, compare)

    def expect_map(self, namespace: str, config_map: str) -> None:
        """An address stays published as long as nobody else publishes there."""
        if self._kube.find(ObjectKey("ConfigMap", namespace, config_map)) is None:
            self._simulation.checks.violated("addresses stay", f"{config_map} is gone")

    def expect_kept(self, slot: str) -> None:
        """Who adopts clears nothing that it did not apply."""
        record = self._simulation.actions.record(SLOTS[slot])
        found = None if record is None else record.data.get("description")
        if found != _THEIRS:
            self._simulation.checks.violated(
                "nothing unasked", f"{slot}: the description is {found!r} instead of {_THEIRS!r}"
            )

    def expect_hidden(self, slot: str) -> None:
        """Nobody is shown what took the place of a resource, unless it may observe that."""
        raw = self._kube.find(SLOTS[slot].key)
        shown = [] if raw is None else [n for n in _SHOWN if raw["status"].get(n)]
        if raw is None or shown or ready_of(raw)[1] != "NotGranted":
            told = None if raw is None else ready_of(raw)
            self._simulation.checks.violated("own or granted", f"{slot}: {told}, shows {shown}")

    def expect_unsaid(self, slot: str, reason: str) -> None:
        """An object never gave a reason that tells of what it does not do."""
        for status in self._kube.statuses(SLOTS[slot].key):
            if condition(status, "Ready").get("reason") == reason:
                self._simulation.checks.violated("observe only reads", f"{slot} said {reason}")
                return
