"""Knowledge bases of Tablestore (OTS). Source: control-plane reference, §8.10."""

from typing import Annotated, Any

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    FreeForm,
    Inline,
    Name,
    SecretSource,
    SpecModel,
    Unordered,
    WriteOnly,
)
from agentrun_operator.core.forms import WebAddress
from agentrun_operator.core.kind import Rule
from agentrun_operator.kinds.parts.knowledge import retrieval, setting
from agentrun_operator.kinds.parts.percent import in_percent

_Results = Annotated[int, Field(ge=1, le=10_000)]
_Weight = Annotated[int, Field(ge=0, le=1_000_000)]
_VectorWeight = Annotated[
    _Weight | None, ApiName("denseVectorSearchWeight"), in_percent("dense_vector_weight_percent")
]
_TextWeight = Annotated[
    _Weight | None, ApiName("fullTextSearchWeight"), in_percent("full_text_weight_percent")
]


class OtsMetadataField(SpecModel):
    """A field that documents have beside their text."""

    name: Name
    """Name of the field."""
    type: Name
    """`string`, `long`, `double`, `boolean`, `date`, or a list of these such as `string_list`."""


class OtsEmbedding(SpecModel):
    """What makes vectors of texts."""

    provider: Name
    """Who offers the model, e.g. `bailian`."""
    model: Name
    """Name of the model, e.g. `text-embedding-v3`."""
    dimension: Annotated[int, Field(ge=1, le=65_536)]
    """Numbers in one vector, 1 to 65536: as many as the model makes."""
    url: WebAddress | None = None
    """URL of the model, where it is not the provider's own."""
    # Quirk: it is not attested whether a read returns it, masked or not.
    api_key_from: Annotated[SecretSource | None, ApiName("apiKey"), WriteOnly()] = None
    """The provider's API key, by reference. Write-only: whether a read returns it is not known, so
    it is not compared."""


class OtsWeights(SpecModel):
    """Weighted scores: how much either way to search counts. No default is known."""

    dense_vector_weight_percent: _VectorWeight = None
    """Weight of what vectors find, in percent."""
    full_text_weight_percent: _TextWeight = None
    """Weight of what words find, in percent."""


class OtsRrf(SpecModel):
    """Reciprocal rank fusion: by the ranks that a text has."""

    dense_vector_weight_percent: _VectorWeight = None
    """Weight of what vectors find, in percent; Tablestore's default 100."""
    full_text_weight_percent: _TextWeight = None
    """Weight of what words find, in percent; Tablestore's default 100."""
    k: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    """The constant k: the larger, the less the first ranks count; Tablestore's default 60."""


class OtsRerankModel(SpecModel):
    """A model that reranks."""

    provider: Name | None = None
    """Who offers it."""
    model: Name | None = None
    """Name of the model."""


class OtsReranking(SpecModel):
    """How hits of words and vectors are merged."""

    type: Name | None = None
    """`RRF`, `WEIGHT`, `MODEL` or whatever else the service knows; Tablestore's default RRF."""
    number_of_results: _Results | None = None
    """Texts that are left, 1 to 10000; Tablestore's default 20."""
    rrf: Annotated[OtsRrf | None, ApiName("rrfConfiguration")] = None
    """By ranks; of type RRF."""
    weight: Annotated[OtsWeights | None, ApiName("weightConfiguration")] = None
    """By weighted scores; of type WEIGHT."""
    model: Annotated[OtsRerankModel | None, ApiName("modelConfiguration")] = None
    """By a model; of type MODEL."""


class OtsRetrieve(SpecModel):
    """How Tablestore searches."""

    search_types: Annotated[
        tuple[Name, ...], retrieval("searchType"), Unordered(), Field(max_length=8)
    ] = ()
    """What is searched: `DENSE_VECTOR` (vectors), `FULL_TEXT` (words) or both, at most 8."""
    dense_vector_results: Annotated[
        _Results | None, retrieval("denseVectorSearchConfiguration.numberOfResults")
    ] = None
    """Texts found by vectors, 1 to 10000; Tablestore's default 20."""
    full_text_results: Annotated[
        _Results | None, retrieval("fullTextSearchConfiguration.numberOfResults")
    ] = None
    """Texts found by words, 1 to 10000; Tablestore's default 20."""
    reranking: Annotated[OtsReranking | None, retrieval("rerankingConfiguration")] = None
    """How both are merged."""
    filter: Annotated[dict[str, Any] | None, retrieval("filter"), FreeForm()] = None
    """What the metadata of a text must say, in the words of Tablestore."""


class Ots(SpecModel):
    """A knowledge base in Tablestore, which has the name of this one."""

    instance_name: Annotated[Name, setting("otsInstanceName")]
    """Name of the instance."""
    tags: Annotated[tuple[Name, ...], setting("tags"), Unordered(), Field(max_length=64)] = ()
    """Tags, at most 64."""
    metadata: Annotated[
        tuple[OtsMetadataField, ...],
        setting("metadata"),
        Unordered("name"),
        Field(max_length=64),
    ] = ()
    """Fields that documents have beside their text, at most 64."""
    embedding: Annotated[OtsEmbedding | None, setting("embeddingConfiguration")] = None
    """What makes vectors of texts."""
    retrieve: Annotated[OtsRetrieve | None, Inline()] = None
    """How it searches."""


_RERANKING = "self.ots.retrieve.reranking"
_TYPE = f"(has({_RERANKING}.type) ? {_RERANKING}.type : 'RRF')"
RERANKING_RULE = Rule(
    f"!has(self.ots) || !has(self.ots.retrieve) || !has({_RERANKING})"
    f" || ((!has({_RERANKING}.rrf) || {_TYPE} == 'RRF')"
    f" && (!has({_RERANKING}.weight) || {_TYPE} == 'WEIGHT')"
    f" && (!has({_RERANKING}.model) || {_TYPE} == 'MODEL'))",
    "ots.retrieve.reranking: rrf belongs to type RRF, weight to WEIGHT and model to MODEL; keep "
    "the one of its type",
    "ots.retrieve.reranking",
)
