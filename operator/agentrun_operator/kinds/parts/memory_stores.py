"""Models and the store behind a memory collection. Source: control-plane reference, §8.9."""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import ApiName, Name, Ref, Reference, SpecModel
from agentrun_operator.core.forms import NO_BLANKS
from agentrun_operator.core.kind import Rule
from agentrun_operator.kinds.parts.container import Port
from agentrun_operator.kinds.parts.placement import OutboundCredentialRef

_Host = Annotated[Name, NO_BLANKS]
_Dimension = Annotated[int, Field(ge=1, le=65_536)]


class Model(SpecModel):
    """A model of a model service."""

    model_service_ref: Annotated[
        Reference | None, Ref("ModelService"), ApiName("modelServiceName")
    ] = None
    """The ModelService that offers it."""
    model: Annotated[Name | None, ApiName("config.model")] = None
    """Name of the model, e.g. `qwen-max`."""


class StoreConfig(SpecModel):
    """A vector store that is reached by an endpoint, such as an instance of Tablestore."""

    endpoint: _Host | None = None
    """Its endpoint."""
    instance_name: Name | None = None
    """Name of the instance of Tablestore."""
    collection_name: Name | None = None
    """Name of the collection in it."""
    vector_dimension: _Dimension | None = None
    """Numbers in one vector, 1 to 65536: as many as the embedder makes."""


class Mysql(SpecModel):
    """A vector store in a MySQL database."""

    host: _Host | None = None
    """Host of the database."""
    port: Port | None = None
    """Port of the database, 1 to 65535."""
    db_name: Name | None = None
    """Name of the database."""
    user: Name | None = None
    """User to log in as."""
    credential_ref: OutboundCredentialRef | None = None
    """The Credential whose secret is the user's password (purpose OutboundModel or
    OutboundTool)."""
    collection_name: Name | None = None
    """Name of the collection in the database."""
    vector_dimension: _Dimension | None = None
    """Numbers in one vector, 1 to 65536: as many as the embedder makes."""


class VectorStore(SpecModel):
    """Where vectors are kept."""

    provider: Name | None = None
    """`aliyun_tablestore`, `alibabacloud_mysql` or whatever else the service knows."""
    config: StoreConfig | None = None
    """The store, of any provider but alibabacloud_mysql; excludes mysql."""
    mysql: Annotated[Mysql | None, ApiName("mysqlConfig")] = None
    """The database, of provider alibabacloud_mysql; excludes config."""


_STORE = "self.vectorStore"
_KNOWS_PROVIDER = f"has({_STORE}) && has({_STORE}.provider)"

VECTOR_STORE_RULES = (
    Rule(
        f"!has({_STORE}) || !has({_STORE}.config) || !has({_STORE}.mysql)",
        "vectorStore.config and vectorStore.mysql exclude each other; keep one",
        "vectorStore",
    ),
    Rule(
        f"!({_KNOWS_PROVIDER}) || {_STORE}.provider != 'aliyun_tablestore' || !has({_STORE}.mysql)",
        "vectorStore.mysql belongs to another provider; set the provider to alibabacloud_mysql, "
        "or describe config",
        "vectorStore.provider",
    ),
    Rule(
        f"!({_KNOWS_PROVIDER}) || {_STORE}.provider != 'alibabacloud_mysql'"
        f" || !has({_STORE}.config)",
        "vectorStore.config belongs to another provider; set the provider, e.g. to "
        "aliyun_tablestore, or describe mysql",
        "vectorStore.provider",
    ),
)
