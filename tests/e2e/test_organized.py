"""Output organised by instances of a type, as a client sees it: P-09, M-02, M-03, P-11."""
import collections
import json
import os
import unittest

import corpus
import harness
from fhir_model import Model, references


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

    def blocks(self, path, parameters, organizer="Patient"):
        """{instance's id: [(type, id)]}; checks headers, files and that lines are untouched."""
        parameters = {"organizeOutputBy": organizer, **parameters}
        manifest = self.server.export(path, parameters).manifest
        self.assertEqual(manifest["outputOrganizedBy"], organizer)
        size_max = int(parameters.get("_maximumFileSize", 1 << 40))
        blocks, current, goes_on = collections.OrderedDict(), None, None
        for number, item in enumerate(manifest["output"]):
            self.assertNotIn("type", item)
            if goes_on:
                self.assertEqual(item["url"], goes_on)
            self.assertTrue(item["fileSize"] <= size_max or item["count"] <= 1, item)
            for index, line in enumerate(harness.download(item, number % 2 == 0)):
                resource = json.loads(line)
                if resource["resourceType"] == "Parameters":
                    (parameter,) = resource["parameter"]
                    self.assertEqual(parameter["name"], "header")
                    kind, id = parameter["valueReference"]["reference"].split("/")
                    self.assertEqual(kind, organizer)
                    self.assertEqual(id == current, index == 0 and goes_on is not None)
                    self.assertTrue(id == current or id not in blocks, f"{id} has two blocks")
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
            self.assertTrue(keys, f"the block of {id} is empty")
            if (organizer, id) in keys:
                self.assertEqual(keys[0], (organizer, id))
        return blocks

    def expected_by(self, organizer, keys):
        """Blocks of an export of these keys: what refers to an instance, and the instance itself."""
        blocks = collections.defaultdict(set)
        for key in keys:
            for target in {*references(self.model.resources[key]), key}:
                if target[0] == organizer:
                    blocks[target[1]].add(key)
        return dict(blocks)

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

    ORGANIZERS = ("Group", "Practitioner", "Organization", "Encounter")

    def test_p09_blocks_of_what_refers_to_an_instance(self):
        for organizer in self.ORGANIZERS:
            for path, keys in (("$export", self.model.system()),
                               ("Patient/$export", self.model.patient()),
                               ("Group/plain/$export", self.model.group("plain"))):
                with self.subTest(organizer=organizer, path=path):
                    expected = self.expected_by(organizer, keys)
                    self.assert_blocks(self.blocks(path, {}, organizer), expected)
                    if path == "$export":
                        self.assertTrue(expected)

    def test_p09_some_types_without_the_organizer_s_own(self):
        types = ["Observation", "Procedure"]
        for organizer in ("Encounter", "Practitioner"):
            blocks = self.blocks("Patient/$export", {"_type": ",".join(types)}, organizer)
            self.assert_blocks(blocks, self.expected_by(organizer, self.model.patient(types)))
            self.assertFalse(any((organizer, id) in keys for id, keys in blocks.items()))

    def test_p09_p11_a_block_larger_than_a_file_goes_on_under_its_header(self):
        for organizer in ("Organization", "Encounter"):
            query = {"organizeOutputBy": organizer, "_maximumFileSize": "20000"}
            self.assert_blocks(self.blocks("$export", query, organizer),
                               self.expected_by(organizer, self.model.system()))
        manifest = self.server.export("$export", query | {"organizeOutputBy": "Organization"}).manifest
        self.assertTrue(any("continuesInFile" in item for item in manifest["output"]))

    def test_p09_p11_all_blocks_in_files_of_a_minimal_size(self):
        manifest = self.server.export("$export", {"organizeOutputBy": "Encounter",
                                                  "_minimumFileSize": "100000"}).manifest
        self.assertTrue(all(item["fileSize"] >= 100000 for item in manifest["output"][:-1]))

    def test_p06_p09_elements_do_not_take_a_resource_out_of_its_blocks(self):
        for organizer in ("Encounter", "Practitioner"):
            blocks = self.blocks("Patient/$export", {"_elements": "id"}, organizer)
            self.assert_blocks(blocks, self.expected_by(organizer, self.model.patient()))

    def test_p05_p09_filters_count_within_blocks(self):
        types = ["Encounter", "Observation"]
        query = {"_type": ",".join(types), "_typeFilter": "Observation?status=nonsense"}
        keys = [key for key in self.model.patient(types) if key[0] != "Observation"]
        self.assert_blocks(self.blocks("Patient/$export", query, "Encounter"),
                           self.expected_by("Encounter", keys))
        query["_typeFilter"] = "Observation?status=final"
        keys += [key for key in self.model.patient(types) if key[0] == "Observation"
                 and self.model.resources[key].get("status") == "final"]
        self.assert_blocks(self.blocks("Patient/$export", query, "Encounter"),
                           self.expected_by("Encounter", keys))

    def test_p02_p09_only_what_changed_and_pages(self):
        manifest = self.server.export("$export", {"organizeOutputBy": "Practitioner",
                                                  "_since": "2199-01-01"}).manifest
        self.assertEqual(manifest["output"], [])
        blocks = self.blocks("Patient/$export", {"_since": "2001-01-01"}, "Practitioner")
        self.assert_blocks(blocks, self.expected_by("Practitioner", self.model.patient()))
        manifest = self.server.export("$export", {
            "organizeOutputBy": "Encounter", "allowPartialManifests": "true",
            "_maximumFileSize": "20000"}).manifest
        self.assertEqual(manifest["outputOrganizedBy"], "Encounter")
        self.assertEqual(len(manifest["output"]), 8)
        self.assertEqual(manifest["link"][0]["relation"], "next")

    def test_p08_p09_provenance_stands_with_its_targets(self):
        query = {"includeAssociatedData": "RelevantProvenanceResources", "_type": "Encounter"}
        self.blocks("$export", query, "Encounter")

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
        self.assertEqual(item["countSeverity"], [{"code": "warning", "count": 1}])


if __name__ == "__main__":
    unittest.main()
