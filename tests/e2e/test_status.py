"""The life of a job as its client sees it: K-06, K-07, S-01 to S-06, limits and deletion."""
import os
import re
import threading
import time
import unittest

import corpus
import harness


class Large(harness.TestCase):
    """A store that takes a noticeable time to export with one worker and a projection."""

    SLOW = {"_elements": "id"}

    @classmethod
    def setUpClass(cls):
        folder = harness.temporary_folder(cls)
        cls.data = os.path.join(folder, "data")
        harness.load(cls.data, *corpus.large_input(folder, 150))
        cls.resources = harness.stats(cls.data)["resources"]

    def server(self, *options):
        server = harness.start_server(self, self.data, "--export-workers", 1, *options)
        # Jobs of the tests before, taken up again, would count.
        harness.eventually(self, lambda: self.running(server) == 0, "the end of the jobs taken up again")
        return server

    def running(self, server):
        text = harness.request("GET", server.root + "/metrics").body.decode()
        return int(re.search(r'^sluice_jobs\{state="running"\} (\d+)$', text, re.M).group(1))


class Polling(Large):
    def test_s01_s02_progress_then_the_manifest(self):
        server = self.server("--retry-after-max", 2, "--poll-burst", 100_000)
        status_url = server.kick_off("$export", self.SLOW)
        progress = []
        while True:
            answer = harness.request("GET", status_url)
            if answer.status == 200:
                break
            self.assertEqual(answer.status, 202, answer)
            self.assertLess(len(answer.headers["X-Progress"]), 100)
            self.assertIn(answer.headers["Retry-After"], ("1", "2"))
            found = re.search(r"(\d+)\s*%", answer.headers["X-Progress"])
            if found:
                progress.append(int(found.group(1)))
            time.sleep(0.02)
        self.assertTrue(progress, "the export ended before it could be looked at")
        self.assertEqual(progress, sorted(progress))
        self.assertTrue(all(0 <= percent <= 100 for percent in progress), progress)
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        expires = time.mktime(time.strptime(answer.headers["Expires"], "%a, %d %b %Y %H:%M:%S GMT"))
        left = expires - time.mktime(time.gmtime())
        self.assertTrue(23 * 3600 < left <= 24 * 3600, left)
        self.assertEqual(sum(i["count"] for i in answer.json()["output"]), self.resources)

    def test_s04_polling_too_often_is_answered_429_and_the_job_goes_on(self):
        server = self.server("--poll-burst", 3)
        status_url = server.kick_off("$export", self.SLOW)
        answers = []
        while not answers or answers[-1].status != 200:
            answers.append(harness.request("GET", status_url))
            self.assertIn(answers[-1].status, (200, 202, 429), answers[-1])
        statuses = [answer.status for answer in answers]
        self.assertEqual(statuses[:3], [202, 202, 202])
        refused = [answer for answer in answers if answer.status == 429]
        self.assertTrue(refused, statuses)
        for answer in refused[:5]:
            self.assert_outcome(answer, 429)
            self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
        self.assertEqual(sum(i["count"] for i in answers[-1].json()["output"]), self.resources)

    def test_s04_a_finished_job_may_be_asked_often(self):
        server = self.server("--poll-burst", 3)
        status_url = server.kick_off("$export", {"_type": "Location"})
        harness.wait(status_url)
        self.assertEqual({harness.request("GET", status_url).status for _ in range(20)}, {200})


