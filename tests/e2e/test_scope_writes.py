"""Conditional writes and transactions by scopes with a search query (A-06, R-06): they find, read and write what is inside, and
tell nothing of what is outside."""
import unittest

from scoped import HIDDEN, LAB, SEEN, VITAL, ScopedCase, observation


class ScopeWrites(ScopedCase):
    # ---- conditional writes ----

    def alike(self, *answers):
        """The answers about what is hidden and about what is not there, which must not differ."""
        hidden, none = answers
        self.assertEqual((hidden.status, hidden.body.replace(b"hidden", b"nothing")), (none.status, none.body))
        self.assertEqual(sorted(hidden.headers.keys()), sorted(none.headers.keys()))
        return hidden

    def status_of(self, id):
        """Of a resource as it is stored, whoever may see it."""
        answer = self.send("GET", f"Observation/{id}", self.everything)
        return answer.json()["status"] if answer.status == 200 else answer.status

    def test_a06_a_condition_finds_what_is_inside(self):
        headers = self.token_of(f"system/Observation.cruds?category={LAB}")
        body = observation(SEEN, LAB, status="corrected")
        # One of the three that are final is inside.
        found = self.send("POST", "Observation", headers, body, {"If-None-Exist": "status=final"})
        self.assertEqual((found.status, found.json()["id"]), (200, SEEN))
        updated = self.send("PUT", "Observation?status=final", headers, body)
        self.assertEqual((updated.status, updated.json()["id"]), (200, SEEN))
        # None, though there are two outside.
        created = self.send("POST", "Observation", headers, observation("x", LAB), {"If-None-Exist": "status=final"})
        self.assertEqual(created.status, 201)
        answer = self.send("DELETE", f"Observation?_id={created.json()['id']},hidden,of-q", headers)
        self.assertEqual(answer.status, 204)
        self.assertEqual([self.status_of(id) for id in (created.json()["id"], HIDDEN, "of-q")], [410, "final", "final"])
        # Two inside.
        self.assert_outcome(self.send("DELETE", "Observation?_id=seen,second", headers), 412)
        self.assert_outcome(self.send("PUT", "Observation?status=amended,corrected", headers, body), 412)
        # A chain looks at what may be seen of the other type too.
        headers = self.token_of("system/Observation.cruds system/Patient.rs?gender=female")
        self.assertEqual(self.send("DELETE", "Observation?patient.name=Brown", headers).status, 204)
        self.assertEqual(self.status_of("of-q"), "final")

    def test_a06_a_conditional_write_needs_the_resource_inside_before_and_after(self):
        headers = self.token_of(f"system/Observation.cruds?category={LAB}")
        outside = {**observation("x", VITAL)}
        self.assert_outcome(self.send("POST", "Observation", headers, outside, {"If-None-Exist": "status=unknown"}), 403)
        self.assert_outcome(self.send("PUT", "Observation?status=final", headers, {**outside, "id": SEEN}), 403)
        # Nothing to update is answered in the same way, whatever id is named, and whether it is taken.
        for query in ("category=" + VITAL, "status=unknown", "_id=hidden"):
            self.alike(*(self.send("PUT", "Observation?" + query, headers, observation(id, LAB))
                         for id in (HIDDEN, "nothing")))
            self.assert_outcome(self.send("PUT", "Observation?" + query, headers, observation(HIDDEN, LAB)), 404)
            for more in ({"If-Match": 'W/"1"'}, {"If-Match": "*"}):
                for method in ("PUT", "DELETE"):
                    body = observation(HIDDEN, LAB) if method == "PUT" else None
                    answer = self.send(method, "Observation?" + query, headers, body, more)
                    self.assert_outcome(answer, 412)
        self.assertEqual(self.status_of(HIDDEN), "final")
        # What is found by one letter and not covered by another: it may be seen, so this is no secret.
        headers = self.token_of(f"system/Observation.rs system/Observation.ud?category={LAB}")
        self.assert_outcome(self.send("DELETE", "Observation?_id=hidden", headers), 403)
        self.assert_outcome(self.send("PUT", "Observation?_id=hidden", headers, observation(HIDDEN, LAB)), 403)
        # And what another letter covers is not found.
        headers = self.token_of(f"system/Observation.rs?category={LAB} system/Observation.cud")
        self.assertEqual(self.send("DELETE", "Observation?_id=hidden", headers).status, 204)
        self.assertEqual(self.status_of(HIDDEN), "final")
        self.assert_outcome(self.send("PUT", "Observation?_id=hidden", headers, observation(HIDDEN, LAB)), 404)

    # ---- transactions ----

    def transaction(self, headers, *entries, more=None):
        made = []
        for method, url, *rest in entries:
            entry = {"request": {"method": method, "url": url, **(rest[1] if len(rest) > 1 else {})}}
            if rest and rest[0] is not None:
                entry["resource"] = rest[0]
            made.append(entry)
        return self.send("POST", "", headers, {"resourceType": "Bundle", "type": "transaction", "entry": made}, more)

    def test_a06_a_transaction_is_limited_entry_by_entry(self):
        headers = self.token_of(f"system/Observation.cruds?category={LAB} system/Patient.rs?gender=female")
        child = {**observation("x", LAB), "hasMember": [{"reference": "Observation?status=final"}],
                 "subject": {"reference": "Patient?gender=female,male"}}
        answer = self.transaction(
            headers, ("GET", "Observation/second"), ("PUT", "Observation/second", observation("second", LAB, "q")),
            ("POST", "Observation", child), ("GET", "Observation?status=final"),
            ("GET", "Observation?_summary=count"), ("DELETE", "Observation/hidden"), ("DELETE", "Observation/nothing"),
            ("DELETE", "Observation?category=" + VITAL), more={"Prefer": "return=representation"})
        # The reference finds seen, not hidden nor of-q; second is replaced by this Bundle and final too.
        self.assert_outcome(answer, 412, "conditional reference")
        child["hasMember"] = [{"reference": "Observation?status=final&_id=seen,hidden"}]
        answer = self.transaction(
            headers, ("GET", "Observation/second"), ("PUT", "Observation/second", observation("second", LAB, "q")),
            ("POST", "Observation", child), ("GET", "Observation?status=final"),
            ("GET", "Observation?_summary=count"), ("DELETE", "Observation/hidden"), ("DELETE", "Observation/nothing"),
            ("DELETE", "Observation?category=" + VITAL), more={"Prefer": "return=representation"})
        self.assertEqual(answer.status, 200, answer)
        entries = answer.json()["entry"]
        self.assertEqual([e["response"]["status"][:3] for e in entries],
                         ["200", "200", "201", "200", "200", "204", "204", "204"])
        self.assertEqual(entries[0]["resource"]["status"], "final")
        made = entries[2]["resource"]
        self.assertEqual((made["hasMember"][0]["reference"], made["subject"]["reference"]),
                         ("Observation/seen", "Patient/p"))
        self.assertEqual({e["resource"]["id"] for e in entries[3]["resource"]["entry"]}, {SEEN, "second", made["id"]})
        self.assertEqual(entries[4]["resource"]["total"], 3)
        self.assertEqual(sorted(entries[5]["response"]), sorted(entries[6]["response"]))
        self.assertEqual([self.status_of(id) for id in (HIDDEN, "of-q")], ["final", "final"])

    def test_a06_a_transaction_does_not_tell_what_is_outside_from_nothing(self):
        headers = self.token_of(f"system/Observation.cruds?category={LAB}")
        patch = {"resourceType": "Binary", "contentType": "application/json-patch+json",
                 "data": "W3sib3AiOiJhZGQiLCJwYXRoIjoiL3N0YXR1cyIsInZhbHVlIjoiZmluYWwifV0="}
        first = ("PUT", "Observation/second", observation("second", LAB, status="entered-in-error"))
        for method, url, body, more in (
                ("GET", "Observation/{}", None, {}), ("GET", "Observation/{}/_history/1", None, {}),
                ("PUT", "Observation/{}", LAB, {}), ("PUT", "Observation/{}", LAB, {"ifMatch": 'W/"1"'}),
                ("PUT", "Observation?_id={}", LAB, {}), ("PATCH", "Observation/{}", patch, {}),
                ("PATCH", "Observation?_id={}", patch, {}), ("DELETE", "Observation/{}", None, {"ifMatch": 'W/"1"'}),
                ("PUT", "Observation/{}", LAB, {"ifNoneMatch": "*"})):
            with self.subTest(method=method, url=url, more=more):
                answer = self.alike(*(self.transaction(
                    headers, first, (method, url.format(id), observation(id, LAB) if body == LAB else body, more))
                    for id in (HIDDEN, "nothing")))
                self.assertIn(answer.status, (404, 412))
        for entry in (("POST", "Observation", observation("x", VITAL)), ("PUT", "Observation/seen", observation(SEEN, VITAL)),
                      ("PUT", "Observation?status=final", observation(SEEN, VITAL))):
            self.assert_outcome(self.transaction(headers, first, entry), 403)
        # Nothing was done of any of them.
        self.assertEqual([self.status_of(id) for id in (HIDDEN, "second", SEEN)], ["final", "amended", "final"])

    def test_a06_the_letters_of_a_transaction_count_one_by_one(self):
        headers = self.token_of(f"system/Observation.r?category={LAB} system/Observation.us")
        # What the transaction takes out of what may be read cannot be read in it.
        out = ("PUT", "Observation/seen", observation(SEEN, VITAL))
        self.assert_outcome(self.transaction(headers, out, ("GET", "Observation/seen")), 404, "entry[1]")
        self.assertEqual(self.transaction(headers, ("GET", "Observation/seen")).status, 200)
        self.assert_outcome(self.transaction(headers, ("GET", "Observation/hidden")), 404)
        self.assertEqual(self.transaction(headers, ("PUT", "Observation/hidden", observation(HIDDEN, VITAL))).status, 200)
        # Found, but not to be changed.
        headers = self.token_of(f"system/Observation.s system/Observation.ud?category={LAB}")
        for method, body in (("DELETE", None), ("PUT", observation(HIDDEN, LAB))):
            self.assert_outcome(self.transaction(headers, (method, "Observation?_id=hidden", body)), 403, "entry[0]")
        # What a create found is given back to who may read it.
        for scope, shown in ((f"r?category={VITAL}", False), (f"r?category={LAB}", True)):
            headers = self.token_of(f"system/Observation.cs system/Observation.{scope}")
            answer = self.transaction(headers, ("POST", "Observation", observation("x", LAB), {"ifNoneExist": "_id=seen"}),
                                      more={"Prefer": "return=representation"})
            self.assertEqual((answer.status, "resource" in answer.json()["entry"][0]), (200, shown), scope)

    # ---- what a write tells ----

    def test_a06_a_patch_reads_nothing_without_the_right_to_read(self):
        """An empty patch changes nothing: what it left is shown to who may read it."""
        json_patch = {"Content-Type": "application/json-patch+json", "Prefer": "return=representation"}
        binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": "W10="}  # []
        for scope, shown in (("system/Observation.u", False), (f"system/Observation.u system/Observation.rs?category={VITAL}", False),
                             (f"system/Observation.u system/Observation.rs?category={LAB}", True), ("system/Observation.ru", True)):
            with self.subTest(scope=scope):
                headers = self.token_of(scope)
                alone = self.send("PATCH", "Observation/seen", {**headers, **json_patch}, [])
                self.assertEqual((alone.status, alone.body != b""), (200, shown), alone)
                answer = self.transaction(headers, ("PATCH", "Observation/seen", binary), more={"Prefer": "return=representation"})
                self.assertEqual((answer.status, "resource" in answer.json()["entry"][0]), (200, shown), answer)
                batch = self.send("POST", "", headers, {"resourceType": "Bundle", "type": "batch", "entry": [
                    {"request": {"method": "PATCH", "url": "Observation/seen"}, "resource": binary}]},
                    {"Prefer": "return=representation"})
                entry = batch.json()["entry"][0]
                self.assertEqual((entry["response"]["status"][:3], "resource" in entry), ("200", shown), entry)

    def test_a06_a_create_that_finds_shows_it_to_who_may_read(self):
        for scope, shown in (("s", False), ("rs", True)):
            headers = self.token_of(f"system/Observation.c{scope}" if scope == "s" else "system/Observation.crs")
            answer = self.send("POST", "Observation", headers, observation("x", LAB),
                               {"If-None-Exist": "_id=seen", "Prefer": "return=representation"})
            self.assertEqual((answer.status, answer.body != b""), (200, shown), answer)

    def test_r06_members_are_told_to_who_may_read_the_group(self):
        self.send("PUT", "Group/told", self.everything, {
            "resourceType": "Group", "id": "told", "type": "person", "actual": True,
            "member": [{"entity": {"reference": "Patient/p"}}]})
        body = {"resourceType": "Group", "type": "person", "actual": True, "member": [{"entity": {"reference": "Patient/none"}}]}
        for scope, shown in (("system/Group.u", False), ("system/Group.ru", True)):
            answer = self.send("POST", "Group/told/$remove", self.token_of(scope), body, {"Prefer": "return=representation"})
            self.assertEqual((answer.status, b"Patient/p" in answer.body), (200, shown), answer)


if __name__ == "__main__":
    unittest.main()
