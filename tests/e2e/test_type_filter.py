"""_typeFilter against an evaluation in Python of the same question: P-05, Q-03, Q-05, and A-06 for what chains
read."""
import os
import unittest

import corpus
import harness
import smart

TYPES = ("Patient", "Observation", "Condition", "Group")
OWN = "Patient,Observation,Condition"


def codes(concept):
    return {(c.get("system"), c.get("code")) for c in concept.get("coding", [])}


def has_category(resource, code):
    return any(c == code for concept in resource.get("category", []) for _, c in codes(concept))


def patient_of(resource):
    return resource["subject"]["reference"].split("/")[-1]


class TypeFilter(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = harness.temporary_folder(cls)
        cls.corpus = corpus.base_corpus(folder, TYPES)
        cls.members = set(cls.corpus.ids("Patient")[:5])
        cls.corpus.add("group.ndjson", [corpus.group(
            "some", [{"entity": corpus.reference("Patient", id)} for id in sorted(cls.members)])])
        cls.data = os.path.join(folder, "data")
        cls.folder = folder
        harness.load(cls.data, *cls.corpus.paths)
        cls.server = harness.start_server(cls, cls.data)
        cls.resources = cls.corpus.resources  # which parses the lines each time
        cls.all = {name: {k: r for k, r in cls.resources.items() if k[0] == name} for name in TYPES}
        cls.of_patients = cls.server.export("Patient/$export", {"_type": OWN}).keys()
        genders = {id: r["gender"] for (_, id), r in cls.all["Patient"].items()}
        cls.gender_of = genders

    def expect(self, name, test, keys=None):
        """Of what is exported without a filter, what passes; of other types, everything."""
        return [key for key in (self.of_patients if keys is None else keys)
                if key[0] != name or test(self.resources[key])]

    def check(self, name, filters, test):
        expected = self.expect(name, test)
        passing = sum(key[0] == name for key in expected)
        self.assertTrue(0 < passing < sum(key[0] == name for key in self.of_patients), filters)
        export = self.server.export("Patient/$export", [("_type", OWN)] +
                                    [("_typeFilter", text) for text in filters])
        self.assert_same_keys(export.keys(), expected)

    def test_p05_filters_select_what_python_selects(self):
        code = next(iter(codes(next(r for r in self.all["Observation"].values()
                                    if codes(r["code"]))["code"])))
        born = sorted(r["birthDate"] for r in self.all["Patient"].values())
        born = born[len(born) // 2]
        cases = [
            ("Observation", ["Observation?category=laboratory"],
             lambda r: has_category(r, "laboratory")),
            ("Observation", ["Observation?category:not=laboratory"],
             lambda r: not has_category(r, "laboratory")),
            ("Observation", ["Observation?code=%s|%s" % code], lambda r: code in codes(r["code"])),
            ("Observation", ["Observation?category=laboratory", "Observation?code=%s|%s" % code],
             lambda r: has_category(r, "laboratory") or code in codes(r["code"])),
            ("Patient", [f"Patient?birthdate=ge{born}&gender=female"],
             lambda r: r["birthDate"] >= born and r["gender"] == "female"),
            ("Observation", ["Observation?patient.gender=male&category=vital-signs"],
             lambda r: self.gender_of[patient_of(r)] == "male" and has_category(r, "vital-signs")),
        ]
        for name, filters, test in cases:
            with self.subTest(filters=filters):
                self.check(name, filters, test)

    def test_p05_with_a_group_patients_elements_and_since(self):
        def wanted(r):
            return has_category(r, "laboratory")
        of_group = self.server.export("Group/some/$export", {"_type": "Observation"}).keys()
        expected = self.expect("Observation", wanted, of_group)
        self.assertTrue(0 < len(expected) < len(of_group))
        query = [("_type", "Observation"), ("_typeFilter", "Observation?category=laboratory")]
        export = self.server.export("Group/some/$export", query + [("_elements", "Observation.status")])
        self.assert_same_keys(export.keys(), expected)
        # What is filtered by is not shown for that.
        self.assertFalse(any("category" in r for r in export.resources()))
        one = sorted(self.members)[0]
        export = self.server.export("Patient/$export", query + [("patient", f"Patient/{one}")])
        self.assert_same_keys(export.keys(), [k for k in self.expect("Observation", wanted)
                                              if k[0] == "Observation" and
                                              patient_of(self.resources[k]) == one])
        export = self.server.export("Patient/$export", query + [("_since", export.transaction_time)])
        self.assertEqual(export.keys(), [])

    def test_p05_a_post_and_lenient_handling(self):
        post = [{"name": "_type", "valueString": "Patient"},
                {"name": "_typeFilter", "valueString": "Patient?gender=male"}]
        export = self.server.export("Patient/$export", post=post)
        males = [("Patient", id) for id, gender in self.gender_of.items() if gender == "male"]
        self.assert_same_keys(export.keys(), sorted(males))
        post.append({"name": "_typeFilter", "valueString": "Patient?nosuch=1"})
        answer = self.server.post("Patient/$export", {"resourceType": "Parameters", "parameter": post})
        self.assert_outcome(answer, 400, "_typeFilter", "nosuch")
        export = self.server.export("Patient/$export", post=post,
                                    headers={"Prefer": "respond-async, handling=lenient"})
        self.assert_same_keys(export.keys(), sorted(males))
        self.assertIn("nosuch", export.outcomes()[0]["issue"][0]["diagnostics"])


class FilterScopes(harness.TestCase):
    def test_a06_a_chain_reads_only_what_the_scopes_cover(self):
        folder = harness.temporary_folder(type(self))
        data = os.path.join(folder, "data")
        lines = [{"resourceType": "Patient", "id": "a", "gender": "male"},
                 {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
                  "subject": {"reference": "Patient/a"}}]
        harness.load(data, harness.write_lines(os.path.join(folder, "in.ndjson"), lines))
        client = smart.Client(folder, data, "narrow", scope="system/Observation.rs")
        server = harness.start_server(type(self), data, is_open=False)
        headers = {**client.headers(server), "Prefer": "respond-async"}
        query = {"_type": "Observation", "_typeFilter": "Observation?patient.gender=male"}
        self.assert_outcome(server.get("$export", query, headers), 403, "Patient")
        query["_typeFilter"] = "Observation?status=final"
        self.assertEqual(server.get("$export", query, headers).status, 202)


if __name__ == "__main__":
    unittest.main()
