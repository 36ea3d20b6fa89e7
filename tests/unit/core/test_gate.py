"""Words of the cloud show in no string, no repr and no traceback; only the gate opens them."""

import ast
import copy
import json
import logging
import pickle
import traceback
from pathlib import Path

import pytest

import agentrun_operator
from agentrun_operator.core.errors import InvalidParameter, Unavailable
from agentrun_operator.core.gate import MAX_QUOTED, CloudText, Redactor, unsealed, with_quote

SAID = "apiKey sk-4711-abcdef is malformed."
NOBODY = Redactor(frozenset(), is_complete=True)
KNOWING = Redactor(frozenset({"sk-4711-abcdef"}), is_complete=True)
UNSURE = Redactor(frozenset({"sk-4711-abcdef"}), is_complete=False)
PACKAGE = Path(agentrun_operator.__file__).parent


def test_nothing_shows_what_is_sealed() -> None:
    sealed = CloudText(SAID)
    shown = [
        str(sealed),
        repr(sealed),
        f"{sealed}",
        f"{sealed!r:>40}",
        str([sealed]),
    ]
    shown.append(str({"message": sealed}))
    assert not any("4711" in text for text in shown)
    assert not hasattr(sealed, "__dict__")
    for leave in (copy.deepcopy, pickle.dumps, json.dumps):
        with pytest.raises(TypeError) as caught:
            leave(sealed)
        assert "4711" not in str(caught.value)


def test_an_error_shows_our_own_words_alone(caplog: pytest.LogCaptureFixture) -> None:
    error = InvalidParameter("CreateX: HTTP 400 X").quoting(CloudText(SAID))
    later = Unavailable("later")
    later.__cause__ = error
    text = "".join(traceback.format_exception(later))
    logging.getLogger("test").error("failed: %r", error, exc_info=later)
    assert "CreateX: HTTP 400 X" in text
    assert "4711" not in text + caplog.text + repr(error.__dict__)


def test_it_takes_a_redactor_to_open_it() -> None:
    document = {"message": CloudText(SAID), "kept": {"n": 7}, "list": [CloudText("a"), "b"]}
    assert unsealed(document, None) == {"kept": {"n": 7}, "list": ["", "b"]}
    assert unsealed(document, KNOWING) == {
        "message": "apiKey (secret) is malformed",
        "kept": {"n": 7},
        "list": ["a", "b"],
    }
    assert unsealed({"a": 1}, None) == {"a": 1}


def test_what_is_freely_worded_needs_all_values_to_be_known() -> None:
    document = {"message": CloudText(SAID), "id": CloudText("ar-sk-4711-abcdef", is_free=False)}
    assert unsealed(document, UNSURE) == {"id": "ar-(secret)"}
    assert unsealed(document, None) == {}


def test_what_signed_the_request_is_known_to_the_text_itself() -> None:
    document = {"message": CloudText("no such key LTAI4711xyz", keys=["LTAI4711xyz"])}
    assert unsealed(document, NOBODY) == {"message": "no such key (secret)"}


def test_what_is_opened_is_one_line_and_cut() -> None:
    (shown,) = CloudText.opened([CloudText("a\x00b\r\n\u200bc" + " x" * 5000)], NOBODY)
    assert shown.startswith("a b c x")
    assert len(shown) == MAX_QUOTED
    assert shown.endswith("…")


def test_a_secret_that_the_cut_would_leave_a_part_of_is_hidden() -> None:
    said = "x " * (MAX_QUOTED // 2 - 5) + "sk-4711-abcdef"
    (shown,) = CloudText.opened([CloudText(said)], KNOWING)
    assert "sk-471" not in shown


def test_a_message_says_so_where_the_cloud_s_words_are_not_shown() -> None:
    assert with_quote("HTTP 400", "no") == "HTTP 400; AgentRun says: no"
    assert with_quote("HTTP 400", "") == (
        "HTTP 400; what AgentRun says of it is not shown, as it may quote values unknown here"
    )


def test_an_empty_text_is_none_at_all() -> None:
    assert not CloudText(" \n")
    assert InvalidParameter("a").quoting(CloudText("")).quote is None


def _names_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def test_nobody_reaches_past_the_gate() -> None:
    """The contract: who may seal, who may open, and that nobody masks on his own."""
    using: dict[str, set[str]] = {
        "CloudText": set(),
        "unsealed": set(),
        "masked": set(),
        "opened": set(),
    }
    for path in PACKAGE.rglob("*.py"):
        text, names = path.read_text(), _names_of(path)
        where = path.relative_to(PACKAGE).as_posix()
        assert "_CloudText__" not in text, f"{where} picks the lock"
        for name in using.keys() & names:
            using[name].add(where)
    assert using["masked"] == {"core/gate.py"}
    assert using["opened"] <= {"core/gate.py", "reconcile/report.py"}
    assert using["unsealed"] == {"reconcile/redactors.py"}
    assert {where for where in using["CloudText"] if not where.startswith("core/")} == {
        "api/exchange.py",
        "reconcile/outcome.py",
        "reconcile/redactors.py",
        "reconcile/sent.py",
        "reconcile/status.py",
    }


def test_an_answer_gives_its_message_away_sealed_only() -> None:
    """Nothing of the API layer reads `message` of a payload but the one property that seals it."""
    for path in (PACKAGE / "api").rglob("*.py"):
        found = [
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and node.value in ("message", "Message")
        ]
        assert len(found) == (2 if path.name == "exchange.py" else 0), path.name
