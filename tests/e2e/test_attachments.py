"""Attachments that are Binaries of this server: absolute in the export, fetched with the job's rights,
and nothing else is (F-06, F-05, F-07)."""
import base64
import json
import os
import re
import unittest

import harness
import smart

SCAN = bytes(range(256)) * 40


def lines():
    photo = '{"contentType":"image/png","size":1.50,"url":"Binary/photo"}'
    return [
        '{"resourceType":"Patient","id":"p","photo":[' + photo + '],"link":[]}',
        '{"resourceType":"DocumentReference","id":"d","status":"current","subject":{"reference":"Patient/p"},'
        '"content":[{"attachment":{"url":"Binary\\/scan"}},{"attachment":{"url":"BASE/Binary/scan"}},'
        '{"attachment":{"url":"https://other.example/fhir/Binary/scan"}},{"attachment":{"data":"YQ=="}}]}',
        '{"resourceType":"Observation","id":"o","status":"final","code":{"text":"Binary/photo \\"url\\""},'
        '"subject":{"reference":"Patient/p"},"derivedFrom":[{"reference":"DocumentReference/d"}]}',
        {"resourceType": "Binary", "id": "photo", "contentType": "image/png",
         "data": base64.b64encode(b"a picture").decode()},
        {"resourceType": "Binary", "id": "scan", "contentType": "text/html",
         "data": base64.b64encode(SCAN).decode()},
        {"resourceType": "Binary", "id": "secret", "contentType": "text/plain",
         "data": base64.b64encode(b"not referred to").decode()}]


