"""Whole exports of all data against the input: K-01, K-02, M-01, M-02, M-03, M-05, F-01, F-04, F-05,
G-05 and the R4 patient compartment, resource by resource."""
import json
import os
import re
import unittest

import corpus
import harness
from fhir_model import Model, in_order, without_version

VERSION = rb'"versionId":"1","lastUpdated":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"'


class ExactExports(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = harness.temporary_folder(cls)
        cls.corpus = corpus.add_hand_made(corpus.base_corpus(folder, patients=120))
        data = os.path.join(folder, "data")
        harness.load(data, *cls.corpus.paths)
        cls.statistics = harness.stats(data)
        cls.server = harness.start_server(cls, data)
        cls.everything = cls.server.export()
        cls.model = Model(cls.corpus.resources, now=cls.everything.transaction_time)

    # ---- the system export ----

    def test_m03_counts_by_type_are_those_of_the_input(self):
        counts = {}
        for item in self.everything.manifest["output"]:
            counts[item["type"]] = counts.get(item["type"], 0) + item["count"]
        self.assertEqual(counts, self.corpus.count_by_type())
        self.assertEqual({row["type"]: row["resources"] for row in self.statistics["types"]}, counts)
        self.assertEqual(self.statistics["resources"], sum(counts.values()))

    def test_k01_f05_every_line_is_its_source_but_for_version_and_time(self):
        """Members, their order, and every digit of a number."""
        seen = set()
        for name, lines in self.everything.lines.items():
            for line in lines:
                exported = corpus.parsed_exactly(line)
                key = exported["resourceType"], exported["id"]
                self.assertEqual(key[0], name)
                self.assertNotIn(key, seen)
                seen.add(key)
                self.assertEqual(exported["meta"]["versionId"], "1", key)
                source = corpus.parsed_exactly(self.corpus.lines[key])
                if in_order(without_version(exported)) != in_order(without_version(source)):
                    self.assertEqual(in_order(without_version(exported)),
                                     in_order(without_version(source)), key)
        self.assertEqual(len(seen), len(self.corpus.lines))

    def test_f05_lines_without_meta_are_their_source_byte_for_byte(self):
        """Spaces, escapes and all: taking out what was put in gives the source's bytes."""
        put_in = re.compile(rb',"meta":\{' + VERSION + rb'\}|"meta":\{' + VERSION + rb'\},')
        compared = 0
        for lines in self.everything.lines.values():
            for line in lines:
                key = json.loads(line)["resourceType"], json.loads(line)["id"]
                source = self.corpus.lines[key]
                if b'"meta"' in source:
                    continue
                restored, n = put_in.subn(b"", line)
                compared += 1
                if n != 1 or restored != source:
                    self.fail(f"{key}: {n} places\n{line[:300]!r}\n{source[:300]!r}")
        self.assertGreater(compared, len(self.corpus.lines) / 2)

    def test_f05_the_source_own_version_and_time_are_replaced(self):
        for line in self.everything.lines["Observation"]:
            if b'"y-own-version"' in line or b'"y-only-version"' in line or b'"y-late-meta"' in line:
                self.assertEqual(line.count(b'"versionId"'), 1, line)
                self.assertEqual(line.count(b'"lastUpdated"'), 1, line)
                self.assertNotIn(b"2001-02-03", line)

    def test_f05_m01_no_resource_is_newer_than_the_snapshot(self):
        newest = max(r["meta"]["lastUpdated"] for r in self.everything.resources())
        self.assertLess(newest, self.everything.transaction_time)

    def test_m02_the_manifest_has_every_field_and_no_other(self):
        manifest = self.everything.manifest
        self.assertEqual(set(manifest) - {"outputOrganizedBy"}, {
            "manifestType", "transactionTime", "request", "requiresAccessToken", "outputFormat",
            "output", "deleted", "error", "outcome", "link"})
        self.assertEqual(manifest["request"], self.server.base + "/$export")
        self.assertIs(manifest["requiresAccessToken"], False)
        self.assertEqual(manifest["outputFormat"], "application/fhir+ndjson")
        self.assertEqual(manifest["error"], manifest["outcome"])
        self.assertEqual((manifest["deleted"], manifest["error"], manifest["link"]), ([], [], []))
        self.assertRegex(manifest["transactionTime"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        for item in manifest["output"]:
            self.assertTrue(item["url"].startswith(self.server.base + "/"), item)
            self.assertGreater(item["count"], 0, item)
            self.assertLessEqual({"type", "url", "count", "fileSize"}, set(item))

    def test_k07_two_exports_of_one_state_are_the_same(self):
        again = self.server.export()
        self.assertNotEqual(again.manifest["output"][0]["url"],
                            self.everything.manifest["output"][0]["url"])
        self.assertGreater(again.transaction_time, self.everything.transaction_time)
        self.assertEqual(again.content(), self.everything.content())

    # ---- compartments ----

    def test_k01_the_patient_export_is_every_compartment_and_what_supports_it(self):
        export = self.server.export("Patient/$export")
        expected = self.model.patient()
        self.assert_same_keys(export.keys(), expected)
        # The hand-made cases are really among them, and really left out.
        self.assertIn(("Group", "plain"), expected)
        for key in (("Group", "staff"), ("Practitioner", "x-lonely"), ("Binary", "x-binary"),
                    ("Observation", "x-of-a-device"), ("Media", "x-contained")):
            self.assertNotIn(key, expected)

    def test_k01_g05_group_exports_are_their_members_compartments(self):
        for id in ("plain", "choosy", "nested"):
            with self.subTest(group=id):
                export = self.server.export(f"Group/{id}/$export")
                self.assert_same_keys(export.keys(), self.model.group(id))
                self.assertTrue(export.lines["Patient"])
                self.assertNotIn("Group", export.lines)

    def test_g05_the_group_itself_comes_only_when_type_names_it(self):
        export = self.server.export("Group/plain/$export", {"_type": "Patient,Group"})
        self.assert_same_keys(export.keys(), self.model.group("plain", types=["Patient", "Group"]))
        self.assertEqual([json.loads(line)["id"] for line in export.lines["Group"]], ["plain"])

    def test_g05_supporting_resources_come_when_type_names_them(self):
        for types in (["Observation", "Practitioner"], ["Encounter", "Organization", "Location"],
                      ["Patient", "Device"]):
            with self.subTest(types=types):
                export = self.server.export("Patient/$export", {"_type": ",".join(types)})
                self.assert_same_keys(export.keys(), self.model.patient(types=types))

    def test_m05_an_export_of_nothing_is_a_success(self):
        for path, query in (("Group/empty/$export", {}), ("Group/no-member-element/$export", {}),
                            ("$export", {"_since": "2199-01-01T00:00:00Z"}),
                            ("$export", {"_type": "VisionPrescription"}),
                            ("Group/staff/$export", {})):
            with self.subTest(path=path):
                manifest = self.server.export(path, query).manifest
                for field in ("output", "deleted", "error", "outcome"):
                    self.assertEqual(manifest[field], [], field)

    def test_the_members_of_a_patient_in_several_compartments_are_in_each(self):
        """A resource in three compartments is in each patient's export, and once in all three's."""
        p, q, r = self.corpus.patients[10:13]
        for patients in ([p], [q], [r], [p, q, r]):
            with self.subTest(patients=len(patients)):
                export = self.server.export(
                    "Patient/$export", {"patient": ",".join(f"Patient/{id}" for id in patients)})
                self.assert_same_keys(export.keys(), self.model.patient(patients=patients))
                self.assertIn(("Communication", "x-communication"), export.keys())


if __name__ == "__main__":
    unittest.main()
