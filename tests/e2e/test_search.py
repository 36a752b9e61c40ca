"""Searches over REST against an evaluation in Python of the same question: I-02, Q-01 to Q-06; pages that stand
still while writers write, and who may see what (A-06, A-12)."""
import base64
import glob
import json
import os
import threading
import time
import unittest
import urllib.parse

import corpus
import harness
import smart

TYPES = ("Patient", "Practitioner", "Organization", "Encounter", "Observation", "Condition")
FORM = "application/x-www-form-urlencoded"


def link(bundle, relation):
    return next((item["url"] for item in bundle["link"] if item["relation"] == relation), None)


def entries(bundle, mode="match"):
    return [entry["resource"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == mode]


def key(resource):
    return resource["resourceType"], resource["id"]


def codings(concepts):
    concepts = concepts if isinstance(concepts, list) else [concepts]
    return {(c.get("system"), c.get("code")) for concept in concepts for c in concept.get("coding", [])}


def has_code(concepts, code):
    return any(c == code for _, c in codings(concepts))


def without_version(resource):
    meta = {name: value for name, value in resource.get("meta", {}).items()
            if name not in ("versionId", "lastUpdated")}
    return {**{name: value for name, value in resource.items() if name != "meta"}, **({"meta": meta} if meta else {})}


def refers(resource, element):
    return resource.get(element, {}).get("reference")


class SearchCase(harness.TestCase):
    def get(self, query, status=200, headers=None):
        """`query` below the base, or a whole URL such as a link's."""
        url = query if query.startswith("http") else f"{self.server.base}/{query}"
        answer = harness.request("GET", url, headers)
        self.assertEqual(answer.status, status, answer)
        bundle = answer.json()
        if status == 200:
            self.assertEqual((bundle["resourceType"], bundle["type"]), ("Bundle", "searchset"))
            self.assertNotEqual(bundle.get("entry"), [])
        return bundle

    def pages(self, query, headers=None, between=lambda: None):
        bundle = self.get(query, headers=headers)
        yield bundle
        while url := link(bundle, "next"):
            between()
            bundle = self.get(url, headers=headers)
            yield bundle

    def all(self, query, **options):
        return [resource for page in self.pages(query, **options) for resource in entries(page)]


class Search(SearchCase):
    @classmethod
    def setUpClass(cls):
        folder = harness.temporary_folder(cls)
        cls.corpus = corpus.base_corpus(folder, TYPES, patients=120)
        data = os.path.join(folder, "data")
        harness.load(data, *cls.corpus.paths)
        cls.server = harness.start_server(cls, data)
        cls.by_type = {name: {} for name in TYPES}
        for (name, id), resource in cls.corpus.resources.items():
            cls.by_type[name][id] = resource

    def some(self, name, test=lambda r: True):
        return next(r for _, r in sorted(self.by_type[name].items()) if test(r))

    def test_q01_a_search_finds_what_python_finds(self):
        observation = self.some("Observation", lambda r: "valueQuantity" in r)
        system, code = sorted(codings(observation["code"]), key=str)[0]
        subject = refers(observation, "subject")
        patient_id = subject.split("/")[-1]
        value = observation["valueQuantity"]["value"]
        genders = {id: r["gender"] for id, r in self.by_type["Patient"].items()}
        families = {n["family"].lower() for r in self.by_type["Patient"].values() for n in r["name"]}
        family = sorted(families)[0][:3]
        laboratory = {refers(r, "subject") for r in self.by_type["Observation"].values()
                      if has_code(r.get("category", []), "laboratory")}
        ids = sorted(self.by_type["Condition"])[:3]
        born = sorted(r["birthDate"] for r in self.by_type["Patient"].values())[30]
        base = self.server.base
        for query, name, test in (
                (f"Observation?code={system}|{code}", "Observation",
                 lambda r: (system, code) in codings(r["code"])),
                (f"Observation?code={code}&patient={patient_id}", "Observation",
                 lambda r: has_code(r["code"], code) and refers(r, "subject") == subject),
                (f"Observation?subject={subject}", "Observation", lambda r: refers(r, "subject") == subject),
                (f"Observation?subject={base}/{subject}&category:not=laboratory", "Observation",
                 lambda r: refers(r, "subject") == subject and not has_code(r.get("category", []), "laboratory")),
                (f"Observation?value-quantity=gt{value}&code={code}", "Observation",
                 lambda r: has_code(r["code"], code) and r.get("valueQuantity", {}).get("value", -1) > value),
                (f"Patient?gender=female&birthdate=ge{born}", "Patient",
                 lambda r: r["gender"] == "female" and r["birthDate"] >= born),
                (f"Patient?family={family}", "Patient",
                 lambda r: any(n["family"].lower().startswith(family) for n in r["name"])),
                ("Patient?_has:Observation:patient:category=laboratory", "Patient",
                 lambda r: "Patient/" + r["id"] in laboratory),
                ("Condition?patient.gender=male", "Condition",
                 lambda r: genders[refers(r, "subject").split("/")[-1]] == "male"),
                ("Condition?subject:Patient.gender=female&clinical-status=active", "Condition",
                 lambda r: genders[refers(r, "subject").split("/")[-1]] == "female" and
                 has_code(r["clinicalStatus"], "active")),
                (f"Condition?_id={','.join(ids)},nosuch", "Condition", lambda r: r["id"] in ids),
                ("Encounter?class:missing=true", "Encounter", lambda r: "class" not in r),
                ("Organization?", "Organization", lambda r: True)):
            with self.subTest(query=query):
                expected = [(name, id) for id, r in self.by_type[name].items() if test(r)]
                found = self.all(f"{query}&_count=1000")
                self.assert_same_keys(map(key, found), expected)
                self.assertEqual(self.get(f"{query}&_summary=count")["total"], len(expected))
                for resource in found[:20]:
                    self.assertEqual(without_version(resource), without_version(self.by_type[name][resource["id"]]))

    def test_i02_pages_are_in_order_and_together_the_whole(self):
        expected = sorted(self.by_type["Condition"])
        updated = {r["id"]: r["meta"]["lastUpdated"] for r in self.all("Condition?_count=1000")}
        self.assertEqual(sorted(updated), expected)
        self.assertGreater(len(expected), 400)
        for sort, order in (("", None), ("_id", lambda id: id), ("_lastUpdated", lambda id: (updated[id], id)),
                            ("_lastUpdated,_id", lambda id: (updated[id], id))):
            for descending in (False, True) if sort and "," not in sort else (False,):
                with self.subTest(sort=sort, descending=descending):
                    query = "Condition?_count=97&_total=accurate"
                    if sort:
                        query += "&_sort=" + ("-" if descending else "") + sort
                    pages = list(self.pages(query))
                    self.assertTrue(all(len(entries(page)) == 97 for page in pages[:-1]))
                    self.assertEqual({page["total"] for page in pages}, {len(expected)})
                    found = [r["id"] for page in pages for r in entries(page)]
                    if order is None:
                        self.assertEqual(sorted(found), expected)
                    elif sort == "_id":
                        self.assertEqual(found, sorted(expected, reverse=descending))
                    else:
                        instants = [updated[id] for id in found]
                        self.assertEqual(instants, sorted(instants, reverse=descending))
                        self.assertEqual(sorted(found), expected)
                    # A self link shows the same page again.
                    self.assertEqual(self.get(link(pages[1], "self")), pages[1])

    def test_i02_how_results_are_shown(self):
        total = len(self.by_type["Practitioner"])
        page = self.get("Practitioner?_count=2")
        self.assertEqual(len(entries(page)), 2)
        self.assertNotIn("total", page)
        for entry in page["entry"]:
            self.assertEqual(entry["fullUrl"], f"{self.server.base}/Practitioner/{entry['resource']['id']}")
        self.assertEqual(self.get("Practitioner?_count=2&_total=estimate")["total"], total)
        self.assertNotIn("total", self.get("Practitioner?_count=1000&_total=none"))
        self.assertEqual(self.get("Practitioner?_count=1000")["total"], total)
        self.assertEqual(link(self.get("Observation?_count=999999"), "self"),
                         self.server.base + "/Observation?_count=1000")
        for query in ("Practitioner?_count=0", "Practitioner?_summary=count", "Practitioner?_summary=count&_count=3"):
            counted = self.get(query)
            self.assertEqual((counted["total"], counted.get("entry"), link(counted, "next")), (total, None, None))
        self.assertEqual(len(entries(self.get("Practitioner?_summary=false&_count=1"))), 1)
        for resource in entries(self.get("Patient?_elements=gender,birthDate&_count=3")):
            self.assertEqual(set(resource), {"resourceType", "id", "meta", "gender", "birthDate"})
            self.assertEqual([tag["code"] for tag in resource["meta"]["tag"]], ["SUBSETTED"])
        # What is filtered by is not shown for that.
        self.assertNotIn("gender", entries(self.get("Patient?gender=male&_elements=id&_count=1"))[0])
        nothing = self.get("Patient?_id=nosuch")
        self.assertEqual((nothing["total"], nothing.get("entry")), (0, None))

    def test_i02_a_form_a_head_and_formats(self):
        answer = self.server.post("Patient/_search?_count=1000", "gender=female&_sort=_id", FORM)
        found = answer.json()
        self.assertEqual(found, self.get("Patient?_count=1000&gender=female&_sort=_id"))
        self.assertEqual(link(found, "self"), f"{self.server.base}/Patient?_count=1000&gender=female&_sort=_id")
        self.assertEqual(answer.headers["Cache-Control"], "private, no-cache")
        head = harness.request("HEAD", self.server.base + "/Patient?_count=3")
        whole = harness.request("GET", self.server.base + "/Patient?_count=3")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["Content-Length"], str(len(whole.body)))
        self.assertEqual(head.headers["Content-Type"], harness.FHIR_JSON)
        self.get("Patient?_format=json&_count=1", headers={"Accept": "text/html"})
        self.assertIn("_format=json", link(self.get("Patient?_format=json&_count=1"), "next"))
        for answer, status, word in (
                (self.server.get("Patient?_format=xml"), 406, "xml"),
                (self.server.get("Patient", headers={"Accept": "application/fhir+xml"}), 406, "xml"),
                (self.server.post("Patient/_search", "_format=xml", FORM), 406, "xml"),
                (self.server.post("Patient/_search", "{}"), 415, "application/fhir+json"),
                (self.server.post("Patient/_search", "gender=%zz", FORM), 400, "%"),
                (self.server.get("Nonsense"), 404, "nothing")):
            self.assert_outcome(answer, status, word)

    def test_q04_what_is_not_understood_is_named(self):
        for query, *words in (
                ("Patient?nosuch=1", "nosuch"), ("Patient?gender:foo=male", "foo"),
                ("Patient?birthdate=soon", "birthdate", "soon"), ("Patient?gender=", "gender"),
                ("Patient?_count=x", "_count", "x"), ("Patient?_count=-1", "_count"),
                ("Patient?_count=1&_count=2", "_count"), ("Patient?_sort=birthdate", "_sort", "birthdate"),
                ("Patient?_sort=_id,-_id", "_sort"), ("Patient?_summary=all", "_summary", "all"),
                ("Patient?_total=some", "_total"),
                ("Patient?_elements=nosuch", "_elements", "nosuch"), ("Patient?_contained=true", "_contained"),
                ("Patient?_text=x", "_text"), ("Patient?_page=x", "_page"),
                ("Patient?patient.name=x", "patient"), ("Patient?_has:Observation:code:code=1", "_has"),
                ("Patient?_include=Observation:subject", "_include", "Observation"),
                ("Observation?_include=Observation:code", "_include", "code"),
                ("Observation?_include=Observation:subject:Medication", "_include", "Medication"),
                ("Observation?_include:foo=Observation:subject", "foo"), ("Observation?_include=*", "*"),
                ("Patient?_revinclude=Patient:general-practitioner", "_revinclude"),
                ("Observation?_revinclude=Encounter:subject", "_revinclude", "Observation")):
            with self.subTest(query=query):
                self.assert_outcome(harness.request("GET", f"{self.server.base}/{query}"), 400, *words)
                if "nosuch=" not in query and query[8:].split("=")[0] not in ("_contained", "_text", "patient.name"):
                    answer = harness.request("GET", f"{self.server.base}/{query}", {"Prefer": "handling=lenient"})
                    self.assert_outcome(answer, 400, *words)
        lenient = self.get("Patient?nosuch=secret&gender=male&_count=2", headers={"Prefer": "handling=lenient"})
        self.assertEqual(len(entries(lenient)), 2)
        outcome = entries(lenient, "outcome")
        self.assertIn("nosuch", outcome[0]["issue"][0]["diagnostics"])
        urns = [entry["fullUrl"] for entry in lenient["entry"] if entry["search"]["mode"] == "outcome"]
        self.assertRegex(urns[0], "^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$")
        self.assertEqual(link(lenient, "self"), self.server.base + "/Patient?gender=male&_count=2")

    # ---- includes ----

    def included(self, query):
        """Matches and what is included, of every page."""
        matches, also = [], set()
        for page in self.pages(query):
            matches += map(key, entries(page))
            here = [key(r) for r in entries(page, "include")]
            self.assertEqual(len(set(here) | set(map(key, entries(page)))), len(here) + len(entries(page)))
            also.update(here)
        return matches, also

    def test_i02_includes_bring_what_is_referred_to_and_what_refers(self):
        patient = self.some("Patient", lambda p: any(
            refers(e, "subject") == "Patient/" + p["id"] for e in self.by_type["Encounter"].values()))
        me = "Patient/" + patient["id"]
        mine = [r for r in self.by_type["Observation"].values() if refers(r, "subject") == me]
        visits = [r for r in self.by_type["Encounter"].values() if refers(r, "subject") == me]
        visited = {tuple(refers(r, "encounter").split("/")) for r in mine}
        performers = {tuple(p["reference"].split("/")) for r in mine for p in r.get("performer", [])}
        doctors = {tuple(p["individual"]["reference"].split("/")) for r in visits for p in r.get("participant", [])}
        hospitals = {tuple(refers(r, "serviceProvider").split("/")) for r in visits if "serviceProvider" in r}
        self.assertTrue(mine and visits and doctors and hospitals)
        for query, matches, expected in (
                (f"Observation?patient={me}&_include=Observation:subject:Patient&_count=20", mine, {key(patient)}),
                (f"Observation?patient={me}&_include=Observation:encounter&_include=Observation:patient",
                 mine, visited | {key(patient)}),
                (f"Observation?patient={me}&_include=Observation:*&_count=1000", mine,
                 visited | performers | {key(patient)}),
                (f"Patient?_id={patient['id']}&_revinclude=Observation:patient&_revinclude=Encounter:subject",
                 [patient], set(map(key, mine)) | set(map(key, visits))),
                (f"Patient?_id={patient['id']}&_revinclude=Encounter:patient", [patient], set(map(key, visits))),
                (f"Patient?_id={patient['id']}&_revinclude=Encounter:patient&"
                 "_include:iterate=Encounter:service-provider&_include:iterate=Encounter:practitioner",
                 [patient], set(map(key, visits)) | hospitals | doctors),
                # Not from what was included, without iterate.
                (f"Encounter?patient={me}&_include=Encounter:patient&_sort=-_id&_count=7", visits, {key(patient)})):
            with self.subTest(query=query):
                found, also = self.included(query)
                self.assert_same_keys(found, map(key, matches))
                self.assert_same_keys(also, expected)

    def test_i02_a_page_with_too_many_includes_becomes_shorter(self):
        pages = list(self.pages("Patient?_revinclude=Observation:patient&_count=1000"))
        self.assertGreater(len(pages), 1)
        self.assert_same_keys((key(r) for page in pages for r in entries(page)),
                              (("Patient", id) for id in self.by_type["Patient"]))
        self.assert_same_keys((key(r) for page in pages for r in entries(page, "include")),
                              (("Observation", id) for id in self.by_type["Observation"]))


