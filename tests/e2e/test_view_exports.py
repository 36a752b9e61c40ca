"""Exports with `_viewDefinition`: the files have the columns of views, read by pyarrow and compared with what `sluice table`
makes of the same resources: P-01, P-04, P-05, P-11, M-02, M-03, M-06, J-02, A-06, E-01."""
import glob
import io
import json
import os
import unittest

import pyarrow.parquet

import corpus
import harness
import smart

PARQUET = "application/vnd.apache.parquet"
VIEWS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "share", "view-definitions")
BASE = "http://views.example/ViewDefinition/"
ASYNC = {"Prefer": "respond-async"}
LENIENT = {"Prefer": "respond-async, handling=lenient"}


def starter(name):
    with open(os.path.join(VIEWS, name + ".json"), encoding="utf-8") as file:
        return {**json.load(file), "id": name, "url": BASE + name, "version": "1"}


def view(name, path, resource="Patient", **more):
    return {"resourceType": "ViewDefinition", "id": name, "name": name, "status": "active", "resource": resource,
            "select": [{"column": [{"name": "id", "path": "getResourceKey()"}, {"name": "value", "path": path}]}], **more}


NAMES = view("names", "name.family.first()")


def fetch(item, headers=None):
    answer = harness.request("GET", item["url"], headers)
    assert answer.status == 200, answer
    assert len(answer.body) == item["fileSize"], item
    return answer.body


def tables_of(manifest, headers=None):
    """{name of a view: its table}, each file checked against the manifest."""
    tables = {}
    for item in manifest["output"]:
        (extension,) = item["extension"]
        assert extension["url"] == "urn:sluice:view-definition", item
        table = pyarrow.parquet.read_table(io.BytesIO(fetch(item, headers)))
        assert table.num_rows == item["count"], item
        tables.setdefault(extension["valueReference"]["display"], []).append(table)
    return {name: pyarrow.concat_tables(parts) for name, parts in tables.items()}


def rows_of(table):
    return sorted((tuple(map(str, row.values())) for row in table.to_pylist()))


