"""History of resources, types and everything over REST (I-02, A-06, A-12): entries, ranges, pages, scopes."""
import glob
import json
import os
import unittest

import harness
import smart


def basic(id, text):
    return {"resourceType": "Basic", "id": id, "code": {"text": text}}


class History(harness.ServerCase):
    def put(self, resource, headers=None):
        answer = self.send("PUT", f"{resource['resourceType']}/{resource['id']}", resource, headers)
        self.assertIn(answer.status, (200, 201), answer)
        return answer

    def pass_instant(self, instant):
        """What is written afterwards has a later instant: commits share a millisecond."""
        while harness.sluice_instant() <= instant:
            pass

    def pages(self, path, headers=None):
        """The Bundles from `path` on, by their links."""
        url, bundles = f"{self.server.base}/{path}", []
        while url:
            answer = harness.request("GET", url, headers)
            self.assertEqual(answer.status, 200, answer)
            bundle = answer.json()
            self.assertEqual((bundle["resourceType"], bundle["type"]), ("Bundle", "history"))
            links = {link["relation"]: link["url"] for link in bundle["link"]}
            self.assertIn("self", links)
            self.assertEqual(harness.request("GET", links["self"], headers).json(), bundle)
            bundles.append(bundle)
            url = links.get("next")
            self.assertLess(len(bundles), 100)
        return bundles

    def entries(self, path, headers=None):
        return [entry for bundle in self.pages(path, headers) for entry in bundle.get("entry", [])]

    def seen(self, path, headers=None):
        """[(url, method, status, version)]"""
        return [(e["request"]["url"], e["request"]["method"], e["response"]["status"],
                 e["response"]["etag"].strip('W/"')) for e in self.entries(path, headers)]

    def test_i02_every_version_is_told_newest_first(self):
        self.serve()
        self.put(basic("a", "one"))
        self.put({"resourceType": "Patient", "id": "p"})
        second = self.put(basic("a", "two"))
        self.send("DELETE", "Basic/a")
        self.put(basic("b", "three"))
        self.put(basic("a", "four"))
        of_a = [("Basic/a", "PUT", "201", "4"), ("Basic/a", "DELETE", "204", "3"), ("Basic/a", "PUT", "200", "2"),
                ("Basic/a", "PUT", "201", "1")]
        b, p = ("Basic/b", "PUT", "201", "1"), ("Patient/p", "PUT", "201", "1")
        of_type = [of_a[0], b, *of_a[1:]]
        of_all = [of_a[0], b, of_a[1], of_a[2], p, of_a[3]]
        for path, expected in (("Basic/a/_history", of_a), ("Basic/_history", of_type), ("_history", of_all)):
            self.assertEqual(self.seen(path), expected)
            for count in (1, 2, 5, 6, 1000, 5000):
                pages = self.pages(f"{path}?_count={count}")
                self.assertTrue(all(len(page.get("entry", [])) <= count for page in pages))
                self.assertEqual([e for page in pages for e in page["entry"]], self.entries(path), (path, count))
        entries = self.entries("Basic/a/_history")
        self.assertEqual(entries[2]["resource"], second.json())
        self.assertEqual(entries[2]["fullUrl"], self.server.base + "/Basic/a")
        self.assertEqual(entries[2]["response"]["lastModified"], second.json()["meta"]["lastUpdated"])
        self.assertNotIn("resource", entries[1])
        self.assertEqual(harness.request("HEAD", self.server.base + "/_history").body, b"")
        self.assertEqual(self.seen("Condition/_history"), [])
        self.send("DELETE", "Basic/a")
        self.assertEqual(self.seen("Basic/a/_history?_count=1")[0], ("Basic/a", "DELETE", "204", "5"))
        self.server.kill()
        self.server.start()
        self.assertEqual(self.seen("_history")[1:], of_all)

    def test_i02_since_and_at(self):
        self.serve()
        times = []
        for number in range(3):
            times.append(self.put(basic("a", str(number))).json()["meta"]["lastUpdated"])
            self.pass_instant(times[-1])
        self.put(basic("b", "x"))
        for path in ("Basic/a/_history", "Basic/_history", "_history"):
            def versions(query):
                return [v for url, _, _, v in self.seen(f"{path}?{query}") if url == "Basic/a"]
            self.assertEqual(versions("_since=" + times[1]), ["3", "2"])
            self.assertEqual(versions("_since=" + times[1].replace("Z", "%2B00:00")), ["3", "2"])
            self.assertEqual(versions("_since=2100-01-01"), [])
            self.assertEqual(versions("_at=" + times[1]), ["2"])
            self.assertEqual(versions("_at=" + times[1][:4]), ["3", "2", "1"])
            self.assertEqual(versions("_at=2100"), ["3"])
            self.assertEqual(versions("_at=1999"), [])
            self.assertEqual(versions(f"_at={times[1][:4]}&_since={times[2]}"), ["3"])
        self.send("DELETE", "Basic/a")
        self.assertEqual(self.seen("Basic/a/_history?_at=2100"), [])

    def test_i02_pages_stay_while_others_write(self):
        self.serve()
        for number in range(6):
            self.put(basic("a", str(number)))
        for path in ("Basic/a/_history", "Basic/_history", "_history"):
            before = self.seen(path)
            first = self.send("GET", path + "?_count=2").json()
            next_url = {link["relation"]: link["url"] for link in first["link"]}["next"]
            self.put(basic("a", "more " + path))
            rest = self.seen(next_url.removeprefix(self.server.base + "/"))
            self.assertEqual(rest, before[2:], path)

    def test_i02_only_what_is_kept_is_told(self):
        self.serve("--history-retention", "0")
        self.put(basic("a", "one"))
        self.put(basic("a", "two"))
        self.server.stop()
        self.server.start()
        # The horizon follows the clock within a second or so; nothing is asked of how long it takes.
        while len(self.seen("Basic/a/_history")) > 1:
            pass
        self.assertEqual(self.seen("_history"), [("Basic/a", "PUT", "200", "2")])
        self.assert_outcome(self.send("GET", "Basic/a/_history/1"), 404)

    def test_i02_what_is_not_understood_is_refused(self):
        self.serve()
        self.put(basic("a", "one"))
        for path in ("Basic/a/_history", "Basic/_history", "_history"):
            for query, *words in (("_count=0", "_count"), ("_count=x", "_count"), ("_count=-1", "_count"),
                                  ("_since=soon", "_since", "soon"), ("_at=ge2020", "_at"), ("_page=x", "_page"),
                                  ("_page=1-x", "_page"), ("_list=1", "_list"), ("_sort=_lastUpdated", "_sort"),
                                  ("code=x", "code"), ("_count=1&_count=2", "_count", "twice")):
                self.assert_outcome(self.send("GET", f"{path}?{query}"), 400, *words)
            self.assert_outcome(self.send("GET", path, headers={"Accept": "application/fhir+xml"}), 406)
            self.assert_outcome(self.send("GET", path + "?_format=xml"), 406, "xml")
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                answer = self.send(method, path, {})
                self.assert_outcome(answer, 405)
                self.assertEqual(answer.headers["Allow"], "GET, HEAD, OPTIONS")
        self.assert_outcome(self.send("GET", "Basic/none/_history"), 404, "Basic/none")
        self.assert_outcome(self.send("GET", "Basic/a_b/_history"), 404)
        self.assert_outcome(self.send("GET", "Nonsense/_history"), 404)
        statement = self.send("GET", "metadata").json()["rest"][0]
        self.assertIn({"code": "history-system"}, statement["interaction"])

    def test_a06_a12_scopes_groups_and_the_audit_log(self):
        client = smart.Client(self.folder, self.data, "all", scope="system/*.cruds")
        grouped = smart.Client(self.folder, self.data, "grouped", scope="system/*.cruds", options=["--group", "g"])
        server = self.serve(is_open=False)
        full = client.headers(server)
        self.put(basic("a", "Nobodyknows"), full)
        self.put({"resourceType": "Patient", "id": "p"}, full)
        for scope, instance, of_type, system in (
                ("system/Basic.rs", 200, 200, ["Basic/a"]), ("system/Basic.read", 200, 200, ["Basic/a"]),
                ("system/Basic.r", 200, 403, None), ("system/Basic.s", 403, 403, None),
                ("system/Patient.rs", 403, 403, ["Patient/p"]), ("system/*.rs", 200, 200, ["Patient/p", "Basic/a"]),
                ("system/*.cud", 403, 403, None)):
            headers = client.headers(server, scope)
            self.assertEqual(self.send("GET", "Basic/a/_history", headers=headers).status, instance, scope)
            self.assertEqual(self.send("GET", "Basic/_history", headers=headers).status, of_type, scope)
            if system is None:
                self.assert_outcome(self.send("GET", "_history", headers=headers), 403)
            else:
                self.assertEqual([url for url, *_ in self.seen("_history", headers)], system, scope)
        for path in ("Basic/a/_history", "Basic/_history", "_history"):
            self.assert_outcome(self.send("GET", path, headers=grouped.headers(server)), 403, "groups")
            self.assert_outcome(self.send("GET", path), 401)
        server.stop()
        events = []
        for file in sorted(glob.glob(os.path.join(self.data, "audit", "*.ndjson"))):
            with open(file, encoding="utf-8") as lines:
                events += [json.loads(line) for line in lines]
        told = {e["entity"][0].get("what", {}).get("reference") for e in events
                if e["subtype"][0]["code"] == "history-read"}
        self.assertEqual(told, {"Basic/a", "Basic", None})
        self.assertNotIn("Nobodyknows", json.dumps(events) + server.log())


if __name__ == "__main__":
    unittest.main()
