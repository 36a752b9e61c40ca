"""L-06, M-04: after random changes a copy that `sluice sync` brings up to date equals a fresh pull, at system, Patient and
Group level, with and without `_typeFilter`: also of what went to another patient, lost its subject or matches no more."""
import json
import os
import random
import unittest

import corpus
import harness
from test_sync import content, run

PATIENTS = [f"p{i}" for i in range(6)]
ROUNDS = 2
FILTER = ("--type-filter", "Observation?status=final", "--type-filter", "Device?status=active")
SCOPES = {
    "system": (),
    "patient-filtered": ("--all-patients", *FILTER),
    "group": ("--group", "g"),
    "group-filtered": ("--group", "g", *FILTER),
}


class Histories(harness.TestCase):
    def setUp(self):
        self.seed = random.randrange(1 << 30)
        self.dice = random.Random(self.seed)
        self.folder = harness.temporary_folder(self)
        self.members = {"p0", "p1"}
        self.there = set()
        self.number = 0
        self.server = harness.start_server(self, os.path.join(self.folder, "data"), "--poll-burst", 100000)

    def some_patient(self, key):
        return {key: {"reference": f"Patient/{self.dice.choice(PATIENTS)}"}} if self.dice.random() < 0.8 else {}

    def some_resource(self):
        self.number += 1
        identifier = {"identifier": [{"value": str(self.number)}]}
        kind = self.dice.randrange(8)
        if kind == 0:
            return {"resourceType": "Patient", "id": self.dice.choice(PATIENTS), **identifier}
        if kind == 1:
            return {"resourceType": "Device", "id": f"d{self.dice.randrange(5)}", **identifier,
                    "status": self.dice.choice(("active", "inactive")), **self.some_patient("patient")}
        return {"resourceType": "Observation", "id": f"o{self.dice.randrange(12)}", **identifier,
                "status": self.dice.choice(("final", "amended")), "code": {"text": "x"},
                **self.some_patient("subject")}

    def write(self, resource):
        key = f"{resource['resourceType']}/{resource['id']}"
        answer = harness.request("PUT", f"{self.server.base}/{key}", {"Content-Type": harness.FHIR_JSON},
                                 json.dumps(resource).encode())
        self.assertIn(answer.status, (200, 201), answer)
        if resource["resourceType"] != "Group":
            self.there.add(key)

    def change(self):
        dice = self.dice.random()
        if dice < 0.15 and self.there:
            key = self.dice.choice(sorted(self.there))
            self.there.remove(key)
            self.assertEqual(harness.request("DELETE", f"{self.server.base}/{key}").status, 204)
        elif dice < 0.25:
            # Nobody leaves: of that a server says nothing.
            self.members.add(self.dice.choice(PATIENTS))
            self.write_group()
        else:
            self.write(self.some_resource())

    def write_group(self):
        self.write(corpus.group("g", [{"entity": {"reference": f"Patient/{id}"}} for id in sorted(self.members)]))

    def test_l06_m04_a_copy_brought_up_to_date_equals_a_fresh_one(self):
        self.write_group()
        for _ in range(30):
            self.write(self.some_resource())
        copies = {}
        for name, options in SCOPES.items():
            copies[name] = os.path.join(self.folder, name)
            run("pull", self.server.base, "--out", copies[name], *options)
        for number in range(ROUNDS):
            for _ in range(12):
                self.change()
            for name, options in SCOPES.items():
                with self.subTest(scope=name, round=number, seed=self.seed):
                    run("sync", copies[name])
                    fresh = os.path.join(self.folder, f"{name}-{number}")
                    run("pull", self.server.base, "--out", fresh, *options)
                    self.assertEqual(content(copies[name]), content(fresh))


if __name__ == "__main__":
    unittest.main()
