"""agentrun-sdk in a process of its own, used as documented and pointed here by its variables."""

import json
import sys
from pathlib import Path
from typing import Any

from agentrun_simulator.simulator import Simulator
from fakes.official import environment, run

STORY = """
import json
from agentrun.agent_runtime import (
    AgentRuntime, AgentRuntimeContainer, AgentRuntimeCreateInput, AgentRuntimeEndpointCreateInput,
    AgentRuntimeUpdateInput,
)
from agentrun.credential import Credential, CredentialConfig, CredentialCreateInput
from agentrun.utils.exception import ResourceAlreadyExistError, ResourceNotExistError

told = {}

def word(status):
    return getattr(status, "value", status)

wanted = CredentialCreateInput(
    credential_name="key", credential_config=CredentialConfig.inbound_api_key("s3cret")
)
told["secret"] = Credential.create(wanted).credential_secret
try:
    Credential.create(wanted)
except ResourceAlreadyExistError:
    told["duplicate"] = True
told["listed"] = [item.credential_name for item in Credential.list_all()]

runtime = AgentRuntime.create(AgentRuntimeCreateInput(
    agent_runtime_name="chat",
    container_configuration=AgentRuntimeContainer(image="registry.example/app:v1"),
    credential_name="key",
))
told["created"] = word(runtime.status)
runtime.wait_until_ready_or_failed(interval_seconds=0.05, timeout_seconds=60)
told["ready"] = word(runtime.status)
endpoint = runtime.create_endpoint(
    AgentRuntimeEndpointCreateInput(agent_runtime_endpoint_name="default")
)
endpoint.wait_until_ready_or_failed(interval_seconds=0.05, timeout_seconds=60)
told["url"] = endpoint.endpoint_public_url
runtime.update(AgentRuntimeUpdateInput(description="changed"))
runtime.wait_until_ready_or_failed(interval_seconds=0.05, timeout_seconds=60)
told["description"] = runtime.description
runtime.delete_and_wait_until_finished(interval_seconds=0.05, timeout_seconds=60)
try:
    AgentRuntime.get_by_id(runtime.agent_runtime_id)
except ResourceNotExistError:
    told["gone"] = True
Credential.delete_by_name("key")
print(json.dumps(told))
"""


