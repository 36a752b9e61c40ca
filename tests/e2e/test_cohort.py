"""Groups that are defined by filters (the Bulk Cohort API): made at once and asynchronously, stored and refreshed
or evaluated at each export, refused when anything of a filter is not understood (G-02, G-03, P-13, A-06, A-12).

Who belongs to a cohort is worked out here from the loaded data, apart from the server's search."""
import glob
import json
import os
import time
import unittest

import corpus
import fhir_model
import harness
import smart

PROFILE = "http://hl7.org/fhir/uv/bulkdata/StructureDefinition"
CLASS = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
# Longer than any test: what is refreshed is refreshed because it changed.
RARELY = ("--cohort-refresh", "86400")
AT_EXPORT = ("--cohort-refresh", "0")


def cohort(name, *expressions, type="person", members=(), **more):
    group = {"resourceType": "Group", "type": type, "actual": bool(members), "name": name,
             "modifierExtension": [{"url": f"{PROFILE}/member-filter",
                                    "valueExpression": {"language": "application/x-fhir-query", "expression": text}}
                                   for text in expressions], **more}
    if members:
        group["member"] = [{"entity": {"reference": reference}} for reference in members]
    return group


def refreshed(group):
    found = [e["valueDateTime"] for e in group.get("extension", []) if e["url"] == f"{PROFILE}/members-refreshed"]
    return found[0] if found else None


def has_code(concept, code):
    return any(c.get("code") == code for c in (concept or {}).get("coding", []))


def staff_lines(patient):
    """Practitioners of whom each does something else: in a small population all do everything."""
    subject, by = {"reference": f"Patient/{patient}"}, lambda id: {"reference": f"Practitioner/{id}"}
    for id in ("z-emergency", "z-wellness", "z-both", "z-team", "z-idle"):
        yield {"resourceType": "Practitioner", "id": id, "active": True}
    for id, code, who in (("z-1", "EMER", "z-emergency"), ("z-2", "AMB", "z-wellness"), ("z-3", "EMER", "z-both"),
                          ("z-4", "AMB", "z-both")):
        type = "50849002" if code == "EMER" else "162673000"
        yield {"resourceType": "Encounter", "id": id, "status": "finished", "class": {"system": CLASS, "code": code},
               "type": [{"coding": [{"system": "http://snomed.info/sct", "code": type}]}], "subject": subject,
               "participant": [{"individual": by(who)}]}
    for id, status, who in (("z-1", "stopped", "z-both"), ("z-2", "active", "z-wellness")):
        yield {"resourceType": "MedicationRequest", "id": id, "status": status, "intent": "order", "subject": subject,
               "medicationCodeableConcept": {"text": "x"}, "requester": by(who)}
    for id, status, who in (("z-1", "inactive", "z-team"), ("z-2", "active", "z-idle")):
        yield {"resourceType": "CareTeam", "id": id, "status": status, "subject": subject,
               "participant": [{"member": by(who)}]}


