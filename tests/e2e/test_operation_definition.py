"""OperationDefinitions: stored ones are resources like others, the server's own stay what they are (I-02, C-02)."""
import json
import unittest

import harness
import smart


def definition(id, **more):
    return {"resourceType": "OperationDefinition", **({"id": id} if id else {}), "name": "Fold", "status": "draft",
            "kind": "operation", "code": "fold", "system": True, "type": False, "instance": False, **more}


class OperationDefinitions(harness.ServerCase):
    def test_i02_stored_ones_have_every_interaction(self):
        self.serve()
        path = "OperationDefinition/mine"
        self.assertEqual(self.send("PUT", path, definition("mine")).status, 201)
        self.assertEqual(self.send("PUT", path, definition("mine", title="t")).headers["ETag"], 'W/"2"')
        self.assertEqual(self.send("GET", path).json()["title"], "t")
        self.assertNotIn("title", self.send("GET", path + "/_history/1").json())
        patched = self.send("PATCH", path, [{"op": "remove", "path": "/title"}],
                            content_type="application/json-patch+json")
        self.assertEqual((patched.status, patched.headers["ETag"]), (200, 'W/"3"'))
        made = self.send("POST", "OperationDefinition", definition(None, url="http://x.example/o"))
        self.assertEqual(made.status, 201)
        found = self.send("GET", "OperationDefinition?url=http://x.example/o&status=draft").json()
        self.assertEqual([entry["resource"]["id"] for entry in found["entry"]], [made.json()["id"]])
        again = self.send("POST", "OperationDefinition", definition(None), {"If-None-Exist": "url=http://x.example/o"})
        self.assertEqual((again.status, again.json()["id"]), (200, made.json()["id"]))
        for of, count in ((path, 3), ("OperationDefinition", 4)):
            self.assertEqual(len(self.send("GET", of + "/_history").json()["entry"]), count)
        export = self.server.export("$export", {"_type": "OperationDefinition"})
        self.assert_same_keys(export.keys(), [("OperationDefinition", id) for id in ("mine", made.json()["id"])])
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": definition("third"), "request": {"method": "PUT", "url": "OperationDefinition/third"}},
            {"request": {"method": "GET", "url": "OperationDefinition/mine"}}]}
        self.assertEqual(self.send("POST", "", bundle).status, 200)
        self.assertEqual(self.send("DELETE", path).status, 204)
        self.assertEqual(self.send("GET", path).status, 410)
        self.assert_outcome(self.send("PUT", path, {"resourceType": "OperationDefinition", "id": "mine"}), 422, "name")

    def test_c02_the_servers_own_are_read_only(self):
        client = smart.Client(self.folder, self.data, "all", scope="system/*.cruds")
        server = self.serve(is_open=False)
        full = client.headers(server)
        before = self.send("GET", "OperationDefinition/export")
        self.assertEqual((before.status, before.json()["code"]), (200, "export"))  # for everybody

        def bundle(kind, *requests):
            return {"resourceType": "Bundle", "type": kind, "entry": [
                {"request": {"method": method, "url": url}, **({"resource": body} if body else {})}
                for method, url, body in requests]}
        own = "OperationDefinition/export"
        for method, body in (("PUT", definition("export")), ("DELETE", None)):
            answer = self.send(method, own, body, full)
            self.assert_outcome(answer, 405, own)
            self.assertEqual(answer.headers["Allow"], "GET, HEAD, OPTIONS")
            self.assert_outcome(self.send(method, own, body), 401)
            self.assert_outcome(self.send("POST", "", bundle("transaction", (method, own, body)), full), 405, own,
                                "entry[0]")
            entry = self.send("POST", "", bundle("batch", (method, own, body)), full).json()["entry"][0]
            self.assertEqual(entry["response"]["status"][:3], "405")
        self.assert_outcome(self.send("PUT", "OperationDefinition?name=Fold", definition("export"), full), 405, own)
        by_condition = bundle("transaction", ("PUT", "OperationDefinition?name=Fold", definition("export")))
        self.assert_outcome(self.send("POST", "", by_condition, full), 405, own)
        self.assert_outcome(self.send("POST", "", bundle("transaction", ("GET", own, None)), full), 400, own, "batch")
        entry = self.send("POST", "", bundle("batch", ("GET", own, None)), full).json()["entry"][0]
        self.assertEqual(entry["resource"], before.json())
        self.assertEqual(self.send("GET", own).body, before.body)
        # They are no resources of the store, and others are for who may read them.
        self.assertEqual(self.send("GET", "OperationDefinition", headers=full).json().get("entry", []), [])
        self.assert_outcome(self.send("GET", "OperationDefinition/other"), 401)
        self.assert_outcome(self.send("GET", "OperationDefinition/other", headers=full), 404)

    def test_i01_a_stored_one_with_such_an_id_is_exported_and_found(self):
        harness.load(self.data, harness.write_lines(self.folder + "/in.ndjson", [definition("export"), definition("b")]))
        self.serve()
        self.assertEqual(self.send("GET", "OperationDefinition/export").json()["code"], "export")
        self.assertEqual({r["code"] for r in self.server.export().resources()}, {"fold"})
        found = self.send("GET", "OperationDefinition?code=fold").json()["entry"]
        self.assertEqual({entry["resource"]["id"] for entry in found}, {"export", "b"})


if __name__ == "__main__":
    unittest.main()
