"""Manifests that are shown while the export runs, in pages: P-10, M-07, K-04, F-04."""
import collections
import os
import random
import time
import unittest

import corpus
import harness
from test_lifecycle import moved

OPTIONS = ("--export-workers", 1, "--poll-burst", 100_000, "--log-level", "warn")
# Many files on one thread take long enough to be looked at in the middle.
QUERY = {"allowPartialManifests": "true", "_maximumFileSize": "40000"}


class Pages:
    """Follows the pages of one job and remembers each as it was first shown."""

    def __init__(self, test, location):
        self.test, self.location = test, location
        self.first_shown = {}
        self.files = collections.OrderedDict()
        self.shown_early = 0

    def look(self, server):
        """Reads all pages there are; True when the job is done."""
        url, statuses = self.location, []
        while url:
            answer = harness.request("GET", moved(url, server))
            if answer.status == 429:
                time.sleep(0.1)
                continue
            self.test.assertIn(answer.status, (200, 202), answer)
            statuses.append(answer.status)
            if not answer.body:
                break
            self.test.assertEqual(answer.headers["Content-Type"], "application/json")
            page = answer.json()
            links = page.pop("link")
            self.test.assertEqual(self.first_shown.setdefault(url, page), page)
            for item in page["output"]:
                known = self.files.setdefault(item["url"], item)
                self.test.assertEqual(known, item)
                if answer.status == 202 and self.shown_early < 30:
                    self.shown_early += 1
                    harness.download({**item, "url": moved(item["url"], server)})
            url = links[0]["url"] if links else None
        time.sleep(0.1)
        return statuses[-1] == 200


class PartialManifests(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.temporary_folder(cls)
        cls.data = os.path.join(cls.folder, "data")
        harness.load(cls.data, *corpus.large_input(cls.folder, 60))
        with harness.Server(cls.data, *OPTIONS) as server:
            cls.expected = sorted(server.export("$export").keys())
            started = time.monotonic()
            small = server.export("$export", {"_maximumFileSize": QUERY["_maximumFileSize"]})
            cls.seconds = time.monotonic() - started
            cls.assertFalse(cls, small.manifest["link"], "without the parameter there is one page")

    def keys_of(self, pages, server):
        manifest = {"output": [{**item, "url": moved(item["url"], server)}
                               for item in pages.files.values()]}
        return harness.Export(manifest).keys()

    def test_p10_files_are_shown_while_the_job_runs_and_pages_do_not_change(self):
        with harness.Server(self.data, *OPTIONS) as server:
            pages = Pages(self, server.kick_off("$export", QUERY))
            deadline = time.monotonic() + harness.EXPORT_SECONDS
            while not pages.look(server):
                self.assertLess(time.monotonic(), deadline)
            self.assertGreater(pages.shown_early, 0, "nothing was shown before the end")
            self.assertGreater(len(pages.first_shown), 3)
            self.assert_same_keys(self.keys_of(pages, server), self.expected)
            # M-07: the pages together are all files, each once.
            self.assertEqual(sum(len(page["output"]) for page in pages.first_shown.values()),
                             len(pages.files))
            del_answer = harness.request("DELETE", pages.location)
            self.assertEqual(del_answer.status, 202)
            last = list(pages.first_shown)[-1]
            self.assertEqual(harness.request("GET", last).status, 404)

    def test_p10_pages_are_the_same_through_kills(self):
        seed = int(os.environ.get("SLUICE_TEST_SEED", 0)) or random.randrange(1, 1 << 31)
        print(f"SLUICE_TEST_SEED={seed}", flush=True)
        chance = random.Random(seed)
        pages = None
        for _ in range(6):
            with harness.Server(self.data, *OPTIONS) as server:
                pages = pages or Pages(self, server.kick_off("$export", QUERY))
                end = time.monotonic() + chance.uniform(0, self.seconds)
                while time.monotonic() < end:
                    if pages.look(server):
                        break
                server.kill()
        with harness.Server(self.data, *OPTIONS) as server:
            deadline = time.monotonic() + harness.EXPORT_SECONDS
            while not pages.look(server):
                self.assertLess(time.monotonic(), deadline)
            self.assert_same_keys(self.keys_of(pages, server), self.expected)

    def test_p10_k04_the_status_is_apart_from_the_polling(self):
        with harness.Server(self.data, *OPTIONS) as server:
            location = server.kick_off("$export", QUERY, headers={
                "Prefer": "respond-async, separate-export-status"})
            states = set()
            while "200 OK" not in states:
                time.sleep(0.05)
                answer = harness.request("GET", location)
                self.assertEqual(answer.status, 200)
                state = answer.headers["X-Export-Status"]
                self.assertIn(state, ("202 Accepted", "200 OK"))
                states.add(state)
                if answer.body and answer.json()["link"]:
                    page = harness.request("GET", answer.json()["link"][0]["url"])
                    self.assertEqual(page.status, 200)
                    self.assertIn(page.headers["X-Export-Status"], ("202 Accepted", "200 OK"))

    def test_p10_f04_nothing_else_is_there_before_the_end(self):
        with harness.Server(self.data, *OPTIONS) as server:
            location = server.kick_off("$export", {"_elements": "id"})
            answer = harness.request("GET", location)
            if answer.status == 202:
                self.assertEqual(answer.body, b"")
            harness.wait(location)
            self.assertEqual(harness.request("GET", f"{location}/manifest/0-0-0-0").status, 404)

    def test_p12_values_that_are_no_booleans_are_refused(self):
        with harness.Server(self.data, *OPTIONS) as server:
            for value in ("yes", "1", "True"):
                answer = server.get("$export", {"allowPartialManifests": value})
                self.assert_outcome(answer, 400, "allowPartialManifests", value)
            answer = server.post("$export", {"resourceType": "Parameters", "parameter": [
                {"name": "allowPartialManifests", "valueBoolean": False}]})
            self.assertEqual(answer.status, 202, answer)
            answer = server.post("$export", {"resourceType": "Parameters", "parameter": [
                {"name": "allowPartialManifests", "valueInteger": 1}]})
            self.assert_outcome(answer, 400, "allowPartialManifests", "valueInteger")


if __name__ == "__main__":
    unittest.main()
