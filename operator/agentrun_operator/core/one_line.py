"""Secret values that can only be a key, a password or the value of a header: one line of text.

`kubectl create secret --from-file` and `echo` leave a line break at the end, which no header can
carry: everything would look well, and every call with the key would be refused.
"""

import unicodedata

from agentrun_operator.core.errors import ReferenceNotFound

_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
_NAMES = {"\n": "a line break", "\r": "a carriage return", "\t": "a tab", "\0": "a null character"}


def one_line(text: str, where: str, *, may_have_lines: bool = False) -> str:
    """Return a secret value as it is sent: without the line breaks at its end.

    Args:
        text: The value as the Secret holds it.
        where: Secret and key for the message, e.g. `key 'token' of Secret 'keys'`.
        may_have_lines: True where a document such as a PEM is legal: what has several lines is then
            sent as it is.

    Raises:
        ReferenceNotFound: nothing but blanks is left of it, or it holds a control character. The
            message never shows the value.
    """
    line = text.rstrip("\r\n")
    if not line.strip():
        raise ReferenceNotFound(f"{where} is empty; fill it in")
    if may_have_lines and ("\n" in line or "\r" in line):
        line, checked = text, line.replace("\r", "").replace("\n", "").replace("\t", "")
    else:
        checked = line
    for character in checked:
        if unicodedata.category(character) == "Cc" or character == _BYTE_ORDER_MARK:
            raise ReferenceNotFound(
                f"{where} holds {_named(character)}, which no key, password or header can carry; "
                "store the bare value"
            )
    return line


def _named(character: str) -> str:
    return _NAMES.get(character) or f"the control character U+{ord(character):04X}"
