"""Conditional create, update and delete: FHIR's rules, several clients at once, who may (I-02, A-06, A-12)."""
import glob
import json
import os
import threading
import unittest

import harness
import smart


def patient(identifier, id=None, **more):
    return {"resourceType": "Patient", **({"id": id} if id else {}), "identifier": [{"value": identifier}], **more}


class Conditional(harness.ServerCase):
    def create(self, identifier, query=None, headers=None, **more):
        return self.send("POST", "Patient", patient(identifier, **more),
                         {"If-None-Exist": query or f"identifier={identifier}", **(headers or {})})

    def found(self, query):
        answer = self.server.get(f"Patient?{query}&_count=1000")
        self.assertEqual(answer.status, 200, answer)
        return [entry["resource"] for entry in answer.json().get("entry", [])]

    def test_i02_a_create_unless_something_matches(self):
        self.serve()
        first = self.create("1")
        self.assertEqual((first.status, first.headers["ETag"]), (201, 'W/"1"'))
        id = first.json()["id"]
        for query in ("identifier=1", "?identifier=1", "Patient?identifier=1", "identifier=%7C1",
                      f"{self.server.base}/Patient?identifier=1"):
            again = self.create("1", query, active=True)
            self.assertEqual((again.status, again.body), (200, first.body), query)
            self.assertEqual(again.headers["Location"], f"{self.server.base}/Patient/{id}/_history/1")
        minimal = self.create("1", headers={"Prefer": "return=minimal"})
        self.assertEqual((minimal.status, minimal.body), (200, b""))
        self.assertEqual(minimal.headers["Location"], first.headers["Location"])
        self.assertEqual(self.send("PUT", "Patient/other", patient("1", "other")).status, 201)
        self.assert_outcome(self.create("1"), 412, "more than 1")
        self.assertEqual(len(self.found("identifier=1")), 2)
        for query, *words in (("nosuch=1", "nosuch"), ("_count=1", "_count"), ("identifier", "identifier"),
                              ("birthdate=soon", "soon"), ("_include=Patient:link", "_include")):
            self.assert_outcome(self.create("1", query), 400, *words)
        for query in ("https://other.example/fhir/Patient?identifier=1", f"{self.server.base}/Group?identifier=1"):
            self.assert_outcome(self.create("1", query), 400, "URL", "Patient")
        self.assert_outcome(self.create("1", headers={"If-Match": 'W/"1"'}), 400, "If-Match")
        self.assertEqual(self.create("9", "_has:Patient:link:identifier=1").status, 201)

    def test_i02_an_update_of_what_matches(self):
        self.serve()
        created = self.send("PUT", "Patient?identifier=1", patient("1"))
        self.assertEqual(created.status, 201)
        id = created.json()["id"]
        self.assertEqual(created.headers["Location"], f"{self.server.base}/Patient/{id}/_history/1")
        self.assertEqual(self.send("PUT", "Patient?identifier=2", patient("2", "own")).json()["id"], "own")
        updated = self.send("PUT", "Patient?identifier=1", patient("1", active=True))
        self.assertEqual((updated.status, updated.headers["ETag"]), (200, 'W/"2"'))
        self.assertEqual((updated.json()["id"], updated.json()["active"]), (id, True))
        updated = self.send("PUT", "Patient?identifier=1", patient("1", id, active=False))
        self.assertEqual((updated.status, updated.headers["ETag"]), (200, 'W/"3"'))
        for path, body, headers, status, *words in (
                ("Patient?identifier=1", patient("1", "own"), {}, 400, id),
                ("Patient?identifier=3", patient("3", "own"), {}, 409, "Patient/own"),
                ("Patient?identifier=1", patient("1"), {"If-Match": 'W/"2"'}, 412, "version 2"),
                ("Patient?identifier=1", patient("1"), {"If-None-Match": "*"}, 412, "If-None-Match"),
                ("Patient?identifier=3", patient("3"), {"If-Match": "*"}, 412, "If-Match"),
                ("Patient?identifier=1,2", patient("1"), {}, 412, "more than 1"),
                ("Patient", patient("1"), {}, 400, "parameter"), ("Patient?", patient("1"), {}, 400, "parameter"),
                ("Patient?nosuch=1", patient("1"), {}, 400, "nosuch"),
                ("Patient?identifier=1&_sort=_id", patient("1"), {}, 400, "_sort"),
                ("Patient?identifier=1&_format=xml", patient("1"), {}, 406, "xml"),
                ("Patient?identifier=1", {"resourceType": "Group"}, {}, 400, "Group"),
                ("Patient?identifier=1", patient("1", nmae=[]), {}, 422, "nmae")):
            with self.subTest(path=path, headers=headers):
                self.assert_outcome(self.send("PUT", path, body, headers), status, *words)
        answer = self.send("PUT", "Patient?identifier=1&_format=json", patient("1"), {"If-Match": 'W/"3"'})
        self.assertEqual((answer.status, answer.headers["ETag"]), (200, 'W/"4"'))
        self.assertEqual(len(self.found("identifier=1,2,3")), 2)

    def test_i02_m04_a_delete_of_what_matches(self):
        self.serve()
        for number in range(4):
            body = patient(str(number // 3), f"p{number}")  # three alike, and one
            self.assertEqual(self.send("PUT", f"Patient/p{number}", body).status, 201)
        before = self.server.export("$export").transaction_time
        self.assert_outcome(self.send("DELETE", "Patient?identifier=0"), 412, "more than 1")
        self.assertEqual(self.send("DELETE", "Patient?identifier=1").status, 204)
        self.assertEqual(self.send("DELETE", "Patient?identifier=1").status, 204)
        self.assert_outcome(self.send("DELETE", "Patient?identifier=1", headers={"If-Match": "*"}), 412)
        self.assert_outcome(self.send("DELETE", "Patient"), 400, "parameter")
        self.assert_outcome(self.send("DELETE", "Patient?nosuch=1"), 400, "nosuch")
        self.assertEqual(self.send("GET", "Patient/p3").status, 410)
        self.assertEqual(len(self.found("identifier=0")), 3)
        self.server.stop()
        self.serve("--conditional-delete", "multiple")
        statement = self.server.get("metadata").json()["rest"][0]["resource"]
        self.assertEqual({r["conditionalDelete"] for r in statement if "conditionalDelete" in r}, {"multiple"})
        answer = self.send("DELETE", "Patient?identifier=0", headers={"Prefer": "return=OperationOutcome"})
        self.assert_outcome(answer, 200, "3 Patient", severity="information")
        self.assertEqual(self.found("identifier=0,1"), [])
        export = self.server.export("$export", {"_since": before})
        deleted = [entry["request"]["url"] for item in export.manifest["deleted"]
                   for line in harness.download(item) for entry in json.loads(line)["entry"]]
        self.assertEqual(sorted(deleted), [f"Patient/p{number}" for number in range(4)])

    def test_i02_of_many_clients_at_once_one_creates(self):
        self.serve()
        statuses, other, lock = {}, [], threading.Lock()
        done = threading.Event()

        def create(writer):
            for number in range(15):
                answer = self.create(str(number), active=writer % 2 == 0)
                with lock:
                    statuses.setdefault(number, []).append((answer.status, answer.json()["id"]))

        def write_others():
            number = 0
            while not done.is_set():
                number += 1
                other.append(self.send("PUT", "Patient/noise", patient(f"noise-{number}", "noise")).status)
        threads = [threading.Thread(target=create, args=(writer,)) for writer in range(4)]
        noise = threading.Thread(target=write_others)
        noise.start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done.set()
        noise.join()
        self.assertEqual(set(other), {200, 201})
        for number in range(15):
            self.assertEqual(sorted(status for status, _ in statuses[number]), [200, 200, 200, 201], number)
            self.assertEqual(len({id for _, id in statuses[number]}), 1)
            self.assertEqual(len(self.found(f"identifier={number}")), 1)

    def test_a06_a12_who_may_and_what_is_audited(self):
        client = smart.Client(self.folder, self.data, "all", scope="system/*.cruds")
        grouped = smart.Client(self.folder, self.data, "grouped", scope="system/*.cruds", options=["--group", "g"])
        self.serve(is_open=False)
        self.assertEqual(self.create("Nobodyknows", headers=client.headers(self.server)).status, 201)
        attempts = (("C", lambda h: self.create("Nobodyknows", headers=h)),
                    ("U", lambda h: self.send("PUT", "Patient?identifier=Nobodyknows", patient("Nobodyknows"), h)),
                    ("D", lambda h: self.send("DELETE", "Patient?identifier=none", headers=h)))
        for scope, allowed in (("system/Patient.cs", "C"), ("system/Patient.us", "U"), ("system/Patient.ds", "D"),
                               ("system/Patient.cud", ""), ("system/Patient.rs", ""), ("system/Patient.cruds", "CUD")):
            headers = client.headers(self.server, scope)
            for letter, attempt in attempts:
                with self.subTest(scope=scope, attempt=letter):
                    answer = attempt(headers)
                    if letter in allowed:
                        self.assertLess(answer.status, 300, answer)
                    else:
                        self.assert_outcome(answer, 403, "scopes")
        # A condition that goes through another type needs the right to search that.
        headers = client.headers(self.server, "system/Patient.cruds")
        chain = "_has:Observation:patient:status=final"
        self.assert_outcome(self.create("x", chain, headers), 403, "Observation")
        for _, attempt in attempts:
            self.assert_outcome(attempt(grouped.headers(self.server)), 403, "groups")
            self.assert_outcome(attempt({}), 401)
        self.server.stop()
        events = []
        for file in sorted(glob.glob(os.path.join(self.data, "audit", "*.ndjson"))):
            with open(file, encoding="utf-8") as log:
                events += [json.loads(line) for line in log]
        self.assertNotIn("Nobodyknows", json.dumps(events) + self.server.log())
        described = [(e["subtype"][0]["code"], e["outcome"], e.get("outcomeDesc")) for e in events]
        for code in ("resource-create", "resource-read"):
            self.assertIn((code, "0", "condition by identifier"), described)


if __name__ == "__main__":
    unittest.main()
