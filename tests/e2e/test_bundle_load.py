"""Transaction Bundles as Synthea and HAPI write them, rebuilt from the corpus: posted without change they are what a
load of the same resources is (I-01, I-02)."""
import collections
import json
import os
import re
import unittest
import uuid

import bundles
import corpus
import harness
from fhir_model import parse_exactly, without_version


class BundleLoads(bundles.TestCase):
    def bundles_of(self, source, method):
        """Transactions of the resources that belong together, as Synthea and HAPI write them: urn:uuid links, the
        supporting resources first."""
        resources = source.resources
        links = {f"{type}/{id}": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{type}/{id}')}"
                 for type, id in resources}
        parts = collections.defaultdict(list)
        for (type, id), line in source.lines.items():
            text = re.sub(r'"reference"(\s*:\s*)"([A-Za-z]+/[A-Za-z0-9.-]+)"',
                          lambda m: f'"reference"{m[1]}"{links.get(m[2], m[2])}"', line.decode())
            owner = re.search(r'"(?:subject|patient|beneficiary)"\s*:\s*\{\s*"reference"\s*:\s*"Patient/([^"]+)"',
                              line.decode())
            part = id if type == "Patient" else owner.group(1) if owner else ""
            url = f"{type}/{id}" if method == "PUT" else type
            parts[part].append('{"fullUrl":"%s","resource":%s,"request":{"method":"%s","url":"%s"}}'
                               % (links[f"{type}/{id}"], text, method, url))
        shared = parts.pop("", [])
        for entries in parts.values():
            # A link between Bundles needs an id: what all share is known by it only with PUT.
            yield '{"resourceType":"Bundle","type":"transaction","entry":[%s]}' % ",".join(
                entries if method == "PUT" and not shared else shared + entries)
            shared = []

    # ---- loads of Bundles as other servers and generators write them (I-01, I-02) ----

    def write_bundle(self, name, type, *entries):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"resourceType": "Bundle", "type": type, "entry": entries}, file, indent=1)
        return path

    def loaded(self):
        """What is there after the loads: "Type/id" to the resource."""
        with harness.Server(os.path.join(self.folder, "data")) as server:
            return {f"{r['resourceType']}/{r['id']}": r for r in server.export().resources()}

    def load(self, *paths, **options):
        return harness.load(os.path.join(self.folder, "data"), *paths, lenient=False, **options)

    NPI = "http://hl7.org/fhir/sid/us-npi"

    def synthea(self):
        """Synthea's default output: practitioners in a file of their own, found by their number."""
        one, encounter = "11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002"
        practitioner = "22222222-0000-4000-8000-000000000001"
        return (self.write_bundle("a-patient.json", "transaction", {
            "fullUrl": f"urn:uuid:{one}", "resource": {"resourceType": "Patient", "id": one},
            "request": {"method": "POST", "url": "Patient"}}, {
            "fullUrl": f"urn:uuid:{encounter}", "resource": {
                "resourceType": "Encounter", "id": encounter, "status": "finished", "class": {"code": "AMB"},
                "subject": {"reference": f"urn:uuid:{one}"},
                "participant": [{"individual": {"reference": f"Practitioner?identifier={self.NPI}|9999900099"}}]},
            "request": {"method": "POST", "url": "Encounter"}}),
            self.write_bundle("b-practitioners.json", "batch", {
                "fullUrl": f"urn:uuid:{practitioner}", "resource": {
                    "resourceType": "Practitioner", "id": practitioner,
                    "identifier": [{"system": self.NPI, "value": "9999900099"}]},
                "request": {"method": "POST", "url": "Practitioner",
                            "ifNoneExist": f"identifier={self.NPI}|9999900099"}}),
            f"Encounter/{encounter}", f"Practitioner/{practitioner}")

    def test_i01_synthea_as_it_is_in_whatever_order_and_again(self):
        patient, practitioners, encounter, practitioner = self.synthea()
        done = self.load(patient, practitioners)
        self.assertEqual(done.err, "")
        self.assertIn("1 conditional references resolved, types looked through for them: 1\n", done.out)
        resources = self.loaded()
        self.assertEqual(resources[encounter]["participant"],
                         [{"individual": {"reference": practitioner}}])
        self.assertEqual(len(resources), 3)
        again = self.load(practitioners, patient)
        self.assertEqual([line.split()[1:] for line in again.out.splitlines()[1:4]], [["0", "0", "1"]] * 3)
        self.assertEqual(self.loaded(), resources)

    def test_i02_a_load_by_the_server_and_one_that_finds_nothing(self):
        patient, practitioners, encounter, practitioner = self.synthea()
        with harness.Server(os.path.join(self.folder, "data")) as server:
            done = self.load(patient, check=False)
            self.assertEqual((done.returncode, done.err), (1, (
                f"{patient}:entry 1: a conditional reference: Practitioner?identifier={self.NPI}|... "
                "finds nothing\n")))
            self.load(practitioners)
            self.load(patient)
            found = server.get(encounter).json()
            self.assertEqual(found["participant"], [{"individual": {"reference": practitioner}}])
            self.assertNotIn("9999900099", server.log())
            self.assertEqual([name for name in os.listdir(os.path.join(self.folder, "data"))
                              if "deferred" in name], [])

    def test_i02_absolute_links_attachments_and_outcomes(self):
        binary = "urn:uuid:00000000-0000-4000-8000-000000000003"
        base = "http://h:8080/fhir"
        self.load(
            self.write_bundle(
                "search.json", "searchset", {"fullUrl": f"{base}/Patient/q", "resource": {
                    "resourceType": "Patient", "id": "q"}, "search": {"mode": "match"}},
                {"fullUrl": f"{base}/Observation/w", "resource": {
                    "resourceType": "Observation", "id": "w", "status": "final", "code": {"text": "x"},
                    "subject": {"reference": f"{base}/Patient/q"}}},
                {"resource": {"resourceType": "OperationOutcome", "issue": [
                    {"severity": "warning", "code": "informational", "diagnostics": "colour was ignored"}]},
                 "search": {"mode": "outcome"}}),
            self.write_bundle(
                "attachment.json", "transaction", {"fullUrl": binary, "resource": {
                    "resourceType": "Binary", "contentType": "text/plain", "data": "aGk="},
                    "request": {"method": "POST", "url": "Binary"}},
                {"resource": {"resourceType": "DocumentReference", "id": "dr", "status": "current", "content": [
                    {"attachment": {"contentType": "text/plain", "url": binary}}]},
                 "request": {"method": "PUT", "url": "DocumentReference/dr"}}))
        with harness.Server(os.path.join(self.folder, "data")) as server:
            self.assertEqual(server.get("Observation/w").json()["subject"], {"reference": "Patient/q"})
            attachment = server.get("DocumentReference/dr").json()["content"][0]["attachment"]
            self.assertEqual(attachment["url"], "Binary/00000000-0000-4000-8000-000000000003")
            # The Observation is in the Patient's compartment, and the search's outcome nowhere.
            self.assertEqual(server.export("Patient/$export").keys(), [("Observation", "w"), ("Patient", "q")])
            self.assertEqual([type for type, _ in server.export().keys()],
                             ["Binary", "DocumentReference", "Observation", "Patient"])

    def test_i01_our_own_history_is_a_copy(self):
        with harness.Server(os.path.join(self.folder, "source")) as source:
            for id, gender in (("h1", "male"), ("h2", "male"), ("h1", "female")):
                answer = harness.request("PUT", f"{source.base}/Patient/{id}", {"Content-Type": harness.FHIR_JSON},
                                         json.dumps({"resourceType": "Patient", "id": id,
                                                     "gender": gender}).encode())
                self.assertIn(answer.status, (200, 201))
            self.assertEqual(harness.request("DELETE", f"{source.base}/Patient/h2").status, 204)
            history = os.path.join(self.folder, "history.json")
            with open(history, "wb") as file:
                file.write(source.get("_history").body)
        self.load(harness.write_lines(os.path.join(self.folder, "before.ndjson"),
                                      [{"resourceType": "Patient", "id": "h2"}]))
        done = self.load(history)
        self.assertEqual(done.err, "")
        self.assertIn("1 deleted\n", done.out)
        resources = self.loaded()
        self.assertEqual({key: r["gender"] for key, r in resources.items()}, {"Patient/h1": "female"})
        self.load(history)
        self.assertEqual(self.loaded(), resources)

    def small_source(self):
        types = ("Patient", "Practitioner", "Organization", "Encounter", "Condition", "Immunization", "Device")
        return corpus.base_corpus(self.folder, types=types, patients=20)

    def test_i02_synthea_transactions_equal_a_load_of_the_same_resources(self):
        source = self.small_source()
        harness.load(os.path.join(self.folder, "loaded"), *source.paths)
        with harness.Server(os.path.join(self.folder, "loaded")) as server:
            loaded = server.export()
            expected = {name: sorted(self.bare(line) for line in lines) for name, lines in loaded.lines.items()}
        self.serve()
        links = {f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{type}/{id}')}": f"{type}/{id}"
                 for type, id in source.lines}
        for text in self.bundles_of(source, "PUT"):
            self.done(text)
        posted = {name: sorted(re.sub(rb"urn:uuid:[0-9a-f-]{36}", lambda m: links[m[0].decode()].encode(),
                                      self.bare(line)) for line in lines)
                  for name, lines in self.server.export().lines.items()}
        self.assertEqual({name: len(lines) for name, lines in posted.items()},
                         {name: len(lines) for name, lines in expected.items()})
        self.assertTrue(posted == expected, "a resource is not as it was loaded")

    def bare(self, line):
        """A line without what the server says of its version: the rest must be the same bytes."""
        line = re.sub(rb'"versionId":"\d+","lastUpdated":"[^"]+",?', b"", line)
        return line.replace(b',"meta":{}', b"")

    def test_i02_posted_transactions_are_the_same_resources_by_other_ids(self):
        self.serve()
        source = self.small_source()
        ids = {}
        keys = {f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{type}/{id}')}": f"{type}/{id}"
                for type, id in source.lines}
        everything = list(self.bundles_of(source, "POST"))
        whole = '{"resourceType":"Bundle","type":"transaction","entry":[%s]}' % ",".join(
            text[text.index("[") + 1:-2] for text in everything)
        for sent, got in zip(json.loads(whole)["entry"], self.done(whole)):
            ids[self.located(got)] = keys[sent["fullUrl"]]
        self.assertEqual(len(ids), len(source.lines))

        def as_sent(line):
            text = re.sub(r'[A-Z][A-Za-z]+/[0-9a-f]{32}(?=")', lambda m: ids[m[0]], line.decode())
            resource = without_version(parse_exactly(text))
            resource["id"] = ids[f"{resource['resourceType']}/{resource['id']}"].split("/")[1]
            return resource

        found = {}
        for lines in self.server.export().lines.values():
            for line in lines:
                resource = as_sent(line)
                found[resource["resourceType"], resource["id"]] = resource
        expected = {key: without_version(parse_exactly(line)) for key, line in source.lines.items()}
        self.assertEqual(found.keys(), expected.keys())
        for key, resource in expected.items():
            self.assertEqual(found[key], resource, key)


if __name__ == "__main__":
    unittest.main()
