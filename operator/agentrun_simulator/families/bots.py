"""IMBot (control-plane reference, §8.15): its id is called `id`, its status is what was set."""

from typing import Any

from agentrun_simulator.calls import Call
from agentrun_simulator.engine import Engine, ServedFamily
from agentrun_simulator.errors import invalid
from agentrun_simulator.family import SYNCHRONOUS, Filter, Match
from agentrun_simulator.store import Record, Tenant


def _prepare(_: Engine, __: Call, record: Record) -> None:
    if record.data.get("botMode") == "standard" and not record.data.get("metadata"):
        raise invalid("Metadata is required")


def _render(_: Engine, __: Tenant, record: Record, answer: dict[str, Any]) -> None:
    """Repeat whose bot it is."""
    metadata = record.data.get("metadata") or {}
    if runtime := metadata.get("agentRuntimeId"):
        answer["agentRuntimeId"] = runtime


def _delete(engine: Engine, call: Call) -> dict[str, Any] | None:
    engine.delete(call)
    # The official schema has no fields and is named NoContent; its client cannot read a 204.
    return {} if engine.settings.switches.delete_im_bot == "json" else None


IM_BOT = ServedFamily(
    name="IMBotInfo",
    noun="IM bot",
    collection="/agents/im-bots",
    key_field="id",
    name_field="botName",
    updated_field="updatedAt",
    lifecycle=SYNCHRONOUS,
    filters=(
        Filter("botName", match=Match.CONTAINS),
        Filter("botBizType"),
        Filter("agentRuntimeId", path=("metadata", "agentRuntimeId")),
        Filter("status"),
    ),
    assigned={"tenantId": "{account}"},
    prepare=_prepare,
    render=_render,
    verbs={"delete": _delete},
)
