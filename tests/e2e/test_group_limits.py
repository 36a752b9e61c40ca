"""Clients that are limited to Groups (A-09, R-06): they learn nothing of anything else, and what they made
before they were limited is theirs no more."""
import json
import os
import re
import socket
import unittest

import harness
import smart


def group(id, *members):
    return {"resourceType": "Group", "id": id, "type": "person", "actual": True,
            "member": [{"entity": {"reference": member}} for member in members]}


def patient(id, **more):
    return {"resourceType": "Patient", "id": id, "birthDate": "1970-01-01", **more}


def observation(id, of, performer, **more):
    return {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"},
            "subject": {"reference": of}, "performer": [{"reference": performer}], **more}


def provenance(id, target):
    return {"resourceType": "Provenance", "id": id, "recorded": "2020-01-01T00:00:00Z",
            "target": [{"reference": target}], "agent": [{"who": {"display": "x"}}]}


def named(type, id, **more):
    return {"resourceType": type, "id": id, "name": "n" if type == "Organization" else [{"family": "n"}],
            **more}


# What the client may see: Group/mine, with Group/inner in it.
INSIDE = [
    group("mine", "Patient/in", "Group/inner"), group("inner", "Patient/nested"),
    patient("in", managingOrganization={"reference": "Organization/of-in"},
            link=[{"other": {"reference": "Patient/out"}, "type": "seealso"}]),
    patient("nested"), named("Organization", "of-in"), named("Practitioner", "of-in"),
    observation("o", "Patient/in", "Practitioner/of-in"), provenance("p", "Observation/o"),
]
# What it may not see: everything that could be told by a filter, an error or a count.
OUTSIDE = [
    patient("out", managingOrganization={"reference": "Organization/of-out"}),
    group("other", "Patient/in", "Patient/out", "Patient/nested"),
    named("Organization", "of-out", partOf={"reference": "Organization/of-in"}),
    named("Practitioner", "of-out"),
    observation("hidden", "Patient/out", "Practitioner/of-in",
                hasMember=[{"reference": "Observation/o"}]),
    provenance("hidden", "Patient/out"),
]
TYPES = "Patient,Observation,Provenance,Organization,Practitioner"
FILTERS = {
    "Patient": ["_has:Group:member:_id=other", "_has:Group:member:_id=mine", "_has:Group:member:_id=inner",
                "_has:Group:member:type=person", "link:Patient.birthdate=1970-01-01", "organization.name=n",
                "_has:Observation:patient:status=final", "_has:Observation:patient:_id=hidden",
                "_has:Patient:link:birthdate=1970-01-01", "_has:Provenance:target:recorded=2020"],
    "Observation": ["_has:Observation:has-member:status=final", "has-member:Observation.status=final",
                    "performer:Practitioner.name=n", "_has:Provenance:target:recorded=2020",
                    "subject:Patient.organization=Organization/of-out"],
    "Organization": ["_has:Organization:partof:name=n", "_has:Patient:organization:birthdate=1970-01-01"],
    "Practitioner": ["_has:Observation:performer:subject=Patient/out",
                     "_has:Observation:performer:status=final"],
}


