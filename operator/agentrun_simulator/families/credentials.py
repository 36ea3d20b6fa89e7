"""Credential (control-plane reference, §8.6): synchronous, its secret echoed by create and get."""

from typing import Any

from agentrun_simulator.engine import Engine, ServedFamily
from agentrun_simulator.families.common import IN_WORKSPACE, WORKSPACE_FILTERS
from agentrun_simulator.family import SYNCHRONOUS, Filter, Match, Paging
from agentrun_simulator.store import Record, Tenant


def _render(_: Engine, tenant: Tenant, record: Record, answer: dict[str, Any]) -> None:
    """Add who uses the credential; lists show only how many (§8.6)."""
    related = [
        {
            "resourceId": user.key,
            "resourceName": user.name,
            # The words of the service are not attested.
            "resourceType": user.family.name[0].lower() + user.family.name[1:],
        }
        for user, _ in tenant.users(record)
    ]
    answer["relatedResources"] = related
    answer["relatedResourceCount"] = len(related)


CREDENTIAL = ServedFamily(
    name="Credential",
    noun="credential",
    collection="/agents/credentials",
    key_field="credentialName",
    name_field="credentialName",
    updated_field="updatedAt",
    lifecycle=SYNCHRONOUS,
    paging=Paging(numbers_as_text=True),
    filters=(
        Filter("credentialName", match=Match.CONTAINS),
        Filter("credentialAuthType"),
        Filter("credentialSourceType"),
        Filter("enabled"),
        *WORKSPACE_FILTERS,
    ),
    assigned={"credentialId": "{uuid}"},
    defaults={"enabled": True},
    references=(IN_WORKSPACE,),
    render=_render,
)
