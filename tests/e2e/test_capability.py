"""What the server says of itself is true: C-01, C-02."""
import os
import unittest

import corpus
import harness

CANONICAL = "http://hl7.org/fhir/uv/bulkdata"
OPERATIONS = {None: "export", "Patient": "patient-export", "Group": "group-export"}
PATHS = {"export": "$export", "patient-export": "Patient/$export", "group-export": "Group/plain/$export"}


def summary_of(rest):
    """What R4 marks as a summary of CapabilityStatement.rest, as far as this server has it."""
    def kept(element, *names):
        return {name: element[name] for name in names if name in element}

    def with_operations(element, *names):
        operations = [kept(operation, "name", "definition") for operation in element.get("operation", [])]
        return {**kept(element, *names), **({"operation": operations} if operations else {})}

    security = kept(rest["security"], "cors", "service", "extension")
    return {**with_operations(rest, "mode"), **({"security": security} if security else {}),
            "resource": [with_operations(resource, "type", "profile", "supportedProfile")
                         for resource in rest["resource"]]}


class Capability(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = harness.temporary_folder(cls)
        cls.corpus = corpus.add_hand_made(corpus.base_corpus(folder, corpus.SMALL_TYPES, 30))
        data = os.path.join(folder, "data")
        harness.load(data, *cls.corpus.paths)
        cls.server = harness.start_server(cls, data)
        cls.statement = cls.server.get("metadata").json()
        cls.rest = cls.statement["rest"][0]

    def operations_of(self, holder):
        return {op["name"]: op["definition"] for op in holder.get("operation", [])}

    def test_c01_the_statement_is_an_r4_one_of_a_bulk_data_server(self):
        answer = self.server.get("metadata")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"].split(";")[0], harness.FHIR_JSON)
        self.assertEqual(self.statement["resourceType"], "CapabilityStatement")
        self.assertEqual(self.statement["fhirVersion"], "4.0.1")
        self.assertEqual(self.statement["kind"], "instance")
        self.assertEqual(self.statement["status"], "active")
        self.assertIn(f"{CANONICAL}/CapabilityStatement/bulk-data", self.statement["instantiates"])
        self.assertEqual(self.statement["implementation"]["url"], self.server.base)
        self.assertEqual(self.rest["mode"], "server")
        for required in ("date", "format"):
            self.assertTrue(self.statement[required], required)

    def test_c01_it_is_shown_as_other_resources_are(self):
        subsetted = {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}]}
        whole = dict(self.statement)

        def shown(query):
            answer = self.server.get("metadata?" + query)
            self.assertEqual((answer.status, answer.headers["Content-Type"].split(";")[0]), (200, harness.FHIR_JSON), query)
            found = answer.json()
            for tag in found.get("meta", {}).get("tag", []):
                tag.pop("display", None)
            return found
        for query in ("_summary=false", "_pretty=true", "_format=json", "mode=full&_format=application/fhir%2Bjson"):
            self.assertEqual(shown(query), whole, query)
        self.assertIn(b"\n  ", self.server.get("metadata?_pretty=true").body)
        # R4 has all root elements that it has as its summary, but of `rest` little; there is no narrative.
        self.assertEqual(shown("_summary=true"), {**whole, "rest": [summary_of(whole["rest"][0])], "meta": subsetted})
        self.assertLess(len(self.server.get("metadata?_summary=true").body),
                        len(self.server.get("metadata").body) // 10)
        self.assertEqual(shown("_summary=data"), {**whole, "meta": subsetted})
        mandatory = {name: whole[name] for name in ("resourceType", "status", "date", "kind", "fhirVersion", "format")}
        self.assertEqual(shown("_summary=text"), {**mandatory, "meta": subsetted})
        self.assertEqual(shown("_elements=software"), {**mandatory, "software": whole["software"], "meta": subsetted})
        for query, word in (("_summary=count", "count"), ("_summary=all", "all"), ("_elements=nothing", "nothing"),
                            ("_summary=true&_elements=software", "_elements"), ("_count=1", "_count"),
                            ("_pretty=yes", "yes"), ("mode=terminology", "terminology")):
            self.assert_outcome(self.server.get("metadata?" + query), 400, word)
        self.assert_outcome(self.server.get("metadata?_format=xml"), 406, "xml")
        # Likewise the definitions of its operations.
        definition = self.server.get("OperationDefinition/import").json()
        self.assertIn("parameter", definition)
        found = self.server.get("OperationDefinition/import?_summary=true").json()
        self.assertEqual(found.pop("meta")["tag"][0]["code"], "SUBSETTED")
        self.assertNotIn("parameter", found)
        self.assertEqual(found["url"], definition["url"])

    def test_c01_the_operations_stand_where_they_work(self):
        self.assertEqual(self.operations_of(self.rest),
                         {"export": f"{CANONICAL}/OperationDefinition/export",
                          "export-v4": f"{CANONICAL}/OperationDefinition/export|4.0.0",
                          "import": f"{self.server.base}/OperationDefinition/import",
                          "$sql-run": f"{self.server.base}/OperationDefinition/sql-run",
                          "$sql-export": f"{self.server.base}/OperationDefinition/sql-export"})
        by_type = {r["type"]: self.operations_of(r) for r in self.rest["resource"]}
        members = {name: f"{self.server.base}/OperationDefinition/group-{name}" for name in ("add", "remove")}
        for name, more in (("Patient", {}), ("Group", members)):
            self.assertEqual(by_type[name],
                             {"export": f"{CANONICAL}/OperationDefinition/{OPERATIONS[name]}",
                              "export-v4": f"{CANONICAL}/OperationDefinition/{OPERATIONS[name]}|4.0.0", **more})
        self.assertEqual({name for name, operations in by_type.items() if operations},
                         {"Patient", "Group"})
        # The 146 types of R4 and ViewDefinition.
        self.assertEqual(len(by_type), 147)
        self.assertIn("ViewDefinition", by_type)
        self.assertLessEqual({"Account", "Observation", "VisionPrescription"}, set(by_type))

    def test_c01_only_interactions_that_work_are_listed(self):
        # test_rest.py proves that they work.
        for resource in self.rest["resource"]:
            codes = [interaction["code"] for interaction in resource.get("interaction", [])]
            expected = ["read", "vread", "create", "update", "patch", "delete", "history-instance",
                        "history-type", "search-type"]
            self.assertEqual(codes, expected)

    def test_c01_every_listed_search_parameter_works_and_others_are_refused(self):
        by_kind = {"token": "x", "string": "x", "date": "ge2020-01-01", "number": "1", "quantity": "1",
                   "uri": "http://x.example/y"}
        asked = 0
        for resource in self.rest["resource"]:
            name = resource["type"]
            listed = [parameter["name"] for parameter in resource["searchParam"]]
            self.assertEqual(len(set(listed)), len(listed), name)
            self.assertLessEqual({"_id", "_lastUpdated", "_profile", "_security", "_source", "_tag"}, set(listed))
            for parameter in resource["searchParam"]:
                guide = "uv/sql-on-fhir/" if name == "ViewDefinition" and not parameter["name"].startswith("_") else ""
                self.assertTrue(parameter["definition"].startswith(f"http://hl7.org/fhir/{guide}SearchParameter/"))
                values = [by_kind.get(parameter["type"], "Patient/x"), "true"]  # some tokens are booleans
                if parameter["type"] == "composite":
                    # Its parts have any of the types: one of the combinations is understood.
                    parts = ("x", "1", "2020-01-01", "Patient/x", "true")
                    values = [f"{a}${b}" for a in parts for b in parts] + ["x$1$1"]
                with self.subTest(type=name, parameter=parameter["name"]):
                    statuses = []
                    for value in values:
                        answer = self.server.get(name, {parameter["name"]: value, "_count": "1"})
                        statuses.append(answer.status)
                        if answer.status == 200:
                            break
                    self.assertEqual(statuses[-1], 200, answer)
                    asked += 1
            for unlisted in ("nosuch", "_text", "_content", "_query", "_filter", "_list", "near", "_contained",
                             listed[-1] + "x", listed[-1].upper()):
                with self.subTest(type=name, unlisted=unlisted):
                    self.assertNotIn(unlisted, listed)
                    self.assert_outcome(self.server.get(name, {unlisted: "x"}), 400, unlisted)
        self.assertGreater(asked, 2000)

    def test_c01_includes_and_conditions_are_listed_as_they_work(self):
        by_type = {r["type"]: r for r in self.rest["resource"]}
        self.assertIn("Observation:subject", by_type["Observation"]["searchInclude"])
        self.assertIn("Observation:subject", by_type["Patient"]["searchRevInclude"])
        self.assertIn("Provenance:target", by_type["Basic"]["searchRevInclude"])
        self.assertNotIn("Observation:subject", by_type["Practitioner"]["searchRevInclude"])
        for name in ("Observation", "Patient", "Group", "Encounter"):
            for parameter, listed in (("_include", "searchInclude"), ("_revinclude", "searchRevInclude")):
                for value in by_type[name][listed]:
                    answer = self.server.get(name, {parameter: value, "_count": "1"})
                    self.assertEqual(answer.status, 200, (name, parameter, value, answer))
        # test_search.py and test_conditional.py prove what these promise.
        for name, resource in by_type.items():
            if name != "OperationDefinition":
                self.assertEqual((resource["conditionalCreate"], resource["conditionalUpdate"],
                                  resource["conditionalDelete"]), (True, True, "single"))

    def test_c02_each_operation_has_its_definition(self):
        for name in OPERATIONS.values():
            with self.subTest(operation=name):
                answer = self.server.get(f"OperationDefinition/{name}")
                self.assertEqual(answer.status, 200, answer)
                definition = answer.json()
                self.assertEqual(definition["resourceType"], "OperationDefinition")
                self.assertEqual((definition["code"], definition["kind"]), ("export", "operation"))
                self.assertEqual((definition["system"], definition["type"], definition["instance"]),
                                 (name == "export", name == "patient-export", name == "group-export"))
                self.assertEqual(definition["base"], f"{CANONICAL}/OperationDefinition/{name}")
                for parameter in definition["parameter"]:
                    self.assertLessEqual({"name", "use", "min", "max", "type"}, set(parameter))

    def test_c02_import_has_its_definition(self):
        definition = self.server.get("OperationDefinition/import").json()
        self.assertEqual((definition["code"], definition["system"], definition["affectsState"]),
                         ("import", True, True))
        self.assertEqual(definition["url"], self.operations_of(self.rest)["import"])
        self.assertEqual([(p["name"], p["min"], p["max"]) for p in definition["parameter"]],
                         [("inputFormat", 1, "1"), ("inputSource", 0, "1"), ("storageDetail", 0, "1"),
                          ("input", 1, "*")])

    def test_c01_c02_each_parameter_that_is_listed_works_and_no_other(self):
        """Nothing is promised that is refused, nothing works that is not promised."""
        values = {"_outputFormat": "ndjson", "_since": "2001-01-01T00:00:00Z",
                  "_until": "2199-01-01T00:00:00Z", "_type": "Patient", "_elements": "id",
                  "_minimumFileSize": "1000", "_maximumFileSize": "1000000",
                  "patient": f"Patient/{self.corpus.patients[0]}", "_typeFilter": "Patient?gender=male",
                  "includeAssociatedData": "LatestProvenanceResources", "organizeOutputBy": "Patient",
                  "allowPartialManifests": "true"}
        for operation, path in PATHS.items():
            definition = self.server.get(f"OperationDefinition/{operation}").json()
            listed = {parameter["name"] for parameter in definition["parameter"]}
            listed.remove("_viewDefinition")  # wants Parquet: test_view_exports.py
            self.assertLessEqual(listed, set(values))
            for name, value in values.items():
                with self.subTest(operation=operation, parameter=name):
                    answer = self.server.get(path, {name: value})
                    self.assertEqual(answer.status, 202 if name in listed else 400, answer)
                    if answer.status == 202:
                        harness.wait(answer.headers["Content-Location"])


if __name__ == "__main__":
    unittest.main()
