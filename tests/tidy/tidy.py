#!/usr/bin/env python3
"""The house rules that no compiler checks: layers, sizes, registration of tests, words and places.

usage: tidy.py ROOT

Prints `file:line: what is wrong` for each breach and ends with 1 when there is one. Each rule is a
function that takes the Tree and yields Findings; test_tidy.py proves that each finds what it should.
"""
import os
import re
import sys
from typing import Iterator

from layers import (check_dependencies, check_includes, check_layer_table, check_private_headers, check_routes,
                    check_wrapped_libraries)
from tree import Finding, Tree, closing, line_of, without_comments_and_strings

LINES_MAX = 500
# A file may be longer only with a reason that a reader accepts.
LONG_FILES: dict[str, str] = {}

# Words that are put together here, so that this file does not contain them.
FORBIDDEN_WORDS = ("TO" + "DO", "FIX" + "ME", "X" * 3)
BESIDE = r"\.\./" + "shared"
FORBIDDEN_PATHS = tuple("/" + name + "/" for name in ("work", "root"))


# ---- C++ ----

def check_pragma_once(tree: Tree) -> Iterator[Finding]:
    for path, text in tree.matching(r".*\.h"):
        code = without_comments_and_strings(text).split()
        if code[:2] != ["#pragma", "once"]:
            yield Finding(path, 1, "a header starts with #pragma once after its comment")


def end_of_expression(code: str, start: int) -> int:
    """Where the expression that begins at `start` ends: at ';', or where an outer bracket closes."""
    offset = start
    while offset < len(code):
        if code[offset] in ";)]}":
            return offset
        if code[offset] in "([{":
            offset = closing(code, offset)
        offset += 1
    return offset


LAMBDA = re.compile(r"(?<![\w\])])\[([^\[\]]*)\]\s*(?=[({]|mutable|noexcept|->)")


def without_lambda_bodies(code: str) -> str:
    """Blanks from each lambda's parameters to the end of its body; the capture list stays."""
    for match in reversed(list(LAMBDA.finditer(code))):
        offset = match.end()
        while offset < len(code) and code[offset] != "{":
            offset = closing(code, offset) + 1 if code[offset] == "(" else offset + 1
        code = code[:match.end()] + " " + code[min(closing(code, offset) + 1, len(code)):]
    return code


def check_await_temporaries(tree: Tree) -> Iterator[Finding]:
    """g++ 12 destroys brace-built temporaries and capturing lambdas in a co_await twice."""
    for path, text in tree.matching(r"(src|tests|bench)/.*\.(h|cc)"):
        code = without_comments_and_strings(text)
        for match in re.finditer(r"\bco_(?:await|yield)\b", code):
            line = line_of(code, match.start())
            expression = code[match.end():end_of_expression(code, match.end())]
            captures = [m.group(1).strip() for m in LAMBDA.finditer(expression)]
            if any(captures):
                yield Finding(path, line, "co_await with a capturing lambda: name the lambda first and "
                                          "std::move it")
            if "{" in without_lambda_bodies(expression):
                yield Finding(path, line, "co_await with a brace-built temporary: name the object first "
                                          "and std::move it")
        for match in LAMBDA.finditer(code):
            if match.group(1).strip() and re.match(
                    r"\s*(?:\([^()]*(?:\([^()]*\)[^()]*)*\))?\s*(?:mutable\s*)?(?:noexcept\s*)?"
                    r"->\s*[\w:]*awaitable\s*<", code[match.end():]):
                yield Finding(path, line_of(code, match.start()),
                              "a capturing lambda is a coroutine: its captures die with the lambda; make "
                              "it a function with parameters by value")


def check_detached(tree: Tree) -> Iterator[Finding]:
    """Whatever is spawned belongs to a group; the group alone says `detached`."""
    found = []
    for path, text in tree.matching(r"src/.*\.(h|cc)"):
        match = re.search(r"\bdetached\b", without_comments_and_strings(text))
        if match:
            found.append(Finding(path, line_of(text, match.start()),
                                 "'detached' may stand in one file only"))
    if len(found) > 1:
        yield from found


# Where JSON may be written: elsewhere text that is not UTF-8 would get into it. The client checks what servers say
# before it keeps it.
JSON_WRITERS = r"src/(base/json_text\.cc|client/.*)"


