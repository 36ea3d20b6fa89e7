"""Knowledge bases of AnalyticDB for PostgreSQL. Source: control-plane reference, §8.10.

On the wire its fields have the names of that database's own API, in PascalCase. Left out: `Filter`,
which is deprecated and which the official SDK ignores.
"""

from typing import Annotated, Any

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    FreeForm,
    Inline,
    Name,
    SecretSource,
    ServerDefault,
    SpecModel,
    Text,
    WriteOnly,
)
from agentrun_operator.core.forms import CloudId
from agentrun_operator.core.kind import Rule
from agentrun_operator.kinds.parts.knowledge import retrieval, setting
from agentrun_operator.kinds.parts.percent import in_percent


class AdbRerankModel(SpecModel):
    """A model that reranks."""

    name: Annotated[Name, ApiName("Name")]
    """Name of the model: `qwen3-rerank`, `gte-rerank-v2` or whatever else the service knows."""
    instruct: Annotated[Text | None, ApiName("Instruct")] = None
    """What to sort by, in words; `qwen3-rerank` alone reads it."""


class AdbRetrieve(SpecModel):
    """How the database searches."""

    top_k: Annotated[int | None, retrieval("TopK"), Field(ge=1, le=10_000)] = None
    """Texts to return, 1 to 10000."""
    use_full_text_retrieval: Annotated[
        bool | None, retrieval("UseFullTextRetrieval"), ServerDefault("false")
    ] = None
    """Whether words are searched beside vectors; server default false."""
    rerank_factor_percent: Annotated[
        int | None,
        retrieval("RerankFactor"),
        in_percent("rerank_factor_percent"),
        Field(ge=101, le=500),
    ] = None
    """Texts to rerank, in percent of topK, 101 to 500, and at most 50 texts; unset: none."""
    rerank_model: Annotated[AdbRerankModel | None, retrieval("RerankModel")] = None
    """The model that reranks; needs rerankFactorPercent."""
    recall_window: Annotated[
        tuple[Annotated[int, Field(ge=-10, le=10)], ...],
        retrieval("RecallWindow"),
        Field(min_length=2, max_length=2),
    ] = ()
    """Texts around each hit to return as well: first to last, e.g. `[-2, 3]`. The first is -10 to
    0, the last 0 to 10."""
    hybrid_search: Annotated[Name | None, retrieval("HybridSearch")] = None
    """How hits of words and vectors are merged: `RRF` (by ranks), `Weight` (by weighted scores),
    `Cascaded` (vectors among the hits of words) or whatever else the service knows; unset: by
    scores."""
    hybrid_search_args: Annotated[
        dict[str, Any] | None, retrieval("HybridSearchArgs"), FreeForm()
    ] = None
    """Arguments of that, e.g. `{RRF: {k: 60}}` or `{Weight: {alpha: 0.5}}`. k is above 1; alpha is
    the share of vectors, 0 to 1."""


class Adb(SpecModel):
    """A collection in AnalyticDB for PostgreSQL, which has the name of the knowledge base."""

    instance_id: Annotated[CloudId, setting("DBInstanceId")]
    """Id of the instance, e.g. `gp-bp1`."""
    namespace: Annotated[Name, setting("Namespace")]
    """Namespace in the database, e.g. `public`."""
    # Quirk: it is not attested whether a read returns it, masked or not.
    namespace_password_from: Annotated[SecretSource, setting("NamespacePassword"), WriteOnly()]
    """Password of that namespace, by reference. Write-only: whether a read returns it is not known,
    so it is not compared."""
    embedding_model: Annotated[Name | None, setting("EmbeddingModel")] = None
    """Model that makes vectors of texts, e.g. `text-embedding-v3`."""
    metrics: Annotated[Name | None, setting("Metrics")] = None
    """How vectors are compared: `l2` (distance), `ip` (inner product) or `cosine`; unset: as the
    collection says."""
    metadata: Annotated[Text | None, setting("Metadata")] = None
    """Fields that documents have beside their text, JSON text."""
    retrieve: Annotated[AdbRetrieve | None, Inline()] = None
    """How it searches."""


_NO_SEARCH = "!has(self.adb) || !has(self.adb.retrieve)"
_WINDOW = "self.adb.retrieve.recallWindow"
RECALL_WINDOW_RULE = Rule(
    f"{_NO_SEARCH} || !has({_WINDOW}) || ({_WINDOW}[0] <= 0 && {_WINDOW}[1] >= 0)",
    "adb.retrieve.recallWindow must be a number from -10 to 0 and one from 0 to 10; "
    "write it like [-2, 3]",
    "adb.retrieve.recallWindow",
)
RERANK_MODEL_RULE = Rule(
    f"{_NO_SEARCH} || !has(self.adb.retrieve.rerankModel)"
    " || has(self.adb.retrieve.rerankFactorPercent)",
    "adb.retrieve.rerankModel needs rerankFactorPercent, without which nothing is reranked; set it "
    "or take the model out",
    "adb.retrieve.rerankModel",
)
