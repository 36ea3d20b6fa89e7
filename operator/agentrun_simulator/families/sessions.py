"""Browser and CodeInterpreter (control-plane reference, §8.13): create-only, with a status."""

from agentrun_simulator.engine import ServedFamily
from agentrun_simulator.families.common import STATUS_FILTER
from agentrun_simulator.family import Filter, Lifecycle, Match

_LIFECYCLE = Lifecycle(creating=True, deleting=True)

BROWSER = ServedFamily(
    name="Browser",
    noun="browser",
    collection="/agents/browsers",
    key_field="browserId",
    name_field="browserName",
    lifecycle=_LIFECYCLE,
    filters=(Filter("browserName", match=Match.CONTAINS), STATUS_FILTER),
    assigned={"tenantId": "{account}"},
)

CODE_INTERPRETER = ServedFamily(
    name="CodeInterpreter",
    noun="code interpreter",
    collection="/agents/code-interpreters",
    key_field="codeInterpreterId",
    name_field="codeInterpreterName",
    lifecycle=_LIFECYCLE,
    filters=(Filter("codeInterpreterName", match=Match.CONTAINS),),
    assigned={"tenantId": "{account}"},
)
