"""Lines as long as a server likes, in several files at once: memory holds one of them at most, and none of their
values (L-15)."""
import os
import subprocess
import unittest

import harness
from imposter import BulkImposter, resources

MB = 1 << 20
LONG = 40 * MB


def dense(head, size=LONG):
    """One line of many values: a parser's tokens of it take five times its size."""
    return head + b'"a":[' + b"{}," * (size // 3) + b"{}]}\n"


def pull_and_watch(*arguments):
    """Exit code, the most memory that was resident, what it said."""
    process = subprocess.Popen([harness.BINARY, "pull", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    peak = 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                lines = [line.split() for line in status if line.startswith("VmHWM")]
        except OSError:
            lines = []
        peak = max([peak, *(int(line[1]) * 1024 for line in lines)])
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            pass
    with process.stdout:
        return process.returncode, peak, process.stdout.read().decode()


class LongLines(harness.TestCase):
    def setUp(self):
        self.server = BulkImposter(self)
        self.out = os.path.join(harness.temporary_folder(self), "out")

    def pull(self, body_of, *options):
        """Four files at once, each with other resources."""
        items = [self.server.add_output("Patient", f"f{n}", body_of(n)) for n in range(1, 5)]
        self.server.finish(items)
        return pull_and_watch(self.server.base, "--out", self.out, "--parallel", "4", *options)

    def size(self, name):
        return os.path.getsize(os.path.join(self.out, name))

    def test_l15_long_lines_of_many_values_in_all_files_at_once(self):
        code, peak, said = self.pull(lambda n: dense(b'{"resourceType":"Patient","id":"p%d",' % n))
        self.assertEqual(code, 0, said)
        self.assertEqual(sum(name.startswith("Patient") for name in os.listdir(self.out)), 4)
        self.assertLess(peak, 2 * LONG + 60 * MB, f"{peak / MB:.0f} MB")

    def test_l15_and_when_they_do_not_belong_there(self):
        line = dense(b'{"resourceType":"Observation","id":"o",')
        code, peak, said = self.pull(
            lambda n: resources("Patient", 3, 100 * n) + line + resources("Patient", 3, 100 * n + 50))
        self.assertEqual(code, 3, said)
        self.assertIn("of type Observation", said)
        for n in range(1, 5):
            self.assertEqual(self.size(f"Patient.0000{n}.ndjson"), 2 * len(resources("Patient", 3, 100)))
            self.assertEqual(self.size(f"error/Patient.0000{n}.strays.jsonl"), len(line))
        self.assertLess(peak, 2 * LONG + 60 * MB, f"{peak / MB:.0f} MB")

    def test_l15_and_are_looked_through_for_attachments_only_as_far_as_memory_goes(self):
        line = dense(b'{"resourceType":"DocumentReference","id":"d","content":[{"attachment":{"url":"Binary/1"}}],')
        self.server.finish([self.server.add_output("DocumentReference", "d", line)])
        code, peak, said = pull_and_watch(self.server.base, "--out", self.out, "--attachments", "files")
        self.assertEqual(code, 3, said)
        self.assertIn("too many values to be looked through for attachments", said)
        self.assertEqual(self.size("DocumentReference.00001.ndjson"), len(line))
        self.assertLess(peak, 2 * LONG + 60 * MB, f"{peak / MB:.0f} MB")


if __name__ == "__main__":
    unittest.main()
