"""`sluice pull` and `sync` and what gateways, clouds and vendors really answer: kick-offs in their dialects, passing
errors, keys in every form, groups without lists, servers that never list deletions (L-01, L-06, L-09, L-14)."""
import base64
import json
import os
import subprocess
import time
import unittest

import harness
from imposter import Answer, BulkImposter, file_answer, outcome, resources
from test_pull import pull, pulled
from test_pull_faults import Faults, parameters_of
from test_sync import compartment, content, patient, run


def lines_of(resources_of):
    return "".join(json.dumps(each) + "\n" for each in resources_of).encode()


class Dialects(Faults):
    OPTIONS = ("--type", "Patient,Observation", "--elements", "id,status", "--type-filter", "Patient?active=true",
               "--include-associated-data", "LatestProvenanceResources", "--minimum-file-size", "5",
               "--maximum-file-size", "900")

    def stu4_metadata(self):
        self.server.on("GET", "/fhir/metadata", Answer(200, {
            "resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "software": {"name": "Imposter"},
            "instantiates": ["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data|4.0.0"]}))

    def test_l09_a_server_of_stu4_gets_repeated_parameters_and_their_types(self):
        self.stu4_metadata()
        out, _ = self.pull(*self.OPTIONS)
        self.assert_patients(out)
        sent = json.loads(self.server.sent("POST", "/fhir/$export")[0].body)["parameter"]
        system = "http://hl7.org/fhir/uv/bulkdata/CodeSystem/include-associated-data"
        self.assertEqual(sent, [
            {"name": "_type", "valueString": "Patient"}, {"name": "_type", "valueString": "Observation"},
            {"name": "_elements", "valueString": "id"}, {"name": "_elements", "valueString": "status"},
            {"name": "_typeFilter", "valueString": "Patient?active=true"},
            {"name": "includeAssociatedData", "valueCoding": {"system": system, "code": "LatestProvenanceResources"}},
            {"name": "_minimumFileSize", "valuePositiveInt": 5}, {"name": "_maximumFileSize", "valuePositiveInt": 900}])

    def test_l09_others_get_values_with_commas_and_on_refusal_the_other_form_then_get(self):
        refusal = Answer(400, outcome("I do not understand you"))
        self.server.on("POST", "/fhir/$export", refusal, self.server.accepted())
        out, _ = self.pull(*self.OPTIONS)
        self.assert_patients(out)
        first, second = [parameters_of(r) for r in self.server.sent("POST", "/fhir/$export")]
        self.assertEqual(first["_type"], ["Patient,Observation"])
        self.assertEqual(second["_type"], ["Patient", "Observation"])
        self.server.on("POST", "/fhir/$export", refusal)
        self.server.on("GET", "/fhir/$export", self.server.accepted())
        out, done = self.pull(*self.OPTIONS)
        self.assert_patients(out)
        self.assertEqual(self.server.sent("GET", "/fhir/$export")[0].query["_type"], ["Patient,Observation"])
        self.assertIn("asking by GET", done.err)
        # When nothing helps, the first refusal is what the user wants to know.
        self.server.on("GET", "/fhir/$export", Answer(400, outcome("no GET either")))
        _, done = self.pull(*self.OPTIONS, code=5)
        self.assertIn("the server refuses the export (400): I do not understand you", done.err)

    def test_l09_patients_are_named_by_post_alone(self):
        self.server.on("POST", "/fhir/Patient/$export", Answer(400, outcome("no patient here")))
        _, done = self.pull("--all-patients", "--patient", "p1", code=5)
        self.assertIn("no patient here", done.err)
        self.assertEqual(self.server.sent("GET", "/fhir/Patient/$export"), [])


