"""Manifests: TOML files of which every value is checked, and nothing unknown is passed over."""
import re
import tomllib
from pathlib import Path

from coursetool.errors import CourseError
from coursetool.nearest import did_you_mean


def read_manifest(file: Path, where: str, what: str) -> "Reader":
    """The file's values; `where` is its name in messages, `what` says why it must be there."""
    try:
        return Reader(where, tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise CourseError(f"{where} is missing; {what}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{where} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{where} is not valid TOML: {error}") from None


class Reader:
    """Takes the values out of a table, checks each, and refuses what is left."""

    def __init__(self, where: str, table: dict):
        self.where, self.table, self.known = where, dict(table), []

    def fail(self, message: str):
        raise CourseError(f"{self.where}: {message}")

    def take(self, key: str, kind: type, what: str, required: bool = True):
        self.known.append(key)
        if key not in self.table:
            if required:
                self.fail(f"'{key}' is missing; it is {what}")
            return None
        value = self.table.pop(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            self.fail(f"'{key}' must be {what}, but it is {value!r}")
        return value

    def text(self, key: str, what: str, required: bool = True) -> str | None:
        value = self.take(key, str, what, required)
        if value is not None and not value.strip():
            self.fail(f"'{key}' must be {what}, but it is empty")
        return value

    def positive(self, key: str, what: str, default: int | None = None) -> int:
        value = self.take(key, int, what, required=default is None)
        if value is None:
            return default
        if value <= 0:
            self.fail(f"'{key}' must be {what}, but it is {value}")
        return value

    def amount(self, key: str) -> float:
        what = "a positive number"
        value = self.take(key, (int, float), what, required=False)
        if value is not None and not value > 0:
            self.fail(f"'{key}' must be {what}, but it is {value}")
        return float(value or 0)

    def texts(self, key: str, what: str, required: bool = True) -> tuple[str, ...]:
        values = self.take(key, list, what, required) or []
        for value in values:
            if not isinstance(value, str):
                self.fail(f"'{key}' must be {what}, but it holds {value!r}")
        return tuple(values)

    def regex(self, key: str, groups: bool, required: bool = True) -> str | None:
        pattern = self.text(key, "a regular expression", required)
        if pattern is None:
            return None
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            self.fail(f"'{key}' = {pattern!r} is not a regular expression: {error}")
        if groups and compiled.groups == 0:
            self.fail(f"'{key}' = {pattern!r} has no group; put what may differ in (brackets)")
        return pattern

    def tables(self, key: str, name: str, required: bool = False) -> list["Reader"]:
        what = f"a list of tables, each begun by [[{name}]]"
        values = self.take(key, list, what, required) or []
        if required and not values:
            self.fail(f"'{key}' must be {what}, but it is empty")
        for value in values:
            if not isinstance(value, dict):
                self.fail(f"'{key}' must be {what}, but it holds {value!r}")
        return [Reader(f"{self.where}: [[{name}]] number {i}", value) for i, value in enumerate(values, start=1)]

    def done(self):
        for key in self.table:
            self.fail(f"unknown key '{key}'{did_you_mean(key, self.known)}; "
                      f"known: {', '.join(self.known)}")
