"""Proves that every rule of tidy.py finds what it should and leaves alone what it should."""
import unittest

import tidy

BASE = "sluice_module(base SOURCES a.cc)\n"


def on(rule, files):
    """What `rule` finds in a tree of these files, as printed."""
    return [str(finding) for finding in rule(tidy.Tree(files))]


class Routes(unittest.TestCase):
    def on(self, code):
        return on(tidy.check_routes, {"src/api/routes.cc": code})

    def test_a_handler_takes_the_service_that_it_is_given(self):
        self.assertEqual(self.on('routes.add("GET", "/x", "x", Access::kClient, [](Service& service) {});'), [])
        self.assertEqual(self.on("[access, &service = service_, handler](const Request&) {};"), [])
        for capture in ("[&service]", "[type, &service, handler]"):
            self.assertEqual(len(self.on(f"routes.add(a, {capture}(const auto& request) {{}});")), 1)

    def test_only_jobs_see_the_whole_store(self):
        self.assertEqual(self.on('routes.add("GET", "/j", "export_status", Access::kJob, f);'), [])
        for access in ("kJob", "kFile", "kAttachment"):
            self.assertEqual(len(self.on(f'routes.add("GET",\n "/fhir", "history_system", Access::{access}, f);')), 1)


class PrivateHeaders(unittest.TestCase):
    def on(self, path):
        return on(tidy.check_private_headers, {path: '#include "job/documents.h"\n'})

    def test_only_job_and_tests_read_the_engines_documents(self):
        for path in ("src/job/engine.cc", "tests/bulk/job_records_fuzz.cc"):
            self.assertEqual(self.on(path), [])
        for path in ("src/bulk/export/job/export_job.cc", "src/cli/job_report.cc", "bench/pipeline_bench.cc"):
            self.assertEqual(len(self.on(path)), 1)


class WrappedLibraries(unittest.TestCase):
    def test_only_its_wrapper_includes_a_library(self):
        for path, line in (("src/transport/curl.h", "#include <curl/curl.h>"),
                           ("src/store/rocksdb/a.cc", "#include <rocksdb/db.h>"),
                           ("src/fetch/a.cc", '#include "transport/curl.h"'),
                           ("tests/fetch/a_test.cc", "#include <curl/curl.h>")):
            self.assertEqual(on(tidy.check_wrapped_libraries, {path: f"// x\n{line}\n"}), [], path)
        for path, line in (("src/fetch/a.cc", "#include <curl/curl.h>"), ("src/client/http/a.h", "# include <curl/multi.h>"),
                           ("src/store/a.cc", "#include <rocksdb/db.h>")):
            self.assertEqual(len(on(tidy.check_wrapped_libraries, {path: f"// x\n{line}\n"})), 1, path)


