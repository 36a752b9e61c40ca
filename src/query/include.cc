#include "query/include.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <set>
#include <utility>

#include "base/utf8.h"
#include "query/walk.h"
#include "search/query.h"
#include "search/reference_reader.h"
#include "search/search_parameter.h"

namespace sluice::query {
namespace {

bool may_refer_to(const search::SearchParameter& parameter, fhir::ResourceType target) {
  return parameter.targets.empty() || std::find(parameter.targets.begin(), parameter.targets.end(),
                                                target) != parameter.targets.end();
}

/// Reads "_include" and its value, naming both when they are wrong.
class IncludeParser {
 public:
  IncludeParser(fhir::ResourceType type, std::string_view name, std::string_view value)
      : type_(type), name_(name), value_(value) {}

  Result<Include> parse() {
    SLUICE_RETURN_IF_ERROR(read_name());
    SLUICE_RETURN_IF_ERROR(read_value());
    SLUICE_RETURN_IF_ERROR(check_that_it_brings_something());
    return std::move(include_);
  }

 private:
  Error bad(std::string_view why) const {
    return invalid(fmt::format("{} '{}' {}", name_, shortened(value_, 128), why));
  }

  Result<void> read_name() {
    const std::size_t colon = name_.find(':');
    include_.reverse = name_.substr(0, colon) == "_revinclude";
    if (colon == std::string_view::npos) return {};
    const std::string_view modifier = name_.substr(colon + 1);
    // "recurse" is what iterate was called before R4.
    if (modifier != "iterate")
      return Error{ErrorKind::kUnsupported,
                   fmt::format("the modifier ':{}' of {} is not supported", shortened(modifier, 64),
                               name_.substr(0, colon))};
    include_.iterate = true;
    return {};
  }

  Result<void> read_value() {
    std::string_view rest = value_;
    const auto part = [&rest] {
      const std::string_view found = rest.substr(0, rest.find(':'));
      rest.remove_prefix(std::min(rest.size(), found.size() + 1));
      return found;
    };
    const std::string_view source = part();
    if (source == "*")
      return Error{ErrorKind::kUnsupported,
                   fmt::format("{} '*' is not supported: name the type (Type:*)", name_)};
    const auto type = fhir::find_resource_type(source);
    if (!type) return bad("does not begin with a resource type");
    include_.source = *type;
    parameter_ = part();
    const bool has_target = !rest.empty();
    const std::string_view target = rest;
    if (parameter_.empty()) return bad("names no search parameter");
    if (has_target) {
      include_.target = fhir::find_resource_type(target);
      if (!include_.target) return bad("names a target that is no resource type");
    }
    for (const auto& parameter : search::parameters_of(*type))
      if (parameter.type == search::ParameterType::kReference &&
          (parameter_ == "*" || parameter.name == parameter_))
        include_.parameters.emplace_back(parameter.name);
    if (include_.parameters.empty())
      return bad(fmt::format("names no reference parameter of {}", source));
    return {};
  }

  // What is asked for the wrong way round must not look like an answer without includes.
  Result<void> check_that_it_brings_something() {
    if (!include_.reverse && !include_.iterate && include_.source != type_)
      return bad(
          fmt::format("does not begin with {}, the type of the search", fhir::type_name(type_)));
    if (include_.reverse && !include_.iterate) {
      if (include_.target && *include_.target != type_)
        return bad(
            fmt::format("does not refer to {}, the type of the search", fhir::type_name(type_)));
      include_.target = type_;
    }
    if (include_.target)
      std::erase_if(include_.parameters, [this](const std::string& name) {
        return !may_refer_to(*search::find_parameter(include_.source, name), *include_.target);
      });
    if (include_.parameters.empty())
      return bad(fmt::format("never refers to {}", fhir::type_name(*include_.target)));
    return {};
  }

  const fhir::ResourceType type_;
  const std::string_view name_;
  const std::string_view value_;
  std::string_view parameter_;
  Include include_;
};

using Key = std::pair<fhir::ResourceType, std::string>;

class Including {
 public:
  Including(const store::Store& store, store::Sequence as_of, std::string_view base_url,
            const IncludeLimits& limits, const Bounds& bounds)
      : store_(store), as_of_(as_of), base_url_(base_url), limits_(limits), bounds_(bounds) {}

  Result<void> run(const std::vector<store::Record>& matches,
                   const std::vector<Include>& includes) {
    std::vector<const store::Record*> from;
    for (const auto& match : matches) {
      known_.emplace(match.key.type, match.key.id);
      from.push_back(&match);
    }
    bool iterating = false;
    while (!is_too_much_ && !from.empty()) {
      const std::size_t done = found_.size();
      SLUICE_RETURN_IF_ERROR(apply(from, includes, iterating));
      iterating = true;
      from.clear();
      for (std::size_t i = done; i < found_.size(); ++i) from.push_back(&found_[i]);
    }
    return {};
  }

