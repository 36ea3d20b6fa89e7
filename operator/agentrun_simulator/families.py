"""The table of resource families. One more family is one more row.

Source of every row: control-plane reference, §8.0 and the family's own section.
"""

from agentrun_simulator.family import (
    Family,
    Filter,
    Reference,
)

_ARN = "acs:agentrun:{region}:{account}"
_WORKSPACE_FILTERS = (Filter("workspaceId"),)
_CREDENTIAL = Reference(("credentialName",), "Credential")

MODEL_PROXY = Family(
    name="ModelProxy",
    noun="model proxy",
    collection="/agents/model-proxies",
    key_field="modelProxyName",
    name_field="modelProxyName",
    assigned={"modelProxyId": "mp-{hex}"},
    assigned_when_ready={
        "endpoint": "https://{account}.agentrun-data.{region}.aliyuncs.com/models/{name}",
        "functionName": "agentrun-{name}",
    },
    filters=(Filter("proxyMode"), Filter("status"), *_WORKSPACE_FILTERS),
    required=("executionRoleArn",),
    references=(_CREDENTIAL,),
    duplicate_status=500,
)

FAMILIES: tuple[Family, ...] = (MODEL_PROXY,)
