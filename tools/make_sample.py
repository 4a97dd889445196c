#!/usr/bin/env python3
"""Makes the small subset of Fashion-MNIST that ships with the course.

    tools/make_sample.py /usr/share/datasets/fashion-mnist common/data/sample

Takes the first K images of each class, in the order of the whole set, and writes them as IDX files
packed with gzip. The same source gives the same bytes.
"""

import argparse
import gzip
import hashlib
import pathlib
import struct
import sys
import zlib

IMAGES_MAGIC = 0x00000803
LABELS_MAGIC = 0x00000801
CLASSES = 10
SPLITS = {"train": 200, "t10k": 50}  # images of each class


def read_idx(path, magic, dimensions):
    """Returns the sizes and the values of an IDX file."""
    data = gzip.decompress(path.read_bytes())
    header = 4 + 4 * dimensions
    found, *sizes = struct.unpack(f">{1 + dimensions}I", data[:header])
    if found != magic:
        sys.exit(f"error: {path} begins with 0x{found:08x}, but 0x{magic:08x} was expected")
    values = 1
    for size in sizes:
        values *= size
    if len(data) != header + values:
        sys.exit(f"error: {path} unpacks to {len(data)} bytes, but {header + values} were expected")
    return sizes, data[header:]


def write_gzip(path, data):
    """Writes a gzip file without name and time, so that equal data give equal files."""
    with open(path, "wb") as raw:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0) as packed:
            packed.write(data)


def first_of_each_class(labels, count):
    """Returns the indices of the first `count` labels of each class, in ascending order."""
    taken = [0] * CLASSES
    chosen = []
    for index, label in enumerate(labels):
        if label >= CLASSES:
            sys.exit(f"error: label {label} at index {index}, but labels below {CLASSES} were expected")
        if taken[label] < count:
            taken[label] += 1
            chosen.append(index)
    if min(taken) < count:
        sys.exit(f"error: a class has only {min(taken)} images, but {count} of each are needed")
    return chosen


def make_split(source, target, split, count):
    (number, height, width), images = read_idx(source / f"{split}-images-idx3-ubyte.gz", IMAGES_MAGIC, 3)
    (label_count,), labels = read_idx(source / f"{split}-labels-idx1-ubyte.gz", LABELS_MAGIC, 1)
    if number != label_count:
        sys.exit(f"error: {source} has {number} {split} images, but {label_count} labels")
    chosen = first_of_each_class(labels, count)
    size = height * width
    image_data = struct.pack(">4I", IMAGES_MAGIC, len(chosen), height, width)
    image_data += b"".join(images[i * size:(i + 1) * size] for i in chosen)
    label_data = struct.pack(">2I", LABELS_MAGIC, len(chosen)) + bytes(labels[i] for i in chosen)
    for name, data in ((f"{split}-images-idx3-ubyte.gz", image_data),
                       (f"{split}-labels-idx1-ubyte.gz", label_data)):
        write_gzip(target / name, data)
        print(f"{hashlib.sha256((target / name).read_bytes()).hexdigest()}  {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", type=pathlib.Path, help="folder with the four packed files of Fashion-MNIST")
    parser.add_argument("target", type=pathlib.Path, help="folder to write the subset to; made if missing")
    arguments = parser.parse_args()
    try:
        arguments.target.mkdir(parents=True, exist_ok=True)
        for split, count in SPLITS.items():
            make_split(arguments.source, arguments.target, split, count)
    except (OSError, EOFError, zlib.error) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
