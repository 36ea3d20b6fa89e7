"""Sessions of a runtime. Source: control-plane reference, §8.1."""

from typing import Annotated, Literal

from pydantic import Field

from agentrun_operator.core.fields import Clear, ServerDefault
from agentrun_operator.core.forms import HeaderField
from agentrun_operator.core.kind import Rule
from agentrun_operator.core.policies import ResourceSpec
from agentrun_operator.core.words import Words

_AFFINITIES = {
    "None": "NONE",
    "HeaderField": "HEADER_FIELD",
    # The API also takes COOKIE and returns this word for it.
    "GeneratedCookie": "GENERATED_COOKIE",
}


class SessionSpec(ResourceSpec):
    """How calls become sessions, and sessions find instances."""

    enable_session_isolation: bool | None = None
    """Whether each session has an instance of its own."""
    session_affinity_type: Annotated[
        Literal["None", "HeaderField", "GeneratedCookie"] | None, Words(_AFFINITIES), Clear("NONE")
    ] = None
    """How calls of one session find the same instance: None, HeaderField (by headerFieldName) or
    GeneratedCookie."""
    header_field_name: HeaderField | None = None
    """Header that names the session, with sessionAffinityType HeaderField."""
    disable_session_affinity: Annotated[bool | None, ServerDefault("false")] = None
    """Whether calls of one session may go to any instance; server default false."""
    session_concurrency_limit_per_instance: Annotated[
        int | None, ServerDefault("1"), Field(ge=1, le=200)
    ] = None
    """Sessions at once per instance, 1 to 200; server default 1."""
    session_idle_timeout_seconds: Annotated[int | None, Field(ge=60, le=86_400)] = None
    """Seconds without a call after which a session ends, 60 to 86400."""


SESSION_RULE = Rule(
    "!has(self.sessionAffinityType) || self.sessionAffinityType != 'HeaderField'"
    " || has(self.headerFieldName)",
    "headerFieldName is required with sessionAffinityType HeaderField; set it",
    "headerFieldName",
)
