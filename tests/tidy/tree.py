"""The project's files and modules as the house rules see them, and what a rule finds."""
import os
import re
from typing import Iterator, NamedTuple

SKIPPED_FOLDERS = {".git", "build", "__pycache__", ".cache", "corpus"}
# Files that are text, by the end of their names.
TEXT_NAMES = (".cc", ".h", ".py", ".sh", ".cmake", ".txt", ".md", ".toml", ".json", ".yml", ".yaml",
              ".tsv", ".svg", ".service", ".1", "dev", "run", "LICENSE", ".clang-format", ".clang-tidy", ".gitignore")


class Finding(NamedTuple):
    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


class Tree:
    """The project's text files by path relative to the root, with '/' between folders."""

    def __init__(self, files: dict[str, str]):
        self.files = files

    @classmethod
    def read(cls, root: str) -> "Tree":
        files = {}
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
            for name in sorted(names):
                if not name.endswith(TEXT_NAMES):
                    continue
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8", errors="replace") as file:
                    files[os.path.relpath(path, root).replace(os.sep, "/")] = file.read()
        return cls(files)

    def matching(self, pattern: str) -> Iterator[tuple[str, str]]:
        for path, text in self.files.items():
            if re.fullmatch(pattern, path):
                yield path, text

    def modules(self) -> dict[str, "Module"]:
        """By name, which is the folder below src/; folders that declare none are left out."""
        found = (Module(path.split("/", 1)[1].rpartition("/")[0], path, text)
                 for path, text in self.matching(r"src/.+/CMakeLists\.txt"))
        return {module.name: module for module in found if module.declared}


class Module:
    """What a module's CMakeLists.txt says: its name, its DEPS and the line they stand on."""

    def __init__(self, name: str, path: str, text: str):
        self.name, self.path, self.text = name, path, text
        uncommented = re.sub(r"#[^\n]*", "", text)
        call = re.search(r"\bsluice_module\s*\(([^)]*)\)", uncommented)
        self.declared = call is not None
        self.line, self.deps = 1, []
        if call:
            self.line = uncommented.count("\n", 0, call.start()) + 1
            words, in_deps = call.group(1).split(), False
            for word in words[1:]:
                if word in ("SOURCES", "DEPS", "LIBS"):
                    in_deps = word == "DEPS"
                elif in_deps:
                    self.deps.append(word)


def module_of(path: str, modules: dict[str, Module]) -> Module | None:
    """The module whose folder a path below src/ is in."""
    folder = path.rpartition("/")[0]
    while folder and folder not in modules:
        folder = folder.rpartition("/")[0]
    return modules.get(folder)


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def without_comments_and_strings(text: str) -> str:
    """C++ with comments and the insides of literals blanked; every line and column stays in place."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"([^(\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
        r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)

    def blank(match):
        return re.sub(r"[^\n\"']", " ", match.group(0)) if match.group(0)[0] in "\"'R" else \
            re.sub(r"[^\n]", " ", match.group(0))

    return pattern.sub(blank, text)


def closing(text: str, start: int) -> int:
    """The offset of the bracket that closes the one at `start`; the end of the text if none does."""
    depth = 0
    for offset in range(start, len(text)):
        if text[offset] in "([{":
            depth += 1
        elif text[offset] in ")]}":
            depth -= 1
            if depth == 0:
                return offset
    return len(text)
