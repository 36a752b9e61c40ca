"""Writers at full speed, by single requests and by transactions, while exports run and while the server is killed:
each export is the state at its transactionTime, and what was acknowledged is there (I-02, I-04, M-01, M-04).

SLUICE_STORM_SECONDS: how long the writers of the first test write. SLUICE_STORM_ROUNDS: how often the server of the
second is killed. A failure prints its seed; SLUICE_TEST_SEED repeats it.
"""
import collections
import http.client
import json
import os
import random
import threading
import time
import unittest
import urllib.parse

import harness

SECONDS = float(os.environ.get("SLUICE_STORM_SECONDS", 6))
ROUNDS = int(os.environ.get("SLUICE_STORM_ROUNDS", 6))
IDS = 40  # of each writer: few, so that each is written again and again
PARTS = 5  # resources that a transaction writes together

# One acknowledged write. `instant` is None for a deletion by a single request, which tells none.
Write = collections.namedtuple("Write", "version instant marker")


def observation(id, marker):
    return {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": marker},
            "subject": {"reference": f"Patient/p{len(marker) % 3}"}}


class Lost(Exception):
    """The connection ended before the answer: nobody knows what was done."""


class Writer(threading.Thread):
    """Writes until it is told to stop or the server is gone; notes what was acknowledged."""

    def __init__(self, base, name, seed, log):
        super().__init__()
        self.name, self.log = name, log
        self.base = urllib.parse.urlsplit(base)
        self.random = random.Random(f"{seed} {name}")
        self.connection = http.client.HTTPConnection(self.base.hostname, self.base.port, timeout=60)
        self.stopping = threading.Event()
        self.seconds = []
        self.attempted = None  # the write whose answer did not come
        self.failure = None

    def run(self):
        try:
            while not self.stopping.is_set():
                self.write_one()
        except Lost:
            pass
        except BaseException as failure:  # the test's own thread shows it
            self.failure = failure
        finally:
            self.connection.close()

    def send(self, method, path, resource=None):
        started = time.perf_counter()
        try:
            self.connection.request(method, self.base.path + path, body=resource and json.dumps(resource),
                                    headers={"Content-Type": harness.FHIR_JSON})
            answer = self.connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            raise Lost from None
        self.seconds.append(time.perf_counter() - started)
        assert answer.status < 300, (method, path, answer.status, body[:500])
        return answer, body

    def note(self, key, version, instant, marker):
        self.log.setdefault(key, []).append(Write(version, instant, marker))

    def marker(self):
        return f"{self.name}-{len(self.seconds)}-{self.random.randrange(1 << 30)}"


class SingleWriter(Writer):
    """PUT and DELETE of resources that it alone writes."""

    def write_one(self):
        key = f"Observation/{self.name}-{self.random.randrange(IDS)}"
        known = self.log.get(key, [])
        if known and known[-1].marker is not None and self.random.random() < 0.2:
            self.attempted = {key: None}
            answer, _ = self.send("DELETE", "/" + key)
            self.note(key, int(answer.headers["ETag"].strip('W/"')), None, None)
        else:
            marker = self.marker()
            self.attempted = {key: marker}
            _, body = self.send("PUT", "/" + key, observation(key.split("/")[1], marker))
            meta = json.loads(body)["meta"]
            self.note(key, int(meta["versionId"]), meta["lastUpdated"], marker)
        self.attempted = None


class TransactionWriter(Writer):
    """Transactions that write a set of resources together, or delete all of it."""

    def write_one(self):
        lane = f"{self.name}-{self.random.randrange(IDS // PARTS)}"
        keys = [f"Observation/{lane}-{part}" for part in range(PARTS)]
        known = self.log.get(keys[0], [])
        deletes = bool(known) and known[-1].marker is not None and self.random.random() < 0.2
        marker = None if deletes else self.marker()
        entries = [{"request": {"method": "DELETE" if deletes else "PUT", "url": key},
                    **({} if deletes else {"resource": observation(key.split("/")[1], marker)})} for key in keys]
        self.attempted = dict.fromkeys(keys, marker)
        _, body = self.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        for key, entry in zip(keys, json.loads(body)["entry"], strict=True):
            response = entry["response"]
            self.note(key, int(response["etag"].strip('W/"')), response["lastModified"], marker)
        self.attempted = None


def possible_states(writes, instant):
    """The markers that a resource may have as of an instant: one, or two beside a deletion of unknown time."""
    states, latest = {None}, ""
    for write in writes:
        if write.instant is None:
            states = states | {None}
        elif write.instant <= instant:
            states, latest = {write.marker}, write.instant
        else:
            break
    return states


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000 if values else 0


