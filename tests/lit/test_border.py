"""Half of a run in C++ and half in Python, both ways: the weights of one whole run.

Bit for bit where both run on libtorch 1.13, within 1e-4 where they differ (see test_python_twins).
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tests.steps.programs import BIN
from tests.steps.test_python_twins import CPP_VERSION, PYTHON

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "border"))
import relay  # noqa: E402

TWIN = r"""
import sys, torch
name, steps, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]

def waves(sizes, pace):
    n = 1
    for size in sizes:
        n *= size
    return torch.sin(torch.arange(n, dtype=torch.float64) * pace).float().reshape(sizes)

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
        pace = 0.3
        with torch.no_grad():
            for p in self.parameters():
                pace += 0.1
                p.copy_(0.5 * waves(p.shape, pace))

network = Network()
optimizer = {"adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.01),
             "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, amsgrad=True),
             "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True)}[name](network.parameters())
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.99)
first = 0
if len(sys.argv) > 4:
    checkpoint = torch.load(sys.argv[4], **SAFE)
    network.load_state_dict(checkpoint["state_dict"], strict=True)
    optimizer.load_state_dict(checkpoint["optimizer_states"][0])
    scheduler.load_state_dict(checkpoint["lr_schedulers"][0])
    first = checkpoint["global_step"]
    assert checkpoint["hyper_parameters"] == {"optimizer": name}
for step in range(first, steps):
    pace = 0.7 + 0.01 * (step % 10)
    loss = torch.nn.functional.mse_loss(network.net(waves((6, 4), pace)), waves((6, 3), pace + 0.2))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()

# As Lightning writes it in on_train_batch_end: the batch is processed, and not completed yet.
epochs, batches = divmod(steps - 1, 10)
batches += 1
progress = lambda n, done: {"ready": n, "started": n, "processed": n, "completed": done}
torch.save({"epoch": epochs, "global_step": steps, "pytorch-lightning_version": "2.5.0",
            "state_dict": network.state_dict(), "callbacks": {}, "hyper_parameters": {"optimizer": name},
            "optimizer_states": [optimizer.state_dict()], "lr_schedulers": [scheduler.state_dict()],
            "loops": {"fit_loop": {
                "state_dict": {}, "epoch_loop.state_dict": {"_batches_that_stepped": steps - 1},
                "epoch_loop.batch_progress": {"total": progress(steps, steps - 1), "is_last_batch": batches == 10,
                                              "current": progress(batches, batches - 1)},
                "epoch_progress": {"total": progress(epochs + 1, epochs) | {"processed": epochs},
                                   "current": progress(epochs + 1, epochs) | {"processed": epochs}}}}}, out)
for p in network.parameters():
    for value in p.detach().flatten():
        print(float(value).hex())
"""


def numbers(text: str) -> list[float]:
    return [float.fromhex(line) for line in text.split()]


SHAPE = r"""
import json, sys, torch
def kind(value):
    if isinstance(value, torch.Tensor):
        numbers = "floats" if value.is_floating_point() else "whole numbers"
        return f"Tensor of {numbers} {list(value.shape)}"
    return "dict" if isinstance(value, dict) else type(value).__name__
def walk(value, path):
    yield path, kind(value)
    if isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from walk(item, f"{path}[{i}]")
for file in sys.argv[1:]:
    print(json.dumps(dict(walk(torch.load(file, **SAFE), ""))))
