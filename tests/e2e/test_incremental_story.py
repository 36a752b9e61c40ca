"""The story that the standard tells of a recurring cohort: export a group, let patients join and leave and
data change and go, export with `_since`, and bring a local copy up to date. The copy then equals a fresh full
export (G-02, M-01, M-04, P-04, P-07, P-13).

The client here is the one of the standard's page: it knows manifests, `deleted` and the list of the group's
patients, nothing of this server."""
import json
import os
import random
import unittest

import corpus
import fhir_model
import harness

ROUNDS = 4


class LocalCopy:
    """What a client keeps: resources by (type, id)."""

    def __init__(self):
        self.resources = {}
        self.since = None

    def pull(self, server):
        export = server.export("Group/cohort/$export", {"_since": self.since} if self.since else None)
        for resource in export.resources():
            self.resources[resource["resourceType"], resource["id"]] = resource
        for item in export.manifest["deleted"]:
            for line in harness.download(item):
                for entry in json.loads(line)["entry"]:
                    self.resources.pop(tuple(entry["request"]["url"].split("/")), None)
        # Who left is not deleted: the list of the group's patients tells, as the standard's page does it.
        patients = server.export("Group/cohort/$export", {"_type": "Patient", "_elements": "id"})
        self.keep({id for _, id in patients.keys()})
        self.since = export.transaction_time
        return export

    def keep(self, patients):
        """Drops what is in the compartments of others, and what then nothing refers to any more."""
        kept = {key for key, resource in self.resources.items() if fhir_model.owners(resource) & patients}
        waiting = list(kept)
        while waiting:
            for key in fhir_model.supporting_references(self.resources[waiting.pop()]):
                if key in self.resources and key not in kept and not fhir_model.owners(self.resources[key]):
                    kept.add(key)
                    waiting.append(key)
        self.resources = {key: self.resources[key] for key in kept}


class Story(harness.TestCase):
    def setUp(self):
        self.random = random.Random(11)
        self.folder = harness.temporary_folder(self)
        self.data = os.path.join(self.folder, "data")
        self.corpus = corpus.base_corpus(self.folder, types=corpus.SMALL_TYPES)
        harness.load(self.data, *self.corpus.paths)
        self.resources = self.corpus.resources
        self.patients = self.corpus.ids("Patient")
        self.roster = set(self.random.sample(self.patients, len(self.patients) // 2))
        self.server = harness.start_server(self, self.data)
        self.write("PUT", corpus.group("cohort", self.members(self.roster)))

    @staticmethod
    def members(ids):
        return [{"entity": {"reference": f"Patient/{id}"}} for id in sorted(ids)]

    def write(self, method, resource, path=None):
        path = path or f"{resource['resourceType']}/{resource['id']}"
        answer = harness.request(method, f"{self.server.base}/{path}", {"Content-Type": harness.FHIR_JSON},
                                 json.dumps(resource).encode() if method != "DELETE" else None)
        self.assertIn(answer.status, (200, 201, 204), answer)

    def join_and_leave(self, number):
        joining = set(self.random.sample(sorted(set(self.patients) - self.roster), 4))
        leaving = set(self.random.sample(sorted(self.roster), 3))
        back = self.random.choice(sorted(self.roster - leaving))
        roster = (self.roster | joining) - leaving
        if number % 2:
            # Without the roster; one leaves and comes back.
            for operation, ids in (("add", joining), ("remove", leaving | {back}), ("add", {back})):
                self.write("POST", {"resourceType": "Group", "type": "person", "actual": True,
                                    "member": self.members(ids)}, f"Group/cohort/${operation}")
        else:
            self.write("PUT", corpus.group("cohort", self.members(roster)))
        self.roster = roster

    def of_members(self, type_name):
        return sorted(key for key, resource in self.resources.items()
                      if key[0] == type_name and fhir_model.owners(resource) & self.roster)

    def change_and_delete(self):
        for key in self.random.sample(self.of_members("Observation"), 5):
            self.resources[key] = {**self.resources[key], "language": f"x-{self.random.random():.8f}"}
            self.write("PUT", self.resources[key])
        for type_name, count in (("Observation", 5), ("Condition", 2), ("Encounter", 1)):
            for key in self.random.sample(self.of_members(type_name), count):
                self.write("DELETE", self.resources.pop(key))
        # Another's data, too: nothing of it may come.
        others = sorted(key for key, resource in self.resources.items() if key[0] == "Observation"
                        and not fhir_model.owners(resource) & self.roster)
        self.resources[others[0]] = {**self.resources[others[0]], "language": "x-other"}
        self.write("PUT", self.resources[others[0]])
        number = self.random.randrange(10 ** 9)
        new = {"resourceType": "Observation", "id": f"new-{number}", "status": "final", "code": {"text": "new"},
               "subject": {"reference": f"Patient/{self.random.choice(sorted(self.roster))}"}}
        self.resources["Observation", new["id"]] = new
        self.write("PUT", new)

    def test_the_copy_equals_a_fresh_full_export(self):
        copy = LocalCopy()
        first = copy.pull(self.server)
        self.assertEqual(first.manifest["deleted"], [])
        for number in range(ROUNDS):
            self.join_and_leave(number)
            self.change_and_delete()
            if number == 2:
                self.server.kill()
                self.server.start()
            export = copy.pull(self.server)
            fresh = {(r["resourceType"], r["id"]): r
                     for r in self.server.export("Group/cohort/$export").resources()}
            with self.subTest(round=number):
                self.assertTrue(export.manifest["deleted"])
                self.assertLess(len(export.resources()), len(fresh))
                self.assert_same_keys(copy.resources.keys(), fresh.keys())
                self.assertEqual({key for key in fresh if fresh[key] != copy.resources[key]}, set())
                # And it is what the standard's words say, worked out apart from the server.
                everything = {**self.resources, ("Group", "cohort"): corpus.group("cohort", self.members(self.roster))}
                self.assert_same_keys(fresh.keys(), fhir_model.Model(everything).group("cohort"))


if __name__ == "__main__":
    unittest.main()
