"""ContainerConfiguration and its registry. Source: control-plane reference, §7."""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Clear,
    EncodedBy,
    Image,
    Inline,
    SecretReference,
    Sensitive,
    SpecModel,
    Unquoted,
    WriteOnly,
)
from agentrun_operator.core.forms import (
    ImageReference,
    RegistryInstanceId,
    SecurityGroupId,
    VpcId,
    VSwitchId,
)
from agentrun_operator.core.kind import Rule
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.words import CAPITALS, OpenWord, Words

Argument = Annotated[str, Field(max_length=4096), Unquoted()]
Command = Annotated[tuple[Argument, ...], Field(max_length=64)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class RegistryCertificate(SpecModel):
    """How the registry's certificate is checked."""

    insecure: bool | None = None
    """Whether the certificate is not checked at all."""
    root_ca_cert_base64: Annotated[
        str | None, Field(alias="rootCaCertBase64", max_length=65_536), ApiName("rootCaCertBase64")
    ] = None
    """Root certificate, PEM in base64."""


class RegistryNetwork(SpecModel):
    """From where in a VPC the registry is reached."""

    vpc_id: VpcId | None = None
    """VPC."""
    v_switch_id: VSwitchId | None = None
    """vSwitch of that VPC."""
    security_group_id: SecurityGroupId | None = None
    """Security group of that VPC."""


class Registry(SpecModel):
    """How the image's registry is reached; the login comes from pullSecretRef."""

    cert: Annotated[RegistryCertificate | None, ApiName("registryConfig.certConfig")] = None
    """How its certificate is checked."""
    network: Annotated[RegistryNetwork | None, ApiName("registryConfig.networkConfig")] = None
    """From where it is reached."""


def _login(container: "Container", resolution: Resolution) -> dict[str, str] | None:
    if container.pull_secret_ref is None:
        return None
    user, password = resolution.registry_login(container.pull_secret_ref.name, container.image)
    return {"userName": user, "password": password}


class Container(SpecModel):
    """An image and how to run it."""

    image: Annotated[ImageReference, Image()]
    """Image with its registry, e.g. `registry.example.com/team/agent:v1`."""
    command: Command = ()
    """Command and arguments, at most 64; unset: the image's own."""
    port: Port | None = None
    """Port that the container listens on, where it differs from spec.port."""
    image_registry_type: Annotated[
        OpenWord | None, Words({"ACR": "ACR", "ACREE": "ACREE", "Custom": "CUSTOM"}, CAPITALS)
    ] = None
    """ACR (Container Registry), ACREE (its Enterprise Edition) or Custom."""
    acr_instance_id: RegistryInstanceId | None = None
    """Instance of the Enterprise Edition; needed with ACREE."""
    registry_config: Annotated[Registry | None, Inline()] = None
    """How the registry is reached."""
    # Quirk: answers may show the password masked.
    pull_secret_ref: Annotated[
        SecretReference | None,
        ApiName("registryConfig.authConfig"),
        EncodedBy(_login),
        Clear({}),
        WriteOnly(),
        Sensitive(),
    ] = None
    """Secret of type kubernetes.io/dockerconfigjson with an entry for the image's registry. A
    trailing line break of its user name or password is not sent. Write-only: a read may mask the
    password, so the login is not compared."""


CONTAINER_RULES = (
    Rule(
        "!has(self.container) || !has(self.container.imageRegistryType)"
        " || self.container.imageRegistryType != 'ACREE' || has(self.container.acrInstanceId)",
        "container.acrInstanceId is required with imageRegistryType ACREE; set it",
        "container.acrInstanceId",
    ),
    Rule(
        "!has(self.container) || !has(self.container.imageRegistryType)"
        " || self.container.imageRegistryType != 'Custom'"
        " || has(self.container.registryConfig) || has(self.container.pullSecretRef)",
        "container.registryConfig or container.pullSecretRef is required with imageRegistryType "
        "Custom; set one",
        "container.pullSecretRef",
    ),
)
