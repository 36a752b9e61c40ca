"""R-04: a flipped bit in an export's file is never sent. The answer is an error or is cut, and the job says so."""
import gzip
import http.client
import os
import random
import re
import unittest

import harness


def job_of(status_url):
    return status_url.rsplit("/", 1)[1]


class Damage(harness.ServerCase):
    def export_files(self, lines, **parameters):
        """Loads, exports; {path of a file: its manifest item}."""
        harness.load(self.data, harness.write_lines(os.path.join(self.folder, "Basic.ndjson"), lines))
        self.serve()
        self.status = self.server.kick_off("$export", parameters)
        manifest = harness.wait(self.status).manifest
        folder = os.path.join(self.data, "files", job_of(self.status))
        return {os.path.join(folder, item["url"].rsplit("/", 1)[1]): item for item in manifest["output"]}

    def lines(self, number, size):
        chance = random.Random(7)
        return [{"resourceType": "Basic", "id": f"b{n}", "code": {"text": chance.randbytes(size // 2).hex()}}
                for n in range(number)]

    def flip(self, path, bit):
        with open(path, "r+b") as file:
            file.seek(bit // 8)
            byte = file.read(1)[0]
            file.seek(bit // 8)
            file.write(bytes([byte ^ (1 << bit % 8)]))

    def fetch(self, url, headers):
        """(status, body); the status is 0 when the answer was cut off."""
        try:
            answer = harness.request("GET", url, headers)
            return answer.status, answer.body
        except (http.client.IncompleteRead, ConnectionError):
            return 0, b""

    def check_damaged(self, path, url, bit):
        with open(path, "rb") as file:
            stored = file.read()
        plain = gzip.decompress(stored)
        self.flip(path, bit)
        middle = (f"bytes={len(plain) // 3}-{len(plain) // 2}", plain[len(plain) // 3:len(plain) // 2 + 1])
        middle_stored = (f"bytes={len(stored) // 3}-{len(stored) // 2}", stored[len(stored) // 3:len(stored) // 2 + 1])
        refused = 0
        for headers, right in (({}, plain), ({"Accept-Encoding": "gzip"}, stored), ({"Range": middle[0]}, middle[1]),
                               ({"Accept-Encoding": "gzip", "Range": middle_stored[0]}, middle_stored[1])):
            status, body = self.fetch(url, headers)
            if status in (200, 206):
                self.assertTrue(body == right, f"bit {bit}: wrong bytes with {headers}")
            else:
                self.assertIn(status, (0, 500))
                refused += 1
                if status == 500:
                    self.assertIn(b"OperationOutcome", body)
        self.assertGreaterEqual(refused, 1)
        self.flip(path, bit)

    def test_r04_no_flipped_bit_of_a_large_file_is_sent(self):
        files = self.export_files(self.lines(3000, 2000))
        path, item = next(iter(files.items()))
        self.assertTrue(os.path.exists(path + ".idx"))
        chance = random.Random()
        seed = chance.randrange(1 << 32)
        print("seed", seed)
        chance.seed(seed)
        size = os.path.getsize(path)
        bits = [chance.randrange(size * 8) for _ in range(12)] + [8 * 4, size * 8 - 1]
        for bit in bits:
            self.check_damaged(path, item["url"], bit)
        # The job was done, and is not any more; the file that is whole again is still there.
        answer = harness.request("GET", self.status)
        self.assert_outcome(answer, 500, "damaged", os.path.basename(path), severity="fatal")
        self.assertEqual(len(harness.download(item)), 3000)
        log = self.server.log()
        self.assertRegex(log, rf"output file damaged job={job_of(self.status)} file={re.escape(os.path.basename(path))}")
        # After a restart it is still so.
        self.server.stop()
        self.server.start()
        answer = self.server.get(f"jobs/{job_of(self.status)}")
        self.assert_outcome(answer, 500, "damaged", severity="fatal")
        url = self.server.base + item["url"].split("/fhir", 1)[1]
        self.assertEqual(len(harness.download({**item, "url": url})), 3000)

    def test_r04_no_flipped_bit_of_a_small_file_is_sent(self):
        files = self.export_files(self.lines(3, 100))
        path, item = next(iter(files.items()))
        self.assertFalse(os.path.exists(path + ".idx"))
        for bit in range(0, os.path.getsize(path) * 8, 17):
            self.check_damaged(path, item["url"], bit)

    def test_r04_damage_behind_what_was_sent_cuts_the_connection(self):
        files = self.export_files(self.lines(4000, 2000))
        path, item = next(iter(files.items()))
        self.flip(path, os.path.getsize(path) * 8 - 8 * 1000)
        for headers in ({}, {"Accept-Encoding": "gzip"}):
            with self.assertRaises(http.client.IncompleteRead):
                harness.request("GET", item["url"], headers)
        self.assertEqual(harness.request("GET", self.status).status, 500)

    def test_r04_an_index_that_is_damaged_is_an_error(self):
        files = self.export_files(self.lines(3000, 2000))
        path, item = next(iter(files.items()))
        self.flip(path + ".idx", 300)
        self.assert_outcome(harness.request("GET", item["url"]), 500, "damaged", severity="fatal")
        self.assertEqual(harness.request("GET", self.status).status, 500)


if __name__ == "__main__":
    unittest.main()
