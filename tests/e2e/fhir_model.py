"""What an export must hold, worked out from the standard's words and apart from the server's code.

A small evaluator of the R4 patient compartment, of references and of the export's scopes on plain
Python objects. It is slow and simple on purpose.
"""
import json
import re

# The root-anchored paths of the search parameters that make the R4 patient compartment
# (http://hl7.org/fhir/R4/compartmentdefinition-patient.html with the parameters' expressions), and Device.patient,
# which the server adds to it.
COMPARTMENT_PATHS = {
    "Account": "subject", "AdverseEvent": "subject",
    "AllergyIntolerance": "patient recorder asserter", "Appointment": "participant.actor",
    "AppointmentResponse": "actor", "AuditEvent": "agent.who entity.what",
    "Basic": "subject author", "BodyStructure": "patient",
    "CarePlan": "subject activity.detail.performer", "CareTeam": "subject participant.member",
    "ChargeItem": "subject", "Claim": "patient payee.party", "ClaimResponse": "patient",
    "ClinicalImpression": "subject", "Communication": "subject sender recipient",
    "CommunicationRequest": "subject sender recipient requester",
    "Composition": "subject author attester.party", "Condition": "subject asserter",
    "Consent": "patient", "Coverage": "policyHolder subscriber beneficiary payor",
    "CoverageEligibilityRequest": "patient", "CoverageEligibilityResponse": "patient",
    "DetectedIssue": "patient", "Device": "patient", "DeviceRequest": "subject performer",
    "DeviceUseStatement": "subject", "DiagnosticReport": "subject",
    "DocumentManifest": "subject author recipient", "DocumentReference": "subject author",
    "Encounter": "subject", "EnrollmentRequest": "candidate", "EpisodeOfCare": "patient",
    "ExplanationOfBenefit": "patient payee.party", "FamilyMemberHistory": "patient",
    "Flag": "subject", "Goal": "subject", "ImagingStudy": "subject", "Immunization": "patient",
    "ImmunizationEvaluation": "patient", "ImmunizationRecommendation": "patient",
    "Invoice": "subject recipient", "List": "subject source", "MeasureReport": "subject",
    "Media": "subject", "MedicationAdministration": "subject performer.actor",
    "MedicationDispense": "subject receiver", "MedicationRequest": "subject",
    "MedicationStatement": "subject", "MolecularSequence": "patient",
    "NutritionOrder": "patient", "Observation": "subject performer", "Patient": "link.other",
    "Person": "link.target", "Procedure": "subject performer.actor", "Provenance": "target",
    "QuestionnaireResponse": "subject author", "RelatedPerson": "patient",
    "RequestGroup": "subject action.participant", "ResearchSubject": "individual",
    "RiskAssessment": "subject", "Schedule": "actor", "ServiceRequest": "subject performer",
    "Specimen": "subject", "SupplyDelivery": "patient", "SupplyRequest": "deliverTo",
    "Task": "for focus", "VisionPrescription": "patient",
}
# Never taken along because something refers to them.
NEVER_SUPPORTING = {"Group", "Binary", "Bundle"}
# In a compartment when it has a patient, else taken along when something refers to it.
BOTH = {"Device"}

# Mandatory root elements of the types the tests project (P-06).
MANDATORY = {
    "Patient": set(), "Observation": {"status", "code"}, "Encounter": {"status", "class"},
    "Condition": {"subject"}, "Procedure": {"status", "subject"},
    "Immunization": {"status", "vaccineCode", "patient", "occurrence[x]"},
    "MedicationRequest": {"status", "intent", "medication[x]", "subject"},
    "Practitioner": set(), "Organization": set(), "Device": set(),
}
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
             "code": "SUBSETTED"}

REFERENCE = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")


class Digits(str):
    """A number by its digits: 1.50 and 1.5 are not the same here (F-05)."""


def parse_exactly(line):
    """JSON with numbers as they are written and members in their order."""
    return json.loads(line, parse_float=Digits, parse_int=Digits)


def without_version(resource):
    """A parsed resource without meta.versionId and meta.lastUpdated, and without an empty meta."""
    resource = dict(resource)
    if "meta" in resource:
        meta = {name: value for name, value in resource["meta"].items()
                if name not in ("versionId", "lastUpdated")}
        if meta:
            resource["meta"] = meta
        else:
            del resource["meta"]
    return resource


def in_order(value):
    """A form that compares members' order too."""
    if isinstance(value, dict):
        return tuple((name, in_order(item)) for name, item in value.items())
    if isinstance(value, list):
        return [in_order(item) for item in value]
    return value


def resolve(reference):
    """(type, id) of a relative reference, or None."""
    found = REFERENCE.fullmatch(reference)
    return (found.group(1), found.group(2)) if found else None