  bool is_too_much() const { return is_too_much_; }
  std::vector<store::Record> take() {
    return {std::make_move_iterator(found_.begin()), std::make_move_iterator(found_.end())};
  }

 private:
  Result<void> apply(const std::vector<const store::Record*>& from,
                     const std::vector<Include>& includes, bool only_iterating) {
    for (const Include& include : includes) {
      if (only_iterating && !include.iterate) continue;
      for (const std::string& parameter : include.parameters) {
        if (is_too_much_) return {};
        SLUICE_RETURN_IF_ERROR(BoundsCheck(bounds_).look());
        SLUICE_RETURN_IF_ERROR(include.reverse ? follow_back(from, include, parameter)
                                               : follow(from, include, parameter));
      }
    }
    return {};
  }

  Result<void> follow(const std::vector<const store::Record*>& from, const Include& include,
                      const std::string& parameter) {
    const std::string_view name = parameter;
    search::ReferenceReader reader(include.source, {&name, 1}, base_url_);
    BoundsCheck check(bounds_);
    const auto visit = [&](fhir::ResourceType type, std::string_view id) -> Result<void> {
      SLUICE_RETURN_IF_ERROR(check.step());
      if (include.target && *include.target != type) return {};
      if (is_too_much_ || !known_.emplace(type, id).second) return {};
      SLUICE_ASSIGN_OR_RETURN(auto target, store_.read({type, std::string(id)}, as_of_));
      if (target) add(std::move(*target));
      return {};
    };
    for (const store::Record* record : from)
      if (record->key.type == include.source)
        SLUICE_RETURN_IF_ERROR(reader.read(record->json, visit));
    return {};
  }

  Result<void> follow_back(const std::vector<const store::Record*>& from, const Include& include,
                           const std::string& parameter) {
    std::string values;
    const auto& described = *search::find_parameter(include.source, parameter);
    for (const store::Record* record : from) {
      if (include.target && *include.target != record->key.type) continue;
      if (!may_refer_to(described, record->key.type)) continue;
      if (!values.empty()) values += ',';
      values += fmt::format("{}/{}", fhir::type_name(record->key.type), record->key.id);
    }
    if (values.empty()) return {};
    SLUICE_ASSIGN_OR_RETURN(
        const auto query,
        search::Query::compile(include.source, search::Parameters{{parameter, values}},
                               {.base_url = std::string(base_url_)}));
    Walk walk(store_, query, as_of_, bounds_);
    store::RecordView view;
    while (!is_too_much_) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, walk.next(view));
      if (!more) break;
      if (known_.emplace(view.type, view.id).second) add(copy_of(view));
    }
    return {};
  }

  void add(store::Record record) {
    bytes_ += record.json.size();
    if (found_.size() >= limits_.resources_max || bytes_ > limits_.bytes_max)
      is_too_much_ = true;
    else
      found_.push_back(std::move(record));
  }

  const store::Store& store_;
  const store::Sequence as_of_;
  const std::string_view base_url_;
  const IncludeLimits limits_;
  const Bounds& bounds_;
  std::set<Key> known_;
  std::deque<store::Record> found_;  // its elements stay where they are
  std::size_t bytes_ = 0;
  bool is_too_much_ = false;
};

}  // namespace

std::vector<fhir::ResourceType> Include::types() const {
  if (reverse) return {source};
  if (target) return {*target};
  std::set<fhir::ResourceType> all;
  for (const std::string& name : parameters) {
    const auto& targets = search::find_parameter(source, name)->targets;
    if (targets.empty()) return {};
    all.insert(targets.begin(), targets.end());
  }
  return {all.begin(), all.end()};
}

Result<Include> parse_include(fhir::ResourceType type, std::string_view name,
                              std::string_view value) {
  return IncludeParser(type, name, value).parse();
}

Result<std::optional<std::vector<store::Record>>> included(
    const store::Store& store, store::Sequence as_of, const std::vector<store::Record>& matches,
    const std::vector<Include>& includes, std::string_view base_url, const IncludeLimits& limits,
    const Bounds& bounds) {
  Including including(store, as_of, base_url, limits, bounds);
  SLUICE_RETURN_IF_ERROR(including.run(matches, includes));
  if (including.is_too_much()) return std::nullopt;
  return including.take();
}

}  // namespace sluice::query
