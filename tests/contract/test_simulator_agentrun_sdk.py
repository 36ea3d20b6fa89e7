"""agentrun-sdk in a process of its own, used as documented and pointed here by its variables.

Its control endpoint drops the scheme and insists on TLS; a second `http://` survives that
(control-plane reference, §3.1), at the price of a URL as Host header, which is signed as such.
"""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from agentrun_simulator.simulator import Simulator

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
runtime.wait_until_ready_or_failed(interval_seconds=0.05, timeout_seconds=5)
told["ready"] = word(runtime.status)
endpoint = runtime.create_endpoint(
    AgentRuntimeEndpointCreateInput(agent_runtime_endpoint_name="default")
)
endpoint.wait_until_ready_or_failed(interval_seconds=0.05, timeout_seconds=5)
told["url"] = endpoint.endpoint_public_url
runtime.update(AgentRuntimeUpdateInput(description="changed"))
runtime.wait_until_ready_or_failed(interval_seconds=0.05, timeout_seconds=5)
told["description"] = runtime.description
runtime.delete_and_wait_until_finished(interval_seconds=0.05, timeout_seconds=5)
try:
    AgentRuntime.get_by_id(runtime.agent_runtime_id)
except ResourceNotExistError:
    told["gone"] = True
Credential.delete_by_name("key")
print(json.dumps(told))
"""


@pytest.fixture
def told(simulator: Simulator, endpoint: str, tmp_path: Path) -> dict[str, Any]:
    """What the SDK made of the story above."""
    account = simulator.settings.accounts[0]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AGENTRUN_ACCESS_KEY_ID": account.access_key_id,
        "AGENTRUN_ACCESS_KEY_SECRET": account.access_key_secret.get_secret_value(),
        "AGENTRUN_ACCOUNT_ID": account.account_id,
        "AGENTRUN_REGION": "cn-hangzhou",
        "AGENTRUN_CONTROL_ENDPOINT": f"http://http://{endpoint}",
        "AGENTRUN_DATA_ENDPOINT": f"http://{endpoint}",
        "DISABLE_BREAKING_CHANGES_WARNING": "1",
    }
    done = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", textwrap.dedent(STORY)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    story: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return story


def test_the_sdk_tells_its_whole_story(told: dict[str, Any], simulator: Simulator) -> None:
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
