"""Files of C++ read by Python, and files of Python read by C++: the same values, bit for bit."""
import json
import struct
import subprocess
import tempfile
import unittest
import zipfile
from pathlib import Path

from tests.steps.programs import BIN, run
from tests.steps.test_python_twins import PYTHON

WRITE = """
import collections, sys, torch
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2))
adam = torch.optim.Adam(net.parameters(), lr=1e-3)
for _ in range(2):
    net(torch.rand(5, 4)).sum().backward()
    adam.step()
base = torch.arange(10.0)
files = {
    "state_dict": net.state_dict(),
    "optimizer": adam.state_dict(),
    "parameter": net[0].weight,
    "plain": {"a": None, "one": 1, "big": 2**40, "negative": -2**62, "pi": 3.14, "yes": True, "no": False, "t": (1, "x"),
              "deep": [[], {"k": [1, 2]}], 5: "int key", "size": torch.Size([2, 3]), "empty": {}},
    "views": [base, base[2:5], base.view(2, 5).t()],
    "dtypes": [torch.arange(3).to(t) for t in (torch.float64, torch.float16, torch.bfloat16, torch.uint8, torch.int8,
               torch.int16, torch.int32, torch.int64, torch.bool)],
    "ordered": collections.OrderedDict(b=1, a=2),
    "device": torch.device("cpu"),
    "tuples": [(1,), (2, 3), ((4,),), {5: (6,)}, (7, (8,))],
    "sets": {"one": {7}, "none": set(), "frozen": frozenset([8])},
    "others": {"bytes": b"ab", "bytearray": bytearray(b"xy"), "counter": collections.Counter([5, 5]), "complex": 1 + 2j, "large": 2**80,
               "sparse": torch.eye(2).to_sparse(), "quantized": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
               "schedule": torch.optim.lr_scheduler.OneCycleLR(torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), max_lr=0.1,
                                                               total_steps=40).state_dict(), "after": 1},
}
for name, value in files.items():
    for protocol in (2, 4):
        torch.save(value, f"{sys.argv[1]}/{name}.{protocol}.pt", pickle_protocol=protocol)

names = {torch.float32: "Float", torch.float64: "Double", torch.float16: "Half", torch.bfloat16: "BFloat16", torch.uint8: "Byte",
         torch.int8: "Char", torch.int16: "Short", torch.int32: "Int", torch.int64: "Long", torch.bool: "Bool"}
def plain(value):
    if isinstance(value, torch.Tensor) and (value.is_sparse or value.is_quantized):
        return "<a sparse tensor>" if value.is_sparse else "<a quantized tensor>"
    if isinstance(value, (bytes, bytearray)):
        return value.decode("latin1")
    if isinstance(value, complex):
        return "<a complex number>"
    if isinstance(value, int) and abs(value) >= 2**63:
        return "<a whole number of more than 64 bits>"
    if hasattr(value, "__self__"):
        return "<torch.optim.lr_scheduler.OneCycleLR>"
    if isinstance(value, torch.Tensor):
        return (names[value.dtype], list(value.shape), [float(x) for x in value.detach().double().flatten()])
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return list(value)
    return type(value)(map(plain, value)) if type(value) in (list, tuple) else tuple(value) if isinstance(value, torch.Size) else value
print(repr({name: plain(value) for name, value in files.items()}).replace("OrderedDict", "dict"))
"""

