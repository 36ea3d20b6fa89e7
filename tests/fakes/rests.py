"""Where the kinds live in the API."""

from agentrun_operator.core.kind import Rest
from agentrun_operator.kinds import catalogue


def rest_of(kind: str) -> Rest:
    """Return where a kind with a resource in AgentRun lives there."""
    rest = catalogue()[kind].rest
    assert rest is not None, f"{kind} has no resource"
    return rest
