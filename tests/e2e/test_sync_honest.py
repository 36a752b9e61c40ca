"""`sluice sync` against a server that says itself what it could not export (L-05, L-06, P-13): nothing is lost or removed for
that, it is asked for again, and the exit code is 3."""
import glob
import json
import os
import time
import unittest

import harness
from imposter import Answer, BulkImposter, file_answer, outcome, resources
from test_pull_faults import parameters_of
from test_sync import content, run

FIRST = "2026-01-02T03:04:05Z"  # the time of every manifest that says no other
SECOND, THIRD = "2026-02-02T00:00:00Z", "2026-03-03T00:00:00Z"
NAMELESS = b'{"resourceType":"Patient"}\n'


def to_instant(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class Honest(harness.TestCase):
    GROUP, INTO = (), ()
    KICK_OFF = "/fhir/$export"
    number = 0  # of the files so far

    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.out = os.path.join(self.folder, "out")
        self.server = BulkImposter(self)
        self.server.on("POST", self.KICK_OFF, self.server.accepted())

    def output(self, type_name, body):
        """An item of a manifest, of a file of its own."""
        self.number += 1
        return self.server.add_output(type_name, f"file{self.number}", body)

    def report(self, text="Observation failed"):
        return self.output("OperationOutcome", json.dumps(outcome(text)).encode() + b"\n")

    def pull(self, patients=30, observations=5, code=0, **more):
        self.server.finish([self.output("Patient", resources("Patient", patients)),
                            self.output("Observation", resources("Observation", observations))], **more)
        return run("pull", self.server.base, "--out", self.out, *self.GROUP, *self.INTO, code=code)

    def asked(self):
        """The parameters of all kick-offs so far."""
        return [parameters_of(request) for request in self.server.sent("POST", self.KICK_OFF)]

    def gaps(self):
        """Each way to say that not all was exported: output to add, members of the manifest."""
        return {"missing": ([{"type": "Observation"}], {}),
                "error": ([], {"error": [self.report()]}),
                "in place": ([], {"error": [outcome("Observation failed")]}),
                "strays": ([self.output("Patient", resources("Patient", 1) + NAMELESS)], {}),
                "lost report": ([], {"error": [self.output("OperationOutcome", NAMELESS)]})}

    def errors(self):
        found = {}
        for path in glob.glob(os.path.join(self.out, "error", "*")):
            with open(path, "rb") as file:
                found[os.path.basename(path)] = file.read()
        return found


class Full(Honest):
    def test_l06_a_full_sync_removes_nothing_when_the_server_could_not_export_all(self):
        for name in self.gaps():
            with self.subTest(name):
                self.setUp()
                self.pull()
                output, more = self.gaps()[name]
                # P0 to P19 and a new one: without the gap the others would have gone, with --force.
                self.server.finish([self.output("Patient", resources("Patient", 20) + resources("Patient", 1, 90)),
                                    *output], **more)
                done = run("sync", self.out, "--full", code=3)
                self.assertEqual(done.err.count("nothing was removed"), 1, done.err)
                found = content(self.out)
                self.assertEqual(len(found), 36)
                self.assertIn(("Patient", "P90"), found)
                # A complete one removes as ever.
                self.server.finish([self.output("Patient", resources("Patient", 30)),
                                    self.output("Observation", resources("Observation", 5))])
                done = run("sync", self.out, "--full", "--log-json")
                self.assertEqual(json.loads(done.out)["gone"], 1)
                self.assertEqual(len(content(self.out)), 35)

    def test_l06_an_incomplete_full_sync_is_due_again(self):
        self.pull()
        now = to_instant(time.time())
        self.server.finish([{"type": "Observation"}], transactionTime=now)
        run("sync", self.out, "--full-every", "1d", code=3)
        self.server.finish([self.output("Patient", resources("Patient", 30)),
                            self.output("Observation", resources("Observation", 5))],
                           transactionTime=now)
        run("sync", self.out, "--full-every", "1d")
        run("sync", self.out, "--full-every", "1d")
        self.assertEqual([each.get("_since") for each in self.asked()], [None, None, None, [now]])

    def test_l06_an_incomplete_full_sync_does_not_keep_a_spoiled_copy(self):
        self.pull()
        with open(os.path.join(self.out, "Patient.00001.ndjson"), "ab") as file:
            file.write(b'{"resourceType":"Pat\n')
        whole = [self.output("Patient", resources("Patient", 30)), self.output("Observation", resources("Observation", 5))]
        self.server.finish([*whole, {"type": "Condition"}])
        run("sync", self.out, "--full", code=5)
        self.server.finish(whole)
        run("sync", self.out, "--full")
        self.assertEqual(len(content(self.out)), 35)

    def test_l06_force_goes_on_without_what_the_server_never_exports(self):
        self.pull()
        self.server.finish([{"type": "Observation"}], transactionTime=SECOND)
        self.assertIn("nothing was removed", run("sync", self.out, "--full", "--force", code=3).err)
        self.assertEqual(len(content(self.out)), 35)
        self.server.finish([], deleted=[])
        run("sync", self.out)
        self.assertEqual(self.asked()[-1]["_since"], [SECOND])

    def test_l10_a_store_loses_nothing_either(self):
        data = os.path.join(self.folder, "data")
        self.INTO = ("--into", data)
        self.pull()
        self.server.finish([self.output("Patient", resources("Patient", 30)), {"type": "Observation"}],
                           error=[self.report()])
        self.assertIn("nothing was removed", run("sync", self.out, "--full", code=3).err)
        stats = json.loads(run("stats", "--data", data, "--json").out)
        self.assertEqual({each["type"]: each["resources"] for each in stats["types"]},
                         {"Patient": 30, "Observation": 5})


class Changes(Honest):
    def test_l06_an_incomplete_window_is_asked_for_again(self):
        for name in self.gaps():
            with self.subTest(name):
                self.setUp()
                self.pull()
                output, more = self.gaps()[name]
                self.server.finish([self.output("Patient", resources("Patient", 1, 90)), *output],
                                   transactionTime=SECOND, deleted=[], **more)
                done = run("sync", self.out, code=3)
                self.assertIn(f"the next sync asks from {FIRST} on again", done.err)
                self.assertIn(("Patient", "P90"), content(self.out), "what came is taken")
                self.server.finish([], transactionTime=THIRD, deleted=[])
                run("sync", self.out)
                run("sync", self.out)
                self.assertEqual([each.get("_since") for each in self.asked()], [None, [FIRST], [FIRST], [THIRD]])

    def test_l11_a_warning_among_resources_keeps_nothing_back(self):
        self.pull()
        note = json.dumps(outcome("slow", severity="warning")).encode() + b"\n"
        self.server.finish([self.output("Patient", resources("Patient", 1, 90) + note)], transactionTime=SECOND, deleted=[])
        run("sync", self.out, code=3)
        self.server.finish([], deleted=[])
        run("sync", self.out)
        self.assertEqual(self.asked()[-1]["_since"], [SECOND])

    def test_l11_what_a_sync_sorts_out_stays_in_error(self):
        self.pull(error=[self.report("the first")], code=3)
        stray = b'{"resourceType":"Observation","id":"lost1"}\n'
        for number in (1, 2):
            self.server.finish([self.output("Patient", resources("Patient", 2, 50) + stray)], deleted=[],
                               error=[self.report(f"Patient 7{number} failed")])
            run("sync", self.out, code=3)
        found = self.errors()
        # The first pull lacked something: all is asked for again, before the changes.
        self.assertEqual(sorted(found), ["OperationOutcome.00001.jsonl", *(
            f"sync-{number}.{purpose}.{name}" for number in (1, 2) for purpose in ("changes", "everything")
            for name in ("OperationOutcome.00001.jsonl", "Patient.00001.strays.jsonl"))])
        self.assertEqual(found["sync-1.changes.Patient.00001.strays.jsonl"], stray)
        self.assertIn(b"the first", found["OperationOutcome.00001.jsonl"])
        self.assertIn(b"Patient 71 failed", found["sync-1.changes.OperationOutcome.00001.jsonl"])
        self.assertIn(b"Patient 72 failed", found["sync-2.changes.OperationOutcome.00001.jsonl"])
        self.assertEqual(glob.glob(os.path.join(self.out, ".sluice", "cycle-*")), [])


class Times(Honest):
    def test_l06_of_a_manifest_that_is_read_again_the_earliest_time_counts(self):
        body = resources("Patient", 3, 10)
        self.server.on("GET", "/b", Answer(403, outcome("expired")), lambda request: file_answer(request, body))
        manifests = [self.server.manifest([{"type": "Patient", "url": f"{self.server.root}/b?sig={number}"}],
                                          transactionTime=instant, deleted=[])
                     for number, instant in enumerate((SECOND, THIRD))]
        self.server.on("GET", "/status", *[Answer(200, manifest, {"Content-Type": "application/json"})
                                           for manifest in manifests])
        done = run("pull", self.server.base, "--out", self.out)
        self.assertEqual(len(self.server.sent("GET", "/status")), 2)
        self.assertIn(f"as of {SECOND}", done.out)
        run("sync", self.out)
        self.assertEqual(self.asked()[-1]["_since"], [SECOND])

    def test_l06_a_time_that_is_no_instant_counts_as_none(self):
        for text in ("2026-01-02 03:04:05", "Fri Jan 02 2026 03:04:05 GMT", "1767323045000"):
            with self.subTest(text):
                self.setUp()
                done = self.pull(transactionTime=text)
                self.assertIn(f"transactionTime '{text}' is no FHIR instant", done.err)
                self.assertIn("as of a time that the server does not tell", done.out)
                self.server.finish([self.output("Patient", resources("Patient", 30)),
                                    self.output("Observation", resources("Observation", 5))])
                run("sync", self.out)
                self.server.finish([], deleted=[])
                run("sync", self.out)
                self.assertEqual([each.get("_since") for each in self.asked()], [None, None, [FIRST]])

    def test_l06_a_time_that_is_still_to_come_counts_as_none(self):
        # As a server writes it that takes its local time for UTC, or has no idea.
        for ahead in (1800, 10 * 3600, 70 * 365 * 86400):
            with self.subTest(ahead=ahead):
                self.setUp()
                time_there = to_instant(time.time() + ahead)
                done = self.pull(transactionTime=time_there)
                self.assertIn(f"transactionTime '{time_there}' is later than the server's clock", done.err)
                self.server.finish([self.output("Patient", resources("Patient", 31)),
                                    self.output("Observation", resources("Observation", 5))])
                run("sync", self.out)
                self.assertEqual([each.get("_since") for each in self.asked()], [None, None])
                self.assertEqual(len(content(self.out)), 36)

    def test_l06_clocks_may_differ_by_minutes(self):
        time_there = to_instant(time.time() + 300)
        self.assertIn(f"as of {time_there}", self.pull(transactionTime=time_there).out)


class Words(Honest):
    def test_l06_a_sync_that_goes_on_with_the_first_pull_says_so(self):
        self.server.finish([self.output("Patient", resources("Patient", 2) + b'{"oops\n')])
        run("pull", self.server.base, "--out", self.out, code=3)
        for options, words in (((), "the first pull is not whole yet: this goes on with it"),
                               (("--full",), "there is nothing to compare with (--full) before")):
            with self.subTest(options):
                self.assertIn(words, run("sync", self.out, *options, code=3).err)
        self.assertEqual(len(self.asked()), 1)


class NewMembers(Honest):
    """A server that says nothing of the history of new members: they are listed and pulled."""
    GROUP = ("--group", "g")
    KICK_OFF = "/fhir/Group/g/$export"

    def setUp(self):
        super().setUp()
        self.pull(patients=5)
        self.list = resources("Patient", 5) + resources("Patient", 1, 9)
        self.history = [resources("Patient", 1, 9), resources("Condition", 1)]
        self.more = {}
        self.server.on("POST", self.KICK_OFF, self.kick_off)

    def kick_off(self, request):
        asked = parameters_of(request)
        if "_elements" in asked:
            self.server.finish([self.output("Patient", self.list)])
        elif "patient" in asked:
            self.server.finish([self.output(name, body) for name, body in zip(("Patient", "Condition"), self.history)]
                               + self.more.get("output", []), error=self.more.get("error", []))
        else:
            self.server.finish([], deleted=[], transactionTime=SECOND)
        return self.server.accepted()

    def test_p13_a_group_that_is_gone_is_told_in_whole_sentences(self):
        for method in ("POST", "GET"):
            self.server.on(method, self.KICK_OFF, Answer(404, outcome("there is no Group g")))
        done = run("sync", self.out, code=5)
        self.assertIn("there is no Group g. Is 'g' a Group there, and may this client see it? The members", done.err)
        self.assertEqual(len(content(self.out)), 10)

    def kinds(self):
        return ["list" if "_elements" in each else each["patient"][0]["reference"] if "patient" in each
                else each["_since"][0] for each in self.asked()[1:]]

    def test_p13_new_members_whose_history_came_in_part_are_asked_for_again(self):
        for name in self.gaps():
            with self.subTest(name):
                self.setUp()
                output, more = self.gaps()[name]
                self.more = {"output": output, **more}
                done = run("sync", self.out, code=3)
                self.assertIn("the next sync asks for them again", done.err)
                self.assertIn(("Condition", "C0"), content(self.out), "what came is taken")
                self.more = {}
                done = run("sync", self.out)
                self.assertNotIn("again", done.err)
                run("sync", self.out)
                # The window of the changes was whole: it moves.
                self.assertEqual(self.kinds(), ["list", "Patient/P9", FIRST, "list", "Patient/P9", SECOND,
                                                "list", SECOND])
        self.assertEqual(len(content(self.out)), 12)

    def test_p13_what_the_history_of_new_members_reports_is_shown_and_kept(self):
        self.history[1] += b'{"resourceType":"Condition"}\n'
        self.more = {"error": [self.report("Observations of P9 failed")]}
        done = run("sync", self.out, code=3)
        self.assertIn("Observations of P9 failed", done.err)
        self.assertIn("1 lines do not belong into their files", done.err)
        self.assertEqual(sorted(self.errors()), ["sync-1.joined-0.Condition.00001.strays.jsonl",
                                                 "sync-1.joined-0.OperationOutcome.00001.jsonl"])

    def test_p13_strays_in_the_list_of_members_count(self):
        self.list = resources("Patient", 5) + NAMELESS
        done = run("sync", self.out, code=3)
        self.assertIn("1 lines do not belong into their files", done.err)
        self.assertEqual(self.errors()["sync-1.members.Patient.00001.strays.jsonl"], NAMELESS)
        # Who was not to be seen comes with the next list.
        self.list = resources("Patient", 5) + resources("Patient", 1, 9)
        run("sync", self.out)
        self.assertEqual(self.kinds(), ["list", FIRST, "list", "Patient/P9", SECOND])
        self.assertIn(("Condition", "C0"), content(self.out))


if __name__ == "__main__":
    unittest.main()
