"""Kind → structural schema → CRD, RBAC rules, chart pieces, reference pages."""

from agentrun_operator.crdgen.crd import custom_resource_definition
from agentrun_operator.crdgen.generate import check, generate, write
from agentrun_operator.crdgen.scalars import GenerationError

__all__ = ["GenerationError", "check", "custom_resource_definition", "generate", "write"]
