"""What the tests of posted Bundles share: resources, entries, Bundles, and a server to post them to."""

import harness


def patient(id=None, **more):
    return {"resourceType": "Patient", **({"id": id} if id else {}), **more}


def observation(subject, **more):
    return {"resourceType": "Observation", "status": "final", "code": {"text": "c"},
            "subject": {"reference": subject}, **more}


def identified(value):
    return [{"system": "http://example.org/ids", "value": value}]


def entry(method, url, resource=None, full_url=None, **request):
    made = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        made["resource"] = resource
    if full_url:
        made["fullUrl"] = full_url
    return made


def bundle(*entries, type="transaction"):
    return {"resourceType": "Bundle", "type": type, "entry": list(entries)}


class TestCase(harness.ServerCase):
    def post(self, body, headers=None):
        return self.send("POST", "", body, headers)

    def done(self, body, headers=None):
        """The answer's entries; every one must have succeeded."""
        answer = self.post(body, headers)
        self.assertEqual(answer.status, 200, answer)
        answer = answer.json()
        self.assertEqual(answer["resourceType"], "Bundle")
        entries = answer.get("entry", [])
        for item in entries:
            self.assertRegex(item["response"]["status"], r"^[23]\d\d [A-Z]", item)
        return entries

    def read(self, path):
        return harness.request("GET", f"{self.server.base}/{path}")

    def everything(self):
        return self.server.export().content()

    def located(self, item):
        """Type/id of an entry of an answer."""
        return item["response"]["location"].split("/_history/")[0]
