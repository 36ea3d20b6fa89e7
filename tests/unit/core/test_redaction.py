"""What a text of somebody else keeps of a secret that it quotes: less than six characters."""

import base64
import html
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from agentrun_operator.core import redaction
from agentrun_operator.core.redaction import HIDDEN, RUN, masked
from fakes.spellings import spellings

SECRET = 'sk-4711/a+b"c<&>é\\z '
ENCODED = base64.b64encode(SECRET.encode()).decode()
ORDINARY = (
    "AgentRuntime chat: the image registry.cn-hangzhou.aliyuncs.com/team/app:1.2 cannot be pulled; "
    "container exited with 137 (OOMKilled) at 2026-01-05T09:00:00Z, see request 7F3A-91"
)

BLANK = "\u115f\u1160\u2800\u3164\uffa0"
JOINTS = (*BLANK, *"\ufe0f\u034f\u0301\u0903\u02b0", *"·•→÷“：、\ufffc")
"""Neither letters nor digits, or nobody takes them for any."""

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "capitals": str.upper,
    "small": str.lower,
    "URL": quote,
    "URL, whole": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "percent, all": lambda text: "".join(f"%{b:02x}" for b in text.encode()),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, raw": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON, all": lambda text: "".join(
        f"\\u{n:04X}" for n in memoryview(text.encode("utf-16-le")).cast("H")
    ),
    "HTML": html.escape,
    "HTML, numbers": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "HTML, padded": lambda text: "".join(f"&#{ord(c):010d};" for c in text),
    "HTML, hex, padded": lambda text: "".join(f"&#x{ord(c):010x};" for c in text),
    "HTML, hex": lambda text: "".join(f"&#x{ord(c):X};" for c in text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, in a URL": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64, in lines": lambda text: base64.encodebytes(text.encode()).decode(),
    "base64, behind a name": lambda text: base64.b64encode(b"u:" + text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "hex, capitals": lambda text: text.encode().hex().upper(),
}


def mask(text: str, *values: str) -> str:
    """Return one text without some values."""
    (shown,) = masked([text], values)
    return shown


def canonical(text: str) -> str:
    """Return a text without case, and with one space for each gap."""
    is_seen = {c: c.isprintable() and c not in BLANK for c in text.upper().casefold()}
    shown = "".join(c if is_seen[c] else " " for c in text.upper().casefold())
    return " ".join(shown.split())


def read(text: str, depth: int) -> Iterator[str]:
    """Yield what somebody with a decoder at hand can read in a text."""
    yield text
    if not depth:
        return
    found = {unquote(text), unquote_plus(text), html.unescape(text)}
    escaped = re.sub(r'\\(?![u"\\/bfnrt])|(?<!\\)"', "", text)
    with suppress(ValueError):
        found.add(json.loads(f'"{escaped}"', strict=False))
    for run in re.findall(r"[A-Za-z0-9+/_-]{8,}", re.sub(r"\s", "", text)):
        for at in range(4):
            part = run[at:].replace("-", "+").replace("_", "/")
            part = part[: len(part) // 4 * 4]
            found.add(base64.b64decode(part).decode(errors="replace"))
    for run in re.findall(r"[0-9a-fA-F]{12,}", text):
        for at in range(2):
            part = run[at:]
            found.add(bytes.fromhex(part[: len(part) // 2 * 2]).decode(errors="replace"))
    for each in found - {text}:
        yield from read(each, depth - 1)


def leaked(text: str, secret: str) -> list[str]:
    """Return the runs of a secret that somebody can read in a text."""
    whole = canonical(secret)
    runs = {whole[at : at + RUN] for at in range(len(whole) - RUN + 1)}
    said = [canonical(part) for seen in read(text, 2) for part in seen.split(HIDDEN)]
    return [run for run in runs for part in said if run in part]


SECRETS = st.one_of(
    *(
        st.text(st.characters(codec=codec, categories=("L", "N", "P", "S", "Zs")), min_size=6)
        for codec in ("utf-8", "ascii")
    )
)
CONTEXTS = st.sampled_from(
    ["", "cannot take ", "key=", '{"password": "', "<b>", "Basic ", "a\n", "%", "\\", "&", "QUJD"]
)


@settings(max_examples=200)
@given(
    SECRETS,
    st.lists(st.sampled_from(sorted(SPELLINGS)), max_size=2),
    st.tuples(CONTEXTS, CONTEXTS),
    st.integers(0, 12),
    st.integers(0, 12),
)
@example("pw 4711&x", ["base64, in lines", "URL"], ("", ""), 0, 0)
def test_six_characters_of_a_secret_are_never_left(
    secret: str, chain: list[str], around: tuple[str, str], first: int, last: int
) -> None:
    quoted = secret
    for name in chain:
        quoted = SPELLINGS[name](quoted)
    cut = quoted[first : len(quoted) - last]
    assert leaked(mask(f"{around[0]}{cut}{around[1]}", secret), secret) == []


@settings(max_examples=100)
@given(st.binary(min_size=12, max_size=40), st.sampled_from(sorted(SPELLINGS)))
def test_an_ordinary_message_stays_readable(secret: bytes, name: str) -> None:
    value = base64.b64encode(secret).decode()
    # One draw in many thousands shares six letters with the message itself, as "dwith1" would.
    bare, plain = (re.sub("[^0-9a-z]", "", each.lower()) for each in (value, ORDINARY))
    assume(not any(bare[at : at + RUN] in plain for at in range(len(bare) - RUN + 1)))
    assert mask(ORDINARY, value) == ORDINARY
    # Letters right beside a quote may be taken for a part of it, and are no loss.
    shown = mask(f"{ORDINARY}: for example {SPELLINGS[name](value)} which is refused", value)
    assert shown.startswith(f"{ORDINARY}:")
    assert shown.endswith(" is refused")
    assert HIDDEN in shown or name in {"capitals", "small"}


@pytest.mark.parametrize(
    "quoted",
    [
        SECRET,
        f"'{SECRET}'",
        json.dumps(SECRET),
        json.dumps(json.dumps(SECRET)),
        repr(SECRET),
        quote(SECRET),
        quote(quote(SECRET)),
        ENCODED,
        quote(ENCODED),
        base64.b64encode(ENCODED.encode()).decode(),
        "sk-4711/a+b&quot;c&lt;&amp;&gt;é\\z",
        "".join(f"&#{ord(char):010d};" for char in SECRET),
        "".join(f"&#X{ord(char):010X};" for char in SECRET),
        "".join(f"&#{'0' * 5000}{ord(char)};" for char in SECRET[:7]),
        f"{SECRET[:12]}...",
        f"…{SECRET[3:12]}…",
        f"{quote(SECRET)[:15]}…",
        f"{ENCODED[:14]}…",
        f"{SECRET} and again {SECRET}",
    ],
)
def test_no_spelling_and_no_part_of_a_secret_stays(quoted: str) -> None:
    text = mask(f"cannot take {quoted}, which is wrong", "other-one", SECRET)
    assert HIDDEN in text
    assert text.startswith("cannot take")
    assert text.endswith("which is wrong")
    assert leaked(text, SECRET) == []


@pytest.mark.parametrize(
    "quoted",
    [
        ":".join(f"{byte:02x}" for byte in SECRET.encode()),
        "-".join(f"{byte:02X}" for byte in SECRET.encode()),
        " ".join(f"0x{byte:02x}" for byte in SECRET.encode()),
        str(list(SECRET.encode())),
        "".join(f"={byte:02X}" for byte in SECRET.encode()),
        "".join(f"\\U{ord(char):08x}" for char in SECRET),
        "".join(f"\\x{{{ord(char):x}}}" for char in SECRET),
        ".".join(SECRET),
        ", ".join(SECRET),
        " + ".join(f"'{SECRET[at : at + 4]}'" for at in range(0, len(SECRET), 4)),
        "|".join(SECRET[at : at + 5] for at in range(0, len(SECRET), 5)),
        "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in SECRET),
        "-".join(f"{byte:02x}" for byte in SECRET.encode()).replace("-", "·"),
        "\ufe0f".join(ENCODED),
        *(joint.join(SECRET) for joint in JOINTS),
    ],
)
def test_a_value_in_pieces_is_one_run(quoted: str) -> None:
    text = mask(f"cannot take {quoted}, which is wrong", SECRET)
    assert text.startswith("cannot take")
    assert text.endswith("which is wrong")
    said = re.sub(r"[^A-Za-z0-9]", "", text.replace("0x", "")).replace("secret", "")
    assert len(said) < len("cannottakewhichiswrong") + RUN


@pytest.mark.parametrize(
    "value",
    [
        "pass·word•",
        "→→→→→→",
        "“a”“b”",
        "密码·钥匙·仓库",
        "ʰʷʲʳˡˢ",
        "पासवर्ड",
        "암호\u3164열쇠문서",
        "パスワードー",
    ],
)
def test_a_value_may_hold_such_characters_itself(value: str) -> None:
    assert mask(f"refused {value}: no", value) == f"refused {HIDDEN}: no"
    assert HIDDEN in mask(f"refused {value[:6]}", value)


@pytest.mark.parametrize(
    "text",
    [
        "Größe → überprüfen: „Müller & Söhne“ – Straße 7 · geht nicht …",
        "错误：无法拉取镜像，请检查「镜像地址」。（代码 137）→ 重试",
        "エラー：イメージを取得できません・再試行",
    ],
)
def test_words_of_any_language_stay(text: str) -> None:
    for value in (SECRET, "pass·word•→ʰ\u2800", "嘉庆·万历·光绪"):
        assert mask(text, value) == text


def test_a_value_is_known_by_each_of_its_lines_and_as_a_whole() -> None:
    body = base64.b64encode(bytes(range(200))).decode()
    pem = "\n".join(["-----BEGIN KEY-----", *(body[n : n + 64] for n in range(0, 268, 64)), ""])
    for width in (20, 50, 76, 400):
        rewrapped = "\n".join(body[n : n + width] for n in range(0, len(body), width))
        for quoted in (rewrapped, rewrapped.replace("\n", "\\n"), rewrapped.replace("\n", " | ")):
            shown = mask(f"bad key: {quoted}", pem)
            assert leaked(shown, pem) == [], (width, shown)
            assert shown.startswith("bad key:")


@given(SECRETS)
def test_any_secret_is_found_in_any_spelling(secret: str) -> None:
    for quoted in spellings(secret):
        assert leaked(mask(f"refused {quoted}", secret), secret) == []


def test_words_of_a_few_letters_stay() -> None:
    assert mask("the value is no url", "", "url", "value") == "the value is no url"


def test_a_text_that_shares_less_with_a_value_stays_as_it_is() -> None:
    text = "sk-47 is not sk-48"
    assert mask(text, SECRET) == text


def test_several_texts_are_looked_at_together() -> None:
    assert masked(["a hunter22", "b", "hunter2"], ["hunter22"]) == ["a (secret)", "b", HIDDEN]


class Value(str):
    """A value that notes how many characters of it are read, piece by piece."""

    __slots__ = ("pieces",)

    def __init__(self, _: str) -> None:
        self.pieces: list[int] = []

    def __getitem__(self, piece: Any) -> str:
        found = super().__getitem__(piece)
        self.pieces.append(len(found))
        return found


@pytest.mark.parametrize("size", [1_000, 1_000_000])
def test_a_value_is_gone_through_once_however_long_it_is(size: int) -> None:
    """It may grow with the value, and not with value times text."""
    value = Value("x" * size)
    assert mask("xxxxxxxxxxxxxxx!", value) == f"{HIDDEN}!"
    assert size <= sum(value.pieces) < 1.1 * size + 10
    assert max(value.pieces) <= 70_000, "nothing holds the process for longer than that"


def test_many_values_cost_no_more_than_their_sum() -> None:
    """A Secret with 3,000 short values is searched as one text, in few pieces."""
    values = [Value(f"value-{n:08d}") for n in range(3000)]
    assert mask("refused value-00002999", *values) == f"refused {HIDDEN}"
    assert {(*value.pieces,) for value in values} == {(14,)}
    assert len([*redaction._batches(values)]) < 5


def test_a_run_is_found_where_two_pieces_of_a_value_meet() -> None:
    value = "".join(f"{n:06d}-" for n in range(40_000))
    for start, end in pairwise(range(65_500, 65_600, 7)):
        assert mask(f"refused {value[start:end]}!", value) == f"refused {HIDDEN}!"


def test_an_id_is_read_in_few_ways() -> None:
    """Each status has several, and each way costs time; read as base64 it is mere noise."""
    ident = b"acs:agentrun:cn-hangzhou:10001:runtimes/13fc19b2-4637-4669-ac83-6328674bfeba"
    pattern, view = redaction._SIX_CHARACTERS, redaction._View(ident)
    assert len([*redaction._compared(view, pattern)]) <= 10 < len([*redaction._compared(view)])


@pytest.mark.parametrize(
    "value", ["p%E4ssw%F6rt%E41", r"p\344ssw\366rt\3441", "p&#37;E4ssw&#37;F6rt"]
)
def test_bytes_that_a_value_escapes_need_not_be_characters(value: str) -> None:
    """An older program reads a password in Latin-1 out of its URL, and sends it as base64."""
    held = "p\xe4ssw\xf6rt\xe41".encode("latin-1")
    assert HIDDEN in mask(f"no login by {base64.b64encode(held).decode()}", value)


class Text(str):
    """A text that notes whether it was compared with anything."""

    __slots__ = ("is_read",)

    def __init__(self, _: str) -> None:
        self.is_read = False

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        self.is_read = True
        return super().encode(encoding, errors)


def test_a_text_is_compared_once_with_the_same_values() -> None:
    """Each pass shows the same ids again."""
    assert masked(["id-4711", "id-4712"], ["hunter22"]) == ["id-4711", "id-4712"]
    known, new = Text("id-4711"), Text("id-4713")
    assert masked([known, new], ["hunter22"]) == [known, new]
    assert (known.is_read, new.is_read) == (False, True)
    assert masked(["id-4711"], ["hunter22", "id-4711"]) == [HIDDEN]
    assert masked(["id-4711"], ["hunter22"]) == ["id-4711"]


def test_a_registry_can_be_named_whose_login_is_secret() -> None:
    document = '{"auths": {"r.example.com": {"password": "hunter22"}}}'
    text = "cannot pull r.example.com/app with hunter22"
    assert mask(text, document) == "cannot pull r.example.com/app with (secret)"


def test_the_password_in_a_registry_login_is_a_secret_of_its_own() -> None:
    encoded = base64.b64encode(b"puller:hunter22").decode()
    document = json.dumps({"auths": {"r.example.com": {"auth": encoded}}})
    text = mask(f"no login by hunter22 ({encoded})", document)
    assert text == "no login by (secret) ((secret))"


@pytest.mark.parametrize("document", ["pw4711\n", '{"auths": {"r": {"password": "pw4711\\r\\n"}}}'])
def test_a_value_is_sent_and_known_without_its_line_break(document: str) -> None:
    assert mask("refused: pw4711", document) == "refused: (secret)"
