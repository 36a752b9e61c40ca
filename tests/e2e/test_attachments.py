"""Attachments that are Binaries of this server: absolute in the export, read by the right to read what
names them, and nothing else is (F-06, F-05, F-07)."""
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

    def check_no_other(self, server, photo):
        """A signed address opens one Binary of one job."""
        for url in (photo.replace("/photo", "/secret"), photo.replace("/photo", "/scan"), photo.split("?")[0],
                    photo[:-1], photo.replace("capability=", "proof=")):
            answer = harness.request("GET", url)
            self.assertIn(answer.status, (401, 404), (url, answer))

    def serve(self, **keywords):
        if not keywords.get("is_open", True):
            public = smart.token_url
            smart.token_url = lambda _: self.public + "/auth/token"
            self.addCleanup(setattr, smart, "token_url", public)
        return harness.start_server(self, self.data, "--base-url", self.public, **keywords)

    def headers_of(self, server, client, scope=None):
        answer = smart.post_form(server.base + "/auth/token",
                                 smart.form_of(client.assertion(server), scope=scope or client.scope))
        self.assertEqual(answer.status, 200, answer)
        return {"Authorization": "Bearer " + answer.json()["access_token"]}

    def test_f06_an_open_server(self):
        server = self.serve()
        status_url, photo = self.check_export(server, {}, {})
        self.assertEqual(photo, server.base + "/Binary/photo")
        self.assertEqual(harness.request("GET", photo.replace("/photo", "/nothing")).status, 404)
        # At system level a Binary is a resource like others.
        _, manifest = self.run_export(server, "$export", parameters={"_type": "Binary"})
        self.assertEqual(manifest["output"][0]["count"], 3)
        self.assertEqual(harness.request("DELETE", status_url).status, 202)
        self.assertEqual(harness.request("GET", photo).status, 200)

    def test_f06_with_a_token(self):
        client = smart.Client(self.folder, self.data, "by-token", scope=
                              "system/Patient.rs system/DocumentReference.rs system/Observation.rs")
        server = self.serve(is_open=False)
        headers = self.headers_of(server, client)
        status_url, photo = self.check_export(server, headers, headers)
        self.assertEqual(photo, server.base + "/Binary/photo")
        # The URL outlives the job: a good client deletes it before it fetches what resources name.
        self.assertEqual(harness.request("DELETE", status_url, headers).status, 202)
        for extra, status, body in (({}, 200, b"a picture"), ({"Range": "bytes=2-4"}, 206, b"pic"),
                                    ({"If-None-Match": '"1"'}, 304, b""), ({"Accept": "image/*"}, 200, b"a picture")):
            answer = harness.request("GET", photo, {**headers, **extra})
            self.assertEqual((answer.status, answer.body), (status, body), extra)
        answer = harness.request("HEAD", photo, headers)
        self.assertEqual((answer.status, answer.headers["Content-Length"]), (200, "9"))
        self.assertEqual(harness.request("GET", photo).status, 401)
        # What nothing names is as what is not there; Binary itself is in no scope.
        absent = harness.request("GET", photo.replace("/photo", "/nothing"), headers)
        self.assertEqual(absent.status, 403)
        secret = harness.request("GET", photo.replace("/photo", "/secret"), headers)
        self.assertEqual((secret.status, secret.body), (absent.status, absent.body))
        for method, path in (("GET", "/_history"), ("GET", "/_history/1"), ("DELETE", "")):
            self.assertEqual(harness.request(method, photo + path, headers).status, 403, path)
        # Each by the type that names it.
        for scope, seen in (("system/Patient.rs", {"photo"}), ("system/DocumentReference.rs", {"scan"}),
                            ("system/DocumentReference.r", {"scan"}), ("system/Observation.rs", set()),
                            ("system/DocumentReference.rs?status=current", {"scan"}),
                            ("system/DocumentReference.rs?status=superseded", set())):
            wide = smart.Client(self.folder, self.data, "c" + str(abs(hash(scope))), scope=scope)
            other = self.headers_of(server, wide)
            found = {id for id in ("photo", "scan", "secret")
                     if harness.request("GET", f"{server.base}/Binary/{id}", other).status == 200}
            self.assertEqual(found, seen, scope)

    def test_f06_unchanged_resources_are_the_same_bytes_in_each_export(self):
        client = smart.Client(self.folder, self.data, "twice")
        server = self.serve(is_open=False)
        headers = self.headers_of(server, client)
        first, second = (self.lines_of(server, self.run_export(server, "Patient/$export", headers)[1], headers)
                         for _ in range(2))
        self.assertIn(f'"{self.public}/Binary/photo"', first["Patient/p"])
        self.assertEqual(first, second)

    def test_f06_f07_with_capability_urls(self):
        client = smart.Client(self.folder, self.data, "by-url", options=["--file-access", "capability"])
        server = self.serve(is_open=False)
        headers = self.headers_of(server, client)
        status_url, photo = self.check_export(server, headers, {})
        self.assertIn("/jobs/", photo)
        self.check_no_other(server, photo)
        # By a token the Binary is read as itself, also where an earlier version gave such a URL to tokens.
        own = smart.Client(self.folder, self.data, "by-url-2", options=["--file-access", "capability"])
        self.assertEqual(harness.request("GET", photo.split("?")[0], self.headers_of(server, own)).status, 404)
        for url in (photo.split("?")[0], server.base + "/Binary/photo"):
            self.assertEqual(harness.request("GET", url, headers).body, b"a picture")
        self.assertEqual(harness.request("DELETE", status_url, headers).status, 202)
        self.assertIn(harness.request("GET", photo).status, (401, 404))


