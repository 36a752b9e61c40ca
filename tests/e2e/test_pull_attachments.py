"""`sluice pull --attachments`: every form of URL, inline or as files, within limits, checked, resumed; what
cannot be had leaves the pull as it is (L-07)."""
import base64
import glob
import gzip
import hashlib
import json
import os
import subprocess
import time
import unittest

import harness
from imposter import Answer, BulkImposter, Imposter, file_answer, outcome
from test_pull import pull
from test_sync import run


def sha1(body):
    return base64.b64encode(hashlib.sha1(body).digest()).decode()


def document(id, url, content_type="application/pdf", **more):
    return {"resourceType": "DocumentReference", "id": id, "status": "current",
            "content": [{"attachment": {"contentType": content_type, "url": url, **more}}]}


def read_all(folder):
    """{id: resource} of a folder's files."""
    found = {}
    for path in glob.glob(os.path.join(folder, "[A-Z]*.ndjson*")):
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
            for line in file:
                resource = json.loads(line)
                found[resource["id"]] = resource
    return found


def attachment(resource):
    return resource["content"][0]["attachment"]


class Scripted(harness.TestCase):
    def setUp(self):
        self.server = BulkImposter(self)
        self.pdf = b"%PDF-1.4 " + os.urandom(2000)

    def serve(self, *resources, **more):
        by_type = {}
        for resource in resources:
            by_type.setdefault(resource["resourceType"], []).append(json.dumps(resource))
        self.server.finish([self.server.add_output(name, "file-" + name, ("\n".join(lines) + "\n").encode())
                            for name, lines in by_type.items()], **more)

    def serve_body(self, path, body, content_type="application/pdf", server=None):
        (server or self.server).on("GET", path, Answer(200, body, {"Content-Type": content_type}))

    def pull(self, *options, code=0):
        out = os.path.join(harness.temporary_folder(self), "out")
        return out, pull(self.server.base, "--out", out, *options, code=code)

    def test_l07_every_form_of_url(self):
        other = Imposter(self)
        self.serve_body("/bucket/x.pdf", self.pdf, server=other)
        self.serve_body("/fhir/Binary/raw", self.pdf)
        self.serve_body("/elsewhere/y.pdf", self.pdf)
        self.server.on("GET", "/fhir/Binary/wrapped", Answer(200, {
            "resourceType": "Binary", "contentType": "application/pdf", "data": base64.b64encode(self.pdf).decode()}))
        self.server.on("GET", "/fhir/Binary/moved", Answer(302, b"", {"Location": other.root + "/bucket/x.pdf"}))
        urls = {"relative": "Binary/raw", "rooted": "/elsewhere/y.pdf", "absolute": self.server.base + "/Binary/raw",
                "other-host": other.root + "/bucket/x.pdf?signature=a%2Fb", "wrapped": "Binary/wrapped",
                "redirected": "Binary/moved"}
        self.serve(*[document(id, url) for id, url in urls.items()])
        for mode in ("inline", "files"):
            with self.subTest(mode=mode):
                out, done = self.pull("--attachments", mode)
                for id, resource in read_all(out).items():
                    found = attachment(resource)
                    if mode == "inline":
                        self.assertEqual(base64.b64decode(found["data"]), self.pdf, id)
                        self.assertNotIn("url", found)
                    else:
                        self.assertRegex(found["url"], r"^attachments/[0-9a-f]{2}/[0-9a-f]{64}\.pdf$")
                        with open(os.path.join(out, found["url"]), "rb") as file:
                            self.assertEqual(file.read(), self.pdf, id)
                self.assertIn("6 attachments", done.out)
                self.assertEqual(len(glob.glob(out + "/attachments/*/*")), 1 if mode == "files" else 0)
                self.assertEqual(glob.glob(out + "/.sluice/attachments*"), [])
        self.assertEqual(other.sent()[0].headers.get("Authorization"), None)

    def test_l07_every_element_that_holds_one(self):
        self.serve_body("/fhir/Binary/a", self.pdf)
        url = {"contentType": "application/pdf", "url": "Binary/a"}
        self.serve({"resourceType": "Patient", "id": "photo", "photo": [url]},
                   {"resourceType": "DiagnosticReport", "id": "form", "status": "final", "code": {"text": "x"},
                    "presentedForm": [url, {"title": "none"}]},
                   {"resourceType": "Media", "id": "content", "status": "completed", "content": url},
                   {"resourceType": "Communication", "id": "payload", "status": "completed",
                    "payload": [{"contentAttachment": url}]},
                   {"resourceType": "Observation", "id": "deep", "status": "final", "code": {"text": "x"},
                    "contained": [{"resourceType": "Media", "id": "m", "status": "completed", "content": url}],
                    "extension": [{"url": "http://x/y", "valueAttachment": url}]},
                   # A url that is no attachment's stays.
                   {"resourceType": "Endpoint", "id": "no", "status": "active", "address": "Binary/a",
                    "extension": [{"url": "Binary/a", "valueString": "x"}]})
        out, _ = self.pull("--attachments", "inline")
        text = json.dumps(list(read_all(out).values()))
        self.assertEqual(text.count(base64.b64encode(self.pdf).decode()), 6)
        self.assertEqual(read_all(out)["no"]["extension"][0]["url"], "Binary/a")
        # One URL is fetched once, whoever names it.
        self.assertEqual(len(self.server.sent("GET", "/fhir/Binary/a")), 1)

    def test_l07_what_is_not_wanted_stays_as_it_is(self):
        self.serve_body("/fhir/Binary/small", b"x" * 100, "text/plain")
        self.serve_body("/fhir/Binary/large", b"x" * 100_000, "text/plain")
        documents = [document("type", "Binary/none", "image/png"), document("inlined", "Binary/none", "text/plain",
                                                                            data="eA=="),
                     document("size", "Binary/none", "text/plain", size=100_000),
                     document("urn", "urn:uuid:9ba5bd0e-9cf9-4d3b-9d4f-1f3b8a0a1111", "text/plain"),
                     document("inside", "#x", "text/plain"), document("mail", "mailto:a@b", "text/plain"),
                     document("small", "Binary/small", "text/plain; charset=utf-8")]
        self.serve(*documents)
        out, done = self.pull("--attachments", "files", "--attachment-types", "text/*,application/pdf",
                              "--attachment-size-max", "1000")
        found = read_all(out)
        for each in documents[:-1]:
            self.assertEqual(found[each["id"]], each)
        self.assertTrue(attachment(found["small"])["url"].endswith(".txt"))
        self.assertIn("1 attachments, 100 B", done.out)
        self.assertIn("5 left where they are", done.out)
        # A size that nobody told is found out on the way; that is a failure.
        self.serve(document("large", "Binary/large", "text/plain"))
        out, done = self.pull("--attachments", "files", "--attachment-size-max", "1000", code=3)
        self.assertIn("more than", done.out)

    def test_l07_size_and_hash_are_checked(self):
        self.serve_body("/fhir/Binary/a", self.pdf)
        documents = [document("good", "Binary/a", size=len(self.pdf), hash=sha1(self.pdf)),
                     document("size", "Binary/a", size=7), document("hash", "Binary/a", hash=sha1(b"other"))]
        self.serve(*documents)
        out, done = self.pull("--attachments", "inline", code=3)
        found = read_all(out)
        self.assertEqual(base64.b64decode(attachment(found["good"])["data"]), self.pdf)
        self.assertEqual([found["size"], found["hash"]], documents[1:])
        self.assertIn("the Attachment says 7", done.out)
        self.assertIn("SHA-1", done.out)
        self.assertIn("2 not to be had", done.out)

    def test_l07_failures_do_not_lose_the_pull(self):
        self.server.on("GET", "/fhir/Binary/gone", Answer(404, outcome("no such Binary")))
        self.server.on("GET", "/fhir/Binary/forbidden", Answer(403))
        self.server.on("GET", "/fhir/Binary/broken", Answer(500))
        self.server.on("GET", "/fhir/Binary/busy", Answer(503, b"", {"Retry-After": "0"}),
                       Answer(429, b"", {"Retry-After": "0"}), Answer(200, self.pdf))
        self.server.on("GET", "/fhir/Binary/cut", lambda r: file_answer(r, self.pdf, cut_after=1000),
                       lambda r: file_answer(r, self.pdf))
        self.serve(*[document(id, "Binary/" + id) for id in ("gone", "forbidden", "broken", "busy", "cut")],
                   document("nobody", "http://127.0.0.1:1/x"))
        out, done = self.pull("--attachments", "inline", "--retries", "2", code=3)
        found = read_all(out)
        self.assertEqual({id for id, each in found.items() if "data" in attachment(each)}, {"busy", "cut"})
        self.assertEqual(self.server.sent("GET", "/fhir/Binary/cut")[-1].range_start, 1000)
        self.assertIn("no such Binary", done.out)
        self.assertIn("4 not to be had", done.out)
        # The job was complete and is gone; the same command says the same and asks for nothing.
        self.assertEqual(len(self.server.sent("DELETE")), 1)
        count = len(self.server.sent())
        pull(self.server.base, "--out", out, "--attachments", "inline", "--retries", "2", code=3)
        self.assertEqual(len(self.server.sent()), count)

    def test_l07_the_token_is_for_the_server_alone(self):
        other = Imposter(self)
        self.serve_body("/x", self.pdf, server=other)
        self.server.add_token_endpoint()
        self.server.on("GET", "/fhir/Binary/a", lambda r: Answer(200, self.pdf) if r.token else Answer(401))
        self.serve(document("own", "Binary/a"), document("other", other.root + "/x"))
        key = os.path.join(harness.temporary_folder(self), "key.jwk")
        harness.sluice("keys", "generate", "--alg", "ES384", "--out", key)
        out, _ = self.pull("--attachments", "inline", "--client-id", "c", "--key", key)
        self.assertEqual([r.token for r in other.sent()], [""])
        self.assertEqual(len(read_all(out)), 2)

    def test_l07_gzip_is_content_here(self):
        packed = gzip.compress(b"hello" * 100)
        self.serve_body("/fhir/Binary/a", packed, "application/gzip")
        self.serve(document("a", "Binary/a", "application/gzip", size=len(packed)))
        out, _ = self.pull("--attachments", "files", "--gzip")
        with open(os.path.join(out, attachment(read_all(out)["a"])["url"]), "rb") as file:
            self.assertEqual(file.read(), packed)

    def test_l07_many_at_a_time_killed_and_gone_on_with(self):
        bodies = {f"b{i}": os.urandom(50) for i in range(200)}
        for id, body in bodies.items():
            self.server.on("GET", f"/fhir/Binary/{id}", lambda r, body=body: (time.sleep(0.02), Answer(200, body))[1])
        self.serve(*[document(id, "Binary/" + id, size=50, hash=sha1(body)) for id, body in bodies.items()])
        out = os.path.join(harness.temporary_folder(self), "out")
        arguments = ["pull", self.server.base, "--out", out, "--attachments", "files"]
        for _ in range(3):
            process = subprocess.Popen([harness.BINARY, *arguments], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            wanted = len([r for r in self.server.sent("GET") if "/Binary/" in r.path]) + 30
            while len([r for r in self.server.sent("GET") if "/Binary/" in r.path]) < wanted:
                self.assertIsNone(process.poll())
                time.sleep(0.01)
            process.kill()
            process.wait()
        pull(*arguments[1:])
        found = read_all(out)
        self.assertEqual(len(found), 200)
        for id, body in bodies.items():
            with open(os.path.join(out, attachment(found[id])["url"]), "rb") as file:
                self.assertEqual(file.read(), body)
        asked = len([r for r in self.server.sent("GET") if "/Binary/" in r.path])
        self.assertLessEqual(asked, 200 + 3 * 64, "what was fetched is not fetched again")
        self.assertEqual(len(self.server.sent("POST", "/fhir/$export")), 1)

    def test_l07_a_folder_keeps_what_it_began_with(self):
        self.serve_body("/fhir/Binary/a", self.pdf)
        self.serve(document("a", "Binary/a"))
        out, _ = self.pull()
        done = pull(self.server.base, "--out", out, "--attachments", "inline", code=2)
        self.assertIn("without --attachments", done.err)
        self.assertEqual(self.server.sent("GET", "/fhir/Binary/a"), [])

    def test_l07_wrong_use_is_2(self):
        for options in (["--attachments", "some"], ["--attachment-types", "text/plain"],
                        ["--attachments", "inline", "--attachment-types", "pdf"],
                        ["--attachments", "inline", "--attachment-size-max", "0"],
                        ["--attachments", "files", "--into", "/nowhere"]):
            with self.subTest(options=options):
                self.pull(*options, code=2)


class Real(harness.TestCase):
    def test_l07_of_a_sluice_server_by_token_and_by_capability_and_in_a_sync(self):
        folder = harness.temporary_folder(self)
        data = os.path.join(folder, "data")

        def load(name, *resources):
            harness.load(data, harness.write_lines(os.path.join(folder, name), resources))

        def binary(id, body):
            return {"resourceType": "Binary", "id": id, "contentType": "text/plain",
                    "data": base64.b64encode(body).decode()}

        def note(id):
            return {**document(f"d-{id}", f"Binary/{id}", "text/plain"), "subject": {"reference": "Patient/p"}}

        load("1.ndjson", {"resourceType": "Patient", "id": "p"}, binary("a", b"first"), note("a"))
        keys = {}
        for name, options in (("by-token", ()), ("by-capability", ("--file-access", "capability"))):
            keys[name] = os.path.join(folder, name + ".jwk")
            jwks = keys[name] + "s"
            with open(jwks, "w", encoding="utf-8") as file:
                file.write(harness.sluice("keys", "generate", "--alg", "ES384", "--out", keys[name]).out)
            harness.sluice("client", "add", "--data", data, "--id", name, "--jwks", jwks, "--scope", "system/*.rs",
                           *options)
        server = harness.start_server(self, data, "--poll-burst", 100000, is_open=False)
        for name, key in keys.items():
            for mode in ("inline", "files"):
                out = os.path.join(folder, f"{name}-{mode}")
                pull(server.base, "--client-id", name, "--key", key, "--type", "DocumentReference", "--attachments",
                     mode, "--out", out, *(["--gzip"] if name == "by-token" else []))
                self.check(out, mode, {"d-a": b"first"})
                self.assertEqual(os.path.exists(out + "/DocumentReference.00001.ndjson.gz"), name == "by-token")
        load("2.ndjson", binary("b", b"second"), note("b"))
        for name in keys:
            for mode in ("inline", "files"):
                out = os.path.join(folder, f"{name}-{mode}")
                run("sync", out)
                self.check(out, mode, {"d-a": b"first", "d-b": b"second"})

    def check(self, out, mode, wanted):
        found = {}
        for id, resource in read_all(out).items():
            each = attachment(resource)
            if mode == "inline":
                found[id] = base64.b64decode(each["data"])
            else:
                with open(os.path.join(out, each["url"]), "rb") as file:
                    found[id] = file.read()
        self.assertEqual(found, wanted)


if __name__ == "__main__":
    unittest.main()
