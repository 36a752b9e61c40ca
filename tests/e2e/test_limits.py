"""R-01, R-02: what a request may ask for is bounded and refused by name, rates come first, and requests
that take long leave threads for others and end in time."""
import json
import os
import threading
import unittest
import urllib.parse

import bundles
import harness
import smart

PATIENTS = 20_000
GIVEN = ["Given"] * 120
FORM = "application/x-www-form-urlencoded"


def values(prefix, count):
    return ",".join(f"{prefix}{i}" for i in range(count))


# Compares each patient's names with a thousand texts that none has: long work for a short request. Sorted, so
# that there is no page before the end.
SLOW = {"name": values("nobody", 1000), "_sort": "_id"}


class Refusals(harness.ServerCase):
    def setUp(self):
        super().setUp()
        self.serve()

    def kick_off(self, name, value, headers=None):
        form = urllib.parse.urlencode({name: value})
        return self.send("POST", "Patient/$export", form,
                         {"Prefer": "respond-async", **(headers or {})}, FORM)

    def test_r01_lists_of_a_kick_off_are_bounded(self):
        for name, value, limit in (
                ("_type", ",".join(["Patient"] * 1001), "1000"),
                ("_elements", ",".join(["id"] * 1001), "1000"),
                ("patient", values("p", 100_001), "100000"),
                ("includeAssociatedData", ",".join(["LatestProvenanceResources"] * 101), "100"),
                ("_typeFilter", ",".join(["Patient?gender=male"] * 101), "100"),
                ("_typeFilter", "Patient?_id=" + values("p", 20_001), "20000"),
                ("_typeFilter", "Patient?_id=" + "," * 8_000_000, "20000"),
                ("_typeFilter", "Patient?name=" + values("p", 1001), "1000")):
            with self.subTest(name=name, limit=limit):
                self.assert_outcome(self.kick_off(name, value), 400, name.removeprefix("_"), limit)
        for name in ("_type", "_elements"):
            self.assert_outcome(self.kick_off(name, "," * 8_000_000), 400)
        lenient = {"Prefer": "respond-async, handling=lenient"}
        self.assert_outcome(self.kick_off("_type", "Patient," + values("X", 101), lenient), 400, "100")
        many = "&".join(["a=b"] * 200_001)
        self.assert_outcome(self.send("POST", "Patient/$export", many, lenient, FORM), 413, "200000")

    def test_r01_honest_lists_are_taken(self):
        self.assertEqual(self.send("PUT", "Patient/p7", bundles.patient("p7")).status, 200 + 1)
        form = urllib.parse.urlencode({"patient": values("p", 50_000), "_type": "Patient",
                                       "_typeFilter": "Patient?_id=" + values("p", 5_000)})
        answer = self.send("POST", "Patient/$export", form,
                           {"Prefer": "respond-async,handling=lenient"}, FORM)
        self.assertEqual(answer.status, 202, answer)
        found = harness.wait(answer.headers["Content-Location"])
        self.assertEqual(found.keys(), [("Patient", "p7")])
        answer = self.send("POST", "Patient/_search", "_id=" + values("p", 20_000), None, FORM)
        self.assertEqual([e["resource"]["id"] for e in answer.json()["entry"]], ["p7"])

    def test_r01_searches_are_bounded(self):
        def search(body):
            return self.send("POST", "Patient/_search", body, None, FORM)
        self.assert_outcome(search("&".join(["_id=a"] * 101)), 400, "100 parameters")
        self.assert_outcome(search("&".join(["_id=a"] * 201)), 400, "200 parameters")
        self.assert_outcome(search("&".join(["_include=Patient:link"] * 51)), 400, "50 includes")
        self.assert_outcome(search("_id=" + values("p", 20_001)), 400, "20000")
        self.assert_outcome(search("&".join(["general-practitioner:Practitioner.name=x"] * 21)), 400, "20 chained")
        self.assert_outcome(search("_elements=" + ",".join(["id"] * 1001)), 400, "_elements", "1000")
        self.assert_outcome(search("_id=" + "p" * (4 << 20)), 413, str(4 << 20))
        self.assert_outcome(self.send("GET", "Patient/a?_elements=" + ",".join(["id"] * 1001)), 400, "1000")

    def test_r01_bundles_and_operations_are_bounded(self):
        def transaction(*entries):
            return self.send("POST", "", bundles.bundle(*entries))
        create = [bundles.entry("POST", "Patient", bundles.patient(), ifNoneExist=f"identifier={i}")
                  for i in range(5001)]
        self.assert_outcome(transaction(*create), 413, "5000")
        references = [bundles.entry("POST", "Observation", bundles.observation(f"Patient?identifier={i}"))
                      for i in range(5001)]
        self.assert_outcome(transaction(*references), 413, "5000")
        reads = [bundles.entry("GET", "Patient/a")] * 100_001
        for kind in ("transaction", "batch"):
            self.assert_outcome(self.send("POST", "", bundles.bundle(*reads, type=kind)), 413, "100000")
        self.assert_outcome(transaction(bundles.entry("GET", "Patient/a", full_url="x" * 5000)), 400, "4096")
        group = {"resourceType": "Group", "type": "person", "actual": True}
        self.assertEqual(self.send("PUT", "Group/g", {**group, "id": "g"}).status, 201)
        member = {"entity": {"reference": "Patient/a"}}
        many = {**group, "member": [member] * 100_001}
        for operation in ("$add", "$remove"):
            self.assert_outcome(self.send("POST", f"Group/g/{operation}", many), 413, "100000")
        patch = json.dumps([{"op": "test", "path": "/id", "value": "a"}] * 10_001)
        self.assert_outcome(self.send("PATCH", "Patient/a", patch, None, "application/json-patch+json"), 413, "10000")
        cohort = {**group, "actual": False, "name": "n", "id": "c", "modifierExtension": [
            {"url": "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/member-filter",
             "valueExpression": {"language": "application/x-fhir-query", "expression": "Patient?gender=male"}}] * 65}
        self.assert_outcome(self.send("PUT", "Group/c", cohort), 422, "64")
        inputs = {"inputFormat": "application/fhir+ndjson", "inputSource": "https://s.example", "input":
                  [{"type": "Patient", "url": "https://s.example/p"}] * 1001}
        prefer = {"Prefer": "respond-async"}
        self.assert_outcome(self.send("POST", "$import", inputs, prefer), 413, "1000")
        self.assert_outcome(self.send("POST", "$import", " " * ((10 << 20) + 1), prefer), 413, str(10 << 20))


