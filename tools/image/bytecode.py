"""Compiles an environment to byte code that is the same for the same sources.

`python -m compileall` writes references wherever an object happens to be shared at that moment, so
two runs differ. The older format of marshal knows no references; every Python reads it.

Usage: PYTHONHASHSEED=0 python3 bytecode.py FOLDER (a seed, because sets are written in their order)
"""

import importlib.util
import marshal
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

FORMAT_WITHOUT_REFERENCES = 2
UNCHECKED_HASH = (1).to_bytes(4, "little")
"""Flags of a file whose source is never looked at again (PEP 552): it carries no time."""


def compile_folder(folder: Path) -> int:
    """Compile every module below a folder; return how many there were.

    A file that is no Python of this release (templates, tests of syntax) is left alone.
    """
    count = 0
    for source in sorted(folder.rglob("*.py")):
        text = source.read_bytes()
        try:
            code = SourceFileLoader(source.stem, str(source)).source_to_code(text, str(source))
        except (SyntaxError, ValueError):
            continue
        target = Path(importlib.util.cache_from_source(str(source)))
        target.parent.mkdir(exist_ok=True)
        header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH + importlib.util.source_hash(text)
        target.write_bytes(header + marshal.dumps(code, FORMAT_WITHOUT_REFERENCES))
        count += 1
    return count


if __name__ == "__main__":
    compile_folder(Path(sys.argv[1]))
