#!/usr/bin/env python3
"""Makes the C++ header of the R4 tables: embed.py <folder of the .tsv files> <header to write>."""

import sys
from pathlib import Path

NAMED_TYPES = ["Patient", "Group", "Binary", "Bundle", "Provenance", "Device", "ViewDefinition"]


def read_table(path):
    """The rows behind the comment and the header line, as lists of cells."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("#"), path
    return [line.split("\t") for line in lines[2:]]


def split(cell):
    return [part for part in cell.split(",") if part]


def strings(values):
    return ", ".join(f'"{value}"' for value in values)


def array(kind, name, body, count):
    """An empty array is not C++: a type without entries gets an empty span."""
    if count == 0:
        return f"inline constexpr std::span<const {kind}> {name}{{}};\n"
    return f"inline constexpr {kind} {name}[] = {{{body}}};\n"


# As in root_elements.tsv. A choice's kind is its type's; one not named here is an object.
KINDS = {"b": "kBoolean", "n": "kNumber", "s": "kString", "o": "kObject"}
CHOICE_KINDS = {"Boolean": "b", **dict.fromkeys(("Decimal", "Integer", "PositiveInt", "UnsignedInt"), "n"),
                **dict.fromkeys(("Base64Binary", "Canonical", "Code", "Date", "DateTime", "Id", "Instant", "Markdown",
                                 "Oid", "String", "Time", "Uri", "Url", "Uuid"), "s")}


def root_elements(cell):
    """(element as it stands in JSON, name of the choice it belongs to or "", kind, whether it repeats)."""
    for element in split(cell):
        if "[x]:" in element:
            choice, types = element.split("[x]:")
            for name in types.split("|"):
                yield choice + name, choice, KINDS[CHOICE_KINDS.get(name, "o")], "false"
        else:
            name, kind = element.split(":")
            yield name, "", KINDS[kind[0]], "true" if kind.endswith("*") else "false"


def links(rows):
    """The table of elements that are links, as C++ lines."""
    for number, (_, but_in) in enumerate(rows):
        yield array("std::string_view", f"kNoLinkIn{number}", strings(split(but_in)), len(split(but_in)))
    body = ", ".join(f'{{"{name}", kNoLinkIn{number}}}' for number, (name, _) in enumerate(rows))
    yield f"inline constexpr LinkElement kLinkElements[] = {{{body}}};\n"


def main():
    folder, header = Path(sys.argv[1]), Path(sys.argv[2])
    types = read_table(folder / "resource_types.tsv")
    elements = dict(read_table(folder / "root_elements.tsv"))
    compartment = dict(read_table(folder / "patient_compartment.tsv"))
    summary = {row[0]: (row + [""])[1] for row in read_table(folder / "summary_elements.tsv")}
    attachments = dict(read_table(folder / "attachments.tsv"))
    link_rows = [(row + [""])[:2] for row in read_table(folder / "link_elements.tsv")]
    names = [name for _, name, _ in types]
    codes = {name: int(number) for number, name, _ in types}
    assert names == sorted(names) and len(set(codes.values())) == len(names)
    assert set(elements) == set(names) == set(summary) and set(compartment) <= set(names)
    assert set(attachments) <= set(names)
    assert [name for name, _ in link_rows] == sorted(name for name, _ in link_rows)

    out = ["// Made by src/fhir/r4/embed.py from the tables beside it.\n#pragma once\n\n",
           '#include "fhir/r4_tables.h"\n\nnamespace sluice::fhir::r4 {\n\n']
    rows = []
    for number, name, mandatory in types:
        roots = list(root_elements(elements[name]))
        paths = split(compartment.get(name, ""))
        out.append(array("std::string_view", f"kMandatory{name}", strings(split(mandatory)),
                         len(split(mandatory))))
        out.append(array("RootElement", f"kRoot{name}",
                         ", ".join(f'{{"{name}", "{choice}", JsonKind::{kind}, {repeats}}}'
                                   for name, choice, kind, repeats in roots), len(roots)))
        in_summary = split(summary[name])
        out.append(array("std::string_view", f"kSummary{name}", strings(in_summary), len(in_summary)))
        out.append(array("std::string_view", f"kPaths{name}", strings(paths), len(paths)))
        attached = split(attachments.get(name, ""))
        out.append(array("std::string_view", f"kAttachments{name}", strings(attached), len(attached)))
        rows.append(f'    {{ResourceType{{{number}}}, "{name}", kMandatory{name}, kSummary{name}, kRoot{name}, '
                    f"kPaths{name}, kAttachments{name}}},\n")
    out.extend(links(link_rows))
    out.append(f"\ninline constexpr TypeRow kRows[] = {{\n{''.join(rows)}}};\n")
    all_types = ", ".join(f"ResourceType{{{number}}}" for number, _, _ in types)
    out.append(f"inline constexpr ResourceType kTypes[] = {{{all_types}}};\n")
    for name in NAMED_TYPES:
        out.append(f"inline constexpr ResourceType k{name}{{{codes[name]}}};\n")
    out.append("\n}  // namespace sluice::fhir::r4\n")
    header.parent.mkdir(parents=True, exist_ok=True)
    header.write_text("".join(out), encoding="utf-8")


main()