def check_json_text(tree: Tree) -> Iterator[Finding]:
    """JSON is written by json_text() and json_string() of base, whose texts are valid whatever they are made of."""
    for path, text in tree.matching(r"src/.*\.(h|cc)"):
        if re.fullmatch(JSON_WRITERS, path):
            continue
        for match in re.finditer(r"\bjson::serialize\s*\(", without_comments_and_strings(text)):
            yield Finding(path, line_of(text, match.start()), "use json_text() or json_string() of base/json_text.h")


# ---- tests ----

def names_test(cmake: str, stem: str) -> bool:
    """Whether the text names `reader_fuzz`, or `reader` and a loop that appends `_fuzz`."""
    def has(word):
        return re.search(r"(?<![\w-])" + re.escape(word) + r"(?![\w-])", cmake) is not None
    kind = stem[stem.rfind("_"):]
    return has(stem) or (f"}}{kind}" in cmake and has(stem.removesuffix(kind)))


def check_registration(tree: Tree) -> Iterator[Finding]:
    """A test that no CMakeLists.txt names never runs."""
    pattern = r"(tests|bench)/.*(_test\.cc|_fuzz\.cc|_bench\.cc|/test_[^/]*\.py)"
    for path, _ in tree.matching(pattern):
        folder, name = path.rsplit("/", 1)
        stem = name.rsplit(".", 1)[0]
        named = False
        while folder and not named:
            cmake = re.sub(r"#[^\n]*", "", tree.files.get(f"{folder}/CMakeLists.txt", ""))
            named = names_test(cmake, stem)
            folder = folder.rpartition("/")[0]
        if not named:
            yield Finding(path, 1, "no CMakeLists.txt registers this test")


# ---- documents ----

CONFORMANCE = "docs/conformance.md"
# What a row of it may say, and whether that wants a test.
STATUSES = {"yes": True, "partly": True, "no": False, "measured": False}


def has_test(text: str, suite: str, name: str) -> bool:
    """Whether a C++ file has TEST(suite, name), or a Python file class `suite` with a method `name`."""
    if re.search(rf"\bTEST(?:_F|_P)?\(\s*{suite},\s*{name}\)", text):
        return True
    body = re.search(rf"^class {suite}\b.*?(?=^\S|\Z)", text, re.M | re.S)
    return body is not None and re.search(rf"^    def {name}\(", body.group(0), re.M) is not None


def check_conformance(tree: Tree) -> Iterator[Finding]:
    """Each row of the tables of what is supported says so in a known word and names tests that exist; a
    row of a requirement (K-01) names one whose file has its id."""
    files: dict[str, list[str]] = {}
    for path, text in tree.matching(r"tests/.*(_test\.cc|/test_[^/]*\.py)"):
        files.setdefault(path.rsplit("/", 1)[-1].rsplit(".", 1)[0], []).append(text)
    for number, line in enumerate(tree.files.get(CONFORMANCE, "").splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().removesuffix("|").removeprefix("|").split("|")]
        if not line.startswith("|") or cells[0] == "feature" or not cells[0].strip("-"):
            continue
        if len(cells) != 4 or cells[1] not in STATUSES:
            yield Finding(CONFORMANCE, number, "a row is | feature | status | note | tests |, its status one of "
                                               + ", ".join(STATUSES))
            continue
        tests = re.findall(r"`(\w+):(\w+)\.(\w+)`", cells[3])
        if len(tests) != cells[3].count("`") // 2:
            yield Finding(CONFORMANCE, number, "a test is named as `file:Suite.Test`")
        if STATUSES[cells[1]] and not tests:
            yield Finding(CONFORMANCE, number, f"'{cells[1]}' without a test that shows it")
        for file, suite, name in tests:
            if not any(has_test(text, suite, name) for text in files.get(file, [])):
                yield Finding(CONFORMANCE, number, f"there is no test {file}:{suite}.{name}")
        row = re.match(r"([A-Z])-([0-9]{2})\b", cells[0])
        if row and tests and not any(re.search("-?".join(row.groups()), text, re.I)
                                     for file, _, _ in tests for text in files.get(file, [])):
            yield Finding(CONFORMANCE, number, f"none of these tests' files names {row.group(0)}")


