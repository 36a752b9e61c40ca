"""Each parameter alone and with others, in every form a client may send it: K-01, K-02, K-03, K-04,
P-01 to P-04, P-06, P-07, P-11, P-12."""
import json
import os
import re
import time
import unittest
import urllib.parse

import corpus
import harness
from fhir_model import Model, project

P = urllib.parse.quote


class Parameters(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = harness.temporary_folder(cls)
        cls.corpus = corpus.add_hand_made(corpus.base_corpus(folder, corpus.SMALL_TYPES))
        data = os.path.join(folder, "data")
        harness.load(data, *cls.corpus.paths)
        cls.server = harness.start_server(cls, data, "--poll-burst", 100_000)
        cls.everything = cls.server.export()
        cls.by_key = {(r["resourceType"], r["id"]): r for r in cls.everything.resources()}
        cls.model = Model(cls.corpus.resources, now=cls.everything.transaction_time)
        # An instant in the middle of the load, so that both sides of it hold something.
        instants = sorted(r["meta"]["lastUpdated"] for r in cls.by_key.values())
        cls.middle = instants[len(instants) // 2]

    def later(self, instant):
        return {k for k, r in self.by_key.items() if r["meta"]["lastUpdated"] > instant}

    def earlier(self, instant):
        return {k for k, r in self.by_key.items() if r["meta"]["lastUpdated"] < instant}

    # ---- _type ----

    def test_p04_type_at_system_level(self):
        for types in (["Patient"], ["Practitioner"], ["Group", "Device"], ["Binary"]):
            export = self.server.export("$export", {"_type": ",".join(types)})
            self.assert_same_keys(export.keys(), self.model.system(types))

    def test_p04_types_by_commas_and_by_repetition_are_the_same(self):
        expected = self.model.system(["Patient", "Condition", "Device"])
        for query in ("_type=Patient,Condition,Device", "_type=Patient&_type=Condition,Device",
                      "_type=Patient&_type=Condition&_type=Device&_type=Patient",
                      "_type=Patient%2CCondition%2CDevice"):
            with self.subTest(query=query):
                self.assert_same_keys(self.server.export("$export", query).keys(), expected)

    def test_p04_a_compartment_type_beside_others_at_patient_level(self):
        export = self.server.export("Patient/$export", {"_type": "Condition,Practitioner"})
        self.assert_same_keys(export.keys(), self.model.patient(["Condition", "Practitioner"]))

    def test_p04_groups_at_patient_level_when_named(self):
        export = self.server.export("Patient/$export", {"_type": "Patient,Group"})
        self.assert_same_keys(export.keys(), self.model.patient(["Patient", "Group"]))

    # ---- _since, _until ----

    def test_p02_since_is_what_is_later(self):
        expected = self.later(self.middle)
        self.assertTrue(0 < len(expected) < len(self.by_key))
        export = self.server.export("$export", {"_since": self.middle})
        self.assert_same_keys(export.keys(), sorted(expected))

    def test_p03_until_is_what_is_earlier(self):
        expected = self.earlier(self.middle)
        self.assertTrue(0 < len(expected) < len(self.by_key))
        export = self.server.export("$export", {"_until": self.middle})
        self.assert_same_keys(export.keys(), sorted(expected))

    def test_p02_p03_both_and_neither_end_is_included(self):
        first = min(r["meta"]["lastUpdated"] for r in self.by_key.values())
        export = self.server.export("$export", {"_since": first, "_until": self.middle})
        self.assert_same_keys(export.keys(), sorted(self.later(first) & self.earlier(self.middle)))

    def test_p02_since_at_patient_and_group_level(self):
        within = self.later(self.middle)
        export = self.server.export("Patient/$export", {"_since": self.middle,
                                                        "_type": "Patient,Observation,Condition"})
        self.assert_same_keys(export.keys(), self.model.patient(
            ["Patient", "Observation", "Condition"], within))
        # The group is older than what it is asked for, or its members count as having joined (P-13).
        joined = self.by_key["Group", "plain"]["meta"]["lastUpdated"]
        for since in (joined, self.middle):
            within = self.later(since) if since >= joined else None
            export = self.server.export("Group/plain/$export", {"_since": since,
                                                                "_type": "Patient,Observation"})
            self.assert_same_keys(export.keys(),
                                  self.model.group("plain", ["Patient", "Observation"], within))

    def test_p02_every_form_of_an_instant_is_understood(self):
        everything = len(self.by_key)
        for text in ("2001", "2001-02", "2001-02-03", "2001-02-03T04:05:06Z",
                     "2001-02-03T04:05:06.7+05:30", "2001-02-03T04:05:06.789123456-08:00",
                     "2016-12-31T23:59:60Z", "2001-02-03T04:05:06"):
            with self.subTest(since=text):
                export = self.server.export("$export", {"_since": text})
                counted = sum(item["count"] for item in export.manifest["output"])
                self.assertEqual(counted, everything)

    def test_p02_a_plus_that_came_unescaped_is_understood(self):
        hour_ahead = re.sub(r"Z$", "", self.middle)
        # The same instant as self.middle, written with an offset.
        hours, rest = int(hour_ahead[11:13]), hour_ahead[13:]
        if hours == 23:
            self.skipTest("the hour of the load has no next hour on its day")
        text = f"{hour_ahead[:11]}{hours + 1:02}{rest}+01:00"
        for query in (f"_since={text}", "_since=" + P(text, safe="")):
            export = self.server.export("$export", query)
            self.assert_same_keys(export.keys(), sorted(self.later(self.middle)))

    # ---- _outputFormat ----

    def test_p01_every_spelling_of_the_format(self):
        for query in ("_outputFormat=application/fhir+ndjson", "_outputFormat=application/ndjson",
                      "_outputFormat=application%2Ffhir%2Bndjson", "_outputFormat=ndjson"):
            with self.subTest(query=query):
                manifest = self.server.export("$export", "_type=Device&" + query).manifest
                self.assertEqual(manifest["outputFormat"], "application/fhir+ndjson")

    # ---- _elements ----

    def test_p06_elements_are_projected(self):
        types = ["Patient", "Observation", "Immunization", "MedicationRequest", "Practitioner"]
        for elements in (["id"], ["Patient.birthDate", "Patient.gender"], ["birthDate", "code"],
                         ["Observation.valueQuantity", "Observation.value", "Patient.name"],
                         ["Immunization.lotNumber"]):
            with self.subTest(elements=elements):
                export = self.server.export("$export", {"_type": ",".join(types),
                                                        "_elements": ",".join(elements)})
                self.compare_projections(export, types, elements)

    def compare_projections(self, export, types, elements):
        exported = {(r["resourceType"], r["id"]): r for r in export.resources()}
        self.assert_same_keys(list(exported), self.model.system(types))
        spelled_out = {name: self.spelled_out(elements, name) for name in types}
        for key, resource in exported.items():
            expected = project(self.by_key[key], spelled_out[key[0]])
            # The tag may carry a display, which is nobody's business here.
            for tag in resource["meta"].get("tag", []):
                if tag.get("code") == "SUBSETTED":
                    tag.pop("display", None)
            self.assertEqual(resource, expected, key)
            self.assertEqual([m for m in resource if m != "meta"],
                             [m for m in self.by_key[key] if m in resource and m != "meta"], key)

    def spelled_out(self, elements, name):
        """A choice element named without its type stands for every type of value."""
        out = list(elements)
        for element in elements:
            owner, _, root = element.rpartition(".")
            if root == "value" and owner in ("", name):
                out += [f"{name}.{member}" for r in self.by_key.values()
                        if r["resourceType"] == name for member in r
                        if re.fullmatch("value[A-Z][A-Za-z]*", member)]
        return list(dict.fromkeys(out))

    def test_p06_numbers_keep_their_digits_in_a_projection(self):
        export = self.server.export("$export", {"_type": "Observation", "_elements": "valueQuantity"})
        line = next(l for l in export.lines["Observation"] if b'"y-digits"' in l)
        self.assertIn(b'"valueQuantity":{"value":1.50}', line)
        self.assertNotIn(b"component", line)

    # ---- patient ----

    def test_p07_patients_limit_patient_and_group_exports(self):
        members = sorted(self.model.members("plain"))[:2]
        export = self.server.export("Patient/$export", {"patient": f"Patient/{members[0]}"})
        self.assert_same_keys(export.keys(), self.model.patient(patients=members[:1]))
        value = ",".join(f"Patient/{id}" for id in members)
        export = self.server.export("Group/plain/$export", {"patient": value})
        self.assert_same_keys(export.keys(), self.model.group("plain", patients=members))

    def test_p07_every_form_of_a_reference_to_a_patient(self):
        id = self.corpus.patients[2]
        expected = self.model.patient(["Patient", "Condition"], patients=[id])
        types = {"name": "_type", "valueString": "Patient,Condition"}
        for reference in (f"Patient/{id}", f"{self.server.base}/Patient/{id}"):
            with self.subTest(reference=reference):
                export = self.server.export("Patient/$export", post=[
                    types, {"name": "patient", "valueReference": {"reference": reference}}])
                self.assert_same_keys(export.keys(), expected)

    # ---- file sizes ----

    def test_p11_files_keep_to_the_maximum(self):
        for size in (20_000, 1_000_000):
            with self.subTest(size=size):
                export = self.server.export("$export", {"_type": "Observation,Patient,Encounter",
                                                        "_maximumFileSize": size})
                for item in export.manifest["output"]:
                    self.assertTrue(item["fileSize"] <= size or item["count"] == 1, item)
                self.assert_same_keys(export.keys(),
                                      self.model.system(["Observation", "Patient", "Encounter"]))

    def test_p11_only_the_last_file_of_a_type_is_below_the_minimum(self):
        # Room between the two for any resource.
        export = self.server.export("$export", {"_type": "Observation,Encounter",
                                                "_minimumFileSize": 200_000,
                                                "_maximumFileSize": 400_000})
        for name in ("Observation", "Encounter"):
            sizes = [i["fileSize"] for i in export.manifest["output"] if i["type"] == name]
            self.assertTrue(all(200_000 <= size <= 400_000 for size in sizes[:-1]), sizes)
        self.assert_same_keys(export.keys(), self.model.system(["Observation", "Encounter"]))

    # ---- ways to send them ----

    def test_k01_post_parameters_json_and_form_are_as_get(self):
        expected = self.model.patient(["Patient", "Condition"], self.later(self.middle))
        entries = [{"name": "_type", "valueString": "Patient"},
                   {"name": "_type", "valueCode": "Condition"},
                   {"name": "_since", "valueInstant": self.middle},
                   {"name": "_outputFormat", "valueString": "application/fhir+ndjson"}]
        body = json.dumps({"resourceType": "Parameters", "parameter": entries})
        form = urllib.parse.urlencode({"_type": "Patient,Condition", "_since": self.middle})
        for content_type, text in (("application/fhir+json", body), ("application/json", body),
                                   ("application/fhir+json; charset=UTF-8", body),
                                   ("application/x-www-form-urlencoded", form)):
            with self.subTest(content_type=content_type):
                answer = self.server.post("Patient/$export", text, content_type,
                                          {"Prefer": "respond-async"})
                self.assertEqual(answer.status, 202, answer)
                export = harness.wait(answer.headers["Content-Location"])
                self.assert_same_keys(export.keys(), expected)
                self.assertTrue(
                    export.manifest["request"].startswith(self.server.base + "/Patient/$export"))

    def test_k01_post_to_each_level(self):
        for path, expected in (("$export", self.model.system(["Patient"])),
                               ("Patient/$export", self.model.patient(["Patient"])),
                               ("Group/plain/$export", self.model.group("plain", ["Patient"]))):
            export = self.server.export(path, post=[{"name": "_type", "valueString": "Patient"}])
            self.assert_same_keys(export.keys(), expected)

    def test_k01_post_with_an_empty_parameters_resource_exports_everything(self):
        export = self.server.export("$export", post=[])
        self.assertEqual(export.content(), self.everything.content())

    def test_k02_the_answer_to_a_kick_off(self):
        answer = self.server.get("$export", {"_type": "Device"}, {"Accept": "application/fhir+json",
                                                                 "Prefer": "respond-async"})
        self.assert_outcome(answer, 202, severity="information")
        self.assertTrue(answer.headers["Content-Location"].startswith(self.server.base + "/"))

    def test_k02_the_original_url_is_in_the_manifest(self):
        query = "_type=Device&_since=2001-02-03T04:05:06%2B01:00"
        manifest = self.server.export("Patient/$export", "_type=Patient,Device").manifest
        self.assertEqual(manifest["request"], f"{self.server.base}/Patient/$export?_type=Patient,Device")
        manifest = self.server.export("$export", query).manifest
        self.assertEqual(manifest["request"], f"{self.server.base}/$export?{query}")

    def test_k03_a_kick_off_without_its_headers_is_served_all_the_same(self):
        for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"},
                        {"Accept": "text/html;q=0.5, application/fhir+json"},
                        {"Prefer": "return=minimal, respond-async; wait=10"}):
            with self.subTest(headers=headers):
                answer = self.server.get("$export", {"_type": "Device"}, headers)
                self.assertEqual(answer.status, 202, answer)

    # ---- lenient handling ----

    def test_lenient_handling_skips_and_reports_what_is_not_done(self):
        """Strictly refused, leniently reported (M-06)."""
        query = [("_type", "Device,Nonsense"), ("_typeFilter", "Patient?gender=male"),
                 ("includeAssociatedData", "_mine"), ("_whatever", "1"),
                 ("_elements", "Device.nothing,Device.status")]
        export = self.server.export("$export", query, {"Prefer": "respond-async, handling=lenient"})
        self.assert_same_keys(export.keys(), self.model.system(["Device"]))
        outcomes = export.outcomes()
        self.assertEqual(export.manifest["outcome"], export.manifest["error"])
        self.assertEqual(len(outcomes), len(query))
        texts = [o["issue"][0]["diagnostics"] for o in outcomes]
        for word in ("Nonsense", "_typeFilter", "includeAssociatedData", "_whatever", "nothing"):
            self.assertEqual(sum(word in text for text in texts), 1, (word, texts))
        for item in export.manifest["outcome"]:
            self.assertEqual(sum(entry["count"] for entry in item["countSeverity"]), item["count"])

    # ---- K-04 ----

    def test_k04_the_export_s_status_apart_from_the_polling_s(self):
        prefer = {"Prefer": "respond-async, separate-export-status", "Accept": "application/fhir+json"}
        answer = self.server.get("$export", {}, prefer)
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(answer.headers["Preference-Applied"], "respond-async, separate-export-status")
        status_url = answer.headers["Content-Location"]
        while True:
            answer = harness.request("GET", status_url)
            self.assertEqual(answer.status, 200, answer)
            if answer.headers["X-Export-Status"] == "200 OK":
                break
            self.assertEqual(answer.headers["X-Export-Status"], "202 Accepted")
            self.assertIn("X-Progress", answer.headers)
            time.sleep(0.05)
        self.assertEqual(harness.Export(answer.json()).content(), self.everything.content())


if __name__ == "__main__":
    unittest.main()
