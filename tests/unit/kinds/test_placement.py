"""The ARN of a role has two forms: admission asks for the narrower one, the parser for the other.

The CRD holds the narrower one alone, so it must let nothing pass that the parser refuses.
"""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from agentrun_operator.core.fields import Form
from agentrun_operator.core.shapes import marker
from agentrun_operator.kinds.parts.placement import RoleArn

FORM = marker(get_args(RoleArn)[1:], Form)
assert FORM is not None
PARSER: TypeAdapter[str] = TypeAdapter(RoleArn)


@given(st.from_regex(FORM.regex.removesuffix("$") + r"\Z").filter(lambda text: len(text) <= 512))
def test_the_parser_takes_whatever_admission_takes(arn: str) -> None:
    assert PARSER.validate_python(arn) == arn


def test_the_parser_goes_on_refusing_what_is_no_role() -> None:
    with pytest.raises(ValidationError):
        PARSER.validate_python("agentrun")
