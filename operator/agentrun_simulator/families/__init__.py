"""The table of resource families. One more family is one more row in one of these modules.

Source of every row: control-plane reference, §8.0 and the family's own section.
"""

from agentrun_simulator.engine import ServedFamily
from agentrun_simulator.families.bots import IM_BOT
from agentrun_simulator.families.credentials import CREDENTIAL
from agentrun_simulator.families.domains import CUSTOM_DOMAIN
from agentrun_simulator.families.flows import FLOW, FLOW_ENDPOINT
from agentrun_simulator.families.knowledge import KNOWLEDGE_BASE, MEMORY_COLLECTION
from agentrun_simulator.families.models import MODEL_PROXY, MODEL_SERVICE
from agentrun_simulator.families.runtimes import AGENT_RUNTIME, AGENT_RUNTIME_ENDPOINT
from agentrun_simulator.families.sandboxes import SANDBOX
from agentrun_simulator.families.sessions import BROWSER, CODE_INTERPRETER
from agentrun_simulator.families.templates import TEMPLATE
from agentrun_simulator.families.tools import TOOL
from agentrun_simulator.families.workspaces import WORKSPACE

FAMILIES: tuple[ServedFamily, ...] = (
    WORKSPACE,
    CREDENTIAL,
    AGENT_RUNTIME,
    AGENT_RUNTIME_ENDPOINT,
    MODEL_SERVICE,
    MODEL_PROXY,
    TEMPLATE,
    SANDBOX,
    TOOL,
    MEMORY_COLLECTION,
    KNOWLEDGE_BASE,
    CUSTOM_DOMAIN,
    BROWSER,
    CODE_INTERPRETER,
    FLOW,
    FLOW_ENDPOINT,
    IM_BOT,
)
