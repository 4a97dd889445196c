"""Writes the corpus: small files of torch.save, by Python's PyTorch, and pickles by themselves.

    python3 tests/fuzz/make_corpus.py tests/fuzz/corpus
"""
import collections
import io
import pickle
import random
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
         "shared": [[1, 2]] * 3, "sizes": [torch.Size([2, 3]), torch.float32]}

for name, value in TORCH.items():
    file = io.BytesIO()
    torch.save(value, file)
    (FOLDER / f"{name}.pt").write_bytes(file.getvalue())
    with zipfile.ZipFile(file) as archive:
        pkl = next(entry for entry in archive.namelist() if entry.endswith("data.pkl"))
        (FOLDER / f"{name}.pkl").write_bytes(archive.read(pkl))
for name, value in PLAIN.items():
    for protocol in (2, 4):
        (FOLDER / f"{name}.{protocol}.pkl").write_bytes(pickle.dumps(value, protocol))
# For checkpoint_fuzz: which values of a checkpoint are changed, and to what.
(FOLDER / "checkpoint").mkdir(exist_ok=True)
for seed in range(40):
    bytes_of = random.Random(seed)
    (FOLDER / "checkpoint" / f"{seed:02}").write_bytes(bytes_of.randbytes(5 + bytes_of.randrange(40)))
(FOLDER / "runs_code.pkl").write_bytes(b"\x80\x02cposix\nsystem\nU\x02ls\x85R.")
