"""Groups with member-filter by scopes with a search query (A-06, G-03, R-06): filters see what the client may read who defines
the Group, at once, when it is refreshed and when it is exported, and tell nothing of what is outside."""
import json
import time
import unittest

import harness
from scoped import LAB, PROFILE, VITAL, ScopedCase

LIMIT = "urn:sluice:cohort-limit"
BY_LAB = f"system/Observation.rs?category={LAB} system/Patient.rs system/Group.cruds"


def cohort(*expressions, members=(), **more):
    group = {"resourceType": "Group", "type": "person", "actual": bool(members), "name": "c",
             "modifierExtension": [{"url": PROFILE + "/member-filter",
                                    "valueExpression": {"language": "application/x-fhir-query", "expression": text}}
                                   for text in expressions], **more}
    if members:
        group["member"] = [{"entity": {"reference": reference}} for reference in members]
    return group


def limits(group):
    return {(part["extension"][0]["valueCode"], *(q["valueString"] for q in part["extension"][1:]))
            for part in group.get("extension", ()) if part["url"] == LIMIT}


class ScopeCohorts(ScopedCase):
    def asynchronously(self, method, path, headers, body):
        """The Bundle's entry at the end."""
        answer = self.send(method, path, headers, body, {"Prefer": "respond-async"})
        self.assertEqual(answer.status, 202, answer)
        return harness.wait(answer.headers["Content-Location"], headers=headers).manifest["entry"][0]

    def stored(self, id):
        """The Group once its members are found."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            group = self.send("GET", f"Group/{id}", self.everything).json()
            if "quantity" in group:
                return group
            time.sleep(0.2)
        raise AssertionError("the cohort was not evaluated")

    def assert_chooses(self, scope, expected, *expressions):
        """The patients of the cohort, made in both ways, whoever looks at it."""
        headers = self.token_of(scope)
        ids = [self.asynchronously("POST", "Group", headers, cohort(*expressions))["resource"]["id"]]
        answer = self.send("POST", "Group", headers, cohort(*expressions))
        self.assertEqual(answer.status, 201, answer)
        ids.append(answer.json()["id"])
        for id in ids:
            self.assertEqual(self.stored(id)["quantity"], len(expected), (scope, expressions))
            found = self.exported(self.everything, f"Group/{id}/$export", _type="Patient")[2]
            self.assertEqual(found, {"Patient/" + patient for patient in expected}, (scope, expressions))
        return ids[0]

    def test_a06_g03_filters_see_what_the_scopes_cover(self):
        everything = "system/*.cruds"
        women = f"system/Observation.rs system/Patient.rs?gender=female system/Group.cruds"
        for scope, expected, *expressions in (
                (everything, "pq", "Observation?status=final"), (BY_LAB, "p", "Observation?status=final"),
                (BY_LAB, "", "Observation?category=" + VITAL), (everything, "pq", "Observation?category=" + VITAL),
                (BY_LAB, "p", "Patient?_has:Observation:patient:status=final"),
                (BY_LAB, "q", "Observation?status=amended", "Patient?gender=male"),
                # The subject has limits too, as found and as looked at by a chain.
                (women, "p", "Patient?gender:missing=false"), (women, "", "Observation?status=amended"),
                (women, "p", "Observation?status=final"), (women, "", "Observation?patient.gender=male")):
            self.assert_chooses(scope, set(expected), *expressions)

    def test_a06_g03_the_limits_stay_with_the_group(self):
        id = self.assert_chooses(BY_LAB, {"p"}, "Observation?status=final")
        group = self.stored(id)
        self.assertEqual(limits(group), {("Observation", "category=" + LAB)})
        # Evaluated at each export they hold as well, and as of it.
        self.server.stop()
        self.server = harness.start_server(self, self.data, "--cohort-refresh", "0", is_open=False)
        self.everything = self.all.headers(self.server)
        exported = lambda: self.exported(self.everything, f"Group/{id}/$export", _type="Patient")[2]
        self.assertEqual(exported(), {"Patient/p"})
        self.send("DELETE", "Observation/seen", self.everything)
        self.assertEqual(exported(), set())
        # Who defines it anew without limits gives it none, and what a client says of limits does not count.
        body = cohort("Observation?status=final", id=id, extension=group["extension"])
        answer = self.send("PUT", f"Group/{id}", self.everything, body)
        self.assertEqual((answer.status, limits(answer.json())), (200, set()))
        self.assertEqual(exported(), {"Patient/p", "Patient/q"})
        hidden = json.dumps(body).replace("cohort-limit", "cohort\\u002dlimit")
        answer = harness.request("PUT", f"{self.server.base}/Group/{id}",
                                 {**self.everything, "Content-Type": harness.FHIR_JSON}, hidden.encode())
        self.assertEqual((answer.status, limits(answer.json())), (200, set()))
        self.assertEqual(exported(), {"Patient/p", "Patient/q"})
        answer = self.send("PUT", f"Group/{id}", self.token_of(BY_LAB), body)
        self.assertEqual((answer.status, limits(answer.json())), (200, {("Observation", "category=" + LAB)}))
        self.assertEqual(exported(), set())

    def test_a06_g03_the_group_must_be_inside_before_and_after(self):
        scope = "system/Patient.rs system/Group.cruds?_id=g"
        headers = self.token_of(scope)
        body = cohort("Patient?gender=female")
        for id in ("other", "nosuch"):
            self.assert_outcome(self.send("PUT", f"Group/{id}", headers, {**body, "id": id}), 404)
            entry = self.asynchronously("PUT", f"Group/{id}", headers, {**body, "id": id})
            self.assertEqual(entry["response"]["status"], "404 Not Found")
        self.assert_outcome(self.send("POST", "Group", headers, body), 403)
        self.assertEqual(self.asynchronously("POST", "Group", headers, body)["response"]["status"], "403 Forbidden")
        entry = self.asynchronously("PUT", "Group/g", headers, {**body, "id": "g"})
        self.assertEqual((entry["response"]["status"], entry["resource"]["quantity"]), ("200 OK", 1))
        # Its job is shown to tokens that cover it.
        answer = self.send("PUT", "Group/g", headers, {**body, "id": "g"}, {"Prefer": "respond-async"})
        status = answer.headers["Content-Location"]
        harness.wait(status, headers=headers)
        for of, expected in ((scope, 200), ("system/*.cruds", 200), ("system/Group.u?_id=other", 403),
                             ("system/Group.r", 403)):
            self.assertEqual(harness.request("GET", status, self.token_of(of)).status, expected, of)

    def test_a06_g03_a_base_that_is_outside_is_not_there(self):
        headers = self.token_of("system/Patient.rs system/Group.cu system/Group.rs?_id=g,nosuch")
        make = lambda member: self.send("POST", "Group", headers, cohort("Patient?gender=female", members=[member]),
                                        {"Prefer": "respond-async"})
        answers = []
        for member in ("Group/g", "Group/other", "Group/nosuch"):
            status = make(member).headers["Content-Location"]
            answer = harness.request("GET", status, headers)
            while answer.status in (202, 429):
                time.sleep(0.1)
                answer = harness.request("GET", status, headers)
            answers.append(answer)
        self.assertEqual(answers[0].json()["entry"][0]["resource"]["quantity"], 1)
        self.assertEqual((answers[1].status, answers[1].body.replace(b"other", b"nosuch")),
                         (answers[2].status, answers[2].body))

    def test_a06_g03_members_are_no_way_to_ask_about_what_is_outside(self):
        change = {"resourceType": "Group", "type": "person", "actual": True,
                  "member": [{"entity": {"reference": "Patient/q"}}]}
        wide = cohort("Observation?category=" + VITAL, members=["Patient/p"])
        by_all = self.send("POST", "Group", self.everything, wide).json()["id"]
        by_lab = self.send("POST", "Group", self.token_of(BY_LAB), wide).json()["id"]
        narrow = self.token_of(BY_LAB)
        self.assert_outcome(self.send("POST", f"Group/{by_all}/$add", narrow, change), 403, "Observation")
        self.assert_outcome(self.send("POST", f"Group/{by_lab}/$add", self.token_of("system/Group.cruds"), change), 403)
        for headers in (narrow, self.everything):
            for operation in ("$add", "$remove"):
                self.assertEqual(self.send("POST", f"Group/{by_lab}/{operation}", headers, change).status, 200)
        self.assertEqual(limits(self.stored(by_lab)), {("Observation", "category=" + LAB)})
        self.assertEqual(self.stored(by_lab)["quantity"], 0)
        self.assertEqual(self.stored(by_all)["quantity"], 1)


if __name__ == "__main__":
    unittest.main()