class Rates(harness.TestCase):
    def test_r01_rates_come_before_what_is_asked_for(self):
        folder = harness.temporary_folder(self)
        data = os.path.join(folder, "data")
        client = smart.Client(folder, data, "few", scope="system/*.cruds", options=["--requests-per-minute", "1"])
        server = harness.start_server(self, data, is_open=False)
        headers = {**client.headers(server), "Prefer": "respond-async"}
        # One that is refused for its content counts, and the next is not even looked at.
        self.assert_outcome(server.get("$export", {"_type": "Nonsense"}, headers), 400, "Nonsense")
        for answer in (server.get("$export", {"_type": "Nonsense"}, headers),
                       server.get("Group/none/$export", None, headers),
                       server.post("$import", "{", headers=headers)):
            self.assert_outcome(answer, 429)
            self.assertGreater(int(answer.headers["Retry-After"]), 0)

    def test_r01_token_requests_and_revocations_of_an_address_are_counted_before_they_are_read(self):
        folder = harness.temporary_folder(self)
        data = os.path.join(folder, "data")
        server = harness.start_server(self, data, "--token-rate", "2", is_open=False)
        for path, form in (("auth/token", {"grant_type": "nonsense"}), ("auth/revoke", {"token": "nonsense"})):
            answers = [smart.post_form(f"{server.base}/{path}", form) for _ in range(6)]
            self.assertIn(answers[0].status, (400, 401), path)
            self.assertEqual(answers[-1].status, 429, path)
            self.assertGreater(int(answers[-1].headers["Retry-After"]), 0)

    def test_r01_registrations_of_an_address_are_counted_and_wrong_tokens_are_seen(self):
        folder = harness.temporary_folder(self)
        data, token = os.path.join(folder, "data"), "initial-" + "x" * 30
        harness.load(data, harness.write_lines(os.path.join(folder, "p.ndjson"),
                                               [{"resourceType": "Patient", "id": "p"}]))
        with open(os.path.join(folder, "token"), "w", encoding="ascii") as file:
            file.write(token)
        server = harness.start_server(self, data, "--registration-token", file.name, "--token-rate", "2",
                                      is_open=False)

        def register(token):
            return harness.request("POST", server.base + "/auth/register", {
                "Content-Type": "application/json", "Authorization": "Bearer " + token}, b"{}")
        answers = harness.until_too_many(lambda: register(token))
        self.assertEqual({a.status for a in answers[:-1]}, {400})
        self.assertLess(len(answers), 10)
        self.assertGreater(int(answers[-1].headers["Retry-After"]), 0)
        wrong = harness.until_too_many(lambda: register("guessed"))
        self.assertEqual({a.status for a in wrong[:-1]}, {401})
        found = harness.sluice("audit", "grep", "--data", data, "initial access token").out
        self.assertEqual(found.count("is wrong or missing"), len(wrong) - 1)


