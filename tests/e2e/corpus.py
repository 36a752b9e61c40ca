"""The data that the end-to-end tests load: generated, and hand-made resources for what the generator does not make.

In the runs that ctest labels `shared` the environment variable SLUICE_SHARED names a folder whose `data` holds
Synthea's resources (<Type>.ndjson.gz), which take the place of the generated ones.
"""
import gzip
import json
import os

import harness
from fhir_model import parse_exactly

SHARED = os.environ.get("SLUICE_SHARED")
# Enough types for every scope, without the largest two: for tests that export often.
SMALL_TYPES = ("Patient", "Practitioner", "Organization", "Encounter", "Observation", "Condition",
               "Immunization", "Procedure", "Device", "MedicationRequest", "CareTeam", "Location",
               "Group")


class Corpus:
    """Files to load, and every line of them by (type, id): the last of a key counts."""

    def __init__(self, folder):
        self.folder = folder
        self.paths = []
        self.lines = {}

    @property
    def resources(self):
        return {key: json.loads(line) for key, line in self.lines.items()}

    def add_file(self, path):
        opener = gzip.open if path.endswith(".gz") else open
        with opener(path, "rb") as file:
            self._take(file.read())
        self.paths.append(path)

    def add(self, name, lines):
        """Writes a new file of lines (objects or text) and adds it; returns its path."""
        path = harness.write_lines(os.path.join(self.folder, name), lines)
        self.add_file(path)
        return path

    def _take(self, content):
        for line in content.split(b"\n"):
            if line.strip():
                resource = json.loads(line)
                self.lines[resource["resourceType"], resource["id"]] = line

    def ids(self, name):
        return sorted(id for type_name, id in self.lines if type_name == name)

    def count_by_type(self):
        counts = {}
        for name, _ in self.lines:
            counts[name] = counts.get(name, 0) + 1
        return counts


def base_corpus(folder, types=None, patients=60):
    """That of so many generated patients, or Synthea's; only `types`, when given."""
    corpus = Corpus(folder)
    if SHARED:
        source = os.path.join(SHARED, "data")
    else:
        source = os.path.join(folder, "generated")
        harness.sluice("generate", "--patients", patients, "--seed", "7", "--out", source)
    for name in sorted(os.listdir(source)):
        if types is None or name.split(".")[0] in types:
            corpus.add_file(os.path.join(source, name))
    return corpus


def reference(type_name, id, **more):
    return {"reference": f"{type_name}/{id}", **more}


def group(id, members, **more):
    return {"resourceType": "Group", "id": id, "type": "person", "actual": True, "name": id,
            "member": members, **more}


def group_lines(patients):
    """Groups over the given patients (at least 20): what counts as a member and what does not."""
    def member(id, **more):
        return {"entity": reference("Patient", id), **more}

    yield group("plain", [member(id) for id in patients[:8]])
    yield group("choosy", [
        member(patients[0]),
        member(patients[1], inactive=True),
        member(patients[2], inactive=False),
        member(patients[3], period={"start": "2000-01-01", "end": "2001-01-01"}),
        member(patients[4], period={"start": "2000-01-01"}),
        member(patients[5], period={"start": "2199-01-01T00:00:00Z"}),
        member(patients[6], period={"end": "2199-12-31"}),
        member(patients[0]),
    ])
    yield group("nested", [{"entity": reference("Group", "choosy")}, member(patients[9]),
                           {"entity": reference("Group", "plain"), "inactive": True}])
    yield group("empty", [])
    yield {"resourceType": "Group", "id": "no-member-element", "type": "person", "actual": False}
    yield group("cycle-a", [{"entity": reference("Group", "cycle-b")}, member(patients[0])])
    yield group("cycle-b", [{"entity": reference("Group", "cycle-a")}])
    yield {"resourceType": "Group", "id": "staff", "type": "practitioner", "actual": True,
           "member": [{"entity": reference("Practitioner", "x-lonely")}]}


