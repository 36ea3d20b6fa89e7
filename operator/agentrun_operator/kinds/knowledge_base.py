"""KnowledgeBase: documents that agents search, kept by another service.

Source: control-plane reference, §8.10. Synchronous: it is ready when the call returns. The API
takes a word and two documents without a schema; the official SDK knows their shapes, per provider.
"""

from typing import Annotated

from agentrun_operator.core.fields import Inline
from agentrun_operator.core.kind import Derived, KeyedBy, ResourceKind, Rest
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.kinds.parts.knowledge import Bailian, Ragflow
from agentrun_operator.kinds.parts.knowledge_adb import RECALL_WINDOW_RULE, RERANK_MODEL_RULE, Adb
from agentrun_operator.kinds.parts.knowledge_ots import RERANKING_RULE, Ots
from agentrun_operator.kinds.parts.placement import (
    ONE_PLACE,
    PLACE,
    OutboundCredentialRef,
    PlacedObserved,
    PlacedSpec,
)
from agentrun_operator.kinds.parts.rules import exactly_one, never_switches

_PROVIDERS = ("ragflow", "bailian", "adb", "ots")
"""Fields of the spec, and the words of the API."""


class KnowledgeBaseSpec(PlacedSpec):
    """Desired state of one knowledge base: exactly one of ragflow, bailian, adb and ots."""

    ragflow: Annotated[Ragflow | None, Inline()] = None
    """Datasets of a RAGFlow server."""
    bailian: Annotated[Bailian | None, Inline()] = None
    """Indexes of Model Studio (Bailian)."""
    adb: Annotated[Adb | None, Inline()] = None
    """A collection in AnalyticDB for PostgreSQL, which has the name of the knowledge base in
    AgentRun."""
    ots: Annotated[Ots | None, Inline()] = None
    """A knowledge base in Tablestore, which has the name of this one in AgentRun."""
    credential_ref: OutboundCredentialRef | None = None
    """The Credential that is shown to the provider (purpose OutboundModel or OutboundTool). The
    API's description requires none; the official SDK searches ragflow with one only, whose secret
    is RAGFlow's API key."""


class KnowledgeBaseObserved(PlacedObserved):
    """What `status.atProvider` shows."""

    knowledge_base_id: str | None = None
    """Informative id; the API's key is the name."""


def _provider(spec: KnowledgeBaseSpec, _: Resolution) -> str | None:
    return next((name for name in _PROVIDERS if getattr(spec, name) is not None), None)


KIND = ResourceKind(
    kind="KnowledgeBase",
    plural="knowledgebases",
    short_names=("arkb",),
    summary="Documents that agents search, kept by another service.",
    spec=KnowledgeBaseSpec,
    observed=KnowledgeBaseObserved,
    rest=Rest(
        "/agents/knowledgebases",
        noun="KnowledgeBase",
        nouns="KnowledgeBases",
        key=KeyedBy.NAME,
        id_field="knowledgeBaseId",
        name_field="knowledgeBaseName",
        state_field=None,
        state_reason_field=None,
    ),
    derived=(Derived("provider", "provider", _provider, immutable=True), PLACE),
    rules=(
        exactly_one(_PROVIDERS, "keep the one that keeps the documents"),
        never_switches(_PROVIDERS, "create another KnowledgeBase for the other provider"),
        ONE_PLACE,
        RECALL_WINDOW_RULE,
        RERANK_MODEL_RULE,
        RERANKING_RULE,
    ),
)
