"""ViewDefinition as a stored resource (E-01): its life over REST, what is refused, searches, scopes, and that exports leave
it out unless it is named."""
import json
import os
import unittest

import harness
import smart

URL = "http://views.example/ViewDefinition/patients"
PATIENT = {"resourceType": "Patient", "id": "p", "gender": "female"}
GROUP = {"resourceType": "Group", "id": "g", "type": "person", "actual": True,
         "member": [{"entity": {"reference": "Patient/p"}}]}


def view(id=None, path="gender", **more):
    return {"resourceType": "ViewDefinition", **({"id": id} if id else {}), "url": URL, "version": "1.0.0", "name": "patients",
            "status": "active", "resource": "Patient", "fhirVersion": ["4.0.1"],
            "select": [{"column": [{"name": "id", "path": "getResourceKey()"}, {"name": "gender", "path": path}]}], **more}


class ViewDefinitions(harness.ServerCase):
    def setUp(self):
        super().setUp()
        harness.load(self.data, harness.write_lines(os.path.join(self.folder, "source.ndjson"), [PATIENT, GROUP]))

    def ids(self, query):
        answer = self.server.get("ViewDefinition?" + query)
        self.assertEqual(answer.status, 200, answer)
        return sorted(entry["resource"]["id"] for entry in answer.json().get("entry", []))

    def test_e01_it_lives_as_other_resources_do(self):
        self.serve()
        self.assertEqual(self.send("PUT", "ViewDefinition/a", view("a")).status, 201)
        self.assertEqual(self.send("PUT", "ViewDefinition/a", view("a", title="Two")).status, 200)
        found = self.server.get("ViewDefinition/a").json()
        self.assertEqual((found["title"], found["meta"]["versionId"]), ("Two", "2"))
        self.assertNotIn("title", self.server.get("ViewDefinition/a/_history/1").json())
        self.assertEqual(len(self.server.get("ViewDefinition/a/_history").json()["entry"]), 2)
        self.assertEqual(len(self.server.get("ViewDefinition/_history").json()["entry"]), 2)
        created = self.send("POST", "ViewDefinition", view())
        self.assertEqual(created.status, 201)
        self.assertRegex(created.headers["Location"], r"/ViewDefinition/[^/]+/_history/1$")
        patch = [{"op": "replace", "path": "/status", "value": "retired"}]
        self.assertEqual(self.send("PATCH", "ViewDefinition/a", patch,
                                   content_type="application/json-patch+json").json()["status"], "retired")
        self.assertEqual(set(self.server.get("ViewDefinition/a?_summary=true").json()) - {"meta"},
                         {"resourceType", "id", "url", "version", "name", "title", "status", "resource", "select"})
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": view("t"), "request": {"method": "PUT", "url": "ViewDefinition/t"}},
            {"request": {"method": "DELETE", "url": "ViewDefinition/a"}}]}
        self.assertEqual(self.server.post("", bundle).status, 200)
        self.assertEqual(self.server.get("ViewDefinition/a").status, 410)
        self.assertEqual(self.server.get("ViewDefinition/t").status, 200)

    def test_e01_the_searches_of_the_guide_find_it(self):
        self.serve()
        self.send("PUT", "ViewDefinition/a", view("a"))
        other = view("b", url="http://views.example/ViewDefinition/labs", version="2.0.0", name="labs", status="draft", resource="Observation",
                     title="Laboratory", publisher="Example", date="2026-11-01", description="All values",
                     profile=["http://profiles.example/lab"], identifier=[{"system": "urn:x", "value": "7"}],
                     select=[{"column": [{"name": "id", "path": "id"}]}])
        self.assertEqual(self.send("PUT", "ViewDefinition/b", other).status, 201)
        for query in ("_id=b", "url=http://views.example/ViewDefinition/labs", "version=2.0.0", "name=lab", "status=draft",
                      "resource=Observation", "title=labor", "publisher=example", "date=ge2026", "description=all",
                      "identifier=urn:x|7", "profile=http://profiles.example/lab", "_lastUpdated=ge2020&_id=b"):
            self.assertEqual(self.ids(query), ["b"], query)
        self.assertEqual(self.ids("status=active"), ["a"])
        self.assertEqual(self.ids("url=http://views.example/ViewDefinition/patients,http://views.example/ViewDefinition/labs"), ["a", "b"])

    def test_e01_what_does_not_compile_is_refused_with_its_place(self):
        self.serve()
        for path, words in (("gendre", ["select[0].column[1].path", "Patient has no element 'gendre'"]),
                            ("name.nope()", ["select[0].column[1].path", "nope"])):
            for method, where in (("PUT", "ViewDefinition/a"), ("POST", "ViewDefinition")):
                self.assert_outcome(self.send(method, where, view("a", path)), 422, *words)
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": view("a", "gendre"), "request": {"method": "PUT", "url": "ViewDefinition/a"}}]}
        self.assert_outcome(self.server.post("", bundle), 422, "select[0].column[1].path")
        without = view("a")
        del without["select"]
        self.assert_outcome(self.send("PUT", "ViewDefinition/a", without), 422, "select")
        self.assert_outcome(self.send("PUT", "ViewDefinition/a", view("a", resource="ViewDefinition")), 422,
                            "'ViewDefinition' is no resource type of R4")
        self.assertEqual(self.server.get("ViewDefinition/a").status, 404)
        # A draft too; only a server that takes everything takes it, and says what is wrong.
        draft = view("a", "gendre", status="draft")
        self.assert_outcome(self.send("PUT", "ViewDefinition/a", draft), 422, "select[0].column[1].path")
        self.server.stop()
        self.serve("--lenient")
        taken = self.send("PUT", "ViewDefinition/a", draft, {"Prefer": "return=OperationOutcome"})
        self.assertEqual(taken.status, 201, taken)
        self.assertIn("select[0].column[1].path", taken.json()["issue"][1]["diagnostics"])
        self.server.stop()
        self.serve()
        patch = [{"op": "replace", "path": "/status", "value": "active"}]
        answer = self.send("PATCH", "ViewDefinition/a", patch, content_type="application/json-patch+json")
        self.assert_outcome(answer, 422, "select[0].column[1].path")

    def test_e01_loads_take_it_and_tell_what_does_not_compile(self):
        source = harness.write_lines(os.path.join(self.folder, "views.ndjson"), [view("good"), view("bad", "gendre")])
        strict = harness.load(self.data, source, lenient=False, check=False)
        self.assertIn("select[0].column[1].path: FHIRPath: Patient has no element 'gendre'", strict.err)
        self.serve()
        self.assertEqual(self.ids(""), ["good"])
        self.server.stop()
        harness.load(self.data, source)
        self.server.start()
        self.assertEqual(self.ids(""), ["bad", "good"])

    def test_p03_exports_leave_it_out_unless_it_is_named(self):
        self.serve()
        before = self.server.export().transaction_time
        self.send("PUT", "ViewDefinition/a", view("a"))
        self.send("PUT", "ViewDefinition/b", view("b"))
        self.assertEqual(self.server.export().keys(), [("Group", "g"), ("Patient", "p")])
        for path in ("Patient/$export", "Group/g/$export"):
            self.assertNotIn(("ViewDefinition", "a"), self.server.export(path).keys())
        self.assertEqual(self.server.export(parameters={"_since": before}).keys(), [])
        named = self.server.export(parameters={"_type": "ViewDefinition,Patient"})
        self.assertEqual(named.keys(), [("Patient", "p"), ("ViewDefinition", "a"), ("ViewDefinition", "b")])
        self.send("DELETE", "ViewDefinition/b")
        self.assertEqual(self.server.export(parameters={"_since": before}).manifest["deleted"], [])
        named = self.server.export(parameters={"_since": named.transaction_time, "_type": "ViewDefinition"})
        (line,) = harness.download(named.manifest["deleted"][0])
        self.assertEqual(json.loads(line)["entry"][0]["request"]["url"], "ViewDefinition/b")
        answer = self.server.get("Patient/$export", {"_type": "ViewDefinition"}, {"Prefer": "respond-async"})
        self.assert_outcome(answer, 400, "ViewDefinition", "outside the patient compartment")

    def test_a06_scopes_name_it_and_an_export_of_all_does_not_take_it(self):
        client = smart.Client(self.folder, self.data, "views", scope="system/ViewDefinition.cruds system/Patient.rs")
        all_of_it = smart.Client(self.folder, self.data, "all", scope="system/*.cruds")
        self.serve(is_open=False)
        headers = client.headers(self.server)
        self.assertEqual(self.send("PUT", "ViewDefinition/a", view("a"), headers).status, 201)
        self.assertEqual(self.send("PUT", "ViewDefinition/b", view("b"), all_of_it.headers(self.server)).status, 201)
        reader = client.headers(self.server, "system/Patient.rs")
        self.assertEqual(self.send("GET", "ViewDefinition/a", None, reader).status, 403)
        for parameters, types in (({}, ["Patient"]), ({"_type": "ViewDefinition"}, ["ViewDefinition"])):
            manifest = smart.export(self.server, "$export", parameters, headers)[1]
            self.assertEqual([item["type"] for item in manifest["output"]], types)
        only = client.headers(self.server, "system/ViewDefinition.rs")
        answer = self.server.get("$export", None, {**only, "Prefer": "respond-async"})
        self.assertEqual(answer.status, 403)


if __name__ == "__main__":
    unittest.main()