def compartment_lines(p, q, r):
    """Resources in the compartments of the patients p, q and r by every sort of path."""
    yield {"resourceType": "Observation", "id": "x-self-reported", "status": "final",
           "code": {"text": "a"}, "subject": reference("Patient", p),
           "performer": [reference("Patient", q), reference("Practitioner", "x-gp")]}
    yield {"resourceType": "Observation", "id": "x-of-a-device", "status": "final",
           "code": {"text": "b"}, "subject": reference("Device", "x-pump")}
    yield {"resourceType": "Observation", "id": "x-versioned", "status": "final",
           "code": {"text": "c"}, "subject": {"reference": f"Patient/{r}/_history/3"}}
    yield {"resourceType": "Observation", "id": "x-elsewhere", "status": "final",
           "code": {"text": "d"},
           "subject": {"reference": f"https://other.example.org/fhir/Patient/{p}"}}
    yield {"resourceType": "Observation", "id": "x-logical", "status": "final",
           "code": {"text": "e"}, "subject": {"identifier": {"value": "12"}, "display": "none"}}
    yield {"resourceType": "Appointment", "id": "x-appointment", "status": "booked",
           "participant": [{"actor": reference("Patient", p), "status": "accepted"},
                           {"actor": reference("PractitionerRole", "x-role"), "status": "accepted"},
                           {"actor": reference("Patient", r), "status": "tentative"}]}
    yield {"resourceType": "Communication", "id": "x-communication", "status": "completed",
           "subject": reference("Patient", q), "sender": reference("Patient", p),
           "recipient": [reference("Practitioner", "x-gp"), reference("Patient", r)]}
    yield {"resourceType": "AuditEvent", "id": "x-audit", "recorded": "2020-01-01T00:00:00Z",
           "type": {"code": "rest"}, "source": {"observer": reference("Device", "x-pump")},
           "agent": [{"requestor": True, "who": reference("Practitioner", "x-gp")}],
           "entity": [{"what": reference("Patient", p)}]}
    yield {"resourceType": "Coverage", "id": "x-coverage", "status": "active",
           "policyHolder": reference("Patient", q), "beneficiary": reference("Patient", p),
           "payor": [reference("Organization", "x-payer")]}
    yield {"resourceType": "Person", "id": "x-person", "link": [
        {"target": reference("Patient", p)}, {"target": reference("Practitioner", "x-gp")}]}
    yield {"resourceType": "Provenance", "id": "x-provenance", "recorded": "2020-01-01T00:00:00Z",
           "target": [reference("Patient", r)], "agent": [{"who": reference("Organization", "x-payer")}]}
    yield {"resourceType": "Provenance", "id": "x-provenance-of-none",
           "recorded": "2020-01-01T00:00:00Z", "target": [reference("Observation", "x-of-a-device")],
           "agent": [{"who": {"display": "a machine"}}]}
    yield {"resourceType": "CarePlan", "id": "x-plan", "status": "active", "intent": "plan",
           "subject": reference("Group", "staff"),
           "activity": [{"detail": {"status": "scheduled", "performer": [reference("Patient", q)]}},
                        {"detail": {"status": "scheduled"}}]}
    yield {"resourceType": "Account", "id": "x-account", "status": "active",
           "subject": [reference("Patient", p), reference("Patient", q)]}
    yield {"resourceType": "List", "id": "x-list", "status": "current", "mode": "working",
           "source": reference("Patient", q)}
    yield {"resourceType": "RelatedPerson", "id": "x-relative", "patient": reference("Patient", r)}
    yield {"resourceType": "Task", "id": "x-task", "status": "draft", "intent": "order",
           "for": reference("Patient", p), "focus": reference("Patient", q)}
    yield {"resourceType": "Patient", "id": "x-linked",
           "link": [{"other": reference("Patient", p), "type": "seealso"}]}
    # The contained resource names a patient, the resource itself does not.
    yield {"resourceType": "Media", "id": "x-contained", "status": "completed", "content": {},
           "contained": [{"resourceType": "Encounter", "id": "e", "status": "planned",
                          "class": {"code": "AMB"}, "subject": reference("Patient", p)}],
           "encounter": {"reference": "#e"}}


def supporting_lines():
    """Resources outside the compartment: in a chain of references, and referred to by nobody."""
    yield {"resourceType": "Practitioner", "id": "x-gp", "name": [{"family": "Featherstonehaugh"}]}
    yield {"resourceType": "PractitionerRole", "id": "x-role",
           "practitioner": reference("Practitioner", "x-deep"),
           "location": [reference("Location", "x-room")]}
    yield {"resourceType": "Practitioner", "id": "x-deep"}
    yield {"resourceType": "Location", "id": "x-room", "partOf": reference("Location", "x-house")}
    yield {"resourceType": "Location", "id": "x-house",
           "managingOrganization": reference("Organization", "x-payer")}
    yield {"resourceType": "Organization", "id": "x-payer",
           "partOf": reference("Organization", "x-holding")}
    # Two that refer to each other must not make the search for references endless.
    yield {"resourceType": "Organization", "id": "x-holding",
           "partOf": reference("Organization", "x-payer")}
    yield {"resourceType": "Device", "id": "x-pump"}
    yield {"resourceType": "Practitioner", "id": "x-lonely"}
    yield {"resourceType": "Organization", "id": "x-lonely-too"}
    yield {"resourceType": "Binary", "id": "x-binary", "contentType": "text/plain", "data": "aGVsbG8="}
    yield {"resourceType": "Substance", "id": "x-substance", "code": {"text": "water"}}


