"""Logs and traces. Source: control-plane reference, §7."""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import ApiName, SecretSource, SpecModel
from agentrun_operator.core.forms import SlsName


class Log(SpecModel):
    """Where logs go in Simple Log Service; both or neither."""

    project: SlsName
    """Log project."""
    logstore: SlsName
    """Logstore in that project."""


class Arms(SpecModel):
    """Application monitoring. No answer of the API carries it, so its drift cannot be seen."""

    enabled: Annotated[bool | None, ApiName("enableArms")] = None
    """Whether traces and metrics go to ARMS."""
    license_key_from: Annotated[SecretSource | None, ApiName("armsLicenseKey")] = None
    """The ARMS licence key, by reference."""
    cms_workspace: Annotated[str | None, Field(max_length=253)] = None
    """CloudMonitor workspace."""
