"""`sluice load`: I-01, I-05. What is taken, what is refused and how it is said."""
import contextlib
import gzip
import json
import os
import signal
import subprocess
import time
import unittest

import corpus
import harness
from imposter import BulkImposter, outcome


def patient(id, **more):
    return {"resourceType": "Patient", "id": id, **more}


def long_lines(type, count):
    """gzip of lines of 250 MB, each the beginning of a resource."""
    line = gzip.compress(json.dumps({"resourceType": type, "id": "long", "x": ""}).encode()[:-2])
    return (line + gzip.compress(b"x" * 10_000_000) * 25 + gzip.compress(b'"}\n')) * count


class Loading(harness.TestCase):
    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.data = os.path.join(self.folder, "data")

    def write(self, name, *lines):
        return harness.write_lines(os.path.join(self.folder, name), lines)

    def write_bytes(self, name, content):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def exported(self, types=None):
        with harness.Server(self.data) as server:
            export = server.export("$export", {"_type": types} if types else None)
            return {f"{r['resourceType']}/{r['id']}": r for r in export.resources()}

    def refused(self, done, path, line):
        """The problems printed for a line of a file."""
        return [text for text in done.err.splitlines() if text.startswith(f"{path}:{line}: ")]

    # ---- ways in ----

    def test_i01_files_folders_gzip_bundles_and_standard_input(self):
        """Every way in at once, in unknown order."""
        inbox = os.path.join(self.folder, "inbox")
        lines = "".join(json.dumps(patient(f"a{n}")) + "\n" for n in range(50)).encode()
        self.write_bytes("inbox/one.ndjson", lines)
        self.write_bytes("inbox/deep/er/two.ndjson.gz", gzip.compress(lines.replace(b'"a', b'"b')))
        self.write_bytes("inbox/three.json", json.dumps({
            "resourceType": "Bundle", "type": "collection", "entry": [
                {"resource": patient("c1")},
                {"fullUrl": "urn:uuid:3f2c8a52-1111-4c1e-9d5b-111111111111",
                 "resource": {"resourceType": "Patient"}},
                {"resource": {"resourceType": "Observation", "id": "o1", "status": "final",
                              "code": {"text": "x"}, "subject": {
                                  "reference": "urn:uuid:3f2c8a52-1111-4c1e-9d5b-111111111111"}}}],
        }, indent=2).encode())
        self.write_bytes("inbox/four.json", json.dumps(patient("d1"), indent=4).encode())
        self.write_bytes("inbox/ignored.csv", b"not,for,us\n")
        single = self.write_bytes("five.ndjson", b'\n{"resourceType":"Patient","id":"e1"}\r\n \n'
                                                 b'{"resourceType":"Patient","id":"e2"}')
        done = harness.load(self.data, inbox, single, "-", stdin=b'{"resourceType":"Patient","id":"f1"}\n')
        self.assertEqual(done.returncode, 0)
        resources = self.exported()
        expected = ({f"Patient/{c}{n}" for c in "ab" for n in range(50)} |
                    {"Patient/c1", "Patient/d1", "Patient/e1", "Patient/e2", "Patient/f1",
                     "Observation/o1", "Patient/3f2c8a52-1111-4c1e-9d5b-111111111111"})
        self.assertEqual(set(resources), expected)
        self.assertEqual(resources["Observation/o1"]["subject"]["reference"],
                         "Patient/3f2c8a52-1111-4c1e-9d5b-111111111111")

    def test_i01_of_duplicates_the_last_counts_and_makes_one_version(self):
        one = self.write("1.ndjson", patient("p", gender="male"), patient("q"), patient("p", gender="other"))
        two = self.write("2.ndjson", patient("p", gender="female"), patient("r"), patient("r"))
        harness.load(self.data, one, two)
        resources = self.exported()
        self.assertEqual(set(resources), {"Patient/p", "Patient/q", "Patient/r"})
        self.assertEqual(resources["Patient/p"]["gender"], "female")
        self.assertEqual({r["meta"]["versionId"] for r in resources.values()}, {"1"})

    def test_i01_the_same_data_again_changes_nothing(self):
        base = corpus.base_corpus(self.folder, ("Patient", "Encounter", "Condition"), patients=30)
        harness.load(self.data, *base.paths)
        before, statistics = self.exported(), harness.stats(self.data)
        done = harness.load(self.data, *reversed(base.paths))
        self.assertEqual(harness.stats(self.data)["types"], statistics["types"])
        self.assertEqual(self.exported(), before)
        for line in done.out.splitlines():
            if line.startswith(("Patient ", "Encounter ", "Condition ")):
                created, updated, unchanged = line.split()[1:]
                self.assertEqual((created, updated), ("0", "0"))
                self.assertNotEqual(unchanged, "0")

    def test_i01_white_space_and_line_breaks_are_no_new_content_for_the_same_line(self):
        path = self.write_bytes("1.json", json.dumps(patient("p", name=[{"text": "a"}]), indent=2).encode())
        harness.load(self.data, path)
        harness.load(self.data, path)
        self.assertEqual(self.exported()["Patient/p"]["meta"]["versionId"], "1")

    def test_i01_known_names_in_any_case_and_others_are_told(self):
        inbox = os.path.join(self.folder, "inbox")
        for number, name in enumerate(("A.NDJSON", "b.jsonl", "c.Json", "d.json.gz", "E.NDJSON.GZ",
                                       "f.ndjson.bz2", "g.csv", "deep/h")):
            content = b"\xef\xbb\xbf" + json.dumps(patient(f"p{number}")).encode()
            self.write_bytes(f"inbox/{name}", gzip.compress(content) if name.lower().endswith("gz") else content)
        done = harness.load(self.data, inbox)
        self.assertEqual([line.split(": ")[:2] for line in done.err.splitlines()],
                         [[f"{inbox}/{name}", "passed over"] for name in ("deep/h", "f.ndjson.bz2", "g.csv")])
        self.assertEqual(sorted(self.exported()), [f"Patient/p{n}" for n in range(5)])
        with harness.Server(self.data):
            self.assertEqual(harness.load(self.data, inbox).err, done.err)

    # ---- pipes ----

    def start_on_pipe(self, *options, server=None):
        """A load of a named pipe that nobody writes to, as soon as it, or the server, has it open."""
        pipe = os.path.join(self.folder, "pipe")
        if not os.path.exists(pipe):
            os.mkfifo(pipe)
        process = subprocess.Popen([harness.BINARY, "load", "--data", self.data, *options, pipe],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)

        def has_it_open():
            folder = f"/proc/{server.process.pid if server else process.pid}/fd"
            with contextlib.suppress(FileNotFoundError):
                return any(os.readlink(f"{folder}/{name}") == pipe for name in os.listdir(folder))
        deadline = time.monotonic() + 30
        while not has_it_open():
            self.assertIsNone(process.poll(), "the load ended")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        return process, pipe

    def test_r04_a_named_pipe_that_nobody_writes_to_can_be_interrupted(self):
        for options in ((), ("--strict",)):
            process, _ = self.start_on_pipe(*options)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(20), 130)
        with harness.Server(self.data) as server:
            process, _ = self.start_on_pipe(server=server)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(20), 130)
            deadline = time.monotonic() + 20
            while "sluice load ended: cancelled" not in server.log():
                self.assertLess(time.monotonic(), deadline, server.log()[-2000:])
                time.sleep(0.02)
            # The server does not wait for the writer either.
            process, _ = self.start_on_pipe(server=server)
            self.assertEqual(server.stop(), 0)
            self.assertEqual(process.wait(20), 5)

    def test_i01_a_named_pipe_is_loaded_when_somebody_writes_to_it(self):
        process, pipe = self.start_on_pipe()
        with open(pipe, "w", encoding="utf-8") as file:
            file.write(json.dumps(patient("p")) + "\n")
        self.assertEqual(process.wait(30), 0)
        self.assertEqual(sorted(self.exported()), ["Patient/p"])

    # ---- memory ----

    def test_r01_lines_that_no_resource_can_be_are_not_held(self):
        """A few kilobytes of gzip that inflate to lines of 250 MB."""
        path = self.write_bytes("bomb.ndjson.gz", long_lines("Patient", 3) +
                                gzip.compress(json.dumps(patient("last")).encode()))
        process = subprocess.Popen([harness.BINARY, "load", "--data", self.data, path],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        errors = process.stderr.read().decode()
        process.stderr.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(errors.splitlines(),
                         [f"{path}:{n}: larger than 10485760 bytes" for n in (1, 2, 3)])
        self.assertEqual(process.returncode, 1)
        self.assertLess(usage.ru_maxrss, 400 * 1024)
        self.assertEqual(sorted(self.exported()), ["Patient/last"])

    def test_r01_an_input_stops_after_so_many_problems(self):
        path = self.write("bad.ndjson", patient("a"), *["nonsense"] * 5, patient("b"))
        done = harness.load(self.data, "--problems-max", 2, path, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual([line.split(": ")[0] for line in done.err.splitlines()],
                         [f"{path}:{n}" for n in (2, 3, 3)])
        self.assertTrue(done.err.endswith("2 problems: what follows is not loaded\n"), done.err)
        self.assertEqual(sorted(self.exported()), ["Patient/a"])

    # ---- what is refused ----

    def test_i01_a_bad_line_is_named_and_the_rest_is_loaded(self):
        path = self.write("mixed.ndjson", patient("ok-1"), "{nonsense", patient("ok-2"),
                          {"resourceType": "Nonsense", "id": "x"}, patient("ok-3"))
        done = harness.load(self.data, path, check=False)
        self.assertEqual(done.returncode, 1, done.err)
        for line in (2, 4):
            self.assertEqual(len(self.refused(done, path, line)), 1, done.err)
        for line in (1, 3, 5):
            self.assertEqual(self.refused(done, path, line), [])
        self.assertEqual(set(self.exported()), {"Patient/ok-1", "Patient/ok-2", "Patient/ok-3"})

    FAULTY = {"resourceType": "Observation", "id": "f", "statsu": "final", "code": "x"}
    FAULTS = ("'statsu' is not an element of Observation; Observation.code is not an object; "
              "Observation.status is missing")

    def test_i02_what_light_validation_finds_is_not_loaded_or_loaded_with_a_warning(self):
        path = self.write("a.ndjson", patient("a"), self.FAULTY, patient("b"))
        done = harness.load(self.data, path, lenient=False, check=False)
        self.assertEqual((done.returncode, done.err.splitlines()), (1, [f"{path}:2: {self.FAULTS}"]))
        self.assertIn("1 not loaded, see above", done.out)
        self.assertEqual(sorted(self.exported()), ["Patient/a", "Patient/b"])
        done = harness.load(self.data, path, lenient=True)
        self.assertEqual(done.err.splitlines(), [f"{path}:2: warning: {self.FAULTS}"])
        self.assertIn("1 loaded with faults, see above", done.out)
        self.assertEqual(self.exported()["Observation/f"]["statsu"], "final")

    def test_i01_strict_stops_at_the_first_and_loads_nothing_of_its_file(self):
        good = self.write("a.ndjson", patient("a1"), patient("a2"))
        bad = self.write("b.ndjson", *(patient(f"b{n}") for n in range(2000)), "{", patient("late"), "[")
        never = self.write("c.ndjson", patient("c1"))
        done = harness.load(self.data, "--strict", good, bad, never, check=False)
        self.assertEqual(done.returncode, 1, done.err)
        self.assertEqual(len(self.refused(done, bad, 2001)), 1, done.err)
        self.assertEqual(self.refused(done, bad, 2003), [])
        loaded = set(self.exported())
        self.assertFalse({key for key in loaded if key.startswith("Patient/b") or key == "Patient/late"})
        self.assertNotIn("Patient/c1", loaded)

    def test_i05_each_limit_has_its_own_reason(self):
        """None of the reasons repeats what the line holds."""
        deep = '{"resourceType":"Patient","id":"deep","extension":' + '[{"extension":' * 60 + "[]" + \
            "}]" * 60 + "}"
        cases = {
            "not an object": ("[1,2]", "object"),
            "no type": ('{"id":"x"}', "resourceType"),
            "unknown type": ('{"resourceType":"Secretly","id":"x"}', "resourceType"),
            "no id": ('{"resourceType":"Patient"}', "id"),
            "bad id": ('{"resourceType":"Patient","id":"secret_name"}', "id"),
            "long id": ('{"resourceType":"Patient","id":"' + "s" * 65 + '"}', "id"),
            "empty id": ('{"resourceType":"Patient","id":""}', "id"),
            "number as id": ('{"resourceType":"Patient","id":5}', "id"),
            "duplicate key": ('{"resourceType":"Patient","id":"x","gender":"a","gender":"b"}', "twice"),
            "duplicate deep": ('{"resourceType":"Patient","id":"x","name":[{"text":"a","text":"b"}]}',
                               "twice"),
            "too deep": (deep, "deep"),
            "trailing": ('{"resourceType":"Patient","id":"x"} {}', "after"),
            "cut": ('{"resourceType":"Patient","id":"x"', "JSON"),
            "control": ('{"resourceType":"Patient","id":"x","language":"a\tb"}', "JSON"),
            "meta": ('{"resourceType":"Patient","id":"x","meta":[]}', "meta"),
            "too large": ('{"resourceType":"Patient","id":"x","language":"' + "a" * (10 << 20) + '"}',
                          "large"),
        }
        path = self.write("bad.ndjson", *(line for line, _ in cases.values()), patient("fine"))
        done = harness.load(self.data, path, check=False)
        self.assertEqual(done.returncode, 1, done.err[-2000:])
        for number, (name, (_, word)) in enumerate(cases.items(), 1):
            with self.subTest(case=name):
                told = self.refused(done, path, number)
                self.assertEqual(len(told), 1, done.err[-3000:])
                self.assertIn(word.lower(), told[0].lower())
                self.assertLess(len(told[0]), 400)
        self.assertNotIn("secret", done.err.lower())
        self.assertEqual(set(self.exported()), {"Patient/fine"})

    def test_i05_bytes_that_are_not_utf_8(self):
        path = self.write_bytes("latin.ndjson", b'{"resourceType":"Patient","id":"x","language":"\xe9"}\n'
                                                b'{"resourceType":"Patient","id":"ok"}\n')
        done = harness.load(self.data, path, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("UTF-8", self.refused(done, path, 1)[0])
        self.assertEqual(set(self.exported()), {"Patient/ok"})

    def test_i05_what_is_just_within_the_limits_is_taken(self):
        longest_id = "A-z0.9" + "x" * 58
        # Depth 100: the object, then 33 times array, object and their extension arrays.
        nested = '{"resourceType":"Patient","id":"deep","extension":' + '[{"url":"u","extension":' * 48 + \
            "[]" + "}]" * 48 + "}"
        large = {"resourceType": "Patient", "id": "large", "language": "a" * ((10 << 20) - 200)}
        path = self.write("edge.ndjson", patient(longest_id), nested, json.dumps(large))
        done = harness.load(self.data, path)
        self.assertEqual(done.err, "")
        self.assertEqual(set(self.exported()), {f"Patient/{longest_id}", "Patient/deep", "Patient/large"})

    def test_i01_a_damaged_gzip_file_is_reported_and_the_others_are_loaded(self):
        lines = "".join(json.dumps(patient(f"z{n}", language="x" * (n % 50))) + "\n"
                        for n in range(5000)).encode()
        cut = self.write_bytes("cut.ndjson.gz", gzip.compress(lines)[:-5000])
        good = self.write("good.ndjson", patient("good"))
        done = harness.load(self.data, cut, good, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(cut, done.err)
        self.assertIn("Patient/good", self.exported())

    def test_a_path_that_is_not_there_is_an_error(self):
        done = harness.load(self.data, os.path.join(self.folder, "missing.ndjson"), check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("missing.ndjson", done.err)

    def test_i01_a_folder_of_a_pull_is_loaded_as_it_stands_and_its_deletions_are_applied(self):
        harness.load(self.data, self.write("before.ndjson", patient("gone"), patient("again"), patient("other")))
        source = BulkImposter(self)
        deletions = {"resourceType": "Bundle", "type": "transaction", "entry": [
            {"request": {"method": "DELETE", "url": f"Patient/{id}"}} for id in ("gone", "again", "never-here")]}
        lines = "".join(json.dumps(patient(id)) + "\n" for id in ("again", "new")).encode()
        source.finish([source.add_output("Patient", "p", lines)],
                      deleted=[source.add_output("Bundle", "d", json.dumps(deletions).encode() + b"\n")],
                      error=[source.add_output("OperationOutcome", "o", json.dumps(outcome("words")).encode())])
        pulled = os.path.join(self.folder, "pulled")
        harness.sluice("pull", source.base, "--out", pulled, check=False)
        done = harness.load(self.data, pulled)
        self.assertIn("a folder of `sluice pull`", done.err)
        self.assertIn(f"1 deleted of 2 that {pulled}/deleted names", done.out)
        self.assertEqual(set(self.exported()), {"Patient/again", "Patient/new", "Patient/other"})
        # What a shell makes of copy/*.ndjson.
        done = harness.load(self.data, *(os.path.join(pulled, name) for name in ("Patient.00001.ndjson", "log.ndjson")))
        self.assertIn("log.ndjson: passed over", done.err)

    def test_i01_bundle_entries_that_cannot_be_loaded_are_named_by_number(self):
        path = self.write_bytes("bundle.json", json.dumps({
            "resourceType": "Bundle", "type": "collection",
            "entry": [{"resource": patient("one")}, {"resource": {"resourceType": "Nonsense", "id": "x"}},
                      {"resource": patient("two")}]}).encode())
        done = harness.load(self.data, path, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.err, r"entry 1\b")
        self.assertEqual(set(self.exported()), {"Patient/one", "Patient/two"})

    def test_g04_a_group_of_many_members_is_loaded_and_exported(self):
        """300,000 members, of which a thousand have data; a roster is no resource like others (I-05)."""
        members = [{"entity": {"reference": f"Patient/m-{n:07}"}} for n in range(300_000)]
        path = self.write("many.ndjson", *(patient(f"m-{n:07}") for n in range(0, 300_000, 300)),
                          patient("outside"), corpus.group("many", members))
        self.assertGreater(os.path.getsize(path), 10 << 20)
        harness.load(self.data, path)
        with harness.Server(self.data) as server:
            export = server.export("Group/many/$export")
            self.assertEqual(export.keys(), [("Patient", f"m-{n:07}") for n in range(0, 300_000, 300)])


if __name__ == "__main__":
    unittest.main()
