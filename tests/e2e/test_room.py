"""No room on the disk, no descriptors left: exports wait and go on by themselves when there is room again
(S-06), and say so meanwhile."""
import http.client
import json
import os
import resource
import time
import unittest
import urllib.parse

import corpus
import harness


class KeptConnection:
    """One connection that stays open, for a server that can open no other."""

    def __init__(self, server):
        parts = urllib.parse.urlsplit(server.base)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        self.connection.connect()

    def get(self, path, headers=None):
        self.connection.request("GET", urllib.parse.urlsplit(path).path, headers=headers or {})
        answer = self.connection.getresponse()
        return harness.Response(answer.status, answer.reason, answer.headers, answer.read())

    def wait_for(self, path, is_wanted):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            answer = self.get(path)
            if is_wanted(answer):
                return answer
            time.sleep(0.1)
        raise AssertionError(f"it did not come: {answer}")


class Room(harness.ServerCase):
    OPTIONS = ("--poll-burst", 100_000)

    @classmethod
    def setUpClass(cls):
        cls.shared = harness.temporary_folder(cls)
        cls.paths = corpus.large_input(cls.shared, 30)

    def setUp(self):
        super().setUp()
        harness.load(self.data, *self.paths)

    def limit(self, what, soft):
        hard = resource.prlimit(self.server.process.pid, what)[1]
        resource.prlimit(self.server.process.pid, what, (hard if soft is None else soft, hard))

    def export_through(self, what, soft, words):
        """An export that begins when there is no room, and what it would be without that."""
        self.serve(*self.OPTIONS)
        wanted = self.server.export().content()
        kept = KeptConnection(self.server)
        self.addCleanup(kept.connection.close)
        self.limit(what, soft() if callable(soft) else soft)
        answer = kept.get("/fhir/$export", {"Accept": harness.FHIR_JSON, "Prefer": "respond-async"})
        self.assertEqual(answer.status, 202, answer)
        status = answer.headers["Content-Location"]
        waiting = kept.wait_for(status, lambda a: a.status != 202 or "waiting" in a.headers["X-Progress"])
        self.assertEqual(waiting.status, 202, waiting)
        self.assertIn(words, waiting.headers["X-Progress"])
        self.assertIn("sluice_jobs_waiting 1", kept.get("/metrics").body.decode())
        # More often than an error of the disk would be tried again.
        deadline = time.monotonic() + 60
        while self.server.log().count("job waits") < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(kept.get(status).status, 202)
        self.limit(what, None)
        kept.wait_for(status, lambda a: a.status == 200)
        self.assertEqual(harness.wait(status).content(), wanted)
        self.assertIn("sluice_jobs_waiting 0", kept.get("/metrics").body.decode())
        self.assertIn(words, self.server.log())

    def too_small(self):
        """A limit on files that lets the store write its log, but no export its largest file."""
        def largest(folder, end):
            return max(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(folder)
                       for name in names if name.endswith(end))

        log = largest(os.path.join(self.data, "store"), ".log")
        file = largest(os.path.join(self.data, "files"), ".ndjson")
        self.assertGreater(file, log + 60_000)
        return file - 10_000

    def test_s06_an_export_waits_for_room_on_the_disk(self):
        # As on a full disk, a file grows so far and no further.
        self.export_through(resource.RLIMIT_FSIZE, self.too_small, "the disk is full")

    def test_s06_an_export_waits_for_descriptors(self):
        def used():
            return 1 + max(int(fd) for fd in os.listdir(f"/proc/{self.server.process.pid}/fd"))

        self.export_through(resource.RLIMIT_NOFILE, used, "too many files are open")

    def test_s05_an_export_that_waits_can_be_deleted(self):
        self.serve(*self.OPTIONS)
        done = self.server.kick_off()
        harness.wait(done)
        self.limit(resource.RLIMIT_FSIZE, self.too_small())
        kept = KeptConnection(self.server)
        self.addCleanup(kept.connection.close)
        status = self.server.kick_off()
        kept.wait_for(status, lambda a: a.status != 202 or "waiting" in a.headers["X-Progress"])
        self.assertEqual(harness.request("DELETE", status).status, 202)
        self.assertEqual(harness.request("GET", status).status, 404)
        jobs = json.loads(harness.sluice("jobs", "--data", self.data, "--json").out)["jobs"]
        self.assertEqual([job["id"] for job in jobs], [done.rsplit("/", 1)[1]])


if __name__ == "__main__":
    unittest.main()