"""


@unittest.skipIf(PYTHON is None, "no Python here has torch")
class Border(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.python, self.version = PYTHON

    def cpp(self, *args: object) -> list[float]:
        done = subprocess.run([BIN / "lit_border", *map(str, args)], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return numbers(done.stdout)

    def twin(self, *args: object) -> list[float]:
        # Before 2.6 weights_only refused every float; from then on it is the default.
        safe = {} if re.match(r"1\.|2\.[0-5]", self.version) else {"weights_only": True}
        done = subprocess.run([self.python, "-c", f"SAFE = {safe}\n{TWIN}", *map(str, args)], capture_output=True,
                              text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"})
        self.assertEqual(done.returncode, 0, done.stderr)
        return numbers(done.stdout)

    def same(self, found: list[float], wanted: list[float]) -> None:
        self.assertEqual(len(found), len(wanted))
        if self.version.startswith("1.13") and CPP_VERSION.startswith("1.13"):
            self.assertEqual(found, wanted)
            return
        for a, b in zip(found, wanted, strict=True):
            self.assertAlmostEqual(a, b, delta=1e-4 * max(1.0, abs(b)))

    def both_ways(self, optimizer: str) -> None:
        file, end = self.folder / "half.ckpt", self.folder / "end.ckpt"
        cpp, python = self.cpp(optimizer, 100, end), self.twin(optimizer, 100, end)
        self.same(cpp, python)
        for half in (45, 50):  # in the middle of an epoch, and at the end of one
            with self.subTest(half=half):
                self.cpp(optimizer, half, file)
                self.same(self.twin(optimizer, 100, end, file), python)
                self.twin(optimizer, half, file)
                self.same(self.cpp(optimizer, 100, end, file), cpp)

    def test_adam(self) -> None:
        self.both_ways("adam")

    def test_adamw_with_amsgrad(self) -> None:
        self.both_ways("adamw")

    def test_sgd_with_momentum(self) -> None:
        self.both_ways("sgd")


def run(scenario: dict, folder: Path, *more: object) -> tuple[list[dict], str]:
    """What lit_border_run tells of a scenario, and what it says beside that."""
    file = folder / "scenario.json"
    file.write_text(json.dumps(scenario), encoding="utf-8")
    done = subprocess.run([BIN / "lit_border_run", file, folder / "run", *map(str, more)], capture_output=True, text=True,
                          check=False, env=os.environ | {"OMP_NUM_THREADS": "1"})
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@unittest.skipIf(PYTHON is None, "no Python here has torch")
class ReadByLightning(unittest.TestCase):
    """Our files have every key that Lightning's restoring was seen to ask for, and of that type.

    A dict that notes what is asked of it made the list, in real runs of Lightning 2.6.
    """

    def shapes(self, files: list[Path]) -> list[dict[str, str]]:
        python, version = PYTHON
        safe = {} if re.match(r"1\.|2\.[0-5]", version) else {"weights_only": True}
        done = subprocess.run([python, "-c", f"SAFE = {safe}\n{SHAPE}", *files], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return list(map(json.loads, done.stdout.splitlines()))

    def test_every_key(self) -> None:
        read = json.loads((HERE / "border" / "read_by_lightning.json").read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for i, case in enumerate(read["of each"].values()):
                Path(folder, str(i)).mkdir()
                run(case["scenario"], Path(folder, str(i)))
                files.append(Path(folder, str(i), "run", "ckpt", case["file"]))
            for (name, case), ours in zip(read["of each"].items(), self.shapes(files), strict=True):
                with self.subTest(name):
                    wanted = read["of all"] | case["keys"]
                    self.assertGreater(len(wanted), 90)
                    self.assertEqual({key: ours.get(key, "nothing") for key in wanted}, wanted)


class WrittenByLightning(unittest.TestCase):
    """Files that Lightning wrote halfway go on here as Lightning's own run did that was never halved (relay.py --keep wrote them)."""

    def test_every_file(self) -> None:
        files = sorted((HERE / "border" / "lightning").glob("*.ckpt"))
        self.assertGreaterEqual(len(files), 18)
        for file in files:
            scenario, *straight = map(json.loads, file.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines())
            with self.subTest(file.stem), tempfile.TemporaryDirectory() as folder:
                Path(folder, "run", "ckpt").mkdir(parents=True)
                trace, said = run(scenario, Path(folder), "--from", shutil.copy(file, Path(folder, "run", "ckpt")))
                # The OneCycleLR of torch 1 keeps a method of its own.
                self.assertEqual(said.count("lr_schedulers[0].anneal_func (torch.optim.lr_scheduler.OneCycleLR)"), "onecycle" in file.stem)
                self.assertEqual(said.count("cannot be used here"), "onecycle" in file.stem)
                for end in (trace[-1], straight[-1]):  # the checkpoint alone has come along
                    del end["files"], end["best"]
                self.assertGreater(len(relay.core(trace)), 5)
                self.assertIsNone(relay.off_course(trace, straight))


if __name__ == "__main__":
    unittest.main()
