#include "bulk/load/deferred_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "fhir/bundle_links.h"
#include "fhir/reference.h"

namespace sluice::bulk {
namespace {

using Kind = DeferredResource::Kind;

constexpr std::size_t kSystemMax = 128;

bool has_condition(Kind kind) {
  return kind == Kind::kCreateIfNone || kind == Kind::kUpdateFound;
}

// A condition as messages have it: its parameters, and of an identifier the system; values may be
// what a patient is called.
std::string shown(std::string_view condition) {
  const auto parsed = fhir::parse_conditional_reference(condition);
  if (!parsed) return "";
  std::string text = fmt::format("{}?", fhir::type_name(parsed->type));
  std::string_view rest = parsed->query;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::size_t value = std::min(part.find('=') + 1, part.size());
    const std::size_t bar = part.find('|');
    const std::string_view system = part.substr(value, bar == part.npos ? 0 : bar + 1 - value);
    const bool is_system = part.starts_with("identifier=") && system.size() <= kSystemMax &&
                           (system.starts_with("http") || system.starts_with("urn:")) &&
                           system.find_first_of(",%\\") == system.npos;
    if (text.back() != '?') text += '&';
    text.append(part.substr(0, value + (is_system ? system.size() : 0))).append("...");
  }
  return text;
}

Error found_wrongly(std::string_view condition, std::uint64_t count) {
  return {ErrorKind::kPreconditionFailed,
          fmt::format("{} finds {}", shown(condition),
                      count == 0 ? "nothing" : "more than one resource")};
}

std::string name_of(fhir::ResourceType type, std::string_view id) {
  return fmt::format("{}/{}", fhir::type_name(type), id);
}

LoadProblem problem_at(const DeferredResource& resource, std::string_view reason) {
  return {{}, resource.place, resource.is_bundle_entry, resource.prefix + std::string(reason)};
}

}  // namespace

DeferredLoad::DeferredLoad(DeferredOptions options)
    : options_(std::move(options)),
      conditions_(options_.base_url, options_.conditions, options_.may_search),
      reader_(options_.limits, options_.base_url, fhir::ResourceReader::Tokens::kDropped) {}

Result<void> DeferredLoad::each(
    const std::function<Result<void>(const DeferredResource&, std::uint64_t)>& take) {
  query::BoundsCheck check(options_.bounds);
  std::uint64_t number = 0;
  for (const auto* file : files_) {
    const auto done = file->each([&](const DeferredResource& resource) -> Result<void> {
      SLUICE_RETURN_IF_ERROR(check.step());
      return take(resource, number++);
    });
    if (!done) return done.error();
  }
  return {};
}

// What cannot be searched is a problem of the resource, told when it is written.
Result<void> DeferredLoad::gather() {
  std::set<fhir::ResourceType> types;
  starts_.clear();
  std::uint64_t number = 0;
  query::BoundsCheck check(options_.bounds);
  for (const auto* file : files_) {
    starts_.push_back(number);
    const auto done = file->each([&](const DeferredResource& resource) -> Result<void> {
      SLUICE_RETURN_IF_ERROR(check.step());
      ++number;
      types.insert(resource.key.type);
      if (has_condition(resource.kind)) {
        has_decisions_ = true;
        (void)conditions_.add(resource.condition);
      }
      for (const auto& [link, text] : resource.links) (void)conditions_.add(text);
      for (const auto& text : resource.references) (void)conditions_.add(text);
      return {};
    });
    if (!done) return done.error();
  }
  has_own_targets_ = std::any_of(types.begin(), types.end(),
                                 [&](const auto type) { return conditions_.has_type(type); });
  return {};
}

Result<void> DeferredLoad::find(const store::Store& store, std::vector<const DeferredFile*> files,
                                const LoadConditions::HeldBack& held_back) {
  files_ = std::move(files);
  SLUICE_RETURN_IF_ERROR(gather());
  if (conditions_.empty()) return {};
  SLUICE_RETURN_IF_ERROR(conditions_.find(store, held_back, options_.bounds));
  return has_own_targets_ ? look_at_files() : Result<void>();
}

// First what is written in any case: a conditional create finds it wherever it stands.
Result<void> DeferredLoad::look_at_files() {
  SLUICE_RETURN_IF_ERROR(each([&](const DeferredResource& resource, std::uint64_t) -> Result<void> {
    if (has_condition(resource.kind)) return {};
    return conditions_.replace(resource.key, resource.json);
  }));
  if (!has_decisions_) return {};
  return each([&](const DeferredResource& resource, std::uint64_t number) -> Result<void> {
    return has_condition(resource.kind) ? decide(resource, number) : Result<void>();
  });
}

