"""The whole product on one machine: a real control plane, a simulated cloud, a real operator.

`Rig` starts them as processes of their own and ends them. Demo, tests and bench stand on it.
Development only: nothing here ships with the operator.
"""

from rig.cloud import CloudAccount, SimulatedCloud
from rig.cluster import SAMPLES_NAMESPACE
from rig.errors import RigError
from rig.rig import ACCOUNT, NAMESPACE, Rig
from rig.waiting import eventually, is_ready

__all__ = [
    "ACCOUNT",
    "NAMESPACE",
    "SAMPLES_NAMESPACE",
    "CloudAccount",
    "Rig",
    "RigError",
    "SimulatedCloud",
    "eventually",
    "is_ready",
]
