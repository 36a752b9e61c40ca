"""The house rules on layers: who includes whom, and where a handler may look."""
import re
from typing import Iterator

from tree import Finding, Module, Tree, line_of, module_of


def check_includes(tree: Tree) -> Iterator[Finding]:
    """A source includes only its own module and those its DEPS name."""
    modules = tree.modules()
    for path, text in tree.matching(r"src/.*\.(h|cc)"):
        module = module_of(path.removeprefix("src/"), modules)
        if module is None:
            yield Finding(path, 1, f"{path.rpartition('/')[0]} has no sluice_module(...) that lists it")
            continue
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', text, re.M):
            name, line = match.group(1), line_of(text, match.start())
            other = module_of(name, modules)
            if "/" not in name and name in module.text:
                continue  # a header that the module's own CMakeLists.txt generates
            if "/" not in name or ".." in name.split("/"):
                yield Finding(path, line, f'"{name}" is not a full path from src/')
            elif other is None:
                yield Finding(path, line, f'"{name}": there is no module {name.rpartition("/")[0]}')
            elif other is not module and other.name not in module.deps:
                allowed = ", ".join(module.deps) or "nothing"
                yield Finding(path, line, f'"{name}": {module.name} may include only itself and its '
                                          f"DEPS ({allowed})")


def check_dependencies(tree: Tree) -> Iterator[Finding]:
    """DEPS name modules, no module needs itself by way of others, and none stands within another."""
    modules = tree.modules()
    for module in modules.values():
        outer = module_of(module.name, modules)
        if outer is not None:
            yield Finding(module.path, module.line, f"{module.name} stands within the module {outer.name}, whose "
                                                    "include root would show it")
        for dep in module.deps:
            if dep not in modules:
                yield Finding(module.path, module.line, f"DEPS: there is no module {dep}")
        reached, waiting = set(), list(module.deps)
        while waiting:
            dep = waiting.pop()
            if dep not in reached and dep in modules:
                reached.add(dep)
                waiting.extend(modules[dep].deps)
        if module.name in reached:
            yield Finding(module.path, module.line, f"{module.name} depends on itself by way of others")


def read_layer_table(text: str) -> dict[str, tuple[int, set[str] | None]]:
    """Rows "| `module` | owns | may include |" as line and names; None stands for "all".

    A name may be given as "`src/name`", "`name/*`" stands for the modules below a folder whose rows come before, and
    "all above" means the rows before.
    """
    rows: dict[str, tuple[int, set[str] | None]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.lstrip().startswith("|") or len(cells) != 3:
            continue
        names = re.findall(r"`(?:src/)?([a-z_/]+)`", cells[0])
        if not names or not re.fullmatch(r"[a-z_`, /*]*", cells[2]):
            continue
        may = cells[2].replace("`", "").strip()
        if may == "all":
            allowed = None
        elif may == "all above":
            allowed = set(rows)
        else:
            allowed = set()
            for name in filter(None, (name.strip() for name in may.split(","))):
                below = name.removesuffix("*")
                allowed.update([name] if below == name else (row for row in rows if row.startswith(below)))
        for name in dict.fromkeys(names):
            rows[name] = (number, allowed)
    return rows


def check_layer_table(tree: Tree) -> Iterator[Finding]:
    """The DEPS of each module are what docs/architecture.md says."""
    document = "docs/architecture.md"
    if document not in tree.files:
        return
    rows = read_layer_table(tree.files[document])
    for module in tree.modules().values():
        if module.name not in rows:
            yield Finding(document, 1, f"the table of layers has no row for {module.name}")
            continue
        line, allowed = rows[module.name]
        for dep in module.deps:
            if allowed is not None and dep != "base" and dep not in allowed:
                yield Finding(module.path, module.line,
                              f"DEPS names {dep}, but {document}:{line} does not allow it")


# Routes whose handlers are given the whole store: what a job shows is limited by what it keeps, and each entry of a
# Bundle by a store of its own. $sql-run reads what an export of its own could, by the same limits. The kinds of jobs
# bring routes of their own (api::JobRoute).
JOB_ROUTES = {"export_status", "export_result", "export_delete", "export_file", "bundle", "sql_run"}


def check_routes(tree: Tree) -> Iterator[Finding]:
    """Handlers see the store through the service they are given, which knows the scopes' queries."""
    for path, text in tree.matching(r"src/api/routes.*\.cc"):
        for match in re.finditer(r"\[[^\[\]\n]*&service(?! = service_)[^\[\]\n]*\]\s*\(", text):
            yield Finding(path, line_of(text, match.start()),
                          "a handler captures a service: it may use only the one it is given, which shows "
                          "what the caller's scopes cover")
        for match in re.finditer(r"\.add\(([^;{]*?)Access::k(Job|File|Attachment)\b", text):
            names = re.findall(r'"([a-z_]+)"', match.group(1))
            for name in names:
                if name not in JOB_ROUTES:
                    yield Finding(path, line_of(text, match.start()),
                                  f"the route {name} is given the whole store: use Access::kClient")


# Headers that only their own module and its tests may include: what they say of stored bytes is nobody else's.
PRIVATE_HEADERS = ("job/documents.h",)


def check_private_headers(tree: Tree) -> Iterator[Finding]:
    """Nothing outside `job` reads or writes the documents of the job engine."""
    for path, text in tree.matching(r"(src|bench|tools)/.*\.(h|cc)"):
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', text, re.M):
            module = match.group(1).split("/")[0]
            if match.group(1) in PRIVATE_HEADERS and not path.startswith(f"src/{module}/"):
                yield Finding(path, line_of(text, match.start()),
                              f'"{match.group(1)}" is for {module} alone: ask what it offers instead')


# Libraries that a module wraps, by the first folder of their headers: nobody else in src includes them.
WRAPPED = {"curl": "transport", "cjose": "jose", "rocksdb": "store/rocksdb"}


def check_wrapped_libraries(tree: Tree) -> Iterator[Finding]:
    """A library that is wrapped is known to its wrapper alone, which keeps what the others rely on."""
    for path, text in tree.matching(r"src/.*\.(h|cc)"):
        for match in re.finditer(r"^[ \t]*#[ \t]*include[ \t]*[<\"](\w+)/", text, re.M):
            wrapper = WRAPPED.get(match.group(1))
            if wrapper and not path.startswith(f"src/{wrapper}/"):
                yield Finding(path, line_of(text, match.start()),
                              f"{match.group(1)} is for {wrapper} alone: ask what it offers instead")
