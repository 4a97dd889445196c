"""TensorBoard's event files, read with nothing but Python: checksums of every record, and what is in it.

A record is its length (8 bytes), the length's checksum, its bytes and their checksum; the bytes are a protocol buffer,
Event, of which this knows the parts that curves, pictures, histograms, texts and hyperparameters are made of.
"""
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from coursetool.errors import CourseError


class Truncated(CourseError):
    """The file ends inside of a record."""


def _table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


_CRC = _table()


def masked_crc(data: bytes) -> int:
    """CRC-32C of `data`, turned and shifted as TensorFlow does it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path: Path) -> Iterator[bytes]:
    """The bytes of each record. Raises CourseError for a wrong checksum, Truncated where the file ends in a record."""
    try:
        data, at = path.read_bytes(), 0
    except OSError as error:
        raise CourseError(f"{path} cannot be read: {error.strerror}") from None
    while at < len(data):
        if len(data) < at + 12:
            raise Truncated(f"{path} ends inside of a record, at byte {len(data)}")
        length, length_crc = struct.unpack_from("<QI", data, at)
        if masked_crc(data[at:at + 8]) != length_crc:
            raise CourseError(f"{path}: the length of the record at byte {at} has a wrong checksum")
        begin, end = at + 12, at + 12 + length
        if len(data) < end + 4:
            raise Truncated(f"{path} ends inside of a record, at byte {len(data)}")
        if masked_crc(data[begin:end]) != struct.unpack_from("<I", data, end)[0]:
            raise CourseError(f"{path}: the record at byte {at} has a wrong checksum")
        yield data[begin:end]
        at = end + 4


LONGEST_VARINT = 10  # bytes, for 64 bits


def fields(data: bytes) -> list[tuple[int, object]]:
    """A protocol buffer as (field number, value): whole numbers, floats, and bytes for all else."""
    found, at = [], 0

    def take(size: int) -> bytes:
        nonlocal at
        if size > len(data) - at:
            raise CourseError(f"a field of {size} bytes has only {len(data) - at}")
        at += size
        return data[at - size:at]

    def varint() -> int:
        value = 0
        for i in range(LONGEST_VARINT):
            byte, = take(1)
            value |= (byte & 127) << 7 * i
            if byte < 128:
                return value
        raise CourseError("a whole number has more than 64 bits")

    while at < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            value: object = varint()
        elif kind == 1:
            value, = struct.unpack("<d", take(8))
        elif kind == 5:
            value, = struct.unpack("<f", take(4))
        elif kind == 2:
            value = take(varint())
        else:
            raise CourseError(f"a field of the wire type {kind}, which nothing in an event file has")
        found.append((key >> 3, value))
    return found


class _Message:
    """The fields of a protocol buffer by their numbers, each of the kind that it must have; numbers that are 0 may be left out."""

    def __init__(self, data: bytes):
        self.parts = dict(fields(data))

    def __contains__(self, number: int) -> bool:
        return number in self.parts

    def get(self, number: int, kind: type, default: object = None) -> object:
        value = self.parts.get(number, default)
        if not isinstance(value, kind):
            raise CourseError(f"the field {number} is missing, or is no {kind.__name__}")
        return value

    def message(self, number: int) -> "_Message":
        return _Message(self.get(number, bytes))

    def text(self, number: int) -> str:
        try:
            return self.get(number, bytes).decode()
        except UnicodeDecodeError:
            raise CourseError(f"the field {number} is no text in UTF-8") from None

    def doubles(self, number: int) -> list[float]:
        data = self.get(number, bytes, b"")
        if len(data) % 8:
            raise CourseError(f"the field {number} ends inside of a number")
        return list(struct.unpack(f"<{len(data) // 8}d", data))


@dataclass(frozen=True)
class Value:
    """What one tag has at one step."""

    wall_time: float
    step: int
    tag: str
    kind: str  # scalar, image, histogram, text, or the name of a plugin
    content: object = field(repr=False)


def _value(parts: _Message) -> tuple[str, str, object]:
    tag = parts.text(1)
    if 4 in parts:
        image = parts.message(4)
        sizes = {name: image.get(i, int, 0) for i, name in enumerate(("height", "width", "channels"), 1)}
        return tag, "image", sizes | {"png": image.get(4, bytes)}
    if 5 in parts:
        histogram = parts.message(5)
        names = ("min", "max", "num", "sum", "sum_squares")
        return tag, "histogram", {name: histogram.get(i, float, 0.0) for i, name in enumerate(names, 1)} | {
            "limits": histogram.doubles(6), "counts": histogram.doubles(7)}
    if 9 in parts:
        plugin = parts.message(9).message(1)
        name = plugin.text(1)
        if name == "text":
            return tag, name, parts.message(8).text(8)
        return tag, name, plugin.get(2, bytes, b"")
    return tag, "scalar", parts.get(2, float, 0.0)


def _event(record: bytes) -> Iterator[Value]:
    event = _Message(record)
    if 5 not in event:
        return
    step = event.get(2, int, 0) & (1 << 64) - 1
    for number, data in fields(event.get(5, bytes)):
        if number == 1 and isinstance(data, bytes):
            yield Value(event.get(1, float, 0.0), step - (step >> 63 << 64), *_value(_Message(data)))


def values(path: Path) -> Iterator[Value]:
    """Everything in an event file, in its order. The file must begin with its version."""
    for number, record in enumerate(records(path)):
        try:
            found = list(_event(record)) if number else _Message(record).get(3, bytes, b"") == b"brain.Event:2"
        except CourseError as error:
            raise CourseError(f"{path}: the event {number} is damaged: {error}") from None
        if number == 0 and not found:
            raise CourseError(f"{path} does not begin with the version of event files, brain.Event:2")
        if number:
            yield from found
