"""What a client sees of resources: _elements, _summary and _pretty on reads and searches (I-02, F-05)."""
import json
import unittest

import harness
import smart

SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
OBSERVATION = ('{"resourceType":"Observation","id":"o","text":{"status":"generated","div":"<div/>"},"status":"final",'
               '"code":{"text":"a \\" {[,"},"subject":{"reference":"Patient/p"},"issued":"2020-01-01T00:00:00Z",'
               '"note":[{"text":"n"}],"valueQuantity":{"value":1.50,"unit":"mg"}}')
ALWAYS = {"resourceType", "id", "meta"}
MANDATORY = ALWAYS | {"status", "code"}


class ResourceView(harness.ServerCase):
    def serve_observation(self, **keywords):
        self.serve(**keywords)
        self.assertEqual(self.send("PUT", "Observation/o", OBSERVATION).status, 201)
        self.assertEqual(self.send("PUT", "Patient/p", {
            "resourceType": "Patient", "id": "p", "active": True, "photo": [{"title": "t"}],
            "text": {"status": "generated", "div": "<div/>"}}).status, 201)

    def seen(self, path):
        answer = self.send("GET", path)
        self.assertEqual(answer.status, 200, answer)
        resource = answer.json()
        return resource["entry"][0]["resource"] if resource["resourceType"] == "Bundle" else resource

    def test_i02_parts_of_a_resource_on_reads_and_searches(self):
        self.serve_observation()
        whole = {*MANDATORY, "text", "subject", "issued", "note", "valueQuantity"}
        in_summary = MANDATORY | {"subject", "issued", "valueQuantity"}
        for query, names in (
                ("_elements=note", MANDATORY | {"note"}), ("_elements=id", MANDATORY),
                ("_elements=value,subject", MANDATORY | {"valueQuantity", "subject"}),
                ("_elements=Observation.issued", MANDATORY | {"issued"}),
                ("_summary=true", in_summary), ("_summary=text", MANDATORY | {"text"}),
                ("_summary=data", whole - {"text"}), ("_summary=false", whole),
                ("_summary=false&_elements=note", MANDATORY | {"note"})):
            for path in ("Observation/o?", "Observation/o/_history/1?", "Observation?_id=o&"):
                with self.subTest(path=path, query=query):
                    resource = self.seen(path + query)
                    self.assertEqual(set(resource), names)
                    self.assertEqual(resource["meta"]["versionId"], "1")
                    self.assertEqual(resource["meta"].get("tag", []), [] if names == whole else [SUBSETTED])
        # What is stored is whole, and its version the same.
        self.assertEqual(set(self.seen("Observation/o")), whole)
        part = self.send("GET", "Observation/o?_summary=true")
        self.assertEqual((part.headers["ETag"], part.headers["Last-Modified"] is None), ('W/"1"', False))
        self.assertIn(b'"value":1.50', part.body)
        self.assertEqual(self.send("GET", "Observation/o?_summary=true", headers={"If-None-Match": 'W/"1"'}).status, 304)
        head = self.send("HEAD", "Observation/o?_summary=true")
        self.assertEqual((head.headers["Content-Length"], head.body), (str(len(part.body)), b""))

    def test_i02_pages_and_includes_of_a_search_are_shown_alike(self):
        self.serve_observation()
        self.send("PUT", "Observation/o2", OBSERVATION.replace('"id":"o"', '"id":"o2"'))
        for query, of_match, of_included in (
                ("_summary=true", "valueQuantity", {*ALWAYS, "active"}),
                ("_summary=data", "note", {*ALWAYS, "active", "photo"}),
                ("_elements=issued", "issued", {*ALWAYS, "active", "photo", "text"})):
            path = f"Observation?_include=Observation:subject&_count=1&{query}"
            answer = self.send("GET", path).json()
            while True:
                by_mode = {entry["search"]["mode"]: entry["resource"] for entry in answer["entry"]}
                self.assertIn(of_match, by_mode["match"], query)
                self.assertNotIn("text", by_mode["match"], query)
                self.assertEqual(set(by_mode["include"]), of_included, query)
                links = {link["relation"]: link["url"] for link in answer["link"]}
                if "next" not in links:
                    break
                answer = harness.request("GET", links["next"]).json()
            self.assertEqual(by_mode["match"]["id"], "o2")
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.send("POST", "Observation/_search", b"_id=o&_summary=text&_pretty=true", form)
        self.assertEqual(set(answer.json()["entry"][0]["resource"]), MANDATORY | {"text"})
        self.assertTrue(answer.body.startswith(b'{\n  "resourceType": "Bundle"'), answer.body[:80])

    def test_i02_f05_pretty_changes_white_space_only(self):
        self.serve_observation()
        plain = self.send("GET", "Observation/o")
        for path in ("Observation/o", "Observation/o/_history/1"):
            pretty = self.send("GET", path + "?_pretty=true")
            self.assertEqual(pretty.json(), plain.json())
            self.assertIn(b'\n  "valueQuantity": {\n    "value": 1.50,\n', pretty.body)
            self.assertIn(rb'"text": "a \" {[,"', pretty.body)
            self.assertEqual(self.send("GET", path + "?_pretty=false").body, plain.body)
        both = self.send("GET", "Observation/o?_pretty=true&_elements=note&_format=json")
        self.assertEqual(set(both.json()), MANDATORY | {"note"})

    def test_i02_what_means_nothing_is_refused(self):
        self.serve_observation()
        self.send("PUT", "Binary/b", b"bytes", {"Content-Type": "text/plain"})
        for path, *words in (
                ("Observation/o?_summary=count", "count"), ("Observation/o?_summary=all", "all"),
                ("Observation?_summary=all", "all"), ("Observation/o?_summary=", "_summary"),
                ("Observation/o?_elements=nosuch", "nosuch"), ("Observation/o?_elements=code.text", "code.text"),
                ("Observation/o?_elements=", "_elements"), ("Observation/o?_pretty=yes", "yes"),
                ("Observation?_pretty=1", "_pretty"), ("Observation/o?_elements=id&_summary=true", "_elements"),
                ("Observation?_elements=id&_summary=data", "_elements"),
                ("Observation/o?_summary=true&_summary=true", "_summary", "more than once"),
                ("Observation?_summary=text&_include=Observation:subject", "_include"),
                ("Observation/o/_history?_summary=true", "_summary"), ("Observation/o?_count=1", "_count"),
                ("Binary/b?_pretty=true", "_pretty")):
            with self.subTest(path):
                self.assert_outcome(self.send("GET", path), 400, *words)
        answer = self.send("GET", "Binary/b?_summary=true", headers={"Accept": harness.FHIR_JSON})
        self.assertEqual(set(answer.json()), {*ALWAYS, "contentType"})

    def test_a06_a_part_is_no_way_around_scopes(self):
        client = smart.Client(self.folder, self.data, "c", scope="system/*.cruds")
        server = self.serve(is_open=False)
        full = client.headers(server)
        self.assertEqual(self.send("PUT", "Observation/o", OBSERVATION, full).status, 201)
        for query in ("_elements=id", "_summary=true", "_pretty=true"):
            other = client.headers(server, "system/Patient.rs")
            self.assert_outcome(self.send("GET", "Observation/o?" + query, headers=other), 403, "scopes")
            of_other_status = client.headers(server, "system/Observation.rs?status=preliminary")
            self.assert_outcome(self.send("GET", "Observation/o?" + query, headers=of_other_status), 404)


if __name__ == "__main__":
    unittest.main()
