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
    data, at = path.read_bytes(), 0
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


def fields(data: bytes) -> list[tuple[int, object]]:
    """A protocol buffer as (field number, value): whole numbers, floats, and bytes for all else."""
    found, at = [], 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            value: object = varint()
        elif kind == 1:
            value, at = struct.unpack_from("<d", data, at)[0], at + 8
        elif kind == 5:
            value, at = struct.unpack_from("<f", data, at)[0], at + 4
        elif kind == 2:
            size = varint()
            value, at = data[at:at + size], at + size
            if len(value) != size:
                raise CourseError(f"a field of {size} bytes has only {len(value)}")
        else:
            raise CourseError(f"a field of the wire type {kind}, which nothing in an event file has")
        found.append((key >> 3, value))
    return found


def _one(data: bytes) -> dict[int, object]:
    return dict(fields(data))


def _doubles(data: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(data) // 8}d", data))


@dataclass(frozen=True)
class Value:
    """What one tag has at one step."""

    wall_time: float
    step: int
    tag: str
    kind: str  # scalar, image, histogram, text, or the name of a plugin
    content: object = field(repr=False)


def _value(data: bytes) -> tuple[str, str, object]:
    parts = _one(data)
    tag = bytes(parts[1]).decode()
    if 4 in parts:
        image = _one(parts[4])
        return tag, "image", {"height": image[1], "width": image[2], "channels": image[3], "png": image[4]}
    if 5 in parts:
        histogram = _one(parts[5])
        names = ("min", "max", "num", "sum", "sum_squares")
        return tag, "histogram", {name: histogram[i + 1] for i, name in enumerate(names)} | {
            "limits": _doubles(histogram[6]), "counts": _doubles(histogram[7])}
    if 9 in parts:
        plugin = _one(_one(parts[9])[1])
        name = bytes(plugin[1]).decode()
        if name == "text":
            return tag, name, bytes(_one(parts[8])[8]).decode()
        return tag, name, plugin.get(2, b"")
    return tag, "scalar", parts.get(2, 0.0)


def values(path: Path) -> Iterator[Value]:
    """Everything in an event file, in its order. The file must begin with its version."""
    for number, record in enumerate(records(path)):
        event = _one(record)
        if number == 0:
            if event.get(3) != b"brain.Event:2":
                raise CourseError(f"{path} does not begin with the version of event files, brain.Event:2")
            continue
        if 5 not in event:
            continue
        step = int(event.get(2, 0))
        for field_number, data in fields(event[5]):
            if field_number == 1:
                tag, kind, content = _value(data)
                yield Value(event[1], step - (step >> 63 << 64), tag, kind, content)
