"""What `sluice pull` never does, whatever a server answers: show or log somebody's data, ask for ever, take
more memory than a file needs (L-15)."""
import json
import os
import unittest

import harness
from imposter import Answer, BulkImposter, resources
from test_pull import pull

LINE = b'{"resourceType":"Patient","id":"HIDDENID","name":[{"family":"HIDDENNAME"}]}\n'
NDJSON = {"Content-Type": "application/fhir+ndjson"}
BUNDLE = {"resourceType": "Bundle", "entry": [{"resource": json.loads(LINE)}]}


class Limits(harness.TestCase):
    def setUp(self):
        self.server = BulkImposter(self)
        self.server.finish([self.server.add_output("Patient", "p", resources("Patient", 3))])

    def pull(self, *options, code=0):
        out = os.path.join(harness.temporary_folder(self), "out")
        return out, pull(self.server.base, "--out", out, *options, code=code)

    def assert_hidden(self, out, done):
        self.assertNotIn("HIDDEN", done.out + done.err)
        for root, _, names in os.walk(out):
            for name in names:
                with open(os.path.join(root, name), "rb") as file:
                    self.assertNotIn(b"HIDDEN", file.read(), name)


class Words(Limits):
    def test_l15_resources_in_the_answer_for_a_file_are_not_shown(self):
        for status, code in ((207, 3), (409, 3), (500, 6)):
            with self.subTest(status=status):
                self.server.on("GET", "/p", Answer(status, LINE * 3, NDJSON))
                out, done = self.pull("--retries", "0", code=code)
                self.assert_hidden(out, done)
                self.assertIn(f"{status} a body of resourceType Patient", done.out + done.err)

    def test_l15_resources_in_the_answer_to_kick_off_and_poll_are_not_shown(self):
        self.server.on("GET", "/status", Answer(207, BUNDLE))
        out, done = self.pull("--retries", "0", code=5)
        self.assert_hidden(out, done)
        self.assertIn("207): a body of resourceType Bundle", done.err)
        self.server.on("POST", "/fhir/$export", Answer(200, BUNDLE))
        out, done = self.pull("--retries", "0", code=5)
        self.assert_hidden(out, done)


class Folders(Limits):
    def test_l04_files_of_somebody_else_are_not_overwritten(self):
        for name in ("Patient.00001.ndjson", "Observation.00007.ndjson.gz", "error/OperationOutcome.00001.jsonl"):
            with self.subTest(name=name):
                out = os.path.join(harness.temporary_folder(self), "out")
                path = os.path.join(out, name)
                os.makedirs(os.path.dirname(path))
                with open(path, "wb") as file:
                    file.write(LINE)
                done = pull(self.server.base, "--out", out, code=2)
                self.assertIn(name, done.err)
                self.assertEqual(self.server.sent(), [])
                self.assertFalse(os.path.exists(os.path.join(out, ".sluice")))
                with open(path, "rb") as file:
                    self.assertEqual(file.read(), LINE)

    def test_l04_other_files_may_be_there(self):
        out = os.path.join(harness.temporary_folder(self), "out")
        os.makedirs(out)
        for name in ("README.md", "notes.ndjson", "Patient.ndjson"):
            with open(os.path.join(out, name), "wb") as file:
                file.write(b"mine")
        pull(self.server.base, "--out", out)


class Outcomes(Limits):
    def test_l15_a_very_long_outcome_is_not_read_and_counts_as_an_error(self):
        line = b'{"resourceType":"OperationOutcome","issue":[' + b"{}," * 400_000 + b"{}]}\n"
        self.server.finish([self.server.add_output("Patient", "p", resources("Patient", 3))],
                           error=[self.server.add_output("OperationOutcome", "e", line)])
        out, done = self.pull(code=3)
        self.assertIn(f"an OperationOutcome of {len(line) - 1} bytes, too long to be read", done.out)
        self.assertEqual(os.path.getsize(os.path.join(out, "error", "OperationOutcome.00001.jsonl")), len(line))


class Retries(Limits):
    BUSY = {"Retry-After": "0"}

    def test_l15_retries_limits_the_kick_offs_that_a_busy_server_refuses(self):
        for status in (429, 503):
            with self.subTest(status=status):
                before = len(self.server.sent("POST"))
                self.server.on("POST", "/fhir/$export", Answer(status, b"", self.BUSY))
                self.assertIn(f"busy ({status})", self.pull("--retries", "1", code=6)[1].err)
                self.assertEqual(len(self.server.sent("POST")) - before, 2)

    def test_l15_and_the_requests_for_a_file(self):
        self.server.on("GET", "/p", Answer(503, b"", self.BUSY))
        self.pull("--retries", "1", code=6)
        self.assertEqual(len(self.server.sent("GET", "/p")), 2)

    def test_l15_and_the_polls(self):
        self.server.on("GET", "/status", Answer(502, b"", self.BUSY))
        self.pull("--retries", "1", code=6)
        self.assertEqual(len(self.server.sent("GET", "/status")), 2)


if __name__ == "__main__":
    unittest.main()