def check_links(tree: Tree) -> Iterator[Finding]:
    """A document links to files and folders that are there, and names sources that are."""
    for path, text in tree.matching(r".*\.md"):
        for match in re.finditer(r"`((?:src|tests)/[\w./-]+\.\w+)", text):
            if match.group(1) not in tree.files:
                yield Finding(path, line_of(text, match.start()), f"there is no {match.group(1)}")
        for match in re.finditer(r"\]\(([^)#\s]+)", text):
            target = os.path.normpath(os.path.join(os.path.dirname(path), match.group(1))).replace(os.sep, "/")
            if ":" not in match.group(1) and target not in tree.files and not any(
                    name.startswith(target + "/") for name in tree.files):
                yield Finding(path, line_of(text, match.start()), f"there is no {match.group(1)}")


# ---- every file ----

def check_length(tree: Tree) -> Iterator[Finding]:
    for path, text in tree.matching(r".*\.(h|cc|py|sh|cmake)|dev|.*/CMakeLists\.txt"):
        lines = text.count("\n")
        if lines > LINES_MAX and path not in LONG_FILES:
            yield Finding(path, LINES_MAX + 1, f"{lines} lines, more than {LINES_MAX}: look for the "
                                               "second subject")
    for path in LONG_FILES:
        if tree.files.get(path, "").count("\n") <= LINES_MAX:
            yield Finding(path, 1, "stands in the list of long files but is not long")


def check_first_comment(tree: Tree) -> Iterator[Finding]:
    """A file begins with what is here; a .cc that begins with the header of its subject leaves it to
    that header."""
    for path, text in tree.matching(r".*\.(h|cc|py|sh|cmake)|dev|([a-z]+/)?CMakeLists\.txt"):
        lines = text.split("\n")
        header = re.match(r'#include "(?:[^"]*/)?([^"/]+)\.h"', lines[0])
        if path.endswith(".cc") and header and path.rsplit("/", 1)[-1].startswith(header.group(1)):
            continue
        if lines[0].startswith("#!"):
            lines = lines[1:]
        start = lines[0] if lines else ""
        marks = ("//", "/*") if path.endswith((".h", ".cc")) else ("#", '"""', 'r"""')
        if not start.startswith(marks):
            yield Finding(path, 1, "begins without a comment that says what is here")


def check_white_space(tree: Tree) -> Iterator[Finding]:
    for path, text in tree.files.items():
        if path.endswith(".tsv"):  # an empty last column ends with a tab
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip():
                yield Finding(path, number, "white space at the end of the line")
        if text and not text.endswith("\n"):
            yield Finding(path, line_of(text, len(text)), "no line break at the end of the file")


def check_clone(tree: Tree) -> Iterator[Finding]:
    """A clone is whole: only continuous integration looks at what stands beside it, and says so by an option."""
    for path, text in tree.files.items():
        if path == ".ci/run":
            continue
        for match in re.finditer(BESIDE, text):
            yield Finding(path, line_of(text, match.start()), f"'{match.group(0)}' is outside of the clone")


def check_words(tree: Tree) -> Iterator[Finding]:
    words = re.compile(r"\b(" + "|".join(FORBIDDEN_WORDS) + r")\b")
    paths = re.compile(r"(?<![\w.$}/-])(" + "|".join(map(re.escape, FORBIDDEN_PATHS)) + ")")
    for path, text in tree.files.items():
        for match in words.finditer(text):
            yield Finding(path, line_of(text, match.start()),
                          f"'{match.group(1)}': do it or leave it out")
        for match in paths.finditer(text):
            yield Finding(path, line_of(text, match.start()),
                          f"'{match.group(1)}' is a place on one machine only")


RULES = (check_includes, check_dependencies, check_layer_table, check_routes, check_private_headers,
         check_wrapped_libraries, check_pragma_once, check_await_temporaries, check_detached, check_json_text,
         check_registration, check_conformance, check_links, check_length, check_first_comment, check_white_space,
         check_clone, check_words)


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    tree = Tree.read(sys.argv[1])
    findings = [finding for rule in RULES for finding in rule(tree)]
    for finding in findings:
        print(finding)
    print(f"tidy: {len(tree.files)} files, {len(RULES)} rules, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
