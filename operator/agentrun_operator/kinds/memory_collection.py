"""MemoryCollection: what agents remember, kept in a vector store.

Source: control-plane reference, §8.9. Synchronous: it is ready when the call returns.
"""

from typing import Annotated

from agentrun_operator.core.fields import ApiName, Immutable, Name, WriteOnly
from agentrun_operator.core.kind import Column, KeyedBy, ResourceKind, Rest
from agentrun_operator.kinds.parts.memory_stores import VECTOR_STORE_RULES, Model, VectorStore
from agentrun_operator.kinds.parts.network import PRIVATE_NEEDS_VPC, Network
from agentrun_operator.kinds.parts.placement import (
    ONE_PLACE,
    PLACE,
    PlacedObserved,
    PlacedSpec,
    RoleArn,
)


class MemoryCollectionSpec(PlacedSpec):
    """Desired state of one memory collection."""

    type: Annotated[Name | None, Immutable(), WriteOnly()] = None
    """What manages the memory, e.g. `mem0`. Immutable."""
    llm: Annotated[Model | None, ApiName("llmConfig")] = None
    """The model that reads conversations and says what to remember."""
    embedder: Annotated[Model | None, ApiName("embedderConfig")] = None
    """The model that makes vectors of texts."""
    vector_store: Annotated[VectorStore | None, ApiName("vectorStoreConfig")] = None
    """Where the vectors are kept."""
    enable_conversation_history: bool | None = None
    """Whether whole conversations are kept."""
    enable_conversation_state: bool | None = None
    """Whether the state of conversations is kept."""
    execution_role_arn: RoleArn | None = None
    """RAM role to reach models and store with, `acs:ram::<account>:role/<name>`."""
    network: Annotated[Network | None, ApiName("networkConfiguration")] = None
    """Network from which the store is reached."""


class MemoryCollectionObserved(PlacedObserved):
    """What `status.atProvider` shows."""

    memory_collection_id: str | None = None
    """Informative id; the API's key is the name."""


KIND = ResourceKind(
    kind="MemoryCollection",
    plural="memorycollections",
    short_names=("armem",),
    summary="What agents remember, kept in a vector store.",
    spec=MemoryCollectionSpec,
    observed=MemoryCollectionObserved,
    rest=Rest(
        "/agents/memory-collections",
        noun="MemoryCollection",
        nouns="MemoryCollections",
        key=KeyedBy.NAME,
        id_field="memoryCollectionId",
        name_field="memoryCollectionName",
        name_filter={"memoryCollectionName": "{name}"},
        state_field=None,
        state_reason_field=None,
    ),
    derived=(PLACE,),
    rules=(*VECTOR_STORE_RULES, PRIVATE_NEEDS_VPC, ONE_PLACE),
    columns=(Column("Store", ".spec.vectorStore.provider"),),
)
