"""ModelService: a model provider, registered for model proxies to call.

Source: control-plane reference, §8.7. Left out: `status` and `statusReason`, which the update
accepts but which belong to the service.
"""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Immutable,
    Name,
    SecretSource,
    SpecModel,
    Unordered,
    WriteOnly,
)
from agentrun_operator.core.forms import WebAddress
from agentrun_operator.core.kind import Column, KeyedBy, ResourceKind, Rest, Rule
from agentrun_operator.kinds.parts.model_info import ModelInfo
from agentrun_operator.kinds.parts.network import PRIVATE_NEEDS_VPC, Network
from agentrun_operator.kinds.parts.placement import (
    ONE_PLACE,
    PLACE,
    ModelCredentialRef,
    PlacedObserved,
    PlacedSpec,
)
from agentrun_operator.kinds.parts.rules import required


class ProviderSettings(SpecModel):
    """How to reach the provider."""

    # Quirk: it is not attested whether a read returns the key, masked or not.
    api_key_from: Annotated[SecretSource | None, ApiName("apiKey"), WriteOnly()] = None
    """The provider's API key, by reference; alternatively spec.credentialRef. Write-only: whether a
    read returns it is not known, so it is not compared."""
    base_url: WebAddress | None = None
    """Base URL of the provider's API, e.g. `https://api.openai.com/v1`."""
    model_names: Annotated[tuple[Name, ...], Unordered(), Field(max_length=256)] = ()
    """Names of the models offered, at most 256."""


class ModelServiceSpec(PlacedSpec):
    """Desired state of one model service."""

    model_type: Annotated[Name | None, Immutable()] = None
    """Type of the models: `llm`, `text-embedding`, `rerank`, `speech2text`, `tts`, `moderation` and
    whatever else the service knows."""
    provider: Annotated[Name | None, Immutable()] = None
    """Provider, e.g. `openai` or `tongyi`."""
    provider_settings: ProviderSettings | None = None
    """How to reach the provider."""
    credential_ref: ModelCredentialRef | None = None
    """The Credential that holds the provider's key (purpose OutboundModel)."""
    models: Annotated[
        tuple[ModelInfo, ...],
        ApiName("modelInfoConfigs"),
        Unordered("modelName"),
        Field(max_length=64),
    ] = ()
    """What single models can do, at most 64 entries, one per model."""
    network: Annotated[Network | None, ApiName("networkConfiguration")] = None
    """Network from which the provider is called; server default: the public network."""


class ModelServiceObserved(PlacedObserved):
    """What `status.atProvider` shows."""

    model_service_id: str | None = None
    """Informative id; the API's key is the name."""


KIND = ResourceKind(
    kind="ModelService",
    plural="modelservices",
    short_names=("arms",),
    summary="A model provider that model proxies can call.",
    spec=ModelServiceSpec,
    observed=ModelServiceObserved,
    rest=Rest(
        "/agents/model-services",
        noun="ModelService",
        nouns="ModelServices",
        key=KeyedBy.NAME,
        id_field="modelServiceId",
        name_field="modelServiceName",
        partitions={"modelType": "modelType"},
    ),
    derived=(PLACE,),
    rules=(
        required("modelType", "set it, e.g. to llm"),
        required("provider", "set it, e.g. to openai or tongyi"),
        required("providerSettings", "name at least its baseUrl or modelNames"),
        Rule(
            "!has(self.providerSettings) || has(self.providerSettings.baseUrl)"
            " || has(self.providerSettings.modelNames) || has(self.providerSettings.apiKeyFrom)",
            "providerSettings has no baseUrl, modelNames or apiKeyFrom; set baseUrl or modelNames",
            "providerSettings",
        ),
        PRIVATE_NEEDS_VPC,
        ONE_PLACE,
    ),
    columns=(Column("Provider", ".spec.provider"), Column("Type", ".spec.modelType")),
)
