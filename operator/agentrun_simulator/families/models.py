"""ModelService and ModelProxy (control-plane reference, §8.7 and §8.3)."""

from typing import Any

from agentrun_simulator import listing
from agentrun_simulator.calls import Call
from agentrun_simulator.engine import Engine, ServedFamily
from agentrun_simulator.errors import invalid
from agentrun_simulator.families.common import (
    BY_CREDENTIAL,
    IN_WORKSPACE,
    STATUS_FILTER,
    WORKSPACE_FILTERS,
)
from agentrun_simulator.family import Filter, Lifecycle, Reference
from agentrun_simulator.store import Record, Tenant

# Illustrative: the service's own list is not published.
_PROVIDERS = (
    {
        "providerName": "tongyi",
        "baseUrl": "https://dashscope.aliyuncs.com/compatible-mode/v1",
        "modelType": "llm",
        "models": ["qwen-max", "qwen-plus", "qwen-turbo"],
    },
    {
        "providerName": "deepseek",
        "baseUrl": "https://api.deepseek.com/v1",
        "modelType": "llm",
        "models": ["deepseek-chat", "deepseek-reasoner"],
    },
    {
        "providerName": "openai",
        "baseUrl": "https://api.openai.com/v1",
        "modelType": "llm",
        "models": ["gpt-4o", "gpt-4o-mini"],
    },
)


def _update_service(engine: Engine, call: Call) -> dict[str, Any]:
    """Update, with the status a caller may set (§8.7)."""
    answer = engine.update(call)
    record = engine.record(call)
    record.status = call.body.get("status") or record.status
    record.reason = call.body.get("statusReason") or record.reason
    return answer | engine.render(call.tenant, record)


def _list_services(engine: Engine, call: Call) -> dict[str, Any]:
    if engine.settings.switches.require_model_type and not call.query.get("modelType"):
        raise invalid("ModelType is required")
    return engine.list(call)


def _list_providers(_: Engine, call: Call) -> dict[str, Any]:
    provider, kind, model = (call.query.get(n) for n in ("provider", "modelType", "modelName"))
    found = [
        row
        for row in _PROVIDERS
        if provider in (None, row["providerName"])
        and kind in (None, row["modelType"])
        and (model is None or model in row["models"])
    ]
    return listing.number_page(call, found, dict)


def _render_service(engine: Engine, _: Tenant, __: Record, answer: dict[str, Any]) -> None:
    if engine.settings.switches.provider_api_key == "omitted":
        settings = answer.get("providerSettings") or {}
        answer["providerSettings"] = {k: v for k, v in settings.items() if k != "apiKey"}


MODEL_SERVICE = ServedFamily(
    name="ModelService",
    noun="model service",
    collection="/agents/model-services",
    key_field="modelServiceName",
    name_field="modelServiceName",
    # READY as soon as the call returns [E]; how it goes is not attested.
    lifecycle=Lifecycle(deleting=True),
    filters=(Filter("modelType"), Filter("provider"), *WORKSPACE_FILTERS),
    assigned={"modelServiceId": "{uuid}"},
    transient=("status", "statusReason"),
    references=(BY_CREDENTIAL, IN_WORKSPACE),
    render=_render_service,
    verbs={"update": _update_service, "list": _list_services},
    actions={"ListModelProviders": _list_providers},
)

MODEL_PROXY = ServedFamily(
    name="ModelProxy",
    noun="model proxy",
    collection="/agents/model-proxies",
    key_field="modelProxyName",
    name_field="modelProxyName",
    filters=(Filter("proxyMode"), STATUS_FILTER, *WORKSPACE_FILTERS),
    assigned={"modelProxyId": "mp-{hex}"},
    assigned_when_ready={
        "endpoint": "{data}/models/{slug}",
        "functionName": "agentrun-{slug}",
    },
    required=("executionRoleArn",),
    references=(
        BY_CREDENTIAL,
        IN_WORKSPACE,
        Reference(("proxyConfig", "endpoints", "[]", "modelServiceName"), "ModelService"),
        Reference(
            ("proxyConfig", "policies", "fallbacks", "[]", "modelServiceName"), "ModelService"
        ),
    ),
    duplicate_status=500,
)
