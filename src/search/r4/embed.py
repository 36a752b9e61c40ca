#!/usr/bin/env python3
"""Makes the C++ header of the search parameters: embed.py <search_parameters.tsv> <header to write>."""

import sys
from pathlib import Path


def main():
    table, header = Path(sys.argv[1]), Path(sys.argv[2])
    lines = table.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("#") and lines[1].split("\t")[0] == "base", table
    rows = [line.split("\t") for line in lines[2:]]
    assert all(len(row) == 7 for row in rows), table
    assert len({(row[0], row[1]) for row in rows}) == len(rows), "a parameter stands there twice"
    out = ["// Made by src/search/r4/embed.py from the table beside it.\n#pragma once\n\n",
           '#include "search/parameter_table.h"\n\nnamespace sluice::search {\n\n',
           "inline constexpr TableRow kTableRows[] = {\n"]
    for row in rows:
        cells = ", ".join(f'"{cell}"' for cell in row)
        out.append(f"    {{{cells}}},\n")
    out.append("};\n\n}  // namespace sluice::search\n")
    header.parent.mkdir(parents=True, exist_ok=True)
    header.write_text("".join(out), encoding="utf-8")


main()
