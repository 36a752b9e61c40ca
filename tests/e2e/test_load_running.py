"""`sluice load` while a server has the store open: I-01, I-04. The same as into a store that is free."""
import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import unittest

import corpus
import harness
import smart


def patient(id, **more):
    return {"resourceType": "Patient", "id": id, **more}


def without_times(text):
    """A summary without what the clock says."""
    return re.sub(r" in [\d.]+ s: .*", "", text)


class LoadingIntoARunningServer(harness.TestCase):
    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.data = os.path.join(self.folder, "data")

    def write(self, name, *lines):
        return harness.write_lines(os.path.join(self.folder, name), lines)

    def test_i01_files_folders_gzip_and_standard_input_as_without_a_server(self):
        """The same input into a free store and into a running server: same output, same content."""
        inbox = os.path.join(self.folder, "inbox")
        os.mkdir(inbox)
        corpus.base_corpus(inbox, ("Patient", "Encounter", "Condition"), patients=20)
        bad = self.write("bad.ndjson", patient("a"), '{"resourceType":"Nothing","id":"b"}',
                         '{"resourceType":"Patient"', patient("c"), patient("a", gender="other"))
        stdin = json.dumps(patient("from-stdin")).encode() + b"\n[]\n"
        free = os.path.join(self.folder, "free")
        wanted = harness.load(free, inbox, bad, "-", check=False, stdin=stdin)
        with harness.Server(free) as server:
            content = server.export().content()
        with harness.Server(self.data) as server:
            done = harness.load(self.data, inbox, bad, "-", check=False, stdin=stdin)
            self.assertEqual((done.returncode, done.err), (1, wanted.err))
            self.assertEqual(without_times(done.out), without_times(wanted.out))
            strip = re.compile(rb'"lastUpdated":"[^"]*"')
            self.assertEqual({t: sorted(strip.sub(b"", line) for line in lines)
                              for t, lines in server.export().content().items()},
                             {t: sorted(strip.sub(b"", line) for line in lines)
                              for t, lines in content.items()})
            again = harness.load(self.data, inbox)
            self.assertTrue(all(re.search(r"\s0\s+0\s+[\d,]+$", line)
                                for line in again.out.splitlines()[1:-1]), again.out)

    def test_i01_strict_and_its_exit_code(self):
        good = self.write("1.ndjson", patient("good"))
        bad = self.write("2.ndjson", patient("x"), "nonsense", patient("y"))
        with harness.Server(self.data) as server:
            done = harness.load(self.data, "--strict", good, bad, check=False)
            self.assertEqual(done.returncode, 1, done.err)
            self.assertTrue(done.err.startswith(f"{bad}:2: "), done.err)
            piped = harness.load(self.data, "--strict", "-", check=False,
                                 stdin=b'{"resourceType":"Patient","id":"z"}\nnonsense\n')
            self.assertEqual((piped.returncode, piped.err.split(": ")[0]), (1, "-:2"))
            self.assertEqual(server.export().keys(), [("Patient", "good")])

    def test_i01_what_is_not_there_is_said_as_without_a_server(self):
        with harness.Server(self.data):
            missing = os.path.join(self.folder, "missing.ndjson")
            done = harness.load(self.data, missing, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(missing, done.err)

    def test_a12_a_load_is_audited(self):
        with harness.Server(self.data, is_open=False) as server:
            harness.load(self.data, self.write("1.ndjson", patient("p")))
            client = smart.Client(self.folder, self.data, "reader")
            _, manifest = smart.export(server, "$export", None, client.headers(server))
            self.assertEqual([item["count"] for item in manifest["output"]], [1])
            lines = harness.sluice("audit", "grep", "--data", self.data, "sluice load").out
            self.assertIn("1 resources, 0 problems", lines)
            self.assertNotIn("1.ndjson", lines)

    def test_i02_validates_like_a_load_of_its_own(self):
        faulty = {**patient("f"), "nmae": []}
        path = self.write("f.ndjson", patient("good"), faulty)
        with harness.Server(self.data) as server:
            done = harness.load(self.data, path, lenient=False, check=False)
            self.assertEqual((done.returncode, done.err.splitlines()),
                             (1, [f"{path}:2: 'nmae' is not an element of Patient"]))
            self.assertEqual(server.export("$export").keys(), [("Patient", "good")])
            done = harness.load(self.data, path)
            self.assertEqual(done.err.splitlines(), [f"{path}:2: warning: 'nmae' is not an element of Patient"])
            self.assertEqual(server.export("$export").keys(), [("Patient", "f"), ("Patient", "good")])

    def start_endless(self):
        """A load whose standard input does not end; one line of it is in the pipe."""
        process = subprocess.Popen([harness.BINARY, "load", "--data", self.data, "-"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        process.stdin.write(json.dumps(patient("early")).encode() + b"\n")
        process.stdin.flush()
        return process

    def test_ctrl_c_and_a_lost_command_end_the_load(self):
        with harness.Server(self.data) as server:
            for number, (sent, code) in enumerate([(signal.SIGINT, 130),
                                                   (signal.SIGKILL, -signal.SIGKILL)]):
                process = self.start_endless()
                server.wait_for_log(self, "sluice load begins", number + 1)
                process.send_signal(sent)
                self.assertEqual(process.wait(60), code)
                self.assertIsNone(server.process.poll())
                # Cancelled, or unavailable when it was just asking for more.
                server.wait_for_log(self, "sluice load ended: ", number + 1)
            # The server goes on.
            harness.load(self.data, self.write("1.ndjson", patient("later")))
            self.assertIn(("Patient", "later"), server.export().keys())

    def test_the_server_stops_with_a_load_under_way(self):
        server = harness.start_server(self, self.data)
        process = self.start_endless()
        server.wait_for_log(self, "sluice load begins")
        self.assertEqual(server.stop(), 0)
        self.assertEqual(process.wait(60), 5)
        self.assertIn(b"the server is stopping", process.stderr.read())

    def test_several_loads_side_by_side_and_clients_meanwhile(self):
        with harness.Server(self.data, is_open=False):
            endless = self.start_endless()
            loads = [subprocess.Popen([harness.BINARY, "load", "--data", self.data,
                                       self.write(f"{n}.ndjson", *[patient(f"p{n}-{i}")
                                                                   for i in range(2000)])],
                                      stdout=subprocess.DEVNULL) for n in range(3)]
            self.assertEqual([process.wait(60) for process in loads], [0, 0, 0])
            smart.Client(self.folder, self.data, "meanwhile")
            endless.stdin.close()
            self.assertEqual(endless.wait(60), 0)
        counts = {t["type"]: t["resources"] for t in harness.stats(self.data)["types"]}
        self.assertEqual(counts["Patient"], 6001)

    def test_the_control_socket_takes_no_nonsense(self):
        with harness.Server(self.data) as server:
            for said in (b"nonsense\n", b"{}\n", b'{"do":"load"}\n', b'{"do":"load","strict":3}\n',
                         b"\n", b"[" * 100000 + b"\n"):
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.settimeout(60)
                    connection.connect(os.path.join(self.data, "control.sock"))
                    connection.sendall(said)
                    answer = b""
                    while chunk := connection.recv(65536):
                        answer += chunk
                self.assertIn(b'"error"', answer, said[:40])
            self.assertEqual(server.get("metadata").status, 200)

    def test_a_store_that_another_command_has_open_is_in_use(self):
        process = self.start_endless()
        harness.eventually(self, lambda: self.has_open(process), "the store's lock")
        done = harness.load(self.data, self.write("1.ndjson", patient("p")), check=False)
        self.assertEqual(done.returncode, 3, done.err)
        process.stdin.close()
        self.assertEqual(process.wait(60), 0)

    def has_open(self, process):
        """Whether the process holds the lock of the store."""
        lock = struct.Struct("hhqqi")
        try:
            with open(os.path.join(self.data, "store", "LOCK"), "rb") as file:
                asked = lock.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                kind, _, _, _, holder = lock.unpack(fcntl.fcntl(file, fcntl.F_GETLK, asked))
                return kind != fcntl.F_UNLCK and holder == process.pid
        except FileNotFoundError:
            return False


if __name__ == "__main__":
    unittest.main()
