"""What a pull accepts a sync accepts too, also a full one; what neither understands is told, and stops neither. What
was taken from the folder by hand a full sync brings again (L-06, L-11)."""
import json
import os
import unittest

import harness
from imposter import BulkImposter, outcome, resources
from test_pull import pull
from test_pull_target import deletions
from test_sync import content, run

NOTE = json.dumps(outcome("one was left out", severity="warning")).encode() + b"\n"


class Folder(harness.TestCase):
    def setUp(self):
        self.out = os.path.join(harness.temporary_folder(self), "out")
        self.source = BulkImposter(self)
        self.offered = 0

    def item(self, body, type_name="Patient"):
        self.offered += 1
        item = self.source.add_output(type_name or "Patient", f"f{self.offered}", body)
        return item if type_name else {name: value for name, value in item.items() if name != "type"}

    def pull(self, *items, code=0):
        self.source.finish(list(items))
        return pull(self.source.base, "--out", self.out, code=code)

    def sync(self, *items, deleted=(), options=(), code=0):
        self.source.finish(list(items), deleted=list(deleted))
        return run("sync", self.out, *options, code=code)

    def ids(self):
        return {id for _, id in content(self.out)}


class Strays(Folder):
    def test_l11_an_outcome_in_a_file_without_a_type_is_an_outcome(self):
        lines = resources("Patient", 3) + resources("Observation", 2)
        done = self.pull(self.item(lines + NOTE, ""), code=3)
        self.assertIn("one was left out", done.out + done.err)
        self.sync(self.item(resources("Patient", 1, 9) + NOTE, ""), code=3)
        self.assertEqual(self.ids(), {"P0", "P1", "P2", "P9", "O0", "O1"})
        self.sync(self.item(lines + NOTE, ""), options=("--full", "--force"), code=3)
        self.assertEqual(self.ids(), {"P0", "P1", "P2", "O0", "O1"})
        self.assertNotIn("OperationOutcome.00001.ndjson", os.listdir(self.out))

    def test_l11_what_has_no_place_in_a_copy_is_a_stray(self):
        for name, line in {
                "two ids": b'{"resourceType":"Patient","id":"a","id":"b"}',
                "an id of two kinds": b'{"resourceType":"Patient","id":"a","id":5}',
                "an id in escapes": b'{"resourceType":"Patient","\\u0069d":"a"}',
                "a line break in its id": b'{"resourceType":"Patient","id":"a\\nb"}',
                "no id": b'{"resourceType":"Patient"}'}.items():
            with self.subTest(name):
                self.out += "-"
                self.pull(self.item(resources("Patient", 3) + line + b"\n"), code=3)
                with open(self.out + "/error/Patient.00001.strays.jsonl", "rb") as strays:
                    self.assertEqual(strays.read(), line + b"\n")
                self.sync(self.item(resources("Patient", 1, 9)))
                self.assertEqual(self.ids(), {"P0", "P1", "P2", "P9"})

    def test_l11_parameters_without_ids_stop_no_sync(self):
        parameters = b'{"resourceType":"Parameters","parameter":[]}\n'
        self.pull(self.item(resources("Patient", 3)), self.item(parameters * 2, "Parameters"), code=3)
        self.sync(self.item(parameters, "Parameters"), code=3)
        self.sync(self.item(resources("Patient", 3)), options=("--full",))
        self.assertEqual(self.ids(), {"P0", "P1", "P2"})

    def test_l06_a_deletion_that_is_not_plain_is_told_and_never_a_dead_end(self):
        self.pull(self.item(resources("Patient", 30)))
        for number, url in enumerate(("Patient/P3/", "Patient/P3?_cascade=delete", "Patient/P%33", "Patient/P3#a",
                                      "Patient?identifier=5")):
            with self.subTest(url):
                odd = self.item(deletions(url, f"Patient/P{10 + number}"), "Bundle")
                done = self.sync(deleted=[odd], code=3)
                self.assertIn("no DELETE of one resource", done.out + done.err)
                self.assertIn("P3", self.ids())
                self.assertNotIn(f"P{10 + number}", self.ids())
        for number, url in enumerate(("/Patient/P20", "http://x/fhir/Patient/P21", "Patient/P22/_history/1")):
            self.sync(deleted=[self.item(deletions(url), "Bundle")])
            self.assertNotIn(f"P{20 + number}", self.ids())

    def test_l11_a_type_that_is_none_is_refused_by_pull_and_sync(self):
        for number, name in enumerate(("patient", "../../evil", "P\u00e4ti", "x" * 100)):
            with self.subTest(name):
                self.out += str(number)
                odd = lambda: self.item(json.dumps({"resourceType": name, "id": "1"}).encode() + b"\n", name)
                done = self.pull(odd(), code=5)
                self.assertIn("no type of FHIR", done.err)
        self.out += "-"
        self.pull(self.item(resources("Patient", 3)))
        self.assertIn("no type of FHIR", self.sync(odd(), code=5).err)


