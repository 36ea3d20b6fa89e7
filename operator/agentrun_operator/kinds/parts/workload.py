"""What everything that runs has: size, image, network, environment, logs, files."""

from typing import Annotated

from agentrun_operator.core.fields import ApiName, Cpu, CreateDefault, Memory, WriteOnly
from agentrun_operator.core.kind import Rule
from agentrun_operator.kinds.parts.container import CONTAINER_RULES, Container
from agentrun_operator.kinds.parts.environment import ENVIRONMENT_RULES, EnvironmentSpec
from agentrun_operator.kinds.parts.network import PRIVATE_NEEDS_VPC, Network
from agentrun_operator.kinds.parts.observability import Arms, Log
from agentrun_operator.kinds.parts.placement import ONE_PLACE, PlacedSpec, RoleArn
from agentrun_operator.kinds.parts.storage import Nas


class RunningSpec(PlacedSpec, EnvironmentSpec):
    """Desired state of what may run in AgentRun."""

    cpu: Cpu | None = None
    """Cores, 0.05 to 16, like 2, 0.5 or 500m."""
    memory: Memory | None = None
    """Memory in whole Mi or Gi, 128Mi to 32Gi."""
    network: Annotated[Network | None, ApiName("networkConfiguration")] = None
    """How the workload reaches networks and is reached."""
    container: Annotated[Container | None, ApiName("containerConfiguration")] = None
    """The image and how to run it."""
    execution_role_arn: RoleArn | None = None
    """RAM role to run as, `acs:ram::<account>:role/<name>`."""
    log: Annotated[Log | None, ApiName("logConfiguration")] = None
    """Where logs go."""
    nas: Annotated[Nas | None, ApiName("nasConfig")] = None
    """NAS file systems to mount."""


class WorkloadSpec(RunningSpec):
    """Desired state of what always runs. A create must carry cpu, memory and network."""

    cpu: Annotated[Cpu | None, CreateDefault("2")] = None
    """Cores, 0.05 to 16, like 2, 0.5 or 500m."""
    memory: Annotated[Memory | None, CreateDefault("4Gi")] = None
    """Memory in whole Mi or Gi, 128Mi to 32Gi."""
    network: Annotated[
        Network | None, ApiName("networkConfiguration"), CreateDefault({"mode": "Public"})
    ] = None
    """How the workload reaches networks and is reached."""
    arms: Annotated[Arms | None, ApiName("armsConfiguration"), WriteOnly()] = None
    """Application monitoring."""


WORKLOAD_RULES: tuple[Rule, ...] = (
    *CONTAINER_RULES,
    *ENVIRONMENT_RULES,
    PRIVATE_NEEDS_VPC,
    ONE_PLACE,
)
