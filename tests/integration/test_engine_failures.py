"""What goes wrong in the cloud is said truly, survived, and healed."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from fakes.kstatus import FAILED, IN_PROGRESS, kstatus
from integration.fleet import (
    FAMILIES,
    Tenant,
    credential,
    endpoint,
    family_of_each,
    runtime,
    service,
    template,
)
from rig.waiting import condition

TEMPLATE = "SandboxTemplate"
REASON = "the execution role cannot be assumed"
CREATE_OF = {"SandboxTemplate": "CreateTemplate", "AgentRuntime": "CreateAgentRuntime"}


def test_a_failed_create_is_explained_and_healed_by_an_edit(tenant: Tenant) -> None:
    """Stalled with the cloud's own words, not repeated by itself, replaced after an edit."""
    objects = [runtime("rt"), template("tpl")]
    for each in objects:
        tenant.fault("create-failed", action=CREATE_OF[each["kind"]], reason=REASON)
    tenant.apply(*objects)
    for each in objects:
        kind, name = each["kind"], each["metadata"]["name"]
        tenant.wait_reason(kind, name, "ProviderFailed", says=REASON)
        body = tenant.get(kind, name)
        assert condition(body, "Stalled")["status"] == "True"
        assert kstatus(body) == FAILED
    since = tenant.rig.cloud.position()
    tenant.wait(lambda: len(tenant.requests(since=since)) >= 4, "some polls")
    assert tenant.cloud_writes(since=since) == []
    for each in objects:
        tenant.edit(each["kind"], each["metadata"]["name"], description="another try")
    tenant.wait_ready()
    calls = Counter(each["method"] for each in tenant.cloud_writes(since=since))
    assert calls == {"DELETE": 2, "POST": 2}
    assert {family: len(items) for family, items in tenant.resources().items()} == {
        "AgentRuntime": 1,
        "Template": 1,
    }


def test_a_failed_update_is_explained_and_tried_again_on_request(tenant: Tenant) -> None:
    """The resource stays; an edit, or a request, sends everything again."""
    tenant.apply(template("edited"), template("asked"))
    tenant.wait_ready()
    tenant.fault("update-failed", action="UpdateTemplate", reason=REASON, times=2)
    for name in ("edited", "asked"):
        tenant.edit(TEMPLATE, name, description="first")
    for name in ("edited", "asked"):
        tenant.wait_reason(TEMPLATE, name, "ProviderFailed", says=REASON)
        assert kstatus(tenant.get(TEMPLATE, name)) == FAILED
    tenant.edit(TEMPLATE, "edited", description="second")
    tenant.annotate(TEMPLATE, "asked", "reconcile-requested-at", "now")
    tenant.wait_ready()
    assert tenant.resource(TEMPLATE, "edited")["description"] == "second"
    assert tenant.resource(TEMPLATE, "asked")["description"] == "first"
    assert not tenant.requests(action="DeleteTemplate")


def test_a_throttled_account_is_given_the_time_it_asks_for(tenant: Tenant) -> None:
    """429 with Retry-After: nothing is asked meanwhile, everything comes about afterwards."""
    tenant.wait_ready()
    headers = {"x-acs-retry-after": "2000"}  # milliseconds
    since = tenant.rig.cloud.position()
    tenant.fault("error", status=429, code="Throttling.User", headers=headers, times=1)
    tenant.apply(template("tpl"))
    tenant.wait_ready()
    asked = tenant.requests(since=since)
    (refused,) = [each for each in asked if each["status"] == 429]
    after = [_at(each) - _at(refused) for each in asked]
    # What was under way already may still come.
    assert not [each for each in after if timedelta(seconds=0.5) < each < timedelta(seconds=1.9)]
    assert kstatus(tenant.get(TEMPLATE, "tpl")) == "Current"


def _at(request: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(request["time"])


def test_an_outage_is_survived(tenant: Tenant) -> None:
    """5xx, HTML, silence and cut connections for a while, in the middle of everything."""
    tenant.apply(*family_of_each("-old"))
    tenant.wait_ready()
    for effect in ("error", "html", "empty", "drop-before"):
        tenant.fault(effect, status=503, times=6)
    tenant.fault("error", status=500, code="InternalError", times=None)
    tenant.apply(*family_of_each("-new"))
    tenant.edit("AgentRuntime", "rt-old", description="edited")
    tenant.wait_reason("AgentRuntime", "rt-old", "ProviderUnavailable", says="")
    tenant.wait_reason("Credential", "cred-new", "ProviderUnavailable")
    assert kstatus(tenant.get("Credential", "cred-new")) == IN_PROGRESS
    tenant.rig.cloud.clear_faults()
    tenant.wait_ready()
    _one_of_each(tenant, 2)
    assert tenant.resource("AgentRuntime", "rt-old")["description"] == "edited"


def test_answers_that_get_lost_make_no_duplicates(tenant: Tenant) -> None:
    """The create took effect, the answer did not come, or the effect came much later."""
    tenant.fault("drop-after", action="Create.*", times=len(FAMILIES))
    tenant.apply(*family_of_each("-lost"))
    tenant.wait_ready()
    _one_of_each(tenant, 1)
    tenant.fault("drop-late", action="CreateAgentRuntime", seconds=1, times=1)
    tenant.apply(runtime("late"), endpoint("late", "late"))
    tenant.wait_ready()
    found = tenant.resources()
    assert len(found["AgentRuntime"]) == len(found["AgentRuntimeEndpoint"]) == 2
    creates = [each for each in tenant.cloud_writes() if each["method"] == "POST"]
    assert len(creates) == len(FAMILIES) + 2, Counter(each["action"] for each in creates)
    # And deletes: what is gone already is what was wanted.
    tenant.fault("drop-after", action="Delete.*", times=6)
    for each in tenant.objects():
        tenant.delete(each["kind"], each["metadata"]["name"])
    tenant.wait_gone()
    assert tenant.resources() == {}


def test_wrong_keys_are_said_and_right_ones_seen(tenant: Tenant) -> None:
    """The Account says so; its users wait; a corrected Secret is noticed at once."""
    tenant.apply(template("old"))
    tenant.wait_ready()
    tenant.login(accessKeySecret="canary-wrong")
    tenant.wait_reason("Account", "default", "CredentialsInvalid")
    assert kstatus(tenant.get("Account", "default")) == FAILED
    tenant.apply(template("new"), service("svc"), credential("cred"))
    tenant.wait_reason(TEMPLATE, "new", "DependencyNotReady", says="Account")
    since = tenant.rig.cloud.position()
    tenant.edit(TEMPLATE, "old", description="edited")
    tenant.login()
    tenant.wait_ready()
    assert tenant.resource(TEMPLATE, "old")["description"] == "edited"
    refused = [r for r in tenant.requests(since=since) if r["status"] in (400, 401, 403, 404)]
    assert len(refused) < 20, refused
    _account_names_what_is_missing(tenant)


def _account_names_what_is_missing(tenant: Tenant) -> None:
    key = ("Secret", tenant.namespace, "agentrun-keys")
    tenant.view.patch(key, {"data": {"accessKeySecret": None}})
    tenant.wait_reason("Account", "default", "CredentialsInvalid", says="accessKeySecret")
    tenant.view.delete(key)
    tenant.wait_reason("Account", "default", "CredentialsNotFound", says="agentrun-keys")
    tenant.login()
    tenant.wait_ready()


def _one_of_each(tenant: Tenant, number: int) -> None:
    counts = {family: len(items) for family, items in tenant.resources().items()}
    assert set(counts.values()) == {number}, counts
    assert len(counts) == len(FAMILIES)
