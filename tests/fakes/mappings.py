"""Where resources live in the API, written by hand: the client is tested without the kinds."""

from agentrun_operator.core.kind import KeyedBy, Paging, Rest, Verb


def by_name(path: str, noun: str, nouns: str, name_field: str) -> Rest:
    """Return the mapping of a collection whose names stand in its paths."""
    return Rest(path, noun, nouns, KeyedBy.NAME, f"{name_field.removesuffix('Name')}Id", name_field)


PROXY = by_name("/agents/model-proxies", "ModelProxy", "ModelProxies", "modelProxyName")
SERVICE = by_name("/agents/model-services", "ModelService", "ModelServices", "modelServiceName")
CREDENTIAL = by_name("/agents/credentials", "Credential", "Credentials", "credentialName")
TEMPLATE = by_name("/templates", "Template", "Templates", "templateName")
RUNTIME = Rest(
    "/agents/runtimes",
    noun="AgentRuntime",
    nouns="AgentRuntimes",
    key=KeyedBy.ID,
    id_field="agentRuntimeId",
    name_field="agentRuntimeName",
    name_filter={"agentRuntimeName": "{name}", "searchMode": "exact"},
)
ENDPOINT = Rest(
    "/agents/runtimes/{parent}/endpoints",
    noun="AgentRuntimeEndpoint",
    nouns="AgentRuntimeEndpoints",
    key=KeyedBy.ID,
    id_field="agentRuntimeEndpointId",
    name_field="agentRuntimeEndpointName",
    name_filter={"endpointName": "{name}", "searchMode": "exact"},
    parent="runtimeRef",
)
RUNTIME_VERSIONS = Rest(
    "/agents/runtimes/{parent}/versions",
    noun="AgentRuntimeVersion",
    nouns="AgentRuntimeVersions",
    key=KeyedBy.ID,
    id_field="agentRuntimeVersion",
    name_field=None,
    creates_by="PublishRuntimeVersion",
)
SANDBOX = Rest(
    "/sandboxes",
    noun="Sandbox",
    nouns="Sandboxes",
    key=KeyedBy.CHOSEN_ID,
    id_field="sandboxId",
    name_field=None,
    paging=Paging.TOKENS,
)
WORKSPACE = Rest(
    "/workspaces",
    noun="Workspace",
    nouns="Workspaces",
    key=KeyedBy.ID,
    id_field="workspaceId",
    name_field="name",
    name_filter={"name": "{name}"},
    items="workspaces",
)
PAUSE = Verb("PAUSED", "PauseSandbox", "PUT", "pause")
RESUME = Verb("READY", "ResumeSandbox", "PUT", "resume")
STOP = Verb("TERMINATED", "StopSandbox", "POST", "stop")