class WhatNamesThem(harness.TestCase):
    """F-06: the right is that to what names the Binary now."""

    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.data = os.path.join(self.folder, "data")
        harness.load(self.data, harness.write_lines(os.path.join(self.folder, "in.ndjson"), [
            {"resourceType": "Patient", "id": "in", "photo": [{"url": "Binary/photo-in"}]},
            {"resourceType": "Patient", "id": "out", "photo": [{"url": "Binary/photo-out"}]},
            {"resourceType": "Group", "id": "g", "type": "person", "actual": True,
             "member": [{"entity": {"reference": "Patient/in"}}]},
            {"resourceType": "Group", "id": "outer", "type": "person", "actual": True,
             "member": [{"entity": {"reference": "Group/g"}}]},
            *(self.document(f"d-{who}", f"Patient/{who}", f"Binary/of-{who}") for who in ("in", "out")),
            self.document("shared", "Patient/out", "Binary/of-in"),
            *({"resourceType": "Encounter", "id": f"e-{who}", "status": "finished", "class": {"code": "AMB"},
               "subject": {"reference": f"Patient/{who}"},
               "participant": [{"individual": {"reference": f"Practitioner/{who}"}}]} for who in ("in", "out")),
            *({"resourceType": "Practitioner", "id": who, "photo": [{"url": f"Binary/dr-{who}"}]}
              for who in ("in", "out")),
            *({"resourceType": "Binary", "id": id, "contentType": "text/plain", "data": "eA=="}
              for id in ("photo-in", "photo-out", "of-in", "of-out", "dr-in", "dr-out", "nobody")),
            {"resourceType": "Binary", "id": "guarded", "contentType": "text/plain", "data": "eA==",
             "securityContext": {"reference": "Consent/c"}},
            self.document("guarded", "Patient/in", "Binary/guarded")]))

    @staticmethod
    def document(id, subject, *urls):
        return {"resourceType": "DocumentReference", "id": id, "status": "current", "subject": {"reference": subject},
                "content": [{"attachment": {"contentType": "text/plain", "url": url}} for url in urls]}

    def client(self, id, *options, scope):
        return smart.Client(self.folder, self.data, id, options=list(options), scope=scope)

    def statuses(self, server, headers, ids):
        return [harness.request("GET", f"{server.base}/Binary/{id}", headers).status for id in ids]

    def test_f06_a09_a_client_limited_to_groups_reads_what_its_exports_name(self):
        all_types = self.client("all", "--group", "outer", scope="system/*.rs")
        documents = self.client("documents", "--group", "g", scope="system/DocumentReference.rs system/Encounter.rs")
        other = self.client("other", "--group", "nothing", scope="system/*.rs")
        server = harness.start_server(self, self.data, is_open=False)
        headers = all_types.headers(server)
        ids = ("photo-in", "of-in", "dr-in", "guarded", "photo-out", "of-out", "dr-out", "nobody", "absent")
        self.assertEqual(self.statuses(server, headers, ids), [200] * 4 + [403] * 5)
        # What others' resources name is as what is not there.
        answers = [harness.request("GET", f"{server.base}/Binary/{id}", headers) for id in ids[4:]]
        self.assertEqual({answer.body for answer in answers}, {answers[-1].body})
        self.assertEqual(self.statuses(server, documents.headers(server), ids), [403, 200] + [403] * 7)
        self.assertEqual(self.statuses(server, other.headers(server), ids), [403] * 9)
        # Every URL that an export has can be read.
        _, manifest = smart.export(server, "Group/outer/$export", {}, headers)
        urls = [attachment["url"] for item in manifest["output"]
                for line in harness.request("GET", item["url"], headers).body.splitlines()
                for attachment in self.attachments(json.loads(line))]
        self.assertEqual({url.rsplit("/", 1)[1] for url in urls}, {"photo-in", "of-in", "dr-in", "guarded"})
        self.assertEqual({harness.request("GET", url, headers).status for url in urls}, {200})

    @staticmethod
    def attachments(resource):
        return resource.get("photo", []) + [content["attachment"] for content in resource.get("content", [])]

    def test_f06_what_names_it_no_longer_opens_it_no_longer(self):
        writer = self.client("writer", scope="system/DocumentReference.cruds")
        server = harness.start_server(self, self.data, is_open=False)
        headers = {**writer.headers(server), "Content-Type": harness.FHIR_JSON}

        def status(id="of-out"):
            return self.statuses(server, headers, [id])[0]
        self.assertEqual(status(), 200)

        def put(*urls):
            document = json.dumps(self.document("d-out", "Patient/out", *urls)).encode()
            answer = harness.request("PUT", server.base + "/DocumentReference/d-out", headers, document)
            self.assertEqual(answer.status, 200, answer)
        put("Binary/nobody")
        self.assertEqual((status(), status("nobody")), (403, 200))
        put("https://other.example/fhir/Binary/nobody")
        self.assertEqual(status("nobody"), 403)
        put(server.base + "/Binary/of-out", "Binary/absent")
        # What names it may be read, so that it is not there is no secret.
        self.assertEqual((status(), status("absent")), (200, 404))
        self.assertEqual(harness.request("DELETE", server.base + "/DocumentReference/d-out", headers).status, 204)
        self.assertEqual((status(), status("absent")), (403, 403))

    def test_f06_a06_what_the_security_context_names_is_asked_for_too(self):
        reader = self.client("reader", scope="system/DocumentReference.rs")
        both = self.client("both", scope="system/DocumentReference.rs system/Consent.r")
        server = harness.start_server(self, self.data, is_open=False)
        self.assertEqual(self.statuses(server, reader.headers(server), ["of-in", "guarded"]), [200, 403])
        self.assertEqual(self.statuses(server, both.headers(server), ["of-in", "guarded"]), [200, 200])
        # Nor is it told that it is there, and whose right it wants.
        told = [harness.request("GET", f"{server.base}/Binary/{id}", reader.headers(server)).body
                for id in ("guarded", "nobody")]
        self.assertEqual(told[0], told[1])

    def test_f06_with_a_token_the_address_of_a_job_has_the_binary_of_now(self):
        reader = self.client("reader", scope="system/DocumentReference.rs")
        writer = self.client("writer", scope="system/Binary.cruds system/Consent.cruds")
        server = harness.start_server(self, self.data, is_open=False)
        headers = reader.headers(server)
        status_url, _ = smart.export(server, "Patient/$export", {}, headers)

        def of_job():
            answer = harness.request("GET", f"{status_url}/Binary/of-in", headers)
            return answer.status, answer.body if answer.status == 200 else b""

        def put(**more):
            binary = {"resourceType": "Binary", "id": "of-in", "contentType": "text/plain", "data": "bmV3", **more}
            answer = harness.request("PUT", server.base + "/Binary/of-in", {
                **writer.headers(server), "Content-Type": harness.FHIR_JSON}, json.dumps(binary).encode())
            self.assertEqual(answer.status, 200, answer)
        self.assertEqual(of_job(), (200, b"x"))
        put()
        self.assertEqual(of_job(), (200, b"new"))
        put(securityContext={"reference": "Consent/c"})
        self.assertEqual(of_job(), (404, b""))
        self.assertEqual(harness.request("DELETE", server.base + "/Binary/of-in", writer.headers(server)).status, 204)
        self.assertEqual(of_job(), (404, b""))

    def test_f06_the_right_is_the_same_alone_in_a_batch_and_in_a_transaction(self):
        clients = [self.client("reader", scope="system/DocumentReference.rs"),
                   self.client("queries", scope="system/DocumentReference.rs?status=current"),
                   self.client("all", "--group", "g", scope="system/*.rs"),
                   self.client("patients", scope="system/Patient.rs system/Encounter.cruds")]
        server = harness.start_server(self, self.data, is_open=False)
        ids = ("of-in", "of-out", "photo-in", "photo-out", "dr-in", "dr-out", "guarded", "nobody", "absent")
        expected = ([200, 200] + [403] * 7, [200, 200] + [403] * 7, [200, 403, 200, 403, 200, 403, 200, 403, 403],
                    [403, 403, 200, 200] + [403] * 5)
        for client, alone in zip(clients, expected):
            headers = {**client.headers(server), "Content-Type": harness.FHIR_JSON}
            self.assertEqual(self.statuses(server, headers, ids), alone, client)

            def post(kind, *urls, more=()):
                body = {"resourceType": "Bundle", "type": kind, "entry": [
                    *({"request": {"method": "GET", "url": url}} for url in urls), *more]}
                return harness.request("POST", server.base, headers, json.dumps(body).encode())
            batch = post("batch", *(f"Binary/{id}" for id in ids)).json()["entry"]
            self.assertEqual([int(entry["response"]["status"][:3]) for entry in batch], alone)
            for id, status in zip(ids, alone):
                answer = post("transaction", f"Binary/{id}")
                self.assertEqual(answer.status, status, (id, answer.body))
                if status == 200:
                    [entry] = answer.json()["entry"]
                    self.assertEqual((entry["response"]["status"][:3], entry["resource"]["id"], entry["resource"]["data"]),
                                     ("200", id, "eA=="))
                else:
                    self.assert_outcome(answer, 403, "entry[0]")
            readable = [f"Binary/{id}" for id, status in zip(ids, alone) if status == 200]
            self.assertEqual(len(post("transaction", *readable).json()["entry"]), len(readable))
        # All or nothing, and what it writes itself opens nothing.
        writer = self.client("writer", scope="system/DocumentReference.cruds")
        headers = {**writer.headers(server), "Content-Type": harness.FHIR_JSON}
        names = {"request": {"method": "PUT", "url": "DocumentReference/new"},
                 "resource": self.document("new", "Patient/in", "Binary/nobody")}
        self.assert_outcome(post("transaction", "Binary/nobody", more=[names]), 403, "entry[0]")
        self.assertEqual(harness.request("GET", server.base + "/DocumentReference/new", headers).status, 404)
        self.assertEqual(post("transaction", "Binary/of-in", more=[names]).status, 200)
        self.assertEqual(post("transaction", "Binary/nobody").status, 200)

    def test_f06_a_version_that_is_named_is_the_one_that_is_read(self):
        reader = self.client("reader", scope="system/DocumentReference.rs")
        signed = self.client("signed", "--file-access", "capability", scope="system/DocumentReference.rs")
        writer = self.client("writer", scope="system/*.cruds")
        server = harness.start_server(self, self.data, is_open=False)
        write = {**writer.headers(server), "Content-Type": harness.FHIR_JSON}

        def put(text):
            binary = {"resourceType": "Binary", "id": "v", "contentType": "text/plain",
                      "data": base64.b64encode(text).decode()}
            return harness.request("PUT", server.base + "/Binary/v", write, json.dumps(binary).encode()).status
        self.assertEqual(put(b"first"), 201)
        document = self.document("versions", "Patient/in", "Binary/v/_history/1", "Binary/v/_history/2",
                                 "Binary/v/_history/3", server.base + "/Binary/of-in/_history/1")
        self.assertEqual(harness.request("PUT", server.base + "/DocumentReference/versions", write,
                                         json.dumps(document).encode()).status, 201)
        self.assertEqual(put(b"second"), 200)

        def urls_of(headers, fetch):
            _, manifest = smart.export(server, "Patient/$export", {"_type": "DocumentReference"}, headers)
            [line] = [line for item in manifest["output"]
                      for line in harness.request("GET", item["url"], fetch).body.splitlines() if b'"versions"' in line]
            return [attachment["url"] for attachment in self.attachments(json.loads(line))]

        headers = reader.headers(server)
        urls = urls_of(headers, headers)
        base = server.base + "/Binary/"
        self.assertEqual(urls, [base + "v/_history/1", base + "v/_history/2", base + "v/_history/3",
                                base + "of-in/_history/1"])
        capability = urls_of(signed.headers(server), {})
        self.assertEqual([re.sub(r"jobs/[0-9a-f]+/|\?.*", "", url) for url in capability], urls)
        # One of after the export is none of it.
        self.assertEqual(put(b"third"), 200)
        expected = [(200, b"first"), (200, b"second"), (200, b"third"), (200, b"x")]

        def read(url, headers):
            answer = harness.request("GET", url, headers)
            return answer.status, answer.body if answer.status == 200 else b""
        self.assertEqual([read(url, headers) for url in urls], expected)
        self.assertEqual([read(url, {}) for url in capability], expected[:2] + [(404, b"")] + expected[3:])
        self.assertEqual([read(url.split("?")[0], signed.headers(server)) for url in capability], expected)
        # What names a version opens no other one, nor the newest; by a signature neither.
        self.assertEqual([read(base + path, headers)[0] for path in ("v", "v/_history/4", "nobody/_history/1")],
                         [403, 403, 403])
        other = capability[0].replace("/_history/1", "/_history/2")
        self.assertIn(read(other, {})[0], (401, 404))
        self.assertIn(read(capability[0].replace("/_history/1", ""), {})[0], (401, 404))
        entries = [{"request": {"method": "GET", "url": url}} for url in ("Binary/v/_history/1", "Binary/v/_history/2")]
        body = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        answer = harness.request("POST", server.base, {**headers, "Content-Type": harness.FHIR_JSON}, json.dumps(body).encode())
        self.assertEqual([base64.b64decode(entry["resource"]["data"]) for entry in answer.json()["entry"]],
                         [b"first", b"second"])

    def test_f06_entries_of_a_batch_and_the_audit(self):
        reader = self.client("reader", scope="system/DocumentReference.rs")
        server = harness.start_server(self, self.data, is_open=False)
        headers = {**reader.headers(server), "Content-Type": harness.FHIR_JSON}
        batch = {"resourceType": "Bundle", "type": "batch", "entry": [
            {"request": {"method": "GET", "url": url}} for url in ("Binary/of-in", "Binary/nobody")]}
        answer = harness.request("POST", server.base, headers, json.dumps(batch).encode())
        self.assertEqual([entry["response"]["status"][:3] for entry in answer.json()["entry"]], ["200", "403"])
        server.stop()
        events = [line for name in os.listdir(os.path.join(self.data, "audit"))
                  for line in open(os.path.join(self.data, "audit", name), encoding="utf-8")]
        self.assertTrue(any("Binary/of-in" in line and "reader" in line for line in events))


if __name__ == "__main__":
    unittest.main()