class Attachments(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.temporary_folder(cls)
        cls.data = os.path.join(cls.folder, "data")
        # A base that the references in the data can name before the server has a port.
        cls.public = "https://ehr.example/r4"
        cls.lines = [line.replace("BASE", cls.public) if isinstance(line, str) else json.dumps(line)
                     for line in lines()]
        harness.load(cls.data, harness.write_lines(os.path.join(cls.folder, "in.ndjson"), cls.lines))

    def here(self, server, url):
        self.assertTrue(url.startswith(self.public + "/"), url)
        return server.base + url[len(self.public):]

    def lines_of(self, server, manifest, headers):
        found = {}
        for item in manifest["output"]:
            answer = harness.request("GET", self.here(server, item["url"]), headers)
            self.assertEqual(answer.status, 200, answer)
            for line in answer.body.decode().splitlines():
                resource = json.loads(line)
                found[resource["resourceType"] + "/" + resource["id"]] = line
        return found

    def run_export(self, server, path, headers=None, parameters=None):
        answer = server.get(path, parameters, {**(headers or {}), "Prefer": "respond-async"})
        self.assertEqual(answer.status, 202, answer)
        status_url = self.here(server, answer.headers["Content-Location"])
        return status_url, harness.wait(status_url, headers=headers).manifest

    def check_export(self, server, headers, fetch_headers):
        """The URLs of photo and scan, after all that holds for every kind of client."""
        status_url, manifest = self.run_export(server, "Patient/$export", headers)
        found = self.lines_of(server, manifest, fetch_headers)
        self.assertEqual(set(found), {"Patient/p", "DocumentReference/d", "Observation/o"})
        photo = json.loads(found["Patient/p"])["photo"][0]["url"]
        urls = [content["attachment"].get("url")
                for content in json.loads(found["DocumentReference/d"])["content"]]
        scan = urls[0]
        self.assertEqual(urls, [scan, scan, "https://other.example/fhir/Binary/scan", None])
        # F-05: only the URLs are other bytes.
        for key, line in (("Patient/p", self.lines[0]), ("DocumentReference/d", self.lines[1]),
                          ("Observation/o", self.lines[2])):
            sent = re.sub(r',?"meta":\{"versionId":"1","lastUpdated":"[^"]*"\}', "", found[key])
            own = sent.replace(f'"{photo}"', '"Binary/photo"').replace(f'"{scan}"', '"Binary\\/scan"', 1)
            self.assertEqual(own.replace(scan, self.public + "/Binary/scan"), line)
        answer = harness.request("GET", self.here(server, photo), fetch_headers)
        self.assertEqual((answer.status, answer.body), (200, b"a picture"))
        self.assertEqual(answer.headers["Content-Type"], "image/png")
        answer = harness.request("GET", self.here(server, scan), fetch_headers)
        self.assertEqual((answer.status, answer.body), (200, SCAN))
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(answer.headers["Content-Security-Policy"], "sandbox")
        answer = harness.request("GET", self.here(server, scan),
                                 {"Accept": "application/fhir+json", **fetch_headers})
        self.assertEqual(answer.json()["id"], "scan")
        return status_url, self.here(server, photo)

    def check_no_other(self, server, photo, fetch_headers):
        """An address opens one Binary of one job."""
        for url in (photo.replace("/photo", "/secret"), photo.replace("/photo", "/scan"),
                    photo.split("?")[0], photo[:-1], photo.replace("proof=", "capability=")
                    if "proof=" in photo else photo.replace("capability=", "proof=")):
            answer = harness.request("GET", url, fetch_headers)
            self.assertIn(answer.status, (401, 404), (url, answer))

    def serve(self, **keywords):
        return harness.start_server(self, self.data, "--base-url", self.public, **keywords)

    def test_f06_an_open_server(self):
        server = self.serve()
        status_url, photo = self.check_export(server, {}, {})
        self.assertEqual(harness.request("GET", photo.replace("/photo", "/nothing")).status, 404)
        # At system level a Binary is a resource like others.
        _, manifest = self.run_export(server, "$export", parameters={"_type": "Binary"})
        self.assertEqual(manifest["output"][0]["count"], 3)
        self.assertEqual(harness.request("DELETE", status_url).status, 202)
        self.assertEqual(harness.request("GET", photo).status, 404)

    def test_f06_with_a_token(self):
        client = smart.Client(self.folder, self.data, "by-token", scope=
                              "system/Patient.rs system/DocumentReference.rs system/Observation.rs")
        other = smart.Client(self.folder, self.data, "other")
        server = self.serve(is_open=False)
        public = smart.token_url
        smart.token_url = lambda _: self.public + "/auth/token"
        self.addCleanup(setattr, smart, "token_url", public)

        def headers_of(who, **changes):
            answer = smart.post_form(server.base + "/auth/token",
                                     smart.form_of(who.assertion(server), scope=who.scope))
            self.assertEqual(answer.status, 200, answer)
            return {"Authorization": "Bearer " + answer.json()["access_token"]}
        headers = headers_of(client)
        status_url, photo = self.check_export(server, headers, headers)
        self.assertEqual(harness.request("GET", photo).status, 401)
        self.assertEqual(harness.request("GET", photo, headers_of(other)).status, 404)
        self.check_no_other(server, photo, headers)
        self.assertEqual(harness.request("DELETE", status_url, headers).status, 202)
        self.assertEqual(harness.request("GET", photo, headers).status, 404)

    def test_f06_f07_with_capability_urls(self):
        client = smart.Client(self.folder, self.data, "by-url", options=["--file-access", "capability"])
        server = self.serve(is_open=False)
        public = smart.token_url
        smart.token_url = lambda _: self.public + "/auth/token"
        self.addCleanup(setattr, smart, "token_url", public)
        answer = smart.post_form(server.base + "/auth/token",
                                 smart.form_of(client.assertion(server), scope=client.scope))
        headers = {"Authorization": "Bearer " + answer.json()["access_token"]}
        status_url, photo = self.check_export(server, headers, {})
        self.check_no_other(server, photo, {})
        self.assertEqual(harness.request("DELETE", status_url, headers).status, 202)
        self.assertIn(harness.request("GET", photo).status, (401, 404))


if __name__ == "__main__":
    unittest.main()
