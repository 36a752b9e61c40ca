"""JSON Patch over REST (I-02, I-04, I-05, A-06, A-12): digits, errors, conditions, several writers, scopes."""
import glob
import json
import os
import threading
import unittest

import harness
import smart

JSON_PATCH = "application/json-patch+json"
OBSERVATION = ('{"resourceType":"Observation","id":"o","status":"final","code":{"text":"t"},'
               '"subject":{"reference":"Patient/p"},"valueQuantity":{"value":1.50,"unit":"mg"}}')


class RestPatch(harness.ServerCase):
    def patch(self, path, operations, headers=None):
        return self.send("PATCH", path, operations, headers, JSON_PATCH)

    def test_i02_a_patch_changes_what_it_names_and_keeps_the_digits_of_the_rest(self):
        self.serve()
        self.assertEqual(self.send("PUT", "Observation/o", OBSERVATION).status, 201)
        answer = self.patch("Observation/o", [
            {"op": "test", "path": "/valueQuantity/value", "value": 1.5},
            {"op": "replace", "path": "/status", "value": "amended"},
            {"op": "add", "path": "/note", "value": [{"text": "n"}]},
            {"op": "copy", "from": "/code", "path": "/method"},
            {"op": "move", "from": "/valueQuantity/unit", "path": "/valueQuantity/code"},
            {"op": "remove", "path": "/subject"}])
        self.assertEqual((answer.status, answer.headers["ETag"]), (200, 'W/"2"'), answer)
        self.assertTrue(answer.headers["Last-Modified"])
        self.assertIn(b'"value":1.50', answer.body)
        resource = answer.json()
        del resource["meta"]
        self.assertEqual(resource, {
            "resourceType": "Observation", "id": "o", "status": "amended", "code": {"text": "t"},
            "valueQuantity": {"value": 1.5, "code": "mg"}, "note": [{"text": "n"}], "method": {"text": "t"}})
        self.assertEqual(self.send("GET", "Observation/o").body, answer.body)
        self.assertIn(b"final", self.send("GET", "Observation/o/_history/1").body)
        same = self.patch("Observation/o", [{"op": "replace", "path": "/status", "value": "amended"}])
        self.assertEqual((same.status, same.headers["ETag"], same.body), (200, 'W/"2"', answer.body))
        minimal = self.patch("Observation/o", [{"op": "remove", "path": "/note"}], {"Prefer": "return=minimal"})
        self.assertEqual((minimal.status, minimal.headers["ETag"], minimal.body), (200, 'W/"3"', b""))
        # The resource left the patient's compartment: exports see what the patch made.
        self.assertEqual(self.send("PUT", "Patient/p", {"resourceType": "Patient", "id": "p"}).status, 201)
        self.assertEqual(self.server.export("Patient/$export").keys(), [("Patient", "p")])

    def test_i02_i05_what_is_refused_says_why_and_changes_nothing(self):
        self.serve()
        self.send("PUT", "Observation/o", OBSERVATION)
        before = self.send("GET", "Observation/o").body
        replace = [{"op": "replace", "path": "/status", "value": "amended"}]
        for operations, status, *words in (
                ([*replace, {"op": "remove", "path": "/nothing"}], 422, "operation 1", "/nothing"),
                ([*replace, {"op": "test", "path": "/status", "value": "final"}], 422, "operation 1", "test"),
                ([*replace, {"op": "add", "path": "/code/coding/3", "value": 1}], 422, "operation 1"),
                ([{"op": "delete", "path": "/status"}], 400, "operation 0", "delete"),
                ([{"op": "add", "path": "status"}], 400, "operation 0", "path"),
                ([{"op": "add", "path": "/status"}], 400, "value"), ({}, 400, "array"), ("", 400), ("[", 400),
                ([{"op": "remove", "path": "/status"}], 422, "Observation.status"),
                ([{"op": "add", "path": "/colour", "value": "red"}], 422, "colour"),
                ([{"op": "replace", "path": "/id", "value": "x"}], 422, "id"),
                ([{"op": "replace", "path": "/resourceType", "value": "Patient"}], 422, "resourceType"),
                ([{"op": "add", "path": "/note", "value": [{"text": "x" * (10 << 20)}]}], 413)):
            with self.subTest(operations=str(operations)[:90]):
                self.assert_outcome(self.patch("Observation/o", operations), status, *words)
        for content_type in ("application/fhir+json", "application/json", "application/xml-patch+xml",
                             "application/merge-patch+json", "text/plain"):
            answer = self.send("PATCH", "Observation/o", replace, None, content_type)
            self.assert_outcome(answer, 415, content_type, JSON_PATCH)
            self.assertEqual(answer.headers["Accept-Patch"], JSON_PATCH)
        self.assert_outcome(self.patch("Observation/o?status=final", replace), 400, "status")
        self.assert_outcome(self.patch("Observation/o", replace, {"Accept": "application/fhir+xml"}), 406)
        self.assert_outcome(self.patch("Observation/none", replace), 404, "Observation/none")
        self.assertEqual(self.send("GET", "Observation/o").body, before)
        self.send("DELETE", "Observation/o")
        self.assert_outcome(self.patch("Observation/o", replace), 410)
        self.assertIn("PATCH", self.send("POST", "Observation/o", OBSERVATION).headers["Allow"])
        statement = self.send("GET", "metadata").json()
        self.assertEqual(statement["patchFormat"], [JSON_PATCH])
        self.assertIn({"code": "patch"}, statement["rest"][0]["resource"][0]["interaction"])

    def test_i02_conditions_and_writers_at_once(self):
        self.serve()
        self.send("PUT", "Basic/b", {"resourceType": "Basic", "id": "b", "code": {"coding": []}})
        add = [{"op": "add", "path": "/code/coding/-", "value": {"code": "x"}}]
        self.assert_outcome(self.patch("Basic/b", add, {"If-Match": 'W/"2"'}), 412, "version 1")
        self.assert_outcome(self.patch("Basic/b", add, {"If-None-Match": "*"}), 400, "If-None-Match")
        self.assertEqual(self.patch("Basic/b", add, {"If-Match": 'W/"1"'}).status, 200)
        self.assertEqual(self.patch("Basic/b", add, {"If-Match": "*"}).status, 200)
        done = []

        def write(writer):
            for number in range(20):
                answer = self.patch("Basic/b", [{"op": "add", "path": "/code/coding/-",
                                                 "value": {"code": f"{writer}-{number}"}}])
                if answer.status == 200:
                    done.append(f"{writer}-{number}")
                else:
                    self.assert_outcome(answer, 409)
        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        coding = self.send("GET", "Basic/b").json()["code"]["coding"]
        self.assertEqual(sorted(c["code"] for c in coding), sorted([*done, "x", "x"]))
        self.server.kill()
        self.server.start()
        self.assertEqual(self.send("GET", "Basic/b").json()["code"]["coding"], coding)

    def test_a06_a12_a_patch_needs_the_right_to_update_and_is_audited(self):
        client = smart.Client(self.folder, self.data, "all", scope="system/*.cruds")
        grouped = smart.Client(self.folder, self.data, "grouped", scope="system/*.cruds", options=["--group", "g"])
        server = self.serve(is_open=False)
        full = client.headers(server)
        self.assertEqual(self.send("PUT", "Observation/o", OBSERVATION, full).status, 201)
        patch = [{"op": "replace", "path": "/code/text", "value": "Nobodyknows"}]
        for scope, status in (("system/Observation.u", 200), ("system/Observation.write", 200),
                              ("system/Observation.crds", 403), ("system/Patient.u", 403)):
            self.assertEqual(self.patch("Observation/o", patch, client.headers(server, scope)).status, status, scope)
        self.assert_outcome(self.patch("Observation/o", patch, grouped.headers(server)), 403, "groups")
        self.assert_outcome(self.patch("Observation/o", patch), 401)
        self.assert_outcome(self.patch("Observation/o", [{"op": "test", "path": "/code/text", "value": "Secret"}],
                                       full), 422)
        server.stop()
        events = []
        for file in sorted(glob.glob(os.path.join(self.data, "audit", "*.ndjson"))):
            with open(file, encoding="utf-8") as lines:
                events += [json.loads(line) for line in lines]
        seen = [e["outcome"] for e in events if e["subtype"][0]["code"] == "resource-update" and
                e["entity"][0]["what"]["reference"] == "Observation/o"]
        self.assertIn("0", seen)
        self.assertIn("4", seen)
        for word in ("Nobodyknows", "Secret"):
            self.assertNotIn(word, json.dumps(events) + server.log())


if __name__ == "__main__":
    unittest.main()
