"""Scopes with a search query (A-06, A-07, R-06): what is outside of them is tried by every route, and must be
neither shown nor changed nor told from what does not exist."""
import json
import unittest
import urllib.parse

import harness
import smart
from scoped import CATEGORY, HIDDEN, LAB, SEEN, VITAL, ScopedCase, observation


class ScopeQueries(ScopedCase):
    # ---- what a token says ----

    def test_a06_the_grant_is_canonical_and_never_wider_than_registered(self):
        client = smart.Client(self.folder, self.data, "lab",
                              scope=f"system/Observation.rs?category={CATEGORY}|{LAB} system/Patient.rs")
        cases = {
            "system/*.read": f"system/Observation.rs?category={CATEGORY}|{LAB} system/Patient.read",
            "system/Observation.rs?status=final":
                f"system/Observation.rs?category={CATEGORY}|{LAB}&status=final",
            "system/Observation.r?category=" + urllib.parse.quote(f"{CATEGORY}|{LAB}", safe=""):
                f"system/Observation.r?category={CATEGORY}|{LAB}",
            "system/Patient.rs?gender=male": "system/Patient.rs?gender=male",
        }
        for asked, granted in cases.items():
            answer = client.token_answer(self.server, asked).json()
            self.assertEqual(set(answer["scope"].split()), set(granted.split()), asked)
            seen = smart.post_form(self.server.base + "/auth/introspect",
                                   {"token": answer["access_token"]},
                                   {"Authorization": "Bearer " + answer["access_token"]}).json()
            self.assertEqual(seen["scope"], answer["scope"])
        for bad in ("system/Observation.rs?colour=red", "system/Observation.rs?patient.gender=male",
                    "system/Encounter.rs?status=finished"):
            answer = client.token_answer(self.server, bad)
            self.assertEqual((answer.status, answer.json()["error"]), (400, "invalid_scope"), bad)

    def test_r01_a_batch_of_slow_reads_ends_with_its_time(self):
        """A client may narrow its scope to what takes seconds to compare with one large resource."""
        client = smart.Client(self.folder, self.data, "slow", scope="system/ServiceRequest.cruds")
        self.server.stop()
        self.server = harness.start_server(self, self.data, "--search-timeout", "1", is_open=False)
        whole = client.headers(self.server)
        events = ",".join(['"2020-01-01T00:00:00Z"'] * 150_000)
        body = ('{"resourceType":"ServiceRequest","id":"big","status":"active","intent":"order","subject":'
                '{"reference":"Patient/p"},"occurrenceTiming":{"event":[' + events + "]}}").encode()
        url = self.server.base + "/ServiceRequest/big"
        self.assertEqual(harness.request("PUT", url, {**whole, "Content-Type": "application/fhir+json"}, body).status, 201)
        dates = ",".join(f"2{100 + n}" for n in range(900))
        narrow = client.headers(self.server, f"system/ServiceRequest.cruds?occurrence={dates}")
        read = harness.request("GET", url, narrow)
        self.assertEqual(read.status, 422, read)
        self.assertEqual(read.json()["issue"][0]["code"], "too-costly")
        batch = {"resourceType": "Bundle", "type": "batch",
                 "entry": [{"request": {"method": "GET", "url": "ServiceRequest/big"}}] * 50}
        answer = harness.request("POST", self.server.base, {**narrow, "Content-Type": "application/fhir+json"},
                                 json.dumps(batch).encode())
        statuses = [entry["response"]["status"][:3] for entry in answer.json()["entry"]]
        self.assertEqual(statuses, ["422"] + ["503"] * 49)

    # ---- exports ----

    def test_a06_exports_of_every_level_show_what_the_scopes_cover(self):
        headers = self.token_of(
            f"system/Observation.rs?category={LAB} system/Patient.rs system/Practitioner.rs?active=true "
            "system/Provenance.rs?recorded=lt2021")
        expected = {"Patient/p", "Patient/q", "Observation/seen", "Observation/second",
                    "Practitioner/seen", "Provenance/seen"}
        for path in ("Patient/$export", "Group/g/$export"):
            self.assertEqual(self.exported(headers, path)[2], expected, path)
        # At system level a Practitioner needs no reference.
        self.assertEqual(self.exported(headers)[2], expected | {"Practitioner/only-of-hidden"})
        self.assertEqual(self.exported(headers, "Patient/$export", _type="Observation")[2],
                         {"Observation/seen", "Observation/second"})
        self.assertEqual(self.exported(headers, _type="Observation",
                                       _typeFilter="Observation?status=amended")[2],
                         {"Observation/second"})
        self.assertEqual(self.exported(headers, _type="Observation",
                                       _typeFilter=f"Observation?category={VITAL}")[2], set())
        organized = self.exported(headers, "Patient/$export", organizeOutputBy="Patient",
                                  _type="Patient,Observation")[2]
        self.assertEqual({key for key in organized if not key.startswith("Parameters/")},
                         {"Patient/p", "Patient/q", "Observation/seen", "Observation/second"})

    def test_a06_a_filter_learns_nothing_of_what_is_outside_of_the_scopes(self):
        headers = self.token_of("system/Observation.rs system/Patient.rs?gender=female")
        chained = {"_type": "Observation", "_typeFilter": "Observation?patient.name=Brown"}
        self.assertEqual(self.exported(headers, **chained)[2], set())
        self.assertEqual(self.exported(self.everything, **chained)[2],
                         {"Observation/of-q", "Observation/second"})
        headers = self.token_of(f"system/Patient.rs system/Observation.rs?category={LAB}")
        self.assertEqual(self.exported(headers, _type="Patient", _typeFilter=(
            f"Patient?_has:Observation:patient:category={VITAL}"))[2], set())

    def test_a06_a_patient_or_group_outside_of_the_scopes_is_one_that_is_not_there(self):
        headers = self.token_of("system/Patient.rs?gender=female system/Group.rs?_id=g")

        def refused(path, **parameters):
            answer = self.server.get(path, parameters, {**headers, "Prefer": "respond-async"})
            return answer.status, answer.body
        hidden = refused("Patient/$export", patient="Patient/q")
        none = refused("Patient/$export", patient="Patient/x")
        self.assertEqual(hidden[0], 400)
        self.assertEqual(hidden[1].replace(b"Patient/q", b"Patient/x"), none[1])
        self.assertEqual(refused("Group/other/$export")[0], 404)
        self.assertEqual(self.exported(headers, "Group/g/$export")[2], {"Patient/p"})

    def test_a06_m04_a_deletion_is_told_to_who_could_see_the_resource(self):
        # A snapshot has an instant of its own; the clock's could be that of the first deletion.
        since = self.exported(self.everything, _type="Patient")[1]["transactionTime"]
        for id in (SEEN, HIDDEN):
            self.assertEqual(self.send("DELETE", "Observation/" + id, self.everything).status, 204)
        headers = self.token_of(f"system/Observation.rs?category={LAB}")
        for headers, expected in ((headers, {"Observation/seen"}),
                                  (self.everything, {"Observation/seen", "Observation/hidden"})):
            for path in ("$export", "Patient/$export", "Group/g/$export"):
                manifest = self.exported(headers, path, _type="Observation", _since=since)[1]
                deleted = set()
                for item in manifest["deleted"]:
                    for line in harness.request("GET", item["url"], headers).body.splitlines():
                        deleted |= {e["request"]["url"] for e in json.loads(line)["entry"]}
                self.assertEqual(deleted, expected, path)
                self.assertEqual(manifest["outcome"], [])

    def test_f06_an_attachment_outside_of_the_scopes_is_not_there(self):
        headers = self.token_of("system/DocumentReference.rs system/Binary.rs?_tag=open")
        _, manifest, _ = self.exported(headers, _type="DocumentReference")
        answers = {}
        for item in manifest["output"]:
            for line in harness.request("GET", item["url"], headers).body.splitlines():
                url = json.loads(line)["content"][0]["attachment"]["url"]
                answers[json.loads(line)["id"]] = harness.request("GET", url, headers).status
        self.assertEqual(answers, {"d1": 200, "d2": 404})

    def test_a07_a_job_is_shown_to_tokens_that_cover_it(self):
        narrow = f"system/Observation.rs?category={LAB}"
        narrower = f"system/Observation.rs?category={LAB}&status=final"
        url, manifest, _ = self.exported(self.token_of(narrow), _type="Observation")
        file = manifest["output"][0]["url"]
        for scope, status in ((narrow, 200), ("system/*.rs", 200), ("system/Observation.read", 200),
                              (f"{narrower} {narrow}", 200), (narrower, 403),
                              (f"system/Observation.rs?category={VITAL}", 403),
                              (f"system/Observation.r?category={LAB}", 403)):
            for of_job in (url, file):
                self.assertEqual(harness.request("GET", of_job, self.token_of(scope)).status, status,
                                 (scope, of_job))
        self.assertEqual(harness.request("DELETE", url, self.token_of(narrower)).status, 403)
        self.assertEqual(harness.request("DELETE", url, self.token_of(narrow)).status, 202)

    # ---- REST ----

    def test_a06_reads_do_not_tell_a_resource_outside_from_none(self):
        headers = self.token_of(f"system/Observation.rs?category={LAB}")
        self.assertEqual(self.send("GET", "Observation/seen", headers).status, 200)
        self.assertEqual(self.send("GET", "Observation/seen/_history/1", headers).status, 200)
        for path in ("Observation/_history", "_history"):
            bundle = self.send("GET", path, headers).json()
            seen = {entry["resource"]["id"] for entry in bundle["entry"]}
            self.assertEqual(seen, {SEEN, "second"}, path)
        for path in ("Observation/{}", "Observation/{}/_history/1", "Observation/{}/_history/2",
                     "Observation/{}/_history"):
            for more in ({}, {"If-None-Match": 'W/"1"'}):
                hidden = self.send("GET", path.format(HIDDEN), headers, more=more)
                none = self.send("GET", path.format("nothing"), headers, more=more)
                self.assertEqual((hidden.status, hidden.body.replace(b"hidden", b"nothing")),
                                 (404, none.body), path)
                self.assertEqual(sorted(hidden.headers.keys()), sorted(none.headers.keys()))
        # Neither is its deletion told, nor a version from when it was inside.
        self.send("PUT", "Observation/seen", self.everything, observation(SEEN, VITAL))
        self.send("DELETE", "Observation/hidden", self.everything)
        for path in ("Observation/seen", "Observation/seen/_history/1", "Observation/hidden"):
            self.assertEqual(self.send("GET", path, headers).status, 404, path)
        # What was inside when it was deleted is gone.
        self.send("DELETE", "Observation/second", self.everything)
        self.assertEqual(self.send("GET", "Observation/second", headers).status, 410)
        # The letters count one by one: no right to read by a right to update.
        headers = self.token_of(f"system/Observation.u system/Observation.r?category={LAB}")
        self.assertEqual(self.send("GET", "Observation/of-q", headers).status, 404)

    def test_a06_writes_need_the_resource_inside_before_and_after(self):
        headers = self.token_of(f"system/Observation.cruds?category={LAB}")
        inside, outside = observation(SEEN, LAB, status="amended"), observation(SEEN, VITAL)
        self.assertEqual(self.send("PUT", "Observation/seen", headers, inside).status, 200)
        self.assert_outcome(self.send("PUT", "Observation/seen", headers, outside), 403)
        self.assertEqual(self.send("POST", "Observation", headers, inside).status, 201)
        self.assert_outcome(self.send("POST", "Observation", headers, outside), 403)
        for more in ({}, {"If-Match": 'W/"1"'}, {"If-Match": "*"}, {"If-None-Match": "*"}):
            answers = []
            for id in (HIDDEN, "nothing"):
                answer = self.send("PUT", f"Observation/{id}", headers, observation(id, LAB), more)
                answers.append((answer.status, answer.body.replace(b"hidden", b"nothing")))
            self.assertEqual(answers[0], answers[1], more)
            self.assertIn(answers[0][0], (404, 412), more)
        for more in ({}, {"If-Match": 'W/"1"'}):
            answers = [self.send("DELETE", f"Observation/{id}", headers, more=more)
                       for id in (HIDDEN, "nothing")]
            self.assertEqual(answers[0].status, answers[1].status, more)
            self.assertEqual(answers[0].headers.get("ETag"), answers[1].headers.get("ETag"))
        self.assertEqual(self.send("GET", "Observation/hidden", self.everything).status, 200)
        self.assertEqual(self.send("GET", "Observation/nothing", self.everything).status, 404)
        self.assertEqual(self.send("DELETE", "Observation/seen", headers).status, 204)
        # An import cannot be asked resource by resource.
        answer = self.server.post("$import", json.dumps(
            {"inputFormat": "application/fhir+ndjson", "inputSource": "https://x.example",
             "input": [{"type": "Observation", "url": "https://x.example/o.ndjson"}]}),
            "application/json", {**headers, "Prefer": "respond-async"})
        self.assertEqual(answer.status, 403, answer)

    def members(self, id):
        group = self.send("GET", "Group/" + id, self.everything).json()
        return {member["entity"]["reference"] for member in group.get("member", ())}

    def test_a06_g01_members_change_only_of_groups_inside(self):
        headers = self.token_of("system/Group.cruds?_id=g system/Patient.rs")
        change = {"resourceType": "Group", "type": "person", "actual": True,
                  "member": [{"entity": {"reference": "Patient/new"}}]}
        for operation in ("$add", "$remove"):
            # What is outside is one that is not there, and stays as it is.
            hidden, none = (self.send("POST", f"Group/{id}/{operation}", headers, change)
                            for id in ("other", "nosuch"))
            self.assert_outcome(hidden, 404)
            self.assertEqual((hidden.status, hidden.body.replace(b"other", b"nosuch")), (none.status, none.body))
            self.assertEqual(sorted(hidden.headers.keys()), sorted(none.headers.keys()))
        self.assertEqual(self.members("other"), {"Patient/p"})
        self.assertEqual(self.send("POST", "Group/g/$add", headers, change).status, 200)
        self.assertEqual(self.members("g"), {"Patient/p", "Patient/q", "Patient/new"})
        self.assertEqual(self.send("POST", "Group/g/$remove", headers, change).status, 200)
        self.assertEqual(self.members("g"), {"Patient/p", "Patient/q"})
        # To read is not to change.
        headers = self.token_of("system/Group.rs?_id=g system/Group.u?_id=other")
        self.assert_outcome(self.send("POST", "Group/nosuch/$add", headers, change), 404)
        answer = self.send("POST", "Group/g/$add", headers, change)
        self.assertIn(answer.status, (403, 404))
        self.assertEqual(self.members("g"), {"Patient/p", "Patient/q"})

    def test_a06_g01_a_change_of_members_must_leave_the_group_inside(self):
        headers = self.token_of("system/Group.rus?member=Patient/p system/Patient.rs")
        leave = {"resourceType": "Group", "type": "person", "actual": True,
                 "member": [{"entity": {"reference": "Patient/p"}}]}
        self.assert_outcome(self.send("POST", "Group/other/$remove", headers, leave), 403)
        self.assertEqual(self.members("other"), {"Patient/p"})

    def test_a06_f06_binary_comes_and_goes_by_what_is_inside(self):
        headers = self.token_of("system/Binary.cruds?_tag=open")
        self.assertEqual(self.send("GET", "Binary/seen", headers).body, b"x")
        for more in ({}, {"Accept": harness.FHIR_JSON}, {"Accept": "text/plain"}, {"Range": "bytes=0-0"}):
            hidden, none = (self.send("GET", "Binary/" + id, headers, more=more)
                            for id in (HIDDEN, "nothing"))
            self.assertEqual((hidden.status, hidden.body.replace(b"hidden", b"nothing")), (404, none.body), more)
            self.assertEqual(sorted(hidden.headers.keys()), sorted(none.headers.keys()))
        # A raw upload has no tag, so it would be outside.
        raw = {**headers, "Content-Type": "text/plain"}
        for method, path in (("POST", "Binary"), ("PUT", "Binary/seen")):
            answer = harness.request(method, f"{self.server.base}/{path}", raw, b"y")
            self.assert_outcome(answer, 403)
        answers = [harness.request("PUT", f"{self.server.base}/Binary/{id}", raw, b"y") for id in (HIDDEN, "nothing")]
        self.assertEqual(answers[0].status, answers[1].status)
        self.assertGreaterEqual(answers[0].status, 400)
        self.assertEqual(self.send("GET", "Binary/hidden", self.everything).body, b"x")
        tagged = {"resourceType": "Binary", "contentType": "text/plain", "data": "eQ==",
                  "meta": {"tag": [{"code": "open"}]}}
        created = self.send("POST", "Binary", headers, tagged)
        self.assertEqual(created.status, 201)
        deleted = [self.send("DELETE", f"Binary/{id}", headers).status for id in (HIDDEN, "nothing")]
        self.assertEqual(deleted[0], deleted[1])
        self.assertEqual(self.send("GET", "Binary/hidden", self.everything).body, b"x")

    def test_a06_searches_find_what_is_inside(self):
        headers = self.token_of(f"system/Observation.rs?category={LAB} system/Patient.rs?gender=female")

        def found(path):
            bundle = self.send("GET", path, headers).json()
            keys = {entry["resource"]["resourceType"] + "/" + entry["resource"]["id"]
                    for entry in bundle.get("entry", [])}
            return keys, bundle
        keys, bundle = found("Observation?_total=accurate")
        self.assertEqual((keys, bundle["total"]), ({"Observation/seen", "Observation/second"}, 2))
        self.assertEqual(found("Observation?_summary=count")[1]["total"], 2)
        for query in ("_id=hidden", "category=" + VITAL, "patient.name=Brown"):
            self.assertEqual(found("Observation?" + query)[0], set(), query)
        self.assertEqual(found("Observation?_include=Observation:subject:Patient")[0],
                         {"Observation/seen", "Observation/second", "Patient/p"})
        self.assertEqual(found("Patient?_revinclude=Observation:subject")[0],
                         {"Patient/p", "Observation/seen"})
        # A later page shows an older state, but not of what has left since.
        first = found("Observation?_count=1&_sort=-_id")[1]
        self.assertEqual(first["entry"][0]["resource"]["id"], SEEN)
        self.send("PUT", "Observation/second", self.everything, observation("second", VITAL, "q"))
        following = next(link["url"] for link in first["link"] if link["relation"] == "next")
        page = harness.request("GET", following, headers)
        self.assertEqual((page.status, page.json().get("entry", [])), (200, []))

    def test_a06_a_batch_is_limited_entry_by_entry(self):
        headers = self.token_of(f"system/Observation.cruds?category={LAB}")
        batch = {"resourceType": "Bundle", "type": "batch", "entry": [
            {"request": {"method": "GET", "url": "Observation/seen"}},
            {"request": {"method": "GET", "url": "Observation/hidden"}},
            {"request": {"method": "POST", "url": "Observation"},
             "resource": {**observation("x", VITAL)}},
            {"request": {"method": "PUT", "url": "Observation/hidden"},
             "resource": observation(HIDDEN, LAB)}]}
        answer = self.send("POST", "", headers, batch)
        self.assertEqual([entry["response"]["status"][:3] for entry in answer.json()["entry"]],
                         ["200", "404", "403", "404"])

    def test_a06_what_cannot_be_limited_is_refused(self):
        headers = self.token_of(f"system/Observation.cruds?category={LAB} system/Group.cruds "
                                "system/Patient.cruds")
        self.assert_outcome(self.send("DELETE", "Patient/p?_cascade=delete", headers), 403)
        # A Group that comes by an import may have filters.
        for type, status in (("Observation", 403), ("Group", 403), ("Patient", 202)):
            answer = self.server.post("$import", json.dumps(
                {"inputFormat": "application/fhir+ndjson", "inputSource": "https://x.example",
                 "input": [{"type": type, "url": "https://x.example/o.ndjson"}]}),
                "application/json", {**headers, "Prefer": "respond-async"})
            self.assertEqual(answer.status, status, answer)


if __name__ == "__main__":
    unittest.main()
