"""Writes the corpora: small files of torch.save, by Python's PyTorch, pickles by themselves, and files of the other forms, made by hand.

    python3 tests/fuzz/make_corpus.py tests/fuzz/corpus
"""
import collections
import gzip
import io
import json
import pickle
import random
import struct
import sys
import zipfile
from pathlib import Path

import torch

FOLDER = Path(sys.argv[1])
TORCH = {
    "tensor": torch.arange(4.0),
    "state_dict": collections.OrderedDict(w=torch.zeros(2, 3), n=torch.tensor(1)),
    "checkpoint": {"epoch": 1, "state_dict": {"w": torch.zeros(2)}, "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0)}},
                   "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "params": [0]}]}]},
    "views": [torch.arange(10.0)[2:5], torch.eye(3).t()],
    "dtypes": [torch.zeros(2, dtype=d) for d in (torch.float16, torch.int8, torch.bool, torch.complex64)],
}
PLAIN = {"plain": {"a": [1, 2.5, "x", None, True], "b": (1, (2, {3: 4})), "big": 2**40, "bytes": -1},
         "shared": [[1, 2]] * 3, "sizes": [torch.Size([2, 3]), torch.float32], "sets": [{1}, frozenset([2]), set()]}


def write(target: str, name: str, content: bytes | str) -> None:
    path = FOLDER / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


for name, value in TORCH.items():
    file = io.BytesIO()
    torch.save(value, file)
    write("torch_file", f"{name}.pt", file.getvalue())
    with zipfile.ZipFile(file) as archive:
        pkl = next(entry for entry in archive.namelist() if entry.endswith("data.pkl"))
        write("torch_file", f"{name}.pkl", archive.read(pkl))
for name, value in PLAIN.items():
    for protocol in (2, 4):
        write("torch_file", f"{name}.{protocol}.pkl", pickle.dumps(value, protocol))
write("torch_file", "runs_code.pkl", b"\x80\x02cposix\nsystem\nU\x02ls\x85R.")
write("torch_file", "conjugate.pkl", b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nComplexFloatStorage\nU\x010U\x03cpuK\x08tQ"
                                     b"K\x00K\x08\x85K\x01\x85\x89N}U\x04conj\x88stR.")


def safetensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype: str, shape: list, *offsets: object) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


write("safetensors", "one", safetensors({"w": entry("F32", [2], 0, 8)}, bytes(8)))
write("safetensors", "metadata", safetensors({"__metadata__": {"format": "pt"}, "a.b": entry("I64", [], 0, 8), "e": entry("U8", [0, 3], 8, 8)}, bytes(8)))
write("safetensors", "backwards", safetensors({"b": entry("BOOL", [1], 2, 3), "a": entry("BF16", [1], 0, 2)}, bytes(3)))
write("safetensors", "overlap", safetensors({"a": entry("U8", [4], 0, 4), "b": entry("U8", [4], 0, 4)}, bytes(8)))
write("safetensors", "fraction", safetensors({"a": entry("U8", [4], 0, 4.0)}, bytes(4)))
write("safetensors", "huge", safetensors({"a": entry("F64", [2**40, 2**40], 0, 8)}, bytes(8)))
write("safetensors", "nested", safetensors(b'{"a":{"shape":[[[1]]]}}'))
write("safetensors", "long", safetensors(b"{}", length=2**63))
write("safetensors", "escapes", safetensors(b'{"\\u00e9\\ud83d\\ude00\\"": {"dtype":"I8","data_offsets":[0,1],"shape":[1]}}', b"x"))


def idx(magic: int, *sizes: int) -> bytes:
    return struct.pack(f">{1 + len(sizes)}I", magic, *sizes)


for name, content in {"images": idx(0x803, 2, 3, 3) + bytes(18), "labels": idx(0x801, 4) + bytes([0, 1, 2, 3]), "too_long": idx(0x801, 1) + bytes(3),
                      "nothing": idx(0x803, 0, 28, 28), "huge": idx(0x803, 2**32 - 1, 2**32 - 1, 2**32 - 1), "floats": idx(0xd01, 1) + bytes(4),
                      "page": b"<!DOCTYPE html>"}.items():
    write("idx", name, content)
    write("idx", f"{name}.gz", gzip.compress(content, mtime=0))
write("idx", "cut.gz", gzip.compress(idx(0x801, 1000) + bytes(1000), mtime=0)[:-9])

CONFIGS = Path(__file__).resolve().parents[2] / "step12_lightning_style" / "configs"
for name in ("train", "autoencoder", "hooks"):
    write("config", name, (CONFIGS / f"{name}.toml").read_text(encoding="utf-8"))
write("config", "words", "seed = 3\n%%\noptimizer.lr=1e-2\ntrainer.limit_train_batches=20\ntrainer.limit_val_batches=0.5\nrun_dir=Grüße \"x\"\n")
write("config", "groups", "\n%%\nexperiment=mlp\ndebug=fast_dev_run\n")
write("config", "unknown", "[optimizer]\nlrr = 1\n")
write("config", "inline", "optimizer = {lr = 1e-3, name = 'sgd'}\ntrainer.max_epochs = 3 # three\n")
write("config", "deep", "a" + ".a" * 40 + " = [[[[{b.c = 1}]]]]\n")
write("config", "texts", 'run_dir = """\n\\u0007 \\t x"""\nmodel.classes = \'0,2\'\n')
write("config", "control", "\n%%\nrun_dir=a\x1b\x7f\n--print-config\n")
write("config", "latin", b"\n%%\nrun_dir=caf\xe9\n")
# For checkpoint_fuzz: which values of a checkpoint are changed, and to what.
for seed in range(40):
    bytes_of = random.Random(seed)
    write("checkpoint", f"{seed:02}", bytes_of.randbytes(5 + bytes_of.randrange(40)))