LOAD = """
import os, pickle, sys, torch
from collections import OrderedDict
only = {{"weights_only": {weights_only}}}
value = torch.load(sys.argv[1], **only)
net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Flatten(), torch.nn.Linear(8, 3))
net.load_state_dict(value["state_dict"], strict=True)
torch.manual_seed(0)
same = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Flatten(), torch.nn.Linear(8, 3))
assert list(value["state_dict"]) == list(same.state_dict()), list(value["state_dict"])
for key, tensor in same.state_dict().items():
    assert torch.equal(tensor, value["state_dict"][key]), key
assert value["epoch"] == 3 and value["big"] == 2**40 and value["name"] == "Grüße" and os.fsencode(value["path"]) == b"/data/caf\\xe9" and value["yes"] is True and value["none"] is None
assert value["list"] == [1, "two", []] and value["tuple"] == (1, 2) and value["by_number"][0]["step"] == 5
assert value["half"].dtype == torch.float16 and value["half"].tolist() == [0, 1, 2, 3]
assert value["view"].tolist() == torch.arange(12).view(3, 4).t().tolist()
assert value.get("learning_rate", 0.1) == 0.1
print("loaded")
"""

EVIL = """
import os, sys, torch
class Evil:
    def __reduce__(self):
        return os.system, (f"touch {sys.argv[1]}.ran",)
torch.save({"state_dict": Evil()}, sys.argv[1])
"""


