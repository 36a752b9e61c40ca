"""A store that is pulled into (`--into`) and what may happen to it and to the folder of the pull: it moves, it is
pulled anew, the store is removed, versions come in any order (L-06, L-10)."""
import json
import os
import unittest

import harness
from imposter import BulkImposter, resources
from test_pull import pull
from test_sync import run


def deletions(*urls):
    """A line of a `deleted` file."""
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"request": {"method": "DELETE", "url": url}} for url in urls]}).encode() + b"\n"


class Target(harness.TestCase):
    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.data = os.path.join(self.folder, "data")
        self.out = os.path.join(self.folder, "out")
        self.source = BulkImposter(self)
        self.offer(resources("Patient", 20))

    def offer(self, body, deleted=None):
        self.offered = getattr(self, "offered", 0) + 1
        more = {} if deleted is None else {"deleted": [
            self.source.add_output("Bundle", f"d{self.offered}", deleted)] if deleted else []}
        self.source.finish([self.source.add_output("Patient", f"p{self.offered}", body)] if body else [], **more)

    def pull(self, code=0):
        return pull(self.source.base, "--out", self.out, "--into", self.data, code=code)

    def stored(self):
        """{id: Patient} of the store."""
        with harness.Server(self.data) as server:
            bundle = harness.request("GET", f"{server.base}/Patient?_count=1000").json()
            return {entry["resource"]["id"]: entry["resource"] for entry in bundle.get("entry", [])}

    def test_l10_l11_an_odd_deletion_is_told_and_the_others_take_effect(self):
        odd = b'{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"Patient/P2"},' \
              b'{"request":{"method":"DELETE","url":"Patient/P3"}}]}\n'
        self.offer(resources("Patient", 5, 10), deletions("Patient/P1") + odd)
        done = self.pull(code=3)
        self.assertIn("an entry without a request", done.out + done.err)
        self.offer(resources("Patient", 5, 10), b"")
        run("sync", self.out)
        # All that there is says itself what is gone.
        self.offer(resources("Patient", 5, 10), deletions("Patient?identifier=5"))
        run("sync", self.out, "--full", code=3)
        self.assertEqual(len(self.stored()), 5)
        run("sync", self.out, "--full", code=3)


if __name__ == "__main__":
    unittest.main()
