"""What the loggers write, read by another language: event files, metrics.csv and hparams.yaml."""
import bisect
import csv
import html
import json
import math
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib
from pathlib import Path

from tests.steps.programs import BIN, ROOT, run

sys.path.insert(0, str(ROOT / "tools"))
from coursetool import events  # noqa: E402
from coursetool.errors import CourseError  # noqa: E402

PROGRAM = str(BIN / "lit_logger_runs")


def pixels(png: bytes) -> tuple[int, int, int, bytes]:
    """Width, height, channels and bytes of a PNG of 8 bits, its checksums verified."""
    if png[:8] != b"\x89PNG\r\n\x1a\n":
        raise AssertionError("that is no PNG")
    at, packed, header = 8, b"", b""
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        data = png[at + 8:at + 8 + size]
        if zlib.crc32(kind + data) != struct.unpack_from(">I", png, at + 8 + size)[0]:
            raise AssertionError(f"the part {kind} has a wrong checksum")
        header = data if kind == b"IHDR" else header
        packed += data if kind == b"IDAT" else b""
        at += size + 12
    width, height, depth, colour = struct.unpack_from(">IIBB", header)
    channels = {0: 1, 2: 3, 6: 4}[colour]
    if depth != 8:
        raise AssertionError(f"{depth} bits")
    rows, before, stride = b"", bytes(width * channels), width * channels
    raw = zlib.decompress(packed)
    for y in range(height):
        kind, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            left, up = line[x - channels] if x >= channels else 0, before[x]
            corner = before[x - channels] if x >= channels else 0
            guess = left + up - corner
            paeth = min((left, up, corner), key=lambda value: abs(guess - value))
            line[x] = line[x] + (0, left, up, (left + up) // 2, paeth)[kind] & 255
        before = bytes(line)
        rows += before
    return width, height, channels, rows


def histogram(values: list[float]) -> tuple[list[float], list[float]]:
    """Limits and counts as PyTorch's SummaryWriter has them: numpy.histogram in TensorBoard's buckets, cut to those in use."""
    positive, limit = [], 1e-12
    while limit < 1e20:
        positive.append(limit)
        limit *= 1.1
    limits = [-limit for limit in reversed(positive)] + [0.0] + positive
    counts = [0.0] * (len(limits) - 1)
    for value in values:
        counts[bisect.bisect_right(limits, value) - 1] += 1
    used = [i for i, count in enumerate(counts) if count]
    return limits[used[0]:used[-1] + 2], [0.0] + counts[used[0]:used[-1] + 1]


class Loggers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="lit-loggers-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def make(self, what: str) -> None:
        done = run([PROGRAM, what, str(self.folder)])
        self.assertEqual(done.returncode, 0, done.stderr)

    @staticmethod
    def event_file(folder: Path) -> Path:
        found, = folder.glob("events.out.tfevents.*")
        return found


class EventFiles(Loggers):
    def setUp(self):
        super().setUp()
        self.make("events")
        self.values = list(events.values(self.event_file(self.folder)))

    def of(self, tag: str) -> list[tuple[int, str, object]]:
        return [(value.step, value.kind, value.content) for value in self.values if value.tag == tag]

    def test_the_reader_knows_the_checksum_of_rfc_3720(self):
        crc = 0xE3069283
        self.assertEqual(events.masked_crc(b"123456789"), ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    def test_scalars(self):
        single = struct.unpack("<f", struct.pack("<f", 1e-3))[0]
        self.assertEqual(self.of("loss"), [(3, "scalar", 0.5), (4, "scalar", single)])
        self.assertEqual(self.of("far"), [(2**40, "scalar", -1.5)])
        now = time.time()
        self.assertTrue(all(now - 600 < value.wall_time <= now for value in self.values))

    def test_scalars_of_one_chart_are_runs_of_their_own(self):
        for tag, number in (("train", 1.0), ("val", 2.0)):
            value, = events.values(self.event_file(self.folder / f"both_losses_{tag}"))
            self.assertEqual((value.step, value.tag, value.content), (7, "both/losses", number))

    def test_images(self):
        (_, kind, ramp), = self.of("ramp")
        self.assertEqual((kind, ramp["height"], ramp["width"], ramp["channels"]), ("image", 3, 4, 1))
        self.assertEqual(pixels(ramp["png"]), (4, 3, 1, bytes(range(0, 240, 20))))
        (_, _, red), = self.of("red")
        self.assertEqual(pixels(red["png"]), (5, 2, 3, bytes([255, 128, 0] * 10)))
        (_, _, grid), = self.of("grid")
        self.assertEqual(pixels(grid["png"]), (8, 2, 1, bytes(range(0, 80, 10)) + bytes([80] + [0] * 7)))

    def test_histograms(self):
        values = [i * 0.1 for i in range(-50, 50)]
        (step, kind, content), = self.of("weights")
        self.assertEqual((step, kind, content["num"], content["min"], content["max"]), (5, "histogram", 100, -5.0, values[-1]))
        self.assertAlmostEqual(content["sum"], sum(values), places=12)
        self.assertAlmostEqual(content["sum_squares"], sum(value * value for value in values), places=9)
        self.assertEqual((content["limits"], content["counts"]), histogram(values))
        (_, _, finite), = self.of("with_nan")
        self.assertEqual((finite["num"], finite["limits"], finite["counts"]), (2, *histogram([1.0, 2.0])))

    def test_text(self):
        self.assertEqual(self.of("note/text_summary"), [(8, "text", "**bold**, and ümläute")])

    def test_hyperparameters(self):
        plugin = {value.tag: dict(events.fields(value.content)) for value in self.values if value.kind == "hparams"}
        self.assertEqual(list(plugin), ["_hparams_/experiment", "_hparams_/session_start_info", "_hparams_/session_end_info"])
        session = {}
        for number, entry in events.fields(plugin["_hparams_/session_start_info"][3]):
            self.assertEqual(number, 1)
            key, value = (content for _, content in events.fields(entry))
            session[key.decode()] = events.fields(value)[0]  # google.protobuf.Value
        self.assertEqual(session, {"lr": (2, 0.1), "epochs": (2, 3.0), "amsgrad": (4, 1), "name": (3, b"adam")})
        experiment = events.fields(plugin["_hparams_/experiment"][2])
        kinds = {dict(events.fields(data))[1]: dict(events.fields(data))[4] for number, data in experiment if number == 4}
        self.assertEqual(kinds, {b"lr": 3, b"epochs": 3, b"amsgrad": 2, b"name": 1})
        metrics = [dict(events.fields(dict(events.fields(data))[1]))[2] for number, data in experiment if number == 5]
        self.assertEqual(metrics, [b"hp/accuracy"])
        self.assertEqual(events.fields(plugin["_hparams_/session_end_info"][4]), [(1, 1)])

    def test_the_reader_refuses_a_changed_byte_and_a_cut_file(self):
        data = self.event_file(self.folder).read_bytes()
        copy = self.folder / "copy"
        for at in random.Random(0).sample(range(len(data)), 200):
            copy.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
            with self.assertRaises(CourseError, msg=f"byte {at}"):
                list(events.records(copy))
        copy.write_bytes(data[:-1])
        with self.assertRaises(events.Truncated):
            list(events.records(copy))


class Runs(Loggers):
    """Five batches, log_every_n_steps 2, two epochs, two validation batches; then a validation by itself."""

    TRAIN = [1, 3, 5, 7, 9]
    ENDS = [4, 9]
    VALIDATED = [0, 1, 2, 3, 0, 1]

    def setUp(self):
        super().setUp()
        self.make("fit")
        self.run_folder = self.folder / "lightning_logs" / "version_0"

    def test_one_folder_has_all(self):
        self.assertEqual([path.name for path in (self.folder / "lightning_logs").iterdir()], ["version_0"])
        names = sorted(path.name for path in self.run_folder.iterdir() if "tfevents" not in path.name)
        self.assertEqual(names, ["checkpoints", "hparams.yaml", "metrics.csv"])

    def test_tensorboard_has_lightnings_tags_and_steps(self):
        curves: dict[str, list[tuple[int, float]]] = {}
        for value in events.values(self.event_file(self.run_folder)):
            if value.kind == "scalar":
                curves.setdefault(value.tag, []).append((value.step, value.content))
        self.assertEqual(curves.pop("m_step"), list(zip(self.TRAIN, [2, 4, 1, 3, 5])))
        self.assertEqual(curves.pop("m_epoch"), [(4, 3), (9, 3)])
        self.assertEqual(curves.pop("v_step"), list(zip(self.VALIDATED, [1, 2] * 3)))
        self.assertEqual(curves.pop("v_epoch"), [(4, 1.5), (9, 1.5), (10, 1.5)])
        self.assertEqual(curves.pop("late, or not"), [(5, 1), (7, 3), (9, 5)])
        self.assertEqual(curves.pop("hp_metric"), [(0, -1)])
        # With every row but those of single validation batches.
        self.assertEqual(curves.pop("epoch"), [(1, 0), (3, 0), (4, 0), (4, 0), (5, 1), (7, 1), (9, 1), (9, 1), (9, 1), (10, 2)])
        self.assertEqual(curves, {})

    def test_metrics_csv(self):
        text = (self.run_folder / "metrics.csv").read_text(encoding="utf-8")
        self.assertEqual(text.splitlines()[:5], ['epoch,"late, or not",m_epoch,m_step,step,v_epoch,v_step',
                                                 "0,,,2.0,1,,", "0,,,4.0,3,,", ",,,,0,,1.0", ",,,,1,,2.0"])
        rows = list(csv.DictReader(text.splitlines()))
        self.assertEqual([int(row["step"]) for row in rows if row["m_step"]], self.TRAIN)
        self.assertEqual([int(row["step"]) for row in rows if row["m_epoch"]], self.ENDS)
        self.assertEqual([int(row["step"]) for row in rows if row["v_step"]], self.VALIDATED)
        self.assertEqual([float(row["late, or not"]) for row in rows if row["late, or not"]], [1, 3, 5])
        self.assertTrue(all(None not in row and len(row) == 7 for row in rows))

    def test_hparams_yaml_as_pyyaml_reads_it(self):
        text = (self.run_folder / "hparams.yaml").read_text(encoding="utf-8")
        self.assertEqual(text, 'lr: 1.0e-05\nlayers: [64, 3]\nname: "yes"\nmodel:\n  dropout: 0.5\n  bias: true\nnothing: null\n')
        read = "import sys, yaml; print(yaml.safe_load(sys.stdin))"
        for python in ("python3", "/usr/bin/python3"):
            done = subprocess.run([python, "-c", read], input=text, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                break
        else:
            self.skipTest("no Python here has PyYAML")
        self.assertEqual(done.stdout, "{'lr': 1e-05, 'layers': [64, 3], 'name': 'yes', 'model': {'dropout': 0.5, 'bias': True}, 'nothing': None}\n")


class Crowds(Loggers):
    def test_runs_of_the_same_moment_have_folders_of_their_own(self):
        claims = [subprocess.Popen([PROGRAM, "claim", str(self.folder)], stdout=subprocess.PIPE, text=True) for _ in range(8)]
        versions = [line for claim in claims for line in claim.communicate()[0].split()]
        self.assertEqual(sorted(versions, key=lambda name: int(name[8:])), [f"version_{i}" for i in range(16)])


class Killed(Loggers):
    """Whatever kills a run: its files are whole, and say the same."""

    def read(self, folder: Path) -> int:
        board = self.event_file(folder)
        steps = [value.step for value in events.values(board) if value.tag == "m_epoch"]
        lines = (folder / "metrics.csv").read_text(encoding="utf-8").split("\n") if (folder / "metrics.csv").exists() else [""]
        self.assertEqual(lines.pop(), "", "the last row is not whole")
        rows = list(csv.DictReader(lines))
        for row in rows:
            self.assertTrue(None not in row and None not in row.values(), row)
            self.assertTrue(all(math.isfinite(float(cell)) for cell in row.values() if cell))
        table = [int(row["step"]) for row in rows if row.get("m_epoch")]
        self.assertEqual(table, steps[:len(table)], "the table is written behind the events")
        self.assertLessEqual(len(steps) - len(table), 1)
        self.assertFalse([path.name for path in folder.iterdir() if ".csv." in path.name and ".tmp." not in path.name])
        return len(steps)

    def test_every_file_is_whole(self):
        epochs = 0
        random_times = random.Random(1)
        for turn in range(12):
            root = self.folder / str(turn)
            process = subprocess.Popen([PROGRAM, "endless", str(root)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       env=os.environ | {"OMP_NUM_THREADS": "1"})
            folder = root / "lightning_logs" / "version_0"
            until = time.monotonic() + 60
            while not list(folder.glob("events*")) and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(random_times.uniform(0, 0.4))
            if turn % 3 == 0:
                self.read_while_it_runs(folder)
            process.kill()
            process.wait()
            epochs += self.read(folder)
        self.assertGreater(epochs, 100, "runs that had something to lose")

    def read_while_it_runs(self, folder: Path) -> None:
        self.assertGreaterEqual(len(list(events.values(self.event_file(folder)))), 1)


# In a copy of the page: what a browser makes of it, as the page's title.
PROBE = """<script>addEventListener("load", () => {
  const all = selector => [...document.querySelectorAll(selector)];
  const charts = all("svg").map(svg => svg.getBoundingClientRect());
  document.title = JSON.stringify({
    headings: all("h2").map(one => one.textContent),
    pictures: all("img").map(one => [one.naturalWidth, one.naturalHeight]),
    charts: charts.map(box => box.width > 200 && box.height > 100), lines: all("svg polyline[stroke-width='2']").length,
    diagonal: all(".matrix tbody tr").map((row, i) => Number(row.cells[i + 1].textContent)),
    cells: all(".matrix td").reduce((sum, cell) => sum + Number(cell.textContent), 0),
    wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    fetched: performance.getEntriesByType("resource").map(one => one.name).filter(name => !name.startsWith("data:"))});
});</script>"""


class Report(Loggers):
    @classmethod
    def setUpClass(cls):
        cls.folder_of_all = tempfile.TemporaryDirectory(prefix="lit-report-")
        done = run([PROGRAM, "report", cls.folder_of_all.name])
        if done.returncode:
            raise AssertionError(done.stderr)
        cls.path = Path(cls.folder_of_all.name) / "lightning_logs" / "version_0" / "report.html"
        cls.page = cls.path.read_text(encoding="utf-8")
        cls.said = done.stdout

    @classmethod
    def tearDownClass(cls):
        cls.folder_of_all.cleanup()

    def test_it_needs_nothing_else(self):
        self.assertNotRegex(self.page, r"(?:src|href)=\"(?!data:)")
        self.assertNotRegex(self.page, r"url\(|@import|<script")
        self.assertIn("<h1>Fashion &amp; more</h1>", self.page)
        self.assertIn("<tr><th>model.name</th><td>linear &lt;b&gt;</td></tr>", self.page)
        self.assertRegex(self.page, r"<tr><th>test_acc</th><td>0\.\d+</td></tr>")

    def test_a_browser_shows_it(self):
        browser = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)
        if browser is None:
            self.skipTest("there is no Chromium here")
        copy = self.path.with_name("probed.html")
        copy.write_text(self.page.replace("</body>", PROBE + "</body>"), encoding="utf-8")
        done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1100,900", "--virtual-time-budget=5000",
                               f"--user-data-dir={self.folder}", "--dump-dom", copy.as_uri()],
                              capture_output=True, encoding="utf-8", timeout=120, check=False)
        title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
        self.assertTrue(title, done.stderr[-2000:])
        seen = json.loads(html.unescape(title[1]))
        self.assertEqual(seen["headings"], ["Results", "Curves", "Confusion matrix", "Samples", "Config", "Environment"])
        self.assertEqual(seen["pictures"], [[28, 28]] * 24)
        self.assertEqual(seen["charts"], [True, True], "accuracy and loss")
        self.assertEqual(seen["lines"], 3, "train_loss, val_loss, val_acc")
        accuracy = float(re.search(r"<th>test_acc</th><td>([\d.]+)", self.page)[1])
        self.assertAlmostEqual(sum(seen["diagonal"]) / seen["cells"], accuracy, places=5)
        self.assertEqual(seen["fetched"], [])
        self.assertFalse(seen["wide"], "the page is wider than the window")


if __name__ == "__main__":
    unittest.main()
