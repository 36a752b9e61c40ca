#include "bulk/load/load_parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/text.h"
#include "fhir/additional_resources.h"
#include "fhir/block_header.h"
#include "fhir/bundle_links.h"
#include "fhir/reference.h"
#include "fhir/resource_type.h"
#include "json/json_check.h"
#include "json/json_walk.h"
#include "table/view.h"

namespace sluice::bulk {
namespace {

// A Bundle says what it is near its beginning, or near its end when its keys are sorted; looking
// there costs less than parsing every resource twice.
bool mentions_bundle(std::string_view json) {
  constexpr std::size_t kLook = 4096;
  constexpr std::string_view kName = "\"Bundle\"";
  if (json.substr(0, kLook).find(kName) != std::string_view::npos) return true;
  return json.size() > kLook && json.find(kName, json.size() - kLook) != std::string_view::npos;
}

// 8-4-4-4-12 digits.
std::string uuid_of(const fhir::ContentDigest& digest) {
  const std::string digits = to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
  const std::string_view id = digits;
  return fmt::format("{}-{}-{}-{}-{}", id.substr(0, 8), id.substr(8, 4), id.substr(12, 4),
                     id.substr(16, 4), id.substr(20));
}

constexpr std::string_view kBlank = " \t\r\n";
constexpr std::size_t kBundleDepthMax = 110;  // as read_bundle() has it
constexpr std::size_t kHeaderMax = 64u << 10;

}  // namespace

DeferredResource waiting(fhir::IncomingResource resource) {
  DeferredResource out;
  out.key = {resource.type, std::move(resource.id)};
  out.json = std::move(resource.content);
  return out;
}

ParsedChunk LoadParser::parse(const LoadChunk& chunk) {
  ParsedChunk out;
  out.end = chunk.end;
  out.turn = chunk.turn;
  if (!chunk.problem.empty()) {
    add_problem({{}, chunk.first_line, false, chunk.problem}, out);
    return out;
  }
  for (ChunkLines lines(chunk); lines.next();) {
    parse_text(chunk, trimmed(lines.text(), kBlank), lines.number(), out);
    if (problems_max_ > 0 && out.refused >= problems_max_) break;
  }
  return out;
}

void LoadParser::parse_text(const LoadChunk& chunk, std::string_view text, std::uint64_t line,
                            ParsedChunk& out) {
  if (!only_type_ && mentions_bundle(text)) {
    const auto bundle = is_bundle(text);
    if (!bundle) {
      add_problem({{}, line, false, bundle.error().message}, out);
      return;
    }
    if (*bundle) return parse_bundle(chunk, text, line, out);
  }
  auto resource = reader_.read(text);
  // It only says whose the lines behind it are.
  if (!resource && is_header(text)) return;
  if (resource && only_type_ && resource->type != *only_type_)
    resource = invalid(fmt::format("a resource of type {}, not {}", fhir::type_name(resource->type),
                                   fhir::type_name(*only_type_)));
  take(std::move(resource), {{}, line, false, {}}, nullptr, out);
}

void LoadParser::add_problem(LoadProblem problem, ParsedChunk& out) {
  problem.resources_before = out.resources.size();
  problem.deferred_before = out.deferred.size();
  if (!problem.is_loaded) ++out.refused;
  out.problems.push_back(std::move(problem));
}

bool LoadParser::takes_faulty(const LoadProblem& place, std::string_view fault, ParsedChunk& out) {
  LoadProblem faulty = place;
  faulty.reason += fault;
  faulty.is_loaded = leniency_ == fhir::Leniency::kLenient;
  add_problem(std::move(faulty), out);
  return leniency_ == fhir::Leniency::kLenient;
}

void LoadParser::take(Result<fhir::IncomingResource> resource, LoadProblem problem,
                      const fhir::BundleEntry* entry, ParsedChunk& out) {
  if (!resource) {
    problem.reason += resource.error().message;
    add_problem(std::move(problem), out);
    return;
  }
  DeferredResource deferred;
  bool is_deferred = false;
  if (entry != nullptr) {
    deferred.kind = entry->kind;
    deferred.condition = entry->condition;
    deferred.links = entry->links;
    deferred.has_own_id = fhir::string_member(reader_.tokens(), 0, "id").has_value();
    is_deferred = entry->kind != fhir::BundleEntry::Kind::kPut || !entry->links.empty();
  }
  if (!fhir::check_shape(reader_.tokens(), resource->type)) {
    // In a Bundle that is stored as it is they are not ours.
    if (resource->type != fhir::types::kBundle) deferred.references = conditional_references();
    is_deferred |= !deferred.references.empty();
    const auto& tokens = deferred.references.empty() ? reader_.tokens() : tokens_;
    const auto faults = fhir::find_validation_issues(tokens, resource->type);
    if (!faults.empty() && !takes_faulty(problem, fmt::format("{}", fmt::join(faults, "; ")), out))
      return;
  } else if (resource->type == fhir::types::kViewDefinition) {
    const auto view = table::View::compile(resource->content);
    if (!view && !takes_faulty(problem, view.error().message, out)) return;
  }
  if (!is_deferred) {
    out.resources.push_back(std::move(*resource));
    return;
  }
  deferred.key = {resource->type, std::move(resource->id)};
  deferred.json = std::move(resource->content);
  defer(std::move(deferred), problem, out);
}

void LoadParser::defer(DeferredResource resource, const LoadProblem& place, ParsedChunk& out) {
  resource.place = place.place;
  resource.is_bundle_entry = place.is_bundle_entry;
  resource.prefix = place.reason;
  resource.resources_before = out.resources.size();
  out.deferred.push_back(std::move(resource));
}

std::vector<std::string> LoadParser::conditional_references() {
  std::vector<std::string> found;
  std::string text;
  const auto rewritten = fhir::rewrite_links(
      reader_.tokens(), 0,
      [&](fhir::LinkPlace place, std::string_view link) -> Result<std::optional<std::string>> {
        const auto conditional = fhir::parse_conditional_reference(link);
        if (place != fhir::LinkPlace::kReference || !conditional || conditional->query.empty())
          return std::nullopt;
        if (std::find(found.begin(), found.end(), link) == found.end()) found.emplace_back(link);
        return fmt::format("{}/x", fhir::type_name(conditional->type));
      },
      text);
  if (!rewritten || !tokens_.read(text)) return {};
  return found;
}

// The header of a block, without an id of its own.
bool LoadParser::is_header(std::string_view text) {
  return text.size() <= kHeaderMax && text.find("Parameters") != std::string_view::npos &&
         tokens_.read(text) && fhir::check_json_object(tokens_, kBundleDepthMax) &&
         fhir::is_block_header(tokens_) && !fhir::string_member(tokens_, 0, "id");
}

// Only a Bundle of resources to store is taken apart; a document or a message is a resource by
// itself.
Result<bool> LoadParser::is_bundle(std::string_view text) {
  SLUICE_RETURN_IF_ERROR(tokens_.read(text));
  SLUICE_ASSIGN_OR_RETURN(const auto traits, fhir::check_json_object(tokens_, kBundleDepthMax));
  (void)traits;
  bool says_bundle = false;
  std::string type;
  SLUICE_RETURN_IF_ERROR(
      fhir::each_member(tokens_, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
        if (tokens_.first(value) != '"') return {};
        const auto name = tokens_.raw_string(key);
        if (fhir::means(name, "resourceType"))
          says_bundle = fhir::means(tokens_.raw_string(value), "Bundle");
        if (fhir::means(name, "type")) type = fhir::unescape(tokens_.raw_string(value));
        return {};
      }));
  if (!says_bundle) return false;
  constexpr std::string_view kTypes[] = {"transaction",   "collection", "batch",
                                         "searchset",     "history",    "transaction-response",
                                         "batch-response"};
  return std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

void LoadParser::parse_bundle(const LoadChunk& chunk, std::string_view text, std::uint64_t line,
                              ParsedChunk& out) {
  auto content = fhir::read_bundle(text);
  if (!content) {
    add_problem({{}, line, false, content.error().message}, out);
    return;
  }
  out.older_versions += content->older_versions;
  Anonymous anonymous;
  for (auto& entry : content->entries) {
    LoadProblem place{{},
                      chunk.is_document ? entry.index : line,
                      chunk.is_document,
                      chunk.is_document ? "" : fmt::format("entry {}: ", entry.index)};
    if (entry.kind == fhir::BundleEntry::Kind::kProblem) {
      place.reason += entry.problem;
      add_problem(std::move(place), out);
    } else if (entry.kind == fhir::BundleEntry::Kind::kDelete) {
      DeferredResource deleted;
      deleted.kind = entry.kind;
      deleted.key = entry.deleted;
      defer(std::move(deleted), place, out);
    } else {
      take(read_entry(entry, anonymous), std::move(place), &entry, out);
    }
    std::string().swap(entry.json);  // half of the memory of a large Bundle
  }
}

// A resource without any identity gets one from its content, so that the same Bundle again changes
// nothing; each of several equal ones gets its own.
Result<fhir::IncomingResource> LoadParser::read_entry(const fhir::BundleEntry& entry,
                                                      Anonymous& anonymous) {
  if (!entry.id_if_missing.empty()) return reader_.read(entry.json, entry.id_if_missing);
  auto resource = reader_.read(entry.json, "0");
  if (!resource || resource->id != "0") return resource;
  const std::size_t earlier = anonymous[resource->digest]++;
  if (earlier > 0) resource = reader_.read_again(std::to_string(earlier));
  if (!resource) return resource;
  return reader_.read_again(uuid_of(resource->digest));
}

}  // namespace sluice::bulk
