"""CodeConfiguration. Source: control-plane reference, §7."""

from typing import Annotated, Protocol

from pydantic import Field

from agentrun_operator.core.fields import SpecModel, Unquoted, WriteOnly
from agentrun_operator.core.forms import BucketName
from agentrun_operator.core.kind import Derived, Rule
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.words import OpenWord, Words
from agentrun_operator.kinds.parts.container import Command, Container

_LANGUAGES = (*("python3.10", "python3.12", "nodejs18", "nodejs20", "java8", "java11", "java17"),)
Language = Annotated[
    OpenWord, Words({each: each for each in _LANGUAGES}, r"[a-z][a-z+#-]*[0-9]+([.][0-9]+)*")
]


class Archive(SpecModel):
    """A zip archive: zipFile, or an object in OSS."""

    language: Language | None = None
    """Language and version."""
    command: Command = ()
    """Command and arguments, at most 64."""
    # A read need not return the archive, so it is not compared with one.
    zip_file: Annotated[str | None, Field(max_length=1_048_576), WriteOnly()] = None
    """The code as a zip archive in base64, at most 1 MiB of text; larger code belongs in OSS."""
    oss_bucket_name: BucketName | None = None
    """OSS bucket of the zip archive."""
    oss_object_name: Annotated[str | None, Field(min_length=1, max_length=1023)] = None
    """OSS object of the zip archive."""
    checksum: Annotated[str | None, Field(max_length=64), Unquoted()] = None
    """CRC-64 of the archive; a new value tells that the OSS object changed."""


class Code(Archive):
    """Code that AgentRun runs without an image."""

    language: Language
    """Language and version."""


class HasArtifact(Protocol):
    """The part of a spec that is read here."""

    @property
    def container(self) -> Container | None:
        """The image to run."""

    @property
    def code(self) -> Archive | None:
        """The code to run."""


def _artifact_type(spec: HasArtifact, _: Resolution) -> str | None:
    if spec.container is not None:
        return "Container"
    return "Code" if spec.code is not None else None


ARTIFACTS = ("container", "code")
ARTIFACT_TYPE = Derived("artifactType", "container", _artifact_type, immutable=True)
CODE_RULES = (
    Rule(
        "!has(self.code) || has(self.code.ossBucketName) == has(self.code.ossObjectName)",
        "code.ossBucketName and code.ossObjectName belong together; set both",
        "code",
    ),
    Rule(
        "!has(self.code) || has(self.code.zipFile) != has(self.code.ossBucketName)",
        "exactly one of code.zipFile and code.ossBucketName must be set; keep one",
        "code",
    ),
)
