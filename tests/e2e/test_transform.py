"""`sluice transform`: files of resources, de-identified (F-01 to F-06)."""
import datetime
import gzip
import json
import os
import re
import resource
import signal
import subprocess
import unittest

import harness

KEY = "0123456789abcdef0123456789abcdef0123456789abcdef"
NAMES = re.compile(r'"(?:name|telecom|line|city|text|div|display|identifier|photo|extension)"')


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


class Transform(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.world = harness.tempfile.TemporaryDirectory(prefix="sluice-e2e-")
        cls.sample = os.path.join(cls.world.name, "sample")
        harness.sluice("generate", "--patients", 20, "--seed", 7, "--out", cls.sample)

    @classmethod
    def tearDownClass(cls):
        cls.world.cleanup()
        super().tearDownClass()

    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.key = self.path("key")
        with open(self.key, "w", encoding="utf-8") as file:
            file.write(KEY + "\n")

    def path(self, name):
        return os.path.join(self.folder, name)

    def rules(self, rules, name="rules.json", **more):
        with open(self.path(name), "w", encoding="utf-8") as file:
            json.dump({"fhirVersion": "R4", "fhirPathRules": rules, **more}, file)
        return self.path(name)

    def transform(self, rules, *inputs, out="out", key=True, **options):
        more = ["--key", self.key] if key else []
        return harness.sluice("transform", "--rules", rules, *more, *inputs, "--out", self.path(out), **options)

    # ---- what comes out ----

    def test_f04_safe_harbor_of_a_population_has_no_names_and_joins(self):
        done = self.transform("safe-harbor", self.sample, check=False)
        # Types that the allow-list does not name are left out, and told of.
        self.assertIn(done.returncode, (0, 1), done.err)
        patients = lines_of(self.path("out/Patient.ndjson"))
        self.assertEqual(len(patients), 20)
        ids = {patient["id"] for patient in patients}
        self.assertTrue(all(re.fullmatch("[0-9a-f]{64}", each) for each in ids))
        for patient in patients:
            self.assertNotRegex(json.dumps({**patient, "meta": None}), NAMES)
            self.assertRegex(patient.get("birthDate", "1990"), r"^\d{4}$")
        named = 0
        for name in os.listdir(self.path("out")):
            for each in lines_of(self.path(f"out/{name}")):
                for reference in references(each):
                    if reference.startswith("Patient/"):
                        named += 1
                        self.assertIn(reference.split("/")[1], ids, name)
        self.assertGreater(named, 100)

    def test_f02_shifted_dates_keep_the_days_between_events_of_a_patient(self):
        data = harness.write_lines(self.path("Encounter.ndjson"), [
            {"resourceType": "Encounter", "id": str(n), "subject": {"reference": "Patient/a"},
             "period": {"start": f"2020-03-{n:02}T10:00:00Z"}} for n in (1, 11)])
        self.transform("shifted-dates", data)
        first, second = [each["period"]["start"] for each in lines_of(self.path("out/Encounter.ndjson"))]
        self.assertNotEqual(first, "2020-03-01")
        days = (datetime.date.fromisoformat(second) - datetime.date.fromisoformat(first)).days
        self.assertEqual(days, 10)

    def test_f01_rules_of_a_file_change_what_they_name(self):
        rules = self.rules([{"path": "nodesByType('Address').state", "method": "keep"},
                            {"path": "nodesByType('Address')", "method": "redact"},
                            {"path": "Patient.name", "method": "substitute", "replaceWith": {"family": "X"}}])
        data = harness.write_lines(self.path("people.ndjson"), [
            {"resourceType": "Patient", "id": "a", "name": [{"family": "Doe"}], "address": [{"city": "Ada", "state": "OH"}]}])
        done = self.transform(rules, data, "--counts", key=False)
        made, = lines_of(self.path("out/people.ndjson"))
        self.assertEqual([tag["code"] for tag in made.pop("meta")["security"]], ["REDACTED", "SUBSTITUTED"])
        self.assertEqual(made, {"resourceType": "Patient", "id": "a", "name": [{"family": "X"}], "address": [{"state": "OH"}]})
        self.assertRegex(done.out, r"(?m)^ +1 redact nodesByType\('Address'\)$")

    def test_gzip_bundles_folders_and_standard_input_are_read(self):
        inbox = self.path("inbox")
        os.makedirs(inbox)
        with gzip.open(os.path.join(inbox, "Patient.000.ndjson.gz"), "wt") as file:
            file.write('{"resourceType":"Patient","gender":"male"}\n\n')
        with open(os.path.join(inbox, "Doe_Jane.json"), "w", encoding="utf-8") as file:
            json.dump({"resourceType": "Bundle", "type": "collection", "entry": [
                {"resource": {"resourceType": "Patient", "gender": "female", "name": [{"text": "Doe"}]}}]}, file, indent=1)
        self.transform("safe-harbor", inbox, "-", stdin=b'{"resourceType":"Patient","gender":"other"}')
        self.assertEqual(sorted(os.listdir(self.path("out"))),
                         ["Patient.000.ndjson", "part-000001.ndjson", "part-000003.ndjson"],
                         "no file is named for a patient")
        bundle, = lines_of(self.path("out/part-000001.ndjson"))
        self.assertEqual(bundle["entry"][0]["resource"]["gender"], "female")
        self.assertNotIn("Doe", json.dumps(bundle))

    def test_f05_two_views_of_one_key_cannot_be_joined(self):
        data = harness.write_lines(self.path("Patient.ndjson"), [{"resourceType": "Patient", "id": "a"}])
        ids = []
        for view in ("one", "two", "one"):
            self.transform("safe-harbor", data, "--view", view, out=view)
            ids.append(lines_of(self.path(f"{view}/Patient.ndjson"))[0]["id"])
        self.assertNotEqual(ids[0], ids[1])
        self.assertEqual(ids[0], ids[2])

    def test_the_allow_list_is_printed(self):
        done = harness.sluice("transform", "--allow-list")
        self.assertIn("\nPatient\tid,contained,active,gender,birthDate,", done.out)

    # ---- what cannot be done ----

    def test_f04_what_cannot_be_changed_is_left_out_and_told_never_passed_raw(self):
        data = harness.write_lines(self.path("Patient.ndjson"), [
            {"resourceType": "Patient", "id": "a"}, "not JSON", {"id": "secret-1"},
            {"resourceType": "Patient", "id": "secret-2", "modifierExtension": [{"url": "u"}]},
            {"resourceType": "Person", "id": "secret-3"}])
        done = self.transform("safe-harbor", data, check=False)
        self.assertEqual(done.returncode, 1)
        for line in (2, 3, 4, 5):
            self.assertIn(f"{data}:{line}: left out: ", done.err)
        self.assertNotIn("secret", done.err)
        self.assertEqual(len(lines_of(self.path("out/Patient.ndjson"))), 1)

    def test_f01_processing_errors_raise_and_skip_mean_what_the_language_says(self):
        wrong = [{"path": "nodesByName('active')", "method": "substitute", "replaceWith": "x"}]
        data = harness.write_lines(self.path("p.ndjson"), [
            {"resourceType": "Patient", "id": "a"}, {"resourceType": "Patient", "id": "b", "active": True}])
        done = self.transform(self.rules(wrong, processingErrors="raise"), data, key=False, check=False)
        self.assertEqual((done.returncode, os.listdir(self.path("out"))), (2, []))
        self.assertIn(f"{data}:2: fhirPathRules[0] (substitute): ", done.err)
        done = self.transform(self.rules(wrong, processingErrors="skip"), data, key=False, check=False)
        self.assertEqual(done.returncode, 1)
        kept, emptied = lines_of(self.path("out/p.ndjson"))
        self.assertEqual((kept["id"], sorted(emptied)), ("a", ["meta", "resourceType"]))

    def test_wrong_use_is_told(self):
        data = harness.write_lines(self.path("p.ndjson"), [{"resourceType": "Patient", "id": "a"}])
        hashed = self.rules([{"path": "Resource.id", "method": "cryptoHash"}])
        misspelt = self.rules([{"path": "Patient.nam", "method": "redact"}], "misspelt.json")
        secret = self.rules([{"path": "Patient", "method": "keep"}], "secret.json", parameters={"encryptKey": "x"})
        short = self.path("short")
        with open(short, "w", encoding="utf-8") as file:
            file.write("short")
        for arguments, said in (
                ([hashed, data], "these rules need a key"), (["safe-harbor", data], "these rules need a key"),
                ([misspelt, data], "misspelt.json: fhirPathRules[0].path: FHIRPath"),
                ([secret, data], "parameters.encryptKey: a rule file holds no keys"),
                (["safe-harbor", data, "--key", short], "a key needs 32 bytes at least"),
                (["safe-harbor", "--key", self.key], "no files were named"),
                ([hashed, data, self.path("absent.ndjson"), "--key", self.key], "absent.ndjson"),
                ([hashed, data, data, "--key", self.key], "two files would be named p.ndjson")):
            done = self.transform(*arguments, key=False, check=False)
            self.assertEqual(done.returncode, 2, said)
            self.assertIn(said, done.err)
        self.transform(misspelt, data, "--lenient", key=False)
        done = harness.sluice("transform", "--rules", misspelt, "--lenient", data, "--out", self.folder, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("would be written over itself", done.err)

    def test_a_full_disk_leaves_no_half_file(self):
        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        done = subprocess.run([harness.BINARY, "transform", "--rules", "safe-harbor", "--key", self.key,
                               os.path.join(self.sample, "Observation.ndjson"), "--out", self.path("out")],
                              capture_output=True, preexec_fn=small_files, timeout=300)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertEqual(os.listdir(self.path("out")), [])

    def test_it_can_be_interrupted(self):
        process = subprocess.Popen([harness.BINARY, "transform", "--rules", "safe-harbor", "--key", self.key, "-",
                                    "--out", self.path("out")], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        process.stdin.write(b'{"resourceType":"Patient","id":"a"}\n')
        process.stdin.flush()
        harness.eventually(self, lambda: os.path.exists(self.path("out")) and os.listdir(self.path("out")))
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(harness.PATIENCE_SECONDS), 130)
        process.stdin.close()
        self.assertEqual(os.listdir(self.path("out")), [])


if __name__ == "__main__":
    unittest.main()
