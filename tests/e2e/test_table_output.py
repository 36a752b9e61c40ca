"""`sluice table`: where its tables go, and what it does not write over."""
import json
import os
import subprocess
import unittest

import harness

try:
    from pyarrow import parquet
except ImportError:
    parquet = None

PATIENT = {"resourceType": "Patient", "id": "a", "name": [{"family": "F", "given": ["G"]}]}


class TableOutput(harness.TestCase):
    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.data = harness.write_lines(self.path("p.ndjson"), [PATIENT])
        self.view = self.definition("v")

    def path(self, name):
        return os.path.join(self.folder, name)

    def definition(self, stem, resource="Patient", columns=(("id", "id"),), **more):
        with open(self.path(f"{stem}.json"), "w", encoding="utf-8") as file:
            json.dump({"resourceType": "ViewDefinition", "resource": resource, "status": "active", "select": [
                {"column": [{"name": column, "path": path} for column, path in columns]}], **more}, file)
        return self.path(f"{stem}.json")

    def table(self, *arguments, **options):
        return harness.sluice("table", *arguments, **options)

    def text(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def test_what_is_read_is_not_written_over(self):
        before = self.text("p.ndjson"), self.text("v.json")
        os.symlink("p.ndjson", self.path("link.ndjson"))
        os.makedirs(self.path("inbox"))
        harness.write_lines(self.path("inbox/v.ndjson"), [PATIENT])
        for arguments, named in (([self.data, "--out", self.data], "p.ndjson"),
                                 ([self.data, "--out", self.path("link.ndjson")], "link.ndjson"),
                                 ([self.path("link.ndjson"), "--out", self.data], "p.ndjson"),
                                 ([self.data, "--out", self.folder, "--format", "json"], "v.json"),
                                 ([self.path("inbox"), "--out", self.path("inbox")], "v.ndjson")):
            done = self.table(self.view, *arguments, check=False)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(f"{named} is read, and would be written over", done.err)
        self.assertEqual((self.text("p.ndjson"), self.text("v.json")), before)
        self.assertEqual(self.text("inbox/v.ndjson"), before[0])

    def test_a_name_leads_to_no_other_folder(self):
        done = self.table(self.definition("w", name="../evil"), self.data, "--out", self.path("o/"), check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("w.json: name: '../evil' is no name for a table", done.err)
        self.assertFalse(os.path.exists(self.path("evil.ndjson")))

    def test_links_pipes_and_devices_stay_what_they_are(self):
        with open(self.path("target.ndjson"), "w", encoding="utf-8") as file:
            file.write("before")
        os.symlink("target.ndjson", self.path("t.ndjson"))
        self.table(self.view, self.data, "--out", self.path("t.ndjson"))
        self.assertTrue(os.path.islink(self.path("t.ndjson")))
        self.assertEqual(self.text("target.ndjson"), '{"id":"a"}\n')
        done = self.table(self.view, self.data, "--out", "/dev/stdout")
        self.assertEqual(done.out.splitlines()[0], '{"id":"a"}')

    def test_the_same_table_is_written_by_one_at_a_time(self):
        first = subprocess.Popen([harness.BINARY, "table", self.view, "-", "--out", self.path("t.ndjson")],
                                 stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.addCleanup(first.wait, harness.PATIENCE_SECONDS)
        first.stdin.write(b'{"resourceType":"Patient","id":"first"}\n')
        first.stdin.flush()
        harness.eventually(self, lambda: os.path.exists(self.path("t.ndjson.part")))
        second = self.table(self.view, self.data, "--out", self.path("t.ndjson"), check=False)
        self.assertEqual(second.returncode, 3)
        self.assertIn("another process writes", second.err)
        first.stdin.close()
        self.assertEqual(first.wait(harness.PATIENCE_SECONDS), 0)
        self.assertEqual(self.text("t.ndjson"), '{"id":"first"}\n')

    def test_what_is_told_goes_into_no_table(self):
        harness.write_lines(self.data, [PATIENT, "no JSON"])
        for closed in (1, 2):
            done = subprocess.run([harness.BINARY, "table", self.view, self.data, "--skip-faults", "--out",
                                   self.path("t.ndjson")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  preexec_fn=lambda number=closed: os.close(number), timeout=harness.PATIENCE_SECONDS)
            self.assertEqual(done.returncode, 1, closed)
            self.assertEqual(self.text("t.ndjson"), '{"id":"a"}\n', closed)

    def test_results_that_find_no_room_are_an_error(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            for command in (["fhirpath", "id", self.data], ["table", self.view, self.data]):
                done = subprocess.run([harness.BINARY, *command], stdout=full, stderr=subprocess.PIPE,
                                      timeout=harness.PATIENCE_SECONDS)
                self.assertEqual(done.returncode, 4, command)
                self.assertIn(b"standard output", done.stderr)

    def test_an_ending_that_is_no_format_needs_a_format(self):
        for name in ("t.csv.gz", "t.xlsx"):
            done = self.table(self.view, self.data, "--out", self.path(name), check=False)
            self.assertEqual(done.returncode, 2, name)
            self.assertIn(f"{name}' ends like no format", done.err)
        self.table(self.view, self.data, "--out", self.path("t.txt"), "--format", "csv")
        self.assertEqual(self.text("t.txt"), "id\na\n")
        self.table(self.view, self.data, "--out", self.path("t.CSV"))
        self.assertEqual(self.text("t.CSV"), "id\na\n")

    def test_a_row_is_a_line_whatever_lines_the_resource_has(self):
        with open(self.path("pretty.json"), "w", encoding="utf-8") as file:
            json.dump(PATIENT, file, indent=2)
        view = self.definition("w", columns=(("name", "name"),))
        for data in (self.data, self.path("pretty.json")):
            self.assertEqual(self.table(view, data).out, '{"name":{"family":"F","given":["G"]}}\n', data)

    def test_a_view_of_bundles_takes_no_resource_from_other_views(self):
        with open(self.path("b.json"), "w", encoding="utf-8") as file:
            json.dump({"resourceType": "Bundle", "id": "b", "type": "collection", "entry": [{"resource": PATIENT}]}, file)
        self.table(self.view, self.definition("w", "Bundle"), self.path("b.json"), "--out", self.path("o/"))
        self.assertEqual(self.text("o/v.ndjson"), '{"id":"a"}\n')
        self.assertEqual(self.text("o/w.ndjson"), '{"id":"b"}\n')

    def test_of_a_pulled_folder_the_resources_are_read_and_of_others_what_is_passed_over_is_told(self):
        for name in (".sluice", "deleted"):
            os.makedirs(self.path(f"copy/{name}"))
        for name in (".sluice/journal", "log.ndjson", "deleted/d.ndjson"):
            harness.write_lines(self.path(f"copy/{name}"), [{"eventId": "kickoff"}])
        harness.write_lines(self.path("copy/Patient.00001.ndjson"), [PATIENT])
        done = self.table(self.view, self.path("copy"))
        self.assertEqual(done.out, '{"id":"a"}\n')
        self.assertIn("a folder of `sluice pull`", done.err)
        os.makedirs(self.path("inbox"))
        os.rename(self.path("copy/Patient.00001.ndjson"), self.path("inbox/Patient.parquet"))
        done = self.table(self.view, self.path("inbox"))
        self.assertEqual(done.out, "")
        self.assertIn("inbox/Patient.parquet: passed over", done.err)

    def test_a_definition_that_cannot_be_read_is_named(self):
        text = self.text("v.json")
        with open(self.path("bom.json"), "w", encoding="utf-8-sig") as file:
            file.write(text)
        self.assertEqual(self.table(self.path("bom.json"), self.data).out, '{"id":"a"}\n')
        for encoding, content, said in (("utf-16", text, "w.json: not "), ("utf-8", text + " " * (1 << 20), "w.json has more than 1048576 bytes"),
                                        ("utf-8", text[:-1], "w.json: not JSON")):
            with open(self.path("w.json"), "w", encoding=encoding) as file:
                file.write(content)
            done = self.table(self.path("w.json"), self.data, check=False)
            self.assertEqual(done.returncode, 2, said)
            self.assertIn(said, done.err)

    @unittest.skipIf(parquet is None, "this Python has no pyarrow: ./dev setup installs it for the tests")
    def test_e05_moments_are_stored_exactly_or_not_at_all(self):
        view = self.definition("w", "Observation", (("id", "id"), ("issued", "issued")))
        kept = {"1969-12-31T23:59:59.999999Z": -1, "1970-01-01T00:00:00.1234560+00:00": 123456,
                "0001-01-01T00:00:00Z": -62135596800000000, "1969-12-31T23:00:00-01:00": 0}
        refused = ["2020-01-01T00:00:00.1234567Z", "2016-12-31T23:59:60Z", "0001-01-01T00:00:00+14:00",
                   "9999-12-31T23:59:59-12:00", "2020-01-01T00:00:00.1230000000000001Z", "2020-01-01", "2020-01-01T00:00:00"]
        data = harness.write_lines(self.path("o.ndjson"), [
            {"resourceType": "Observation", "id": str(n), "issued": moment} for n, moment in enumerate([*kept, *refused])])
        done = self.table(view, data, "--skip-faults", "--out", self.path("t.parquet"), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.err.count("left out: column 'issued'"), len(refused), done.err)
        table = parquet.read_table(self.path("t.parquet"))
        self.assertEqual(table["issued"].cast("int64").to_pylist(), list(kept.values()))


if __name__ == "__main__":
    unittest.main()
