"""Posted Bundles: transactions and batches, their links, conditions, answers, scopes and what they leave when they
fail (I-02, I-04, I-05, A-06, A-12, M-04)."""
import base64
import collections
import glob
import itertools
import json
import os
import threading
import unittest
import uuid

import bundles
import harness
import smart
from bundles import bundle, entry, identified, observation, patient
from fhir_model import parse_exactly, without_version


class Bundles(bundles.TestCase):
    # ---- transactions ----

    def test_i02_a_transaction_is_one_instant_and_answers_in_order(self):
        self.serve()
        self.done(bundle(entry("PUT", "Patient/old", patient("old")), entry("PUT", "Patient/same", patient("same"))))
        answer = self.post(bundle(
            entry("GET", "Patient/p"), entry("PUT", "Patient/p", patient("p", active=True)),
            entry("DELETE", "Patient/old"), entry("DELETE", "Patient/never"),
            entry("POST", "Patient", patient("mine")), entry("PUT", "Patient/same", patient("same")),
            entry("GET", "Patient/same/_history/1"), entry("GET", "Patient/same", ifNoneMatch='W/"1"')))
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json()["type"], "transaction-response")
        got = answer.json()["entry"]
        self.assertEqual([item["response"]["status"].split()[0] for item in got],
                         ["200", "201", "204", "204", "201", "200", "200", "304"])
        # The read sees what is written beside it.
        self.assertEqual(got[0]["resource"]["active"], True)
        self.assertEqual(got[0]["fullUrl"], self.server.base + "/Patient/p")
        self.assertEqual(got[1]["response"]["location"], "Patient/p/_history/1")
        self.assertEqual(got[1]["response"]["etag"], 'W/"1"')
        self.assertEqual(got[2]["response"]["etag"], 'W/"2"')
        self.assertNotIn("etag", got[3]["response"])
        self.assertRegex(got[4]["response"]["location"], r"^Patient/[0-9a-f]{32}/_history/1$")
        self.assertEqual(got[5]["response"]["etag"], 'W/"1"')
        instant = got[1]["response"]["lastModified"]
        self.assertEqual({got[n]["response"]["lastModified"] for n in (0, 1, 2, 4)}, {instant})
        self.assertLess(got[5]["response"]["lastModified"], instant)
        self.assertEqual({self.read(path).json()["meta"]["lastUpdated"]
                          for path in ("Patient/p", self.located(got[4]))}, {instant})
        self.assertEqual(self.read("Patient/old").status, 410)
        self.assertEqual(self.done(bundle()), [])

    def test_i02_searches_of_a_transaction_show_the_state_that_it_left(self):
        self.serve()
        stop = threading.Event()

        def write():
            for number in itertools.count():
                if stop.is_set():
                    return
                harness.request("PUT", f"{self.server.base}/Patient/w{number % 50}", {"Content-Type": harness.FHIR_JSON},
                                json.dumps(patient(f"w{number % 50}", multipleBirthInteger=number)).encode())

        writers = [threading.Thread(target=write) for _ in range(3)]
        for writer in writers:
            writer.start()
        try:
            for number in range(30):
                got = self.post(bundle(
                    entry("GET", "Patient?active=true&_id=p"), entry("GET", "Patient?_summary=count"),
                    entry("PUT", "Patient/p", patient("p", active=True, multipleBirthInteger=number)))).json()["entry"]
                instant = got[2]["response"]["lastModified"]
                self.assertEqual([e["resource"]["meta"]["lastUpdated"] for e in got[:2]], [instant, instant])
                self.assertEqual(got[0]["resource"]["entry"][0]["resource"]["multipleBirthInteger"], number)
        finally:
            stop.set()
            for writer in writers:
                writer.join()

    def test_i02_prefer_says_what_comes_back(self):
        self.serve()
        for type in ("transaction", "batch"):
            entries = [entry("PUT", "Patient/a" + type, patient("a" + type)), entry("DELETE", "Patient/b")]
            for prefer, resource, outcome in ((None, False, False), ("return=minimal", False, False),
                                              ("return=representation", True, False),
                                              ("return=OperationOutcome", False, True)):
                with self.subTest(type=type, prefer=prefer):
                    got = self.done(bundle(*entries, type=type), {"Prefer": prefer} if prefer else {})
                    self.assertEqual("resource" in got[0], resource)
                    self.assertEqual("outcome" in got[0]["response"], outcome)
                    self.assertNotIn("resource", got[1])
                    self.assertEqual("outcome" in got[1]["response"], outcome)
            self.assertEqual(self.post(bundle(*entries, type=type), {"Prefer": "return=all"}).status, 400)

    def test_i02_links_are_resolved_wherever_they_stand_and_nothing_else_changes(self):
        self.serve()
        binary, person, oid = f"urn:uuid:{uuid.uuid4()}", f"urn:uuid:{uuid.uuid4()}", "urn:oid:1.2.3"
        document = ('{"resourceType":"DocumentReference","status":"current", "content":[{"attachment":{"url":"%s"}}],'
                    '"subject":{"reference":"%s"},"author":[{"reference":"%s","display":"%s"}],'
                    '"contained":[{"resourceType":"Group","id":"g","type":"person","actual":true,'
                    '"quantity":1.50,"member":[{"entity":{"reference":"%s"}}]}],'
                    '"extension":[{"url":"%s","valueReference":{"reference":"%s"}},{"url":"x","valueUri":"%s"}],'
                    '"identifier":[{"system":"urn:ietf:rfc:3986","value":"%s"}],'
                    '"meta":{"profile":["%s"]},'
                    '"text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">'
                    '<a href=\\"%s\\">%s</a><img src=\'%s\' alt=\\"\\"/></div>"}}')
        sent = document % (binary, person, oid, person, person, person, person, person, person, person, person, person,
                           binary)
        whole = json.dumps(bundle(entry("POST", "DocumentReference", "here", "urn:uuid:d"),
                                  entry("POST", "Binary", {"resourceType": "Binary", "contentType": "text/plain"},
                                        binary),
                                  entry("POST", "Patient", patient(), person),
                                  entry("PUT", "Practitioner/gp", {"resourceType": "Practitioner", "id": "gp"}, oid)))
        got = self.done(whole.replace('"here"', sent))
        reference, attachment = self.located(got[2]), self.located(got[1])
        expected = document % (attachment, reference, "Practitioner/gp", person, reference, person, reference,
                               reference, person, person, reference, person, attachment)
        stored = self.read(self.located(got[0])).body.decode()
        self.assertIn('"status":"current", "content"', stored)
        self.assertIn('"quantity":1.50', stored)
        stored = parse_exactly(stored)
        stored.pop("id")
        self.assertEqual(without_version(stored), parse_exactly(expected))

    def test_i02_links_by_the_address_that_a_resource_had_elsewhere(self):
        self.serve()
        there = "https://elsewhere.example.org/fhir"
        got = self.done(bundle(
            entry("POST", "Patient", patient("1"), there + "/Patient/1"),
            entry("POST", "Observation", observation("Patient/1"), there + "/Observation/1"),
            entry("POST", "Observation", observation(there + "/Patient/1"), "urn:uuid:2"),
            entry("POST", "Observation", observation("Patient/1"), "urn:uuid:3"),
            entry("POST", "Observation", observation("Patient/1"), "https://third.example.org/Observation/1")))
        subjects = [self.read(self.located(item)).json()["subject"]["reference"] for item in got[1:]]
        self.assertEqual(subjects, [self.located(got[0])] * 2 + ["Patient/1"] * 2)

    def test_i02_conditions_find_one_resource_or_make_one(self):
        self.serve()
        create = entry("POST", "Patient", patient(identifier=identified("1")), "urn:uuid:1",
                       ifNoneExist="identifier=http://example.org/ids|1")
        use = entry("POST", "Observation", observation("urn:uuid:1"))
        first, second = self.done(bundle(create, use)), self.done(bundle(create, use))
        self.assertEqual([item["response"]["status"][:3] for item in first + second], ["201", "201", "200", "201"])
        path = self.located(first[0])
        self.assertEqual(self.located(second[0]), path)
        self.assertEqual(self.read(self.located(second[1])).json()["subject"]["reference"], path)

        query = "Patient?identifier=http://example.org/ids%7C1"
        got = self.done(bundle(entry("PUT", query, patient(identifier=identified("1"), active=True), "urn:uuid:1"),
                               entry("POST", "Observation", observation("urn:uuid:1"))))
        self.assertEqual((got[0]["response"]["status"][:3], self.located(got[0])), ("200", path))
        self.assertEqual(got[0]["response"]["etag"], 'W/"2"')
        self.assertEqual(self.read(self.located(got[1])).json()["subject"]["reference"], path)
        got = self.done(bundle(entry("PUT", "Patient?identifier=2", patient("two", identifier=identified("2"))),
                               entry("PUT", "Patient?identifier=3", patient(identifier=identified("3")))))
        self.assertEqual([item["response"]["status"][:3] for item in got], ["201", "201"])
        self.assertEqual(self.located(got[0]), "Patient/two")
        self.assertRegex(self.located(got[1]), r"^Patient/[0-9a-f]{32}$")
        got = self.done(bundle(entry("DELETE", "Patient?identifier=3"), entry("DELETE", "Patient?identifier=4")))
        self.assertEqual(["etag" in item["response"] for item in got], [True, False])

        before = self.everything()
        twice = bundle(entry("PUT", "Patient/a", patient("a", identifier=identified("2"))))
        self.done(twice)
        for bad, status, *words in (
                (entry("PUT", "Patient?identifier=2", patient()), 412, "Bundle.entry[1]", "more than one"),
                (entry("DELETE", "Patient?identifier=2"), 412, "Bundle.entry[1]", "more than one"),
                (entry("POST", "Patient", patient(), ifNoneExist="identifier=2"), 412, "Bundle.entry[1]"),
                (entry("PUT", "Patient?identifier=1", patient("other")), 400, "Bundle.entry[1]", "id"),
                (entry("PUT", "Patient?identifier=9", patient("two")), 409, "Bundle.entry[1]", "Patient/two"),
                (entry("PUT", "Patient?identifyer=9", patient()), 400, "Bundle.entry[1]", "identifyer"),
                (entry("POST", "Patient", patient(), ifNoneExist="nmae=9"), 400, "Bundle.entry[1]", "nmae"),
                (entry("PUT", "Patient", patient()), 400, "Bundle.entry[1]", "query")):
            with self.subTest(bad=bad):
                self.assert_outcome(self.post(bundle(entry("POST", "Patient", patient()), bad)), status, *words)
        self.done(bundle(entry("DELETE", "Patient/a")))
        self.assertEqual(self.everything(), before)

    def test_i02_conditional_references_find_exactly_one(self):
        self.serve()
        self.done(bundle(entry("PUT", "Practitioner/a", {"resourceType": "Practitioner", "id": "a",
                                                         "identifier": identified("a")}),
                         entry("PUT", "Practitioner/b", {"resourceType": "Practitioner", "id": "b",
                                                         "identifier": identified("b")}),
                         entry("PUT", "Practitioner/b2", {"resourceType": "Practitioner", "id": "b2",
                                                          "identifier": identified("b")})))

        def by(value):
            return {"reference": f"Practitioner?identifier=http://example.org/ids|{value}"}

        # One that is there, one of this Bundle, one of two of which the other is removed here.
        got = self.done(bundle(
            entry("POST", "Observation", observation("Patient/p", performer=[by("a"), by("c"), by("b"), by("a")])),
            entry("POST", "Practitioner", {"resourceType": "Practitioner", "identifier": identified("c")}),
            entry("DELETE", "Practitioner/b2")))
        self.assertEqual([one["reference"] for one in self.read(self.located(got[0])).json()["performer"]],
                         ["Practitioner/a", self.located(got[1]), "Practitioner/b", "Practitioner/a"])
        for value, word in (("none", "nothing"), ("a", "more than one")):
            answer = self.post(bundle(
                entry("PUT", "Practitioner/d", {"resourceType": "Practitioner", "id": "d",
                                                "identifier": identified("a")}),
                entry("POST", "Observation", observation("Patient/p", performer=[by(value)]))))
            self.assert_outcome(answer, 412, "Bundle.entry[1]", "Practitioner", word)
        self.assertEqual(self.read("Practitioner/d").status, 404)
        self.assert_outcome(self.post(bundle(entry("POST", "Observation", observation("Patient?x=y")))), 400,
                            "Bundle.entry[0]", "'x'")
        # Outside of a transaction nobody resolves them.
        single = self.server.post("Observation", observation("Patient?identifier=1"))
        self.assert_outcome(single, 422, "Observation.subject.reference")

    def test_i02_patches_are_binaries(self):
        self.serve()
        self.done(bundle(entry("PUT", "Patient/p", patient("p", active=True, identifier=identified("p")))))

        def patch(operations, **more):
            text = json.dumps(operations).encode()
            return {"resourceType": "Binary", "contentType": "application/json-patch+json",
                    "data": base64.b64encode(text).decode(), **more}

        link = [{"op": "add", "path": "/managingOrganization", "value": {"reference": "urn:uuid:o"}}]
        got = self.done(bundle(
            entry("PATCH", "Patient/p", patch(link)),
            entry("POST", "Organization", {"resourceType": "Organization", "name": "n"}, "urn:uuid:o")))
        self.assertEqual(got[0]["response"]["etag"], 'W/"2"')
        self.assertEqual(self.read("Patient/p").json()["managingOrganization"]["reference"], self.located(got[1]))
        off = [{"op": "replace", "path": "/active", "value": False}]
        self.done(bundle(entry("PATCH", "Patient?identifier=p", patch(off), ifMatch='W/"2"')))
        self.done(bundle(entry("PATCH", "Patient/p", patch([{"op": "remove", "path": "/active"}])), type="batch"))
        self.assertNotIn("active", self.read("Patient/p").json())
        for bad, status in ((entry("PATCH", "Patient/p", patch(off)), 422),
                            (entry("PATCH", "Patient/p", patch(off, contentType="text/plain")), 415),
                            (entry("PATCH", "Patient/p", patient("p")), 400),
                            (entry("PATCH", "Patient/none", patch(link)), 404),
                            (entry("PATCH", "Patient?identifier=none", patch(link)), 404),
                            (entry("PATCH", "Patient/p", patch([{"op": "add", "path": "/id", "value": "q"}])), 422)):
            with self.subTest(bad=bad):
                self.assert_outcome(self.post(bundle(bad)), status, "Bundle.entry[0]")

    def test_i02_i04_a_transaction_that_fails_leaves_nothing(self):
        self.serve()
        self.done(bundle(entry("PUT", "Patient/p", patient("p")), entry("PUT", "Patient/q", patient("q"))))
        self.done(bundle(entry("DELETE", "Patient/q")))
        before, statistics = self.everything(), self.server.get("Patient/p").body
        good = [entry("PUT", "Patient/p", patient("p", active=True)), entry("POST", "Patient", patient()),
                entry("DELETE", "Patient/r")]
        for bad, status, *words in (
                (entry("PUT", "Patient/x", patient("y")), 400, "id"),
                (entry("PUT", "Patient/x", patient()), 400, "id"),
                (entry("PUT", "Patient/x_", patient("x_")), 400, "id"),
                (entry("PUT", "Patient/x", {"resourceType": "Group", "id": "x"}), 400, "Group"),
                (entry("PUT", "Patent/x", patient("x")), 400, "Patent/x"),
                (entry("POST", "Patient/x", patient("x")), 400, "Patient/x"),
                (entry("POST", "Patient"), 400, "resource"),
                (entry("DELETE", "Patient/x", patient("x")), 400, "resource"),
                (entry("HEAD", "Patient/x"), 400, "HEAD"),
                (entry("POST", "Patient", patient(), ifMatch='W/"1"'), 400, "ifMatch"),
                (entry("GET", "Patient/p", ifMatch='W/"1"'), 400, "ifMatch"),
                (entry("DELETE", "Patient/s", ifNoneExist="name=x"), 400, "ifNoneExist"),
                (entry("PUT", "Patient/x", patient("x"), ifModifiedSince="2020-01-01T00:00:00Z"), 400, "ifModified"),
                (entry("GET", "Patient/p", ifModifiedSince="today"), 400, "ifModifiedSince"),
                (entry("PUT", "Patient/x", patient("x"), ifMatch="3"), 400, "If-Match"),
                (entry("PUT", "Patient/x", patient("x"), ifMatch='W/"3"'), 412, "Patient/x"),
                (entry("PUT", "Patient/q", patient("q"), ifMatch="*"), 412, "If-Match"),
                (entry("PUT", "Patient/x", patient("x", nmae=1)), 422, "nmae"),
                (entry("PUT", "Patient/x", patient("x", name={})), 422, "Patient.name"),
                (entry("POST", "Observation", observation("nobody")), 422, "subject.reference"),
                (entry("PUT", "Patient/p", patient("p")), 400, "Patient/p", "Bundle.entry[0]"),
                (entry("DELETE", "Patient/p"), 400, "Patient/p", "Bundle.entry[0]"),
                (entry("GET", "Patient/none"), 404, "Patient/none"), (entry("GET", "Patient/q"), 410, "Patient/q"),
                (entry("GET", "Patient/r"), 410, "Patient/r", "Bundle.entry[2]"),
                (entry("GET", "Patient/p/_history/9"), 404, "9"), (entry("GET", "Patient/p/_history/x"), 404, "x"),
                (entry("GET", "Patient/p?_elements=id"), 400, "query"), (entry("GET", "metadata"), 400, "metadata"),
                (entry("GET", "$export"), 400, "$export"), (entry("POST", "Patient/$export", patient()), 400, "id"),
                (entry("GET", "OperationDefinition/export"), 400, "OperationDefinition"),
                (entry("GET", "../metadata"), 400, "metadata"), (entry("GET", ""), 400, "''"),
                ({"request": {"method": "GET"}}, 400, "url"), ({"resource": patient("x")}, 400, "request")):
            with self.subTest(bad=bad):
                self.assert_outcome(self.post(bundle(*good, bad)), status, "Bundle.entry[3]", *words)
        for body, status, word in ((bundle(type="collection"), 400, "type"), ("{", 400, "JSON"), ("[]", 400, ""),
                                   (patient("p"), 400, "Bundle"), ({**bundle(), "entries": []}, 400, "entries")):
            self.assert_outcome(self.post(body), status, word)
        same = [entry("POST", "Patient", patient(), "urn:uuid:1")] * 2
        self.assert_outcome(self.post(bundle(*same)), 400, "Bundle.entry[1]", "fullUrl")
        both = [entry("POST", "Patient", patient(), ifNoneExist="identifier=7")] * 2
        self.assert_outcome(self.post(bundle(*both)), 400, "Bundle.entry[1]", "Bundle.entry[0]")
        self.assert_outcome(self.post(bundle(), {"Content-Type": "application/fhir+xml"}), 415)
        self.assert_outcome(self.post(bundle(), {"Accept": "application/fhir+xml"}), 406)
        self.assertEqual((self.everything(), self.server.get("Patient/p").body), (before, statistics))

    def test_i05_large_bundles_are_one_transaction_too(self):
        self.serve()
        text = "x" * 1000
        many = bundle(*(entry("PUT", f"Basic/b{number}", {"resourceType": "Basic", "id": f"b{number}",
                                                          "code": {"text": text}}) for number in range(20_000)))
        self.assertEqual(len(self.done(many)), 20_000)
        self.assertEqual(len({self.read(f"Basic/b{n}").json()["meta"]["lastUpdated"] for n in (0, 9999, 19_999)}), 1)
        self.assertEqual(len(self.server.export("$export", {"_type": "Basic"}).keys()), 20_000)

    def test_m04_what_a_transaction_deletes_is_told(self):
        self.serve()
        got = self.done(bundle(*(entry("PUT", f"Patient/p{n}", patient(f"p{n}")) for n in range(4))))
        since = got[0]["response"]["lastModified"]
        self.done(bundle(entry("DELETE", "Patient/p1"), entry("DELETE", "Patient/p3"),
                         entry("PUT", "Patient/p0", patient("p0", active=True))))
        export = self.server.export("$export", {"_since": since})
        deleted = [item["request"]["url"] for part in export.manifest["deleted"] for line in harness.download(part)
                   for item in json.loads(line)["entry"]]
        self.assertEqual(sorted(deleted), ["Patient/p1", "Patient/p3"])
        self.assertEqual(export.keys(), [("Patient", "p0")])

    def test_c01_metadata_names_both(self):
        self.serve()
        rest = self.server.get("metadata").json()["rest"][0]
        self.assertLessEqual({"transaction", "batch"}, {one["code"] for one in rest["interaction"]})

    # ---- batches ----

    def test_i02_the_entries_of_a_batch_are_on_their_own(self):
        self.serve()
        answer = self.post(bundle(
            entry("PUT", "Patient/p", patient("p")), entry("PUT", "Patient/q", patient("other")),
            entry("GET", "Patient/p"), entry("GET", "Patient/none"), entry("POST", "Patient", patient()),
            entry("DELETE", "Patient/p", ifMatch='W/"7"'), entry("GET", "Patient/p", ifNoneMatch='W/"1"'),
            entry("GET", "$export"), entry("GET", "metadata"), entry("POST", "$import", patient()),
            entry("FROB", "Patient/p"), entry("DELETE", "Patient/p"), entry("GET", "Patient/p"), type="batch"))
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json()["type"], "batch-response")
        got = answer.json()["entry"]
        self.assertEqual([item["response"]["status"][:3] for item in got],
                         ["201", "400", "200", "404", "201", "412", "304", "400", "400", "400", "405", "204", "410"])
        for item in got:
            failed = item["response"]["status"] >= "400"
            self.assertEqual(failed, item["response"].get("outcome", {}).get("resourceType") == "OperationOutcome")
        self.assertEqual(got[2]["resource"]["id"], "p")
        self.assertEqual(got[0]["response"]["location"], "Patient/p/_history/1")
        self.assertEqual(got[0]["response"]["etag"], 'W/"1"')
        # To the millisecond, also when the resource itself is not sent.
        for item, path in ((got[0], "Patient/p/_history/1"), (got[2], "Patient/p/_history/1")):
            self.assertEqual(item["response"]["lastModified"], self.read(path).json()["meta"]["lastUpdated"])

    # ---- who may ----

    def test_a06_a12_each_entry_needs_its_own_permission_and_has_its_line(self):
        client = smart.Client(self.folder, self.data, "all", scope="system/*.cruds")
        grouped = smart.Client(self.folder, self.data, "grouped", scope="system/*.cruds", options=["--group", "g"])
        server = self.serve(is_open=False)
        self.assert_outcome(self.post(bundle()), 401)
        full = client.headers(server)
        seed = self.done(bundle(entry("PUT", "Patient/p", patient("p", name=[{"text": "Nobodyknows"}],
                                                                  identifier=identified("p")))), full)
        self.assertEqual(seed[0]["response"]["status"], "201 Created")
        by = {"C": entry("POST", "Patient", patient()), "U": entry("PUT", "Patient/p", patient("p")),
              "D": entry("DELETE", "Patient/gone"), "R": entry("GET", "Patient/p"),
              "V": entry("GET", "Patient/p/_history/1"),
              "DS": entry("DELETE", "Patient?identifier=gone"),
              "UOS": entry("PUT", "Observation/o", {**observation("Patient?identifier=p"), "id": "o"})}
        needs = {"C": "c", "U": "u", "D": "d", "R": "r", "V": "r", "DS": "ds", "UOS": "us"}
        for granted in ("c", "r", "u", "d", "s", "ds", "us", "cruds"):
            headers = client.headers(server, f"system/Patient.{granted} system/Observation.u")
            for name, one in by.items():
                needed = set(needs[name]) - ({"u"} if name == "UOS" else set())
                allowed = needed <= set(granted)
                if name == "UOS" and "s" in granted and granted != "s":
                    self.done(bundle(entry("PUT", "Patient/p", patient("p", identifier=identified("p")))), full)
                with self.subTest(granted=granted, entry=name):
                    answer = self.post(bundle(entry("PUT", "Observation/n", {**observation("Patient/p"), "id": "n"}),
                                              one), headers)
                    if not allowed:
                        self.assert_outcome(answer, 403, "Bundle.entry[1]", "scopes")
                        self.assertIn("insufficient_scope", answer.headers["WWW-Authenticate"])
                    elif name != "UOS":
                        self.assertEqual(answer.status, 200, answer)
                    single = self.post(bundle(one, type="batch"), headers).json()["entry"][0]["response"]
                    if name in "CUDRV":
                        self.assertEqual(single["status"][:3] == "403", not allowed, single)
        found = entry("POST", "Patient", patient(identifier=identified("p")), ifNoneExist="identifier=p")
        for granted, shown in (("cs", False), ("crs", True)):
            headers = {**client.headers(server, f"system/Patient.{granted}"), "Prefer": "return=representation"}
            got = self.done(bundle(found), headers)
            self.assertEqual((self.located(got[0]), "resource" in got[0]), ("Patient/p", shown))
        self.assert_outcome(self.post(bundle(by["R"]), grouped.headers(server)), 403, "groups")
        self.assertEqual(self.post(bundle(by["U"], entry("DELETE", "Patient/p")), full).status, 400)
        self.assertEqual(self.post(bundle(entry("PUT", "Patient/p", patient("p"), ifMatch='W/"77"')), full).status,
                         412)
        server.stop()
        events = []
        for file in sorted(glob.glob(os.path.join(self.data, "audit", "*.ndjson"))):
            with open(file, encoding="utf-8") as lines:
                events += [json.loads(line) for line in lines]
        self.assertNotIn("Nobodyknows", json.dumps(events) + server.log())
        seen = collections.Counter((e["subtype"][0]["code"], e.get("entity", [{}])[0].get("what", {}).get("reference"))
                                   for e in events)
        for code, path in (("resource-update", "Patient/p"), ("resource-read", "Patient/p"),
                           ("resource-delete", "Patient/gone"), ("resource-update", "Observation/n")):
            self.assertGreater(seen[code, path], 0, (code, path))
        self.assertGreater(sum(count for (code, _), count in seen.items() if code == "access-refused"), 10)
        told = [e for e in events if e["subtype"][0]["code"] == "resource-create"]
        self.assertRegex(told[0]["outcomeDesc"], "^transaction ")


if __name__ == "__main__":
    unittest.main()
