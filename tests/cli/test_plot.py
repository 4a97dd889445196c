"""./course plot: what it reads of runs, and what it draws."""
import contextlib
import math
import os
import random
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from coursetool import events, plot, runs
from coursetool.errors import CourseError, UsageError

ROOT = Path(__file__).resolve().parents[2]
DRAW = Path(os.environ.get("COURSE_BIN", ROOT / "build/release/bin")) / "course_draw"


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def scalar(tag: str, step: int, value: float) -> bytes:
    """An event file's record of one number, made by hand."""
    body = b"\x0a" + varint(len(tag)) + tag.encode() + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + varint(len(body)) + body
    return record(b"\x09" + struct.pack("<d", 1.0) + b"\x10" + varint(step) + b"\x2a" + varint(len(summary)) + summary)


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", events.masked_crc(length)) + data + struct.pack("<I", events.masked_crc(data))


VERSION = record(b"\x1a\x0dbrain.Event:2")


class Folders(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="course-plot-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


class Reading(Folders):
    def test_a_table_of_a_logger(self):
        self.write("a/metrics.csv", "epoch,loss,step,val_loss\n0,0.5,1,\n0,,4,0.25\n,nan,5,\n")
        run = runs.read_run(self.folder / "a")
        self.assertEqual(run.folder, (self.folder / "a").resolve())
        self.assertEqual(run.metrics["val_loss"], [(4, 0, 0.25)])
        self.assertEqual(run.metrics["loss"][0], (1, 0, 0.5))
        self.assertTrue(math.isnan(run.metrics["loss"][1][2]))

    def test_a_table_that_a_spreadsheet_has_saved(self):
        run = runs.read_run(self.write("a/metrics.csv", b"\xef\xbb\xbfepoch,loss,step\r\n3,0.5,7\r\n"))
        self.assertEqual(run.metrics, {"loss": [(7, 3, 0.5)]}, "a byte order mark is no part of a name")

    def test_a_table_of_a_lesson_has_epochs_alone(self):
        run = runs.read_run(self.write("b/metrics.csv", "epoch,train_loss\n1,0.5\n2,0.25\n"))
        self.assertEqual(run.metrics, {"train_loss": [(None, 1, 0.5), (None, 2, 0.25)]})
        self.assertEqual(plot.axis([run], None), "epoch")
        with self.assertRaisesRegex(CourseError, "have no steps; leave --x out"):
            plot.axis([run], "step")

    def test_a_run_that_was_resumed_is_one(self):
        for version, epoch in ((2, 1), (10, 2), (0, 0)):
            self.write(f"c/csv/version_{version}/metrics.csv", f"epoch,step,val_loss\n{epoch},{epoch},0.{9 - epoch}\n")
        self.assertEqual(runs.read_run(self.folder / "c").metrics["val_loss"], [(0, 0, 0.9), (1, 1, 0.8), (2, 2, 0.7)])

    def test_event_files_and_the_record_that_is_being_written(self):
        self.write("c/events.out.tfevents.1.host", VERSION + scalar("epoch", 3, 1) + scalar("loss", 3, 0.5) + scalar("loss", 4, 0.25)[:-3])
        self.assertEqual(runs.read_run(self.folder / "c").metrics, {"loss": [(3, 1, 0.5)]})

    def test_whatever_is_in_an_event_is_one_sentence(self):
        histogram = b"\x0a\x01h\x2a\x12" + b"\x09" + bytes(8) + b"\x32\x04" + bytes(4) + b"\x3a\x01\x00"
        events_of = [record(b"\x09" + bytes(8) + b"\x10\x01\x2a" + varint(len(value) + 2) + b"\x0a" + varint(len(value)) + value)
                     for value in (b"", b"\x08\xff\xff\xff\xff\x0f", b"\x0a\x01\xff", b"\x0a\x01a\x10\x05", b"\x0a\x01a\x22\x02\x08\x01",
                                   b"\x0a\x01a\x4a\x00", b"\x0a\x01a\x12\x7f", b"\x80" * 5000, histogram)]
        for event in [*events_of, record(b"\x2a\x05"), record(b"\x28\x05"), record(b"\x0f"), record(b"\x12\x01a\x2a\x00")]:
            path = self.write("c/events.out.tfevents.1", VERSION + event)
            with self.assertRaisesRegex(CourseError, "events.out.tfevents.1: the event 1 is damaged: "):
                list(events.values(path))
        for first in (b"", b"\x18\x05", b"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"):
            with self.assertRaises(CourseError):
                list(events.values(self.write("c/events.out.tfevents.1", record(first))))

    def test_mutated_events_are_read_or_refused(self):
        generator = random.Random(3)
        good = (b"\x09" + struct.pack("<d", 1.0) + b"\x10\x03\x2a\x19\x0a\x17\x0a\x04loss\x4a\x08\x0a\x06\x0a\x04text\x42\x05\x42\x03abc")
        self.assertEqual([value.content for value in events.values(self.write("e", VERSION + record(good)))], ["abc"])
        for _ in range(3000):
            bad = bytearray(good)
            for _ in range(generator.randint(1, 3)):
                bad[generator.randrange(len(bad))] = generator.randrange(256)
            with contextlib.suppress(CourseError):
                list(events.values(self.write("e", VERSION + record(bytes(bad)))))

    def test_numbers_that_are_0_may_be_left_out(self):
        histogram = b"\x0a\x01h\x2a\x09\x19" + struct.pack("<d", 2.0)  # num alone
        summary = b"\x0a" + varint(len(histogram)) + histogram
        value, = events.values(self.write("e", VERSION + record(b"\x2a" + varint(len(summary)) + summary)))
        self.assertEqual((value.step, value.wall_time, value.content["num"], value.content["min"], value.content["counts"]), (0, 0.0, 2.0, 0.0, []))

    def test_tables_that_are_none(self):
        for content in (b"epoch,loss\n1,\x1b[31m\n", b'epoch,"' + b"x" * 200_000 + b'"\n1,2\n', b"epoch,loss\n1," + b"x" * 100_000 + b"\n"):
            with self.assertRaises(CourseError) as raised:
                runs.read_csv(self.write("bad.csv", content))
            self.assertNotIn("\x1b", str(raised.exception))
            self.assertLess(len(str(raised.exception)), 1000)

    def test_a_row_that_is_being_written_is_left_out(self):
        self.assertEqual(runs.read_csv(self.write("metrics.csv", "epoch,loss\n1,0.5\n2,0.2")), {"loss": [(None, 1, 0.5)]})

    def test_what_is_no_run_is_refused(self):
        with self.assertRaisesRegex(CourseError, "there is no run .*nowhere; a run is a folder"):
            runs.read_run(self.folder / "nowhere")
        self.write("logs/version_0/metrics.csv", "epoch,loss\n")
        with self.assertRaisesRegex(CourseError, "is the run one of its folders: version_0?"):
            runs.read_run(self.folder / "logs")
        with self.assertRaisesRegex(CourseError, "has no metrics yet"):
            runs.read_run(self.folder / "logs/version_0")
        with self.assertRaisesRegex(CourseError, ":3: 'x' is no number"):
            runs.read_csv(self.write("bad.csv", "epoch,loss\n1,2\n2,x\n"))
        with self.assertRaisesRegex(CourseError, ":2: the row has not as many cells"):
            runs.read_csv(self.write("bad.csv", "epoch,loss\n1\n"))

    def test_the_newest_run(self):
        self.write("runs/old/metrics.csv", "epoch,loss\n")
        self.write("lightning_logs/version_0/events.out.tfevents.1", b"")
        self.write("lightning_logs/empty/x", "")
        os.utime(self.folder / "runs/old", (1, 1))
        with mock.patch.object(runs.Path, "cwd", return_value=self.folder):
            self.assertEqual(runs.newest_run(), Path("lightning_logs/version_0"))

    def test_subjects(self):
        names = ["train_loss", "val_loss_epoch", "loss_step", "test/loss", "loss"]
        self.assertEqual({runs.subject(name) for name in names}, {"loss"})
        self.assertEqual(runs.subject("lr-Adam"), "lr-Adam")


class Drawing(Folders):
    def test_smoothing_is_tensorboards(self):
        self.assertEqual(plot.smoothed([1.0, 1.0, 1.0], 0.9), [1.0, 1.0, 1.0])
        first, second = plot.smoothed([1.0, 3.0], 0.5)
        self.assertEqual(first, 1.0)
        self.assertAlmostEqual(second, (0.25 * 1 + 0.5 * 3) / 0.75)
        middle = plot.smoothed([1.0, math.nan, 1.0], 0.5)
        self.assertTrue(math.isnan(middle[1]) and middle[2] == 1.0)

    def test_runs_side_by_side(self):
        a = runs.Run(Path("/a"), {"train_loss": [(1, 0, 0.5)], "val_loss": [(1, 0, 0.4)], "acc": [(1, 0, 1.0)]})
        b = runs.Run(Path("/b"), {"train_loss": [(2, 0, math.inf)]})
        charts = plot.plots([a, b], plot.chosen([a, b], ["loss"]), "step", 0, log=True)
        self.assertEqual(len(charts), 1)
        self.assertEqual([curve["name"] for curve in charts[0]["curves"]], ["a train_loss", "b train_loss", "a val_loss"])
        self.assertEqual(charts[0]["curves"][1]["y"], [None])
        alone, = plot.plots([a, b], ["train_loss"], "step", 0, log=False)
        self.assertEqual((alone["title"], [curve["name"] for curve in alone["curves"]]), ("train_loss", ["a", "b"]))
        with self.assertRaisesRegex(UsageError, "no run has a metric 'val_los'.*did you mean 'val_loss'"):
            plot.chosen([a], ["val_los"])

    def test_names_tell_runs_apart(self):
        same = [Path("/x/version_0"), Path("/y/version_0")]
        self.assertEqual(plot.labels([Path("/x/version_0"), Path("/x/version_1")]), ["version_0", "version_1"])
        self.assertEqual(plot.labels(same), ["x", "y"])
        self.assertEqual(plot.labels([same[0], same[0]]), ["version_0 (1)", "version_0 (2)"])

    def test_bad_words(self):
        for words, text in ((["--smooth", "1"], "--smooth is '1', but must be at least 0 and below 1"),
                            (["--smooth", "x"], "--smooth is 'x'"), (["--logg"], "has no flag --logg"),
                            (["--metric"], "--metric needs a value")):
            with self.assertRaisesRegex(UsageError, text):
                plot.main(ROOT, "release", words)

    @unittest.skipUnless(DRAW.is_file(), "course_draw is not built")
    def test_text_and_pictures(self):
        self.write("a/metrics.csv", "epoch,loss,acc\n0,0.5,0.1\n1,0.25,0.2\n2,0.125,0.4\n")
        command = [ROOT / "course", "plot", self.folder / "a"]
        environment = os.environ | {"COLUMNS": "60", "COURSE_NO_INSTALL": "1"}
        text = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True).stdout
        self.assertIn("loss", text)
        self.assertIn("acc", text)
        self.assertTrue(all(len(line) <= 60 for line in text.splitlines()), text)
        self.assertEqual(text.count("┌"), 2)
        files = subprocess.run([*command, "--log", "--svg", self.folder / "x.svg"], env=environment, capture_output=True,
                               encoding="utf-8", check=True).stdout.split()
        self.assertEqual(files, [str(self.folder / name) for name in ("x-acc.svg", "x-loss.svg")])
        self.assertIn("<svg", (self.folder / "x-loss.svg").read_text())


if __name__ == "__main__":
    unittest.main()