class CohortCase(harness.TestCase):
    def send(self, method, path, body=None, headers=None):
        return harness.request(method, f"{self.server.base}/{path}",
                               {"Content-Type": harness.FHIR_JSON, **(headers or {})},
                               json.dumps(body).encode() if body is not None else None)

    def asynchronously(self, method, path, body, headers=None):
        """The Bundle's entry at the end."""
        answer = self.send(method, path, body, {"Prefer": "respond-async", **(headers or {})})
        self.assertEqual(answer.status, 202, answer)
        end = harness.wait(answer.headers["Content-Location"], headers=headers).manifest
        self.assertEqual((end["resourceType"], end["type"], len(end["entry"])), ("Bundle", "batch-response", 1))
        return end["entry"][0]

    def patients(self, id, **parameters):
        export = self.server.export(f"Group/{id}/$export", {"_type": "Patient", **parameters})
        return [id for _, id in export.keys()]

    def wait_until_stored(self, id, after=None):
        """The Group once the server has found its members."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            group = self.send("GET", f"Group/{id}").json()
            if refreshed(group) not in (None, after):
                return group
            time.sleep(0.2)
        raise AssertionError("the cohort was not evaluated")


class Cohorts(CohortCase):
    """On a whole population."""

    @classmethod
    def setUpClass(cls):
        cls.folder = harness.temporary_folder(cls)
        cls.data = os.path.join(cls.folder, "data")
        cls.corpus = corpus.base_corpus(cls.folder, types=corpus.SMALL_TYPES)
        cls.corpus.add("staff.ndjson", staff_lines(cls.corpus.ids("Patient")[0]))
        harness.load(cls.data, *cls.corpus.paths)
        cls.resources = cls.corpus.resources
        cls.server = harness.start_server(cls, cls.data, *RARELY)

    def having(self, type_name, test):
        """The patients in whose compartments a resource of the type passes."""
        return {owner for (name, _), resource in self.resources.items() if name == type_name and test(resource)
                for owner in fhir_model.owners(resource) if ("Patient", owner) in self.resources}

    def of(self, type_name, test):
        return {id for (name, id), resource in self.resources.items() if name == type_name and test(resource)}

    def ambulatory(self):
        return self.having("Encounter", lambda e: e["class"].get("code") == "AMB" and e["class"].get("system") == CLASS)

    def test_g03_cohorts_are_whom_all_filters_choose(self):
        women = self.of("Patient", lambda p: p.get("gender") == "female")
        old = self.of("Patient", lambda p: p.get("birthDate", "9999") < "1970-01-01")
        weighed = self.having("Observation", lambda o: has_code(o["code"], "29463-7"))
        ended = self.having("Condition", lambda c: has_code(c.get("clinicalStatus"), "resolved"))
        for expressions, expected in (
                (["Patient?gender=female"], women),
                (["Patient?gender=female&birthdate=lt1970-01-01"], women & old),
                (["Patient?gender=female", "Patient?birthdate=lt1970-01-01"], women & old),
                ([f"Encounter?class={CLASS}|AMB"], self.ambulatory()),
                (["Observation?code=http://loinc.org|29463-7", f"Encounter?class={CLASS}|AMB", "Patient?gender=female"],
                 weighed & self.ambulatory() & women),
                (["Condition?clinical-status=resolved", "Patient?gender:not=female"], ended - women),
                (["Condition?clinical-status=resolved&patient.gender=female"], ended & women),
                (["Patient?_has:Condition:patient:clinical-status=resolved"], ended),
                (["Patient?gender=unknown-to-all"], set())):
            with self.subTest(expressions=expressions):
                entry = self.asynchronously("POST", "Group", cohort("c", *expressions))
                self.assertEqual(entry["response"]["status"], "201 Created")
                group = entry["resource"]
                self.assertEqual(group["quantity"], len(expected))
                self.assertTrue(refreshed(group))
                self.assertEqual(self.patients(group["id"]), sorted(expected))

    def test_g03_the_story_of_an_asynchronous_create(self):
        body = cohort("women", "Patient?gender=female", extension=[{"url": "urn:other", "valueCode": "x"}])
        entry = self.asynchronously("POST", "Group", body)
        group, response = entry["resource"], entry["response"]
        path = f"Group/{group['id']}"
        self.assertEqual(response["location"], f"{self.server.base}/{path}/_history/1")
        self.assertEqual(response["etag"], 'W/"1"')
        self.assertEqual(response["lastModified"], group["meta"]["lastUpdated"])
        self.assertEqual(self.send("GET", path).json(), group)
        self.assertIn({"url": "urn:other", "valueCode": "x"}, group["extension"])
        self.assertLessEqual(refreshed(group), group["meta"]["lastUpdated"])
        self.assertNotIn("member", group)
        # An update in the same way, on a condition.
        body = {**body, "id": group["id"], "modifierExtension": cohort("m", "Patient?gender=male")["modifierExtension"]}
        entry = self.asynchronously("PUT", path, body, {"If-Match": 'W/"1"'})
        self.assertEqual((entry["response"]["status"], entry["response"]["etag"]), ("200 OK", 'W/"2"'))
        self.assertEqual(self.patients(group["id"]), sorted(self.of("Patient", lambda p: p.get("gender") == "male")))
        answer = self.send("PUT", path, body, {"Prefer": "respond-async", "If-Match": 'W/"1"'})
        self.assert_outcome(answer, 412, "If-Match")
        entry = self.asynchronously("PUT", "Group/by-put", {**body, "id": "by-put"}, {"Prefer": "respond-async, return=minimal"})
        self.assertEqual((entry["response"]["status"], "resource" in entry), ("201 Created", False))

    def test_g03_the_status_url(self):
        answer = self.send("POST", "Group", cohort("c", "Patient?gender=female"), {"Prefer": "respond-async"})
        status = answer.headers["Content-Location"]
        harness.wait(status)
        done = harness.request("GET", status)
        self.assertEqual(done.headers["Content-Type"], harness.FHIR_JSON)
        self.assertTrue(done.headers["Expires"])
        group = done.json()["entry"][0]["resource"]["id"]
        self.assertEqual(harness.request("DELETE", status).status, 202)
        self.assertEqual(harness.request("GET", status).status, 404)
        self.assertEqual(self.send("GET", f"Group/{group}").status, 200)
        self.assertEqual(harness.request("GET", status + "/files/x").status, 404)

    def test_g03_at_once_the_definition_is_stored_and_works(self):
        body = cohort("women", "Patient?gender=female",
                      extension=[{"url": f"{PROFILE}/members-refreshed", "valueDateTime": "2020-01-01"}])
        answer = self.send("POST", "Group", body)
        self.assertEqual(answer.status, 201, answer)
        self.assertNotEqual(refreshed(answer.json()), "2020-01-01")
        women = sorted(self.of("Patient", lambda p: p.get("gender") == "female"))
        self.assertEqual(self.patients(answer.json()["id"]), women)
        stored = self.wait_until_stored(answer.json()["id"])
        self.assertEqual(stored["quantity"], len(women))
        self.assertEqual(self.patients(stored["id"]), women)

    def test_g03_member_narrows_the_population(self):
        women = self.of("Patient", lambda p: p.get("gender") == "female")
        some = self.corpus.ids("Patient")[::2]
        self.assertEqual(self.send("PUT", "Group/some", corpus.group("some", [
            {"entity": {"reference": f"Patient/{id}"}} for id in some[2:]] + [
            {"entity": {"reference": f"Patient/{some[1]}"}, "inactive": True}])).status, 201)
        members = [f"Patient/{some[0]}", "Group/some", "Patient/nobody"]
        entry = self.asynchronously("POST", "Group", cohort("c", "Patient?gender=female", members=members))
        expected = women & ({some[0]} | set(some[2:]))
        self.assertEqual(self.patients(entry["resource"]["id"]), sorted(expected))
        # A cohort as a base, and in a group of others.
        inner = "Group/" + entry["resource"]["id"]
        entry = self.asynchronously("POST", "Group", cohort("d", f"Encounter?class={CLASS}|AMB", members=[inner]))
        self.assertEqual(self.patients(entry["resource"]["id"]), sorted(expected & self.ambulatory()))
        other = next(id for id in self.corpus.ids("Patient") if id not in expected)
        self.send("PUT", "Group/both", corpus.group("both", [{"entity": {"reference": r}} for r in (inner, f"Patient/{other}")]))
        self.assertEqual(self.patients("both"), sorted(expected | {other}))
        response = self.asynchronously("POST", "Group", cohort("e", "Patient?gender=female",
                                                              members=["Group/nowhere"]))["response"]
        self.assertTrue(response["status"].startswith("422"), response)
        self.assertIn("Group/nowhere", response["outcome"]["issue"][0]["diagnostics"])

    def assert_chooses(self, type, expected, *expressions):
        """A cohort is of just these: there are so many, all of them when it may choose from these, and none of others."""
        def count(*members):
            entry = self.asynchronously("POST", "Group", cohort("c", *expressions, type=type.lower(), members=members))
            self.assertEqual(entry["response"]["status"], "201 Created", entry)
            return entry["resource"]["quantity"]
        self.assertEqual(count(), len(expected))
        self.assertEqual(count(*(f"{type}/{id}" for id in expected), f"{type}/nobody"), len(expected))
        others = set(self.of(type, lambda resource: True)) - expected
        self.assertTrue(others)
        self.assertEqual(count(*(f"{type}/{id}" for id in others)), 0)

    def named_by(self, subject, type_name, path, test):
        """Those whom resources of a type that pass refer to at a path of elements."""
        def values(element, names):
            if isinstance(element, list):
                for each in element:
                    yield from values(each, names)
            elif not names:
                yield element
            elif names[0] in element:
                yield from values(element[names[0]], names[1:])
        named = {reference.get("reference", "") for (name, _), resource in self.resources.items()
                 if name == type_name and test(resource) for reference in values(resource, path.split("."))}
        return {id for name, id in (reference.split("/") for reference in named if reference.count("/") == 1)
                if name == subject and (name, id) in self.resources}

    def test_g03_practitioners_are_found_by_their_compartments(self):
        def named(*arguments):
            return self.named_by("Practitioner", *arguments)
        emergency = named("Encounter", "participant.individual", lambda e: e["class"].get("code") == "EMER")
        wellness = named("Encounter", "participant.individual",
                         lambda e: any(has_code(t, "162673000") for t in e["type"]))
        stopped = named("MedicationRequest", "requester", lambda m: m["status"] == "stopped")
        teams = named("CareTeam", "participant.member", lambda c: c["status"] == "inactive")
        for chosen in (emergency, wellness & stopped, stopped & emergency, teams):
            self.assertTrue(chosen)
        self.assert_chooses("Practitioner", emergency, "Encounter?class=EMER")
        self.assert_chooses("Practitioner", wellness & stopped, "Encounter?type=162673000",
                            "MedicationRequest?status=stopped")
        self.assert_chooses("Practitioner", stopped & emergency, "Encounter?class=EMER&status=finished",
                            "Practitioner?active=true", "MedicationRequest?status=stopped&subject:Patient.gender:missing=false")
        self.assert_chooses("Practitioner", teams, "CareTeam?status=inactive")

    def test_g03_devices_and_groups_are_found_by_what_refers_to_them(self):
        devices = sorted(self.of("Device", lambda d: True))[:3]
        patients = self.corpus.ids("Patient")
        for number, subject in enumerate(devices):
            measured = {"resourceType": "Observation", "id": f"by-device-{number}", "code": {"text": "x"},
                        "status": "registered" if number < 2 else "cancelled",
                        "subject": {"reference": f"Patient/{patients[0]}"}}
            # By subject and by device; a reference that names a practitioner's role names no practitioner.
            measured["device" if number else "subject"] = {"reference": f"Device/{subject}"}
            measured["performer"] = [{"reference": "PractitionerRole/" + sorted(self.of("Practitioner", bool))[0]}]
            self.assertEqual(self.send("PUT", f"Observation/{measured['id']}", measured).status, 201)
        self.assert_chooses("Device", set(devices[:2]), "Observation?status=registered")
        self.assert_chooses("Device", {devices[1]}, "Observation?status=registered", "Observation?subject:Patient=" + patients[0])
        entry = self.asynchronously("POST", "Group", cohort("c", "Observation?status=registered", type="practitioner"))
        self.assertEqual(entry["resource"]["quantity"], 0)
        # A Group is in the compartments of its members, whoever they are.
        for id, type, members in (("ward", "person", [f"Patient/{id}" for id in patients[:2]]),
                                  ("staff", "practitioner", ["Practitioner/" + min(self.of("Practitioner", bool))])):
            group = {**corpus.group(id, [{"entity": {"reference": r}} for r in members]), "type": type, "name": "Ward 7"}
            self.assertEqual(self.send("PUT", f"Group/{id}", group).status, 201)
        entry = self.asynchronously("POST", "Group", cohort("c", "Group?identifier:missing=true&_id=ward,staff"))
        self.assertEqual(self.patients(entry["resource"]["id"]), sorted(patients[:2]))
        self.assert_chooses("Practitioner", {min(self.of("Practitioner", bool))}, "Group?_id=ward,staff")

    def test_g03_practitioners_and_devices(self):
        for type, expression, expected in (
                ("practitioner", "Practitioner?active=true", self.of("Practitioner", lambda p: p.get("active") is True)),
                ("device", "Device?status=active", self.of("Device", lambda d: d.get("status") == "active"))):
            entry = self.asynchronously("POST", "Group", cohort("c", expression, type=type))
            self.assertEqual(entry["resource"]["quantity"], len(expected), type)
            self.assertEqual(self.patients(entry["resource"]["id"]), [])
        active = sorted(self.of("Practitioner", lambda p: p.get("active") is True))
        entry = self.asynchronously("POST", "Group", cohort(
            "c", "Practitioner?active=true", type="practitioner",
            members=[f"Practitioner/{active[0]}", f"Practitioner/{active[1]}", "Practitioner/nobody"]))
        self.assertEqual(entry["resource"]["quantity"], 2)
        # The standard lets groups be members here; it is not supported, and said so.
        entry = self.asynchronously("POST", "Group", cohort("c", "Practitioner?active=true", type="practitioner",
                                                            members=["Group/other"]))
        self.assertEqual(entry["response"]["status"], "422 Unprocessable Entity")
        self.assertIn("cannot be Groups", json.dumps(entry["response"]["outcome"]))

    def test_g03_what_is_not_understood_is_refused_by_name(self):
        def changed(**more):
            return {**cohort("c", "Patient?gender=female"), **more}
        other_language = cohort("c", "Patient?gender=female")
        other_language["modifierExtension"][0]["valueExpression"]["language"] = "text/cql"
        without = cohort("c", "Patient?gender=female")
        del without["modifierExtension"][0]["valueExpression"]
        unknown = cohort("c", "Patient?gender=female")
        unknown["modifierExtension"].append({"url": "urn:unknown", "valueBoolean": True})
        nameless = cohort("c", "Patient?gender=female")
        del nameless["name"]
        misspelt = cohort("c", "Patient?gender=female")
        misspelt["modifierExtension"][0]["url"] += "s"
        for body, *words in (
                (misspelt, "member-filters"), (cohort("c", "Patient?color=red"), "color"), (cohort("c", "Patient?gender:near=x"), "near"),
                (cohort("c", "Patient?gender=female", "Encounter?nosuch=1"), "nosuch"),
                (cohort("c", "Patient?birthdate=yesterday"), "yesterday"), (cohort("c", "Patient?_sort=_id"), "_sort"),
                (cohort("c", "Patient?_count=1"), "_count"), (cohort("c", "Patient?gender=female&_include=x"), "_include"),
                (cohort("c", "Patient?"), "no search parameter"), (cohort("c", "Patient"), "Patient"),
                (cohort("c", "gender=female"), "gender"), (cohort("c", "Nosuch?x=y"), "Nosuch"),
                (cohort("c", "Patient/1/Observation?code=x"), "Patient/1"),
                (cohort("c", "Organization?name=x"), "Organization"),
                (cohort("c", "Goal?lifecycle-status=active", type="practitioner"), "Goal"),
                (cohort("c", "Encounter?class=AMB", type="device"), "Encounter"),
                (cohort("c", "Patient?gender=female", type="animal"), "animal"),
                (other_language, "text/cql"), (without, "language"), (unknown, "modifierExtension"), (nameless, "name"),
                (changed(actual=True), "actual"), (changed(member=[{"entity": {"reference": "Patient/a"}}]), "actual"),
                (changed(characteristic=[]), "characteristic")):
            for prefer in ("return=minimal", "respond-async"):
                with self.subTest(body=body, prefer=prefer):
                    self.assert_outcome(self.send("POST", "Group", body, {"Prefer": prefer}), 422, *words)
        self.assert_outcome(self.send("PUT", "Group/x", {**cohort("c", "Patient?color=red"), "id": "x"}), 422, "color")
        self.assertEqual(self.send("GET", "Group/x").status, 404)
        # By a patch neither: what the filters read must be asked about.
        self.assertEqual(self.send("PUT", "Group/plain", corpus.group("plain", [])).status, 201)
        patch = [{"op": "add", "path": "/modifierExtension",
                  "value": cohort("c", "Patient?gender=female")["modifierExtension"]},
                 {"op": "remove", "path": "/member"}, {"op": "replace", "path": "/actual", "value": False}]
        answer = self.send("PATCH", "Group/plain", patch, {"Content-Type": "application/json-patch+json"})
        self.assert_outcome(answer, 400, "member-filter")
        # Without member-filter a Group is made at once, whatever the client prefers.
        self.assertEqual(self.send("POST", "Group", corpus.group("x", []), {"Prefer": "respond-async"}).status, 201)


class SmallCohorts(CohortCase):
    """On data that changes."""

    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.data = os.path.join(self.folder, "data")
        self.load(*({"resourceType": "Patient", "id": id, "gender": gender} for id, gender in
                    (("a", "female"), ("b", "male"), ("c", "female"))),
                  *({"resourceType": "Observation", "id": f"o-{id}", "status": "final", "code": {"text": "x"},
                     "subject": {"reference": f"Patient/{id}"}} for id in "abc"))

    def load(self, *resources):
        harness.load(self.data, harness.write_lines(os.path.join(self.folder, "in.ndjson"), resources))

    def serve(self, *options, **keywords):
        self.server = harness.start_server(self, self.data, *options, **keywords)

    def put_patient(self, id, gender):
        answer = self.send("PUT", f"Patient/{id}", {"resourceType": "Patient", "id": id, "gender": gender})
        self.assertIn(answer.status, (200, 201))

    def test_g03_p13_members_are_refreshed_and_remembered(self):
        self.serve("--cohort-refresh", "1")
        group = self.asynchronously("POST", "Group", cohort("women", "Patient?gender=female"))["resource"]
        first = self.server.export(f"Group/{group['id']}/$export")
        self.assertEqual([id for type, id in first.keys() if type == "Patient"], ["a", "c"])
        before = refreshed(group)
        self.put_patient("a", "other")
        self.put_patient("b", "female")
        deadline = time.monotonic() + 60
        while self.patients(group["id"]) != ["b", "c"] and time.monotonic() < deadline:
            time.sleep(0.2)
        self.assertEqual(self.patients(group["id"]), ["b", "c"])
        later = self.send("GET", f"Group/{group['id']}").json()
        self.assertGreater(refreshed(later), before)
        self.assertGreater(int(later["meta"]["versionId"]), 1)
        # Who came in since comes with everything, c stayed all the time.
        export = self.server.export(f"Group/{group['id']}/$export", {"_since": first.transaction_time})
        self.assert_same_keys(export.keys(), [("Patient", "b"), ("Observation", "o-b")])

    def test_g03_at_each_export_when_told_so(self):
        self.serve(*AT_EXPORT)
        group = self.asynchronously("POST", "Group", cohort("women", "Patient?gender=female"))["resource"]
        self.assertIsNone(refreshed(group))
        self.assertNotIn("quantity", group)
        self.assertEqual(self.patients(group["id"]), ["a", "c"])
        since = self.server.export(f"Group/{group['id']}/$export").transaction_time
        self.put_patient("b", "female")
        self.put_patient("a", "male")
        self.assertEqual(self.patients(group["id"]), ["b", "c"])
        export = self.server.export(f"Group/{group['id']}/$export", {"_since": since})
        self.assertEqual(export.keys(), [("Patient", "b")])

    def test_g03_the_setting_may_change(self):
        self.serve(*RARELY)
        group = self.asynchronously("POST", "Group", cohort("women", "Patient?gender=female"))["resource"]
        self.assertEqual(group["quantity"], 2)
        self.server.stop()
        self.serve(*AT_EXPORT)
        deadline = time.monotonic() + 60
        while refreshed(self.send("GET", f"Group/{group['id']}").json()) and time.monotonic() < deadline:
            time.sleep(0.2)
        self.assertNotIn("quantity", self.send("GET", f"Group/{group['id']}").json())
        self.put_patient("b", "female")
        self.assertEqual(self.patients(group["id"]), ["a", "b", "c"])
        self.server.stop()
        self.serve(*RARELY)
        self.assertEqual(self.wait_until_stored(group["id"])["quantity"], 3)

    def test_g03_loaded_cohorts_work_and_wrong_ones_are_refused_at_the_export(self):
        self.load({**cohort("women", "Patient?gender=female"), "id": "loaded"},
                  {**cohort("wrong", "Patient?color=red"), "id": "wrong"},
                  {**cohort("self", "Patient?gender=female", members=["Group/outer"]), "id": "self"},
                  corpus.group("outer", [{"entity": {"reference": "Group/self"}}]))
        self.serve(*RARELY)
        self.assertEqual(self.patients("loaded"), ["a", "c"])
        self.assertEqual(self.wait_until_stored("loaded")["quantity"], 2)
        self.assertEqual(self.patients("loaded"), ["a", "c"])
        headers = {"Accept": harness.FHIR_JSON, "Prefer": "respond-async"}
        self.assert_outcome(self.server.get("Group/wrong/$export", headers=headers), 422, "Group/wrong", "color")

    def test_g03_survives_a_kill(self):
        self.serve(*RARELY)
        answer = self.send("POST", "Group", cohort("women", "Patient?gender=female"), {"Prefer": "respond-async"})
        self.server.kill()
        self.server.listen = self.server.root.removeprefix("http://")
        self.server.start()
        group = harness.wait(answer.headers["Content-Location"]).manifest["entry"][0]["resource"]
        self.assertEqual(group["meta"]["versionId"], "1")
        self.assertEqual(self.patients(group["id"]), ["a", "c"])

    def test_g03_the_base_can_be_changed_but_not_emptied(self):
        self.serve(*RARELY)
        group = self.asynchronously("POST", "Group", cohort("c", "Patient?gender=female", members=["Patient/a"]))["resource"]
        self.assertEqual(self.patients(group["id"]), ["a"])
        path = f"Group/{group['id']}"
        more = {"resourceType": "Group", "type": "person", "actual": True, "member": [
            {"entity": {"reference": f"Patient/{id}"}} for id in "bc"]}
        self.assertEqual(self.send("POST", path + "/$add", more).status, 200)
        self.assertEqual(self.patients(group["id"]), ["a", "c"])
        more["member"].append({"entity": {"reference": "Patient/a"}})
        # Nobody stated as a member would mean everybody.
        self.assert_outcome(self.send("POST", path + "/$remove", more), 422, "actual")
        self.assertEqual(self.patients(group["id"]), ["a", "c"])

    def test_a06_a12_scopes_groups_and_the_audit_log(self):
        client = smart.Client(self.folder, self.data, "all", scope="system/*.cruds")
        other = smart.Client(self.folder, self.data, "other", scope="system/*.cruds")
        grouped = smart.Client(self.folder, self.data, "grouped", scope="system/*.cruds", options=("--group", "g"))
        self.serve(*RARELY, is_open=False)
        by_observation = cohort("c", "Observation?status=final&performer:Practitioner.name=x")
        for prefer in ("respond-async", "return=minimal"):
            def create(who, scope=None):
                return self.send("POST", "Group", by_observation, {**who.headers(self.server, scope), "Prefer": prefer})
            self.assert_outcome(create(client, "system/Group.c"), 403, "member-filter")
            self.assert_outcome(create(client, "system/Group.c system/Patient.rs"), 403, "Observation")
            self.assert_outcome(create(client, "system/Group.c system/Patient.rs system/Observation.rs"), 403, "Practitioner")
            self.assert_outcome(create(client, "system/*.rs"), 403, "Group")
            self.assert_outcome(create(grouped), 403, "its groups only")
            answer = create(client, "system/Group.c system/Patient.rs system/Observation.rs system/Practitioner.rs")
            self.assertEqual(answer.status, 202 if prefer == "respond-async" else 201)
            if prefer == "respond-async":
                status = answer.headers["Content-Location"]
                self.assertEqual(harness.request("GET", status, other.headers(self.server)).status, 404)
                self.assertEqual(harness.request("GET", status, client.headers(self.server, "system/Patient.rs")).status, 403)
                harness.wait(status, headers=client.headers(self.server))
        self.server.stop()
        events = []
        for path in sorted(glob.glob(os.path.join(self.data, "audit", "*.ndjson"))):
            with open(path, encoding="utf-8") as lines:
                events += map(json.loads, lines)
        created = [e for e in events if e["subtype"][0]["code"] == "resource-create"]
        self.assertEqual(len(created), 2)
        refused = [e for e in events if e["subtype"][0]["code"] == "access-refused"]
        self.assertGreaterEqual(len(refused), 8)


if __name__ == "__main__":
    unittest.main()
