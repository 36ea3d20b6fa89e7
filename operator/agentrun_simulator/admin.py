"""The `/admin` surface: log, faults, resources and settings over HTTP, outside the API's paths.

It is not signed and meant for the machine it runs on; docs/simulator.md describes it.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agentrun_simulator.controls import Controls
from agentrun_simulator.errors import ServiceError
from agentrun_simulator.faults import Fault

Endpoint = Callable[[Request], Awaitable[Response]]


def administration(controls: Controls) -> Starlette:
    """Return the application that serves `/admin` for a simulator."""
    handlers = _Handlers(controls)
    resource = "/admin/resources/{family}/{key:path}"
    routes: list[tuple[str, str, Endpoint]] = [
        ("GET", "/admin/requests", handlers.list_requests),
        ("DELETE", "/admin/requests", handlers.clear_requests),
        ("GET", "/admin/faults", handlers.list_faults),
        ("POST", "/admin/faults", handlers.add_fault),
        ("DELETE", "/admin/faults", handlers.clear_faults),
        ("DELETE", "/admin/faults/{id:int}", handlers.clear_faults),
        ("GET", "/admin/resources", handlers.list_resources),
        ("PATCH", resource, handlers.edit_resource),
        ("DELETE", resource, handlers.remove_resource),
        ("GET", "/admin/settings", handlers.show_settings),
        ("PUT", "/admin/settings", handlers.change_settings),
        ("POST", "/admin/reset", handlers.reset),
    ]
    return Starlette(
        routes=[Route(path, endpoint, methods=[method]) for method, path, endpoint in routes],
        exception_handlers={
            HTTPException: _on_http_error,
            ServiceError: _on_refusal,
            ValidationError: _on_invalid,
        },
    )


class _Handlers:
    """One method per admin call."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls

    async def list_requests(self, request: Request) -> Response:
        try:
            since = int(request.query_params.get("since", "0"))
        except ValueError:
            raise HTTPException(400, "since must be an integer") from None
        wanted = {n: v for n in ("account", "action") if (v := request.query_params.get(n))}
        entries = [
            entry
            for entry in self._controls.requests(since)
            if all(entry[name] == value for name, value in wanted.items())
        ]
        return JSONResponse({"requests": entries})

    async def clear_requests(self, _: Request) -> Response:
        self._controls.clear_requests()
        return JSONResponse({})

    async def list_faults(self, _: Request) -> Response:
        return JSONResponse({"faults": self._controls.faults()})

    async def add_fault(self, request: Request) -> Response:
        fault = Fault.model_validate(await _document(request))
        return JSONResponse({"id": self._controls.inject(fault)}, status_code=201)

    async def clear_faults(self, request: Request) -> Response:
        self._controls.clear_faults(request.path_params.get("id"))
        return JSONResponse({})

    async def list_resources(self, request: Request) -> Response:
        resources = self._controls.resources(**_place(request))
        counts = Counter({family: len(items) for family, items in resources.items()})
        return JSONResponse({"counts": counts, "resources": resources})

    async def edit_resource(self, request: Request) -> Response:
        changes = await _document(request)
        family, key = request.path_params["family"], request.path_params["key"]
        return JSONResponse(self._controls.edit(family, key, changes, **_place(request)))

    async def remove_resource(self, request: Request) -> Response:
        family, key = request.path_params["family"], request.path_params["key"]
        self._controls.remove(family, key, **_place(request))
        return JSONResponse({})

    async def show_settings(self, _: Request) -> Response:
        return JSONResponse(self._controls.settings.model_dump(mode="json", by_alias=True))

    async def change_settings(self, request: Request) -> Response:
        settings = self._controls.configure(await _document(request))
        return JSONResponse(settings.model_dump(mode="json", by_alias=True))

    async def reset(self, _: Request) -> Response:
        self._controls.reset()
        return JSONResponse({})


async def _document(request: Request) -> dict[str, Any]:
    try:
        document = await request.json()
    except (ValueError, RecursionError):
        raise HTTPException(400, "the request body is not valid JSON") from None
    if not isinstance(document, dict):
        raise HTTPException(400, "the request body must be a JSON object")
    return document


def _place(request: Request) -> dict[str, str | None]:
    return {name: request.query_params.get(name) for name in ("account", "region")}


async def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    return JSONResponse({"error": error.detail}, status_code=error.status_code)


async def _on_refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101 - registered for this class only
    return JSONResponse({"error": error.message}, status_code=error.status)


async def _on_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError)  # noqa: S101 - registered for this class only
    found = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in found]
    return JSONResponse({"error": "; ".join(lines)}, status_code=400)
