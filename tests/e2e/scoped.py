"""What the tests of scopes with a search query share: resources inside and outside, tokens, requests."""
import json
import os

import harness
import smart

LAB, VITAL = "laboratory", "vital-signs"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
SEEN, HIDDEN = "seen", "hidden"
PROFILE = "http://hl7.org/fhir/uv/bulkdata/StructureDefinition"


def observation(id, category, patient="p", **more):
    return {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"},
            "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
            "subject": {"reference": f"Patient/{patient}"}, **more}


def attachment(id, url):
    return {"resourceType": "DocumentReference", "id": id, "status": "current",
            "subject": {"reference": "Patient/p"}, "content": [{"attachment": {"url": url}}]}


RESOURCES = [
    {"resourceType": "Patient", "id": "p", "gender": "female", "name": [{"family": "Adams"}]},
    {"resourceType": "Patient", "id": "q", "gender": "male", "name": [{"family": "Brown"}]},
    {"resourceType": "Practitioner", "id": SEEN, "active": True},
    {"resourceType": "Practitioner", "id": HIDDEN, "active": False},
    {"resourceType": "Practitioner", "id": "only-of-hidden", "active": True},
    observation(SEEN, LAB, performer=[{"reference": "Practitioner/" + SEEN},
                                      {"reference": "Practitioner/" + HIDDEN}]),
    observation(HIDDEN, VITAL, performer=[{"reference": "Practitioner/only-of-hidden"}]),
    observation("of-q", VITAL, "q"),
    observation("second", LAB, "q", status="amended"),
    {"resourceType": "Provenance", "id": SEEN, "recorded": "2020-01-01T00:00:00Z",
     "target": [{"reference": "Patient/p"}], "agent": [{"who": {"display": "x"}}]},
    {"resourceType": "Provenance", "id": HIDDEN, "recorded": "2021-01-01T00:00:00Z",
     "target": [{"reference": "Patient/p"}], "agent": [{"who": {"display": "x"}}]},
    {"resourceType": "Group", "id": "g", "type": "person", "actual": True,
     "member": [{"entity": {"reference": "Patient/p"}}, {"entity": {"reference": "Patient/q"}}]},
    {"resourceType": "Group", "id": "other", "type": "person", "actual": True,
     "member": [{"entity": {"reference": "Patient/p"}}]},
    {"resourceType": "Binary", "id": SEEN, "contentType": "text/plain", "data": "eA==",
     "meta": {"tag": [{"code": "open"}]}},
    {"resourceType": "Binary", "id": HIDDEN, "contentType": "text/plain", "data": "eA=="},
    attachment("d1", "Binary/" + SEEN),
    attachment("d2", "Binary/" + HIDDEN),
]


class ScopedCase(harness.TestCase):
    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.data = os.path.join(self.folder, "data")
        source = os.path.join(self.folder, "source.ndjson")
        harness.write_lines(source, RESOURCES)
        harness.load(self.data, source)
        self.all = smart.Client(self.folder, self.data, "all", scope="system/*.cruds")
        self.server = harness.start_server(self, self.data, is_open=False)
        self.everything = self.all.headers(self.server)

    def token_of(self, scope):
        """Headers of the client that may do everything, with a token for this."""
        return self.all.headers(self.server, scope)

    def send(self, method, path, headers, body=None, more=None):
        headers = {**headers, **(more or {})}
        if body is not None:
            headers.setdefault("Content-Type", harness.FHIR_JSON)
            body = json.dumps(body).encode()
        return harness.request(method, f"{self.server.base}/{path}", headers, body)

    def exported(self, headers, path="$export", **parameters):
        """What an export gives: (status URL, manifest, {Type/id})."""
        url, manifest = smart.export(self.server, path, parameters, headers)
        keys = set()
        for item in manifest["output"]:
            for line in harness.request("GET", item["url"], headers).body.splitlines():
                resource = json.loads(line)
                keys.add(f"{resource['resourceType']}/{resource.get('id')}")
        return url, manifest, keys
