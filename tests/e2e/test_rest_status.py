"""FHIR R4's RESTful API row by row: what each interaction answers, with which status and headers (I-02, K-05).

A row says in its first column what the standard wants there, in our words. Rows of one table run in order on one
server, which begins with the versions that `Statuses.serve_versions` writes. What the headers do in detail, several
clients at once and the limits are in test_rest, test_conditional, test_history, test_search and test_bundle.
"""
import json
import re
import unittest

import harness

DATE = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")
ETAG = re.compile(r'W/"\d+"')
LONG_AGO, IN_THE_FUTURE = "Thu, 01 Jan 1970 00:00:01 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
JSON_PATCH = "application/json-patch+json"
XML = {"Content-Type": "application/fhir+xml"}
NEW = {"ETag": 'W/"1"', "Last-Modified": DATE}


def patient(id=None, **more):
    return {"resourceType": "Patient", **({"id": id} if id else {}), **more}


def known_as(value, id=None, **more):
    return patient(id, identifier=[{"value": value}], **more)


def location(pattern):
    return re.compile("http://[^/]+/fhir/" + pattern)


OWN_ID = location(r"Patient/[0-9a-f]{32}/_history/1")


class Statuses(harness.ServerCase):
    def serve_versions(self):
        """Patient/p with two versions, Patient/gone deleted as version 2, and two Patients known as "twice"."""
        self.serve()
        for body in (patient("p"), patient("p", active=True), patient("gone"), known_as("twice", "t1"),
                     known_as("twice", "t2")):
            self.assertLess(self.send("PUT", "Patient/" + body["id"], body).status, 300)
        self.assertEqual(self.send("DELETE", "Patient/gone").status, 204)

    def check(self, *rows):
        """Rows of (clause, method, path, body, headers, status, expected). `expected`: headers with the value or a
        pattern, None for those that must be missing, and "" for a word that an error names."""
        for clause, method, path, body, headers, status, expected in rows:
            with self.subTest(clause):
                answer = self.send(method, path, body, headers)
                if status >= 400 and method != "HEAD":
                    self.assert_outcome(answer, status, *([expected[""]] if "" in expected else []))
                self.assertEqual(answer.status, status, answer)
                if status in (204, 304):
                    self.assertEqual(answer.body, b"")
                for name, wanted in expected.items():
                    seen = answer.headers[name] if name else None
                    if isinstance(wanted, re.Pattern):
                        self.assertRegex(seen or "", re.compile(f"^(?:{wanted.pattern})$"), name)
                    elif name:
                        self.assertEqual(seen, wanted, name)

    def test_read(self):
        self.serve_versions()
        second = {"ETag": 'W/"2"', "Last-Modified": DATE, "Content-Type": harness.FHIR_JSON}
        unchanged = {"ETag": 'W/"2"'}
        self.check(
            ("the newest version, its number and time", "GET", "Patient/p", None, {}, 200, second),
            ("HEAD tells the same without the body", "HEAD", "Patient/p", None, {}, 200, second),
            ("what never was is unknown", "GET", "Patient/never", None, {}, 404, {"": "Patient/never"}),
            ("HEAD of what never was", "HEAD", "Patient/never", None, {}, 404, {}),
            ("what is deleted is gone", "GET", "Patient/gone", None, {}, 410, {"": "Patient/gone"}),
            ("what can be no id is nothing", "GET", "Patient/a_b", None, {}, 404, {}),
            ("a type that R4 does not have is no address", "GET", "Nonsense/p", None, {}, 404, {}),
            ("addresses know upper and lower case", "GET", "patient/p", None, {}, 404, {}),
            ("an id of another type", "GET", "Observation/p", None, {}, 404, {"": "Observation/p"}),
            ("a slash at the end changes nothing", "GET", "Patient/p/", None, {}, 200, second),
            # conditional read
            ("the client has the version", "GET", "Patient/p", None, {"If-None-Match": 'W/"2"'}, 304, unchanged),
            ("or says any will do", "GET", "Patient/p", None, {"If-None-Match": "*"}, 304, unchanged),
            ("it has another", "GET", "Patient/p", None, {"If-None-Match": 'W/"1"'}, 200, second),
            ("not modified since", "GET", "Patient/p", None, {"If-Modified-Since": IN_THE_FUTURE}, 304, unchanged),
            ("modified since", "GET", "Patient/p", None, {"If-Modified-Since": LONG_AGO}, 200, second),
            ("what is no date says nothing", "GET", "Patient/p", None, {"If-Modified-Since": "yesterday"}, 200, second),
            ("the tag counts more than the date", "GET", "Patient/p", None,
             {"If-None-Match": 'W/"1"', "If-Modified-Since": IN_THE_FUTURE}, 200, second),
            ("a condition does not hide what is deleted", "GET", "Patient/gone", None, {"If-None-Match": 'W/"2"'}, 410,
             {}),
            ("HEAD knows conditions", "HEAD", "Patient/p", None, {"If-None-Match": 'W/"2"'}, 304, unchanged),
        )
        head, get = self.send("HEAD", "Patient/p"), self.send("GET", "Patient/p")
        self.assertEqual(head.headers["Content-Length"], str(len(get.body)))
        self.assertEqual(get.json()["meta"]["versionId"], "2")

    def test_vread(self):
        self.serve_versions()
        self.check(
            ("an old version", "GET", "Patient/p/_history/1", None, {}, 200,
             {"ETag": 'W/"1"', "Last-Modified": DATE, "Content-Type": harness.FHIR_JSON}),
            ("HEAD of it", "HEAD", "Patient/p/_history/1", None, {}, 200, {"ETag": 'W/"1"'}),
            ("the newest", "GET", "Patient/p/_history/2", None, {}, 200, {"ETag": 'W/"2"'}),
            ("a number that was never given", "GET", "Patient/p/_history/3", None, {}, 404, {"": "Patient/p"}),
            ("what is no number", "GET", "Patient/p/_history/two", None, {}, 404, {"": "two"}),
            ("a version of what never was", "GET", "Patient/never/_history/1", None, {}, 404, {}),
            ("the version that is the deletion", "GET", "Patient/gone/_history/2", None, {}, 410, {}),
            ("the version before the deletion", "GET", "Patient/gone/_history/1", None, {}, 200, {"ETag": 'W/"1"'}),
            ("versions are not written", "PUT", "Patient/p/_history/1", patient("p"), {}, 405,
             {"Allow": "GET, HEAD, OPTIONS"}),
            ("nor deleted", "DELETE", "Patient/p/_history/1", None, {}, 405, {"Allow": "GET, HEAD, OPTIONS"}),
            ("the client has it", "GET", "Patient/p/_history/1", None, {"If-None-Match": 'W/"1"'}, 304, {}),
        )

    def test_update_and_create_by_update(self):
        self.serve_versions()
        path = "Patient/u"
        self.check(
            ("the client chooses the id of what is new", "PUT", path, patient("u"), {}, 201,
             {**NEW, "Location": location("Patient/u/_history/1")}),
            ("an update makes a version and no place", "PUT", path, patient("u", active=True), {}, 200,
             {"ETag": 'W/"2"', "Last-Modified": DATE, "Location": None,
              "Content-Location": location("Patient/u/_history/2")}),
            ("the same again makes none", "PUT", path, patient("u", active=True), {}, 200,
             {"ETag": 'W/"2"', "Content-Location": location("Patient/u/_history/2")}),
            ("what is deleted comes back", "PUT", "Patient/gone", patient("gone"), {}, 201,
             {"ETag": 'W/"3"', "Location": location("Patient/gone/_history/3")}),
            ("the client's version and time are not taken", "PUT", path,
             patient("u", meta={"versionId": "77", "lastUpdated": "2001-01-01T00:00:00Z"}), {}, 200, {"ETag": 'W/"3"'}),
            ("a body without an id", "PUT", path, patient(), {}, 400, {"": "id"}),
            ("a body with another id", "PUT", path, patient("v"), {}, 400, {"": "id"}),
            ("a body of another type", "PUT", path, {"resourceType": "Basic", "id": "u", "code": {}}, {}, 400,
             {"": "Basic"}),
            ("an id that can be none", "PUT", "Patient/u_", patient("u_"), {}, 400, {"": "id"}),
            ("a body that is not JSON", "PUT", path, "{", {}, 400, {}),
            ("no body", "PUT", path, "", {}, 400, {}),
            ("JSON that is no resource", "PUT", path, "[]", {}, 400, {}),
            ("a type that R4 does not have", "PUT", "Nonsense/u", {"resourceType": "Nonsense", "id": "u"}, {}, 404, {}),
            ("a body that breaks the rules of its type", "PUT", path, patient("u", nmae=[]), {}, 422, {"": "nmae"}),
            ("a body in another format", "PUT", path, "<Patient/>", XML, 415, {"": "xml"}),
            ("a body of an unknown kind", "PUT", path, b"{}", {}, 415, {"": "Content-Type"}),
            ("an answer in another format", "PUT", path, patient("u"), {"Accept": "application/fhir+xml"}, 406,
             {"": "xml"}),
            # managing resource contention
            ("the version that the client saw", "PUT", path, patient("u"), {"If-Match": 'W/"3"'}, 200,
             {"ETag": 'W/"4"'}),
            ("not the version that the client saw", "PUT", path, patient("u", active=True), {"If-Match": 'W/"1"'}, 412,
             {"": "If-Match"}),
            ("a version of what is not there", "PUT", "Patient/never", patient("never"), {"If-Match": 'W/"1"'}, 412, {}),
            ("only if it is new, which it is not", "PUT", path, patient("u"), {"If-None-Match": "*"}, 412, {}),
            ("what is no tag", "PUT", path, patient("u"), {"If-Match": "3"}, 400, {"": "If-Match"}),
            # what comes back
            ("minimal", "PUT", path, patient("u", active=False), {"Prefer": "return=minimal"}, 200,
             {"ETag": 'W/"5"', "Content-Length": "0"}),
            ("what is not known of Prefer is passed over", "PUT", path, patient("u", active=False),
             {"Prefer": "colour=green"}, 200, {"ETag": 'W/"5"'}),
        )
        self.assertEqual(self.send("GET", path).json()["active"], False)

    def test_patch(self):
        self.serve_versions()
        patch = {"Content-Type": JSON_PATCH}
        activate = [{"op": "add", "path": "/active", "value": False}]
        self.check(
            ("a patch is a version", "PATCH", "Patient/p", activate, patch, 200,
             {"ETag": 'W/"3"', "Last-Modified": DATE, "Location": None,
              "Content-Location": location("Patient/p/_history/3")}),
            ("of what never was", "PATCH", "Patient/never", activate, patch, 404, {"": "Patient/never"}),
            ("of what is deleted", "PATCH", "Patient/gone", activate, patch, 410, {}),
            ("a patch that cannot be read", "PATCH", "Patient/p", "[", patch, 400, {}),
            ("an operation that there is not", "PATCH", "Patient/p", [{"op": "double", "path": "/active"}], patch, 400,
             {"": "double"}),
            ("a test that fails", "PATCH", "Patient/p", [{"op": "test", "path": "/active", "value": True}], patch, 422,
             {}),
            ("a place that is not there", "PATCH", "Patient/p", [{"op": "remove", "path": "/name/0"}], patch, 422, {}),
            ("what comes out breaks the rules", "PATCH", "Patient/p", [{"op": "add", "path": "/nmae", "value": 1}],
             patch, 422, {"": "nmae"}),
            ("another format", "PATCH", "Patient/p", activate, {"Content-Type": "application/fhir+json"}, 415,
             {"Accept-Patch": JSON_PATCH}),
            ("XML patches", "PATCH", "Patient/p", "<diff/>", {"Content-Type": "application/xml-patch+xml"}, 415, {}),
            ("not the version that the client saw", "PATCH", "Patient/p", activate, {**patch, "If-Match": 'W/"1"'}, 412,
             {}),
            ("the version that the client saw", "PATCH", "Patient/p", activate, {**patch, "If-Match": 'W/"3"'}, 200,
             {"ETag": 'W/"3"'}),
        )

    def test_delete(self):
        self.serve_versions()
        self.check(
            ("what was never there", "DELETE", "Patient/never", None, {}, 204, {"ETag": None}),
            ("not the version that the client saw", "DELETE", "Patient/p", None, {"If-Match": 'W/"1"'}, 412, {}),
            ("without a word", "DELETE", "Patient/p", None, {"If-Match": 'W/"2"'}, 204, {"ETag": 'W/"3"'}),
            ("again", "DELETE", "Patient/p", None, {}, 204, {}),
            ("with a word", "DELETE", "Patient/p", None, {"Prefer": "return=OperationOutcome"}, 200,
             {"Content-Type": harness.FHIR_JSON}),
            ("it is gone", "GET", "Patient/p", None, {}, 410, {}),
            ("a type that R4 does not have", "DELETE", "Nonsense/p", None, {}, 404, {}),
            ("a parameter that is not known", "DELETE", "Patient/t1?now=true", None, {}, 400, {"": "now"}),
            ("everything of a type at once", "DELETE", "Patient", None, {}, 400, {"": "parameter"}),
            ("everything", "DELETE", "", None, {}, 405, {"Allow": re.compile(".*POST.*")}),
        )
        self.assertEqual(self.send("GET", "Patient/t1").status, 200)

    def test_create(self):
        self.serve_versions()
        self.check(
            ("a new id, its place, version and time", "POST", "Patient", patient(), {}, 201,
             {**NEW, "Location": OWN_ID, "Content-Type": harness.FHIR_JSON}),
            ("the client's id is not taken", "POST", "Patient", patient("p"), {}, 201, {**NEW, "Location": OWN_ID}),
            ("nor its version and time", "POST", "Patient",
             patient(meta={"versionId": "9", "lastUpdated": "2001-01-01T00:00:00Z"}), {}, 201, NEW),
            ("without a body in the answer", "POST", "Patient", patient(), {"Prefer": "return=minimal"}, 201,
             {"Location": OWN_ID, "Content-Length": "0"}),
            ("a body that is not JSON", "POST", "Patient", "not", {}, 400, {}),
            ("a body that is not UTF-8", "POST", "Patient", b'{"resourceType":"Patient","language":"\xff"}',
             {"Content-Type": harness.FHIR_JSON}, 400, {}),
            ("a body of another type", "POST", "Patient", {"resourceType": "Basic"}, {}, 400, {"": "Basic"}),
            ("a body without a type", "POST", "Patient", {}, {}, 400, {"": "resourceType"}),
            ("a type that R4 does not have", "POST", "Nonsense", {"resourceType": "Nonsense"}, {}, 404, {}),
            ("what every one of the type has is missing", "POST", "Observation",
             {"resourceType": "Observation", "status": "final"}, {}, 422, {"": "code"}),
            ("a reference that can be none", "POST", "Observation",
             {"resourceType": "Observation", "status": "final", "code": {}, "subject": {"reference": "not one"}}, {},
             422, {"": "reference"}),
            ("a body in another format", "POST", "Patient", "<Patient/>", XML, 415, {}),
            ("a body in another version of FHIR", "POST", "Patient", patient(),
             {"Content-Type": "application/fhir+json; fhirVersion=3.0"}, 415, {"": "3.0"}),
            ("a body in this version of FHIR", "POST", "Patient", patient(),
             {"Content-Type": "application/fhir+json; charset=UTF-8; fhirVersion=4.0"}, 201, {}),
            ("an id is not posted to", "POST", "Patient/p", patient("p"), {}, 405,
             {"Allow": "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"}),
            ("a create rests on no version", "POST", "Patient", patient(), {"If-Match": 'W/"1"'}, 400, {"": "If-Match"}),
            ("more than the server takes", "POST", "Patient", patient(name=[{"text": "x" * (10 << 20)}]), {}, 413, {}),
        )

    def test_conditional_create(self):
        self.serve_versions()
        self.check(
            ("nothing matches: a create", "POST", "Patient", known_as("1"), {"If-None-Exist": "identifier=1"}, 201,
             {**NEW, "Location": OWN_ID}),
            ("one matches: it is left alone", "POST", "Patient", known_as("1", active=True),
             {"If-None-Exist": "identifier=1"}, 200, {**NEW, "Location": OWN_ID}),
            ("several match: not selective enough", "POST", "Patient", known_as("twice"),
             {"If-None-Exist": "identifier=twice"}, 412, {}),
            ("what is no search", "POST", "Patient", known_as("1"), {"If-None-Exist": "nosuch=1"}, 400, {"": "nosuch"}),
        )

    def test_conditional_update(self):
        self.serve_versions()
        self.check(
            ("nothing matches, no id: a create", "PUT", "Patient?identifier=1", known_as("1"), {}, 201,
             {**NEW, "Location": OWN_ID}),
            ("nothing matches, an id that is free: that one", "PUT", "Patient?identifier=2", known_as("2", "own"), {},
             201, {**NEW, "Location": location("Patient/own/_history/1")}),
            ("nothing matches, an id that is taken", "PUT", "Patient?identifier=3", known_as("3", "own"), {}, 409, {}),
            ("one matches, no id: its update", "PUT", "Patient?identifier=2", known_as("2", active=True), {}, 200,
             {"ETag": 'W/"2"', "Location": None, "Content-Location": location("Patient/own/_history/2")}),
            ("one matches, its id: its update", "PUT", "Patient?identifier=2", known_as("2", "own"), {}, 200,
             {"ETag": 'W/"3"'}),
            ("one matches, another id", "PUT", "Patient?identifier=2", known_as("2", "p"), {}, 400, {"": "own"}),
            ("several match", "PUT", "Patient?identifier=twice", known_as("twice"), {}, 412, {}),
        )

    def test_conditional_patch(self):
        self.serve_versions()
        patch = {"Content-Type": JSON_PATCH}
        activate = [{"op": "add", "path": "/active", "value": True}]
        self.assertEqual(self.send("PUT", "Patient/own", known_as("1", "own")).status, 201)
        self.check(
            ("nothing matches", "PATCH", "Patient?identifier=none", activate, patch, 404, {}),
            ("one matches: its patch", "PATCH", "Patient?identifier=1", activate, patch, 200,
             {"ETag": 'W/"2"', "Last-Modified": DATE, "Content-Location": location("Patient/own/_history/2")}),
            ("several match", "PATCH", "Patient?identifier=twice", activate, patch, 412, {}),
            ("not the version that the client saw", "PATCH", "Patient?identifier=1", activate,
             {**patch, "If-Match": 'W/"1"'}, 412, {"": "If-Match"}),
            ("the version that the client saw", "PATCH", "Patient?identifier=1", activate,
             {**patch, "If-Match": 'W/"2"'}, 200, {"ETag": 'W/"2"'}),
            ("a test that fails", "PATCH", "Patient?identifier=1", [{"op": "test", "path": "/active", "value": 1}],
             patch, 422, {}),
            ("another format", "PATCH", "Patient?identifier=1", activate, {"Content-Type": "application/json"}, 415,
             {"Accept-Patch": JSON_PATCH}),
            ("no condition", "PATCH", "Patient", activate, patch, 400, {"": "parameter"}),
            ("what is no search", "PATCH", "Patient?nosuch=1", activate, patch, 400, {"": "nosuch"}),
        )

    def test_conditional_delete(self):
        self.serve_versions()
        self.check(
            ("nothing matches", "DELETE", "Patient?identifier=none", None, {}, 204, {}),
            ("several match", "DELETE", "Patient?identifier=twice", None, {}, 412, {}),
            ("one matches", "DELETE", "Patient?_id=t1", None, {}, 204, {}),
            ("what is no search", "DELETE", "Patient?nosuch=1", None, {}, 400, {"": "nosuch"}),
        )
        self.assertEqual(self.send("GET", "Patient/t1").status, 410)

    def test_search(self):
        self.serve_versions()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        found = {"Content-Type": harness.FHIR_JSON}
        self.check(
            ("a Bundle", "GET", "Patient?identifier=twice", None, {}, 200, found),
            ("nothing found is a Bundle too", "GET", "Patient?identifier=none", None, {}, 200, found),
            ("everything of a type", "GET", "Patient", None, {}, 200, found),
            ("by POST", "POST", "Patient/_search", b"identifier=twice", form, 200, found),
            ("HEAD", "HEAD", "Patient?identifier=twice", None, {}, 200, found),
            ("by POST in JSON", "POST", "Patient/_search", {}, {}, 415, {"": "application/x-www-form-urlencoded"}),
            ("_search is no id", "GET", "Patient/_search", None, {}, 405, {"Allow": "OPTIONS, POST"}),
            ("a parameter that is not known", "GET", "Patient?nosuch=1", None, {}, 400, {"": "nosuch"}),
            ("the same, leniently", "GET", "Patient?nosuch=1", None, {"Prefer": "handling=lenient"}, 200, found),
            ("a value that can be none", "GET", "Patient?birthdate=soon", None, {}, 400, {"": "soon"}),
            ("a type that R4 does not have", "GET", "Nonsense?_id=1", None, {}, 404, {}),
            ("an answer in another format", "GET", "Patient?_format=xml", None, {}, 406, {"": "xml"}),
            ("several types at once are not offered", "GET", "?_type=Patient", None, {}, 405, {}),
            ("nor by POST", "POST", "_search", b"_type=Patient", form, 404, {}),
        )

    def test_history(self):
        self.serve_versions()
        told = {"Content-Type": harness.FHIR_JSON}
        self.check(
            ("of a resource", "GET", "Patient/p/_history", None, {}, 200, told),
            ("of what is deleted", "GET", "Patient/gone/_history", None, {}, 200, told),
            ("of what never was", "GET", "Patient/never/_history", None, {}, 404, {}),
            ("of a type", "GET", "Patient/_history", None, {}, 200, told),
            ("of everything", "GET", "_history", None, {}, 200, told),
            ("HEAD", "HEAD", "Patient/_history", None, {}, 200, told),
            ("a time that can be none", "GET", "Patient/_history?_since=soon", None, {}, 400, {"": "_since"}),
            ("a parameter that is not known", "GET", "_history?nosuch=1", None, {}, 400, {"": "nosuch"}),
            ("it is not written", "POST", "Patient/_history", {}, {}, 405, {"Allow": "GET, HEAD, OPTIONS"}),
            ("of a type that R4 does not have", "GET", "Nonsense/_history", None, {}, 404, {}),
            ("an answer in another format", "GET", "_history", None, {"Accept": "text/turtle"}, 406, {}),
        )

    def test_batch_and_transaction(self):
        self.serve_versions()

        def bundle(kind, *entries):
            return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}
        good = {"resource": patient("b"), "request": {"method": "PUT", "url": "Patient/b"}}
        bad = {"resource": patient("c", nmae=[]), "request": {"method": "PUT", "url": "Patient/c"}}
        stale = {"resource": patient("p"), "request": {"method": "PUT", "url": "Patient/p", "ifMatch": 'W/"1"'}}
        self.check(
            ("a batch answers each by itself", "POST", "", bundle("batch", good, bad, stale), {}, 200,
             {"Content-Type": harness.FHIR_JSON}),
            ("a transaction of one that breaks the rules", "POST", "", bundle("transaction", good, bad), {}, 422,
             {"": "nmae"}),
            ("a transaction of one whose version is not the newest", "POST", "", bundle("transaction", good, stale), {},
             412, {"": "entry[1]"}),
            ("all together", "POST", "", bundle("transaction", good), {}, 200, {}),
            ("a Bundle of another kind", "POST", "", bundle("collection", good), {}, 400, {"": "collection"}),
            ("what is no Bundle", "POST", "", patient(), {}, 400, {"": "Bundle"}),
            ("what is not JSON", "POST", "", "{", {}, 400, {}),
            ("another format", "POST", "", "<Bundle/>", XML, 415, {}),
            ("an answer in another format", "POST", "", bundle("batch"), {"Accept": "text/html"}, 406, {}),
            ("the base has nothing to read", "GET", "", None, {}, 405, {"Allow": "OPTIONS, POST"}),
            ("nor to replace", "PUT", "", bundle("batch"), {}, 405, {"Allow": "OPTIONS, POST"}),
        )
        answer = self.send("POST", "", bundle("batch", good, bad, stale, {
            "request": {"method": "GET", "url": "Patient/never"}}, {
            "request": {"method": "GET", "url": "Patient/gone"}}, {
            "request": {"method": "DELETE", "url": "Patient/b"}})).json()
        self.assertEqual(answer["type"], "batch-response")
        self.assertEqual([entry["response"]["status"][:3] for entry in answer["entry"]],
                         ["200", "422", "412", "404", "410", "204"])

    def test_capabilities_and_operations(self):
        self.serve_versions()
        told = {"Content-Type": harness.FHIR_JSON}
        self.check(
            ("what the server can", "GET", "metadata", None, {}, 200, told),
            ("HEAD", "HEAD", "metadata", None, {}, 200, told),
            ("in full", "GET", "metadata?mode=full", None, {}, 200, told),
            ("only what is normative", "GET", "metadata?mode=normative", None, {}, 400, {"": "normative"}),
            ("of terminologies", "GET", "metadata?mode=terminology", None, {}, 400, {"": "terminology"}),
            ("in a mode that there is not", "GET", "metadata?mode=half", None, {}, 400, {"": "half"}),
            ("in another format", "GET", "metadata?_format=xml", None, {}, 406, {"": "xml"}),
            ("in another format, by Accept", "GET", "metadata", None, {"Accept": "text/html"}, 406, {}),
            ("a parameter that is not known", "GET", "metadata?nosuch=1", None, {}, 400, {"": "nosuch"}),
            ("it is not written", "POST", "metadata", {}, {}, 405, {"Allow": "GET, HEAD, OPTIONS"}),
            ("an operation that there is not", "POST", "$nosuch", {}, {}, 404, {}),
            ("of a type", "GET", "Patient/$nosuch", None, {}, 404, {}),
            ("of a resource", "POST", "Patient/p/$nosuch", {}, {}, 404, {}),
            ("an export is not replaced", "PUT", "$export", {}, {}, 405, {"Allow": "GET, HEAD, OPTIONS, POST"}),
            ("nor deleted", "DELETE", "Patient/$export", None, {}, 405, {"Allow": "GET, HEAD, OPTIONS, POST"}),
            ("an import is not read", "GET", "$import", None, {}, 405, {"Allow": "OPTIONS, POST"}),
            ("members are not added by reading", "GET", "Group/g/$add", None, {}, 405, {"Allow": "OPTIONS, POST"}),
            ("a definition", "GET", "OperationDefinition/import", None, {}, 200, told),
            ("a definition that there is not", "GET", "OperationDefinition/nosuch", None, {}, 404, {}),
            ("a definition in another format", "GET", "OperationDefinition/import?_format=xml", None, {}, 406, {}),
            ("the server's own are not replaced", "PUT", "OperationDefinition/import",
             {"resourceType": "OperationDefinition", "id": "import"}, {}, 405,
             {"Allow": "GET, HEAD, OPTIONS", "": "OperationDefinition/import"}),
            ("nor patched", "PATCH", "OperationDefinition/group-add", [], {"Content-Type": JSON_PATCH}, 405, {}),
            ("nor deleted", "DELETE", "OperationDefinition/export", None, {}, 405, {"": "OperationDefinition/export"}),
            ("what is at no path", "GET", "a/b/c/d/e", None, {}, 404, {}),
        )

    def test_formats_of_the_answer(self):
        self.serve_versions()
        good = {"Content-Type": harness.FHIR_JSON}
        rows = []
        for accept, status in ((None, 200), ("", 200), ("*/*", 200), ("application/*", 200),
                               ("application/fhir+json", 200), ("application/json", 200),
                               ("application/fhir+json;fhirVersion=4.0", 200), ("text/html, */*;q=0.1", 200),
                               ("APPLICATION/FHIR+JSON", 200), ("application/fhir+xml, application/fhir+json", 200),
                               ("application/fhir+json; fhirVersion=3.0", 406), ("application/fhir+xml", 406),
                               ("text/turtle", 406), ("text/html", 406), ("application/fhir+json;q=0", 406)):
            rows.append((f"Accept: {accept}", "GET", "Patient/p", None, {} if accept is None else {"Accept": accept},
                         status, good))
        for format, status in (("json", 200), ("application/json", 200), ("application/fhir%2Bjson", 200),
                               ("application/fhir+json", 200), ("xml", 406), ("text/xml", 406), ("ttl", 406),
                               ("application/fhir%2Bxml", 406), ("nonsense", 406)):
            rows.append((f"_format={format} counts more than Accept", "GET", "Patient/p?_format=" + format, None,
                         {"Accept": "application/fhir+xml" if status == 200 else harness.FHIR_JSON}, status, good))
        self.check(*rows)


if __name__ == "__main__":
    unittest.main()
