"""`sluice pull` of exports as Parquet, from our server and as Pathling writes them: L-02, L-05, L-13."""
import io
import json
import os
import unittest

import pyarrow
import pyarrow.parquet

import harness
from imposter import BulkImposter, file_answer, resources
from test_pull import pull, pulled
from test_pull_faults import parameters_of

PARQUET = "application/vnd.apache.parquet"


def tables(folder):
    """{name: bytes}."""
    found = {}
    for name in os.listdir(folder):
        if name.endswith(".parquet"):
            with open(os.path.join(folder, name), "rb") as file:
                found[name] = file.read()
    return found


def table(count, start=0):
    """A file as Spark writes one: columns of its own, Snappy."""
    sink = io.BytesIO()
    ids = [f"p{n}" for n in range(start, start + count)]
    pyarrow.parquet.write_table(pyarrow.table({"id": ids, "gender": ["female"] * count}), sink, compression="snappy")
    return sink.getvalue()


class OwnServer(harness.ServerCase):
    def test_l02_the_files_are_those_of_the_export(self):
        lines = [{"resourceType": kind, "id": f"{kind[:1]}{n}"} for kind in ("Patient", "Basic") for n in range(50)]
        harness.load(self.data, harness.write_lines(os.path.join(self.folder, "all.ndjson"), lines))
        self.serve()
        out = os.path.join(self.folder, "out")
        done = pull(self.server.base, "--output-format", PARQUET, "--keep-job", "--gzip", "--out", out)
        self.assertIn("100", done.out)
        found = tables(out)
        self.assertEqual(set(found), {"Patient.00001.parquet", "Basic.00001.parquet"})
        self.assertEqual(pulled(out), {})
        rows = [row for body in found.values() for row in pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist()]
        self.assertEqual({(row["id"], json.loads(row["resource"])["resourceType"]) for row in rows},
                         {(line["id"], line["resourceType"]) for line in lines})
        # The same command again asks for nothing.
        self.assertIn("complete already", pull(self.server.base, "--output-format", PARQUET, "--keep-job", "--gzip",
                                               "--out", out).err)
        # What needs lines says that there are none.
        self.assertIn("Parquet", harness.sluice("sync", out, check=False).err)
        refused = harness.sluice("load", "--data", os.path.join(self.folder, "other"), out, check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("Basic.00001.parquet' is Parquet", refused.err)


class Pathling(harness.TestCase):
    def setUp(self):
        self.server = BulkImposter(self)
        self.out = os.path.join(harness.temporary_folder(self), "out")

    def output(self, name, content, **more):
        url = self.server.add_file(name, content)
        return {"type": "Patient", "url": url, **more}

    def pull(self, *options, code=0):
        return pull(self.server.base, "--output-format", PARQUET, "--out", self.out, *options, code=code)

    def test_l02_files_of_other_columns_are_kept_as_they_are(self):
        parts = [table(20), table(30, 20)]
        self.server.finish([self.output("$result.0.parquet", parts[0], count=20),
                            self.output("$result.1.parquet", parts[1])], outputFormat=PARQUET)
        self.pull("--log-json")
        self.assertEqual(tables(self.out), {"Patient.00001.parquet": parts[0], "Patient.00002.parquet": parts[1]})
        self.assertEqual(parameters_of(self.server.sent("POST", "/fhir/$export")[0])["_outputFormat"], [PARQUET])
        (asked,) = self.server.sent("GET", "/$result.0.parquet")
        self.assertEqual(asked.headers["Accept-Encoding"], "identity")
        self.assertTrue(asked.headers["Accept"].startswith(PARQUET))

    def test_l03_a_file_that_is_cut_goes_on(self):
        content = table(50_000)
        self.server.finish([self.output("p.parquet", content, count=50_000)])
        self.server.on("GET", "/p.parquet", lambda request: file_answer(request, content, cut_after=100_000),
                       lambda request: file_answer(request, content))
        self.pull()
        self.assertEqual(tables(self.out)["Patient.00001.parquet"], content)
        self.assertEqual([request.range_start is None for request in self.server.sent("GET", "/p.parquet")],
                         [True, False])

    def test_l05_what_is_no_parquet_or_not_all_of_it_is_refused(self):
        whole = table(20)
        for what, content, count, words in (
                ("NDJSON", resources("Patient", 20), 20, "does not begin and end as a Parquet file"),
                ("cut", whole[:-30], 20, "does not begin and end as a Parquet file"),
                ("short", b"PAR1", 20, "does not begin and end as a Parquet file"),
                ("without footer", b"PAR1" + bytes(100) + b"PAR1", 20, "it is no whole Parquet file"),
                ("other count", whole, 21, "it has 20 rows, the manifest says 21")):
            with self.subTest(what=what):
                self.out = os.path.join(harness.temporary_folder(self), "out")
                self.server.finish([self.output("p.parquet", content, count=count)])
                self.assertIn(words, self.pull(code=3).err)
                self.assertEqual(tables(self.out), {})

    def test_l05_without_the_library_only_the_marks_are_looked_at(self):
        whole = table(20)
        self.server.finish([self.output("p.parquet", whole, count=21)])
        pull(self.server.base, "--output-format", "parquet", "--out", self.out,
             env={"SLUICE_PARQUET_LIBRARY": "/nowhere/libsluice_parquet.so"})
        self.assertEqual(tables(self.out)["Patient.00001.parquet"], whole)

    def test_l13_errors_and_deletions_are_ndjson(self):
        outcome = b'{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"value"}]}\n'
        url = self.server.add_file("e.ndjson", outcome)
        self.server.finish([self.output("p.parquet", table(5), count=5)],
                           error=[{"type": "OperationOutcome", "url": url}])
        self.pull()
        self.assertEqual(pulled(self.out), {"error/OperationOutcome.00001.jsonl": outcome})
        self.assertEqual(list(tables(self.out)), ["Patient.00001.parquet"])

    def test_l13_what_needs_lines_is_refused_by_name(self):
        data = os.path.join(harness.temporary_folder(self), "data")
        self.assertIn("--into cannot load --output-format " + PARQUET, self.pull("--into", data, code=2).err)
        self.assertIn("--attachments cannot look into", self.pull("--attachments", "files", code=2).err)
        self.assertEqual(self.server.sent(), [])
        # An export that another program asked for.
        self.server.finish([self.output("p.parquet", table(5), count=5)])
        refused = pull("--status-url", self.server.status_url, "--into", data, "--out", self.out, code=2)
        self.assertIn("--into cannot load Patient.00001.parquet, which is Parquet", refused.err)


if __name__ == "__main__":
    unittest.main()