class Layers(unittest.TestCase):
    def files(self, include):
        return {"src/base/CMakeLists.txt": BASE,
                "src/fhir/CMakeLists.txt": "sluice_module(fhir SOURCES a.cc DEPS base)\n",
                "src/api/CMakeLists.txt": "sluice_module(api\n  SOURCES a.cc\n  DEPS base fhir)\n",
                "src/fhir/a.cc": f'// x\n#include "{include}"\n'}

    def test_its_own_and_its_deps_headers_are_fine(self):
        self.assertEqual(on(tidy.check_includes, self.files("fhir/a.h")), [])
        self.assertEqual(on(tidy.check_includes, self.files("base/a.h")), [])

    def test_an_upper_layers_header_is_named_with_file_and_line(self):
        found = on(tidy.check_includes, self.files("api/a.h"))
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0].startswith('src/fhir/a.cc:2: "api/a.h": fhir may include only'))

    def test_short_unknown_and_upward_paths_are_found(self):
        for include in ("a.h", "nothing/a.h", "base/../api/a.h"):
            self.assertEqual(len(on(tidy.check_includes, self.files(include))), 1, include)

    def test_sources_outside_any_module_are_found(self):
        files = {"src/api/CMakeLists.txt": "# later\n", "src/api/a.cc": "// x\n"}
        self.assertEqual(len(on(tidy.check_includes, files)), 1)

    def test_modules_within_a_folder_include_by_their_deps(self):
        files = {"src/bulk/CMakeLists.txt": "add_subdirectory(load)\nadd_subdirectory(import)\n",
                 "src/bulk/load/CMakeLists.txt": "sluice_module(bulk/load SOURCES a.cc)\n",
                 "src/bulk/import/CMakeLists.txt": "sluice_module(bulk/import SOURCES a.cc DEPS bulk/load)\n",
                 "src/bulk/import/deep/a.cc": '#include "bulk/load/a.h"\n#include "bulk/import/a.h"\n'}
        self.assertEqual(on(tidy.check_includes, files), [])
        files["src/bulk/load/a.cc"] = '#include "bulk/import/a.h"\n'
        files["src/bulk/a.cc"] = "// x\n"
        found = on(tidy.check_includes, files)
        self.assertEqual(len(found), 2)
        self.assertIn("bulk/load may include only itself and its DEPS (nothing)", found[0])
        self.assertIn("src/bulk has no sluice_module", found[1])

    def test_a_module_within_a_module_is_found(self):
        files = {"src/bulk/CMakeLists.txt": "sluice_module(bulk SOURCES a.cc)",
                 "src/bulk/load/CMakeLists.txt": "sluice_module(bulk/load SOURCES a.cc)"}
        found = on(tidy.check_dependencies, files)
        self.assertEqual(len(found), 1)
        self.assertIn("bulk/load stands within the module bulk", found[0])

    def test_cycles_and_unknown_deps_are_found(self):
        files = {"src/a/CMakeLists.txt": "sluice_module(a SOURCES x.cc DEPS b)",
                 "src/b/CMakeLists.txt": "sluice_module(b SOURCES x.cc DEPS a c)"}
        self.assertEqual(len(on(tidy.check_dependencies, files)), 3)

    def test_the_table_names_the_modules_of_a_folder_by_a_star(self):
        table = ("| `base` | x | |\n| `bulk/load` | y | |\n| `bulk/group` | y | |\n| `api/core` | a | bulk/* |\n"
                 "| `bulk/export/job` | z | |\n")
        files = {"docs/architecture.md": table,
                 "src/api/core/CMakeLists.txt": "sluice_module(api/core SOURCES x.cc DEPS bulk/load bulk/group)"}
        self.assertEqual(on(tidy.check_layer_table, files), [])
        files["src/api/core/CMakeLists.txt"] = "sluice_module(api/core SOURCES x.cc DEPS bulk/export/job)"
        self.assertEqual(len(on(tidy.check_layer_table, files)), 1)

    def test_the_table_of_the_document_is_compared(self):
        table = ("| `src/` | owns | may include |\n|---|---|---|\n| `base` | x | |\n"
                 "| `fhir` | y | |\n| `store`, `store/rocksdb` | z | fhir |\n"
                 "| `api` | a | all above |\n| `cli` | m | all |\n")
        files = {"docs/architecture.md": table,
                 "src/base/CMakeLists.txt": BASE,
                 "src/store/CMakeLists.txt": "sluice_module(store SOURCES x.cc DEPS base fhir)",
                 "src/api/CMakeLists.txt": "sluice_module(api SOURCES x.cc DEPS store)",
                 "src/cli/CMakeLists.txt": "sluice_module(cli SOURCES x.cc DEPS api store)"}
        self.assertEqual(on(tidy.check_layer_table, files), [])
        files["src/fhir/CMakeLists.txt"] = "sluice_module(fhir SOURCES x.cc DEPS store)"
        files["src/http/CMakeLists.txt"] = "sluice_module(http SOURCES x.cc)"
        found = on(tidy.check_layer_table, files)
        self.assertEqual(len(found), 2)
        self.assertIn("DEPS names store", found[0])
        self.assertIn("no row for http", found[1])


