"""What a fleet costs: few writes and calls to Ready, and none at all from then on."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from controlplane.audit import WRITE_VERBS, AuditEvent
from fakes.rests import rest_of
from integration.cluster_view import PLURALS
from integration.fleet import FAMILIES, Tenant, family_of_each
from rig.cloud import QUESTION
from rig.waiting import condition

SETS = 9
"""So many objects of every kind: enough to be read by shared LISTs."""
WRITES = 4
"""The finalizer, the creation mark, what the cloud answered, Ready."""
WAITING = {"ReferenceNotFound", "DependencyNotReady"}
"""Each thing that an object waits for may cost a write more."""
CALLS = 3
"""The look-up, the POST, and the GET that confirms."""
RESYNCS = 3
STEADY_SECONDS = 1.0
"""Poll interval of the fleet's operator."""
COUNTED_APART = {"events", "leases"}
SHARED = {"ListModelProxies", "ListAgentRuntimes", "ListSandboxes", "ListTemplates"}


def test_each_kind_costs_three_calls_and_four_writes(tenant: Tenant) -> None:
    """One object of each kind, in a cloud that is done as soon as it is looked at."""
    tenant.fault("slow", action="Create.*", seconds=0, times=None)
    objects, calls = family_of_each(), {}
    for each in objects:
        each["metadata"]["annotations"] = {"agentrun.dev/poll-interval": "3600"}
        tenant.apply(each)
        tenant.wait_ready((each["kind"], each["metadata"]["name"]))
        # What it costs to become Ready: afterwards the others of the namespace may wake it.
        calls[each["kind"]] = _calls_by_object(tenant)[each["kind"]]
    writes = Counter((w.resource, w.name) for w in tenant.kube_writes())
    for each in objects:
        kind, name = each["kind"], each["metadata"]["name"]
        methods = [method for method, _ in calls[kind]]
        assert methods.count("POST") == 1, (kind, calls[kind])
        assert len(methods) <= CALLS, (kind, calls[kind])
        assert writes[PLURALS[kind], name] <= WRITES, (kind, writes)


def test_a_fleet_costs_no_more_and_then_nothing(tenant: Tenant) -> None:
    """All kinds at once, each waiting for what it refers to; then resyncs and polls go by."""
    tenant.apply(*(each for n in range(SETS) for each in family_of_each(f"-{n}")))
    tenant.wait_ready()
    writes = Counter((w.resource, w.name) for w in tenant.kube_writes())
    assert len(writes) == SETS * len(FAMILIES) + 1  # and the Account
    waits = _waits(tenant)
    assert not {each: n for each, n in writes.items() if n > WRITES + len(waits[each])}, waits
    creates = tenant.cloud_writes()
    assert Counter(each["method"] for each in creates) == {"POST": SETS * len(FAMILIES)}
    # Whose the keys are is asked once for the account, not for each of its objects.
    assert len(tenant.requests(action=QUESTION)) == 1

    _wait_for_polls(tenant, since=tenant.rig.cloud.position())
    log, asked, begun = tenant.rig.plane.audit.position(), tenant.rig.cloud.position(), _now()
    tenant.wait(lambda: _resyncs(tenant, log) >= RESYNCS, "some resyncs")
    _wait_for_polls(tenant, since=asked)
    spent = _now() - begun
    seen = [e for e in tenant.rig.plane.audit.events(since=log) if _is_operators(tenant, e)]
    # Other tenants are on their way out meanwhile.
    seen = [e for e in seen if e.namespace in ("", tenant.namespace)]
    assert [e for e in seen if e.verb in WRITE_VERBS and e.resource not in COUNTED_APART] == []
    assert tenant.cloud_writes(since=asked) == []
    reads = Counter(each["action"] for each in tenant.requests(since=asked))
    print(f"converged for {spent:.1f} s; reads of the cloud: {dict(reads)}")  # noqa: T201
    print(f"and of the cluster: {Counter((e.verb, e.resource) for e in seen)}")  # noqa: T201
    # One LIST per collection and interval, whatever it holds; the spread begins at half of it.
    polls = 2 * spent / STEADY_SECONDS + 1
    assert max(reads[action] for action in SHARED) <= polls, reads
    # Endpoints have a collection per runtime, each too small for a LIST.
    assert reads["GetAgentRuntimeEndpoint"] <= SETS * polls
    assert reads["GetAgentRuntime"] == reads["GetModelProxy"] == reads["GetSandbox"] == 0


def _waits(tenant: Tenant) -> Mapping[tuple[str, str], set[str]]:
    """Return what each object said while it waited for others; a slow machine shows more of it."""
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for version in tenant.versions():
        ready = condition(version.body, "Ready")
        if ready.get("reason") in WAITING:
            name = version.body["metadata"]["name"]
            found[PLURALS[version.body["kind"]], name].add(ready["message"])
    return found


def _now() -> float:
    return time.monotonic()


def _wait_for_polls(tenant: Tenant, *, since: int) -> None:
    """Wait until every shared collection was polled once since a position."""

    def polled() -> bool:
        return {each["action"] for each in tenant.requests(since=since)} >= SHARED

    tenant.wait(polled, "a poll of each collection")


def _resyncs(tenant: Tenant, since: int) -> int:
    """Return how often the operator listed all objects since a position in the audit log."""
    listed = Counter(
        event.resource
        for event in tenant.rig.plane.audit.events(since=since)
        if event.verb == "list" and _is_operators(tenant, event)
    )
    return min(listed[plural] for plural in PLURALS.values())


def _is_operators(tenant: Tenant, event: AuditEvent) -> bool:
    return event.user == tenant.rig.operator_user and event.stage == "ResponseComplete"


def _calls_by_object(tenant: Tenant) -> dict[str, list[tuple[str, str]]]:
    """Return (method, path) of each call, by the kind that it was made for; one object a kind."""
    kinds = _kinds_by_operation()
    found: dict[str, list[tuple[str, str]]] = {kind: [] for kind in FAMILIES}
    for each in tenant.requests():
        kind = kinds.get(each["action"])
        if kind is not None and not _is_verification(each):
            found[kind].append((each["method"], f"{each['path']}?{each['query']}"))
    return found


def _kinds_by_operation() -> Mapping[str, str]:
    """Return whose objects an operation makes, changes or shows, as the declarations name it."""
    found: dict[str, str] = {}
    for kind in FAMILIES:
        rest = rest_of(kind)
        operations = (f"Get{rest.noun}", f"List{rest.nouns}", f"Update{rest.noun}")
        found |= dict.fromkeys((rest.create_operation, *operations), kind)
    return found


def _is_verification(request: Mapping[str, Any]) -> bool:
    """Whether a call is the one by which an Account proves its keys."""
    return "pageSize=1" in str(request["query"]).split("&")
