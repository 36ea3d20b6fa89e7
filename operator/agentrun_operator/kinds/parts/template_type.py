"""What a sandbox template is made for. Source: control-plane reference, §8.5."""

from typing import Annotated

from agentrun_operator.core.words import PASCAL_CASE, OpenWord, Words

_TYPES = ("CodeInterpreter", "Browser", "AllInOne", "CustomImage")

TemplateType = Annotated[OpenWord, Words({each: each for each in _TYPES}, PASCAL_CASE)]
