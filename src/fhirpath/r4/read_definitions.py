#!/usr/bin/env python3
"""Makes elements.tsv of R4's definitions: read_definitions.py profiles-types.xml profiles-resources.xml > elements.tsv

Both files are in the download of FHIR R4 (4.0.1), definitions.xml.zip. Only definitions of that version that specialise
another type are read: no profiles, no logical models.
"""
import sys
import xml.etree.ElementTree as xml

SYSTEM = "http://hl7.org/fhirpath/System."


FHIR = "{http://hl7.org/fhir}"


def child(element, name):
    """The value of a child, or "" where there is none."""
    found = element.find(FHIR + name)
    return "" if found is None else found.get("value")


def definitions(paths):
    for path in paths:
        for resource in xml.parse(path).getroot().iter(FHIR + "StructureDefinition"):
            if child(resource, "fhirVersion") == "4.0.1" and child(resource, "kind") != "logical" and \
                    child(resource, "derivation") != "constraint":
                yield resource


def types_of(element):
    reference = child(element, "contentReference")
    if reference:
        return [reference.split("#")[1]]
    types = []
    for code in codes(element):
        if code in ("BackboneElement", "Element") and not child(element, "path").endswith("[x]"):
            code = child(element, "path")
        types.append("System." + code[len(SYSTEM):] if code.startswith(SYSTEM) else code)
    return types


def codes(element):
    return [child(row, "code") for row in element.findall(FHIR + "type")]


def rows(definition):
    """A row for the type and one for each of its elements that have elements of their own."""
    name = child(definition, "type")
    base = child(definition, "baseDefinition").rsplit("/", 1)[-1]
    kind = {"primitive-type": "primitive", "complex-type": "complex", "resource": "resource"}[child(definition, "kind")]
    elements = definition.find(FHIR + "snapshot").findall(FHIR + "element")[1:]
    table = {name: [base, kind, []]}
    for element in elements:
        if codes(element) in (["BackboneElement"], ["Element"]):
            table[child(element, "path")] = [codes(element)[0], "backbone", []]
    for element in elements:
        parent, field = child(element, "path").rsplit(".", 1)
        if kind != "primitive" or field != "value":
            many = "*" if child(element, "max") != "1" else ""
            table[parent][2].append(f"{field}:{'|'.join(types_of(element))}{many}")
    return table


def main(paths):
    print("# From HL7 FHIR R4 4.0.1 (CC0, see README.md). Types, what they specialise, and their elements.")
    print("type\tbase\tkind\telements")
    table = {}
    for definition in definitions(paths):
        table.update(rows(definition))
    for name in sorted(table):
        base, kind, elements = table[name]
        print(name, base, kind, ",".join(elements), sep="\t")


main(sys.argv[1:])
