"""Output organised by Patient, as a client sees it: P-09, M-02, M-03, P-11."""
import collections
import json
import os
import unittest

import corpus
import harness
from fhir_model import Model


class Organized(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = harness.temporary_folder(cls)
        cls.corpus = corpus.add_hand_made(corpus.base_corpus(folder, corpus.SMALL_TYPES, patients=20))
        data = os.path.join(folder, "data")
        harness.load(data, *cls.corpus.paths)
        cls.server = harness.start_server(cls, data)
        cls.model = Model(cls.corpus.resources)
        cls.lines = {(json.loads(line)["resourceType"], json.loads(line)["id"]): line
                     for lines in cls.server.export().lines.values() for line in lines}

    def blocks(self, path, parameters):
        """{patient id: [(type, id)]} in order; checks headers, files and that lines are untouched."""
        parameters = {"organizeOutputBy": "Patient", **parameters}
        manifest = self.server.export(path, parameters).manifest
        self.assertEqual(manifest["outputOrganizedBy"], "Patient")
        blocks, current, goes_on = collections.OrderedDict(), None, None
        for number, item in enumerate(manifest["output"]):
            self.assertNotIn("type", item)
            if goes_on:
                self.assertEqual(item["url"], goes_on)
            for index, line in enumerate(harness.download(item, number % 2 == 0)):
                resource = json.loads(line)
                if resource["resourceType"] == "Parameters":
                    (parameter,) = resource["parameter"]
                    self.assertEqual(parameter["name"], "header")
                    kind, id = parameter["valueReference"]["reference"].split("/")
                    self.assertEqual(kind, "Patient")
                    self.assertEqual(id == current, index == 0 and goes_on is not None)
                    current = id
                    blocks.setdefault(id, [])
                    continue
                key = resource["resourceType"], resource["id"]
                if "_elements" not in parameters:
                    self.assertEqual(line, self.lines[key])
                blocks[current].append(key)
            goes_on = item.get("continuesInFile")
        self.assertIsNone(goes_on)
        for id, keys in blocks.items():
            self.assertEqual(len(keys), len(set(keys)), id)
            if ("Patient", id) in keys:
                self.assertEqual(keys[0], ("Patient", id))
        return blocks

    def expected(self, roster=None, types=None):
        blocks = collections.defaultdict(set)
        for key, owners in self.model.owners.items():
            for owner in owners:
                if (roster is None or owner in roster) and (types is None or key[0] in types):
                    blocks[owner].add(key)
        return dict(blocks)

    def assert_blocks(self, blocks, expected):
        self.assertEqual({id: set(keys) for id, keys in blocks.items()}, expected)

    def test_p09_each_patients_compartment_is_a_block(self):
        for path in ("$export", "Patient/$export"):
            self.assert_blocks(self.blocks(path, {}), self.expected())

    def test_p09_a_group_and_some_types(self):
        roster = self.model.members("plain")
        self.assert_blocks(self.blocks("Group/plain/$export", {}), self.expected(roster))
        types = ["Condition", "Encounter"]
        self.assert_blocks(self.blocks("Group/plain/$export", {"_type": ",".join(types)}),
                           self.expected(roster, types))

    def test_p09_p11_small_files_split_only_large_blocks(self):
        blocks = self.blocks("Patient/$export", {"_maximumFileSize": "20000"})
        self.assert_blocks(blocks, self.expected())

    def test_p09_p11_with_a_minimal_size_only_the_last_file_is_smaller(self):
        manifest = self.server.export("Patient/$export", {"organizeOutputBy": "Patient",
                                                          "_minimumFileSize": "100000"}).manifest
        self.assertTrue(all(item["fileSize"] >= 100000 for item in manifest["output"][:-1]))

    def test_p09_elements_leave_the_header_whole(self):
        blocks = self.blocks("Patient/$export", {"_elements": "identifier"})
        self.assert_blocks(blocks, self.expected())

    def test_p09_what_is_no_organizer_is_refused_by_name(self):
        for value in ("Device", "patient", "Nonsense", "Patient,Group"):
            answer = self.server.get("$export", {"organizeOutputBy": value})
            self.assert_outcome(answer, 400, "organizeOutputBy", value)
        answer = self.server.get("$export", [("organizeOutputBy", "Patient")] * 2)
        self.assert_outcome(answer, 400, "organizeOutputBy", "twice")

    def test_k03_lenient_skips_it_and_says_so(self):
        export = self.server.export("$export", {"organizeOutputBy": "Device", "_type": "Device"},
                                    headers={"Prefer": "respond-async, handling=lenient"})
        self.assertNotIn("outputOrganizedBy", export.manifest)
        (outcome,) = export.outcomes()
        self.assertIn("organizeOutputBy 'Device'", json.dumps(outcome))
        (item,) = export.manifest["outcome"]
        self.assertEqual(item["countSeverity"], [{"severity": "warning", "count": 1}])


if __name__ == "__main__":
    unittest.main()
