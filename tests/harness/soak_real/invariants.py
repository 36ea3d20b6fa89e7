"""What must hold at rest, whatever happened: nothing twice, left or lost, nothing untrue."""

import json
import re
from collections import Counter

from agentrun_operator.core.kind import KeyedBy
from agentrun_operator.kinds import catalogue
from integration import fleet
from integration.cluster_view import Body
from rig import is_ready
from soak_real.user import User

_SECRET = re.compile(rf"{re.escape(fleet.CANARY)}[0-9a-f]+")


def unsettled(user: User) -> list[str]:
    """Return what has not come to rest yet."""
    objects = user.objects()
    there = {(each["kind"], each["metadata"]["name"]) for each in objects}
    found = [f"{kind}/{name} is missing" for kind, name in set(user.wanted) - there]
    found += [f"{kind}/{name} is not gone" for kind, name in there - set(user.wanted)]
    found += [_said(each) for each in objects if not is_ready(each)]
    return [*found, *violations(user, objects)]


def violations(user: User, objects: list[Body]) -> list[str]:
    """Return where cluster and cloud disagree."""
    resources = user.rig.cloud.resources(account=user.account.account_id)
    found = []
    for kind, family in fleet.FAMILIES.items():
        field = fleet.name_field(kind)
        ours = [each for each in objects if each["kind"] == kind]
        alive = [r for r in resources.get(family, []) if fleet.is_alive(r)]
        wanted = Counter(_external(each) for each in ours)
        there = Counter(str(r.get(field)) for r in alive)
        found += [f"duplicate or leak: {family} {name}" for name in (there - wanted)]
        found += [f"lost: {family} {name}" for name in (wanted - there)]
        by_name = {str(r.get(field)): r for r in alive}
        for each in ours:
            found += _lies(each, by_name.get(_external(each), {}))
        found += [
            f"{family} {name} has a secret that was rotated away"
            for name, resource in by_name.items()
            if set(_SECRET.findall(json.dumps(resource))) - set(user.values.values())
        ]
    return found


def _external(body: Body) -> str:
    status = body.get("status") or {}
    if body["kind"] == "Sandbox":
        return str(status.get("externalId"))
    return str(status.get("externalName") or body["metadata"]["name"])


def _lies(body: Body, resource: Body) -> list[str]:
    """Return what an object or a resource says that is not so, or should not be there."""
    rest = catalogue()[body["kind"]].rest
    status, name = body.get("status") or {}, f"{body['kind']}/{body['metadata']['name']}"
    found = []
    is_keyed_by_id = rest is not None and rest.key is KeyedBy.ID
    if is_keyed_by_id and resource and status.get("externalId") not in resource.values():
        found.append(f"{name} names another id than the cloud's")
    text = body["spec"].get("description")
    if text is not None and resource and resource.get("description") != text:
        found.append(f"{name} is Ready with another description in the cloud")
    if status.get("observedGeneration", -1) > body["metadata"]["generation"]:
        found.append(f"{name} observed a generation that is not there yet")
    if body["metadata"].get("annotations"):
        found.append(f"{name} has annotations that no user made")
    return found


def _said(body: Body) -> str:
    conditions = (body.get("status") or {}).get("conditions", [])
    ready: Body = next((c for c in conditions if c["type"] == "Ready"), {})
    name = f"{body['kind']}/{body['metadata']['name']}"
    return f"{name} is {ready.get('status')} {ready.get('reason')}: {ready.get('message')}"
