"""A real Kubernetes control plane on this machine, without containers.

`binaries` finds or builds the programs, `launcher` runs them, `audit` reads what the API server
recorded. Development only: nothing here ships with the operator.
"""

from controlplane.audit import AuditEvent, AuditLog
from controlplane.binaries import HELM, KUBERNETES, ensure
from controlplane.errors import BuildError, ControlPlaneError, KubectlError
from controlplane.launcher import ControlPlane

__all__ = [
    "HELM",
    "KUBERNETES",
    "AuditEvent",
    "AuditLog",
    "BuildError",
    "ControlPlane",
    "ControlPlaneError",
    "KubectlError",
    "ensure",
]