class WriteStorm(harness.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("SLUICE_TEST_SEED", 0)) or random.randrange(1, 1 << 31)
        print(f"SLUICE_TEST_SEED={self.seed}", flush=True)
        self.folder = harness.temporary_folder(self)
        self.data = os.path.join(self.folder, "data")

    def writers(self, server, logs, round=0):
        kinds = (SingleWriter, SingleWriter, TransactionWriter, TransactionWriter)
        started = [kind(server.base, f"w{number}", f"{self.seed}-{round}", logs[number])
                   for number, kind in enumerate(kinds)]
        for writer in started:
            writer.start()
        return started

    def end(self, writers):
        for writer in writers:
            writer.stopping.set()
        for writer in writers:
            writer.join()
        for writer in writers:
            if writer.failure:
                raise writer.failure

    def markers(self, export):
        found = {}
        for line in export.lines["Observation"]:
            resource = json.loads(line)
            key = f"Observation/{resource['id']}"
            self.assertNotIn(key, found, "twice in one export")
            found[key] = resource["code"]["text"]
        return found

    def deleted(self, export):
        return {entry["request"]["url"] for item in export.manifest["deleted"] for line in harness.download(item)
                for entry in json.loads(line)["entry"]}

    def test_m01_m04_each_export_is_the_state_at_its_transaction_time(self):
        server = harness.start_server(self, self.data, "--log-level", "warn")
        logs = [{} for _ in range(4)]
        writers = self.writers(server, logs)
        exports, since, until = [], None, time.monotonic() + SECONDS
        while time.monotonic() < until:
            exports.append((None, server.export()))
            if since:
                exports.append((since, server.export("$export", {"_since": since})))
            since = exports[-1][1].transaction_time
        self.end(writers)
        exports.append((None, server.export()))
        writes = {key: log for each in logs for key, log in each.items()}
        self.assertGreater(sum(map(len, writes.values())), 100)

        for start, export in exports:
            end, found = export.transaction_time, self.markers(export)
            if start is None:
                self.assertLessEqual(found.keys(), writes.keys())
                for key, log in writes.items():
                    self.assertIn(found.get(key), possible_states(log, end), (key, end, log))
                continue
            deleted = self.deleted(export)
            self.assertFalse(deleted & found.keys(), "both deleted and there")
            for key, log in writes.items():
                states = possible_states(log, end)
                between = [w for w in log if w.instant is None or start < w.instant <= end]
                if not between:
                    self.assertNotIn(key, found.keys() | deleted, (start, end, log))
                elif key in found:
                    self.assertIn(found[key], states, (key, start, end, log))
                else:
                    # Gone, or not written since.
                    was = possible_states(log, start)
                    self.assertTrue(None in states or states & was, (key, start, end, log))
                    if states == {None} and None not in was:
                        self.assertIn(key, deleted, (start, end, log))
        self.tell(writers, len(exports))

    def tell(self, writers, exports):
        """For people: times are no part of what is tested."""
        for kind in (SingleWriter, TransactionWriter):
            seconds = [s for writer in writers if isinstance(writer, kind) for s in writer.seconds]
            print(f"{kind.__name__}: {len(seconds)} writes, p50 {percentile(seconds, 0.5):.1f} ms, "
                  f"p99 {percentile(seconds, 0.99):.1f} ms, {exports} exports", flush=True)

    def test_i04_nothing_acknowledged_is_lost_and_nothing_half_written_shows(self):
        randomness = random.Random(self.seed)
        logs = [{} for _ in range(4)]
        for round in range(ROUNDS):
            server = harness.Server(self.data, "--log-level", "warn").start()
            try:
                self.check(server, logs)
                writers = self.writers(server, logs, round)
                wanted = randomness.randrange(10, 60)
                harness.eventually(self, lambda: sum(len(w.seconds) for w in writers) >= wanted, "the writes",
                                   pause=0.002)
            finally:
                server.kill()
            self.end(writers)
            for writer, log in zip(writers, logs):
                for key, marker in (writer.attempted or {}).items():
                    # What was not answered is there or not; check() finds out.
                    log.setdefault(key, []).append(Write(None, None, marker))
        with harness.Server(self.data, "--log-level", "warn") as server:
            self.check(server, logs)
            found = self.markers(server.export())
        expected = {key: log[-1].marker for each in logs for key, log in each.items() if log}
        self.assertEqual(found, {key: marker for key, marker in expected.items() if marker is not None})
        self.assertGreater(len(expected), 20)

    def check(self, server, logs):
        """Compares every resource with the last acknowledged write; settles those that were not answered."""
        parts = urllib.parse.urlsplit(server.base)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        settled = collections.defaultdict(set)  # by transaction: which of its parts are there
        for log in logs:
            for key, writes in log.items():
                connection.request("GET", f"{parts.path}/{key}")
                answer = connection.getresponse()
                body = answer.read()
                marker, version = None, None
                if answer.status == 200:
                    marker = json.loads(body)["code"]["text"]
                    version = int(json.loads(body)["meta"]["versionId"])
                elif answer.status == 410 or not any(write.version for write in writes):
                    self.assertIn(answer.status, (404, 410), key)
                else:
                    self.fail(f"{key} is lost: {answer.status} {writes[-3:]}")
                if writes[-1].version is None:
                    attempted = writes.pop()
                    before = writes[-1] if writes else Write(0, None, None)
                    is_done = marker == attempted.marker and marker != before.marker
                    if key.startswith("Observation/w2") or key.startswith("Observation/w3"):
                        settled[key.rsplit("-", 1)[0], attempted.marker].add(is_done)
                    if is_done:
                        writes.append(Write(before.version + 1, None, marker))
                last = writes[-1] if writes else Write(0, None, None)
                self.assertEqual(marker, last.marker, (key, writes[-3:]))
                if version is not None:
                    self.assertEqual(version, last.version, (key, writes[-3:]))
        connection.close()
        for transaction, outcomes in settled.items():
            self.assertEqual(len(outcomes), 1, f"{transaction} is half there")
        for log in logs:
            for key in [key for key, writes in log.items() if not writes]:
                del log[key]


if __name__ == "__main__":
    unittest.main()
