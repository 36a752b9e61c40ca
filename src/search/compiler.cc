// From name and value of a parameter to a Criterion: modifiers, chains, the lists of values.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "search/criterion.h"
#include "search/parameter_table.h"
#include "search/value_text.h"

namespace sluice::search {
namespace {

Error unsupported(std::string message) {
  return {ErrorKind::kUnsupported, std::move(message)};
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

class CriterionCompiler {
 public:
  CriterionCompiler(fhir::ResourceType type, std::string_view name, std::string_view value,
                    const QueryOptions& options)
      : type_(type), whole_name_(name), value_(value), options_(options) {}

  Result<Criterion> compile() {
    if (value_.empty()) return refused("has no value");
    if (whole_name_.starts_with("_has:") || whole_name_ == "_has") return compile_has();
    if (is_result_parameter(whole_name_))
      return invalid(fmt::format("'{}' says how results are shown: it cannot be part of a filter",
                                 shown(whole_name_)));
    const std::size_t dot = whole_name_.find('.');
    const std::string_view outer = whole_name_.substr(0, dot);
    const std::size_t colon = outer.find(':');
    criterion_.name = outer.substr(0, colon);
    if (colon != std::string_view::npos) modifier_ = outer.substr(colon + 1);
    SLUICE_RETURN_IF_ERROR(find());
    if (dot != std::string_view::npos) return compile_chain(whole_name_.substr(dot + 1));
    if (colon != std::string_view::npos && modifier_.empty())
      return refused("has an empty modifier");
    if (modifier_ == "missing") return compile_missing();
    SLUICE_RETURN_IF_ERROR(read_modifier());
    const auto parts = split_escaped(value_, ',', kQueryValuesMax);
    if (parts.size() > kQueryValuesMax)
      return refused(fmt::format("has more than {} values", kQueryValuesMax));
    for (const std::string_view part : parts) {
      if (part.empty()) return refused("has an empty value in its list");
      if (parameter_->type == ParameterType::kComposite) {
        SLUICE_ASSIGN_OR_RETURN(auto tuple, parse_tuple(part));
        criterion_.tuples.push_back(std::move(tuple));
      } else {
        SLUICE_ASSIGN_OR_RETURN(auto test, parse_value(part, criterion_.target));
        criterion_.tests.push_back(std::move(test));
      }
    }
    criterion_.look_up_values();
    return std::move(criterion_);
  }

 private:
  // ---- errors ----

  Error refused(std::string_view why) const {
    return invalid(fmt::format("the search parameter '{}' of {} {}", shown(whole_name_),
                               fhir::type_name(type_), why));
  }
  Error bad_value(std::string_view value, const Error& why) const {
    return {why.kind, fmt::format("the search parameter '{}' of {}: '{}' {}", shown(whole_name_),
                                  fhir::type_name(type_), shown(value), why.message)};
  }

  Result<void> find() {
    parameter_ = find_parameter(type_, criterion_.name);
    if (parameter_ == nullptr) {
      if (is_one_of(criterion_.name,
                    {"_text", "_content", "_query", "_list", "_filter", "_type"}) ||
          (criterion_.name == "near" && fhir::type_name(type_) == "Location"))
        return unsupported(
            fmt::format("the search parameter '{}' is not supported", criterion_.name));
      return unsupported(fmt::format("{} has no search parameter '{}'", fhir::type_name(type_),
                                     shown(criterion_.name)));
    }
    const TableRow& row = row_of(type_, criterion_.name);
    criterion_.target.type = parameter_->type;
    criterion_.target.paths = parse_paths(row.paths);
    if (parameter_->type == ParameterType::kComposite) {
      criterion_.kind = Criterion::Kind::kComposite;
      read_components(row.components);
    } else if (criterion_.target.paths.front().type == DataType::kPresence) {
      criterion_.target.look = Target::Look::kPresence;
    }
    return {};
  }

  void read_components(std::string_view text) {
    constexpr std::array kTypes = {ParameterType::kToken,     ParameterType::kString,
                                   ParameterType::kReference, ParameterType::kDate,
                                   ParameterType::kNumber,    ParameterType::kQuantity,
                                   ParameterType::kUri};
    while (!text.empty()) {
      const std::string_view part = text.substr(0, text.find(';'));
      text.remove_prefix(std::min(text.size(), part.size() + 1));
      const std::size_t equals = part.find('=');
      Target component;
      component.type = *std::find_if(kTypes.begin(), kTypes.end(), [&](ParameterType type) {
        return to_string(type) == part.substr(0, equals);
      });
      component.paths = parse_paths(part.substr(equals + 1));
      criterion_.components.push_back(std::move(component));
    }
  }

  // ---- modifiers ----

  Result<void> read_modifier() {
    if (modifier_.empty()) {
      if (criterion_.name == "phonetic") string_mode_ = StringTest::Mode::kSoundsLike;
      return {};
    }
    switch (parameter_->type) {
      case ParameterType::kToken:
        if (modifier_ == "not") {
          criterion_.negated = true;
          return {};
        }
        if (modifier_ == "text") return read_text_modifier();
        break;
      case ParameterType::kString:
        if (criterion_.name == "phonetic") break;
        if (modifier_ == "exact") {
          string_mode_ = StringTest::Mode::kExact;
          return {};
        }
        if (modifier_ == "contains") {
          string_mode_ = StringTest::Mode::kContains;
          return {};
        }
        break;
      case ParameterType::kReference:
        if (modifier_ == "identifier") {
          const auto& paths = criterion_.target.paths;
          if (std::none_of(paths.begin(), paths.end(),
                           [](const Path& path) { return path.type == DataType::kReference; }))
            break;
          criterion_.target.look = Target::Look::kIdentifier;
          return {};
        }
        if (const auto named = fhir::find_resource_type(modifier_)) {
          SLUICE_RETURN_IF_ERROR(check_target(*named));
          modifier_type_ = named;
          return {};
        }
        break;
      default:
        break;
    }
    if (is_one_of(modifier_,
                  {"exact", "contains", "text", "in", "not-in", "below", "above", "not", "of-type",
                   "identifier", "type", "iterate", "text-advanced", "code-text"}))
      return unsupported(
          fmt::format("the modifier ':{}' of the search parameter '{}' ({}) is not "
                      "supported",
                      modifier_, criterion_.name, to_string(parameter_->type)));
    return refused(fmt::format("has an unknown modifier ':{}'", shown(modifier_)));
  }

  Result<void> read_text_modifier() {
    const auto& paths = criterion_.target.paths;
    const bool has_text = std::any_of(paths.begin(), paths.end(), [](const Path& path) {
      return path.type == DataType::kCodeableConcept || path.type == DataType::kCoding ||
             path.type == DataType::kIdentifier || path.type == DataType::kText;
    });
    if (!has_text) return refused("has no text for the modifier ':text'");
    criterion_.target.look = Target::Look::kText;
    return {};
  }

  Result<void> check_target(fhir::ResourceType named) const {
    const auto targets = parameter_->targets;
    if (!targets.empty() && std::find(targets.begin(), targets.end(), named) == targets.end())
      return refused(fmt::format("does not refer to {}", fhir::type_name(named)));
    return {};
  }

  Result<Criterion> compile_missing() {
    if (parameter_->type == ParameterType::kComposite)
      return Error(unsupported(
          fmt::format("the modifier ':missing' of the composite search parameter '{}' is not "
                      "supported",
                      criterion_.name)));
    if (value_ != "true" && value_ != "false")
      return bad_value(value_, invalid("is neither true nor false"));
    criterion_.kind = Criterion::Kind::kMissing;
    criterion_.negated = value_ == "false";
    return std::move(criterion_);
  }

  // ---- values ----

  /// Adds the name of the parameter and the value to an error.
  template <class Test>
  Result<ValueTest> named(std::string_view value, Result<Test> test) const {
    if (!test) return bad_value(value, test.error());
    return ValueTest(std::move(*test));
  }

  Result<ValueTest> parse_text(std::string_view value, std::string_view plain,
                               StringTest::Mode mode) const {
    const auto characters = std::count_if(plain.begin(), plain.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;  // not a byte within a character
    });
    if (static_cast<std::size_t>(characters) > kQueryTextMax)
      return bad_value(value, invalid(fmt::format("has more than {} characters", kQueryTextMax)));
    return named(value, StringTest::parse(plain, mode));
  }

  Result<ValueTest> parse_value(std::string_view value, const Target& target) const {
    const std::string plain = unescape_value(value);
    switch (target.type) {
      case ParameterType::kToken:
        if (target.look == Target::Look::kText)
          return parse_text(value, plain, StringTest::Mode::kStartsWith);
        return named(value, TokenTest::parse(value, target.paths));
      case ParameterType::kString:
        return parse_text(value, plain, string_mode_);
      case ParameterType::kReference:
        if (target.look == Target::Look::kIdentifier)
          return named(value, TokenTest::parse(value, target.paths));
        return named(value, ReferenceTest::parse(plain, modifier_type_, options_.base_url));
      case ParameterType::kDate:
        return named(value,
                     DateTest::parse(plain, options_.now ? *options_.now : SystemClock().now()));
      case ParameterType::kNumber:
        return named(value, NumberTest::parse(plain));
      case ParameterType::kQuantity:
        return named(value, QuantityTest::parse(value));
      default:
        return ValueTest(plain);
    }
  }

  Result<std::vector<ValueTest>> parse_tuple(std::string_view text) const {
    const auto parts = split_escaped(text, '$', criterion_.components.size());
    if (parts.size() != criterion_.components.size())
      return bad_value(text, invalid(fmt::format("does not have {} parts separated by '$'",
                                                 criterion_.components.size())));
    std::vector<ValueTest> tuple;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].empty()) return bad_value(text, invalid("has an empty part"));
      SLUICE_ASSIGN_OR_RETURN(auto test, parse_value(parts[i], criterion_.components[i]));
      tuple.push_back(std::move(test));
    }
    return tuple;
  }

  // ---- other resources ----

  Result<Query> compile_inner(fhir::ResourceType type, std::string_view name) const {
    if (name.starts_with("_has") || name.find('.') != std::string_view::npos)
      return unsupported(
          fmt::format("'{}' goes through more than one reference: only one is "
                      "supported",
                      shown(whole_name_)));
    return Query::compile(type, Parameters{{std::string(name), std::string(value_)}}, options_);
  }

  bool refers_to_resources() const {
    const auto& paths = criterion_.target.paths;
    return parameter_->type == ParameterType::kReference &&
           std::any_of(paths.begin(), paths.end(),
                       [](const Path& path) { return path.type == DataType::kReference; });
  }

  Result<Criterion> compile_chain(std::string_view inner) {
    if (!refers_to_resources())
      return refused(fmt::format("has a chain, but '{}' is no reference", criterion_.name));
    criterion_.kind = Criterion::Kind::kChain;
    std::vector<fhir::ResourceType> types(parameter_->targets.begin(), parameter_->targets.end());
    if (!modifier_.empty()) {
      const auto named = fhir::find_resource_type(modifier_);
      if (!named) return refused(fmt::format("names '{}', which is no resource type", modifier_));
      SLUICE_RETURN_IF_ERROR(check_target(*named));
      types = {*named};
    }
    if (types.empty())
      return refused(
          fmt::format("may refer to any type: name one ({}:Type.{})", criterion_.name, inner));
    const std::string_view inner_name = inner.substr(0, inner.find(':'));
    for (const fhir::ResourceType type : types) {
      // Of several types those count that have the parameter.
      if (types.size() > 1 && find_parameter(type, inner_name) == nullptr) continue;
      SLUICE_ASSIGN_OR_RETURN(auto query, compile_inner(type, inner));
      criterion_.inner.push_back(std::move(query));
    }
    if (criterion_.inner.empty())
      return refused(fmt::format("refers to no type that has a search parameter '{}'", inner_name));
    return std::move(criterion_);
  }

  Result<Criterion> compile_has() {
    criterion_.kind = Criterion::Kind::kHas;
    criterion_.name = "_has";
    std::array<std::string_view, 3> parts;  // _has, type, reference; the rest is the parameter
    std::string_view rest = whole_name_;
    for (auto& part : parts) {
      const std::size_t colon = rest.find(':');
      if (colon == std::string_view::npos) return refused("is not _has:Type:reference:parameter");
      part = rest.substr(0, colon);
      rest.remove_prefix(colon + 1);
    }
    const auto type = fhir::find_resource_type(parts[1]);
    if (!type)
      return refused(fmt::format("names '{}', which is no resource type", shown(parts[1])));
    const SearchParameter* reference = find_parameter(*type, parts[2]);
    if (reference == nullptr || reference->type != ParameterType::kReference)
      return refused(fmt::format("names '{}', which is no reference parameter of {}",
                                 shown(parts[2]), parts[1]));
    const auto targets = reference->targets;
    if (!targets.empty() && std::find(targets.begin(), targets.end(), type_) == targets.end())
      return refused(
          fmt::format("names '{}', which does not refer to {}", parts[2], fhir::type_name(type_)));
    criterion_.referring = parse_paths(row_of(*type, parts[2]).paths);
    SLUICE_ASSIGN_OR_RETURN(auto query, compile_inner(*type, rest));
    criterion_.inner.push_back(std::move(query));
    return std::move(criterion_);
  }

  const fhir::ResourceType type_;
  const std::string_view whole_name_;
  const std::string_view value_;
  const QueryOptions& options_;
  Criterion criterion_;
  const SearchParameter* parameter_ = nullptr;
  std::string_view modifier_;
  std::optional<fhir::ResourceType> modifier_type_;
  StringTest::Mode string_mode_ = StringTest::Mode::kStartsWith;
};

}  // namespace

Result<Criterion> compile_criterion(fhir::ResourceType type, std::string_view name,
                                    std::string_view value, const QueryOptions& options) {
  return CriterionCompiler(type, name, value, options).compile();
}

}  // namespace sluice::search