class ViewExports(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.temporary_folder(cls)
        types = ("Patient", "Practitioner", "Organization", "Encounter", "Observation", "Condition")
        cls.corpus = corpus.base_corpus(cls.folder, types, patients=40)
        cls.corpus.add("groups.ndjson", [corpus.group("some", [
            {"entity": {"reference": "Patient/" + id}} for id in cls.corpus.ids("Patient")[:5]])])
        cls.data = os.path.join(cls.folder, "data")
        harness.load(cls.data, *cls.corpus.paths)
        cls.server = harness.start_server(cls, cls.data)
        for each in (starter("patient"), starter("observation"), starter("encounter"), NAMES,
                     view("many", "name.given")):
            cls.put(each)

    @classmethod
    def put(cls, resource):
        answer = harness.request("PUT", f"{cls.server.base}/ViewDefinition/{resource['id']}",
                                 {"Content-Type": harness.FHIR_JSON}, json.dumps(resource).encode())
        assert answer.status in (200, 201), answer

    def export(self, *parameters, path="$export", headers=None):
        return self.server.export(path, [("_outputFormat", PARQUET), *parameters], headers)

    def refused(self, status, *words, parameters=(), format=PARQUET, headers=ASYNC):
        answer = self.server.get("$export", [*([("_outputFormat", format)] if format else []), *parameters], headers)
        self.assert_outcome(answer, status, *words)

    def made_by_command(self, definition, name):
        """The table that `sluice table` makes of the files that were loaded."""
        path = os.path.join(harness.temporary_folder(self), name + ".json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(definition, file)
        out = os.path.join(os.path.dirname(path), name + ".parquet")
        harness.sluice("table", path, *self.corpus.paths, "--out", out)
        return pyarrow.parquet.read_table(out)

    def test_p01_the_tables_are_those_of_sluice_table(self):
        manifest = self.export(("_viewDefinition", "ViewDefinition/patient"), ("_viewDefinition", BASE + "observation|1"),
                               ("_viewDefinition", f"{self.server.base}/ViewDefinition/names")).manifest
        self.assertEqual(manifest["outputFormat"], PARQUET)
        found = tables_of(manifest)
        self.assertEqual(set(found), {"patient", "observation", "names"})
        for name, definition in (("patient", starter("patient")), ("observation", starter("observation")), ("names", NAMES)):
            expected = self.made_by_command(definition, name)
            self.assertEqual(found[name].schema, expected.schema)
            self.assertEqual(rows_of(found[name]), rows_of(expected), name)
            self.assertGreater(expected.num_rows, 30)

    def test_m03_an_item_has_the_type_and_the_view(self):
        manifest = self.export(("_viewDefinition", "ViewDefinition/encounter"), ("_viewDefinition", BASE + "patient")).manifest
        self.assertEqual({(item["type"], item["extension"][0]["valueReference"]["reference"],
                           item["extension"][0]["valueReference"]["display"]) for item in manifest["output"]},
                         {("Encounter", "ViewDefinition/encounter/_history/1", "encounter"),
                          ("Patient", "ViewDefinition/patient/_history/1", "patient")})
        for item in manifest["output"]:
            self.assertEqual(set(item), {"type", "url", "count", "fileSize", "extension"})
            self.assertRegex(item["url"], r"/(patient|encounter)-[0-9-]+\.parquet$")

    def test_p01_a_body_names_views_and_brings_them(self):
        own = view("own", "birthDate")
        del own["id"]
        post = [{"name": "_outputFormat", "valueString": PARQUET},
                {"name": "_viewDefinition", "valueReference": {"reference": "ViewDefinition/patient"}},
                {"name": "_viewDefinition", "valueCanonical": BASE + "observation"},
                {"name": "_viewDefinition", "resource": own}]
        manifest = self.server.export("$export", post=post).manifest
        found = tables_of(manifest)
        self.assertEqual(set(found), {"patient", "observation", "own"})
        self.assertEqual(rows_of(found["own"]), rows_of(self.made_by_command(own, "own")))
        reference = {item["extension"][0]["valueReference"]["display"]: item["extension"][0]["valueReference"]
                     for item in manifest["output"]}
        self.assertEqual(reference["own"], {"display": "own"})

    def test_p04_groups_filters_and_types_choose_the_records(self):
        members = set(self.corpus.ids("Patient")[:5])
        found = tables_of(self.export(("_viewDefinition", "ViewDefinition/names"), ("_viewDefinition", "ViewDefinition/encounter"),
                                      ("_typeFilter", "Encounter?status=finished"), path="Group/some/$export").manifest)
        self.assertEqual(set(found["names"]["id"].to_pylist()), members)
        self.assertLessEqual(set(found["encounter"]["patient"].to_pylist()), members)
        self.assertLessEqual(set(found["encounter"]["status"].to_pylist()), {"finished"})
        named = tables_of(self.export(("_viewDefinition", "ViewDefinition/names"), ("_type", "Patient")).manifest)
        self.assertEqual(set(named), {"names"})

    def test_p01_what_does_not_go_together_is_refused_by_name(self):
        names = ("_viewDefinition", "ViewDefinition/names")
        for format in (None, "ndjson"):
            self.refused(400, "_viewDefinition", f"_outputFormat '{PARQUET}'", parameters=[names], format=format)
            self.refused(400, "_viewDefinition", parameters=[names], format=format, headers=LENIENT)
        for headers in (ASYNC, LENIENT):
            self.refused(400, "_elements", "_viewDefinition", parameters=[names, ("_elements", "id")], headers=headers)
            self.refused(404, "no ViewDefinition 'ViewDefinition/none'", parameters=[("_viewDefinition", "ViewDefinition/none")],
                         headers=headers)
        self.refused(400, "organizeOutputBy 'Patient'", parameters=[names, ("organizeOutputBy", "Patient")])
        self.refused(400, "includeAssociatedData", parameters=[names, ("includeAssociatedData", "LatestProvenanceResources")])
        self.refused(400, "_type 'Observation' has no _viewDefinition", parameters=[names, ("_type", "Patient,Observation")])
        self.refused(400, "two views have the name 'names'", parameters=[names, names])
        self.refused(400, "Patient/x", parameters=[("_viewDefinition", "Patient/x")])
        for broken, words in ((view("x", "nope"), "select[0].column[1].path"), ({"resourceType": "Patient"}, "'Patient'")):
            post = {"resourceType": "Parameters", "parameter": [
                {"name": "_outputFormat", "valueString": PARQUET}, {"name": "_viewDefinition", "resource": broken}]}
            self.assert_outcome(self.server.post("$export", post, headers=ASYNC), 422, "_viewDefinition", words)

    def test_p01_lenient_handling_skips_and_tells_a_view_that_is_not_there(self):
        manifest = self.export(("_viewDefinition", "ViewDefinition/none"), ("_viewDefinition", "ViewDefinition/names"),
                               headers=LENIENT).manifest
        self.assertEqual(set(tables_of(manifest)), {"names"})
        (item,) = manifest["outcome"]
        self.assertIn("no ViewDefinition 'ViewDefinition/none'", harness.download(item)[0].decode())

    def test_m06_a_record_that_breaks_a_rule_is_left_out_and_told(self):
        with_two = {id for (type, id), resource in self.corpus.resources.items() if type == "Patient"
                    and sum(len(name.get("given", [])) for name in resource["name"]) > 1}
        self.assertTrue(with_two)
        manifest = self.export(("_viewDefinition", "ViewDefinition/many")).manifest
        found = tables_of(manifest)["many"]
        self.assertEqual(set(found["id"].to_pylist()), set(self.corpus.ids("Patient")) - with_two)
        told = [json.loads(line)["issue"][0] for item in manifest["outcome"] for line in harness.download(item)]
        self.assertEqual({issue["severity"] for issue in told}, {"warning"})
        self.assertEqual({issue["diagnostics"].split(" ")[0] for issue in told}, {"Patient/" + id for id in with_two})
        self.assertTrue(all("'many'" in issue["diagnostics"] and "value" in issue["diagnostics"] for issue in told))
        self.assertEqual(sum(item["countSeverity"][0]["count"] for item in manifest["outcome"]), len(with_two))

    def test_p11_files_are_cut_by_the_size_of_their_records(self):
        manifest = self.export(("_viewDefinition", "ViewDefinition/observation"), ("_maximumFileSize", 200_000)).manifest
        self.assertGreater(len(manifest["output"]), 3)
        self.assertEqual(rows_of(tables_of(manifest)["observation"]),
                         rows_of(self.made_by_command(starter("observation"), "observation")))

    def test_p01_a_table_without_rows_has_its_columns(self):
        self.put(view("empty", "status", "Immunization"))
        (item,) = self.export(("_viewDefinition", "ViewDefinition/empty")).manifest["output"]
        table = pyarrow.parquet.read_table(io.BytesIO(fetch(item)))
        self.assertEqual((item["count"], table.num_rows, table.column_names), (0, 0, ["id", "value"]))

    def test_p10_partial_manifests_name_the_views_too(self):
        manifest = self.export(("_viewDefinition", "ViewDefinition/names"), ("allowPartialManifests", "true")).manifest
        self.assertEqual(set(tables_of(manifest)), {"names"})


class ViewExportJobs(harness.ServerCase):
    def load(self, count):
        lines = [{"resourceType": "Basic", "id": f"b{n}", "code": {"text": str(n) * 400}} for n in range(count)]
        harness.load(self.data, harness.write_lines(os.path.join(self.folder, "Basic.ndjson"), lines))

    def test_j02_an_export_goes_on_after_the_server_was_killed(self):
        self.load(4000)
        self.serve()
        self.send("PUT", "ViewDefinition/v", view("v", "code.text", "Basic"))
        status = self.server.kick_off("$export", {"_outputFormat": "parquet", "_viewDefinition": "ViewDefinition/v",
                                                  "_maximumFileSize": 500_000})
        # The job keeps the view that it was accepted with.
        self.send("PUT", "ViewDefinition/v", view("v", "id", "Basic"))
        self.server.kill()
        self.server.start()
        status = self.server.base + status.split("/fhir", 1)[1]
        manifest = harness.wait(status).manifest
        for item in manifest["output"]:  # the port is another now
            item["url"] = self.server.base + item["url"].split("/fhir", 1)[1]
        self.assertEqual(rows_of(tables_of(manifest)["v"]), sorted((f"b{n}", str(n) * 400) for n in range(4000)))
        self.assertGreater(len(manifest["output"]), 3)
        item = manifest["output"][0]
        part = harness.request("GET", item["url"], {"Range": "bytes=-4"})
        self.assertEqual((part.status, part.body), (206, b"PAR1"))
        files = os.path.join(self.data, "files", status.rsplit("/", 1)[1], "*.parquet")
        self.assertEqual(harness.request("DELETE", status).status, 202)
        harness.eventually(self, lambda: not glob.glob(files), "the files' removal")

    def test_p02_deletions_are_told_as_ever(self):
        self.load(3)
        self.serve()
        self.send("PUT", "ViewDefinition/v", view("v", "code.text", "Basic"))
        before = self.server.export().transaction_time
        self.send("DELETE", "Basic/b1")
        manifest = self.server.export("$export", {"_outputFormat": "parquet", "_viewDefinition": "ViewDefinition/v",
                                                  "_since": before}).manifest
        (line,) = harness.download(manifest["deleted"][0])
        self.assertEqual(json.loads(line)["entry"][0]["request"]["url"], "Basic/b1")

    def test_a06_only_views_that_the_scopes_cover_can_be_named(self):
        self.load(3)
        client = smart.Client(self.folder, self.data, "all", scope="system/*.cruds")
        self.serve(is_open=False)
        everything = client.headers(self.server)
        for id, status in (("seen", "active"), ("hidden", "draft")):
            body = view(id, "code.text", "Basic", status=status, url=BASE + id)
            self.assertEqual(self.send("PUT", "ViewDefinition/" + id, body, everything).status, 201)
        narrow = client.headers(self.server, "system/Basic.rs system/ViewDefinition.r?status=active")
        parameters = {"_outputFormat": "parquet", "_viewDefinition": "ViewDefinition/seen"}
        manifest = smart.export(self.server, "$export", parameters, narrow)[1]
        self.assertEqual(tables_of(manifest, narrow)["seen"].num_rows, 3)
        for hidden in ("ViewDefinition/hidden", BASE + "hidden"):
            answer = self.server.get("$export", {**parameters, "_viewDefinition": hidden}, {**narrow, **ASYNC})
            self.assert_outcome(answer, 404, hidden)
        without = client.headers(self.server, "system/Basic.rs")
        answer = self.server.get("$export", parameters, {**without, **ASYNC})
        self.assert_outcome(answer, 403, "ViewDefinition")
        # What a view reads is what the scopes cover.
        other = client.headers(self.server, "system/Patient.rs system/ViewDefinition.rs")
        answer = self.server.get("$export", parameters, {**other, **ASYNC})
        self.assert_outcome(answer, 403, "Basic")


if __name__ == "__main__":
    unittest.main()
