#!/usr/bin/env python3
"""Makes the C++ headers of the search tables: embed.py <folder of the .tsv files> <folder to write to>."""

import sys
from pathlib import Path


def read_table(path, columns):
    """The rows behind the comment and the header line, as lists of cells."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("#") and lines[1].split("\t") == columns, path
    rows = [line.split("\t") for line in lines[2:]]
    assert all(len(row) == len(columns) for row in rows), path
    assert len({(row[0], row[1]) for row in rows}) == len(rows), f"{path}: something stands there twice"
    return rows


def write_header(path, includes, row_type, name, rows):
    out = ["// Made by src/search/r4/embed.py from the table beside it.\n#pragma once\n\n",
           f'#include "{includes}"\n\nnamespace sluice::search {{\n\n',
           f"inline constexpr {row_type} {name}[] = {{\n"]
    for row in rows:
        cells = ", ".join(f'"{cell}"' for cell in row)
        out.append(f"    {{{cells}}},\n")
    out.append("};\n\n}  // namespace sluice::search\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(out), encoding="utf-8")


def main():
    tables, headers = Path(sys.argv[1]), Path(sys.argv[2])
    parameters = read_table(tables / "search_parameters.tsv",
                            ["base", "name", "type", "targets", "paths", "components", "definition"])
    compartments = read_table(tables / "compartments.tsv", ["compartment", "type", "parameters"])
    references = {(row[0], row[1]) for row in parameters if row[2] == "reference"}
    assert all((row[1], name) in references for row in compartments for name in row[2].split(","))
    write_header(headers / "search_parameter_table.h", "search/parameter_table.h", "TableRow", "kTableRows",
                 parameters)
    write_header(headers / "compartment_table.h", "search/parameter_table.h", "CompartmentRow", "kCompartmentRows",
                 compartments)


main()
