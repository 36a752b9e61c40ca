#include "smart/audit_event.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/json_text.h"

namespace sluice::smart {
namespace {

namespace json = boost::json;

constexpr std::string_view kDicom = "http://dicom.nema.org/resources/ontology/DCM";
constexpr std::string_view kRestType = "http://terminology.hl7.org/CodeSystem/audit-event-type";
constexpr std::string_view kSubtypes = "urn:sluice:audit-event";
constexpr std::size_t kTextMax = 4096;

struct Row {
  AuditKind kind;
  std::string_view code;
  std::string_view type_system;
  std::string_view type_code;
  std::string_view type_display;
  std::string_view action;  // C, R, U, D, E (http://hl7.org/fhir/audit-event-action)
};

constexpr Row kRows[] = {
    {AuditKind::kTokenIssued, "token-issued", kDicom, "110114", "User Authentication", "E"},
    {AuditKind::kTokenRefused, "token-refused", kDicom, "110114", "User Authentication", "E"},
    {AuditKind::kTokenRevoked, "token-revoked", kDicom, "110114", "User Authentication", "D"},
    {AuditKind::kAccessRefused, "access-refused", kDicom, "110113", "Security Alert", "E"},
    {AuditKind::kKickOff, "kick-off", kDicom, "110106", "Export", "E"},
    {AuditKind::kStatus, "status", kRestType, "rest", "RESTful Operation", "R"},
    {AuditKind::kDownload, "download", kDicom, "110106", "Export", "R"},
    {AuditKind::kDelete, "delete", kRestType, "rest", "RESTful Operation", "D"},
    {AuditKind::kClientChanged, "client-changed", kDicom, "110113", "Security Alert", "U"},
    {AuditKind::kImport, "import", kDicom, "110107", "Import", "C"},
    {AuditKind::kServerStarted, "server-started", kDicom, "110100", "Application Activity", "E"},
    {AuditKind::kServerStopped, "server-stopped", kDicom, "110100", "Application Activity", "E"},
    {AuditKind::kResourceRead, "resource-read", kRestType, "rest", "RESTful Operation", "R"},
    {AuditKind::kResourceCreated, "resource-create", kRestType, "rest", "RESTful Operation", "C"},
    {AuditKind::kResourceUpdated, "resource-update", kRestType, "rest", "RESTful Operation", "U"},
    {AuditKind::kResourceDeleted, "resource-delete", kRestType, "rest", "RESTful Operation", "D"},
    {AuditKind::kHistoryRead, "history-read", kRestType, "rest", "RESTful Operation", "R"},
    {AuditKind::kTransaction, "transaction", kRestType, "rest", "RESTful Operation", "E"},
    {AuditKind::kResourceSearch, "resource-search", kRestType, "rest", "RESTful Operation", "E"},
};

const Row& row_of(AuditKind kind) {
  return kRows[static_cast<std::size_t>(kind)];
}

// Texts come from requests: one line, printable, of bounded length.
json::string text(std::string_view value) {
  json::string result(json::string_view(value.data(), std::min(value.size(), kTextMax)));
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return result;
}

json::object coding(std::string_view system, std::string_view code, std::string_view display) {
  json::object object;
  object["system"] = json::string_view(system);
  object["code"] = json::string_view(code);
  if (!display.empty()) object["display"] = json::string_view(display);
  return object;
}

json::object identified(std::string_view value) {
  json::object identifier;
  identifier["value"] = text(value);
  json::object reference;
  reference["identifier"] = std::move(identifier);
  return reference;
}

json::object agent_of(const AuditEvent& event, std::string_view source) {
  const bool is_own =
      event.kind == AuditKind::kServerStarted || event.kind == AuditKind::kServerStopped;
  json::object agent;
  if (is_own)
    agent["who"] = identified(source);
  else if (!event.client_id.empty())
    agent["who"] = identified(event.client_id);
  else
    agent["name"] = "unknown";
  agent["requestor"] = !is_own;
  if (!event.address.empty()) {
    json::object network;
    network["address"] = text(event.address);
    network["type"] = "2";  // an IP address
    agent["network"] = std::move(network);
  }
  return agent;
}

void add_detail(json::array& details, std::string_view type, std::string_view value) {
  if (value.empty()) return;
  json::object detail;
  detail["type"] = json::string_view(type);
  detail["valueString"] = text(value);
  details.push_back(std::move(detail));
}

json::array entities_of(const AuditEvent& event) {
  json::array entities;
  json::array details;
  add_detail(details, "request", event.request);
  add_detail(details, "scope", event.scope);
  const auto add = [&](json::object what, std::string_view name) {
    json::object entity;
    entity["what"] = std::move(what);
    if (!name.empty()) entity["name"] = text(name);
    if (!details.empty()) entity["detail"] = std::move(details);
    details = {};
    entities.push_back(std::move(entity));
  };
  if (!event.job_id.empty()) add(identified(event.job_id), event.file);
  if (!event.subject.empty()) {
    // "Group/g1" is a resource here; "client/acme" is none.
    if (event.subject.front() >= 'A' && event.subject.front() <= 'Z') {
      json::object what;
      what["reference"] = text(event.subject);
      add(std::move(what), "");
    } else {
      add(identified(event.subject), "");
    }
  }
  if (!details.empty()) {
    json::object entity;
    entity["detail"] = std::move(details);
    entities.push_back(std::move(entity));
  }
  return entities;
}

}  // namespace

std::string_view to_string(AuditKind kind) {
  return row_of(kind).code;
}

std::string to_fhir_json(const AuditEvent& event, Instant recorded, std::string_view source) {
  const Row& row = row_of(event.kind);
  json::object object;
  object["resourceType"] = "AuditEvent";
  object["type"] = coding(row.type_system, row.type_code, row.type_display);
  object["subtype"] = json::array{coding(kSubtypes, row.code, "")};
  object["action"] = json::string_view(row.action);
  object["recorded"] = to_fhir_instant(recorded);
  object["outcome"] = std::to_string(static_cast<unsigned>(event.outcome));
  if (!event.description.empty()) object["outcomeDesc"] = text(event.description);
  json::array agents;
  agents.push_back(agent_of(event, source));
  object["agent"] = std::move(agents);
  json::object observer;
  observer["observer"] = identified(source.empty() ? "sluice" : source);
  object["source"] = std::move(observer);
  if (json::array entities = entities_of(event); !entities.empty())
    object["entity"] = std::move(entities);
  return json_text(object);
}

}  // namespace sluice::smart
