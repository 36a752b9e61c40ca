"""Groups with a memory (G-02, P-13): a Group export with `_since` holds all that patients have who
joined since, also through nested groups, and after restarts; unless the server is told otherwise."""
import os
import unittest

import corpus
import harness


def patient(id, **more):
    return {"resourceType": "Patient", "id": id, **more}


def observation(id, patient_id, doctor, text="x"):
    return {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": text},
            "subject": {"reference": f"Patient/{patient_id}"},
            "performer": [{"reference": f"Practitioner/{doctor}"}]}


def compartment(id):
    return [patient(id), observation(f"o-{id}", id, f"d-{id}"),
            {"resourceType": "Practitioner", "id": f"d-{id}"}]


def keys(*ids):
    return sorted(key for id in ids
                  for key in (("Patient", id), ("Observation", f"o-{id}"), ("Practitioner", f"d-{id}")))


def group(id, *members):
    return corpus.group(id, [{"entity": {"reference": reference}} for reference in members])


class GroupHistory(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.temporary_folder(cls)
        cls.data = os.path.join(cls.folder, "data")
        cls.load_number = 0
        cls.load(*compartment("a"), *compartment("b"), *compartment("c"), *compartment("d"),
                 group("g", "Patient/a", "Patient/b", "Group/inner"), group("inner", "Patient/c"))
        with harness.Server(cls.data) as server:
            cls.first = server.export("Group/g/$export")
            cls.first_keys = cls.first.keys()
            server.stop()
        # b leaves and comes back, c leaves for good, d joins the nested group; a changes.
        cls.load(group("g", "Patient/a", "Group/inner"), group("inner"))
        cls.load(group("g", "Patient/b", "Patient/a", "Group/inner"), group("inner", "Patient/d"),
                 observation("o-a", "a", "d-a", "changed"))
        cls.server = harness.start_server(cls, cls.data)

    @classmethod
    def load(cls, *resources):
        cls.load_number += 1
        path = os.path.join(cls.folder, f"{cls.load_number}.ndjson")
        harness.load(cls.data, harness.write_lines(path, resources))

    def since(self, path="Group/g/$export", **more):
        return self.server.export(path, {"_since": self.first.transaction_time, **more})

    def test_p13_who_joined_since_comes_with_everything(self):
        self.assertEqual(self.first_keys, keys("a", "b", "c"))
        self.assert_same_keys(self.since().keys(), [*keys("b", "d"), ("Observation", "o-a")])

    def test_p13_types_elements_and_patient_limit_it(self):
        self.assert_same_keys(self.since(_type="Patient").keys(),
                              [("Patient", "b"), ("Patient", "d")])
        export = self.since(_type="Observation", _elements="code")
        self.assert_same_keys(export.keys(), [("Observation", f"o-{id}") for id in "abd"])
        self.assertTrue(all("subject" not in resource for resource in export.resources()))
        export = self.since(patient="Patient/d")
        self.assert_same_keys(export.keys(), keys("d"))

    def test_p13_the_next_export_has_nobody_new(self):
        now = self.server.export("Group/g/$export")
        self.assert_same_keys(now.keys(), keys("a", "b", "d"))
        later = self.server.export("Group/g/$export", {"_since": now.transaction_time})
        self.assertEqual(later.keys(), [])

    def test_p13_until_holds_for_new_members_too(self):
        export = self.since(_until=self.first.transaction_time)
        self.assert_same_keys(export.keys(), keys("b", "d"))

    def test_p13_a_setting_turns_it_off_and_the_capability_statement_says_which(self):
        def documentation(server):
            return server.get("metadata").json()["rest"][0]["documentation"]
        self.assertIn("joined the group later are added", documentation(self.server))
        self.server.stop()
        with harness.Server(self.data, "--group-history-of-new-members", "off") as server:
            self.assertIn("joined the group later are not added", documentation(server))
            export = server.export("Group/g/$export", {"_since": self.first.transaction_time})
            self.assert_same_keys(export.keys(), [("Observation", "o-a")])
            server.stop()
        type(self).server = harness.start_server(type(self), self.data)
        self.assertEqual(len(self.since().keys()), 7)


if __name__ == "__main__":
    unittest.main()