DATA_STORY = """
import asyncio
import json
import httpx
from openai import OpenAI
from agentrun.agent_runtime import AgentRuntime
from agentrun.agent_runtime.api.data import AgentRuntimeDataAPI
from agentrun.utils.config import Config
from agentrun.utils.ram_signature.auth import AgentrunRamAuth
from agentrun.agent_runtime import AgentRuntimeContainer, AgentRuntimeCreateInput
from agentrun.agent_runtime import AgentRuntimeEndpointCreateInput
from agentrun.credential import Credential, CredentialConfig, CredentialCreateInput
from agentrun.model import ModelProxy, ModelProxyCreateInput
from agentrun.sandbox import Sandbox, Template, TemplateInput, TemplateType
from agentrun.utils.exception import (
    ClientError, ResourceAlreadyExistError, ResourceNotExistError, ServerError,
)

told = {}

def refusal(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__

def word(status):
    return getattr(status, "value", status)

template = Template.create(TemplateInput(
    template_name="code", template_type=TemplateType.CODE_INTERPRETER))
told["template"] = word(template.status)
sandbox = Sandbox.create(template_type=TemplateType.CODE_INTERPRETER, template_name="code")
with sandbox:
    told["health"] = sandbox.check_health()
    told["echo"] = sandbox.context.execute("print(1)")["results"][0]["text"]
    told["listed"] = len(Sandbox.list().sandboxes)
    told["type"] = type(Sandbox.connect(
        sandbox.sandbox_id, template_type=TemplateType.CODE_INTERPRETER)).__name__
told["gone"] = refusal(lambda: Sandbox.delete_by_id(sandbox.sandbox_id))

runtime = AgentRuntime.create(AgentRuntimeCreateInput(
    agent_runtime_name="chat",
    container_configuration=AgentRuntimeContainer(image="registry.example/app:v1")))
runtime.wait_until_ready_or_failed(interval_seconds=0.05, timeout_seconds=60)
endpoint = runtime.create_endpoint(
    AgentRuntimeEndpointCreateInput(agent_runtime_endpoint_name="Default"))
endpoint.wait_until_ready_or_failed(interval_seconds=0.05, timeout_seconds=60)
asked = [{"role": "user", "content": "hello there"}]
# `invoke_openai` hands the OpenAI library an empty key, which the installed one refuses; the rest
# of what it does is done here: the SDK's address, the SDK's signature, the OpenAI library.
base_url = AgentRuntimeDataAPI("chat", "Default").with_path("openai/v1")
chats = OpenAI(
    api_key="unused", base_url=base_url, http_client=httpx.Client(auth=AgentrunRamAuth(Config()))
).chat.completions
told["agent"] = chats.create(model="chat", messages=asked).choices[0].message.content
streamed = chats.create(model="chat", messages=asked, stream=True)
told["streamed"] = "".join(chunk.choices[0].delta.content or "" for chunk in streamed)

Credential.create(CredentialCreateInput(
    credential_name="key", credential_config=CredentialConfig.inbound_api_key("s3cret")))
def proxy(name, role="acs:ram::1:role/agentrun"):
    return ModelProxy.create(ModelProxyCreateInput(
        model_proxy_name=name, execution_role_arn=role, credential_name="key",
        proxy_config={"endpoints": [{"model_names": ["qwen-max"], "model_service_name": "qwen"}]}))
made = proxy("proxy")
made.wait_until_ready_or_failed(interval_seconds=0.05, timeout_seconds=60)
told["model"] = made.completions(messages=asked).choices[0].message.content
told["duplicate proxy"] = refusal(lambda: proxy("proxy"))
told["no role"] = refusal(lambda: proxy("other", role=None))
told["no runtime"] = refusal(lambda: AgentRuntime.get_by_id("nobody"))
async def again():
    found = await AgentRuntime.get_by_id_async(runtime.agent_runtime_id)
    await found.delete_and_wait_until_finished_async(interval_seconds=0.05, timeout_seconds=60)
asyncio.run(again())
made.delete_and_wait_until_finished(interval_seconds=0.05, timeout_seconds=60)
print(json.dumps(told))
"""


def tell(story: str, simulator: Simulator, endpoint: str, folder: Path) -> dict[str, Any]:
    """Run a story and return what it told in its last line."""
    variables = environment(simulator, endpoint, folder)
    done = run([sys.executable, "-c", story], variables, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_the_sdk_tells_its_whole_story(simulator: Simulator, endpoint: str, tmp_path: Path) -> None:
    told = tell(STORY, simulator, endpoint, tmp_path)
    assert told.pop("url").startswith("https://ar-")
    assert told == {
        "secret": "s3cret",
        "duplicate": True,
        "listed": ["key"],
        "created": "CREATING",
        "ready": "READY",
        "description": "changed",
        "gone": True,
    }
    assert set(simulator.resources()) == {"Workspace"}
    assert {entry["account"] for entry in simulator.requests()} == {"1234567890"}


def test_the_sdk_works_on_the_data_plane(
    simulator: Simulator, endpoint: str, tmp_path: Path
) -> None:
    simulator.configure({"dataEndpoint": f"http://{endpoint}"})
    assert tell(DATA_STORY, simulator, endpoint, tmp_path) == {
        "template": "READY",
        "health": {"status": "ok"},
        "echo": "print(1)",
        "listed": 1,
        "type": "CodeInterpreterSandbox",
        "gone": "ResourceNotExistError",
        "agent": "echo: hello there",
        "streamed": "echo: hello there",
        "model": "echo: hello there",
        "duplicate proxy": "ResourceAlreadyExistError",
        "no role": "ClientError",
        "no runtime": "ResourceNotExistError",
    }
    called = {entry["action"]: entry["status"] for entry in simulator.requests()}
    assert called["Data.InvokeModel"] == called["Data.InvokeAgentRuntime"] == 200
