"""Output files over HTTP: F-01 to F-04, F-08, S-07."""
import gzip
import os
import time
import unittest
import zlib

import corpus
import harness

GZIP = {"Accept-Encoding": "gzip"}


class Files(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = harness.temporary_folder(cls)
        base = corpus.base_corpus(folder, corpus.SMALL_TYPES, patients=100)
        data = os.path.join(folder, "data")
        harness.load(data, *base.paths)
        cls.server = harness.start_server(cls, data)
        cls.export = cls.server.export()
        # The largest file has several gzip blocks, so that ranges cross them.
        cls.item = max(cls.export.manifest["output"], key=lambda i: i["fileSize"])
        cls.url = cls.item["url"]
        cls.plain = harness.request("GET", cls.url).body
        cls.zipped = harness.request("GET", cls.url, GZIP).body

    def encodings(self):
        return (("identity", {}, self.plain), ("gzip", GZIP, self.zipped))

    def test_f01_f02_headers_in_both_encodings(self):
        for name, headers, whole in self.encodings():
            with self.subTest(encoding=name):
                answer = harness.request("GET", self.url, headers)
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.headers["Content-Type"], "application/fhir+ndjson")
                self.assertEqual(answer.headers["Content-Encoding"],
                                 "gzip" if name == "gzip" else None)
                self.assertEqual(answer.headers["Content-Length"], str(len(whole)))
                self.assertIn("accept-encoding", answer.headers["Vary"].lower())
                self.assertRegex(answer.headers["ETag"], r'^"[^"]+"$')
                self.assertEqual(answer.headers["Accept-Ranges"], "bytes")
                modified = time.strptime(answer.headers["Last-Modified"],
                                         "%a, %d %b %Y %H:%M:%S GMT")
                self.assertLess(abs(time.mktime(modified) - time.mktime(time.gmtime())), 600)
        plain, zipped = (harness.request("HEAD", self.url, h).headers["ETag"] for h in ({}, GZIP))
        self.assertNotEqual(plain, zipped)

    def test_f01_whole_lines_without_blank_ones(self):
        for item in self.export.manifest["output"]:
            body = harness.request("GET", item["url"]).body
            self.assertEqual((len(body), body.count(b"\n")), (item["fileSize"], item["count"]))
            self.assertTrue(body.endswith(b"}\n"))
            self.assertNotIn(b"\n\n", body)
            self.assertNotIn(b"\r", body)
            body.decode("utf-8")

    def test_f02_the_gzip_bytes_are_one_member_of_the_same_content(self):
        inflater = zlib.decompressobj(wbits=31)
        self.assertEqual(inflater.decompress(self.zipped), self.plain)
        self.assertTrue(inflater.eof)
        self.assertEqual(inflater.unused_data, b"")
        self.assertLess(len(self.zipped), len(self.plain) / 3)

    def test_f02_what_accept_encoding_means(self):
        for value, is_zipped in (("gzip", True), ("GZIP", True), ("x-gzip", None), ("*", True),
                                 ("deflate, gzip;q=0.5", True), ("gzip;q=0", False),
                                 ("identity", False), ("br", False), ("", False),
                                 ("*;q=0, gzip", True), ("gzip;q=0, *", False)):
            if is_zipped is None:
                continue
            with self.subTest(value=value):
                answer = harness.request("HEAD", self.url, {"Accept-Encoding": value})
                self.assertEqual(answer.headers["Content-Encoding"], "gzip" if is_zipped else None)

    def test_f03_single_ranges_are_the_bytes_asked_for(self):
        for name, headers, whole in self.encodings():
            size = len(whole)
            middle = size // 2
            for asked, first, last in (
                    ("0-0", 0, 0), ("0-99", 0, 99), (f"{middle}-{middle + 5000}", middle, middle + 5000),
                    (f"{size - 1}-", size - 1, size - 1), ("-1", size - 1, size - 1),
                    ("-500", size - 500, size - 1), (f"{size - 10}-{size + 10}", size - 10, size - 1),
                    (f"-{size + 10}", 0, size - 1), ("0-", 0, size - 1),
                    (f"{size // 3}-", size // 3, size - 1), (f"1-{size - 2}", 1, size - 2)):
                with self.subTest(encoding=name, range=asked):
                    answer = harness.request("GET", self.url, {**headers, "Range": f"bytes={asked}"})
                    self.assertEqual(answer.status, 206, answer.headers)
                    self.assertEqual(answer.headers["Content-Range"], f"bytes {first}-{last}/{size}")
                    self.assertEqual(answer.headers["Content-Length"], str(last - first + 1))
                    self.assertTrue(answer.body == whole[first:last + 1])

    def test_f03_a_download_that_is_cut_again_and_again_ends_whole(self):
        for name, headers, whole in self.encodings():
            with self.subTest(encoding=name):
                etag = harness.request("HEAD", self.url, headers).headers["ETag"]
                received, cuts = b"", 0
                while len(received) < len(whole):
                    # Cut after an eighth each time, at odd places.
                    with harness.SlowDownload(self.url, {
                            **headers, "Range": f"bytes={len(received)}-", "If-Range": etag}) as part:
                        self.assertEqual(part.status, 206)
                        received += part.read(len(whole) // 8 + 7)
                    cuts += 1
                self.assertGreaterEqual(cuts, 7)
                self.assertTrue(received == whole)

    def test_f03_if_range_of_something_else_gets_the_whole(self):
        other = harness.request("HEAD", self.url, GZIP).headers["ETag"]
        for validator in ('"other"', other, "W/" + other, "Mon, 01 Jan 2001 00:00:00 GMT"):
            with self.subTest(validator=validator):
                answer = harness.request("GET", self.url, {"Range": "bytes=5-9", "If-Range": validator})
                self.assertEqual((answer.status, len(answer.body)), (200, len(self.plain)))

    def test_f03_head_is_get_without_a_body(self):
        for name, headers, whole in self.encodings():
            with self.subTest(encoding=name):
                head = harness.request("HEAD", self.url, headers)
                get = harness.request("GET", self.url, headers)
                self.assertEqual((head.status, head.body), (200, b""))
                for field in ("Content-Length", "Content-Type", "Content-Encoding", "ETag", "Vary",
                              "Last-Modified", "Accept-Ranges"):
                    self.assertEqual(head.headers[field], get.headers[field], field)

    def test_f02_conditional_requests(self):
        head = harness.request("HEAD", self.url)
        etag, modified = head.headers["ETag"], head.headers["Last-Modified"]
        for headers, status in (({"If-None-Match": etag}, 304), ({"If-None-Match": "*"}, 304),
                                ({"If-None-Match": f'"x", W/{etag}'}, 304),
                                ({"If-None-Match": '"x"'}, 200), ({"If-Modified-Since": modified}, 304),
                                ({"If-None-Match": '"x"', "If-Modified-Since": modified}, 200),
                                ({"If-Match": etag}, 200), ({"If-Match": '"x"'}, 412),
                                ({"If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}, 412)):
            with self.subTest(headers=headers):
                answer = harness.request("GET", self.url, headers)
                self.assertEqual(answer.status, status, answer.headers)
                if status == 304:
                    self.assertEqual(answer.body, b"")
                    self.assertEqual(answer.headers["ETag"], etag)

    def test_f08_slow_downloads_side_by_side_do_not_hold_up_others(self):
        slow = [harness.SlowDownload(self.url, GZIP if n % 2 else {}) for n in range(30)]
        try:
            for download in slow:
                download.read(100)
            self.assertTrue(harness.request("GET", self.url).body == self.plain)
            self.assertEqual(self.server.get("metadata").status, 200)
            self.assertEqual(len(slow[0].read_rest()), len(self.plain) - 100)
            self.assertEqual(len(slow[1].read_rest()), len(self.zipped) - 100)
        finally:
            for download in slow:
                download.__exit__()

    def test_outcome_files_are_served_as_well(self):
        export = self.server.export("$export", "_type=Device&unheard-of=1",
                                    {"Prefer": "handling=lenient"})
        item = export.manifest["outcome"][0]
        self.assertEqual(gzip.decompress(harness.request("GET", item["url"], GZIP).body),
                         harness.request("GET", item["url"]).body)


class Expiry(harness.TestCase):
    def test_s07_files_expire_but_not_while_they_are_downloaded(self):
        folder = harness.temporary_folder(self)
        data = os.path.join(folder, "data")
        harness.load(data, *corpus.large_input(folder, 30))
        server = harness.start_server(self, data, "--file-expiry", 6)
        status_url = server.kick_off("$export", {"_type": "Observation"})
        item = max(harness.wait(status_url).manifest["output"], key=lambda i: i["fileSize"])
        with harness.SlowDownload(item["url"]) as slow:
            received = slow.read(10_000)
            # A later job goes, so that this one should have gone.
            later = server.kick_off("$export", {"_type": "Location"})
            harness.wait(later)
            harness.eventually(self, lambda: harness.request("GET", later).status != 200, "the expiry", pause=0.2)
            # Still whole for the one who reads it.
            received += slow.read_rest()
        self.assertEqual((len(received), received.count(b"\n")), (item["fileSize"], item["count"]))
        harness.eventually(self, lambda: harness.request("GET", status_url).status != 200, "the expiry", pause=0.2)
        for url in (status_url, item["url"]):
            answer = harness.request("GET", url)
            self.assertIn(answer.status, (404, 410), answer)
            self.assert_outcome(answer, answer.status)
        harness.eventually(self, lambda: not [name for _, _, names in os.walk(os.path.join(data, "files"))
                                              for name in names], "the end of the files")


if __name__ == "__main__":
    unittest.main()
