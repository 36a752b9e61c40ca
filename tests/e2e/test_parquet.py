"""Exports as Parquet, read by pyarrow, DuckDB and polars and compared with the NDJSON export of the same state: P-01, M-02,
M-03, F-01 to F-04, P-09, P-11, R-04, J-02."""
import datetime
import glob
import importlib.util
import io
import json
import os
import random
import re
import unittest

import pyarrow
import pyarrow.parquet

import corpus
import harness

PARQUET = "application/vnd.apache.parquet"
COLUMNS = {"id": "string", "last_updated": "timestamp[us, tz=UTC]", "version": "int32", "patient": "string",
           "resource": "string"}
ROW_GROUP_MAX = 32 << 20


def has(module):
    return importlib.util.find_spec(module) is not None


def fetch(item, headers=None):
    answer = harness.request("GET", item["url"], headers)
    assert answer.status == 200, answer
    return answer.body


def rows_by_type(manifest):
    """{type: sorted rows}, each file checked against the manifest's figures and its own footer."""
    rows = {}
    for item in manifest["output"]:
        body = fetch(item)
        assert len(body) == item["fileSize"], item
        assert body[:4] == b"PAR1" == body[-4:], item
        file = pyarrow.parquet.ParquetFile(io.BytesIO(body))
        assert file.metadata.num_rows == item["count"], item
        assert {field.name: str(field.type) for field in file.schema_arrow} == COLUMNS, item
        for group in (file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)):
            assert group.total_byte_size <= ROW_GROUP_MAX, item
            for column in (group.column(i) for i in range(group.num_columns)):
                assert column.compression == "ZSTD", item
                assert column.statistics is not None, item
        table = file.read()
        # As numbers, so that no time zone of Python's has a say.
        table = table.set_column(1, "last_updated", table["last_updated"].cast("int64"))
        rows.setdefault(item["type"], []).extend(tuple(row.values()) for row in table.to_pylist())
    return {name: sorted(found, key=lambda row: row[0]) for name, found in rows.items()}


def microseconds(text):
    instant = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (instant - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)


def patient_of(resource):
    """The first patient whose compartment it is in, by the definition for the types of this corpus."""
    if resource["resourceType"] == "Patient":
        return resource["id"]
    by = {"Encounter": [], "Observation": resource.get("performer", []), "Condition": [resource.get("asserter", {})]}
    if resource["resourceType"] not in by:
        return None
    targets = (each.get("reference", "") for each in [resource["subject"], *by[resource["resourceType"]]])
    return min(target.removeprefix("Patient/") for target in targets if target.startswith("Patient/"))


def rows_of_ndjson(export):
    """The rows that the lines of the NDJSON export make."""
    rows = {}
    for name, lines in export.lines.items():
        for line in lines:
            resource = json.loads(line)
            meta = resource["meta"]
            rows.setdefault(name, []).append((resource["id"], microseconds(meta["lastUpdated"]), int(meta["versionId"]),
                                              patient_of(resource), line.decode()))
    return {name: sorted(found) for name, found in rows.items()}


