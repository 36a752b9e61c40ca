"""kill -9 at random moments: K-07, S-06, M-01, F-04, I-04. A round that fails prints its seed."""
import json
import os
import random
import subprocess
import time
import unittest

import corpus
import harness
from test_lifecycle import moved

EXPORT_ROUNDS = 10
LOAD_ROUNDS = 6
SECONDS_MAX = 60


class Crashes(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.temporary_folder(cls)
        cls.paths = corpus.large_input(cls.folder, 120)

    def setUp(self):
        seed = int(os.environ.get("SLUICE_TEST_SEED", 0)) or random.randrange(1, 1 << 31)
        print(f"SLUICE_TEST_SEED={seed}", flush=True)
        self.random = random.Random(seed)

    def digest(self, export, server):
        """Type -> sorted lines of an export whose URLs may be of an earlier port."""
        for item in export.manifest["output"]:
            item["url"] = moved(item["url"], server)
        return export.content()

    def test_s06_an_export_through_many_kills_is_the_undisturbed_one(self):
        data = os.path.join(self.folder, "exported")
        harness.load(data, *self.paths)
        # A projection on one thread takes long enough to be hit in its middle.
        options = ("--export-workers", 1, "--poll-burst", 100_000, "--log-level", "warn")
        query = {"_elements": "id,subject"}
        with harness.Server(data, *options) as server:
            started = time.monotonic()
            status_url = server.kick_off("$export", query)
            # A polite client would see the end long after it came, and the kills below come too late.
            while harness.request("GET", status_url).status == 202:
                time.sleep(0.005)
            seconds = time.monotonic() - started
            undisturbed = self.digest(harness.wait(status_url), server)
            # The room is needed for the jobs that follow.
            harness.request("DELETE", status_url)
        self.assertGreater(sum(map(len, undisturbed.values())), 10_000)

        jobs, deadline, killed_running = [], time.monotonic() + SECONDS_MAX, 0
        for number in range(EXPORT_ROUNDS):
            if time.monotonic() > deadline:
                break
            with harness.Server(data, *options) as server:
                # Every other round begins a new job; the others go on with those that are there.
                if number % 2 == 0:
                    before = harness.sluice_instant()
                    location = server.kick_off("$export", query)
                    jobs.append((location, before, harness.sluice_instant()))
                time.sleep(self.random.uniform(0, seconds))
                statuses = [harness.request("GET", moved(job[0], server)).status for job in jobs]
                self.assertLessEqual(set(statuses), {200, 202})
                killed_running += 202 in statuses
                server.kill()
        self.assertGreater(killed_running, 0, "no kill hit a running export")
        with harness.Server(data, *options) as server:
            for location, before, after in jobs:
                export = harness.wait(moved(location, server))
                self.assertTrue(before <= export.transaction_time <= after,
                                (before, export.transaction_time, after))
                self.assertTrue(self.digest(export, server) == undisturbed)
            # Nothing is left of the parts that were cut off but the jobs' own files.
            named = {item["url"].rsplit("/", 1)[1] for location, _, _ in jobs
                     for item in harness.wait(moved(location, server)).manifest["output"]}
            harness.eventually(self, lambda: not [
                name for _, _, names in os.walk(os.path.join(data, "files")) for name in names
                if name not in named and name.removesuffix(".idx") not in named and not name.startswith("_")],
                "the removal of what was cut off")

    def test_s06_p08_p09_sorted_blocks_and_chosen_provenance_through_kills(self):
        data = os.path.join(self.folder, "organized")
        harness.load(data, *self.paths)
        options = ("--export-workers", 1, "--log-level", "warn")
        query = {"organizeOutputBy": "Practitioner", "_elements": "id,target",
                 "includeAssociatedData": "LatestProvenanceResources"}

        def blocks(export, server):
            """{header line: sorted lines}: blocks may stand in other files after a restart."""
            found, header = {}, None
            for item in export.manifest["output"]:
                for line in harness.download({**item, "url": moved(item["url"], server)}):
                    if b'"Parameters"' in line:
                        header = line
                        found.setdefault(header, [])
                    else:
                        found[header].append(harness.as_loaded(line))
            return {header: sorted(lines) for header, lines in found.items()}

        with harness.Server(data, *options) as server:
            started = time.monotonic()
            export = server.export("$export", query)
            seconds = time.monotonic() - started
            undisturbed = blocks(export, server)
        self.assertGreater(sum(map(len, undisturbed.values())), 10_000)
        location = None
        for _ in range(6):
            with harness.Server(data, *options) as server:
                location = location or server.kick_off("$export", query)
                time.sleep(self.random.uniform(0, seconds / 2))
                server.kill()
        with harness.Server(data, *options) as server:
            export = harness.wait(moved(location, server))
            self.assertTrue(blocks(export, server) == undisturbed)
        for _, _, names in os.walk(os.path.join(data, "files")):
            runs = [name for name in names
                    if name.startswith(("_block", "_candidate", "_chosen", "_merged"))]
            self.assertEqual(runs, [], "sorted runs are left after the job")

    def test_i04_a_load_through_many_kills_ends_complete_and_exact(self):
        whole = os.path.join(self.folder, "whole")
        started = time.monotonic()
        harness.load(whole, *self.paths)
        seconds = time.monotonic() - started
        expected = {row["type"]: row["resources"] for row in harness.stats(whole)["types"]}

        data = os.path.join(self.folder, "killed")
        deadline, last = time.monotonic() + SECONDS_MAX, 0
        for _ in range(LOAD_ROUNDS):
            if time.monotonic() > deadline:
                break
            process = subprocess.Popen([harness.BINARY, "load", "--data", data, *self.paths],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(self.random.uniform(0.05, seconds))
            process.kill()
            process.wait()
            if not os.path.isdir(data):
                continue
            done = harness.sluice("stats", "--data", data, "--json", check=False)
            if done.returncode != 0:
                # Only a store that was never finished making may be missing.
                self.assertEqual(last, 0, done.err)
                continue
            found = json.loads(done.out)["resources"]
            self.assertGreaterEqual(found, last, "what was there is gone")
            last = found
        harness.load(data, *self.paths)
        statistics = harness.stats(data)
        self.assertEqual({row["type"]: row["resources"] for row in statistics["types"]}, expected)
        self.assertEqual({row["type"]: row["bytes"] for row in statistics["types"]},
                         {row["type"]: row["bytes"] for row in harness.stats(whole)["types"]})

        # Loading once more changes nothing: no new version, no new time.
        harness.load(data, *self.paths)
        self.assertEqual(harness.stats(data)["types"], statistics["types"])
        with harness.Server(data, "--log-level", "warn") as server:
            lines = [line for lines in server.export().lines.values() for line in lines]
            self.assertEqual(len(lines), statistics["resources"])
            later = [line[:200] for line in lines if b'"versionId":"1"' not in line]
            self.assertEqual(later, [])
            again = server.export("$export", {"_since": statistics["instant"]})
            self.assertEqual(again.manifest["output"], [])


if __name__ == "__main__":
    unittest.main()
