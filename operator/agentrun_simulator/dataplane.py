"""The data plane: sandboxes at work, agents and models answering, all from the same records.

Source: control-plane reference, §1.1 (paths), §2.6 (signature), §3 and §5.2 (sandboxes).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from agentrun_simulator import agentrun4, inbound
from agentrun_simulator.calls import Call
from agentrun_simulator.completions import completion
from agentrun_simulator.engine import Engine
from agentrun_simulator.errors import bad_request, not_found, unknown_api
from agentrun_simulator.families.sandboxes import TERMINATED
from agentrun_simulator.keyring import KeyRing
from agentrun_simulator.reply import Reply, json_bytes
from agentrun_simulator.routing import Route, Router
from agentrun_simulator.signature import SignedRequest
from agentrun_simulator.store import READY, UPDATING, Record, Tenant

_HOST = re.compile(
    r"(?:https?://)?(\d+)(?:-ram)?\.agentrun-data\.([a-z0-9-]+)\.aliyuncs\.com(?::\d+)?"
)
_ROOTS = frozenset({"sandboxes", "agent-runtimes", "models"})
_USABLE = frozenset({READY, UPDATING})


@dataclass(frozen=True)
class DataCall:
    """One call of the data plane, its caller known."""

    tenant: Tenant
    request: SignedRequest
    keys: tuple[str, ...]
    body: dict[str, Any]
    now: datetime
    is_signed: bool


Handler = Callable[["DataPlane", DataCall], "Reply | dict[str, Any]"]


@dataclass(frozen=True)
class DataRoute:
    """Where a request of the data plane goes."""

    action: str
    """Name in log and faults; the API has none for these calls."""
    handler: Handler


class DataPlane:
    """Answers what is outside the versioned paths."""

    def __init__(self, engine: Engine, router: Router, keys: KeyRing) -> None:
        self.engine = engine
        self.router = router
        self._keys = keys

    def match(self, request: SignedRequest) -> tuple[DataRoute, tuple[str, ...]] | None:
        """Return the route of a request and the names in its path; None for another plane's.

        Raises:
            GatewayError: 404 for an unknown path of the data plane.
            ServiceError: 400 for a path that is not UTF-8.
        """
        parts = request.raw_path.strip("/").split("/")
        if parts[0] not in _ROOTS:
            return None
        for (method, pattern), route in _ROUTES.items():
            words = pattern.split("/")
            is_same = len(words) == len(parts) and all(
                word in ("{}", part) for word, part in zip(words, parts, strict=True)
            )
            if is_same and method == request.method:
                return route, _decoded(words, parts)
        raise unknown_api()

    def caller(self, request: SignedRequest, now: datetime) -> tuple[str, str, bool]:
        """Return account and region of a call, and whether its signature vouches for it.

        Raises:
            ServiceError: 403 for a signature that is wrong, or of another account than the host's.
        """
        settings = self.engine.settings
        host = _HOST.fullmatch(request.headers.get("host", ""))
        named = host[1] if host else None
        region = host[2] if host else settings.default_region
        first = settings.accounts[0].account_id
        if not settings.verify_signatures:
            return named or first, region, True
        if agentrun4.HEADER not in request.headers:
            return named or first, region, False
        skew = timedelta(seconds=settings.clock_skew_seconds)
        account = agentrun4.verify(request, self._keys, now, skew)
        if named not in (None, account.account_id):
            raise agentrun4.refused("the key belongs to another account")
        return account.account_id, region, True

    def answer(self, route: DataRoute, call: DataCall, request_id: str) -> Reply:
        """Apply a call and build its answer."""
        found = route.handler(self, call)
        if isinstance(found, Reply):
            return found
        document = {"code": "SUCCESS", "requestId": request_id, "data": found}
        return Reply(200, {"content-type": "application/json"}, json_bytes(document))

    def control(self, action: str, call: DataCall) -> dict[str, Any]:
        """Make the same call of the control plane."""
        route: Route = self.router.named(action)
        found = route.handler(
            Call(
                tenant=call.tenant,
                family=route.family,
                operation=route.operation,
                keys=call.keys,
                query={},
                body=call.body,
                now=call.now,
            )
        )
        return found or {}


def _decoded(words: list[str], parts: list[str]) -> tuple[str, ...]:
    try:
        named = zip(words, parts, strict=True)
        return tuple(unquote(part, errors="strict") for word, part in named if word == "{}")
    except UnicodeDecodeError:
        raise bad_request("the path is not valid UTF-8") from None


# Sandboxes


def _template_of(call: DataCall) -> Record | None:
    name = call.body.get("templateName")
    if call.keys:
        sandbox = call.tenant.get("Sandbox", call.keys[0])
        name = sandbox.data["templateName"] if sandbox else None
    return call.tenant.get("Template", name) if isinstance(name, str) else None


def _check_manager(call: DataCall) -> None:
    """Refuse unsigned calls, unless the template allows them (§8.5)."""
    template = _template_of(call)
    is_open = template is not None and template.data.get("allowAnonymousManage")
    if not call.is_signed and not is_open:
        raise agentrun4.refused("the call is not signed")


def _create_sandbox(plane: DataPlane, call: DataCall) -> dict[str, Any]:
    _check_manager(call)
    return plane.control("CreateSandbox", call)


def _get_sandbox(plane: DataPlane, call: DataCall) -> dict[str, Any]:
    _check_manager(call)
    return plane.control("GetSandbox", call)


def _stop_sandbox(plane: DataPlane, call: DataCall) -> dict[str, Any]:
    _check_manager(call)
    return plane.control("StopSandbox", call)


def _delete_sandbox(plane: DataPlane, call: DataCall) -> dict[str, Any]:
    """Delete a live sandbox; one that has ended is not there any more (§5.2 [S, K])."""
    _check_manager(call)
    _live(call, {TERMINATED})
    return plane.control("DeleteSandbox", call)


def _health(_: DataPlane, call: DataCall) -> Reply:
    """Answer without an envelope (§1.1 [S])."""
    _check_manager(call)
    sandbox = _live(call, {TERMINATED})
    word = "ok" if sandbox.status == READY else sandbox.status.lower()
    return Reply(200, {"content-type": "application/json"}, json_bytes({"status": word}))


def _execute(plane: DataPlane, call: DataCall) -> Reply:
    """Answer the code itself as its output; nothing is ever executed."""
    _check_manager(call)
    sandbox = _live(call, {TERMINATED})
    if sandbox.status != READY:
        raise bad_request(f"sandbox {sandbox.key} must be in {READY} status")
    code = call.body.get("code")
    if not isinstance(code, str):
        raise bad_request("code must be a text")
    context = call.body.get("contextId") or str(plane.engine.identities.new())
    results = [{"type": "stdout", "text": code}, {"type": "endOfExecution", "status": "ok"}]
    document = {"contextId": context, "results": results}
    return Reply(200, {"content-type": "application/json"}, json_bytes(document))


def _live(call: DataCall, ended: set[str]) -> Record:
    sandbox = call.tenant.get("Sandbox", call.keys[0])
    if sandbox is None or sandbox.status in ended:
        raise not_found("sandbox", call.keys[0])
    return sandbox


# Agents and models


def _check_inbound(call: DataCall, record: Record) -> None:
    """Refuse a caller who neither signs nor shows the credential bound to a resource."""
    if call.is_signed:
        return
    name = record.data.get("credentialName")
    credential = call.tenant.get("Credential", name) if name else None
    if credential is None:
        raise agentrun4.refused("the call is not signed")
    inbound.check(credential.data, call.request.headers, call.now)


def _usable(noun: str, name: str, record: Record | None) -> Record:
    if record is None:
        raise not_found(noun, name)
    if record.status not in _USABLE:
        raise bad_request(f"{noun} {name} must be in {READY} status")
    return record


def _invoke_agent(plane: DataPlane, call: DataCall) -> Reply:
    name, endpoint = call.keys
    runtime = call.tenant.named("AgentRuntime", name)
    if runtime is None:
        raise not_found("agent runtime", name)
    _check_inbound(call, runtime)
    _usable("agent runtime", name, runtime)
    found = call.tenant.named("AgentRuntimeEndpoint", endpoint, runtime.key)
    _usable("agent runtime endpoint", endpoint, found)
    return completion(call.body, name, call.now, plane.engine.identities.new())


def _invoke_model(plane: DataPlane, call: DataCall) -> Reply:
    proxy = _proxy(call)
    models = _model_names(proxy)
    default = models[0] if models else call.keys[0]
    return completion(call.body, default, call.now, plane.engine.identities.new())


def _list_models(_: DataPlane, call: DataCall) -> Reply:
    models = [{"id": name, "object": "model"} for name in _model_names(_proxy(call))]
    document = {"object": "list", "data": models}
    return Reply(200, {"content-type": "application/json"}, json_bytes(document))


def _proxy(call: DataCall) -> Record:
    proxy = call.tenant.get("ModelProxy", call.keys[0])
    if proxy is None:
        raise not_found("model proxy", call.keys[0])
    _check_inbound(call, proxy)
    return _usable("model proxy", call.keys[0], proxy)


def _model_names(proxy: Record) -> list[str]:
    config: Mapping[str, Any] = proxy.data.get("proxyConfig") or {}
    endpoints = config.get("endpoints") or ()
    return [name for endpoint in endpoints for name in endpoint.get("modelNames") or ()]


_CHAT = "openai/v1/chat/completions"
_ROUTES: Mapping[tuple[str, str], DataRoute] = {
    ("POST", "sandboxes"): DataRoute("Data.CreateSandbox", _create_sandbox),
    ("GET", "sandboxes/{}"): DataRoute("Data.GetSandbox", _get_sandbox),
    ("DELETE", "sandboxes/{}"): DataRoute("Data.DeleteSandbox", _delete_sandbox),
    ("POST", "sandboxes/{}/stop"): DataRoute("Data.StopSandbox", _stop_sandbox),
    ("GET", "sandboxes/{}/health"): DataRoute("Data.CheckHealth", _health),
    ("POST", "sandboxes/{}/contexts/execute"): DataRoute("Data.ExecuteCode", _execute),
    ("POST", f"agent-runtimes/{{}}/endpoints/{{}}/invocations/{_CHAT}"): DataRoute(
        "Data.InvokeAgentRuntime", _invoke_agent
    ),
    ("POST", "models/{}/v1/chat/completions"): DataRoute("Data.InvokeModel", _invoke_model),
    ("GET", "models/{}/v1/models"): DataRoute("Data.ListModels", _list_models),
}
