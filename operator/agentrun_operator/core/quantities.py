"""Kubernetes quantities as the API's numbers."""

from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic_core import PydanticCustomError

_MIB = {"Mi": 1, "Gi": 1024}
CPU_RANGE = (Decimal("0.05"), 16)
"""Cores. Source: control-plane reference, §8.1; proxies and templates run on the same service."""
CPU_FORM = (
    r"^0*(0[.](0[5-9]|[1-9][0-9]?)|([1-9]|1[0-5])([.][0-9]{1,2})?|16([.]0{1,2})?"
    r"|([5-9][0-9]|[1-9][0-9]{2,3}|1[0-5][0-9]{3}|16000)m)$"
)
"""The same range as a text: cores with two decimals, or millicores."""
_MAX_DIGITS = 18
MEMORY_RANGE = ("128Mi", "32Gi")


def number_as_text(value: Any) -> Any:
    """Return a plain number as the text that it stands for; anything else as it is."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


def cpu_text(value: Any) -> Any:
    """Return an amount of cores as a text; what admission cannot refuse is refused in its words."""
    text = number_as_text(value)
    if not isinstance(text, str):
        low, high = CPU_RANGE
        raise PydanticCustomError(
            "cpu", f"write cores from {low} to {high}, such as 2, 0.5 or 500m"
        )
    return text


def cpu_cores(value: str) -> float:
    """Return cores: `2` → 2.0, `500m` → 0.5."""
    if value.endswith("m"):
        return float(Decimal(value[:-1]) / 1000)
    return float(Decimal(value))


def cores_as_text(value: Any) -> Any:
    """Return cores as text: 2.0 → `2`, 0.5 → `0.5`; anything else as it is."""
    number = _number(value)
    return value if number is None else f"{number.normalize():f}"


def mib_as_text(value: Any) -> Any:
    """Return whole MiB as text: 4096 → `4Gi`, 4097 → `4097Mi`; anything else as it is."""
    number = _number(value)
    if number is None or number != number.to_integral_value():
        return value
    whole = int(number)
    return f"{whole}Mi" if whole % 1024 or not whole else f"{whole // 1024}Gi"


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    # Written out, the powers that a broken endpoint may answer have no end.
    return number if number.is_finite() and abs(number.adjusted()) <= _MAX_DIGITS else None


def memory_mib(value: str) -> int:
    """Return whole MiB: `4Gi` → 4096. The API calls the same amount "MB"."""
    return int(value[:-2]) * _MIB[value[-2:]]
