"""MemoryCollection and KnowledgeBase (control-plane reference, §8.9, §8.10): synchronous."""

from agentrun_simulator.engine import ServedFamily
from agentrun_simulator.families.common import BY_CREDENTIAL, IN_WORKSPACE, WORKSPACE_FILTERS
from agentrun_simulator.family import SYNCHRONOUS, Filter, Match, Reference

MEMORY_COLLECTION = ServedFamily(
    name="MemoryCollection",
    noun="memory collection",
    collection="/agents/memory-collections",
    key_field="memoryCollectionName",
    name_field="memoryCollectionName",
    lifecycle=SYNCHRONOUS,
    filters=(
        Filter("memoryCollectionName", match=Match.CONTAINS),
        Filter("type"),
        *WORKSPACE_FILTERS,
    ),
    assigned={"memoryCollectionId": "{uuid}"},
    required=("memoryCollectionName",),
    references=(
        IN_WORKSPACE,
        Reference(("llmConfig", "modelServiceName"), "ModelService"),
        Reference(("embedderConfig", "modelServiceName"), "ModelService"),
        Reference(("vectorStoreConfig", "mysqlConfig", "credentialName"), "Credential"),
    ),
)

KNOWLEDGE_BASE = ServedFamily(
    name="KnowledgeBase",
    noun="knowledge base",
    collection="/agents/knowledgebases",
    key_field="knowledgeBaseName",
    name_field="knowledgeBaseName",
    lifecycle=SYNCHRONOUS,
    filters=(Filter("provider"), *WORKSPACE_FILTERS),
    assigned={"knowledgeBaseId": "{uuid}"},
    references=(BY_CREDENTIAL, IN_WORKSPACE),
)