@unittest.skipUnless(PYTHON, "no Python with torch: apt-get install python3-torch, or set COURSE_PYTHON")
class Exchange(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def cpp(self, what: str, file: Path) -> subprocess.CompletedProcess:
        return run([str(BIN / "serialize_exchange"), what, str(file)])

    def python(self, program: str, *arguments: str) -> str:
        result = run([PYTHON[0], "-c", program, *arguments])
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_python_reads_what_cpp_wrote(self):
        file = self.folder / "x.pt"
        self.assertEqual(self.cpp("write", file).returncode, 0)
        self.assertIsNone(zipfile.ZipFile(file).testzip())
        # 1.13's weights_only=True refuses every float, Python's own files included.
        old = PYTHON[1].startswith("1.13")
        self.assertEqual(self.python(LOAD.format(weights_only=not old), str(file)), "loaded\n")
        if old:
            self.assertEqual(self.cpp("write-without-floats", file).returncode, 0)
            self.assertEqual(self.python(LOAD.format(weights_only=True), str(file)), "loaded\n")

    def test_cpp_reads_what_python_wrote(self):
        expected = eval(self.python(WRITE, str(self.folder)), {"dict": dict})  # printed by the program above
        self.assertEqual(len(expected), 11)
        for name, value in expected.items():
            for protocol in (2, 4):
                shown = self.cpp("show", self.folder / f"{name}.{protocol}.pt")
                self.assertEqual(shown.returncode, 0, f"{name}: {shown.stderr}")
                self.assertEqual(eval(shown.stdout), value, name)

    def test_what_cpp_copies_python_still_reads(self):
        self.python(WRITE, str(self.folder))
        for name in ("state_dict", "optimizer", "plain"):
            self.assertEqual(self.cpp("copy", self.folder / f"{name}.2.pt").returncode, 0)
        self.python("""
import sys, torch
net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2))
net.load_state_dict(torch.load(sys.argv[1] + "/state_dict.2.pt.copy"), strict=True)
adam = torch.optim.Adam(net.parameters())
adam.load_state_dict(torch.load(sys.argv[1] + "/optimizer.2.pt.copy"))
assert adam.param_groups[0]["lr"] == 1e-3
net(torch.rand(5, 4)).sum().backward()
adam.step()
""", str(self.folder))

    def test_tied_weights_both_ways(self):
        file = self.folder / "tied.pt"
        tied = """
import sys, torch
class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = self.decoder = torch.nn.Linear(2, 2, bias=False)
net = Tied()
adam = torch.optim.Adam(net.parameters())
def load(file):
    states = torch.load(file)
    net.load_state_dict(states["state_dict"], strict=True)
    assert list(states["optimizer"]["state"]) == [0] and states["optimizer"]["param_groups"][0]["params"] == [0]
    adam.load_state_dict(states["optimizer"])
    return states["state_dict"]["encoder.weight"], adam.state[net.encoder.weight]
"""
        self.assertEqual(self.cpp("write-tied", file).returncode, 0)
        self.python(tied + """
load(sys.argv[1])
net.decoder(net.encoder(torch.ones(1, 2))).sum().backward()
adam.step()
torch.save({"state_dict": net.state_dict(), "optimizer": adam.state_dict()}, sys.argv[1])
""", str(file))
        copied = self.cpp("copy-tied", file)
        self.assertEqual(copied.returncode, 0, copied.stderr)
        self.python(tied + """
(weight, own), (copied, copied_own) = load(sys.argv[1]), load(sys.argv[1] + ".copy")
assert torch.equal(weight, copied) and not torch.equal(weight, torch.full((2, 2), 0.9))
assert own["step"] == 3  # two of libtorch, which steps a parameter as often as it is listed, and one of Python
for name in own:
    assert torch.equal(own[name], copied_own[name]), name
""", str(file))

    def test_strings_that_are_not_utf8_come_back_to_python(self):
        self.python("""
import os, sys, torch
torch.save({"path": os.fsdecode(b"caf\\xe9"), "lone": "\\ud800", "all": os.fsdecode(bytes(range(1, 256)))}, sys.argv[1])
""", str(self.folder / "x.pt"))
        self.assertEqual(self.cpp("copy", self.folder / "x.pt").returncode, 0)
        self.python("""
import os, sys, torch
value = torch.load(sys.argv[1])
assert os.fsencode(value["path"]) == b"caf\\xe9" and value["lone"] == "\\ud800", value
assert os.fsencode(value["all"]) == bytes(range(1, 256))
""", str(self.folder / "x.pt.copy"))

    def test_an_old_state_dict_of_a_batch_norm_is_loaded_as_python_loads_it(self):
        file = self.folder / "x.pt"
        self.python("""
import sys, torch
net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Flatten(), torch.nn.Linear(8, 3))
state = {key: tensor for key, tensor in net.state_dict().items() if "num_batches" not in key}
net.load_state_dict(state, strict=True)
torch.save(state, sys.argv[1])
""", str(file))
        loaded = self.cpp("load", file)
        self.assertEqual(loaded.returncode, 0, loaded.stderr)

    def test_an_evil_file_is_refused_and_not_run(self):
        file = self.folder / "evil.pt"
        self.python(EVIL, str(file))
        result = self.cpp("show", file)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("evil.pt would run posix.system when Python loads it", result.stderr)
        self.assertFalse(Path(f"{file}.ran").exists())

    def test_what_cannot_be_read_says_so(self):
        program = """
import sys, torch
torch.save(torch.zeros(2), sys.argv[1] + "/legacy.pt", _use_new_zipfile_serialization=False)
torch.save(2**80, sys.argv[1] + "/huge.pt")
torch.save(torch.nn.Linear(2, 2), sys.argv[1] + "/module.pt")
torch.jit.script(torch.nn.Linear(2, 2)).save(sys.argv[1] + "/script.pt")
"""
        self.python(program, str(self.folder))
        for name, what, words in (("legacy", "show", "is a bare pickle"), ("huge", "load", "more than 64 bits"),
                                  ("module", "show", "would run torch.nn"), ("script", "show", "is a TorchScript archive")):
            result = self.cpp(what, self.folder / f"{name}.pt")
            self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1), name)
            self.assertIn(words, result.stderr)

    def test_safetensors_by_their_specification(self):
        file = self.folder / "x.safetensors"
        self.assertEqual(self.cpp("safetensors", file).returncode, 0)
        data = file.read_bytes()
        length, = struct.unpack("<Q", data[:8])
        self.assertEqual(length % 8, 0)
        header = json.loads(data[8:8 + length])
        self.assertEqual(header["0.weight"]["shape"], [2, 1, 3, 3])
        end = max(entry["data_offsets"][1] for entry in header.values())
        self.assertEqual(len(data), 8 + length + end)


if __name__ == "__main__":
    unittest.main()
