"""What changed between two loads, seen by exports: K-07, M-01, P-02, P-03, F-05, I-01; and that a job
reads the state of its kick-off whatever is loaded later."""
import json
import os
import unittest

import corpus
import harness
from fhir_model import Model


class Changes(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = folder = harness.temporary_folder(cls)
        cls.corpus = corpus.add_hand_made(corpus.base_corpus(folder, corpus.SMALL_TYPES))
        cls.data = os.path.join(folder, "data")
        harness.load(cls.data, *cls.corpus.paths)
        server = harness.start_server(cls, cls.data)
        cls.before = server.export()
        cls.before_content = cls.before.content()
        cls.before_model = Model(cls.corpus.resources, now=cls.before.transaction_time)
        # Killed right after the answer: the job must be there after the restart, and read the state
        # from before the second load (K-07, M-01).
        cls.early_job = server.kick_off("Patient/$export")
        server.kill()
        cls.make_changes()
        cls.server = harness.start_server(cls, cls.data)
        cls.after = cls.server.export()
        cls.model = Model(cls.corpus.resources, now=cls.after.transaction_time)

    @classmethod
    def make_changes(cls):
        p, q = cls.corpus.patients[10:12]
        resources = cls.corpus.resources
        cls.unchanged = [cls.corpus.lines[key].decode() for key in sorted(cls.corpus.lines)[::50]]
        lines = []
        for id in cls.corpus.patients[:5]:
            lines.append(dict(resources["Patient", id], active=False))
        moved = dict(resources["Observation", "x-self-reported"],
                     subject={"reference": f"Patient/{q}"}, performer=[])
        lines.append(moved)
        lines.append({"resourceType": "Observation", "id": "z-new", "status": "final",
                      "code": {"text": "new"}, "subject": {"reference": f"Patient/{p}"},
                      "performer": [{"reference": "Practitioner/z-new-doctor"}]})
        lines.append({"resourceType": "Practitioner", "id": "z-new-doctor"})
        lines.append({"resourceType": "Patient", "id": "z-new-patient"})
        lines.append({"resourceType": "Organization", "id": "z-new-unrelated"})
        grown = dict(resources["Group", "plain"])
        grown["member"] = grown["member"][2:] + [{"entity": {"reference": "Patient/z-new-patient"}}]
        lines.append(grown)
        cls.changed = {(line["resourceType"], line["id"]) for line in lines}
        cls.created = {key for key in cls.changed if key[1].startswith("z-")}
        # What did not change stands between what did; its lines must not make new versions (I-01).
        same = [line for line in cls.unchanged
                if (json.loads(line)["resourceType"], json.loads(line)["id"]) not in cls.changed]
        path = cls.corpus.add("changes.ndjson", [*same, *lines])
        cls.output = harness.load(cls.data, path).out

    def test_p02_i01_since_the_last_export_is_what_changed_and_nothing_else(self):
        export = self.server.export("$export", {"_since": self.before.transaction_time})
        self.assert_same_keys(export.keys(), sorted(self.changed))
        for resource in export.resources():
            key = resource["resourceType"], resource["id"]
            self.assertEqual(resource["meta"]["versionId"], "1" if key in self.created else "2", key)

    def test_m01_two_exports_in_a_row_miss_nothing_and_overlap_in_nothing(self):
        later = self.server.export("$export", {"_since": self.before.transaction_time})
        state = {(r["resourceType"], r["id"]): r for r in self.before.resources()}
        versions = {(k, r["meta"]["versionId"]) for k, r in state.items()}
        for resource in later.resources():
            key = resource["resourceType"], resource["id"]
            self.assertNotIn((key, resource["meta"]["versionId"]), versions)
            state[key] = resource
        now = {(r["resourceType"], r["id"]): r for r in self.after.resources()}
        self.assertEqual(state, now)

    def test_p03_until_leaves_out_what_changed_after_it(self):
        export = self.server.export("$export", {"_until": self.before.transaction_time})
        expected = [key for key in self.corpus.lines if key not in self.changed]
        self.assert_same_keys(export.keys(), sorted(expected))

    def test_p02_since_at_patient_level_with_what_supports_it(self):
        export = self.server.export("Patient/$export", {"_since": self.before.transaction_time})
        expected = self.model.patient(within=self.changed)
        self.assertIn(("Practitioner", "z-new-doctor"), expected)
        self.assertNotIn(("Organization", "z-new-unrelated"), expected)
        self.assert_same_keys(export.keys(), expected)

    def test_k01_a_group_export_follows_its_members(self):
        export = self.server.export("Group/plain/$export", {"_type": "Patient"})
        self.assert_same_keys(export.keys(), self.model.group("plain", ["Patient"]))
        self.assertIn(("Patient", "z-new-patient"), export.keys())
        self.assertNotIn(("Patient", self.corpus.patients[0]), export.keys())

    def test_f05_only_the_newest_version_in_its_new_compartment(self):
        p, q = self.corpus.patients[10:12]
        key = ("Observation", "x-self-reported")
        of_p = self.server.export("Patient/$export", {"patient": f"Patient/{p}"})
        of_q = self.server.export("Patient/$export", {"patient": f"Patient/{q}"})
        self.assert_same_keys(of_p.keys(), self.model.patient(patients=[p]))
        self.assert_same_keys(of_q.keys(), self.model.patient(patients=[q]))
        self.assertNotIn(key, of_p.keys())
        self.assertEqual(of_q.keys().count(key), 1)

    def test_k07_m01_a_job_from_before_a_kill_and_a_load_has_the_state_of_its_kick_off(self):
        # The server listens on another port after its restart: the path is what lasts.
        path = self.early_job.split("/fhir/", 1)[1]
        manifest = harness.wait(f"{self.server.base}/{path}").manifest
        for item in manifest["output"]:
            item["url"] = self.server.base + "/" + item["url"].split("/fhir/", 1)[1]
        export = harness.Export(manifest)
        self.assert_same_keys(export.keys(), self.before_model.patient())
        whole = {line for lines in self.before_content.values() for line in lines}
        self.assertTrue(all(line in whole for lines in export.lines.values() for line in lines))
        self.assertGreater(export.transaction_time, self.before.transaction_time)
        self.assertLess(export.transaction_time, self.after.transaction_time)

    def test_i01_the_summary_says_what_was_created_updated_and_left(self):
        def row(name):
            found = [line.split() for line in self.output.splitlines() if line.startswith(name + " ")]
            return [int(number.replace(",", "")) for number in found[0][1:]]
        unchanged_patients = sum('"resourceType":"Patient"' in line and
                                 json.loads(line)["id"] not in self.corpus.patients[:5]
                                 for line in self.unchanged)
        self.assertEqual(row("Patient"), [1, 5, unchanged_patients])
        self.assertEqual(row("Group")[1], 1)


if __name__ == "__main__":
    unittest.main()
