"""No namespace reaches in a shared account what it did not make and was not granted.

Only in a strict history: there the owners of the shared accounts grant one role and one model
service, from the first moment to the last, and nothing else.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from agentrun_operator.api.exchange import Call
from agentrun_operator.core.identity import ownership_tag
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.ports import Json
from agentrun_simulator.exchange import Exchange
from agentrun_simulator.store import Record
from fakes.kube_server import Place
from soak.naming import possible_names
from soak.process import CLUSTER_ID, current
from soak.slots import FAR, NAMESPACES, ROLE, SLOT_OF, SLOTS

if TYPE_CHECKING:
    from soak.checks import Checks
    from soak.simulation import Simulation

STRANGE_ROLE = "acs:ram::10001:role/admin"
"""A role that nobody may use."""
_NAMES: Mapping[str, str] = {
    "credentialName": "Credential",
    "modelServiceName": "ModelService",
    "templateName": "SandboxTemplate",
}
"""Wire field → kind of what it names. The name of a resource itself stands in one of them too."""


class Tenancy:
    """Looks at what objects of a shared account send, adopt and show."""

    def __init__(self, simulation: "Simulation", checks: "Checks") -> None:
        self._simulation = simulation
        self._checks = checks

    def sends(self, obj: KubeObject, call: Call, exchange: Exchange) -> None:
        """Look at a write: what it names was made in the namespace, granted, or is there already.

        A namespace may have had it by an account of its own, or a version that asked nobody.
        """
        if not self._is_bound(obj.status) or call.body is None:
            return
        record = self._simulation.cloud.at(exchange)
        family = exchange.route.family if exchange.route is not None else None
        for field, value in _leaves(call.body):
            if family is not None and field == family.name_field and value == obj.external_name:
                continue
            if self._is_open(obj, field, value) or _has(record, field, value):
                continue
            self._violated(f"{obj.key}: {call.action} sends {field} {value!r}")

    def writes_status(self, place: Place, raw: Json, status: Json) -> None:
        """Look at what an object begins to call its own, or to show."""
        before = raw.get("status") or {}
        if not self._is_bound(status) or not status.get("externalId"):
            return
        record = self._simulation.cloud.resource_of(SLOT_OF[place.key], raw, status)
        if record is None:
            return
        tags = record.data.get("systemTags") or ()
        own_mark = ownership_tag(CLUSTER_ID, place.key).rpartition("/")[0]
        if any(str(tag).startswith(f"{own_mark}/") for tag in tags):
            return
        if status.get("adopted") and not before.get("adopted"):
            self._violated(f"{place.key} adopts {record.name}")
        elif "adopted" not in status and not before.get("externalId"):
            maker = self._simulation.kube.keys.get(self._simulation.cloud.ledger[record].uid)
            if maker is None or maker.namespace != place.key.namespace:
                self._violated(f"{place.key} shows {record.name}")

    def _is_bound(self, status: Mapping[str, Any]) -> bool:
        found = current.get()
        versions = [status, *([found.obj.status] if found is not None else [])]
        kinds = {(v.get("account") or {}).get("kind") for v in versions}
        return self._simulation.schedule.strict and kinds - {None} == {"ClusterAccount"}

    def _is_open(self, obj: KubeObject, field: str, value: Any) -> bool:
        if field == "executionRoleArn":
            return bool(value == ROLE)
        if value == FAR:
            return field == "modelServiceName"
        slots = (s for s in SLOTS.values() if s.namespace == obj.key.namespace)
        return any(s.kind == _NAMES[field] and value in possible_names(s) for s in slots)

    def _violated(self, what: str) -> None:
        self._checks.violated("own or granted", what)


def granted(*, strictly: bool) -> list[Json]:
    """Return what the owner of a shared account grants to everybody."""
    role = {"grants": ["executionRoles"], "names": [ROLE]}
    far = {"grants": ["externalReferences"], "kinds": ["ModelService"], "names": [FAR]}
    rest = {"grants": ["adoption", "externalReferences", "force", "observe", "workspaces"]}
    grants = (role, far) if strictly else (role, far, rest)
    return [{"namespaces": list(NAMESPACES), **each} for each in grants]


def reaches_out(raw: Json) -> bool:
    """Whether a spec asks for what nobody grants, so that its object may stay without it."""
    spec = raw["spec"]
    named = [
        spec.get("credentialRef"),
        *(e.get("modelServiceRef") for e in spec.get("endpoints") or ()),
    ]
    external = {ref.get("externalName") for ref in named if ref} - {None, FAR}
    return bool(external) or spec.get("executionRoleArn") == STRANGE_ROLE


def _leaves(body: Any) -> Iterator[tuple[str, Any]]:
    """Yield (field, value) of everything in a body that names something else."""
    if isinstance(body, list):
        for item in body:
            yield from _leaves(item)
    elif isinstance(body, Mapping):
        for field, value in body.items():
            if field == "executionRoleArn" or field in _NAMES:
                yield field, value
            else:
                yield from _leaves(value)


def _has(record: Record | None, field: str, value: Any) -> bool:
    """Whether a resource has the value of a field already."""
    return record is not None and (field, value) in set(_leaves(record.data))
