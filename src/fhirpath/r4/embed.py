#!/usr/bin/env python3
"""Makes the C++ header of elements.tsv: embed.py <elements.tsv> <header to write>."""

import sys
from pathlib import Path

# The numbers of System's types are those of fhirpath::system in model.h.
SYSTEM = ["Any", "Boolean", "String", "Integer", "Long", "Decimal", "Date", "DateTime", "Time", "Quantity"]
KINDS = {"primitive": "kPrimitive", "complex": "kComplex", "backbone": "kBackbone", "resource": "kResource"}
# What a value of a FHIR type, or of one that specialises it, is without asking.
CONVERSIONS = {"boolean": "Boolean", "string": "String", "uri": "String", "base64Binary": "String", "xhtml": "String",
               "integer": "Integer", "decimal": "Decimal", "date": "Date", "dateTime": "DateTime", "instant": "DateTime",
               "time": "Time", "Quantity": "Quantity"}


def main(table, header):
    rows = [line.split("\t") for line in Path(table).read_text(encoding="utf-8").splitlines()[2:]]
    bases = {name: base for name, base, _, _ in rows}
    numbers = {f"System.{name}": number for number, name in enumerate(SYSTEM)}
    for name in sorted(bases):
        numbers[name] = len(numbers)

    def conversion(name):
        while name and name not in CONVERSIONS:
            name = bases[name]
        return SYSTEM.index(CONVERSIONS[name]) if name else 0

    types, elements, element_types = [], [], []
    for name in SYSTEM:
        types.append(f'{{"{name}", 0, TypeKind::kSystem, {SYSTEM.index(name)}, 0, 0}}')
    for name, base, kind, cell in sorted(rows):
        members = sorted(part.split(":") for part in cell.split(",") if part)
        types.append(f'{{"{name}", {numbers.get(base, 0)}, TypeKind::{KINDS[kind]}, {conversion(name)}, '
                     f'{len(elements)}, {len(members)}}}')
        members.sort(key=lambda member: member[0].removesuffix("[x]"))
        for field, kinds in members:
            names = kinds.rstrip("*").split("|")
            elements.append(f'{{"{field.removesuffix("[x]")}", {len(element_types)}, {len(names)}, '
                            f'{"true" if kinds.endswith("*") else "false"}, '
                            f'{"true" if field.endswith("[x]") else "false"}}}')
            element_types += [str(numbers[kind]) for kind in names]
    text = ["// Made by embed.py from elements.tsv.", "#pragma once", '#include "fhirpath/model.h"',
            "namespace sluice::fhirpath::r4 {",
            "inline constexpr TypeRow kTypes[] = {" + ",\n".join(types) + "};",
            "inline constexpr ElementRow kElements[] = {" + ",\n".join(elements) + "};",
            "inline constexpr TypeId kElementTypes[] = {" + ",".join(element_types) + "};",
            "}  // namespace sluice::fhirpath::r4", ""]
    Path(header).parent.mkdir(parents=True, exist_ok=True)
    Path(header).write_text("\n".join(text), encoding="utf-8")


main(sys.argv[1], sys.argv[2])