def exactness_lines(p):
    """Lines as text: what a careless JSON writer would change (F-05)."""
    subject = f'"subject":{{"reference":"Patient/{p}"}}'
    head = '"status":"final","code":{"text":"exact"}'
    yield ('{"resourceType":"Observation","id":"y-digits",' + head + "," + subject +
           ',"valueQuantity":{"value":1.50},"component":[{"code":{"text":"x"},"valueQuantity":'
           '{"value":1E+3}},{"code":{"text":"y"},"valueQuantity":{"value":-0.0}},{"code":{"text":"z"},'
           '"valueQuantity":{"value":123456789012345678901234567890.10}}]}')
    yield ('{"resourceType":"Observation","id":"y-order",' + subject +
           ',"valueString":"z","code":{"text":"exact"},"status":"final"}')
    yield ('{"status":"final","id":"y-late-type",' + subject +
           ',"code":{"text":"exact"},"resourceType":"Observation"}')
    yield ('{ "resourceType" : "Observation" , "id":\t"y-spaces",  ' + head + " , " + subject + " }")
    yield ('{"resourceType":"Observation","id":"y-escapes",' + head + "," + subject +
           ',"valueString":"a\\/b \\u00e9 \u00e9 \\ud83d\\ude00 \U0001f600 \\n \\" \\\\ \\u0041"}')
    yield ('{"resourceType":"Observation","id":"y-meta","meta":{"profile":["http://example.org/p"],'
           '"tag":[{"system":"http://example.org/t","code":"kept"}]},' + head + "," + subject + "}")
    yield ('{"resourceType":"Observation","id":"y-own-version","meta":{"versionId":"77",'
           '"lastUpdated":"2001-02-03T04:05:06.789+01:00","source":"http://example.org/s"},' + head +
           "," + subject + "}")
    yield ('{"resourceType":"Observation","id":"y-only-version","meta":{"lastUpdated":'
           '"2001-02-03T04:05:06Z","versionId":"9"},' + head + "," + subject + "}")
    yield ('{"resourceType":"Observation","id":"y-late-meta",' + head + "," + subject +
           ',"meta":{"source":"http://example.org/s","versionId":"5","security":[{"code":"N"}]}}')
    yield ('{"resourceType":"Observation","id":"y-empty-meta","meta":{},' + head + "," + subject + "}")
    yield ('{"resourceType":"Patient","id":"y-siblings","_birthDate":{"extension":[{"url":"http://e'
           'xample.org/x","valueString":"u"}]},"birthDate":"1970-03-30","gender":"male","active":true,'
           '"name":[{"family":"Quetzalcoatlus"}]}')


def add_hand_made(corpus):
    """Adds everything above to a corpus; the patients used are the corpus's first by id."""
    patients = [id for id in corpus.ids("Patient") if not id.startswith(("x-", "y-"))]
    assert len(patients) >= 20, "the corpus has too few patients"
    corpus.add("groups.ndjson", group_lines(patients))
    corpus.add("compartments.ndjson", compartment_lines(*patients[10:13]))
    corpus.add("supporting.ndjson", supporting_lines())
    corpus.add("exactness.ndjson", exactness_lines(patients[13]))
    corpus.patients = patients
    return corpus


def parsed_exactly(line):
    return parse_exactly(line.decode() if isinstance(line, bytes) else line)


def large_input(folder, megabytes, seed=3):
    """Generated NDJSON of about this size for tests that need an export to take a while; its paths."""
    probe = os.path.join(folder, "probe")
    harness.sluice("generate", "--patients", 100, "--seed", seed, "--out", probe)
    per_patient = sum(os.path.getsize(os.path.join(probe, name)) for name in os.listdir(probe)) / 100
    out = os.path.join(folder, "large")
    harness.sluice("generate", "--patients", max(100, int(megabytes * 1e6 / per_patient)),
                   "--seed", seed, "--out", out)
    return [os.path.join(out, name) for name in sorted(os.listdir(out))]
