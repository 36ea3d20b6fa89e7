"""How a tool is made, and what each way needs and excludes.

Source: control-plane reference, §8.8.
"""

from agentrun_operator.core.kind import Rule
from agentrun_operator.kinds.parts.rules import OBSERVES

METHODS = {
    "McpRemote": "MCP_REMOTE",
    "McpLocalStdio": "MCP_LOCAL_STDIO",
    "McpBundle": "MCP_BUNDLE",
    "CodePackage": "CODE_PACKAGE",
    "OpenApiImport": "OPENAPI_IMPORT",
}


def _unless_made(*methods: str) -> str:
    return f"!has(self.createMethod) || !(self.createMethod in {list(methods)})"


_ELSEWHERE = _unless_made("McpRemote", "OpenApiImport")
_IS_MCP = "!has(self.type) || self.type == 'MCP'"

METHOD_RULES: tuple[Rule, ...] = (
    Rule(
        f"{_unless_made('McpRemote', 'McpLocalStdio', 'McpBundle')} || {OBSERVES} || {_IS_MCP}",
        "createMethod McpRemote, McpLocalStdio and McpBundle make type MCP; set the type to MCP, "
        "or the method to CodePackage or OpenApiImport",
        "createMethod",
    ),
    Rule(
        f"{_ELSEWHERE} || (!has(self.container) && !has(self.code))",
        "createMethod McpRemote and OpenApiImport name a server that runs elsewhere; remove "
        "container and code, or set another method",
        "createMethod",
    ),
    Rule(
        f"{_ELSEWHERE} || {OBSERVES} || has(self.protocolSpec) || has(self.protocolSpecFrom)",
        "protocolSpec or protocolSpecFrom is required with createMethod McpRemote or "
        "OpenApiImport; set one",
        "protocolSpec",
    ),
    Rule(
        f"{_unless_made('CodePackage')} || {OBSERVES} || has(self.code)",
        "code is required with createMethod CodePackage; say where the archive is",
        "code",
    ),
    Rule(
        "!has(self.code) || has(self.code.language) || (has(self.type) && self.type == 'Skill')",
        "code.language is required unless the type is Skill; set it, e.g. to python3.12",
        "code",
    ),
    Rule(
        f"!has(self.mcp) || {_IS_MCP}",
        "mcp belongs to type MCP; remove it, or set the type to MCP",
        "mcp",
    ),
    Rule(
        "!has(self.container) || !has(self.code)",
        "container and code exclude each other; keep the one that this tool is made from",
        "container",
    ),
)
