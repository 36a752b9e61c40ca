"""DELETE of a Patient with the compartment: what goes, what stays, who may, beside other writers (I-02, M-04)."""
import glob
import json
import os
import threading
import unittest

import harness
import smart


def observation(id, *patients):
    return {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "c"},
            "subject": {"reference": f"Patient/{patients[0]}"},
            **({"performer": [{"reference": f"Patient/{p}"} for p in patients[1:]]} if patients[1:] else {})}


class Cascade(harness.ServerCase):
    def put(self, resource, headers=None):
        answer = self.send("PUT", f"{resource['resourceType']}/{resource['id']}", resource, headers)
        self.assertIn(answer.status, (200, 201), answer)

    def put_patients(self, headers=None):
        for id in ("p", "q"):
            self.put({"resourceType": "Patient", "id": id}, headers)
            for number in range(3):
                self.put(observation(f"{id}{number}", id), headers)
            self.put({"resourceType": "Encounter", "id": f"e{id}", "status": "finished", "class": {"code": "AMB"},
                      "subject": {"reference": f"Patient/{id}"}}, headers)
        self.put({"resourceType": "Organization", "id": "o", "active": True}, headers)
        self.put({"resourceType": "Group", "id": "g", "type": "person", "actual": True,
                  "member": [{"entity": {"reference": f"Patient/{id}"}} for id in "pq"]}, headers)

    def deleted(self, path, since, **options):
        export = self.server.export(path, {"_since": since, **options})
        return sorted(entry["request"]["url"] for item in export.manifest["deleted"]
                      for line in harness.download(item) for entry in json.loads(line)["entry"])

    OF_P = ["Encounter/ep", "Observation/p0", "Observation/p1", "Observation/p2", "Patient/p"]

    def test_i02_m04_the_patient_goes_with_the_compartment(self):
        self.serve()
        self.put_patients()
        before = self.server.export("$export").transaction_time
        self.assert_outcome(self.send("DELETE", "Patient/p?_cascade=delete", headers={"If-Match": 'W/"7"'}), 412)
        answer = self.send("DELETE", "Patient/p?_cascade=delete",
                           headers={"Prefer": "return=OperationOutcome", "If-Match": 'W/"1"'})
        self.assert_outcome(answer, 200, "Patient/p and 4", severity="information")
        self.assertEqual(answer.headers["ETag"], 'W/"2"')
        instants = set()
        for key in self.OF_P:
            self.assertEqual(self.send("GET", key).status, 410, key)
            entry = self.send("GET", f"{key}/_history").json()["entry"][0]
            instants.add(entry["response"]["lastModified"])
        self.assertEqual(len(instants), 1, "one instant")
        for key in ("Patient/q", "Observation/q0", "Encounter/eq", "Organization/o"):
            self.assertEqual(self.send("GET", key).status, 200, key)
        # The Group is nobody's compartment: it still names the patient, as after any deletion.
        self.assertEqual(len(self.send("GET", "Group/g").json()["member"]), 2)
        for path in ("$export", "Patient/$export", "Group/g/$export"):
            self.assertEqual(self.deleted(path, before), self.OF_P, path)
        keys = {key[0] + "/" + key[1] if isinstance(key, tuple) else key
                for key in self.server.export("Group/g/$export").keys()}
        self.assertFalse(keys & set(self.OF_P))
        # Once more: nothing is there, and that is no error. What came later goes then.
        self.assertEqual(self.send("DELETE", "Patient/p", headers={"X-Cascade": "delete"}).status, 204)
        self.put(observation("late", "p"))
        self.assertEqual(self.send("DELETE", "Patient/p", headers={"X-Cascade": "delete"}).status, 204)
        self.assertEqual(self.send("GET", "Observation/late").status, 410)
        # Without being asked nothing else goes.
        self.assertEqual(self.send("DELETE", "Patient/q").status, 204)
        self.assertEqual(self.send("GET", "Observation/q0").status, 200)

    def test_i02_what_is_not_done_is_named(self):
        self.serve("--cascade-max", "5")
        self.put_patients()
        self.put(observation("both", "q", "p"))
        for name, path, headers, status, *words in (
                ("too many", "Patient/q?_cascade=delete", {}, 422, "5 resources"),
                ("type", "Observation/p0?_cascade=delete", {}, 400, "Patients", "Observation"),
                ("type by header", "Observation/p0", {"X-Cascade": "delete"}, 400, "Patients"),
                ("value", "Patient/p?_cascade=none", {}, 400, "_cascade 'none'"),
                ("header's value", "Patient/p", {"X-Cascade": "delete; max-rounds=2"}, 400, "X-Cascade"),
                ("other parameter", "Patient/p?_cascade=delete&x=1", {}, 400, "'x'"),
                ("format", "Patient/p?_cascade=delete&_format=xml", {}, 406, "xml"),
                ("by a search", "Patient?_id=p&_cascade=delete", {}, 400, "_cascade"),
                ("by a search, header", "Patient?_id=p", {"X-Cascade": "delete"}, 400, "X-Cascade")):
            with self.subTest(name):
                self.assert_outcome(self.send("DELETE", path, headers=headers), status, *words)
        self.assertEqual(self.send("DELETE", "Observation/q0").status, 204)
        self.assertEqual(self.send("DELETE", "Observation/p0").status, 204)
        for id in "pq":
            self.assert_outcome(self.send("DELETE", f"Patient/{id}?_cascade=delete"), 409, "Observation/both")
            self.assertEqual(self.send("GET", f"Patient/{id}").status, 200)
        entry = {"request": {"method": "DELETE", "url": "Patient/p?_cascade=delete"}}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        self.assertGreaterEqual(self.send("POST", "", bundle).status, 400)
        self.assert_outcome(self.send("POST", "", bundle, {"X-Cascade": "delete"}), 400, "X-Cascade")
        self.assertEqual(self.send("GET", "Patient/p").status, 200)
        self.assertEqual(self.send("DELETE", "Observation/both").status, 204)
        answer = self.send("POST", "", {**bundle, "type": "batch"})
        self.assertEqual(answer.json()["entry"][0]["response"]["status"][:3], "204", answer)
        self.assertEqual(self.send("GET", "Observation/p1").status, 410)

    def test_a06_a12_every_type_needs_the_right(self):
        client = smart.Client(self.folder, self.data, "all", scope="system/*.cruds")
        self.serve(is_open=False)
        whole = client.headers(self.server)
        self.put_patients(whole)
        for scope, *words in (("system/Patient.d", "Encounter, Observation"),
                              ("system/Patient.d system/Encounter.d", "Observation"),
                              ("system/Patient.cruds system/Encounter.d system/Observation.d?status=final", "quer")):
            with self.subTest(scope):
                answer = self.send("DELETE", "Patient/p?_cascade=delete", headers=client.headers(self.server, scope))
                self.assert_outcome(answer, 403, *words)
        self.assertEqual(self.send("GET", "Observation/p0", headers=whole).status, 200)
        headers = client.headers(self.server, "system/Patient.d system/Encounter.d system/Observation.d")
        self.assertEqual(self.send("DELETE", "Patient/p?_cascade=delete", headers=headers).status, 204)
        self.assertEqual(self.send("GET", "Observation/p0", headers=whole).status, 410)
        self.server.stop()
        events = []
        for file in sorted(glob.glob(os.path.join(self.data, "audit", "*.ndjson"))):
            with open(file, encoding="utf-8") as log:
                events += [json.loads(line) for line in log]
        told = sorted(e["entity"][0]["what"]["reference"] for e in events
                      if e.get("outcomeDesc") == "with the compartment of Patient/p")
        self.assertEqual(told, self.OF_P)

    def test_i02_beside_writers_nothing_is_half(self):
        self.serve()
        done = threading.Event()
        acknowledged, lock = {}, threading.Lock()

        def write(writer):
            number = 0
            while not done.is_set():
                number += 1
                mine = number % 10 == 0
                key = f"w{writer}-{number}"
                answer = self.send("PUT", f"Observation/{key}", observation(key, "p" if mine else "q"))
                self.assertEqual(answer.status, 201, answer)
                if mine:
                    with lock:
                        acknowledged[key] = answer.json()["meta"]["lastUpdated"]
        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
        for thread in threads:
            thread.start()
        deletions = []
        try:
            while len(deletions) < 8:
                self.put({"resourceType": "Patient", "id": "p"})
                answer = self.send("DELETE", "Patient/p?_cascade=delete")
                self.assertIn(answer.status, (204, 409), answer)
                if answer.status == 204:
                    entry = self.send("GET", "Patient/p/_history").json()["entry"][0]
                    deletions.append(entry["response"]["lastModified"])
        finally:
            done.set()
            for thread in threads:
                thread.join()
        self.assertEqual(sorted(deletions), deletions)
        for key, written in acknowledged.items():
            # Commits share a millisecond: of a deletion in that of the write nobody can say which came first.
            later = next((instant for instant in deletions if instant > written), None)
            expected = {later, written} if written in deletions else {later}
            entry = self.send("GET", f"Observation/{key}/_history").json()["entry"][0]
            is_deleted = entry["request"]["method"] == "DELETE"
            self.assertIn(entry["response"]["lastModified"] if is_deleted else None, expected, key)


if __name__ == "__main__":
    unittest.main()
