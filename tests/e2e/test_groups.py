"""Groups over REST: $add and $remove of members, nested groups and cycles, rosters of a million, what a
Group export takes along (G-01, G-02, G-04, G-05, P-13, A-06, A-12)."""
import glob
import json
import os
import unittest

import corpus
import harness
import smart

MILLION = 1_000_000


def patient(id):
    return {"resourceType": "Patient", "id": id}


def observation(id, patient_id):
    return {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"},
            "subject": {"reference": f"Patient/{patient_id}"},
            "performer": [{"reference": "Practitioner/shared"}]}


def member(reference, **more):
    return {"entity": {"reference": reference}, **more}


class Groups(harness.TestCase):
    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.data = os.path.join(self.folder, "data")
        lines = [{"resourceType": "Practitioner", "id": "shared"}]
        for id in "abcdef":
            lines += [patient(id), observation(f"o-{id}", id)]
        harness.load(self.data, harness.write_lines(os.path.join(self.folder, "in.ndjson"), lines))

    def serve(self, *options, **keywords):
        self.server = harness.start_server(self, self.data, *options, **keywords)
        return self.server

    def put(self, group, headers=None):
        return harness.request("PUT", f"{self.server.base}/Group/{group['id']}",
                               {"Content-Type": harness.FHIR_JSON, **(headers or {})},
                               json.dumps(group).encode())

    def change(self, operation, members, headers=None, id="g", **more):
        body = {"resourceType": "Group", "type": "person", "actual": True, "member": members, **more}
        return self.server.post(f"Group/{id}/${operation}", body, headers=headers)

    def exported(self, id="g", **parameters):
        export = self.server.export(f"Group/{id}/$export", {"_type": "Patient", **parameters})
        return [id for _, id in export.keys()]

    # ---- members come and go ----

    def test_g01_g02_members_come_and_go_one_version_each(self):
        self.serve()
        self.assertEqual(self.put(corpus.group("g", [member("Patient/a")], name="kept")).status, 201)
        answer = self.change("add", [member("Patient/b"), member("Patient/c"), member("Patient/a")])
        self.assert_outcome(answer, 200, "2 added", "1 there already", "version 2", severity="information")
        self.assertEqual(answer.headers["ETag"], 'W/"2"')
        self.assertEqual(self.exported(), ["a", "b", "c"])
        again = self.change("add", [member("Patient/b")])
        self.assertEqual((again.status, again.headers["ETag"]), (200, 'W/"2"'))
        answer = self.change("remove", [member("Patient/a"), member("Patient/nobody")])
        self.assert_outcome(answer, 200, "1 removed", "1 not there", "version 3", severity="information")
        self.assertEqual(self.exported(), ["b", "c"])
        stored = self.server.get("Group/g").json()
        self.assertEqual(stored["name"], "kept")
        self.assertEqual(stored["meta"]["versionId"], "3")
        self.assertEqual([m["entity"]["reference"] for m in stored["member"]], ["Patient/b", "Patient/c"])
        old = self.server.get("Group/g/_history/2").json()
        self.assertEqual(len(old["member"]), 3)
        self.change("remove", [member("Patient/b"), member("Patient/c")])
        self.assertNotIn("member", self.server.get("Group/g").json())
        self.assertEqual(self.exported(), [])
        # Survives a restart, and goes on from there.
        self.server.kill()
        self.server.start()
        self.assertEqual(self.change("add", [member("Patient/d")]).headers["ETag"], 'W/"5"')
        self.assertEqual(self.exported(), ["d"])

    def test_g01_what_is_sent_back(self):
        self.serve()
        self.put(corpus.group("g", []))
        answer = self.change("add", [member("Patient/a")], {"Prefer": "return=minimal"})
        self.assertEqual((answer.status, answer.body, answer.headers["ETag"]), (200, b"", 'W/"2"'))
        answer = self.change("add", [member("Patient/b")], {"Prefer": "return=representation"})
        self.assertEqual(answer.json(), self.server.get("Group/g").json())
        answer = self.change("add", [member("Patient/c")], {"Prefer": "return=OperationOutcome"})
        self.assertEqual(answer.json()["resourceType"], "OperationOutcome")

    def test_g01_as_parameters(self):
        self.serve()
        self.put(corpus.group("g", []))
        group = {"resourceType": "Group", "type": "person", "actual": True, "member": [member("Patient/a")]}

        def send(operation, *parameters):
            return self.server.post(f"Group/g/${operation}",
                                    {"resourceType": "Parameters", "parameter": list(parameters)})
        self.assertEqual(send("add", {"name": "additions", "resource": group}).headers["ETag"], 'W/"2"')
        self.assertEqual(send("remove", {"name": "removals", "resource": group}).headers["ETag"], 'W/"3"')
        for parameters in ([], [{"name": "removals", "resource": group}], [{"name": "additions"}],
                           [{"name": "additions", "resource": group}] * 2,
                           [{"name": "additions", "valueString": "x"}],
                           [{"name": "additions", "resource": group, "valueString": "x"}]):
            self.assert_outcome(send("add", *parameters), 400, "additions")
        self.assertEqual(self.server.get("Group/g").headers["ETag"], 'W/"3"')

    def test_g01_conditions(self):
        self.serve()
        self.put(corpus.group("g", []))
        self.assertEqual(self.change("add", [member("Patient/a")], {"If-Match": 'W/"1"'}).status, 200)
        self.assert_outcome(self.change("add", [member("Patient/b")], {"If-Match": 'W/"1"'}), 412, "version 1")
        self.assertEqual(self.change("remove", [member("Patient/b")], {"If-Match": "*"}).status, 200)
        self.assertEqual(self.change("add", [member("Patient/b")], {"If-None-Match": "*"}).status, 400)
        self.assertEqual(self.exported(), ["a"])

    def test_g01_what_is_refused_changes_nothing(self):
        self.serve()
        self.put(corpus.group("g", [member("Patient/a")]))
        self.put({"resourceType": "Group", "id": "criteria", "type": "person", "actual": False})
        one = [member("Patient/b")]
        for answer, status, *words in (
                (self.change("add", one, id="none"), 404, "Group/none"),
                (self.change("add", one, id="_"), 404),
                (self.change("add", []), 400, "member"),
                (self.change("add", [{}]), 400, "member[0]"),
                (self.change("add", [*one, {"entity": {"display": "x"}}]), 400, "member[1]"),
                (self.change("add", one, name="other"), 400, "'name'"),
                (self.server.post("Group/g/$add", {"resourceType": "Group", "id": "other", "member": one}), 400, "id"),
                (self.server.post("Group/g/$add", patient("b")), 400, "Patient"),
                (self.server.post("Group/g/$add", "{"), 400),
                (self.server.post("Group/g/$add", '{"resourceType":"Group","member":[],"member":[]}'), 400, "twice"),
                (self.server.post("Group/g/$add?x=1", {"resourceType": "Group", "member": one}), 400, "'x'"),
                (self.server.post("Group/g/$add", "a=b", "text/plain"), 415, "text/plain"),
                (self.change("add", one, id="criteria"), 422, "actual")):
            self.assert_outcome(answer, status, *words)
        self.assertEqual(self.server.get("Group/g/$add").status, 405)
        self.assertEqual(self.server.get("Group/g").headers["ETag"], 'W/"1"')
        self.assertEqual(self.exported(), ["a"])

    def test_g01_references_may_be_absent_as_in_an_update(self):
        self.serve()
        self.put(corpus.group("g", []))
        self.change("add", [member("Patient/later"), member("Patient/a")])
        self.assertEqual(self.exported(), ["a"])
        harness.request("PUT", self.server.base + "/Patient/later", {"Content-Type": harness.FHIR_JSON},
                        json.dumps(patient("later")).encode())
        self.assertEqual(self.exported(), ["a", "later"])

    def test_g01_periods_and_inactive_of_added_members_count(self):
        self.serve()
        self.put(corpus.group("g", []))
        self.change("add", [member("Patient/a", inactive=True), member("Patient/b", period={"end": "2001"}),
                            member("Patient/c", period={"start": "2001"}), member("Patient/d", inactive=False)])
        self.assertEqual(self.exported(), ["c", "d"])
        self.change("add", [member("Patient/a")])
        self.assertEqual(self.exported(), ["a", "c", "d"])
        self.change("remove", [member("Patient/a", inactive=True)])
        self.assertEqual(self.exported(), ["a", "c", "d"])
        self.change("remove", [member("Patient/c")])
        self.assertEqual(self.exported(), ["a", "d"])

    def test_p13_who_was_added_since_comes_with_everything(self):
        self.serve()
        self.put(corpus.group("g", [member("Patient/a"), member("Patient/b")]))
        since = self.server.export("Group/g/$export").transaction_time
        self.change("remove", [member("Patient/b")])
        self.change("add", [member("Patient/c")])
        self.change("add", [member("Patient/b")])
        export = self.server.export("Group/g/$export", {"_since": since, "_type": "Patient,Observation"})
        self.assert_same_keys(export.keys(), [(type, prefix + id) for id in "bc"
                                              for type, prefix in (("Patient", ""), ("Observation", "o-"))])

    # ---- groups in groups ----

    def test_g01_nested_groups_and_cycles_by_add(self):
        self.serve()
        self.put(corpus.group("g", [member("Patient/a")]))
        self.put(corpus.group("inner", [member("Patient/b")]))
        self.change("add", [member("Group/inner")])
        self.assertEqual(self.exported(), ["a", "b"])
        self.change("add", [member("Patient/c")], id="inner")
        self.assertEqual(self.exported(), ["a", "b", "c"])
        self.change("add", [member("Group/g")], id="inner")
        headers = {"Accept": harness.FHIR_JSON, "Prefer": "respond-async"}
        for id in ("g", "inner"):
            self.assert_outcome(self.server.get(f"Group/{id}/$export", headers=headers), 400, "member of itself")
        self.change("remove", [member("Group/g")], id="inner")
        self.assertEqual(self.exported(), ["a", "b", "c"])
        self.change("remove", [member("Group/inner")])
        self.assertEqual(self.exported(), ["a"])

    # ---- what belongs to an export ----

    def test_g05_the_group_itself_only_when_asked_supporting_resources_once(self):
        self.serve()
        self.put(corpus.group("g", [member("Patient/a"), member("Patient/b")]))
        both = [(type, prefix + id) for id in "ab" for type, prefix in (("Patient", ""), ("Observation", "o-"))]
        self.assert_same_keys(self.server.export("Group/g/$export").keys(), [*both, ("Practitioner", "shared")])
        export = self.server.export("Group/g/$export", {"_type": "Patient,Observation,Group"})
        self.assert_same_keys(export.keys(), [*both, ("Group", "g")])

    def test_g04_a_group_of_a_million_members(self):
        roster = ["Patient/a", *(f"Patient/absent-{i}" for i in range(MILLION - 2)), "Patient/b"]
        path = harness.write_lines(os.path.join(self.folder, "million.ndjson"),
                                   [corpus.group("g", [member(reference) for reference in roster])])
        harness.load(self.data, path)
        self.serve()
        self.assertEqual(self.exported(), ["a", "b"])
        since = self.server.export("Group/g/$export").transaction_time
        answer = self.change("add", [member("Patient/c"), member("Patient/a")])
        self.assert_outcome(answer, 200, "1 added", "1 there already", severity="information")
        answer = self.change("remove", [member("Patient/a"), member("Patient/absent-7")])
        self.assert_outcome(answer, 200, "2 removed", severity="information")
        self.assertEqual(self.exported(), ["b", "c"])
        self.assertEqual(self.exported(_since=since), ["c"])
        stored = self.server.get("Group/g").json()
        self.assertEqual([m["entity"]["reference"] for m in stored["member"]],
                         [*(r for r in roster if r not in ("Patient/a", "Patient/absent-7")), "Patient/c"])

    # ---- who may ----

    def test_a06_a12_scopes_groups_and_the_audit_log(self):
        client = smart.Client(self.folder, self.data, "all", scope="system/*.cruds")
        grouped = smart.Client(self.folder, self.data, "grouped", scope="system/*.cruds", options=("--group", "g"))
        server = self.serve(is_open=False)
        self.assertEqual(self.put(corpus.group("g", []), client.headers(server, "system/Group.u")).status, 201)
        for scope, status in (("system/Group.u", 200), ("system/Group.write", 200), ("system/*.cruds", 200),
                              ("system/Group.r", 403), ("system/Group.c", 403), ("system/Patient.u", 403)):
            headers = client.headers(server, scope)
            for operation in ("add", "remove"):
                self.assertEqual(self.change(operation, [member("Patient/a")], headers).status, status, scope)
        self.assertEqual(self.change("add", [member("Patient/a")]).status, 401)
        self.assert_outcome(self.change("add", [member("Patient/a")], grouped.headers(server)), 403, "its groups only")
        self.assertEqual(self.change("add", [member("Patient/a")], client.headers(server), id="none").status, 404)
        server.stop()
        events = []
        for path in sorted(glob.glob(os.path.join(self.data, "audit", "*.ndjson"))):
            with open(path, encoding="utf-8") as lines:
                events += map(json.loads, lines)
        changes = [e for e in events if e["subtype"][0]["code"] == "resource-update" and "$" in e.get("outcomeDesc", "")]
        self.assertEqual(len(changes), 8)
        self.assertEqual({e["entity"][0]["what"]["reference"] for e in changes}, {"Group/g", "Group/none"})
        self.assertEqual([e["outcome"] for e in changes], ["0"] * 7 + ["4"])

    def test_c02_the_operations_are_defined(self):
        self.serve()
        groups = next(r for r in self.server.get("metadata").json()["rest"][0]["resource"] if r["type"] == "Group")
        operations = {o["name"]: o["definition"] for o in groups["operation"]}
        for name in ("add", "remove"):
            definition = harness.request("GET", operations[name]).json()
            self.assertEqual((definition["code"], definition["instance"], definition["resource"]),
                             (name, True, ["Group"]))
            self.assertEqual(definition["url"], operations[name])


if __name__ == "__main__":
    unittest.main()
