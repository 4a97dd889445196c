"""Finds the definitions at the top level of C++ source: just enough to say which are new, changed or gone.

It reads code as clang-format writes it (a body's brace has a space before it, an initializer's has none), skips what
the preprocessor would read, and looks into namespaces but not into classes.
"""
import re

# Comments, raw strings, strings and characters: nothing in them is a brace.
_OPAQUE = re.compile(r'//[^\n]*|/\*.*?\*/|R"(?P<end>[^(\s]*)\(.*?\)(?P=end)"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\'',
                     re.DOTALL)
_PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
_PREFIX = re.compile(r"template\s*<|\[\[[^]]*\]\]")
_CLASS = re.compile(r"(?:class|struct|union|enum(?: class| struct)?)\s+(\w+(?:::\w+)*)\s*(?:$|final\b|:|<)")
_FUNCTION = re.compile(r"((?:[\w~]+(?:<[^()]*>)?::)*(?:operator\s*(?:\(\)|[^\s(]+|[\w ]+)|~?\w+))\s*\(")
_CONSTANT = re.compile(r"(?:inline |static |constexpr |const |constinit |thread_local )+[^(=;{]*?(\w+)(?:\[\w*\])*\s*[={]")
_CLOSERS = {"(": ")", "[": "]", "{": "}"}


def definitions(source: str) -> dict[str, str]:
    """The text of each function, class and constant by name (`train()`, `Net`, `kMean`), overloads put together."""
    blank = _PREPROCESSOR.sub(_blanked, _OPAQUE.sub(_blanked, source))
    found: dict[str, str] = {}
    for name, begin, end in _chunks(blank, 0, len(blank)):
        found[name] = found.get(name, "") + _spaceless(source[begin:end])
    return found


def _blanked(match: re.Match) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _spaceless(text: str) -> str:
    """So that a line broken elsewhere is no change."""
    return " ".join(text.split())


def _chunks(text: str, begin: int, end: int):
    """Yields (name, begin, end) of each definition between two positions."""
    at = begin
    while (start := _skip_space(text, at, end)) < end:
        body, stop = _extent(text, start, end)
        head = _without_template(text[start:body if body is not None else stop])
        if body is not None and re.match(r'(inline )?namespace\b|extern\b(?! template)[^(]*$', head):
            yield from _chunks(text, body + 1, stop - 1)
        elif name := _name(head, body is not None):
            yield name, start, stop
        at = stop


def _skip_space(text: str, at: int, end: int) -> int:
    while at < end and (text[at].isspace() or text[at] in ";}"):
        at += 1
    return at


def _extent(text: str, start: int, end: int) -> tuple[int | None, int]:
    """Where the declaration that begins at `start` has its body (None without one), and where it ends."""
    value = False  # behind a '=': what follows in braces is a value
    at = end - len(_without_template(text[start:end]))  # its defaults have '=' in them
    while at < end:
        letter = text[at]
        if letter == ";":
            return None, at + 1
        if letter == "{" and not value and text[at - 1].isspace():
            stop = _closing(text, at, end)
            # A class ends with a semicolon, a function does not.
            rest = re.compile(r"[^;{}()]*;").match(text, stop, end) if _class_name(text[start:at]) else None
            return at, rest.end() if rest else stop
        if letter in _CLOSERS:
            at = _closing(text, at, end)
            continue
        if letter == "=" and "operator" not in text[max(start, at - 10):at]:
            value = True
        at += 1
    return None, end


def _closing(text: str, at: int, end: int) -> int:
    """Behind the bracket that closes the one at `at`."""
    closer, depth = _CLOSERS[text[at]], 0
    for i in range(at, end):
        depth += (text[i] == text[at]) - (text[i] == closer)
        if depth == 0:
            return i + 1
    return end


def _without_template(head: str) -> str:
    """`template <typename T = int> [[nodiscard]] auto f(` -> `auto f(`."""
    head = head.lstrip()
    while found := _PREFIX.match(head):
        depth, at = found[0].count("<"), found.end()
        while depth and at < len(head):
            depth += (head[at] == "<") - (head[at] == ">" and head[at - 1] != "-")
            at += 1
        head = head[at:].lstrip()
    return head


def _class_name(head: str) -> str | None:
    found = _CLASS.match(_without_template(head))
    return found[1] if found else None


def _name(head: str, has_body: bool) -> str | None:
    if has_body:
        named = None if _class_name(head) else _FUNCTION.search(head)
        return f"{named[1]}()" if named else _class_name(head)
    constant = _CONSTANT.match(head)
    return constant[1] if constant else None
