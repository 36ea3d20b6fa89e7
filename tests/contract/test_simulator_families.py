"""Every family through its whole life, driven by the official client, sync and async."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from alibabacloud_agentrun20250910 import models
from alibabacloud_tea_openapi.exceptions import ClientException

Call = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """How one family is used through the official client."""

    kind: str
    plural: str
    key: str
    name: str
    fields: dict[str, Any]
    change: dict[str, Any] | None
    list_fields: dict[str, Any] = field(default_factory=dict)
    existing: int = 0
    """Resources that are there from the start."""

    def __str__(self) -> str:
        return self.kind


PUBLIC = models.NetworkConfiguration(network_mode="PUBLIC")
RUNTIME: dict[str, Any] = {
    "artifact_type": "Container",
    "container_configuration": models.ContainerConfiguration(image="registry.example/ns/app:v1"),
    "cpu": 2,
    "memory": 2048,
    "port": 9000,
    "network_configuration": PUBLIC,
}
CASES = (
    Case(
        "credential",
        "credentials",
        key="credential_name",
        name="credential_name",
        fields={
            "credential_auth_type": "api_key",
            "credential_source_type": "internal",
            "credential_secret": "s3cret",
        },
        change={"credential_secret": "n3w"},
    ),
    Case(
        "workspace",
        "workspaces",
        key="workspace_id",
        name="name",
        fields={},
        change={"description": "changed"},
        existing=1,
    ),
    Case(
        "agent_runtime",
        "agent_runtimes",
        key="agent_runtime_id",
        name="agent_runtime_name",
        fields=RUNTIME,
        change={"cpu": 4},
    ),
    Case(
        "agent_runtime_endpoint",
        "agent_runtime_endpoints",
        key="agent_runtime_endpoint_id",
        name="agent_runtime_endpoint_name",
        fields={"target_version": "LATEST"},
        change={"target_version": "1"},
    ),
    Case(
        "model_service",
        "model_services",
        key="model_service_name",
        name="model_service_name",
        fields={
            "model_type": "llm",
            "provider": "tongyi",
            "provider_settings": models.ProviderSettings(base_url="https://m.example/v1"),
        },
        change={"description": "changed"},
        list_fields={"model_type": "llm"},
    ),
    Case(
        "model_proxy",
        "model_proxies",
        key="model_proxy_name",
        name="model_proxy_name",
        fields={
            "cpu": 2,
            "memory": 2048,
            "proxy_mode": "single",
            "execution_role_arn": "acs:ram::1:role/agentrun",
            "proxy_config": models.ProxyConfig(),
        },
        change={"description": "changed"},
    ),
    Case(
        "template",
        "templates",
        key="template_name",
        name="template_name",
        fields={
            "cpu": 2,
            "memory": 2048,
            "template_type": "CodeInterpreter",
            "network_configuration": PUBLIC,
        },
        change={"description": "changed"},
    ),
    Case(
        "sandbox",
        "sandboxes",
        key="sandbox_id",
        name="sandbox_id",
        fields={"template_name": "code"},
        change=None,
    ),
)


def camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def pascal(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


class Family:
    """The official client's five calls for one family."""

    def __init__(self, case: Case, call: Call, parents: tuple[str, ...]) -> None:
        self.case = case
        self._call = call
        self._parents = parents

    def _body(self, verb: str, fields: dict[str, Any]) -> Any:
        name = f"{verb}{pascal(self.case.kind)}"
        document = getattr(models, f"{name}Input")(**fields)
        return getattr(models, f"{name}Request")(body=document)

    def create(self, name: str) -> Any:
        fields = self.case.fields | {self.case.name: name}
        request = self._body("Create", fields)
        return self._call(f"create_{self.case.kind}", *self._parents, request).body.data

    def get(self, key: str) -> Any:
        method = f"get_{self.case.kind}"
        if self.case.kind == "agent_runtime":
            return self._call(method, key, models.GetAgentRuntimeRequest()).body.data
        return self._call(method, *self._parents, key).body.data

    def update(self, key: str) -> Any:
        assert self.case.change is not None
        request = self._body("Update", self.case.change)
        return self._call(f"update_{self.case.kind}", *self._parents, key, request).body.data

    def delete(self, key: str) -> Any:
        return self._call(f"delete_{self.case.kind}", *self._parents, key).body

    def page(self, **fields: Any) -> Any:
        request = getattr(models, f"List{pascal(self.case.plural)}Request")
        found = request(**(self.case.list_fields | fields))
        return self._call(f"list_{self.case.plural}", *self._parents, found).body.data

    def settled(self, key: str) -> Any:
        found = self.get(key)
        assert not (getattr(found, "status", None) or "READY").endswith("ING")
        return found


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, client: Any) -> Call:
    """Call an operation of the official client by name, in one of its two ways."""
    if request.param == "sync":
        return lambda method, *arguments: getattr(client, method)(*arguments)

    def call_async(method: str, *arguments: Any) -> Any:
        return asyncio.run(getattr(client, f"{method}_async")(*arguments))

    return call_async


