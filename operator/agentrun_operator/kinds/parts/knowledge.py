"""Knowledge bases of RAGFlow and of Model Studio (Bailian).

Source: control-plane reference, §8.10. Both of a provider's documents, `providerSettings` and
`retrieveSettings`, stand in one object of the spec, so that neither can belong to another provider.
"""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import ApiName, Inline, Name, SpecModel, Unordered
from agentrun_operator.core.forms import CloudId, WebAddress
from agentrun_operator.kinds.parts.percent import in_percent

_Percent = Annotated[int, Field(ge=0, le=100)]
_TopK = Annotated[int, Field(ge=0, le=100)]


def setting(name: str) -> ApiName:
    """Return where a field stands that says which base it is."""
    return ApiName(f"providerSettings.{name}")


def retrieval(name: str) -> ApiName:
    """Return where a field stands that says how the base is searched."""
    return ApiName(f"retrieveSettings.{name}")


class RagflowRetrieve(SpecModel):
    """How RAGFlow searches."""

    similarity_threshold_percent: Annotated[
        _Percent | None,
        retrieval("similarityThreshold"),
        in_percent("similarity_threshold_percent"),
    ] = None
    """Similarity below which a text is left out, in percent; RAGFlow's default 20."""
    vector_weight_percent: Annotated[
        _Percent | None, retrieval("vectorSimilarityWeight"), in_percent("vector_weight_percent")
    ] = None
    """Share of the similarity of vectors in the whole, in percent; the rest is that of words.
    RAGFlow's default 30."""
    cross_languages: Annotated[
        tuple[Name, ...], retrieval("crossLanguages"), Unordered(), Field(max_length=32)
    ] = ()
    """Languages that a question is translated to, e.g. `English`, at most 32."""


class Ragflow(SpecModel):
    """Datasets of a RAGFlow server. The Credential in credentialRef holds its API key."""

    base_url: Annotated[WebAddress, setting("baseUrl")]
    """URL of the server, without a slash at its end, e.g. `https://ragflow.example.com`."""
    dataset_ids: Annotated[
        tuple[Name, ...],
        setting("datasetIds"),
        Unordered(),
        Field(min_length=1, max_length=64),
    ]
    """Ids of the datasets, 1 to 64."""
    retrieve: Annotated[RagflowRetrieve | None, Inline()] = None
    """How it searches."""


class BailianRetrieve(SpecModel):
    """How Model Studio searches."""

    dense_top_k: Annotated[_TopK | None, retrieval("denseSimilarityTopK")] = None
    """Texts found by vectors, 0 to 100; Model Studio's default 100."""
    sparse_top_k: Annotated[_TopK | None, retrieval("sparseSimilarityTopK")] = None
    """Texts found by words, 0 to 100; Model Studio's default 100."""
    rerank_min_score_percent: Annotated[
        int | None,
        retrieval("rerankMinScore"),
        in_percent("rerank_min_score_percent"),
        Field(ge=1, le=100),
    ] = None
    """Score below which a text is left out after reranking, in percent, 1 to 100; default: what the
    index says."""
    rerank_top_n: Annotated[int | None, retrieval("rerankTopN"), Field(ge=1, le=20)] = None
    """Texts that are left after reranking, 1 to 20; Model Studio's default 5."""


class Bailian(SpecModel):
    """Indexes of Model Studio (Bailian)."""

    workspace_id: Annotated[CloudId, setting("workspaceId")]
    """Id of the workspace in Model Studio, which is none of AgentRun's."""
    index_ids: Annotated[
        tuple[Name, ...],
        setting("indexIds"),
        Unordered(),
        Field(min_length=1, max_length=64),
    ]
    """Ids of the indexes, 1 to 64."""
    retrieve: Annotated[BailianRetrieve | None, Inline()] = None
    """How it searches."""