class Parquet(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.temporary_folder(cls)
        types = ("Patient", "Practitioner", "Organization", "Encounter", "Observation", "Condition")
        base = corpus.base_corpus(cls.folder, types, patients=60)
        cls.data = os.path.join(cls.folder, "data")
        harness.load(cls.data, *base.paths)
        cls.server = harness.start_server(cls, cls.data)
        # A second version of something.
        patient = cls.server.get("Patient", {"_count": 1}).json()["entry"][0]["resource"]
        patient["active"] = False
        harness.request("PUT", f"{cls.server.base}/Patient/{patient['id']}", {"Content-Type": "application/fhir+json"},
                        json.dumps(patient).encode())
        cls.expected = rows_of_ndjson(cls.server.export())
        cls.manifest = cls.server.export("$export", {"_outputFormat": PARQUET}).manifest

    def saved(self, manifest):
        """The files of an export in a folder: {type: pattern of their names}."""
        folder = harness.temporary_folder(self)
        for number, item in enumerate(manifest["output"]):
            with open(os.path.join(folder, f"{item['type']}-{number}.parquet"), "wb") as file:
                file.write(fetch(item))
        return {item["type"]: os.path.join(folder, item["type"] + "-*.parquet") for item in manifest["output"]}

    def test_p01_the_rows_are_those_of_the_ndjson_export(self):
        found = rows_by_type(self.manifest)
        self.assertEqual(set(found), set(self.expected))
        for name, rows in found.items():
            self.assertEqual(rows, self.expected[name], name)
        self.assertTrue(any(row[2] == 2 for row in found["Patient"]))
        self.assertTrue(all(row[3] is None for row in found["Practitioner"]))
        self.assertTrue(all(row[3] for row in found["Observation"]))

    @unittest.skipUnless(has("duckdb"), "duckdb is not there (./dev test fetches it)")
    def test_p01_duckdb_reads_the_same(self):
        import duckdb
        for name, pattern in self.saved(self.manifest).items():
            table = f"read_parquet('{pattern}')"
            types = duckdb.sql(f"DESCRIBE SELECT * FROM {table}").fetchall()
            self.assertEqual([row[1] for row in types],
                             ["VARCHAR", "TIMESTAMP WITH TIME ZONE", "INTEGER", "VARCHAR", "VARCHAR"])
            rows = duckdb.sql(f"SELECT id, epoch_us(last_updated), version, patient, resource FROM {table} "
                              "ORDER BY id").fetchall()
            self.assertEqual(rows, self.expected[name])
        ids = duckdb.sql(f"SELECT resource->>'$.id' FROM {table} ORDER BY 1").fetchall()
        self.assertEqual([row[0] for row in ids], [row[0] for row in self.expected[name]])

    @unittest.skipUnless(has("polars"), "polars is not there (./dev test fetches it)")
    def test_p01_polars_reads_the_same(self):
        import polars
        for name, pattern in self.saved(self.manifest).items():
            table = polars.concat([polars.read_parquet(path) for path in sorted(glob.glob(pattern))]).sort("id")
            self.assertEqual([str(each) for each in table.dtypes],
                             ["String", "Datetime(time_unit='us', time_zone='UTC')", "Int32", "String", "String"])
            times = table["last_updated"].dt.epoch("us").to_list()
            rows = list(zip(table["id"].to_list(), times, table["version"].to_list(), table["patient"].to_list(),
                            table["resource"].to_list()))
            self.assertEqual(rows, self.expected[name])

    def test_m02_m03_the_manifest_says_what_the_files_are(self):
        self.assertEqual(self.manifest["outputFormat"], PARQUET)
        for item in self.manifest["output"]:
            self.assertEqual(set(item), {"type", "url", "count", "fileSize"})
            self.assertRegex(item["url"], rf"/{item['type']}-[0-9-]+\.parquet$")
        counts = {name: sum(item["count"] for item in self.manifest["output"] if item["type"] == name)
                  for name in self.expected}
        self.assertEqual(counts, {name: len(rows) for name, rows in self.expected.items()})

    def test_p01_the_short_name_means_it_too(self):
        manifest = self.server.export("Patient/$export", {"_outputFormat": "parquet", "_type": "Patient"}).manifest
        self.assertEqual(manifest["outputFormat"], PARQUET)
        self.assertEqual(rows_by_type(manifest)["Patient"], self.expected["Patient"])

    def test_f01_f02_f03_files_are_sent_as_they_are_with_ranges_and_conditions(self):
        item = max(self.manifest["output"], key=lambda each: each["fileSize"])
        whole = fetch(item)
        for headers in ({}, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "identity;q=0, *"}):
            answer = harness.request("GET", item["url"], headers)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.body, whole)
            self.assertEqual(answer.headers["Content-Type"], PARQUET)
            self.assertIsNone(answer.headers["Content-Encoding"])
            self.assertIsNone(answer.headers["Vary"])
            self.assertEqual(answer.headers["Content-Length"], str(len(whole)))
            self.assertEqual(answer.headers["Accept-Ranges"], "bytes")
            self.assertIsNotNone(answer.headers["Expires"])
        etag = answer.headers["ETag"]
        head = harness.request("HEAD", item["url"])
        self.assertEqual((head.status, head.headers["ETag"], head.body), (200, etag, b""))
        for first, last in ((0, 3), (len(whole) // 3, len(whole) // 2), (len(whole) - 4, len(whole) - 1)):
            part = harness.request("GET", item["url"], {"Range": f"bytes={first}-{last}", "If-Range": etag})
            self.assertEqual((part.status, part.body), (206, whole[first:last + 1]))
        self.assertEqual(harness.request("GET", item["url"], {"Range": "bytes=-4"}).body, b"PAR1")
        self.assertEqual(harness.request("GET", item["url"], {"If-None-Match": etag}).status, 304)
        self.assertEqual(harness.request("GET", item["url"], {"Range": f"bytes={len(whole)}-"}).status, 416)

    def test_p11_files_are_cut_by_the_size_of_their_records(self):
        manifest = self.server.export("$export", {"_outputFormat": PARQUET, "_type": "Observation",
                                                  "_maximumFileSize": 200_000}).manifest
        self.assertGreater(len(manifest["output"]), 3)
        for item in manifest["output"]:
            table = pyarrow.parquet.read_table(io.BytesIO(fetch(item)))
            self.assertLessEqual(sum(len(line.encode()) + 1 for line in table["resource"].to_pylist()), 200_000)
        self.assertEqual(rows_by_type(manifest)["Observation"], self.expected["Observation"])

    def test_p06_elements_cut_the_resource_and_not_the_columns(self):
        manifest = self.server.export("$export", {"_outputFormat": PARQUET, "_type": "Patient",
                                                  "_elements": "Patient.gender"}).manifest
        rows = rows_by_type(manifest)["Patient"]
        self.assertEqual([row[:4] for row in rows], [row[:4] for row in self.expected["Patient"]])
        for row in rows:
            self.assertNotIn("name", json.loads(row[4]))

    def test_p09_organised_output_is_refused_by_name(self):
        answer = self.server.get("$export", {"_outputFormat": "parquet", "organizeOutputBy": "Patient"},
                                 {"Prefer": "respond-async"})
        self.assert_outcome(answer, 400, "organizeOutputBy 'Patient'", f"_outputFormat '{PARQUET}'")
        manifest = self.server.export("$export", {"_outputFormat": "parquet", "organizeOutputBy": "Patient",
                                                  "_type": "Patient"},
                                      {"Prefer": "respond-async, handling=lenient"}).manifest
        self.assertNotIn("outputOrganizedBy", manifest)
        (item,) = manifest["outcome"]
        outcome = json.loads(harness.download(item)[0])  # NDJSON, as in every form of output
        self.assertIn("organizeOutputBy", outcome["issue"][0]["diagnostics"])
        self.assertEqual(len(rows_by_type(manifest)["Patient"]), len(self.expected["Patient"]))


class ParquetJobs(harness.ServerCase):
    def load(self, count, size=400):
        chance = random.Random(5)
        lines = [{"resourceType": "Basic", "id": f"b{n}", "code": {"text": chance.randbytes(size).hex()}}
                 for n in range(count)]
        harness.load(self.data, harness.write_lines(os.path.join(self.folder, "Basic.ndjson"), lines))

    def stored(self, status):
        return glob.glob(os.path.join(self.data, "files", status.rsplit("/", 1)[1], "*.parquet"))

    def test_j02_an_export_goes_on_after_the_server_was_killed(self):
        self.load(8000)
        self.serve()
        expected = rows_of_ndjson(self.server.export())
        status = self.server.kick_off("$export", {"_outputFormat": "parquet", "_maximumFileSize": 500_000})
        self.server.kill()
        self.server.start()
        status = self.server.base + status.split("/fhir", 1)[1]
        manifest = harness.wait(status).manifest
        for item in manifest["output"]:  # the port is another now
            item["url"] = self.server.base + item["url"].split("/fhir", 1)[1]
        self.assertEqual(rows_by_type(manifest), expected)
        self.assertGreater(len(self.stored(status)), 5)
        self.assertEqual(harness.request("DELETE", status).status, 202)
        harness.eventually(self, lambda: not self.stored(status), "the files' removal")

    def test_p02_deletions_are_ndjson(self):
        self.load(3)
        self.serve()
        before = self.server.export()
        self.assertIn(self.send("DELETE", "Basic/b1").status, (200, 204))
        export = self.server.export("$export", {"_outputFormat": "parquet", "_since": before.transaction_time})
        (item,) = export.manifest["deleted"]
        self.assertTrue(item["url"].endswith(".ndjson"))
        (line,) = harness.download(item)
        self.assertEqual(json.loads(line)["entry"][0]["request"], {"method": "DELETE", "url": "Basic/b1"})
        self.assertEqual(export.manifest["output"], [])

    def test_r04_no_flipped_bit_is_sent(self):
        self.load(3000, 1000)
        self.serve()
        status = self.server.kick_off("$export", {"_outputFormat": "parquet"})
        (item,) = harness.wait(status).manifest["output"]
        (path,) = self.stored(status)
        whole = fetch(item)
        self.assertGreater(len(whole), 2 << 20)
        for at in (5, len(whole) // 2, len(whole) - 10):
            damaged = bytearray(whole)
            damaged[at] ^= 16
            with open(path, "r+b") as file:
                file.write(damaged)
            near = harness.request("GET", item["url"], {"Range": f"bytes={max(0, at - 3)}-{at + 3}"})
            self.assert_outcome(near, 500, "damaged", severity="fatal")
            with self.assertRaises(Exception):
                fetch(item)
        self.assertEqual(harness.request("GET", status).status, 500)
        with open(path, "r+b") as file:
            file.write(whole)
        self.assertEqual(fetch(item), whole)

    def test_p01_without_the_library_it_is_refused_by_name(self):
        self.load(3)
        self.serve(env={"SLUICE_PARQUET_LIBRARY": "/nowhere/libsluice_parquet.so"})
        answer = self.server.get("$export", {"_outputFormat": PARQUET}, {"Prefer": "respond-async"})
        self.assert_outcome(answer, 400, f"_outputFormat '{PARQUET}'", "Parquet is not available",
                            "/nowhere/libsluice_parquet.so")
        self.assertEqual(len(self.server.export().keys()), 3)

    def test_the_library_is_loaded_when_it_is_asked_for(self):
        self.load(3)
        self.serve()
        with open(f"/proc/{self.server.process.pid}/maps") as maps:
            self.assertNotIn("libparquet", maps.read())  # nobody has asked for it
        self.server.export("$export", {"_outputFormat": "parquet"})
        with open(f"/proc/{self.server.process.pid}/maps") as maps:
            self.assertTrue(re.search(r"/libparquet\.so", maps.read()))


if __name__ == "__main__":
    unittest.main()
