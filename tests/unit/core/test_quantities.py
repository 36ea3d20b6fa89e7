"""Kubernetes quantities as the API's numbers."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from agentrun_operator.core.fields import Cpu, Memory
from agentrun_operator.core.quantities import CPU_FORM, cpu_cores, memory_mib


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        pytest.param("2", 2.0, id="whole"),
        pytest.param("0.5", 0.5, id="decimal"),
        pytest.param("1.25", 1.25, id="two decimals"),
        pytest.param("500m", 0.5, id="millicores"),
        pytest.param("50m", 0.05, id="the API's smallest"),
        pytest.param("1500m", 1.5, id="more than one core in millicores"),
    ],
)
def test_cpu_cores(text: str, cores: float) -> None:
    assert cpu_cores(text) == cores


@given(st.integers(0, 10**6))
def test_millicores_are_thousandths(millis: int) -> None:
    assert cpu_cores(f"{millis}m") * 1000 == pytest.approx(millis)


@pytest.mark.parametrize(
    ("text", "mib"),
    [
        pytest.param("128Mi", 128, id="Mi"),
        pytest.param("4Gi", 4096, id="Gi"),
        pytest.param("4096Mi", 4096, id="the same in Mi"),
    ],
)
def test_memory_mib(text: str, mib: int) -> None:
    assert memory_mib(text) == mib


@given(st.from_regex(r"\A([0-9]{1,9}m|[0-9]{1,9}(\.[0-9]{1,2})?)\Z"))
def test_every_cpu_that_the_type_accepts_is_a_number(text: str) -> None:
    assert cpu_cores(TypeAdapter(Cpu).validate_python(text)) >= 0


@given(st.from_regex(r"\A[0-9]{1,9}(Mi|Gi)\Z"))
def test_every_memory_that_the_type_accepts_is_a_number(text: str) -> None:
    assert memory_mib(TypeAdapter(Memory).validate_python(text)) >= 0


@pytest.mark.parametrize(("number", "cores"), [(2, 2.0), (0.5, 0.5), (0.05, 0.05), (4.0, 4.0)])
def test_unquoted_cores_are_accepted(number: float, cores: float) -> None:
    assert cpu_cores(TypeAdapter(Cpu).validate_python(number)) == cores


@pytest.mark.parametrize("value", ["50m", "0.05", "2", "00.5", "15.99", "16", "16.00", "16000m"])
def test_the_form_of_cores_takes_what_is_in_range(value: str) -> None:
    assert re.search(CPU_FORM, value)
    assert 0.05 <= cpu_cores(value) <= 16


@given(st.from_regex(r"\A([0-9]{1,6}m|[0-9]{1,3}(\.[0-9]{1,2})?)\Z"))
def test_the_form_of_cores_is_its_range(value: str) -> None:
    assert bool(re.search(CPU_FORM, value)) is (0.05 <= cpu_cores(value) <= 16)


@pytest.mark.parametrize("value", ["2 ", "-1", "", "1e3", "2M", True, -1, None])
def test_refused_cpu(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Cpu).validate_python(value)


@pytest.mark.parametrize("value", ["4", "4G", "4GB", "0.5Gi", "4 Gi", "", 4096, None])
def test_refused_memory(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Memory).validate_python(value)
