"""Tool (control-plane reference, §8.8): synchronous, with status words of its own."""

from agentrun_simulator.engine import ServedFamily
from agentrun_simulator.families.common import BY_CREDENTIAL, IN_WORKSPACE, WORKSPACE_FILTERS
from agentrun_simulator.family import Filter, Lifecycle, Match

TOOL = ServedFamily(
    name="Tool",
    noun="tool",
    collection="/agents/tools",
    key_field="toolName",
    name_field="toolName",
    updated_field="updatedAt",
    # The words are attested (§5.1 [G]); how long a tool takes to get there is not.
    lifecycle=Lifecycle(ready="Running", failed="Failed"),
    filters=(
        Filter("toolName", match=Match.CONTAINS),
        Filter("toolType"),
        *WORKSPACE_FILTERS,
    ),
    assigned={"toolId": "{uuid}"},
    references=(BY_CREDENTIAL, IN_WORKSPACE),
)
