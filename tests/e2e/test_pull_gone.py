"""A server that is gone while files are received ends a pull after one file's retries, however many files are left
(L-05); what other servers have is received."""
import os
import socket
import unittest

import harness
from imposter import BulkImposter, resources
from test_pull import pull, requests_of

FILES = 600


class Gone(harness.TestCase):
    def test_l05_a_server_that_refuses_connections_is_asked_for_a_few_files(self):
        server = BulkImposter(self)
        out = os.path.join(harness.temporary_folder(self), "out")
        with socket.socket() as unused:  # bound, and nobody listens
            unused.bind(("127.0.0.1", 0))
            root = f"http://127.0.0.1:{unused.getsockname()[1]}"
            items = [{"type": "Patient", "url": f"{root}/{number}"} for number in range(FILES)]
            body = resources("Observation", 3)
            server.finish([*items, server.add_output("Observation", "there", body)])
            done = pull(server.base, "--out", out, "--retries", "1", code=6)
        self.assertIn(f"{FILES - 1} more files could not be had either", done.err)
        # Each of the first ones twice: as many as are known at a time.
        self.assertLessEqual(sum(request["url"].startswith(root) for request in requests_of(out)), 2 * 256)
        with open(out + "/Observation.00001.ndjson", "rb") as file:
            self.assertEqual(file.read(), body)


if __name__ == "__main__":
    unittest.main()
