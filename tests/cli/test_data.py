"""Fetching a data set: only what is whole and right gets its name."""
import contextlib
import gzip
import hashlib
import io
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

from coursetool import data
from coursetool.errors import CourseError

CONTENT = {name: f"content of {name}".encode() for name in data.NAMES}


class Fetching(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.mirror = Path(folder.name) / "mirror"
        self.target = Path(folder.name) / "data" / "small"
        self.mirror.mkdir()
        for name, content in CONTENT.items():
            (self.mirror / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
        sums = {name: f"sha256:{hashlib.sha256(content).hexdigest()}" for name, content in CONTENT.items()}
        first = self.mirror / f"{data.NAMES[0]}.gz"
        sums[data.NAMES[0]] = f"md5:{hashlib.md5(first.read_bytes()).hexdigest()}"
        self.sets = {"small": data.DataSet((self.mirror.as_uri(),), sums)}

    def fetch(self, url: str | None = None) -> str:
        printed = io.StringIO()
        with redirect_stdout(printed):
            data.fetch("small", self.target, url, self.sets)
        return printed.getvalue()

    def files(self) -> list[str]:
        return sorted(path.name for path in self.target.iterdir())

    def test_fetches_all_four_and_not_again(self):
        self.fetch()
        self.assertEqual(self.files(), sorted(f"{name}.gz" for name in data.NAMES))
        self.assertEqual(self.fetch().count("there already"), 4)

    def broken(self, change, message: str) -> None:
        file = self.mirror / f"{data.NAMES[2]}.gz"
        change(file)
        with self.assertRaisesRegex(CourseError, message):
            self.fetch()
        self.assertEqual(self.files(), sorted(f"{name}.gz" for name in data.NAMES[:2]))  # and no leftovers

    def test_wrong_content(self):
        self.broken(lambda file: file.write_bytes(gzip.compress(b"other")), "its sha256 is .*, but .* was expected")

    def test_truncated(self):
        self.broken(lambda file: file.write_bytes(file.read_bytes()[:-9]), "could not be fetched")

    def test_missing(self):
        self.broken(lambda file: file.unlink(), "could not be fetched")

    def test_no_gzip(self):
        self.broken(lambda file: file.write_bytes(b"<html>not found</html>"), "could not be fetched")

    def test_second_host_is_tried(self):
        sets = self.sets
        self.sets = {"small": data.DataSet(((self.mirror / "none").as_uri(), self.mirror.as_uri()), sets["small"].sums)}
        self.fetch()
        self.assertEqual(len(self.files()), 4)

    def test_files_that_are_there_are_checked(self):
        self.fetch()
        self.assertEqual(self.fetch().count("there already, checksum right"), 4)
        (self.target / f"{data.NAMES[3]}.gz").write_bytes(gzip.compress(b"other"))
        with self.assertRaisesRegex(CourseError, "t10k-labels.*is damaged, or not what was published: its sha256 is"):
            self.fetch()
        (self.target / f"{data.NAMES[3]}.gz").write_bytes(b"\x1f\x8b cut off")
        with self.assertRaisesRegex(CourseError, "is damaged, or not what was published"):
            self.fetch()

    def test_unpacked_files_are_checked_where_their_sum_is_known(self):
        self.target.mkdir(parents=True)
        for name, content in CONTENT.items():
            (self.target / name.replace("-idx", ".idx")).write_bytes(content)
        told = self.fetch()
        self.assertEqual((told.count("checksum right"), told.count("its checksum is not known")), (3, 1))

    def test_what_is_too_large_is_refused(self):
        with mock.patch.object(data, "LARGEST", 10):
            self.broken_from_the_first("larger than")
        bomb = gzip.compress(bytes(1 << 20))
        (self.mirror / f"{data.NAMES[1]}.gz").write_bytes(bomb)
        with mock.patch.object(data, "LARGEST_UNPACKED", 1000), self.assertRaisesRegex(CourseError, "unpacks to more than"):
            self.fetch()
        self.assertEqual(self.files(), [f"{data.NAMES[0]}.gz"])

    def broken_from_the_first(self, message: str) -> None:
        with self.assertRaisesRegex(CourseError, message):
            self.fetch()
        self.assertEqual(self.files(), [])

    def test_what_a_killed_download_left_is_removed(self):
        self.target.mkdir(parents=True)
        child = subprocess.Popen(["true"])
        child.wait()
        left = self.target / f".{data.NAMES[0]}.gz.tmp.{child.pid}"
        left.write_bytes(b"half")
        living = self.target / f".{data.NAMES[0]}.gz.tmp.{os.getppid()}"
        living.write_bytes(b"half")
        self.fetch()
        self.assertFalse(left.exists())
        self.assertTrue(living.exists())

    def test_sigkill_leaves_no_file_behind_the_next_download(self):
        with Server(slow=True) as server:
            program = ("import sys; from pathlib import Path; from coursetool import data; "
                       f"data.fetch('fashion-mnist', Path(sys.argv[1]), '{server.address}')")
            child = subprocess.Popen([sys.executable, "-c", program, str(self.target)])
            until = time.monotonic() + 30
            while not (self.target.is_dir() and self.files()) and time.monotonic() < until:
                time.sleep(0.02)
            self.assertEqual(len(self.files()), 1)
            child.kill()
            child.wait()
        self.fetch()
        self.assertEqual(self.files(), sorted(f"{name}.gz" for name in data.NAMES))

    def test_a_download_that_goes_on_for_ever_ends(self):
        begun = time.monotonic()
        with Server(slow=True) as server, mock.patch.object(data, "SLOWEST", 1), self.assertRaisesRegex(CourseError, "more than 1 seconds"):
            self.fetch(server.address)
        self.assertLess(time.monotonic() - begun, 10)
        self.assertEqual(self.files(), [])

    def test_a_server_that_speaks_no_http(self):
        with Server(answer=b"\x1b[31mno\r\n\r\n") as server, self.assertRaises(CourseError) as raised:
            self.fetch(server.address)
        self.assertNotIn("\x1b", str(raised.exception))
        for address in ("http://a b/", "nothing", "http://[", "http://127.0.0.1:x/"):
            with self.assertRaisesRegex(CourseError, "could not be fetched"):
                self.fetch(address)

    def test_less_than_was_promised(self):
        packed = (self.mirror / f"{data.NAMES[0]}.gz").read_bytes()
        answer = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(packed) + 5) + packed
        with Server(answer=answer) as server, self.assertRaisesRegex(CourseError, "bytes came"):
            self.fetch(server.address)


class Server:
    """Answers one request with these bytes, or slowly and for ever with zeros."""

    def __init__(self, answer: bytes = b"", slow: bool = False):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}/"
        self.answer, self.slow, self.over = answer, slow, threading.Event()
        self.thread = threading.Thread(target=self.serve)

    def serve(self) -> None:
        try:
            client, _ = self.socket.accept()
        except OSError:
            return
        with client, contextlib.suppress(OSError):
            client.recv(10000)
            client.sendall(self.answer or b"HTTP/1.0 200 OK\r\n\r\n")
            while self.slow and not self.over.wait(0.05):
                client.sendall(b"0")

    def __enter__(self) -> "Server":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()


if __name__ == "__main__":
    unittest.main()