class Gateways(Faults):
    PAGE = Answer(200, b"<html><body>We will be back soon</body></html>", {"Content-Type": "text/html"})

    def test_l01_one_500_or_page_is_tried_again(self):
        for odd in (Answer(500, b"<h1>Internal Server Error</h1>"), self.PAGE):
            with self.subTest(odd.status):
                self.server.on("POST", "/fhir/$export", odd, self.server.accepted())
                self.server.on("GET", "/status", odd, Answer(200, self.server.manifest(self.output)))
                self.server.on("GET", "/p1", odd, Answer(200, self.patients))
                out, done = self.pull("--poll-max", "1")
                self.assert_patients(out)
                self.assertIn("again", done.err)

    def test_l01_a_job_may_be_known_a_moment_late(self):
        self.server.on("GET", "/status", Answer(404), Answer(200, self.server.manifest(self.output)))
        out, _ = self.pull()
        self.assert_patients(out)
        self.assertEqual(len(self.server.sent("POST", "/fhir/$export")), 1)

    def test_l01_x_export_status_is_looked_at_before_a_200(self):
        body = self.server.manifest(self.output)
        self.server.on("GET", "/status", Answer(200, body, {"X-Export-Status": "202 Accepted"}),
                       Answer(200, body, {"X-Export-Status": "200"}))
        out, _ = self.pull()
        self.assert_patients(out)
        self.assertEqual(len(self.server.sent("GET", "/status")), 2)
        self.server.on("GET", "/status", Answer(200, body, {"X-Export-Status": "complete"}))
        self.pull()

    def test_l01_files_as_clouds_answer(self):
        answers = {
            "not yet": [Answer(202, b""), Answer(200, resources("Patient", 1))],
            "too early": [Answer(425, b""), Answer(408, b""), Answer(200, resources("Patient", 1, 1))],
            "nothing": [Answer(204)],
            "empty": [Answer(200, b"")],
        }
        files = []
        for name, script in answers.items():
            self.server.on("GET", "/" + name, *script)
            files.append({"type": "Patient", "url": self.server.root + "/" + name})  # with a space in it
        self.server.finish(files)
        out, _ = self.pull()
        self.assertEqual(b"".join(pulled(out).values()), resources("Patient", 2))

    def test_l05_urls_with_characters_that_should_have_been_encoded(self):
        self.server.on("GET", "/Größe|1 {x}", Answer(200, self.patients))
        self.server.finish([{"type": "Patient", "url": f" {self.server.root}/Größe|1 {{x}} "}])
        out, _ = self.pull()
        self.assert_patients(out)

    def test_l05_a_link_that_expired_with_a_400(self):
        looks = [0]

        def status(_):
            looks[0] += 1
            return Answer(200, self.server.manifest([
                {"type": "Patient", "url": f"{self.server.root}/p1?sig={looks[0]}"}]))

        def file(request):
            if request.query["sig"] == ["1"]:
                return Answer(400, b"<Error><Code>ExpiredToken</Code></Error>")
            return file_answer(request, self.patients)

        self.server.on("GET", "/status", status)
        self.server.on("GET", "/p1", file)
        out, _ = self.pull()
        self.assert_patients(out)

    def test_l01_an_open_servers_odd_well_known_is_not_read(self):
        self.server.on("GET", "/fhir/.well-known/smart-configuration",
                       Answer(200, {"token_endpoint": "see the documentation"}))
        out, _ = self.pull()
        self.assert_patients(out)
        self.assertEqual(self.server.sent("GET", "/fhir/.well-known/smart-configuration"), [])

    def test_l12_a_range_that_nobody_asked_for_is_the_file_when_it_begins_at_its_beginning(self):
        whole = {"Content-Range": f"bytes 0-{len(self.patients) - 1}/{len(self.patients)}"}
        self.server.on("GET", "/p1", Answer(206, self.patients, whole))
        out, _ = self.pull("--retries", "0")
        self.assert_patients(out)
        self.assertEqual(len(self.server.sent("GET", "/p1")), 1)


