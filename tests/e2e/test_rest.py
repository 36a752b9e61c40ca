"""The REST interactions on single resources: versions, conditions, formats, scopes, several writers, and
what a crash leaves (I-02, I-04, I-05, A-06, A-12, M-01, M-04)."""
import glob
import http.client
import json
import os
import threading
import unittest

import harness
import smart


def patient(id, **more):
    return {"resourceType": "Patient", **({"id": id} if id else {}), **more}


class Rest(harness.ServerCase):
    def put(self, resource, headers=None):
        return self.send("PUT", f"{resource['resourceType']}/{resource['id']}", resource, headers)

    # ---- the interactions ----

    def test_i02_a_resource_from_create_to_delete(self):
        self.serve()
        answer = self.send("POST", "Patient", '{"resourceType":"Patient","id":"mine","multipleBirthInteger":1.50,'
                                              '"meta":{"versionId":"7","tag":[{"code":"t"}]}}')
        self.assertEqual(answer.status, 201, answer)
        created = answer.json()
        self.assertNotEqual(created["id"], "mine")
        self.assertEqual(created["meta"]["versionId"], "1")
        self.assertEqual(answer.body.count(b"versionId"), 1)
        self.assertIn(b'"multipleBirthInteger":1.50', answer.body)
        path = "Patient/" + created["id"]
        self.assertEqual(answer.headers["Location"], f"{self.server.base}/{path}/_history/1")
        self.assertEqual(answer.headers["ETag"], 'W/"1"')
        first = self.send("GET", path)
        self.assertEqual((first.status, first.body), (200, answer.body))
        self.assertTrue(first.headers["Last-Modified"])
        for header in ({"If-None-Match": 'W/"1"'}, {"If-None-Match": 'W/"9", W/"1"'},
                       {"If-Modified-Since": first.headers["Last-Modified"]}):
            again = self.send("GET", path, headers=header)
            self.assertEqual((again.status, again.body), (304, b""), header)
        self.assertEqual(self.send("GET", path, headers={"If-None-Match": 'W/"2"'}).status, 200)

        answer = self.put(patient(created["id"], active=True))
        self.assertEqual((answer.status, answer.headers["ETag"]), (200, 'W/"2"'))
        same = self.put(patient(created["id"], active=True))
        self.assertEqual((same.status, same.headers["ETag"], same.body), (200, 'W/"2"', answer.body))
        self.assertEqual(self.send("GET", path + "/_history/1").body, first.body)
        self.assertEqual(self.send("GET", path + "/_history/2").body, answer.body)
        for version in ("0", "3", "x", "-1", "4294967295", "99999999999"):
            self.assert_outcome(self.send("GET", f"{path}/_history/{version}"), 404)

        answer = self.send("DELETE", path)
        self.assertEqual((answer.status, answer.headers["ETag"], answer.body), (204, 'W/"3"', b""))
        self.assertEqual(self.send("DELETE", path).status, 204)
        self.assert_outcome(self.send("GET", path), 410, path)
        self.assert_outcome(self.send("GET", path + "/_history/3"), 410)
        self.assertEqual(self.send("GET", path + "/_history/2").status, 200)
        answer = self.put(patient(created["id"]))
        self.assertEqual((answer.status, answer.headers["ETag"]), (201, 'W/"4"'))
        self.assert_outcome(self.send("GET", "Patient/never"), 404, "Patient/never")
        self.assertEqual(self.send("DELETE", "Patient/never").status, 204)

    def test_i02_what_a_write_sends_back(self):
        self.serve()
        for number, (prefer, kind) in enumerate((("return=minimal", None), ("return=representation", "Patient"),
                                                 ("return=OperationOutcome", "OperationOutcome"))):
            answer = self.put(patient(f"p{number}"), {"Prefer": prefer})
            self.assertEqual(answer.status, 201)
            self.assertTrue(answer.headers["Location"].endswith(f"/Patient/p{number}/_history/1"))
            self.assertEqual(answer.json()["resourceType"] if kind else answer.body, kind or b"")
        self.assert_outcome(self.put(patient("p"), {"Prefer": "return=all"}), 400, "all")

    def test_i02_conditions(self):
        self.serve()
        self.assertEqual(self.put(patient("p"), {"If-Match": 'W/"1"'}).status, 412)
        self.assertEqual(self.put(patient("p"), {"If-None-Match": "*"}).status, 201)
        self.assert_outcome(self.put(patient("p", active=True), {"If-None-Match": "*"}), 412, "Patient/p")
        self.assertEqual(self.put(patient("p", active=True), {"If-Match": 'W/"1"'}).status, 200)
        self.assert_outcome(self.put(patient("p"), {"If-Match": 'W/"1"'}), 412, "version 1")
        for tag in ('W/"x"', 'W/"0"', '"7"', 'W/"-1"'):
            self.assertEqual(self.put(patient("p"), {"If-Match": tag}).status, 412, tag)
            self.assertEqual(self.send("DELETE", "Patient/p", headers={"If-Match": tag}).status, 412)
        for tag in ("2", 'W/"1", W/"2"', "W/", '"'):
            self.assert_outcome(self.put(patient("p"), {"If-Match": tag}), 400, "If-Match")
        self.assertEqual(self.send("GET", "Patient/p").headers["ETag"], 'W/"2"')
        self.assertEqual(self.send("DELETE", "Patient/p", headers={"If-Match": '"2"'}).status, 204)
        self.assertEqual(self.put(patient("p"), {"If-Match": "*"}).status, 412)

    def test_i02_conditions_of_reads(self):
        self.serve()
        self.assertEqual(self.put(patient("p")).status, 201)
        self.assertEqual(self.put(patient("p", active=True)).status, 200)
        for tag, status in (('W/"2"', 200), ('"2"', 200), ("*", 200), ('W/"1"', 412), ('W/"x"', 412), ("2", 400)):
            self.assertEqual(self.send("GET", "Patient/p", headers={"If-Match": tag}).status, status, tag)
        self.assertEqual(self.send("GET", "Patient/p/_history/1", headers={"If-Match": 'W/"1"'}).status, 200)
        self.assert_outcome(self.send("GET", "Patient/p/_history/1", headers={"If-Match": 'W/"2"'}), 412, "version 1")

    def test_i02_what_is_not_done_is_not_passed_over(self):
        self.serve()
        self.assertEqual(self.put(patient("p")).status, 201)
        before = self.send("GET", "Patient/p").body
        provenance = {"X-Provenance": '{"resourceType":"Provenance"}'}
        unmodified = {"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": []}
        for method, path, body, headers in (("PUT", "Patient/p", patient("p", active=True), provenance),
                                            ("POST", "Patient", patient(None), provenance),
                                            ("DELETE", "Patient/p", None, provenance), ("POST", "", bundle, provenance),
                                            ("PUT", "Patient/p", patient("p", active=True), unmodified),
                                            ("GET", "Patient/p", None, unmodified)):
            with self.subTest(method=method, path=path):
                self.assert_outcome(self.send(method, path, body, headers), 400, next(iter(headers)))
        self.assertEqual(self.send("GET", "Patient/p").body, before)

    def test_i02_i05_what_is_refused_changes_nothing(self):
        self.serve()
        self.assertEqual(self.put(patient("p")).status, 201)
        before = harness.request("GET", self.server.base + "/Patient/p").body
        for method, path, body, headers, status, *words in (
                ("PUT", "Patient/p", patient("q"), {}, 400, "id"),
                ("PUT", "Patient/p", patient(None), {}, 400, "id"),
                ("PUT", "Patient/p", {"resourceType": "Group", "id": "p"}, {}, 400, "Group", "Patient"),
                ("PUT", "Patient/p_", patient("p_"), {}, 400, "id"),
                ("PUT", "Patient/p", "{", {}, 400), ("PUT", "Patient/p", "", {}, 400),
                ("PUT", "Patient/p", '{"resourceType":"Patient","id":"p","active":true,"active":true}', {}, 400,
                 "twice"),
                ("PUT", "Patient/p", '{"resourceType":"Patient","id":"p","text":' + "[" * 101 + "]" * 101 + "}",
                 {}, 400),
                ("PUT", "Patient/p", patient("p", nmae=[]), {}, 422, "nmae"),
                ("POST", "Observation", {"resourceType": "Observation", "status": "final"}, {}, 422, "code"),
                ("POST", "Patient", {"resourceType": "Nonsense"}, {}, 400, "resourceType"),
                ("POST", "Nonsense", {"resourceType": "Nonsense"}, {}, 404),
                ("PUT", "Patient/p", patient("p"), {"Content-Type": "application/fhir+xml"}, 415, "xml"),
                ("PUT", "Patient/p", patient("p"), {"Accept": "application/fhir+xml"}, 406, "xml"),
                ("PUT", "Patient/p?_format=xml", patient("p"), {}, 406, "xml"),
                ("PUT", "Patient/p", patient("p"), {"If-None-Exist": "identifier=1"}, 400, "If-None-Exist"),
                ("POST", "Patient", patient(None), {"If-None-Exist": ""}, 400, "If-None-Exist"),
                ("POST", "Patient", patient(None), {"If-None-Exist": "nosuch=1"}, 400, "nosuch"),
                ("PUT", "Patient/p?identifier=1", patient("p"), {}, 400, "identifier"),
                ("DELETE", "Patient/p?_cascade=all", None, {}, 400, "_cascade"),
                ("GET", "Patient/p?_since=2020", None, {}, 400, "_since"),
                ("GET", "Patient/p", None, {"Accept": "application/fhir+xml"}, 406, "xml"),
                ("GET", "Patient/a_b", None, {}, 404), ("GET", "Patient/" + "x" * 65, None, {}, 404),
                ("PUT", "Patient", patient("p"), {}, 400, "parameter"),
                ("POST", "Patient/p", patient("p"), {}, 405), ("DELETE", "Patient", None, {}, 400, "parameter")):
            with self.subTest(method=method, path=path[:60], headers=headers):
                self.assert_outcome(self.send(method, path, body, headers), status, *words)
        self.assertEqual(harness.request("GET", self.server.base + "/Patient/p").body, before)
        self.assertEqual(self.send("GET", "Patient/p?_format=json", headers={"Accept": "text/html"}).status, 200)
        self.server.stop()
        self.assertEqual(sum(t["resources"] for t in harness.stats(self.data)["types"]), 1)

    def test_i02_lenient_stores_what_light_validation_finds_fault_with_and_warns(self):
        self.serve("--lenient")
        wants = {"Prefer": "return=OperationOutcome"}
        wrong = {"resourceType": "Observation", "id": "o", "statsu": "final", "status": 7}

        def warnings(outcome):
            return [i["diagnostics"] for i in outcome["issue"] if i["severity"] == "warning"]

        answer = self.put(wrong, wants)
        self.assertEqual(answer.status, 201)
        told = warnings(answer.json())
        self.assertEqual(len(told), 3, told)
        for word in ("statsu", "status is not", "code is missing"):
            self.assertTrue(any(word in line for line in told), told)
        stored = self.send("GET", "Observation/o").json()
        self.assertEqual({k: v for k, v in stored.items() if k != "meta"}, wrong)
        # A patch of what is wrong, and a conditional create, are no stricter.
        patched = self.send("PATCH", "Observation/o", [{"op": "add", "path": "/issued", "value": 1}],
                            {"Content-Type": "application/json-patch+json", **wants})
        self.assertEqual((patched.status, len(warnings(patched.json()))), (200, 4))
        made = self.send("POST", "Patient", patient(None, nmae=[]), {"If-None-Exist": "_id=none", **wants})
        self.assertEqual((made.status, len(warnings(made.json()))), (201, 1))
        for kind in ("transaction", "batch"):
            bundle = {"resourceType": "Bundle", "type": kind, "entry": [
                {"resource": patient(kind, nmae=[]), "request": {"method": "PUT", "url": f"Patient/{kind}"}},
                {"resource": patient(kind + "1"), "request": {"method": "PUT", "url": f"Patient/{kind}1"}}]}
            entries = self.send("POST", "", bundle, wants).json()["entry"]
            self.assertEqual([len(warnings(e["response"]["outcome"])) for e in entries], [1, 0], kind)
            quiet = self.send("POST", "", bundle, {"Prefer": "return=minimal"}).json()["entry"]
            self.assertFalse(any("resource" in e for e in quiet), kind)
        # What the store cannot hold is refused as ever.
        self.assert_outcome(self.put({"resourceType": "Nonsense", "id": "p"}), 404)
        self.assert_outcome(self.send("PUT", "Patient/p", '{"resourceType":"Patient","id":"p","active":true,'
                                      '"active":true}'), 400, "twice")

    # ---- exports ----

    def test_m01_m04_writes_are_in_the_next_export_and_not_in_the_last(self):
        self.serve()
        for name in ("a", "b"):
            self.assertEqual(self.put(patient(name)).status, 201)
        first = self.server.export("$export")
        self.put(patient("a", active=True))
        self.put(patient("c"))
        self.assertEqual(self.send("DELETE", "Patient/b").status, 204)
        second = self.server.export("$export", {"_since": first.transaction_time})
        self.assert_same_keys(first.keys(), [("Patient", "a"), ("Patient", "b")])
        self.assert_same_keys(second.keys(), [("Patient", "a"), ("Patient", "c")])
        deleted = [entry["request"]["url"] for item in second.manifest["deleted"]
                   for line in harness.download(item) for entry in json.loads(line)["entry"]]
        self.assertEqual(deleted, ["Patient/b"])

    # ---- several writers, crashes ----

    def test_i02_of_two_writers_one_wins_each_time_and_nothing_is_lost(self):
        self.serve()
        self.put({"resourceType": "Basic", "id": "n", "code": {"text": "0"}})
        won, other = [], []

        def count(writer):
            for _ in range(25):
                seen = self.send("GET", "Basic/n")
                number = int(seen.json()["code"]["text"])
                resource = {"resourceType": "Basic", "id": "n", "code": {"text": str(number + 1)}}
                answer = self.put(resource, {"If-Match": seen.headers["ETag"]})
                (won if answer.status == 200 else other).append(answer.status)
        threads = [threading.Thread(target=count, args=(writer,)) for writer in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(won) + len(other), 75)
        self.assertEqual(set(other) - {409, 412}, set())
        # No update overwrote one that it had not seen.
        self.assertEqual(self.send("GET", "Basic/n").json()["code"]["text"], str(len(won)))

    def test_i04_what_was_acknowledged_survives_kill_9(self):
        self.serve()
        acknowledged, lock = {}, threading.Lock()

        def write(writer):
            try:
                for number in range(10000):
                    id = f"{writer}-{number % 5}"
                    answer = (self.send("DELETE", "Patient/" + id) if number % 7 == 6 else
                              self.put(patient(id, name=[{"text": str(number)}]), {"Prefer": "return=minimal"}))
                    if answer.status in (200, 201, 204):
                        with lock:
                            acknowledged[id] = None if answer.status == 204 else (number, answer.headers["ETag"])
            except (OSError, http.client.HTTPException):
                pass  # the server is gone
        for _ in range(2):
            threads = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
            for thread in threads:
                thread.start()
            before = len(acknowledged)
            threads[0].join(0.8)
            self.server.kill()
            for thread in threads:
                thread.join()
            self.assertGreaterEqual(len(acknowledged), max(before, 3))
            self.server.start()
            for id, expected in acknowledged.items():
                answer = self.send("GET", "Patient/" + id)
                if expected is None:
                    # A write that came after it may be there, though nobody was told.
                    self.assertIn(answer.status, (200, 410), id)
                    continue
                number, tag = expected
                version = int(tag.strip('W/"'))
                old = self.send("GET", f"Patient/{id}/_history/{version}")
                self.assertEqual(old.json()["name"][0]["text"], str(number), id)
                if answer.status == 200:
                    self.assertLessEqual(version, int(answer.headers["ETag"].strip('W/"')))
                    self.assertLessEqual(int(answer.headers["ETag"].strip('W/"')), version + 1)
                else:
                    self.assertEqual(answer.status, 410)

    # ---- who may ----

    def test_a06_a12_scopes_groups_and_the_audit_log(self):
        client = smart.Client(self.folder, self.data, "all", scope="system/*.cruds")
        grouped = smart.Client(self.folder, self.data, "grouped", scope="system/*.cruds",
                               options=["--group", "g"])
        server = self.serve(is_open=False)
        self.assert_outcome(self.send("GET", "Patient/p"), 401)
        self.assert_outcome(self.put(patient("p")), 401)
        full = client.headers(server)
        self.assertEqual(self.put(patient("p", name=[{"text": "Nobodyknows"}]), full).status, 201)
        by_scope = {"system/Patient.r": "R", "system/Patient.read": "R", "system/Patient.c": "C",
                    "system/Patient.u": "U", "system/Patient.d": "D", "system/Patient.write": "CUD",
                    "system/Patient.s": "", "system/Observation.cruds": "", "system/Patient.cruds": "CRUD"}
        for scope, allowed in by_scope.items():
            headers = client.headers(server, scope)
            for letter, method, path, body in (
                    ("R", "GET", "Patient/p", None), ("R", "GET", "Patient/p/_history/1", None),
                    ("C", "POST", "Patient", patient(None)), ("U", "PUT", "Patient/p", patient("p")),
                    ("D", "DELETE", "Patient/gone", None)):
                with self.subTest(scope=scope, method=method):
                    answer = self.send(method, path, body, headers)
                    if letter in allowed:
                        self.assertLess(answer.status, 300, answer)
                    else:
                        self.assert_outcome(answer, 403, "scopes")
                        self.assertIn("insufficient_scope", answer.headers["WWW-Authenticate"])
        headers = grouped.headers(server)
        for method, path, body in (("GET", "Patient/p", None), ("PUT", "Patient/x", patient("x")),
                                   ("POST", "Patient", patient(None)), ("DELETE", "Patient/p", None)):
            self.assert_outcome(self.send(method, path, body, headers), 403, "groups")
        self.assertEqual(self.send("GET", "Patient/x", headers=full).status, 404)
        self.assertEqual(self.put(patient("p"), {**full, "If-Match": 'W/"77"'}).status, 412)
        server.stop()
        events = []
        for file in sorted(glob.glob(os.path.join(self.data, "audit", "*.ndjson"))):
            with open(file, encoding="utf-8") as lines:
                events += [json.loads(line) for line in lines]
        self.assertNotIn("Nobodyknows", json.dumps(events) + server.log())
        seen = {(e["subtype"][0]["code"], e["action"], e["outcome"]) for e in events
                if e.get("entity", [{}])[0].get("what", {}).get("reference") == "Patient/p"}
        self.assertLessEqual({("resource-update", "U", "0"), ("resource-update", "U", "4"),
                              ("resource-read", "R", "0")}, seen)
        codes = [e["subtype"][0]["code"] for e in events]
        self.assertIn("resource-create", codes)
        self.assertIn("resource-delete", codes)
        self.assertGreaterEqual(codes.count("access-refused"), 4)


if __name__ == "__main__":
    unittest.main()
