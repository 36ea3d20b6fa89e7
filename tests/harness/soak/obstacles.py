"""What only a human, or somebody else, could change: why an object may stay as it is."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agentrun_operator.core.gate import UNSAID
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import Json
from agentrun_simulator.store import Record
from soak.claims import comes_late, is_had_by_another, may_be_known
from soak.cloud import MAIN, OTHER
from soak.conditions import message_of, ready_of
from soak.naming import is_in_doubt, name_of
from soak.slots import SLOT_OF, SLOTS, Slot
from soak.tenancy import reaches_out
from soak.tenants import OTHERS

if TYPE_CHECKING:
    from soak.simulation import Simulation

_FOR_HUMANS = ("AccountChanged", "Contested")
"""Reasons that only a human can end, whatever the world looks like."""
_WAITING = ("DependencyNotReady", "ReferenceNotFound", "AccountMismatch")
_LACKS = " does not grant "
_NUMBERED = re.compile(r"\(\d+\) ")
"""Stands before each of several problems that one message tells."""


class Obstacles:
    """Knows what stands in the way of each object at this moment."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._kube = simulation.kube

    def places(self) -> list[ObjectKey]:
        """Return the accounts that objects may live in."""
        namespaces = self._simulation.schedule.namespaces
        found = [self._simulation.actions.tenants.account_of(name) for name in namespaces]
        return list(dict.fromkeys([*found, *(OTHERS[name] for name in namespaces)]))

    def excuses(self, slot: Slot, raw: Json) -> bool:
        """Whether an object may stay as it is."""
        reason = ready_of(raw)[1]
        # Some of several things to wait for may be named, as long as each is so at this moment.
        parts = _NUMBERED.split(message_of(raw))
        waits = list(self._waits(slot, raw))
        if reason == "NotGranted" or (self._simulation.schedule.strict and reaches_out(raw)):
            waits.append(_LACKS)
        is_so = all(any(wait in part for wait in waits) for part in parts[1:] or parts)
        if reason in _WAITING or (reason == "NotGranted" and not is_so):
            return is_so
        return reason in _FOR_HUMANS or self._has_an_obstacle(slot, raw, reason)

    def _waits(self, slot: Slot, raw: Json) -> Iterator[str]:
        """Say what an object may wait for, in the words of its status."""
        exists = bool(raw["status"].get("externalId"))
        for key in (*self.places(), *(SLOTS[name].key for name in slot.needs)):
            need = self._kube.find(key)
            if need is None:
                yield f" names {key.kind} {key.name!r}, which does not exist"
                continue
            if "deletionTimestamp" in need["metadata"]:
                yield f"{key} is being deleted"
            if ready_of(need)[0] != "True":
                yield f"{key} is not Ready: {ready_of(need)[1]}"
                if need["status"].get("creation"):
                    yield f"{key} is being created"
            if key in SLOT_OF and self._failed_in_the_cloud(SLOT_OF[key], need):
                # It takes no change below it. One in transition does so soon: that is no excuse.
                yield f"; see the conditions of {key}"
            # One that exists already waits for no more than that what it names exists as well.
            if exists or ready_of(need)[0] == "True":
                account = (need["status"].get("account") or {}).get("accountId")
                yield f"{key} lives in account {account} "

    def _has_an_obstacle(self, slot: Slot, raw: Json, reason: str) -> bool:
        """Whether something else stands in the way, and the status says so."""
        spec = raw["spec"]
        observes = spec.get("managementPolicy") == "Observe"
        is_late = comes_late(self._kube, slot, raw)
        obstacles = {
            "ExternalNameConflict": is_late,
            "ExternalResourceMissing": observes
            and all(self._is_left_below(r) for r in self._namesakes(slot, raw)),
            # Who only observes cannot try again.
            "ProviderFailed": observes and self._failed_in_the_cloud(slot, raw),
            # As long as no object has it, one that comes late may look as well, where that tells
            # whose it is. Then the rest says so with the next try, which no quiet is to see.
            "AlreadyExistsNotOwned": (
                self._is_somebody_elses(slot, raw)
                and not is_had_by_another(self._kube, slot, raw)
                and (not is_late or may_be_known(slot, raw))
            )
            or self._may_have_its_bare_name(slot, raw),
            "NotGranted": self._simulation.schedule.strict
            and (observes or self._is_somebody_elses(slot, raw) or reaches_out(raw))
            and (observes or not is_had_by_another(self._kube, slot, raw)),
            "ImmutableFieldChanged": self._is_somebody_elses(slot, raw)
            or is_in_doubt(self._kube, slot, raw)
            or self._names_a_former_one(slot, raw),
            "DriftDetected": spec.get("driftPolicy") == "Report",
            "CannotClear": self._cannot_clear(slot, raw),
            "ProviderUnavailable": self._names_what_is_gone(slot, raw),
        }
        return bool(obstacles.get(reason))

    def _cannot_clear(self, slot: Slot, raw: Json) -> bool:
        """Whether the cloud takes an empty text for one not sent, and so keeps what was there."""
        record = self._simulation.cloud.resource_of(slot, raw, raw["status"])
        keeps = self._simulation.cloud.simulator.settings.switches.empty_text == "not-set"
        is_unset = "description" not in raw["spec"]
        return keeps and is_unset and record is not None and bool(record.data.get("description"))

    def _names_what_is_gone(self, slot: Slot, raw: Json) -> bool:
        """Whether a write names what somebody deleted, and its object does not make it again.

        Either that is to go as well, before which this object has to let it go or name another; or
        it only observes.
        """
        for need in (SLOTS[name] for name in slot.needs):
            held = self._kube.find(need.key)
            if held is None or self._namesakes(need, held):
                continue
            observes = held["spec"].get("managementPolicy") == "Observe"
            if observes or "deletionTimestamp" in held["metadata"]:
                return _says(raw, f"{name_of(self._kube, need)} not found")
        return False

    def _names_a_former_one(self, slot: Slot, raw: Json) -> bool:
        """Whether what a sandbox runs from has a successor, whose prefix is another one."""
        record = self._simulation.cloud.resource_of(slot, raw, raw["status"])
        if slot.name != "box" or record is None:
            return False
        return bool(record.data.get("templateName") != name_of(self._kube, SLOTS["tpl"]))

    def _may_have_its_bare_name(self, slot: Slot, raw: Json) -> bool:
        """Whether no record tells if a resource is its own from before its account had a prefix."""
        if slot.name_field is None or "before its account had a prefix" not in message_of(raw):
            return False
        bare = slot.object_name
        there = self._simulation.cloud.tenant(MAIN.account_id).records(slot.family)
        return name_of(self._kube, slot) != bare and any(r.name == bare for r in there)

    def _is_somebody_elses(self, slot: Slot, raw: Json) -> bool:
        """Whether the name is taken in the cloud by what this object did not make."""
        ledger = self._simulation.cloud.ledger
        return any(ledger[r].uid != raw["metadata"]["uid"] for r in self._namesakes(slot, raw))

    def _namesakes(self, slot: Slot, raw: Json) -> list[Record]:
        """Return the resources that go by the object's name, or id, in the account it asks for."""
        asked = (raw["spec"].get("accountRef") or {}).get("name")
        account = OTHER if asked == OTHERS[slot.namespace].name else MAIN
        records = list(self._simulation.cloud.tenant(account.account_id).records(slot.family))
        if slot.name_field is None:
            return [r for r in records if r.key == raw["status"].get("externalId")]
        name = name_of(self._kube, slot)
        return [r for r in records if r.name == name]

    def _is_left_below(self, record: Record) -> bool:
        """Whether a resource lives below one that its object left, so that no spec leads there."""
        if record.parent is None:
            return False
        tenants = self._simulation.cloud.tenants()
        parents = (t.get(str(record.family.parent), record.parent) for t in tenants)
        return any(parent in self._simulation.checks.kept for parent in parents)

    def _failed_in_the_cloud(self, slot: Slot, raw: Json) -> bool:
        """Whether the cloud reports a failure of the object's resource at this moment."""
        return any(r.status.endswith("_FAILED") for r in self._namesakes(slot, raw))


def waits_for_another(raw: Json) -> bool:
    """Whether the cloud refuses a change of an object because of what its spec names."""
    is_gone = "HTTP 404" in message_of(raw) and _says(raw, "not found")
    return is_gone or _says(raw, "must be in READY status")


def _says(raw: Json, words: str) -> bool:
    """Whether a message has these words of the cloud, or may not show what it has."""
    said = message_of(raw)
    return words in said or UNSAID in said
