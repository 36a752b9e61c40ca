#include "querying.h"

#include <fmt/format.h>

namespace sluice::query {
namespace {

constexpr std::string_view kBase = "https://sluice.example/fhir";

}  // namespace

store::Commit Querying::put(const std::vector<std::string>& lines) {
  fhir::ResourceReader reader;
  std::vector<fhir::IncomingResource> resources;
  for (const auto& line : lines) resources.push_back(reader.read(line).value());
  store::Transaction transaction;
  transaction.durable = false;
  for (const auto& resource : resources) transaction.puts.push_back(&resource);
  return store_->write(transaction).value().commit;
}

store::Commit Querying::remove(std::string_view type, const std::string& id) {
  store::Transaction transaction;
  transaction.durable = false;
  transaction.removals.push_back({fhir::find_resource_type(type).value(), id});
  return store_->write(transaction).value().commit;
}

std::string Querying::patient(const std::string& id, const std::string& gender) {
  return fmt::format(R"({{"resourceType":"Patient","id":"{}","gender":"{}"}})", id, gender);
}

std::string Querying::observation(const std::string& id, const std::string& code,
                                  const std::string& subject, const std::string& performer) {
  std::string line = fmt::format(
      R"({{"resourceType":"Observation","id":"{}","status":"final","code":{{"coding":[{{"code":"{}"}}]}})",
      id, code);
  if (!subject.empty()) line += fmt::format(R"(,"subject":{{"reference":"{}"}})", subject);
  if (!performer.empty()) line += fmt::format(R"(,"performer":[{{"reference":"{}"}}])", performer);
  return line + "}";
}

search::Query Querying::query(std::string_view text, const store::Commit& as_of) {
  return resolve(*store_, compiled(text), as_of.sequence).value();
}

search::Query Querying::compiled(std::string_view text) {
  const std::size_t mark = text.find('?');
  return search::Query::compile(fhir::find_resource_type(text.substr(0, mark)).value(),
                                text.substr(mark + 1), {.base_url = std::string(kBase)})
      .value();
}

Ids Querying::found(std::string_view text, const store::Commit& as_of) {
  return find_ids(*store_, query(text, as_of), as_of.sequence, 1000).value();
}

}  // namespace sluice::query
