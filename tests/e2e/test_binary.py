"""Binary over REST (F-06, I-02, I-05, A-06): content up and down by its type, ranges, securityContext."""
import base64
import json
import unittest

import harness
import smart

CONTENT = bytes(range(256)) * 40


class Binary(harness.ServerCase):
    def test_f06_content_goes_up_and_comes_down_as_it_is(self):
        self.serve()
        answer = self.send("POST", "Binary", CONTENT, {"Content-Type": "image/png; name=\"a\"", "Accept": "image/png"})
        self.assertEqual((answer.status, answer.body), (201, b""), answer)
        path = answer.headers["Location"].removeprefix(self.server.base + "/").split("/_history")[0]
        for accept in (None, "*/*", "image/*", "image/png", "text/html, image/png;q=0.1", "text/html, */*;q=0.1"):
            answer = self.send("GET", path, headers={"Accept": accept} if accept else {})
            self.assertEqual((answer.status, answer.body), (200, CONTENT), accept)
            self.assertEqual(answer.headers["Content-Type"], "image/png; name=\"a\"")
            self.assertEqual((answer.headers["X-Content-Type-Options"], answer.headers["Content-Security-Policy"],
                              answer.headers["Content-Disposition"], answer.headers["Vary"]),
                             ("nosniff", "sandbox", "attachment", "Accept"))
        for query, accept in (("", "application/fhir+json"), ("", "application/json"), ("?_format=json", "*/*"),
                              ("", "image/png, application/fhir+json")):
            answer = self.send("GET", path + query, headers={"Accept": accept})
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, harness.FHIR_JSON))
            self.assertEqual(base64.b64decode(answer.json()["data"]), CONTENT)
            self.assertEqual(answer.json()["contentType"], "image/png; name=\"a\"")
        self.assert_outcome(self.send("GET", path, headers={"Accept": "text/plain"}), 406, "image/png")
        self.assert_outcome(self.send("GET", path, headers={"Accept": "application/fhir+xml"}), 406, "xml")
        self.assert_outcome(self.send("GET", path + "?_format=xml"), 406, "xml")

        answer = self.send("PUT", path, b"new", {"Content-Type": "text/plain", "If-Match": 'W/"1"'})
        self.assertEqual((answer.status, answer.headers["ETag"], answer.body), (200, 'W/"2"', b""))
        answer = self.send("PUT", "Binary/mine", b"", {"Content-Type": "text/plain", "Prefer": "return=representation"})
        self.assertEqual(answer.status, 201, answer)
        self.assertNotIn("data", answer.json())
        self.assertEqual(self.send("GET", "Binary/mine").body, b"")
        self.assertEqual(self.send("GET", path).body, b"new")
        self.assertEqual(self.send("GET", path + "/_history/1").body, CONTENT)
        self.assert_outcome(self.send("PUT", path, b"x", {"Content-Type": "text/plain", "If-Match": 'W/"1"'}), 412)
        # The resource itself goes both ways too.
        binary = {"resourceType": "Binary", "id": "json", "contentType": "application/pdf", "data": "aGk="}
        self.assertEqual(self.send("PUT", "Binary/json", binary).status, 201)
        self.assertEqual(self.send("GET", "Binary/json").body, b"hi")

    def test_r03_a_byte_order_mark_is_passed_over_in_json_and_kept_in_content(self):
        self.serve()
        mark, fhir = b"\xef\xbb\xbf", {"Content-Type": harness.FHIR_JSON}
        patient = {"resourceType": "Patient", "id": "p", "active": True}
        text = json.dumps(patient).encode()
        self.assertEqual(self.send("PUT", "Patient/p", mark + text, fhir).status, 201)
        self.assertEqual(self.send("POST", "Patient", mark + text, fhir).status, 201)
        self.assertEqual(self.send("PATCH", "Patient/p", mark + b'[{"op":"replace","path":"/active","value":false}]',
                                   {"Content-Type": "application/json-patch+json"}).status, 200)
        self.assertEqual(self.send("GET", "Patient/p").json()["active"], False)
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": {"resourceType": "Patient", "id": "q"}, "request": {"method": "PUT", "url": "Patient/q"}}]}
        self.assertEqual(self.send("POST", "", mark + json.dumps(bundle).encode(), fhir).status, 200)
        parameters = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueString": "Patient"}]}
        self.assertEqual(self.send("POST", "$export", mark + json.dumps(parameters).encode(),
                                   {**fhir, "Prefer": "respond-async"}).status, 202)
        for wrong in (mark + mark + text, b" " + mark + text, text + mark):
            self.assert_outcome(self.send("PUT", "Patient/p", wrong, fhir), 400)
        # What is no JSON is what it is.
        self.assertEqual(self.send("PUT", "Binary/b", mark + b"text", {"Content-Type": "text/plain"}).status, 201)
        self.assertEqual(self.send("GET", "Binary/b").body, mark + b"text")

    def test_f06_ranges_conditions_and_head(self):
        self.serve()
        self.send("PUT", "Binary/b", CONTENT, {"Content-Type": "application/pdf"})
        whole = self.send("GET", "Binary/b")
        tag, modified = whole.headers["ETag"], whole.headers["Last-Modified"]
        self.assertEqual((tag, whole.headers["Accept-Ranges"]), ('"1"', "bytes"))
        for value, begin, end in (("bytes=0-99", 0, 100), ("bytes=100-", 100, 10240), ("bytes=-10", 10230, 10240)):
            for extra in ({}, {"If-Range": tag}, {"If-Range": modified}):
                answer = self.send("GET", "Binary/b", headers={"Range": value, **extra})
                self.assertEqual((answer.status, answer.body), (206, CONTENT[begin:end]), (value, extra))
                self.assertEqual(answer.headers["Content-Range"], f"bytes {begin}-{end - 1}/10240")
        self.assertEqual(self.send("GET", "Binary/b", headers={"Range": "bytes=0-9", "If-Range": '"0"'}).status, 200)
        answer = self.send("GET", "Binary/b", headers={"Range": "bytes=10240-"})
        self.assert_outcome(answer, 416)
        self.assertEqual(answer.headers["Content-Range"], "bytes */10240")
        for header in ({"If-None-Match": tag}, {"If-None-Match": "W/" + tag}, {"If-Modified-Since": modified}):
            answer = self.send("GET", "Binary/b", headers=header)
            self.assertEqual((answer.status, answer.body), (304, b""), header)
        self.assert_outcome(self.send("GET", "Binary/b", headers={"If-Match": '"7"'}), 412)
        answer = self.send("HEAD", "Binary/b")
        self.assertEqual((answer.status, answer.body, answer.headers["Content-Length"]), (200, b"", "10240"))

    def test_i05_what_is_no_content_is_refused(self):
        self.serve()
        largest = (10 * (1 << 20) - 1024) // 4 * 3
        self.assertEqual(self.send("PUT", "Binary/b", b"x" * largest, {"Content-Type": "text/plain"}).status, 201)
        self.assertEqual(len(self.send("GET", "Binary/b").body), largest)
        self.assert_outcome(self.send("PUT", "Binary/b", b"x" * (largest + 1), {"Content-Type": "text/plain"}), 413,
                            str(largest))
        for headers, status, *words in (
                ({}, 415, "Content-Type"), ({"Content-Type": "plain"}, 400, "plain"),
                ({"Content-Type": "text/" + "x" * 200}, 400, "media type"),
                ({"Content-Type": "application/fhir+xml"}, 415, "xml"),
                ({"Content-Type": "application/fhir+json"}, 400), ({"Content-Type": "application/json"}, 400),
                ({"Content-Type": "text/plain", "X-Security-Context": "nobody"}, 400, "X-Security-Context", "nobody"),
                ({"Content-Type": "text/plain", "X-Security-Context": "urn:uuid:1"}, 400, "X-Security-Context")):
            self.assert_outcome(self.send("POST", "Binary", b"content", headers), status, *words)
        self.assert_outcome(self.send("POST", "Binary", {"resourceType": "Binary", "contentType": "text/plain"},
                                      {"X-Security-Context": "Patient/p"}), 400, "X-Security-Context")
        self.assert_outcome(self.send("POST", "Patient", b"content", {"Content-Type": "text/plain"}), 415)
        self.assert_outcome(self.send("PUT", "Binary/b_", b"content", {"Content-Type": "text/plain"}), 400, "id")
        self.assert_outcome(self.send("GET", "Binary/b?_page=1"), 400, "_page")
        self.send("PUT", "Binary/bad", {"resourceType": "Binary", "id": "bad", "contentType": "text/plain",
                                        "data": "a!"})
        self.assert_outcome(self.send("GET", "Binary/bad"), 406, "base64")

    def test_i02_content_by_a_condition(self):
        self.serve()
        png = {"Content-Type": "image/png", "Accept": "image/png"}
        made = self.send("POST", "Binary", CONTENT, {**png, "If-None-Exist": "_id=none"})
        self.assertEqual((made.status, made.body), (201, b""))
        id = made.headers["Location"].split("/")[-3]
        again = self.send("POST", "Binary", b"other", {**png, "If-None-Exist": "_id=" + id})
        self.assertEqual((again.status, again.headers["Location"]), (200, made.headers["Location"]))
        self.assertEqual(self.send("GET", "Binary/" + id).body, CONTENT)
        updated = self.send("PUT", "Binary?_id=" + id, b"new", {**png, "X-Security-Context": "Patient/p"})
        self.assertEqual((updated.status, updated.headers["ETag"], updated.body), (200, 'W/"2"', b""))
        self.assertEqual(self.send("GET", "Binary/" + id).body, b"new")
        stored = self.send("GET", "Binary/" + id, headers={"Accept": harness.FHIR_JSON}).json()
        self.assertEqual((stored["contentType"], stored["securityContext"]), ("image/png", {"reference": "Patient/p"}))
        binary = {"resourceType": "Binary", "contentType": "text/plain", "data": "aGk="}
        self.assertEqual(self.send("PUT", "Binary?_id=" + id, binary).json()["id"], id)
        self.assertEqual(self.send("DELETE", "Binary?_id=" + id).status, 204)
        self.assertEqual(self.send("GET", "Binary/" + id).status, 410)

    def test_a06_the_security_context_guards_content(self):
        client = smart.Client(self.folder, self.data, "all", scope="system/*.cruds")
        server = self.serve(is_open=False)
        full = client.headers(server)
        text = {"Content-Type": "text/plain"}
        answer = self.send("PUT", "Binary/p", b"of a patient", {**full, **text, "X-Security-Context": "Patient/p",
                                                                "Prefer": "return=representation"})
        self.assertEqual(answer.json()["securityContext"], {"reference": "Patient/p"})
        self.send("PUT", "Binary/none", b"of nobody", {**full, **text})
        self.send("PUT", "Binary/far", {"resourceType": "Binary", "id": "far", "contentType": "text/plain",
                                        "securityContext": {"reference": "https://other.example/Patient/p"}}, full)
        only = client.headers(server, "system/Binary.cruds")
        both = client.headers(server, "system/Binary.cruds system/Patient.r")
        writes = client.headers(server, "system/Binary.cruds system/Patient.rud")
        for path, headers, status in (
                ("Binary/none", only, 200), ("Binary/p", only, 403), ("Binary/p", both, 200), ("Binary/p", full, 200),
                ("Binary/p/_history/1", only, 403), ("Binary/p/_history/1", both, 200),
                ("Binary/far", both, 403), ("Binary/far", full, 200)):
            answer = self.send("GET", path, headers=headers)
            self.assertEqual(answer.status, status, path)
            if status == 403:
                self.assert_outcome(answer, 403, "securityContext")
        for headers, shown in ((only, {"none"}), (both, {"none", "p"}), (full, {"none", "p", "far"})):
            entries = self.send("GET", "Binary/_history", headers=headers).json()["entry"]
            self.assertEqual(len(entries), 3)
            self.assertEqual({e["resource"]["id"] for e in entries if "resource" in e}, shown)
        patch = json.dumps([{"op": "remove", "path": "/securityContext"}]).encode()
        for headers in (only, both):
            self.assert_outcome(self.send("PUT", "Binary/p", b"taken", {**headers, **text}), 403, "Patient")
            self.assert_outcome(self.send("DELETE", "Binary/p", headers=headers), 403, "Patient")
            self.assert_outcome(self.send("PATCH", "Binary/p", patch, {
                **headers, "Content-Type": "application/json-patch+json"}), 403, "Patient")
        self.assertEqual(self.send("GET", "Binary/p", headers=full).body, b"of a patient")
        self.client = client
        self.conditions_ask_it_too(only, both, full)
        self.transactions_ask_it_too(only, both, full)
        answer = self.send("PATCH", "Binary/p", patch, {**writes, "Content-Type": "application/json-patch+json"})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.send("GET", "Binary/p", headers=only).body, b"of a patient")
        self.assertEqual(self.send("DELETE", "Binary/p", headers=only).status, 204)
        self.assertEqual(self.send("PUT", "Binary/p", b"again", {**only, **text}).status, 201)

    def test_a06_exports_ask_the_security_context_too(self):
        client = smart.Client(self.folder, self.data, "all", scope="system/*.cruds")
        server = self.serve(is_open=False)
        full = client.headers(server)
        for id, context in (("p", "Patient/p"), ("none", None), ("far", "https://other.example/Patient/p")):
            self.send("PUT", f"Binary/{id}", {"resourceType": "Binary", "id": id, "contentType": "text/plain", "data": "aGk=",
                                              **({"securityContext": {"reference": context}} if context else {})}, full)
            self.send("PUT", f"DocumentReference/{id}", {
                "resourceType": "DocumentReference", "id": id, "status": "current",
                "content": [{"attachment": {"url": f"Binary/{id}"}}]}, full)
        shown = {"system/Binary.rs": {"none"}, "system/Binary.rs system/Patient.rs": {"none", "p"},
                 "system/*.rs": {"none", "p", "far"}}
        status_url, before = smart.export(server, "$export", {"_type": "Binary"}, full)
        for scope, ids in shown.items():
            headers = client.headers(server, scope)
            _, manifest = smart.export(server, "$export", {"_type": "Binary"}, headers)
            lines = [line for item in manifest["output"] for line in harness.request("GET", item["url"], headers).body.splitlines()]
            self.assertEqual({json.loads(line)["id"] for line in lines}, ids, scope)
            # A job is shown to tokens that cover it.
            self.assertEqual(harness.request("GET", status_url, headers).status, 200 if len(ids) == 3 else 403, scope)
            # What is attached is got with the job's rights, and no more than the token's.
            headers = client.headers(server, scope + " system/DocumentReference.rs")
            _, manifest = smart.export(server, "$export", {"_type": "DocumentReference"}, headers)
            lines = harness.request("GET", manifest["output"][0]["url"], headers).body.splitlines()
            urls = {json.loads(line)["id"]: json.loads(line)["content"][0]["attachment"]["url"] for line in lines}
            got = {id for id, url in urls.items() if harness.request("GET", url, headers).body == b"hi"}
            self.assertEqual((set(urls), got), ({"p", "none", "far"}, ids), scope)
            if len(ids) == 3:
                narrow = client.headers(server, "system/DocumentReference.rs")
                self.assert_outcome(harness.request("GET", urls["p"], narrow), 403, "do not cover this interaction with Binary")
        for id in ("p", "none", "far"):
            self.assertEqual(self.send("DELETE", f"Binary/{id}", headers=full).status, 204)
        for scope, ids in shown.items():
            headers = client.headers(server, scope)
            _, manifest = smart.export(server, "$export", {"_type": "Binary", "_since": before["transactionTime"]}, headers)
            deleted = {entry["request"]["url"] for item in manifest["deleted"] for line in
                       harness.request("GET", item["url"], headers).body.splitlines() for entry in json.loads(line)["entry"]}
            self.assertEqual(deleted, {f"Binary/{id}" for id in ids}, scope)

    def conditions_ask_it_too(self, only, both, full):
        text = {"Content-Type": "text/plain"}
        patch = json.dumps([{"op": "add", "path": "/language", "value": "de"}]).encode()
        patching = {"Content-Type": "application/json-patch+json"}
        attempts = (("POST", "Binary", b"new", {**text, "If-None-Exist": "_id=p"}),
                    ("PUT", "Binary?_id=p", b"new", text), ("PATCH", "Binary?_id=p", patch, patching),
                    ("DELETE", "Binary?_id=p", None, {}), ("DELETE", "Binary?_id=p,none", None, {}))
        for headers in (only, both):
            for method, path, body, more in attempts:
                self.assert_outcome(self.send(method, path, body, {**headers, **more}), 403, "securityContext")
        self.assert_outcome(self.send("DELETE", "Binary?_id=p,none", headers=full), 412)
        reading = self.client.headers(self.server, "system/Binary.cruds system/Patient.rs")
        self.assertEqual(self.send("POST", "Binary", b"x", {**reading, **attempts[0][3]}).status, 200)
        self.assert_outcome(self.send("DELETE", "Binary?_id=p", headers=reading), 403, "securityContext")
        for method, path, body, more, status in (
                ("POST", "Binary", b"x", {**text, "If-None-Exist": "_id=none"}, 200),
                ("PATCH", "Binary?_id=none", patch, patching, 200), ("PUT", "Binary?_id=none", b"of nobody", text, 200),
                ("DELETE", "Binary?_id=nothing", None, {}, 204)):
            self.assertEqual(self.send(method, path, body, {**only, **more}).status, status, path)
        self.assertEqual(self.send("GET", "Binary/p", headers=full).body, b"of a patient")
        self.assertEqual(self.send("GET", "Binary/none", headers=only).body, b"of nobody")

    def transactions_ask_it_too(self, only, both, full):
        def entries(*requests):
            return {"resourceType": "Bundle", "type": "transaction", "entry": [
                {"request": {"method": method, "url": url}, **({"resource": body} if body else {})}
                for method, url, body in requests]}

        taken = {"resourceType": "Binary", "id": "p", "contentType": "text/plain", "data": "dGFrZW4="}
        patch = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": base64.b64encode(
            json.dumps([{"op": "remove", "path": "/securityContext"}]).encode()).decode()}
        for headers, refused in ((only, ("GET", "VREAD", "PUT", "PATCH", "DELETE")), (both, ("PUT", "PATCH", "DELETE"))):
            for method in refused:
                url = "Binary/p" + ("/_history/1" if method == "VREAD" else "")
                body = {"PUT": taken, "PATCH": patch}.get(method)
                # All or nothing: what else is in it is not done.
                answer = self.send("POST", "", entries(
                    ("PUT", "Binary/beside", {**taken, "id": "beside"}),
                    ("GET" if method == "VREAD" else method, url, body)), headers)
                self.assert_outcome(answer, 403, "securityContext" if headers is only else "Patient", "entry[1]")
                self.assertEqual(self.send("GET", "Binary/beside", headers=full).status, 404, method)
        # A condition tells nobody of what its securityContext hides.
        for method, body in (("DELETE", None), ("PUT", {**taken, "id": "p"}), ("PATCH", patch)):
            for headers in (only, both):
                self.assert_outcome(self.send("POST", "", entries((method, "Binary?_id=p", body)), headers), 403,
                                    "securityContext", "entry[0]")
        create = entries(("POST", "Binary", taken))
        create["entry"][0]["request"]["ifNoneExist"] = "_id=p"
        self.assert_outcome(self.send("POST", "", create, only), 403, "securityContext")
        refers = entries(("PUT", "DocumentReference/d", {
            "resourceType": "DocumentReference", "id": "d", "status": "current",
            "content": [{"attachment": {}}], "context": {"related": [{"reference": "Binary?_id=p"}]}}))
        documents = "system/Binary.cruds system/DocumentReference.cruds"
        self.assert_outcome(self.send("POST", "", refers, self.client.headers(self.server, documents)), 403,
                            "securityContext")
        answer = self.send("POST", "", entries(("DELETE", "Binary?_id=far", None)), full)
        self.assertEqual(answer.json()["entry"][0]["response"]["status"][:3], "204")
        self.assertEqual(self.send("PUT", "Binary/far", taken | {"id": "far"}, full).status, 201)
        answer = self.send("POST", "", entries(
            ("GET", "Binary/p", None), ("PUT", "Binary/none", {**taken, "id": "none"}), ("DELETE", "Binary/far", None),
            ("PUT", "Binary/new", {**taken, "id": "new"})), full)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual([e["response"]["status"][:3] for e in answer.json()["entry"]], ["200", "200", "204", "201"])
        self.assertEqual(self.send("GET", "Binary/none", headers=only).body, b"taken")


if __name__ == "__main__":
    unittest.main()