class GroupLimits(harness.TestCase):
    def world(self, name, resources, options=("--group", "mine")):
        """A server over these resources and a client of Group/mine on it."""
        folder = harness.temporary_folder(self)
        data = os.path.join(folder, "data")
        source = os.path.join(folder, "source.ndjson")
        harness.write_lines(source, resources)
        harness.load(data, source)
        client = smart.Client(folder, data, "grouped", options=options)
        server = harness.start_server(self, data, is_open=False)
        return name, data, server, client

    def client_command(self, data, verb, *options, id="grouped"):
        return harness.sluice("client", verb, "--data", data, "--id", id, *options)

    def kick_off(self, server, headers, path, **parameters):
        return server.get(path, parameters, {**headers, "Prefer": "respond-async"})

    def exported(self, server, headers, path, **parameters):
        """The status URL, the manifest and the keys of the resources."""
        url, manifest = smart.export(server, path, parameters, headers)
        keys = set()
        for item in manifest["output"]:
            for line in harness.request("GET", item["url"], headers).body.splitlines():
                resource = json.loads(line)
                keys.add(f"{resource['resourceType']}/{resource.get('id')}")
        return url, manifest, keys

    def test_r06_a_client_of_groups_cannot_tell_what_else_there_is(self):
        # Two servers that differ in what the client may not see answer the same to whatever is asked.
        worlds = [self.world("alone", INSIDE), self.world("with others", INSIDE + OUTSIDE)]
        answers = {}
        for name, _, server, client in worlds:
            headers = client.headers(server)
            seen = answers[name] = {}
            for path, parameters in self.questions():
                asked = path, json.dumps(parameters)
                answer = self.kick_off(server, headers, path, **parameters)
                if answer.status == 202:
                    status_url = answer.headers["Content-Location"]
                    manifest = harness.wait(status_url, headers=headers).manifest
                    seen[asked] = self.content(manifest, headers)
                else:
                    body = answer.body.decode().replace(server.base, "")
                    seen[asked] = answer.status, re.sub(r'"id":"[^"]*"', "", body)
            for path in self.addresses():
                answer = server.get(path, None, headers)
                seen[path] = answer.status, answer.body.decode().replace(server.base, "")
        self.maxDiff = None
        self.assertEqual(answers["alone"], answers["with others"])
        # And it does answer: what it may see is found.
        seen = answers["with others"]
        for (path, parameters), answer in ((key, seen[key]) for key in seen if isinstance(key, tuple)):
            if "_typeFilter" in parameters:
                self.assertIn("output", answer, parameters)
        for filter, expected in (("Patient?_has:Group:member:_id=mine", {"Patient/in"}),
                                 ("Patient?_has:Group:member:_id=other", set()),
                                 ("Patient?link:Patient.birthdate=1970-01-01", set()),
                                 ("Patient?organization.name=n", {"Patient/in"}),
                                 ("Organization?_has:Organization:partof:name=n", set()),
                                 ("Practitioner?_has:Observation:performer:status=final", {"Practitioner/of-in"}),
                                 ("Practitioner?_has:Observation:performer:subject=Patient/out", set()),
                                 ("Observation?_has:Provenance:target:recorded=2020", {"Observation/o"})):
            type = filter.split("?")[0]
            asked = "Group/mine/$export", json.dumps({"_type": TYPES, "_typeFilter": filter})
            found = {key for key in seen[asked]["output"] if key.startswith(type)}
            self.assertEqual(found, expected, filter)

    def questions(self):
        for type, filters in FILTERS.items():
            for filter in filters:
                yield "Group/mine/$export", {"_type": TYPES, "_typeFilter": f"{type}?{filter}"}
        for parameters in ({}, {"_type": "Group"}, {"_type": "Group,Provenance"},
                           {"_type": "Patient,Organization,Practitioner"},
                           {"_type": "Provenance"}, {"_type": "Patient", "includeAssociatedData":
                                                     "RelevantProvenanceResources"},
                           {"_since": "2000-01-01T00:00:00Z"}, {"organizeOutputBy": "Group"},
                           {"organizeOutputBy": "Patient"}, {"organizeOutputBy": "Organization"},
                           {"patient": "Patient/out"}, {"patient": "Patient/in,Patient/out"},
                           {"patient": "Patient/nobody"}, {"patient": "Patient/in"}):
            yield "Group/mine/$export", parameters
        for id in ("other", "inner", "nosuch"):
            yield f"Group/{id}/$export", {}
        yield "Patient/$export", {"patient": "Patient/out"}
        yield "$export", {"_type": "Group"}

    @staticmethod
    def addresses():
        for path in ("Patient/out", "Patient/in", "Group/other", "Group/mine", "Patient", "_history",
                     "Patient/_history", "Patient/out/_history", "Patient?_id=out", "Group?member=Patient/in",
                     "Observation?subject:Patient._has:Group:member:_id=other", "Binary/x"):
            yield path

    def content(self, manifest, headers):
        """What a manifest has, without what is of the job and the time."""
        content = {}
        for kind in ("output", "error", "outcome", "deleted"):
            for item in manifest.get(kind, []):
                for line in harness.request("GET", item["url"], headers).body.splitlines():
                    resource = json.loads(line)
                    resource.pop("meta", None)
                    key = f"{resource['resourceType']}/{resource.get('id')}"
                    content.setdefault(kind, {})[key] = content.get(kind, {}).get(key, "") + json.dumps(
                        resource)
            content.setdefault(kind, {})
        return content

    def test_r06_deletions_of_others_are_not_told(self):
        hidden = ("Observation/hidden", "Provenance/hidden", "Patient/out", "Organization/of-out",
                  "Practitioner/of-out")
        told = []
        for resources, more in ((INSIDE, ()), (INSIDE + OUTSIDE, hidden)):
            _, data, server, client = self.world("deletions", resources)
            all = smart.Client(harness.temporary_folder(self), data, "all", scope="system/*.cruds")
            everything, headers = all.headers(server), client.headers(server)
            since = self.exported(server, headers, "Group/mine/$export")[1]["transactionTime"]
            for key in more:
                answer = harness.request("DELETE", f"{server.base}/{key}", everything)
                self.assertIn(answer.status, (200, 204), key)
            for key in ("Provenance/p", "Observation/o"):
                harness.request("DELETE", f"{server.base}/{key}", everything)
            manifest = self.exported(server, headers, "Group/mine/$export", _since=since)[1]
            content = self.content(manifest, headers)
            told.append(content)
            self.assertIn("Observation/o", json.dumps(content["deleted"]))
        self.assertEqual(told[0], told[1])

    def test_r06_metrics_do_not_tell_what_the_store_has(self):
        _, data, server, client = self.world("metrics", INSIDE)
        public = harness.request("GET", server.root + "/metrics").body.decode()
        self.assertIn("sluice_jobs_total", public)
        self.assertNotIn("sluice_store", public)
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(os.path.join(data, "control.sock"))
            control.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head, _, text = b"".join(iter(lambda: control.recv(65536), b"")).partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200"), head)
        self.assertIn(b'sluice_store_resources{type="Patient"} 2\n', text)

    def test_r06_lenient_handling_tells_no_more_of_a_patient_who_is_no_member(self):
        _, _, server, client = self.world("with others", INSIDE + OUTSIDE)
        headers = client.headers(server)
        told = []
        for id in ("out", "xxx"):
            _, manifest = smart.export(server, "Group/mine/$export",
                                       {"_type": "Patient", "patient": f"Patient/in,Patient/{id}"}, headers,
                                       {"Prefer": "respond-async, handling=lenient"})
            lines = [harness.request("GET", item["url"], headers).body for item in manifest["outcome"]]
            told.append(b"".join(lines).replace(id.encode(), b"?"))
            self.assertIn(b"not known", told[-1])
        self.assertEqual(told[0], told[1])

    def test_r06_jobs_of_before_a_limit_to_groups_are_the_client_s_no_more(self):
        for access in ("token", "capability"):
            with self.subTest(access):
                _, data, server, client = self.world(access, INSIDE + OUTSIDE, ("--file-access", access))
                headers = client.headers(server)
                jobs = {"system": self.exported(server, headers, "$export", _type="Patient"),
                        "patient": self.exported(server, headers, "Patient/$export", _type="Patient"),
                        "other": self.exported(server, headers, "Group/other/$export", _type="Patient"),
                        "filter": self.exported(server, headers, "Group/mine/$export", _type="Patient",
                                                _typeFilter="Patient?_has:Group:member:_id=other"),
                        "mine": self.exported(server, headers, "Group/mine/$export", _type="Patient")}
                self.assertEqual(jobs["filter"][2], {"Patient/in", "Patient/nested"})
                self.client_command(data, "update", "--group", "mine")
                # The old token, and every URL that was signed before, ended with it.
                for url, manifest, _ in jobs.values():
                    self.assertEqual(harness.request("GET", url, headers).status, 401)
                    file = manifest["output"][0]["url"]
                    self.assertEqual(harness.request("GET", file, headers if access == "token" else {})
                                     .status, 401)
                headers = client.headers(server)
                for name, (url, manifest, _) in jobs.items():
                    status = 200 if name == "mine" else 403
                    file = manifest["output"][0]["url"]
                    answer = harness.request("GET", url, headers)
                    self.assertEqual(answer.status, status, name)
                    if access == "token":
                        self.assertEqual(harness.request("GET", file, headers).status, status, name)
                    elif status == 200:
                        self.assertEqual(
                            harness.request("GET", answer.json()["output"][0]["url"]).status, 200)
                server.stop()

    def test_r06_a_job_whose_filters_saw_more_groups_ends_with_the_limit(self):
        _, data, server, client = self.world("two", INSIDE + OUTSIDE,
                                             ("--group", "mine", "--group", "other"))
        headers = client.headers(server)
        asked = {"_type": "Patient", "_typeFilter": "Patient?_has:Group:member:_id=other"}
        url, _, keys = self.exported(server, headers, "Group/mine/$export", **asked)
        self.assertEqual(keys, {"Patient/in", "Patient/nested"})
        plain, _, _ = self.exported(server, headers, "Group/mine/$export", _type="Patient",
                                    _typeFilter="Patient?birthdate=1970-01-01")
        self.client_command(data, "update", "--group", "mine")
        headers = client.headers(server)
        self.assert_outcome(harness.request("GET", url, headers), 403, "groups")
        self.assertEqual(harness.request("GET", plain, headers).status, 200)
        self.assertEqual(self.exported(server, headers, "Group/mine/$export", **asked)[2], set())

    def test_r06_jobs_of_before_narrower_scopes_are_covered_by_them_or_not_shown(self):
        _, data, server, client = self.world("scopes", INSIDE, ("--file-access", "capability"))
        headers = client.headers(server)
        url, manifest, _ = self.exported(server, headers, "Patient/$export", _type="Patient,Observation")
        narrow, _, _ = self.exported(server, headers, "Patient/$export", _type="Patient")
        self.client_command(data, "update", "--scope", "system/Patient.rs")
        for item in manifest["output"]:
            self.assertEqual(harness.request("GET", item["url"]).status, 401)
        headers = client.headers(server, "system/Patient.rs")
        self.assertEqual(harness.request("GET", url, headers).status, 403)
        self.assertEqual(harness.request("GET", narrow, headers).status, 200)

    def test_r06_a_client_that_is_added_again_has_nothing_of_the_one_before(self):
        for access in ("token", "capability"):
            with self.subTest(access):
                folder = harness.temporary_folder(self)
                _, data, server, client = self.world(access, INSIDE, ("--file-access", access))
                headers = client.headers(server)
                url, manifest, _ = self.exported(server, headers, "Patient/$export", _type="Patient")
                file = manifest["output"][0]["url"]
                self.client_command(data, "remove")
                again = smart.Client(folder, data, "grouped", options=("--file-access", access))
                self.assertEqual(server.get("$export", None, headers).status, 401)
                self.assertEqual(harness.request("GET", file, headers if access == "token" else {}).status, 401)
                headers = again.headers(server)
                none = harness.request("GET", url[:-32] + "0" * 32, headers)
                for method in ("GET", "DELETE"):
                    answer = harness.request(method, url, headers)
                    self.assertEqual(answer.status, 404, method)
                answer = harness.request("GET", url, headers)
                self.assertEqual(answer.body.replace(url[-32:].encode(), b"0" * 32), none.body)
                self.assertEqual(harness.request("GET", file.split("?")[0], headers).status, 404)
                # Its own are its own, also after a restart.
                url, _, _ = self.exported(server, headers, "Patient/$export", _type="Patient")
                server.stop()
                server = harness.start_server(self, data, base=None, is_open=False)
                self.assertEqual(harness.request("GET", server.base + url[url.index("/jobs/"):],
                                                 again.headers(server)).status, 200)
                server.stop()

    def test_f07_signed_urls_end_with_revoke_tokens(self):
        _, data, server, client = self.world("revoked", INSIDE + [
            {"resourceType": "Binary", "id": "x", "contentType": "text/plain", "data": "eA=="},
            {"resourceType": "DocumentReference", "id": "d", "status": "current",
             "subject": {"reference": "Patient/in"}, "content": [{"attachment": {"url": "Binary/x"}}]},
        ], ("--file-access", "capability"))
        headers = client.headers(server)
        url, manifest, _ = self.exported(server, headers, "Patient/$export", _type="DocumentReference")
        file = manifest["output"][0]["url"]
        content = json.loads(harness.request("GET", file).body)["content"][0]["attachment"]["url"]
        self.assertEqual([harness.request("GET", signed).status for signed in (file, content)], [200, 200])
        self.client_command(data, "revoke-tokens")
        self.assertEqual([harness.request("GET", signed).status for signed in (file, content)], [401, 401])
        # Who has a new token gets new ones.
        headers = client.headers(server)
        manifest = harness.request("GET", url, headers).json()
        self.assertEqual(harness.request("GET", manifest["output"][0]["url"]).status, 200)
        # Nor do they outlive the way in which the client fetches its files.
        self.client_command(data, "update", "--file-access", "token")
        self.assertEqual(harness.request("GET", manifest["output"][0]["url"]).status, 401)


if __name__ == "__main__":
    unittest.main()