class Keys(Faults):
    def test_l14_every_form_of_a_key_signs_for_every_command(self):
        folder = harness.temporary_folder(self)
        path = lambda name: os.path.join(folder, name)
        kids = {}
        for name in ("jwk", "jwks", "pem"):
            public = harness.sluice("keys", "generate", "--alg", "ES384", "--format", name, "--out", path(name)).out
            key, = json.loads(public)["keys"]
            self.assertEqual(key["key_ops"], ["verify"])
            self.assertNotIn("d", key)
            kids[name] = key["kid"]
        with open(path("jwk"), encoding="utf-8") as file:
            jwk = json.load(file)
        self.assertEqual((jwk["key_ops"], jwk["kid"]), (["sign"], kids["jwk"]))
        with open(path("jwks"), encoding="utf-8") as file:
            self.assertEqual(len(json.load(file)["keys"]), 1)
        with open(path("pem"), encoding="utf-8") as file:
            self.assertTrue(file.read().startswith("-----BEGIN PRIVATE KEY-----"))
        # Without a kid, and beside the public half, as others keep theirs.
        bare = {name: jwk[name] for name in ("kty", "crv", "x", "y", "d")}
        with open(path("bare"), "w", encoding="utf-8") as file:
            json.dump(bare, file)
        with open(path("pair"), "w", encoding="utf-8") as file:
            json.dump({"keys": [{**{n: v for n, v in jwk.items() if n != "d"}, "key_ops": ["verify"]}, jwk]}, file)
        kids["bare"] = kids["pair"] = kids["jwk"]
        self.server.add_token_endpoint()
        for name, kid in kids.items():
            with self.subTest(name):
                out, _ = self.pull("--client-id", "c", "--key", path(name))
                run("sync", out)
                harness.sluice("token", self.server.base, "--client-id", "c", "--key", path(name))
                for request in self.server.sent("POST", "/token")[-3:]:
                    assertion = dict(each.split("=", 1) for each in request.body.decode().split("&"))["client_assertion"]
                    head = assertion.split(".")[0]
                    header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
                    self.assertEqual((header["kid"], header["alg"]), (kid, "ES384"))
        done = subprocess.run([harness.BINARY, "keys", "generate", "--alg", "PS384", "--format", "pem", "--out",
                               path("ps")], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertFalse(os.path.exists(path("ps")))


class Copies(harness.TestCase):
    """A scripted server with data of its own; `refuses` says which kick-offs it takes."""

    def setUp(self):
        self.server = BulkImposter(self)
        self.data = [each for id in ("a", "b") for each in compartment(id)]
        self.jobs, self.refuses, self.more, self.changed = [], lambda asked: None, {}, []
        for path in ("/fhir/$export", "/fhir/Group/g/$export"):
            self.server.on("POST", path, self.kick_off)
        self.out = os.path.join(harness.temporary_folder(self), "out")

    def kick_off(self, request):
        asked = sorted({p["name"] for p in json.loads(request.body).get("parameter", [])})
        if refusal := self.refuses(asked):
            return refusal
        number = len(self.jobs)
        self.jobs.append(asked)
        wanted = self.changed if "_since" in asked else self.data
        if "_type" in asked:
            wanted = [each for each in wanted if each["resourceType"] == "Patient"]
        files = [self.server.add_output(name, f"{number}-{name}",
                                        lines_of(each for each in wanted if each["resourceType"] == name))
                 for name in sorted({each["resourceType"] for each in wanted})]
        manifest = self.server.manifest(files, **self.more)
        self.server.on("GET", f"/status/{number}", Answer(200, {k: v for k, v in manifest.items() if v is not None}))
        self.server.on("DELETE", f"/status/{number}", Answer(202))
        return Answer(202, b"", {"Content-Location": f"{self.server.root}/status/{number}"})

    def members_join(self):
        run("pull", self.server.base, "--group", "g", "--out", self.out)
        self.data += compartment("c")
        done = run("sync", self.out, "--log-json")
        self.assertEqual(len(content(self.out)), 12)
        return json.loads(done.out)

    def test_l06_members_are_listed_without_elements_where_these_are_refused(self):
        self.refuses = lambda asked: Answer(400, outcome("_elements is not supported")) if "_elements" in asked else None
        report = self.members_join()
        self.assertEqual(report["joined"], 1)
        self.assertEqual(self.jobs[1:], [["_type"], ["patient"], ["_since"]])
        # The list of that time is what the next sync begins with.
        run("sync", self.out)
        self.assertEqual(self.jobs[4:], [["_type"], ["_since"]])

    def test_l06_without_any_list_the_whole_group_is_pulled(self):
        for status in (400, 403):
            with self.subTest(status):
                self.setUp()
                self.refuses = lambda asked: Answer(status, outcome("no Patients for you")) if "_type" in asked else None
                self.members_join()
                self.assertEqual(self.jobs[1:], [[], ["_since"]])
                run("sync", self.out)
                self.assertEqual(self.jobs[3:], [[], ["_since"]])

    def test_l06_a_server_that_lists_no_deletions_is_told_and_a_full_sync_removes(self):
        self.data = [patient(f"p{i}") for i in range(30)]
        run("pull", self.server.base, "--out", self.out)
        gone = self.data.pop(7)
        self.data[0]["active"] = False
        done = run("sync", self.out)
        self.assertIn("does not list what it deletes", done.err)
        self.assertEqual(len(content(self.out)), 30)
        done = run("sync", self.out, "--full", "--log-json")
        report = json.loads(done.out)
        self.assertEqual(report["changed"], {"Patient": {"added": 0, "updated": 1, "deleted": 1, "total": 29}})
        self.assertEqual(report["gone"], 1)
        self.assertNotIn(("Patient", gone["id"]), content(self.out))
        with open(report["goneList"], encoding="utf-8") as file:
            self.assertEqual(file.read(), "Patient/p7\n")
        self.assertEqual(self.jobs, [[], ["_since"], []])
        # A server that has the list in its manifests is believed.
        self.more = {"deleted": []}
        self.assertNotIn("does not list", run("sync", self.out).err)

    def test_l06_a_full_sync_does_not_remove_more_than_a_tenth_without_force(self):
        self.data = [patient(f"p{i}") for i in range(30)]
        run("pull", self.server.base, "--out", self.out)
        before = content(self.out)
        del self.data[:4]
        done = run("sync", self.out, "--full", code=3)
        self.assertIn("4 of 30 resources are not on the server any more", done.err)
        self.assertIn("nothing was changed", done.err)
        self.assertEqual(content(self.out), before)
        with open(os.path.join(self.out, "deleted", "removed-1.txt"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "Patient/p0\nPatient/p1\nPatient/p2\nPatient/p3\n")
        # It goes on with what was pulled already.
        run("sync", self.out, "--full", "--force")
        self.assertEqual(len(content(self.out)), 26)
        self.assertEqual(len(self.jobs), 2)
        # A refused one is left by a sync of changes.
        del self.data[:10]
        run("sync", self.out, "--full", code=3)
        run("sync", self.out)
        self.assertEqual(self.jobs[2:], [[], ["_since"]])
        self.assertEqual(len(content(self.out)), 26)

    def test_l06_a_sync_that_was_left_leaves_what_was_pulled_first(self):
        self.data = [patient(f"p{i}") for i in range(30)]
        run("pull", self.server.base, "--out", self.out)
        del self.data[:4]
        run("sync", self.out, "--full", code=3)
        # The copy is still made of the files of the pull.
        self.data[0]["active"] = False
        self.data += [patient("new")]
        self.changed = [self.data[0], self.data[-1]]
        run("sync", self.out)
        self.assertEqual(len(content(self.out)), 31)
        done = run("sync", self.out, "--full", "--force", "--log-json")
        self.assertEqual(json.loads(done.out)["gone"], 4)
        self.assertEqual(len(content(self.out)), 27)

    def test_l06_a_full_sync_is_due_now_and_then(self):
        self.data = [patient(f"p{i}") for i in range(3)]
        run("pull", self.server.base, "--out", self.out)
        # The manifests' transactionTime is long ago.
        run("sync", self.out, "--full-every", "1d")
        self.assertEqual(self.jobs, [[], []])
        self.more = {"transactionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        run("sync", self.out, "--full")
        run("sync", self.out, "--full-every", "1d")
        self.assertEqual(self.jobs[2:], [[], ["_since"]])
        self.assertIn("--full-every", run("sync", self.out, "--full-every", "often", code=2).err)

    def since_of_last(self):
        parameters = json.loads(self.server.sent("POST", "/fhir/$export")[-1].body).get("parameter", [])
        return [p["valueInstant"] for p in parameters if p["name"] == "_since"]

    def test_l06_after_a_manifest_without_a_time_all_is_compared(self):
        self.data = [patient(f"p{i}") for i in range(30)]
        self.more = {"transactionTime": None}
        done = run("pull", self.server.base, "--out", self.out)
        self.assertIn("as of a time that the server does not tell", done.out)
        self.data.pop(7)
        self.data[0]["active"] = False
        self.data.append(patient("new"))
        done = run("sync", self.out, "--log-json")
        self.assertIn("the last manifest had no transactionTime", done.err)
        self.assertEqual(json.loads(done.out)["changed"],
                         {"Patient": {"added": 1, "updated": 1, "deleted": 1, "total": 30}})
        self.assertEqual({id for _, id in content(self.out)}, {each["id"] for each in self.data})
        # Now there is one: the sync after asks for changes.
        self.more = {"transactionTime": "2026-02-03T04:05:06Z"}
        self.assertIn("from the beginning to 2026-02-03T04:05:06Z", run("sync", self.out).out)
        self.more = {"transactionTime": None}
        run("sync", self.out)
        self.assertEqual(self.since_of_last(), ["2026-02-03T04:05:06Z"])
        # Changes without a time of their own: from the one before once more.
        self.assertNotIn("transactionTime", run("sync", self.out).err)
        self.assertEqual(self.since_of_last(), ["2026-02-03T04:05:06Z"])
        self.assertEqual(self.jobs, [[], [], [], ["_since"], ["_since"]])

    def test_l06_without_a_time_a_group_and_a_store_are_compared_too(self):
        self.more = {"transactionTime": None}
        for options in (("--group", "g"), ("--into", os.path.join(os.path.dirname(self.out), "data"))):
            with self.subTest(options):
                self.jobs, self.out = [], self.out + "x"
                self.data = [patient(f"p{i}") for i in range(30)]
                run("pull", self.server.base, "--out", self.out, *options)
                self.data.pop(7)
                done = run("sync", self.out, "--log-json")
                self.assertEqual(json.loads(done.out)["gone"], 1)
                self.assertEqual(self.jobs, [[], []])

    def test_l06_without_a_time_much_is_not_removed_without_force_either(self):
        self.more = {"transactionTime": None}
        self.data = [patient(f"p{i}") for i in range(30)]
        run("pull", self.server.base, "--out", self.out)
        del self.data[:4]
        done = run("sync", self.out, code=3)
        self.assertIn("nothing was changed", done.err)
        self.assertNotIn("goes on with changes", done.err)
        self.assertEqual(len(content(self.out)), 30)
        run("sync", self.out, "--full", "--force")
        self.assertEqual(len(content(self.out)), 26)

    def test_l06_a_full_sync_is_the_way_out_of_a_spoiled_copy(self):
        self.data = [patient(f"p{i}") for i in range(30)]
        run("pull", self.server.base, "--out", self.out)
        with open(os.path.join(self.out, "Patient.00001.ndjson"), "ab") as file:
            file.write(b'{"resourceType":"Pat\n')
        self.refuses = lambda asked: None
        self.server.on("POST", "/fhir/$export", self.kick_off)
        wanted = self.data
        run("sync", self.out, "--full")
        self.assertEqual(len(content(self.out)), len(wanted))

    def test_l10_a_store_loses_what_only_one_source_had(self):
        data = os.path.join(os.path.dirname(self.out), "data")
        other = BulkImposter(self)
        moved, own = patient("moved"), patient("own")
        self.data = [moved, own, *[patient(f"x{i}") for i in range(30)]]
        other.finish([other.add_output("Patient", "p", lines_of([moved]))])
        run("pull", self.server.base, "--into", data, "--out", self.out)
        second = self.out + "2"
        run("pull", other.base, "--into", data, "--out", second)
        ids = lambda: {each for each in self.stored(data) if not each.startswith("x")}
        self.assertEqual(ids(), {"moved", "own"})
        deletions = lambda *ids: lines_of([{"resourceType": "Bundle", "type": "transaction", "entry": [
            {"request": {"method": "DELETE", "url": f"Patient/{id}"}} for id in ids]}])
        self.more = {"deleted": [self.server.add_output("Bundle", "d", deletions("moved", "own"))]}
        done = run("sync", self.out)
        self.assertIn("1 resources stay", done.err)
        self.assertEqual(ids(), {"moved"})
        # Once the other does not have it either, it goes.
        other.finish([], deleted=[other.add_output("Bundle", "d", deletions("moved"))])
        run("sync", second)
        self.assertEqual(ids(), set())

    def test_l10_a_full_sync_into_a_store_removes_what_is_gone(self):
        data = os.path.join(os.path.dirname(self.out), "data")
        self.data = [patient(f"p{i}") for i in range(30)]
        run("pull", self.server.base, "--into", data, "--out", self.out)
        del self.data[:2]
        done = run("sync", self.out, "--full", "--log-json")
        self.assertEqual(json.loads(done.out)["gone"], 2)
        self.assertEqual(len(self.stored(data)), 28)
        del self.data[:5]
        run("sync", self.out, "--full", code=3)
        self.assertEqual(len(self.stored(data)), 28)
        run("sync", self.out, "--full", "--force")
        self.assertEqual(len(self.stored(data)), 23)

    def stored(self, data):
        """The ids of a store's Patients."""
        with harness.Server(data) as server:
            bundle = harness.request("GET", f"{server.base}/Patient?_count=1000").json()
            return {entry["resource"]["id"] for entry in bundle.get("entry", [])}


if __name__ == "__main__":
    unittest.main()
