"""Another Account of the number that a namespace's own has: another way to the same cloud."""

from typing import TYPE_CHECKING, Any

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import Json
from soak.cloud import EMPTY, MAIN, REGION, keys_of
from soak.slots import SLOTS

if TYPE_CHECKING:
    from soak.simulation import Simulation

_NAME = "way"


class Ways:
    """One method per step name."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self.unverified: str | None = None
        """The cloud account that an Account leads to whose keys nobody verifies; None: there is
        none."""

    def other_way(self, namespace: str, *, is_verified: bool) -> None:
        """Bring an Account of the first one's number; unverified, its keys are another account's.

        Its number is a lie then, which nothing but a look can show.
        """
        tenants, kube = self._simulation.actions.tenants, self._simulation.kube
        keys = MAIN if is_verified else EMPTY
        tenants.put(ObjectKey("Secret", namespace, f"{_NAME}-keys"), keys_of(keys))
        spec: Json = {
            "accountId": MAIN.account_id,
            "region": REGION,
            "credentials": {"secretRef": {"name": f"{_NAME}-keys"}},
        }
        if not is_verified:
            spec["identityCheck"] = {"mode": "Off"}
            self.unverified = keys.account_id
        kube.create(ObjectKey("Account", namespace, _NAME), {"metadata": {}, "spec": spec})

    def repoint(self, slot: str) -> None:
        """Let an object name that Account."""
        self._set(slot, "accountRef", {"kind": "Account", "name": _NAME})

    def publish(self, slot: str, config_map: str) -> None:
        """Let an object name another ConfigMap for its address."""
        self._set(slot, "writeConnectionTo", {"configMap": {"name": config_map}})

    def _set(self, slot: str, field: str, value: Any) -> None:
        raw = self._simulation.kube.find(SLOTS[slot].key)
        if raw is not None:
            spec = {**raw["spec"], field: value}
            self._simulation.actions.tenants.set_spec(SLOTS[slot].key, spec)