def patient(id, **more):
    return {"resourceType": "Patient", "id": id, **more}


class Pages(SearchCase):
    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.data = os.path.join(self.folder, "data")

    def serve(self, lines, *options, **keywords):
        harness.load(self.data, harness.write_lines(os.path.join(self.folder, "in.ndjson"), lines))
        self.server = harness.start_server(self, self.data, *options, **keywords)

    def put(self, resource):
        answer = harness.request("PUT", f"{self.server.base}/{resource['resourceType']}/{resource['id']}",
                                 {"Content-Type": harness.FHIR_JSON}, json.dumps(resource).encode())
        self.assertIn(answer.status, (200, 201), answer)

    def test_i02_pages_stand_still_while_writers_write(self):
        before = [patient(f"p{i:03}", gender="male" if i % 2 else "female") for i in range(200)]
        self.serve(before)
        stop, problems = threading.Event(), []

        def write(writer):
            try:
                for number in range(100000):
                    if stop.is_set():
                        return
                    id = f"p{(number * 7 + writer) % 200:03}"
                    if number % 5 == 4:
                        harness.request("DELETE", f"{self.server.base}/Patient/{id}")
                    else:
                        self.put(patient(id, gender="other", multipleBirthInteger=number))
                    self.put(patient(f"new-{writer}-{number}", gender="male"))
            except Exception as problem:  # told where the test can fail
                problems.append(problem)
        searches = {query: self.pages(query) for query in (
            "Patient?gender=male&_count=9", "Patient?_sort=-_lastUpdated&_count=23",
            "Patient?_sort=_id&_count=17&gender=female", "Patient?_has:Patient:link:gender=male&_count=2")}
        found = {query: entries(next(pages)) for query, pages in searches.items()}
        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(2)]
        for thread in threads:
            thread.start()
        for query, pages in searches.items():
            for page in pages:
                found[query] += entries(page)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        expected = {"Patient?gender=male&_count=9": "male", "Patient?_sort=_id&_count=17&gender=female": "female",
                    "Patient?_sort=-_lastUpdated&_count=23": None}
        for query, gender in expected.items():
            with self.subTest(query=query):
                ids = [r["id"] for r in found[query]]
                self.assertEqual(sorted(ids), [r["id"] for r in before if gender in (None, r["gender"])])
                self.assertEqual({r["meta"]["versionId"] for r in found[query]}, {"1"})
        self.assertEqual(self.all("Patient?gender=other&_count=50") != [], True)

    def test_i02_r01_a_search_that_is_too_long_for_a_link_has_pages_too(self):
        self.serve([patient(f"p{i:03}", gender="male" if i % 2 else "female") for i in range(90)])
        ids = ",".join(f"p{i:03}" for i in range(0, 90, 3)) + "," + ",".join(f"absent-{i:05}" for i in range(3000))
        form = urllib.parse.urlencode({"_id": ids, "_count": 7, "gender": "female"}).encode()
        self.assertGreater(len(form), 30_000)
        answer = self.server.post("Patient/_search", form, FORM)
        self.assertEqual(answer.status, 200, answer)
        first = answer.json()
        expected = [f"p{i:03}" for i in range(0, 90, 6)]
        found, page, pages = [r["id"] for r in entries(first)], first, 1
        while link(page, "next"):
            for relation in ("self", "next"):
                self.assertLess(len(link(page, relation)), 1_000, relation)
            page = self.get(link(page, "next"))
            found += [r["id"] for r in entries(page)]
            pages += 1
        self.assertEqual((found, pages), (expected, 3))
        # The first page again, by its own link, and by a search that is the same.
        self.assertEqual([r["id"] for r in entries(self.get(link(first, "self")))], expected[:7])
        again = self.server.post("Patient/_search", form, FORM).json()
        self.assertEqual(link(again, "self"), link(first, "self"))
        self.assertEqual(link(self.get("Patient?gender=male"), "self"), f"{self.server.base}/Patient?gender=male")
        # What is kept no longer, or never was, is told as what it is.
        self.assert_outcome(harness.request("GET", f"{self.server.base}/Patient?_search=none"), 410, "search again")
        # Of another type, or in another place, it is none.
        name = urllib.parse.urlsplit(link(first, "self")).query
        self.assertRegex(name, "^_search=[0-9a-f]{32}$")
        self.assert_outcome(harness.request("GET", f"{self.server.base}/Observation?{name}"), 410, "search again")
        self.assert_outcome(self.server.post("Observation/_search", name, FORM), 410, "search again")
        self.assert_outcome(harness.request("DELETE", f"{self.server.base}/Patient?{name}"), 400, "_search")
        self.assert_outcome(harness.request("GET", f"{self.server.base}/Patient/_history?{name}"), 400, "_search")
        self.assertEqual([r["id"] for r in entries(self.server.post("Patient/_search", name, FORM).json())], expected[:7])
        path = link(first, "next").removeprefix(self.server.base)
        self.server.stop()
        self.server = harness.start_server(self, self.data)
        self.assert_outcome(harness.request("GET", self.server.base + path), 410, "search again")

    def test_i02_a_page_whose_history_has_gone_is_410(self):
        self.serve([patient(f"p{i}") for i in range(5)], "--history-retention", 1)
        unchanged, gone = self.get("Patient?_count=2"), self.get("Patient?_sort=_id&_count=2")
        self.assertEqual(len(entries(self.get(link(unchanged, "next")))), 2)
        self.put(patient("p1", active=True))
        deadline = time.monotonic() + harness.PATIENCE_SECONDS
        while (answer := harness.request("GET", link(gone, "next"))).status == 200:
            self.assertEqual([r["id"] for r in entries(answer.json())], ["p2", "p3"])
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        self.assert_outcome(answer, 410, "search again")
        self.assert_outcome(harness.request("GET", link(unchanged, "next")), 410)
        self.assertEqual(len(self.all("Patient?_count=2")), 5)

    def test_i02_a_link_made_by_hand_is_refused(self):
        self.serve([patient(f"p{i}") for i in range(5)])
        url = link(self.get("Patient?_count=2"), "next")
        token = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["_page"][0]
        fields = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().split("/")
        for place, value in ((0, "2"), (1, "0"), (1, "999"), (2, "1700000000000"), (3, "x"), (5, "-1"), (6, "a/b"),
                             (6, "a_b")):
            changed = fields[:place] + [value] + fields[place + 1:]
            forged = base64.urlsafe_b64encode("/".join(changed).encode()).decode().rstrip("=")
            answer = self.server.get("Patient", {"_count": 2, "_page": forged})
            self.assert_outcome(answer, 400, "_page")
        # What it leads to is never more than the search itself: here, nothing.
        self.assertEqual(self.get(url.replace("/Patient?", "/Condition?")).get("entry"), None)

    def test_a06_a12_two_clients_see_what_their_scopes_cover(self):
        lines = [patient("a", gender="male", name=[{"family": "Nobodyknows"}]), patient("b", gender="female")]
        lines += [{"resourceType": "Observation", "id": f"o{i}", "status": "final", "code": {"text": "x"},
                   "subject": {"reference": "Patient/a"}} for i in range(5)]
        all_of_it = smart.Client(self.folder, self.data, "all", scope="system/*.cruds")
        narrow = smart.Client(self.folder, self.data, "narrow", scope="system/Observation.cruds")
        grouped = smart.Client(self.folder, self.data, "grouped", scope="system/*.cruds", options=["--group", "g"])
        self.serve(lines, is_open=False)
        full, little = all_of_it.headers(self.server), narrow.headers(self.server)
        self.assertEqual(len(self.all("Patient?family=Nobodyknows", headers=full)), 1)
        self.assertEqual(len(self.all("Observation?_count=2", headers=little)), 5)
        chain, included = "Observation?patient.gender=male", "Observation?_include=Observation:subject:Patient"
        self.assertEqual(len(self.all(chain, headers=full)), 5)
        refused = ["Patient?family=Nobodyknows", chain, included, "Observation?_include=Observation:subject",
                   "Observation?_has:Provenance:target:agent=Device/x", "Observation?_revinclude=Provenance:target"]
        for query in refused:
            with self.subTest(query=query):
                answer = harness.request("GET", f"{self.server.base}/{query}", little)
                self.assert_outcome(answer, 403, "scopes")
        # A link of the other client gives no more.
        first = self.get("Patient?_count=1", headers=full)
        for url in (link(first, "next"), link(self.get(included + "&_count=1", headers=full), "next")):
            self.assertEqual(harness.request("GET", url, full).status, 200)
            self.assert_outcome(harness.request("GET", url, little), 403)
            self.assert_outcome(harness.request("GET", url), 401)
        by_scope = {"system/Observation.r": 403, "system/Observation.s": 200, "system/Observation.rs": 200,
                    "system/Observation.read": 200, "system/Observation.cud": 403}
        for scope, status in by_scope.items():
            headers = all_of_it.headers(self.server, scope)
            answers = [self.server.get("Observation", headers=headers),
                       self.server.post("Observation/_search", "", FORM, headers)]
            self.assertEqual([answer.status for answer in answers], [status] * 2, scope)
        self.assert_outcome(self.server.get("Observation", headers=grouped.headers(self.server)), 403, "groups")
        self.assert_outcome(self.server.get("Patient?family=Nobodyknows&birthdate=Never", headers=full), 400)
        self.server.stop()
        events = []
        for file in sorted(glob.glob(os.path.join(self.data, "audit", "*.ndjson"))):
            with open(file, encoding="utf-8") as log:
                events += [json.loads(line) for line in log]
        text = json.dumps(events) + self.server.log()
        for word in ("Nobodyknows", "Never"):
            self.assertNotIn(word, text)
        searches = [e for e in events if e["subtype"][0]["code"] == "resource-search"]
        described = [(e["agent"][0]["who"]["identifier"]["value"], e["outcome"], e["outcomeDesc"],
                      e["entity"][0]["what"]["reference"]) for e in searches]
        self.assertIn(("all", "0", "by family: 1 matches, 0 included", "Patient"), described)
        self.assertIn(("all", "0", "by patient.gender: 5 matches, 0 included", "Observation"), described)
        self.assertIn(("all", "4", "by family, birthdate: invalid", "Patient"), described)
        refusals = [e for e in events if e["subtype"][0]["code"] == "access-refused"]
        self.assertGreaterEqual(len(refusals), len(refused))


if __name__ == "__main__":
    unittest.main()