def walk(value, path):
    """The values at a dotted path, through lists."""
    if isinstance(value, list):
        for item in value:
            yield from walk(item, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from walk(value[path[0]], path[1:])


def owners(resource):
    """The ids of the patients in whose compartments the resource is."""
    found = {resource["id"]} if resource["resourceType"] == "Patient" else set()
    for path in COMPARTMENT_PATHS.get(resource["resourceType"], "").split():
        for value in walk(resource, path.split(".")):
            key = resolve(value.get("reference", "")) if isinstance(value, dict) else None
            if key and key[0] == "Patient":
                found.add(key[1])
    return found


def references(value):
    """Every (type, id) that a resource refers to, at any depth."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        text = value.get("reference")
        if isinstance(text, str) and (key := resolve(text)):
            yield key
        for item in value.values():
            yield from references(item)


def supporting_references(resource):
    return {key for key in references(resource)
            if key[0] in BOTH or (key[0] not in COMPARTMENT_PATHS and key[0] not in NEVER_SUPPORTING)}


def is_now_within(period, now):
    """Whether FHIR's period contains the instant; days and instants are compared as text of UTC."""
    start, end = period.get("start", ""), period.get("end", "9999")
    return start <= now and now <= end + "~"


def group_members(resources, group_id, now, seen=()):
    """The patients' ids that count as members at `now` (an instant as text), nested groups resolved."""
    members = set()
    for member in resources["Group", group_id].get("member", []):
        if member.get("inactive") or not is_now_within(member.get("period", {}), now):
            continue
        key = resolve(member["entity"].get("reference", ""))
        if key and key[0] == "Patient":
            members.add(key[1])
        elif key and key[0] == "Group" and key in resources and key[1] not in seen:
            members |= group_members(resources, key[1], now, (*seen, group_id))
    return members


class Model:
    """A set of resources by (type, id), and what exports of it hold."""

    def __init__(self, resources, now="2026"):
        self.resources, self.now = resources, now
        self.owners = {key: owners(resource) for key, resource in resources.items()}

    def members(self, group_id):
        return group_members(self.resources, group_id, self.now)

    def system(self, types=None, within=None):
        return sorted(key for key in self.resources if self._wanted(key, types, within))

    def patient(self, types=None, within=None, patients=None):
        """`within` is a set of keys that pass the time filters; `patients` a list of ids."""
        chosen = self._compartments(patients, types, within)
        if patients is None:
            chosen |= {key for key in self.resources
                       if key[0] == "Group" and self._wanted(key, types, within)
                       and any(r[0] == "Patient" for r in references(self.resources[key]))}
        chosen |= self._provenance(patients, types, within)
        return sorted(self._with_supporting(chosen, types, within))

    def group(self, group_id, types=None, within=None, patients=None):
        roster = self.members(group_id)
        if patients is not None:
            roster &= set(patients)
        chosen = self._compartments(roster, types, within)
        key = ("Group", group_id)
        if types and "Group" in types and self._wanted(key, types, within):
            chosen.add(key)
        chosen |= self._provenance(roster, types, within)
        return sorted(self._with_supporting(chosen, types, within))

    def _wanted(self, key, types, within):
        return (types is None or key[0] in types) and (within is None or key in within)

    def _compartments(self, roster, types, within):
        return {key for key, owned_by in self.owners.items()
                if (owned_by if roster is None else owned_by & set(roster))
                and self._wanted(key, types, within)}

    def _provenance(self, roster, types, within):
        """Of what is in the compartments, and of what is taken along because of it (P-08)."""
        there = self._with_supporting(self._compartments(roster, types, None), types, None)
        there |= self._compartments(roster, None, None)
        return {key for key in self.resources
                if key[0] == "Provenance" and self._wanted(key, types, within)
                and any(target in there for target in references(self.resources[key]["target"]))}

    def _with_supporting(self, chosen, types, within):
        waiting = list(chosen)
        while waiting:
            for key in supporting_references(self.resources[waiting.pop()]):
                if key not in chosen and key in self.resources and not self.owners[key] \
                        and self._wanted(key, types, within):
                    chosen.add(key)
                    waiting.append(key)
        return chosen


def project(resource, elements):
    """P-06: `resource` with only these root elements (and what always stays)."""
    name = resource["resourceType"]
    kept = set()
    for element in elements:
        owner, _, root = element.rpartition(".")
        if owner in ("", name):
            kept.add(root)
    if not kept:
        return resource
    kept |= {"resourceType", "id", "meta"} | MANDATORY[name]
    choices = [item.removesuffix("[x]") for item in kept if item.endswith("[x]")]

    def stays(member):
        member = member.removeprefix("_")
        return member in kept or any(re.fullmatch(choice + "[A-Z][A-Za-z]*", member)
                                     for choice in choices)

    projected = {member: value for member, value in resource.items() if stays(member)}
    meta = dict(projected.get("meta", {}))
    meta["tag"] = meta.get("tag", []) + [SUBSETTED]
    projected["meta"] = meta
    return projected