Result<void> DeferredLoad::decide(const DeferredResource& resource, std::uint64_t number) {
  const auto known = conditions_.add(resource.condition);
  if (!known) return {};
  const auto found = conditions_.found(*known);
  auto decision = decisions_.find(*known);
  if (decision == decisions_.end()) {
    if (found.count > 1) return {};
    if (found.count == 1 && resource.kind == Kind::kCreateIfNone) return {};
    Decision made{found.count == 1 ? found.id : resource.key.id, std::nullopt};
    if (found.count == 0) made.creator = number;
    decision = decisions_.emplace(*known, std::move(made)).first;
  } else if (resource.kind == Kind::kCreateIfNone) {
    return {};
  }
  return conditions_.replace({resource.key.type, decision->second.id}, resource.json);
}

Result<std::string> DeferredLoad::target_of(std::string_view text, bool is_own_entry) {
  SLUICE_ASSIGN_OR_RETURN(const std::size_t number, conditions_.add(text));
  const auto type = conditions_.type_of(number);
  if (is_own_entry)
    if (const auto decision = decisions_.find(number); decision != decisions_.end())
      return name_of(type, decision->second.id);
  const auto found = conditions_.found(number);
  if (found.count != 1) return found_wrongly(text, found.count);
  return name_of(type, found.id);
}

Result<std::string> DeferredLoad::rewritten(const DeferredResource& resource,
                                            LoadProblem& warning) {
  SLUICE_RETURN_IF_ERROR(tokens_.read(resource.json));
  std::string text;
  std::uint64_t resolved = 0;
  SLUICE_RETURN_IF_ERROR(fhir::rewrite_links(
      tokens_, 0,
      [&](fhir::LinkPlace place, std::string_view link) -> Result<std::optional<std::string>> {
        const auto entry = std::find_if(resource.links.begin(), resource.links.end(),
                                        [&](const auto& known) { return known.first == link; });
        const bool is_own_entry = entry != resource.links.end();
        const auto conditional = fhir::parse_conditional_reference(link);
        const bool is_reference =
            place == fhir::LinkPlace::kReference && conditional && !conditional->query.empty();
        if (!is_own_entry && !is_reference) return std::nullopt;
        auto target =
            target_of(is_own_entry ? std::string_view(entry->second) : link, is_own_entry);
        if (!target) {
          auto error = std::move(target).error();
          error.message = fmt::format("a conditional reference: {}", error.message);
          if (is_own_entry || options_.leniency == fhir::Leniency::kStrict) return error;
          warning.reason = resource.prefix + error.message;
          warning.is_loaded = true;
          return std::nullopt;
        }
        ++resolved;
        return std::move(*target);
      },
      text));
  resolved_ += resolved;
  return text;
}

Result<std::optional<std::string>> DeferredLoad::id_of(const DeferredResource& resource,
                                                       std::uint64_t number) {
  if (!has_condition(resource.kind)) return std::optional(resource.key.id);
  SLUICE_ASSIGN_OR_RETURN(const std::size_t known, conditions_.add(resource.condition));
  const auto decision = decisions_.find(known);
  const bool is_decided = decision != decisions_.end();
  if (!is_decided) {
    const auto found = conditions_.found(known);
    if (found.count != 1) return found_wrongly(resource.condition, found.count);
    return std::optional<std::string>();  // a conditional create
  }
  if (resource.kind == Kind::kCreateIfNone) {
    if (decision->second.creator != number) return std::optional<std::string>();
    return std::optional(resource.key.id);
  }
  if (resource.has_own_id && resource.key.id != decision->second.id)
    return invalid("the resource's id is not that of the resource which its condition finds");
  return std::optional(decision->second.id);
}

Result<void> DeferredLoad::write_one(const DeferredResource& resource, std::uint64_t number,
                                     DeferredSink& sink) {
  if (resource.kind == Kind::kDelete) return sink.remove(resource.key);
  const auto id = id_of(resource, number);
  if (!id) return sink.report(resource.input, problem_at(resource, id.error().message));
  if (!*id) return sink.count_found(resource.key.type);
  LoadProblem warning = problem_at(resource, "");
  const auto text = rewritten(resource, warning);
  if (!text) return sink.report(resource.input, problem_at(resource, text.error().message));
  auto read =
      **id == resource.key.id ? reader_.read(*text, **id) : reader_.read_as_new(*text, **id);
  if (!read) return sink.report(resource.input, problem_at(resource, read.error().message));
  if (warning.is_loaded) SLUICE_RETURN_IF_ERROR(sink.report(resource.input, std::move(warning)));
  return sink.take(std::move(*read));
}

Result<void> DeferredLoad::write(std::size_t file, DeferredSink& sink) {
  query::BoundsCheck check(options_.bounds);
  std::uint64_t number = starts_[file];
  return files_[file]->each([&](const DeferredResource& resource) -> Result<void> {
    SLUICE_RETURN_IF_ERROR(check.step());
    const std::uint64_t own = number++;
    return sink.wants(resource.input) ? write_one(resource, own, sink) : Result<void>();
  });
}

}  // namespace sluice::bulk