class Slots(bundles.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.source = os.path.join(harness.temporary_folder(cls), "patients.ndjson")
        harness.write_lines(cls.source, (
            {"resourceType": "Patient", "id": f"p{i}", "name": [{"family": "Family", "given": GIVEN}]}
            for i in range(PATIENTS)))

    def setUp(self):
        super().setUp()
        harness.load(self.data, self.source)

    def slow(self):
        return self.send("POST", "Patient/_search", urllib.parse.urlencode(SLOW), None, FORM)

    def test_r02_what_takes_long_leaves_threads_for_others(self):
        self.serve("--request-threads", "2", "--search-timeout", "600")
        running = threading.Thread(target=self.try_slow)
        running.start()
        self.addCleanup(running.join)
        self.addCleanup(self.server.kill)
        while self.server.get("Patient?_id=p1").status != 503:
            self.assertTrue(running.is_alive())
        found = bundles.patient(identifier=bundles.identified("x"))
        batch = [bundles.entry("GET", "Patient/p1")]
        for answer in (
                self.server.get("Patient?_id=p1"),
                self.server.get("_history"), self.server.get("Patient/_history"), self.server.get("Patient/p1/_history"),
                self.send("POST", "Patient", found, {"If-None-Exist": "identifier=x"}),
                self.send("DELETE", "Patient/p1?_cascade=delete"),
                self.post(bundles.bundle(bundles.entry("POST", "Patient", found, ifNoneExist="identifier=x"))),
                self.post(bundles.bundle(bundles.entry("POST", "Observation", bundles.observation("Patient?identifier=x")))),
                self.post(bundles.bundle(*batch, bundles.entry("GET", "Patient?_id=p1"))),
                self.post(bundles.bundle(*batch, bundles.entry("GET", "Patient?_id=p1"), type="batch")),
                self.post(bundles.bundle(*batch, bundles.entry("GET", "Patient/p1/_history"), type="batch"))):
            self.assert_outcome(answer, 503, "busy")
            self.assertEqual(answer.headers["Retry-After"], "1")
        # What names its resources goes on.
        self.assertEqual(self.server.get("Patient/p1").status, 200)
        self.assertEqual(self.send("PUT", "Patient/q", bundles.patient("q")).status, 201)
        self.done(bundles.bundle(*batch, bundles.entry("PUT", "Patient/q", bundles.patient("q"))))
        self.done(bundles.bundle(*batch, bundles.entry("POST", "Patient", bundles.patient()), type="batch"))
        self.assertEqual(harness.request("GET", self.server.root + "/healthz").status, 200)
        self.assertTrue(running.is_alive())

    def try_slow(self):
        """Comes again while the looks of the test have the slot; ends with the server."""
        try:
            while self.slow().status == 503:
                pass
        except OSError:
            pass

    def test_r01_long_requests_end_in_time_as_a_whole(self):
        self.serve("--search-timeout", "1")
        self.assert_outcome(self.slow(), 422, "1 s")
        # Nothing of a transaction is done.
        slow = f"name={SLOW['name']}"
        answer = self.post(bundles.bundle(
            bundles.entry("PUT", "Patient/q", bundles.patient("q")),
            bundles.entry("POST", "Patient", bundles.patient(), ifNoneExist=slow)))
        self.assert_outcome(answer, 422, "1 s", "transaction")
        self.assertEqual(self.read("Patient/q").status, 404)
        # Of a batch what came before the end is done, and each entry says so.
        search = bundles.entry("GET", f"Patient?{slow}&_sort=_id")
        answer = self.post(bundles.bundle(
            bundles.entry("PUT", "Patient/q", bundles.patient("q")), search, search, search,
            bundles.entry("PUT", "Patient/r", bundles.patient("r")), type="batch"))
        self.assertEqual(answer.status, 200, answer)
        statuses = [item["response"]["status"][:3] for item in answer.json()["entry"]]
        self.assertEqual(statuses, ["201", "422", "503", "503", "503"])
        self.assertIn("1 s", json.dumps(answer.json()["entry"][4]["response"]["outcome"]))
        self.assertEqual((self.read("Patient/q").status, self.read("Patient/r").status), (200, 404))
        self.assert_outcome(self.send("POST", "Patient", bundles.patient(), {"If-None-Exist": slow}), 422, "1 s")
        # The slots are free again.
        self.assertEqual(self.server.get("Patient?_id=p1").status, 200)


if __name__ == "__main__":
    unittest.main()