class Limits(Large):
    def kick_off_at_once(self, server, n):
        """Answers to n kick-offs sent one after the other without a pause."""
        return [server.get("$export", self.SLOW, {"Prefer": "respond-async"}) for _ in range(n)]

    def check_limit(self, server):
        answers = self.kick_off_at_once(server, 8)
        accepted = [answer for answer in answers if answer.status == 202]
        refused = [answer for answer in answers if answer.status == 429]
        self.assertEqual(len(accepted) + len(refused), 8, answers)
        self.assertEqual([a.status for a in answers[:3]], [202, 202, 429])
        for answer in refused:
            self.assert_outcome(answer, 429)
            self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
        for answer in accepted:
            export = harness.wait(answer.headers["Content-Location"])
            self.assertEqual(sum(i["count"] for i in export.manifest["output"]), self.resources)
        # Room again.
        self.assertEqual(server.get("$export", {"_type": "Location"}).status, 202)

    def test_k06_a_client_has_so_many_running_jobs(self):
        self.check_limit(self.server("--max-jobs-per-client", 2))

    def test_k06_the_server_has_so_many_running_jobs(self):
        self.check_limit(self.server("--max-jobs", 2))

    def test_k06_jobs_run_side_by_side_and_a_small_one_is_not_starved(self):
        server = self.server()
        big = [server.kick_off("$export", self.SLOW) for _ in range(3)]
        small = server.kick_off("Group/ten-percent/$export", {"_type": "Patient"})
        self.assertEqual(len({*big, small}), 4)
        exports = [harness.wait(url) for url in [small, *big]]
        counts = [sum(i["count"] for i in export.manifest["output"]) for export in exports]
        self.assertEqual(counts[1:], [self.resources] * 3)
        self.assertGreater(counts[0], 0)


class Deleting(Large):
    def file_names(self):
        return {os.path.join(folder, name) for folder, _, names in
                os.walk(os.path.join(self.data, "files")) for name in names}

    def test_s05_a_running_job_stops_and_its_files_go(self):
        server = self.server()
        before = self.file_names()
        status_url = server.kick_off("$export", self.SLOW)
        harness.eventually(self, lambda: self.file_names() - before, "a file of the job", pause=0.005)
        answer = harness.request("DELETE", status_url)
        self.assertEqual(answer.status, 202, answer)
        self.assert_outcome(harness.request("GET", status_url), 404)
        self.assert_outcome(harness.request("DELETE", status_url), 404)
        harness.eventually(self, lambda: self.running(server) == 0, "the end of the job")
        harness.eventually(self, lambda: self.file_names() == before, "the end of its files")

    def test_s05_a_finished_job_and_its_files_are_gone(self):
        server = self.server()
        status_url = server.kick_off("$export", {"_type": "Patient,Condition"})
        manifest = harness.wait(status_url).manifest
        self.assertEqual(harness.request("DELETE", status_url).status, 202)
        self.assert_outcome(harness.request("GET", status_url), 404)
        for item in manifest["output"]:
            self.assert_outcome(harness.request("GET", item["url"]), 404)
        self.assert_outcome(harness.request("DELETE", status_url), 404)
        self.assertEqual(self.file_names(), set())

    def test_s05_a_download_under_way_goes_on_to_its_end(self):
        server = self.server()
        status_url = server.kick_off("$export", {"_type": "Observation"})
        item = max(harness.wait(status_url).manifest["output"], key=lambda i: i["fileSize"])
        started, resume = threading.Event(), threading.Event()
        received = []

        def download():
            with harness.SlowDownload(item["url"]) as slow:
                received.append(slow.read(10_000))
                started.set()
                resume.wait(30)
                received.append(slow.read_rest())

        thread = threading.Thread(target=download)
        thread.start()
        self.assertTrue(started.wait(30))
        self.assertEqual(harness.request("DELETE", status_url).status, 202)
        self.assert_outcome(harness.request("GET", item["url"]), 404)
        resume.set()
        thread.join(60)
        whole = b"".join(received)
        self.assertEqual((len(whole), whole.count(b"\n")), (item["fileSize"], item["count"]))

    def test_s05_a_deleted_job_stays_deleted_after_a_restart(self):
        server = self.server()
        status_url = server.kick_off("$export", {"_type": "Patient"})
        harness.wait(status_url)
        harness.request("DELETE", status_url)
        server.kill()
        again = self.server()
        path = status_url.split("/fhir/", 1)[1]
        self.assert_outcome(harness.request("GET", f"{again.base}/{path}"), 404)


if __name__ == "__main__":
    unittest.main()