class Coroutines(unittest.TestCase):
    def check(self, code):
        return on(tidy.check_await_temporaries, {"src/http/a.cc": code})

    def test_named_objects_and_plain_calls_are_fine(self):
        for code in ("co_await run(pool, &f, std::move(x));", "if (co_await f(x)) { g(); }",
                     "auto [e, n] = co_await s.read(b[0], token);",
                     "for (;;) { co_await f(a); } struct X { int y{1}; };",
                     'co_await f("{}", x); // {"a"}', "co_await f([](int a) { return X{a}; });"):
            self.assertEqual(self.check(code), [], code)

    def test_brace_built_temporaries_are_found(self):
        for code in ("co_await f(Bar{1});", "co_await f({a, b});", "x = co_await Foo{a}.run();",
                     "co_await f(x,\n         Bar{1});"):
            self.assertEqual(len(self.check(code)), 1, code)

    def test_capturing_lambdas_are_found(self):
        for code in ("co_await f([x] { return x; });", "co_await f([&](int a) { return a; });"):
            self.assertEqual(len(self.check(code)), 1, code)

    def test_a_capturing_lambda_that_is_a_coroutine_is_found(self):
        self.assertEqual(len(self.check("spawn([this]() -> asio::awaitable<void> { co_return; });")), 1)
        self.assertEqual(self.check("spawn([](A a) -> awaitable<void> { co_return; });"), [])

    def test_json_is_written_in_one_place(self):
        files = {"src/api/a.cc": "x = json::serialize(y); z = json_text(y); w = serialize(job);",
                 "src/base/json_text.cc": "return boost::json::serialize(value);",
                 "src/api/b.cc": "// json::serialize(x)"}
        found = on(tidy.check_json_text, files)
        self.assertEqual(len(found), 1)
        self.assertIn("src/api/a.cc:1:", found[0])

    def test_detached_may_stand_in_one_file(self):
        one = {"src/http/a.cc": "co_spawn(x, asio::detached);"}
        self.assertEqual(on(tidy.check_detached, one), [])
        both = {**one, "src/http/b.cc": "asio::detached", "src/http/c.cc": "// detached"}
        self.assertEqual(len(on(tidy.check_detached, both)), 2)


class Conformance(unittest.TestCase):
    TESTS = {"tests/x/a_test.cc": "// K-01\nTEST_F(Suite, Name) {}\n",
             "tests/e2e/test_b.py": "class One(X):\n    def test_k02(self):\n        pass\n\n\nclass Two(X):\n    pass\n"}

    def on(self, row):
        table = f"| feature | status | note | tests |\n|---|---|---|---|\n{row}\n"
        return on(tidy.check_conformance, {tidy.CONFORMANCE: table, **self.TESTS})

    def test_rows_whose_tests_exist_are_fine(self):
        for row in ("| x | yes | | `a_test:Suite.Name`, `test_b:One.test_k02` |", "| x | no | not yet | |",
                    "| K-01 x | partly | y | `test_b:One.test_k02`, `a_test:Suite.Name` |",
                    "| K-02 x | yes | | `test_b:One.test_k02` |", "| K-03 x | measured | z | |"):
            self.assertEqual(self.on(row), [], row)

    def test_tests_that_do_not_exist_are_found(self):
        for test in ("a_test:Suite.Names", "b_test:Suite.Name", "test_b:Two.test_k02", "test_b:One.test_k0"):
            self.assertEqual(self.on(f"| x | yes | | `{test}` |"),
                             [f"{tidy.CONFORMANCE}:3: there is no test {test}"])

    def test_support_without_a_test_and_other_words_are_found(self):
        for row in ("| x | yes | | |", "| x | partly | y | |", "| x | maybe | | |", "| x | yes | `a_test:Suite.Name` |",
                    "| x | no | | `a_test` |", "| K-03 x | yes | | `a_test:Suite.Name` |"):
            self.assertEqual(len(self.on(row)), 1, row)


