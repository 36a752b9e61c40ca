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
