"""A store that is pulled into (`--into`) and what may happen to it and to the folder of the pull: it moves, it is
pulled anew, the store is removed, versions come in any order (L-06, L-10)."""
import hashlib
import json
import os
import re
import shutil
import unittest

import harness
from imposter import BulkImposter, resources
from test_pull import pull
from test_sync import patient, run


def deletions(*urls):
    """A line of a `deleted` file."""
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"request": {"method": "DELETE", "url": url}} for url in urls]}).encode() + b"\n"


class Target(harness.TestCase):
    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.data = os.path.join(self.folder, "data")
        self.out = os.path.join(self.folder, "out")
        self.source = BulkImposter(self)
        self.offer(resources("Patient", 20))

    def offer(self, body, deleted=None):
        self.offered = getattr(self, "offered", 0) + 1
        more = {} if deleted is None else {"deleted": [
            self.source.add_output("Bundle", f"d{self.offered}", deleted)] if deleted else []}
        self.source.finish([self.source.add_output("Patient", f"p{self.offered}", body)] if body else [], **more)

    def pull(self, code=0):
        return pull(self.source.base, "--out", self.out, "--into", self.data, code=code)

    def stored(self):
        """{id: Patient} of the store."""
        with harness.Server(self.data) as server:
            bundle = harness.request("GET", f"{server.base}/Patient?_count=1000").json()
            return {entry["resource"]["id"]: entry["resource"] for entry in bundle.get("entry", [])}

    def test_l10_a_folder_that_was_moved_is_the_same_source(self):
        self.pull()
        moved = self.out + "-moved"
        shutil.move(self.out, moved)
        self.offer(b"", deletions("Patient/P1", "Patient/P2"))
        done = run("sync", moved)
        self.assertNotIn("another source has them", done.err)
        self.assertEqual(set(self.stored()), {f"P{i}" for i in range(20)} - {"P1", "P2"})
        self.offer(resources("Patient", 17, 3))
        run("sync", moved, "--full")
        self.assertEqual(set(self.stored()), {f"P{i}" for i in range(3, 20)})

    def test_l10_a_pull_made_anew_in_the_same_folder_is_the_same_source(self):
        self.pull()
        shutil.rmtree(self.out)
        self.pull()
        self.offer(b"", deletions("Patient/P1"))
        run("sync", self.out)
        self.assertNotIn("P1", self.stored())
        self.assertEqual(len([name for name in os.listdir(self.data + "/sources") if name.endswith(".held")]), 1)

    def test_l10_an_older_folder_keeps_its_list(self):
        self.pull()
        # As older versions left it: named by the folder, and not in the journal.
        journal, lists = self.out + "/.sluice/journal", self.data + "/sources/"
        with open(journal, "rb") as file:
            lines = [line for line in file if b'"source"' not in line]
        with open(journal, "wb") as file:
            file.writelines(lines)
        for name in os.listdir(lists):
            if name != "lock":
                os.rename(lists + name, lists + hashlib.sha256(self.out.encode()).hexdigest()[:32] + name[32:])
        self.offer(b"", deletions("Patient/P1"))
        run("sync", self.out)
        moved = self.out + "-moved"
        shutil.move(self.out, moved)
        self.offer(b"", deletions("Patient/P2"))
        run("sync", moved)
        self.assertEqual(set(self.stored()), {f"P{i}" for i in range(20)} - {"P1", "P2"})

    def test_l10_deletions_that_no_store_can_have_stop_no_sync(self):
        self.pull()
        self.offer(b"", deletions("Nonsense/1", "Patient/P1", "Patient/" + "x" * 100, "Patient/a_b"))
        run("sync", self.out)
        self.assertEqual(set(self.stored()), {f"P{i}" for i in range(20)} - {"P1"})

    def test_l10_the_headers_of_blocks_are_no_resources(self):
        header = json.dumps({"resourceType": "Parameters", "parameter": [
            {"name": "header", "valueReference": {"reference": "Patient/P1"}}]}).encode() + b"\n"
        self.offer(header + resources("Patient", 1, 1) + header + resources("Patient", 2, 5))
        done = pull(self.source.base, "--out", self.out, "--into", self.data, "--organize-output-by", "Patient")
        self.assertNotIn("not loaded", done.out + done.err)
        self.assertEqual(set(self.stored()), {"P1", "P5", "P6"})

    def test_l10_changes_do_not_go_into_a_store_that_was_made_anew(self):
        self.pull()
        shutil.rmtree(self.data)
        self.offer(resources("Patient", 1, 50), b"")
        done = run("sync", self.out, code=2)
        self.assertIn("`sluice sync --full`", done.err)
        self.offer(resources("Patient", 21))
        run("sync", self.out, "--full")
        self.assertEqual(set(self.stored()), {f"P{i}" for i in range(21)})
        self.offer(b"", b"")
        run("sync", self.out)

    def test_l10_a_pull_that_brought_nothing_can_be_synchronised(self):
        self.offer(b"")
        self.pull()
        self.offer(resources("Patient", 2), b"")
        run("sync", self.out)
        self.assertEqual(set(self.stored()), {"P0", "P1"})

    def test_l10_a_source_whose_folder_is_gone_is_named_with_the_way_to_forget_it(self):
        self.pull()
        gone, self.out = self.out, self.out + "-second"
        self.pull()
        shutil.rmtree(gone)
        self.offer(b"", deletions("Patient/P1"))
        done = run("sync", self.out)
        self.assertIn("1 resources stay in", done.err)
        self.assertIn(f"the folder of a source, {gone}, is not there any more", done.err)
        os.remove(re.search(r"remove (\S+\.held) to forget", done.err).group(1))
        self.offer(b"", deletions("Patient/P2"))
        self.assertNotIn("another source", run("sync", self.out).err)
        self.assertEqual(set(self.stored()), {f"P{i}" for i in range(20)} - {"P2"})

    def test_l10_files_that_the_store_has_go_also_after_a_run_that_was_killed(self):
        left = os.path.join(self.out, "Patient.00001.ndjson")
        for again in (self.pull, lambda: run("sync", self.out)):
            self.pull()
            with open(left, "wb") as file:
                file.write(resources("Patient", 20))
            self.offer(b"", b"")
            again()
            self.assertFalse(os.path.exists(left))
            self.assertEqual(len(self.stored()), 20)

    def test_l10_the_newest_of_two_versions_in_one_export_counts(self):
        def version(language, instant):
            return json.dumps(patient("v", language=language, meta={"lastUpdated": instant})).encode() + b"\n"
        new, old = version("new", "2026-01-01T10:00:00+02:00"), version("old", "2026-01-01T07:59:59.9Z")
        self.offer(resources("Patient", 3) + new + old + resources("Patient", 3, 3))
        self.pull()
        self.assertEqual(self.stored()["v"]["language"], "new")
        self.assertEqual(len(self.stored()), 7)
        newer = version("newer", "2026-01-01T08:00:00.001Z")
        self.source.finish([self.source.add_output("Patient", "a", newer), self.source.add_output("Patient", "b", old)],
                           deleted=[])
        run("sync", self.out)
        self.assertEqual(self.stored()["v"]["language"], "newer")

    def test_l10_l11_an_odd_deletion_is_told_and_the_others_take_effect(self):
        odd = b'{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"Patient/P2"},' \
              b'{"request":{"method":"DELETE","url":"Patient/P3"}}]}\n'
        self.offer(resources("Patient", 5, 10), deletions("Patient/P1") + odd)
        done = self.pull(code=3)
        self.assertIn("an entry without a request", done.out + done.err)
        self.offer(resources("Patient", 5, 10), b"")
        run("sync", self.out)
        # All that there is says itself what is gone.
        self.offer(resources("Patient", 5, 10), deletions("Patient?identifier=5"))
        run("sync", self.out, "--full", code=3)
        self.assertEqual(len(self.stored()), 5)
        run("sync", self.out, "--full", code=3)


if __name__ == "__main__":
    unittest.main()