class Links(unittest.TestCase):
    def test_a_link_to_nothing_is_found(self):
        files = {"README.md": "[a](docs/a.md#x) [b](docs) [c](https://x.example/y) [d](#here)\n",
                 "docs/a.md": "[up](../README.md)\n[gone](b.md)\n"}
        self.assertEqual(on(tidy.check_links, files), ["docs/a.md:2: there is no b.md"])

    def test_a_source_that_is_not_there_is_found(self):
        files = {"docs/a.md": "`src/a/a.h` has it, `tests/a_test.cc: Suite` shows it\n", "src/a/a.h": "// x\n"}
        self.assertEqual(on(tidy.check_links, files), ["docs/a.md:1: there is no tests/a_test.cc"])


class Files(unittest.TestCase):
    def test_a_header_needs_pragma_once(self):
        self.assertEqual(on(tidy.check_pragma_once, {"a.h": "// x\n#pragma once\n"}), [])
        self.assertEqual(len(on(tidy.check_pragma_once, {"a.h": "// x\n#include <a>\n"})), 1)

    def test_a_test_nobody_registers_is_found(self):
        files = {"tests/fhir/CMakeLists.txt": "sluice_test(fhir_test SOURCES a_test.cc)\n# b_test.cc\n",
                 "tests/fhir/a_test.cc": "", "tests/fhir/b_test.cc": "", "tests/e2e/test_x.py": "",
                 "tests/fhir/a_fuzz.cc": ""}
        found = on(tidy.check_registration, files)
        looped = {"tests/fhir/CMakeLists.txt": "foreach(name a)\nadd_executable(${name}_fuzz)\n",
                  "tests/fhir/a_fuzz.cc": ""}
        self.assertEqual(on(tidy.check_registration, looped), [])
        self.assertEqual([line.split(":")[0] for line in found],
                         ["tests/fhir/b_test.cc", "tests/e2e/test_x.py", "tests/fhir/a_fuzz.cc"])

    def test_a_long_file_is_found(self):
        self.assertEqual(on(tidy.check_length, {"src/a/a.cc": "\n" * 500}), [])
        self.assertEqual(len(on(tidy.check_length, {"src/a/a.cc": "\n" * 501})), 1)

    def test_a_file_begins_with_a_comment(self):
        fine = {"src/a/a.h": "// x\n", "src/a/a.cc": '#include "a/a.h"\n', "b.py": '#!/x\n"""x"""\n',
                "tests/a/a_test.cc": '#include "a/a.h"\n', "CMakeLists.txt": "# x\n"}
        self.assertEqual(on(tidy.check_first_comment, fine), [])
        bad = {"src/a/a.h": "#pragma once\n", "src/a/b.cc": "#include <a>\n", "b.py": "import os\n"}
        self.assertEqual(len(on(tidy.check_first_comment, bad)), 3)

    def test_white_space_at_the_end_is_found(self):
        self.assertEqual(on(tidy.check_white_space, {"a.md": "a\nb\n"}), [])
        self.assertEqual(on(tidy.check_white_space, {"a.md": "a\nb \nc"}),
                         ["a.md:2: white space at the end of the line",
                          "a.md:3: no line break at the end of the file"])

    def test_a_folder_beside_the_clone_is_found(self):
        beside = "../" + "shared"
        self.assertEqual(on(tidy.check_clone, {"tests/CMakeLists.txt": f'# x\nset(D "${{ROOT}}/{beside}/data")\n'}),
                         [f"tests/CMakeLists.txt:2: '{beside}' is outside of the clone"])
        self.assertEqual(on(tidy.check_clone, {".ci/run": f"./dev test --shared {beside}\n", "a.md": "shared/x\n"}), [])

    def test_words_and_places_are_found(self):
        for word in tidy.FORBIDDEN_WORDS:
            self.assertEqual(len(on(tidy.check_words, {"a.cc": f"// {word}: x\n"})), 1, word)
        for place in tidy.FORBIDDEN_PATHS:
            self.assertEqual(len(on(tidy.check_words, {"a.cc": f'open("{place}x")\n'})), 1, place)
        fine = {"a.cc": "mkstemp(\"/tmp/a" + "X" * 6 + "\"); // src/work/x, ${root}/work/x\n"}
        self.assertEqual(on(tidy.check_words, fine), [])


if __name__ == "__main__":
    unittest.main()
