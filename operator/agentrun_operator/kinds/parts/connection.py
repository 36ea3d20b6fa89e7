"""Addresses for workloads to mount."""

from typing import Annotated

from agentrun_operator.core.fields import Names, SpecModel
from agentrun_operator.core.forms import ConfigMapName


class ConnectionTarget(SpecModel):
    """A ConfigMap that the operator creates and owns; one that is not its own is left alone."""

    name: ConfigMapName
    """Name of the ConfigMap, in the object's namespace."""


class WriteConnection(SpecModel):
    """Where to write the address. Never holds a secret."""

    config_map: Annotated[ConnectionTarget, Names(("ConfigMap",))]
    """Gets the key `url`."""
