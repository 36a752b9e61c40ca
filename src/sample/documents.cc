// DocumentReference, the Binary it may point to, imaging reports with an attached form, and the
// Provenance of a document: everything that carries text by the kilobyte.
#include <fmt/format.h>

#include <array>

#include "base/base64.h"
#include "sample/chart.h"

namespace sluice::sample {
namespace {

constexpr auto kSentences = std::to_array<std::string_view>({
    "The patient reports feeling well since the last visit.",
    "No acute distress; alert and oriented to person, place and time.",
    "Lungs clear to auscultation bilaterally, no wheezes or crackles.",
    "Heart sounds regular, no murmur; peripheral pulses palpable.",
    "Abdomen soft, non-tender, bowel sounds present in all quadrants.",
    "Medication list reviewed and reconciled with what is taken at home.",
    "Discussed diet, exercise and sleep; written material handed out.",
    "Family history is unchanged; social history as recorded before.",
    "Temperature 36.8 °C, no rigors; skin warm and dry.",
    "Laboratory results were discussed; see the report for values and ranges.",
    "Follow-up in three months, earlier if symptoms return or worsen.",
    "Allergies verified with the patient: none new.",
    "Ἀσκληπιός protocol – step 2 of 3 completed without complications.",
    "Gait steady; strength 5/5 in all extremities, sensation intact.",
    "Return precautions were explained and understood (\"call any time\").",
});
constexpr auto kKinds = std::to_array<Code>({
    {kLoinc, "11506-3", "Progress note"},
    {kLoinc, "34117-2", "History and physical note"},
    {kLoinc, "11488-4", "Consult note"},
    {kLoinc, "34133-9", "Summary of episode note"},
});
constexpr Code kDischargeSummary{kLoinc, "18842-5", "Discharge summary"};

std::string make_note(Chart& chart, const Visit& visit, Code kind, int sentences) {
  std::string note = fmt::format("{}\n\nPatient: {}\nDate: ", kind.display, chart.person.display);
  append_date(note, day_of(visit.start));
  fmt::format_to(std::back_inserter(note), "\nAuthor: {}\n\n", visit.practitioner->display);
  if (visit.reason)
    fmt::format_to(std::back_inserter(note), "Reason: {}\n\n",
                   chart.problems[*visit.reason].problem->code.display);
  for (int i = 0; i < sentences; ++i) {
    note += chart.random.pick(kSentences);
    note += i % 5 == 4 ? "\n\n" : " ";
  }
  note += '\n';
  return note;
}

std::string as_html(std::string_view note) {
  return fmt::format(
      "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Note</title></head>\n"
      "<body><pre>\n{}</pre></body></html>\n",
      note);
}

/// What an attachment says, and where: inline, or in a Binary of its own.
struct Attachment {
  std::string_view content_type;
  std::string bytes;
  std::string_view title;
  std::optional<Id> binary;
};

void write_attachment(JsonWriter& json, const Attachment& attachment, Moment created) {
  json.text("contentType", attachment.content_type);
  json.text("language", "en-US");
  if (attachment.binary) {
    json.text("url", fmt::format("Binary/{}", attachment.binary->view()));
  } else {
    json.begin_text("data");
    json.buffer() += base64_encode(attachment.bytes);
    json.end_text();
  }
  json.number("size", static_cast<std::int64_t>(attachment.bytes.size()));
  json.text("title", attachment.title);
  write_date_time(json, "creation", created);
}

/// Of the Binary; nothing for an inline attachment.
void write_binary(Chart& chart, const Attachment& attachment) {
  if (!attachment.binary) return;
  ResourceWriter json = chart.files.resource(Type::kBinary, attachment.binary->view());
  json.text("contentType", attachment.content_type);
  write_reference(json, "securityContext", chart.subject());
  json.begin_text("data");
  json.buffer() += base64_encode(attachment.bytes);
  json.end_text();
}

Attachment make_attachment(Chart& chart, const Visit& visit, Code kind) {
  Random& random = chart.random;
  Attachment attachment;
  const bool apart = random.chance(450);
  const int sentences = apart ? random.bell(20, 120) : random.bell(8, 50);
  const bool html = random.chance(250);
  attachment.content_type = html ? "text/html" : "text/plain";
  attachment.bytes = make_note(chart, visit, kind, sentences);
  if (html) attachment.bytes = as_html(attachment.bytes);
  attachment.title = kind.display;
  if (apart) attachment.binary = random.id();
  return attachment;
}

void write_content(JsonWriter& json, const Attachment& attachment, Moment created) {
  json.open_item();
  json.open("attachment");
  write_attachment(json, attachment, created);
  json.close();
  json.open("format");
  json.text("system", "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode");
  json.text("code", "urn:ihe:iti:xds:2017:mimeTypeSufficient");
  json.text("display", "mimeType Sufficient");
  json.close();
  json.close();
}

void write_document_provenance(Chart& chart, const Visit& visit, const Id& document) {
  Random& random = chart.random;
  const Id id = random.id();
  if (!random.chance(200)) return;
  ResourceWriter json = chart.files.resource(Type::kProvenance, id.view());
  write_reference_list(json, "target", {Type::kDocumentReference, document.view(), {}});
  write_instant(json, "recorded", visit.end);
  json.open_array("agent");
  json.open_item();
  write_reference(json, "who", reference_to(*visit.practitioner));
  json.close();
  json.close_array();
}

}  // namespace

void write_document(Chart& chart, const Visit& visit) {
  Random& random = chart.random;
  const Organization& organization = chart.directory.organization_of(*visit.practitioner);
  const Code kind = visit.kind == VisitKind::kInpatient ? kDischargeSummary : random.pick(kKinds);
  const Id id = random.id();
  const Attachment first = make_attachment(chart, visit, kind);
  std::optional<Attachment> second;
  if (random.chance(40)) second = make_attachment(chart, visit, kind);
  {
    ResourceWriter json = chart.files.resource(Type::kDocumentReference, id.view());
    write_meta(json, random, "us-core-documentreference", visit.end);
    json.open_array("identifier");
    write_identifier_item(json, "urn:ietf:rfc:3986", fmt::format("urn:uuid:{}", id.view()));
    json.close_array();
    json.text("status", random.chance(40) ? "superseded" : "current");
    json.text("docStatus", "final");
    write_concept(json, "type", kind);
    write_concept_list(json, "category",
                       {"http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
                        "clinical-note", "Clinical Note"});
    write_reference(json, "subject", chart.subject());
    write_instant(json, "date", visit.end);
    write_reference_list(json, "author", reference_to(*visit.practitioner));
    write_reference(json, "custodian",
                    {Type::kOrganization, organization.id.view(), organization.name});
    json.open_array("content");
    write_content(json, first, visit.end);
    if (second) write_content(json, *second, visit.end);
    json.close_array();
    json.open("context");
    write_reference_list(json, "encounter", reference_to(visit));
    write_period(json, "period", visit.start, visit.end);
    json.close();
  }
  write_binary(chart, first);
  if (second) write_binary(chart, *second);
  chart.documents.push_back(id);
  write_document_provenance(chart, visit, id);
}

void write_imaging_report(Chart& chart, Visit& visit, const Treatment& treatment) {
  constexpr Code kReport{kLoinc, "18748-4", "Diagnostic imaging study"};
  const Id id = chart.random.id();
  const Attachment form = make_attachment(chart, visit, kReport);
  {
    ResourceWriter json = chart.files.resource(Type::kDiagnosticReport, id.view());
    write_meta(json, chart.random, "us-core-diagnosticreport-note", visit.end);
    json.text("status", "final");
    write_concept_list(json, "category",
                       {"http://terminology.hl7.org/CodeSystem/v2-0074", "RAD", "Radiology"});
    write_concept(json, "code", kReport);
    write_reference(json, "subject", chart.subject());
    write_reference(json, "encounter", reference_to(visit));
    write_date_time(json, "effectiveDateTime", visit.start);
    write_instant(json, "issued", visit.end);
    write_reference_list(json, "performer", chart.organization());
    json.text("conclusion", fmt::format("{}: no acute abnormality.", treatment.code.display));
    json.open_array("presentedForm");
    json.open_item();
    write_attachment(json, form, visit.end);
    json.close();
    json.close_array();
  }
  write_binary(chart, form);
  visit.services.push_back({kReport, 9400, Type::kDiagnosticReport, id});
}

}  // namespace sluice::sample
