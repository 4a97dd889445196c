"""Regions of source files: the lines between `// region name` and `// endregion`, which pages draw from.

Regions may lie in each other or overlap; an `endregion` without a name ends the one that was begun last.
"""
import re
import textwrap
from dataclasses import dataclass, field

from coursetool.errors import CourseError
from coursetool.nearest import did_you_mean

_MARKER = re.compile(r"\s*(?://|#)\s*(region|endregion)(?:[ \t]+([\w.-]+))?\s*")


@dataclass
class _Open:
    line: int
    lines: list[str] = field(default_factory=list)


def is_marker(line: str) -> bool:
    """Is this line the beginning or the end of a region?"""
    return _MARKER.fullmatch(line) is not None


def strip_markers(text: str) -> str:
    """The text without its marker lines."""
    return "".join(line for line in text.splitlines(keepends=True) if not is_marker(line))


def read_regions(text: str, where: str) -> dict[str, str]:
    """All regions of a source by name, without indent, marker lines and empty lines at both ends.

    `where` names the source in errors: CourseError for a region that is not closed, begun twice, empty or has no
    name, and for an end without a beginning.
    """
    opened: dict[str, _Open] = {}
    regions: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        marker = _MARKER.fullmatch(line)
        if not marker:
            for region in opened.values():
                region.lines.append(line)
            continue
        place, name = f"{where}:{number}", marker[2]
        if marker[1] == "endregion":
            name = name or next(reversed(opened), "")
            if name not in opened:
                raise CourseError(f"{place}: an endregion, but {f'no region {name!r}' if name else 'no region'} is open here")
            regions[name] = _content(opened.pop(name), name, where)
        elif not name:
            raise CourseError(f"{place}: a region needs a name, as in 'region dataset'")
        elif name in opened or name in regions:
            raise CourseError(f"{place}: region '{name}' is there twice in this file; give one of them another name")
        else:
            opened[name] = _Open(number)
    for name, region in opened.items():
        raise CourseError(f"{where}:{region.line}: region '{name}' is not closed; put an endregion behind its last line")
    return regions


def _content(region: _Open, name: str, where: str) -> str:
    text = textwrap.dedent("\n".join(region.lines)).strip("\n")
    if not text.strip():
        raise CourseError(f"{where}:{region.line}: region '{name}' is empty")
    return text + "\n"


def cut(text: str, region: str, where: str) -> str:
    """One region of a source; CourseError names those there are. Without a name, all of it but the markers."""
    regions = read_regions(text, where)
    if not region:
        return strip_markers(text).strip("\n") + "\n"
    if region not in regions:
        known = f"; it has {', '.join(regions)}" if regions else "; it has none"
        raise CourseError(f"{where} has no region '{region}'{did_you_mean(region, regions)}{known}")
    return regions[region]
