"""`sluice pull` and manifests that change while it reads them (L-05): preliminary ones of a 202, files that only
the queries of their URLs tell apart, URLs that are signed anew. Nothing comes twice, nothing is lost."""
import json
import os
import unittest

import harness
from imposter import Answer, BulkImposter, file_answer, outcome, resources
from test_pull import pull, pulled

JSON = {"Content-Type": "application/json"}


class Manifests(harness.TestCase):
    def setUp(self):
        self.server = BulkImposter(self)
        self.parts = {"1": resources("Patient", 5), "2": resources("Patient", 5, 100),
                      "3": resources("Patient", 5, 200)}

    def pull(self, *options, code=0):
        out = os.path.join(harness.temporary_folder(self), "out")
        return out, pull(self.server.base, "--out", out, *options, code=code)

    def readings(self, *readings):
        """The answers of the status URL: (status, items), the last again and again."""
        self.server.on("GET", "/status", *[Answer(status, self.server.manifest(items), {**JSON, "Retry-After": "0"})
                                           for status, items in readings])

    def by_query(self, sig_of=lambda request: True):
        def answer(request):
            if not sig_of(request):
                return Answer(403, outcome("expired"))
            name = request.query["id"][0]
            return file_answer(request, self.parts[name], etag=f'"{name}"')
        self.server.on("GET", "/f", answer)

    def item(self, name, sig=""):
        return {"type": "Patient", "url": f"{self.server.root}/f?id={name}{sig and '&sig=' + sig}"}

    def assert_all(self, out, *bodies):
        found = [json.loads(line)["id"] for name, body in pulled(out).items() if name.startswith("Patient")
                 for line in body.splitlines()]
        self.assertEqual(sorted(found), sorted(json.loads(line)["id"] for body in bodies
                                               for line in body.splitlines()))


class Preliminary(Manifests):
    def changing(self):
        """A file that has five lines at first, and ten when the export is done."""
        self.server.on("GET", "/f", lambda request: file_answer(request, resources("Patient", self.lines[0])))
        self.lines = [5]

        def status(_):
            looks = len(self.server.sent("GET", "/status"))
            done = looks > 1 and (not self.is_partial or len(self.server.sent("GET", "/f")) > 0)
            self.lines[0] = 10 if done else 5
            items = [{"type": "Patient", "url": self.server.root + "/f", "count": self.lines[0]}]
            return Answer(200 if done else 202, self.server.manifest(items), {**JSON, "Retry-After": "0"})
        self.server.on("GET", "/status", status)

    def test_l05_a_202_that_was_not_asked_for_a_manifest_brings_no_files(self):
        self.is_partial = False
        self.changing()
        out, _ = self.pull()
        self.assert_all(out, resources("Patient", 10))
        self.assertEqual(len(self.server.sent("GET", "/f")), 1)

    def test_l05_a_file_whose_final_count_is_another_is_received_again(self):
        self.is_partial = True
        self.changing()
        out, _ = self.pull("--partial-manifests")
        self.assert_all(out, resources("Patient", 10))

    def test_l05_a_file_that_the_final_manifest_does_not_name_is_dropped(self):
        part = self.server.add_output("Patient", "part", resources("Patient", 5))
        whole = self.server.add_output("Patient", "whole", resources("Patient", 10))

        def status(_):
            done = len(self.server.sent("GET", "/part")) > 0
            return Answer(200 if done else 202, self.server.manifest([whole if done else part]),
                          {**JSON, "Retry-After": "0"})
        self.server.on("GET", "/status", status)
        out, _ = self.pull("--partial-manifests")
        self.assert_all(out, resources("Patient", 10))
        self.assertEqual(sorted(n for n in os.listdir(out) if n.startswith("Patient")), ["Patient.00002.ndjson"])


class Queries(Manifests):
    def test_l05_files_that_their_queries_tell_apart_may_come_in_another_order(self):
        self.by_query()
        self.readings((202, [self.item("1")]), (200, [self.item("2"), self.item("1")]))
        out, _ = self.pull("--partial-manifests")
        self.assert_all(out, self.parts["1"], self.parts["2"])

    def test_l05_signed_anew_in_another_order_nothing_is_swapped(self):
        # The first signature opens one file of three.
        self.by_query(lambda request: request.query["sig"][0] != "1" or request.query["id"][0] == "1")
        self.readings((200, [self.item(name, "1") for name in "123"]), (200, [self.item(name, "2") for name in "231"]))
        out, done = self.pull()
        self.assert_all(out, *self.parts.values())
        self.assertIn("received again", done.err)

    def test_l05_urls_that_never_open_are_told_and_not_asked_for_ever(self):
        self.by_query(lambda _: False)
        signatures = iter(range(1000))

        def status(_):
            sig = str(next(signatures))
            return Answer(200, self.server.manifest([self.item(name, sig) for name in "12"]), JSON)
        self.server.on("GET", "/status", status)
        _, done = self.pull(code=5)
        self.assertIn("differ only in their queries", done.err)

    def test_l05_a_single_file_signed_anew_goes_on(self):
        body = resources("Patient", 200)
        self.server.on("GET", "/one", lambda r: file_answer(r, body, cut_after=9000)
                       if r.range_start is None and r.query["sig"] == ["1"]
                       else file_answer(r, body) if r.query["sig"] == ["2"] else Answer(403, outcome("expired")))
        url = self.server.root + "/one?sig="
        self.readings((200, [{"type": "Patient", "url": url + "1"}]), (200, [{"type": "Patient", "url": url + "2"}]))
        out, _ = self.pull()
        self.assert_all(out, body)
        self.assertEqual(self.server.sent("GET", "/one")[-1].range_start, 9000)


if __name__ == "__main__":
    unittest.main()