@pytest.fixture(params=CASES, ids=str)
def family(request: pytest.FixtureRequest, call: Call) -> Family:
    """One family, with what it needs in place."""
    case: Case = request.param
    parents: tuple[str, ...] = ()
    if case.kind == "agent_runtime_endpoint":
        runtime = Family(next(c for c in CASES if c.kind == "agent_runtime"), call, ())
        parents = (runtime.settled(runtime.create("parent").agent_runtime_id).agent_runtime_id,)
    if case.kind == "sandbox":
        template = Family(next(c for c in CASES if c.kind == "template"), call, ())
        template.settled(template.create("code").template_name)
    return Family(case, call, parents)


def test_a_resource_lives_from_create_to_404(family: Family) -> None:
    created = family.create("one")
    key = getattr(created, family.case.key)
    ready = family.settled(key)
    assert getattr(ready, family.case.name) == "one"
    assert getattr(ready, "status", None) in (None, "READY")

    if family.case.change is not None:
        family.update(key)
        updated = family.settled(key)
        for name, value in family.case.change.items():
            assert getattr(updated, name) == value
        before, after = ready.to_map(), updated.to_map()
        changed = {name for name in after if after[name] != before.get(name)}
        wire_names = {camel(name) for name in family.case.change}
        assert changed <= wire_names | {"updatedAt", "lastUpdatedAt"}

    family.delete(key)
    with pytest.raises(ClientException, match="not found") as gone:
        family.settled(key)
    assert gone.value.status_code == 404
    with pytest.raises(ClientException) as again:
        family.delete(key)
    assert again.value.status_code == 404


def test_a_collection_is_listed_in_pages(family: Family) -> None:
    names = {"one", "two", "three", "four", "five"}
    for name in names:
        family.create(name)
    expected = len(names) + family.case.existing

    found: list[Any] = []
    if family.case.kind == "sandbox":
        token, pages = None, 0
        while pages == 0 or token:
            page = family.page(max_results=2, next_token=token)
            found += page.items
            token, pages = page.next_token, pages + 1
        assert pages == 3
    else:
        is_text = family.case.kind == "workspace"
        for number in (1, 2, 3, 4):
            sizes = (str(number), "2") if is_text else (number, 2)
            page = family.page(page_number=sizes[0], page_size=sizes[1])
            found += page.workspaces if is_text else page.items
            assert int(page.page_number) == number
            assert int(page.page_size) == 2
            assert int(page.total) == expected
    assert len(found) == expected
    assert names <= {getattr(item, family.case.name) for item in found}


def test_a_duplicate_name_is_refused(family: Family) -> None:
    family.create("one")
    with pytest.raises(Exception, match="already exists") as refused:
        family.create("one")
    status = 500 if family.case.kind == "model_proxy" else 409
    assert refused.value.status_code == status  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["a b/c~*+中:@,", "%2F", "?#&=", "a//b"])
@pytest.mark.parametrize("way", ["sync", "async"])
def test_any_name_survives_the_path(client: Any, name: str, way: str) -> None:
    def call(method: str, *arguments: Any) -> Any:
        if way == "sync":
            return getattr(client, method)(*arguments)
        return asyncio.run(getattr(client, f"{method}_async")(*arguments))

    credential = Family(CASES[0], call, ())
    credential.create(name)
    assert credential.get(name).credential_name == name
    assert [item.credential_name for item in credential.page(credential_name=name).items] == [name]
    credential.delete(name)