class Lost(Folder):
    def test_l06_a_full_sync_brings_what_was_taken_away(self):
        self.pull(self.item(resources("Patient", 30)), self.item(resources("Observation", 3), "Observation"))
        os.remove(self.out + "/Patient.00001.ndjson")
        done = self.sync(self.item(resources("Patient", 1, 1)), code=2)
        self.assertIn("`sluice sync --full`", done.err)
        self.sync(self.item(resources("Patient", 30)), self.item(resources("Observation", 3), "Observation"),
                  options=("--full",))
        self.assertEqual(len(self.ids()), 33)

    def test_l06_a_full_sync_that_was_robbed_begins_anew(self):
        self.pull(self.item(resources("Patient", 30)))
        self.sync(self.item(resources("Patient", 5)), options=("--full",), code=3)  # too much would go
        os.remove(self.out + "/.sluice/cycle-1/full/Patient.00001.ndjson")
        self.sync(self.item(resources("Patient", 31)), options=("--full",))
        self.assertEqual(len(self.ids()), 31)

    def test_l06_a_journal_without_its_last_record_goes_on(self):
        self.pull(self.item(resources("Patient", 30)), self.item(resources("Patient", 30, 30)))
        self.sync(self.item(resources("Patient", 10, 100)), deleted=[self.item(deletions("Patient/P3"), "Bundle")])
        path = self.out + "/.sluice/journal"
        with open(path, "rb") as file:
            lines = file.read().splitlines(True)
        last = next(i for i in reversed(range(len(lines))) if b'"done"' in lines[i] and b'"sync"' in lines[i])
        with open(path, "wb") as file:
            file.writelines([*lines[:last], lines[last][:20]])
        self.sync(self.item(resources("Patient", 1, 200)))
        self.assertEqual(len(self.ids()), 69)
        self.sync(self.item(resources("Patient", 1, 200)))
        self.assertEqual(len(self.ids()), 70)

    def test_l06_what_runs_left_that_were_killed_at_their_end_goes(self):
        self.pull(self.item(resources("Patient", 3)))
        self.sync(self.item(resources("Patient", 1, 5)))
        work = os.path.join(self.out, ".sluice")
        os.makedirs(os.path.join(work, "cycle-1", "changes"))
        for name in ("cycle-1/changes/Patient.00001.ndjson", "members-0", "removals"):
            with open(os.path.join(work, name), "wb") as file:
                file.write(resources("Patient", 1, 5))
        self.sync(self.item(resources("Patient", 1, 7)))
        self.assertEqual(sorted(os.listdir(work)), ["journal", "requests.log"])
        self.assertEqual(self.ids(), {"P0", "P1", "P2", "P5", "P7"})

    def test_l06_a_sync_that_cannot_be_completed_names_the_way_out(self):
        self.pull(self.item(resources("Patient", 3)))
        for _ in range(2):
            done = self.sync(deleted=[self.item(resources("Patient", 1), "Bundle")], code=3)
            self.assertIn("the copy stays as it was", done.err)
            self.assertIn("`sluice sync --full` does without", done.err)
        self.sync(self.item(resources("Patient", 3)), options=("--full",))
        self.sync(self.item(resources("Patient", 1, 9)))
        self.assertEqual(self.ids(), {"P0", "P1", "P2", "P9"})

    def test_l04_a_damaged_journal_names_the_way_out(self):
        self.pull(self.item(resources("Patient", 3)))
        path = os.path.join(self.out, ".sluice", "journal")
        with open(path, "r+b") as journal:
            journal.seek(40)
            journal.write(b"\0")
        for command in (("sync", self.out), ("pull", self.source.base, "--out", self.out)):
            self.assertIn("pull into a new one", run(*command, code=5).err)

    def test_l04_a_folder_that_cannot_be_looked_into_is_not_taken_for_an_empty_one(self):
        os.makedirs(self.out)
        os.symlink(".sluice", os.path.join(self.out, ".sluice"))
        for command in (("sync", self.out), ("pull", self.source.base, "--out", self.out)):
            self.assertIn("cannot look for", run(*command, code=6).err)


if __name__ == "__main__":
    unittest.main()
