#include "deid/rule_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <span>

#include "base/json_text.h"
#include "base/utf8.h"

namespace sluice::deid {
namespace {

namespace json = boost::json;

constexpr std::pair<std::string_view, Method> kMethods[] = {{"keep", Method::kKeep},
                                                            {"redact", Method::kRedact},
                                                            {"dateShift", Method::kDateShift},
                                                            {"perturb", Method::kPerturb},
                                                            {"cryptoHash", Method::kCryptoHash},
                                                            {"encrypt", Method::kEncrypt},
                                                            {"substitute", Method::kSubstitute},
                                                            {"generalize", Method::kGeneralize}};

constexpr int kRoundToMax = 28;
constexpr std::size_t kCasesMax = 1000;
constexpr int kOffsetDaysMax = 36'500;

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return lower(x) == lower(y);
  });
}

/// An object of the file and where it stands.
class Section {
 public:
  Section(const json::object& object, std::string place)
      : object_(object), place_(std::move(place)) {}

  Error fail(std::string_view key, std::string_view message) const {
    const std::string_view dot = place_.empty() || key.empty() ? "" : ".";
    return invalid(fmt::format("{}{}{}: {}", place_, dot, key, message));
  }
  /// Refuses what is not among `known`.
  Result<void> only(std::span<const std::string_view> known) const {
    for (const auto& [key, value] : object_)
      if (std::find(known.begin(), known.end(), std::string_view(key)) == known.end())
        return Error{ErrorKind::kUnsupported,
                     fmt::format("{}{}: this is not known here; known are {}", place_,
                                 (place_.empty() ? "" : ".") + std::string(shortened(key, 60)),
                                 fmt::join(known, ", "))};
    return {};
  }
  /// Null where it is missing or null.
  const json::value* find(std::string_view key) const {
    const auto* value = object_.if_contains(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  Result<std::string> text(std::string_view key, std::string_view otherwise) const {
    const auto* value = find(key);
    if (value == nullptr) return std::string(otherwise);
    if (!value->is_string()) return fail(key, "this must be a text");
    return std::string(value->as_string());
  }
  Result<std::string> text(std::string_view key) const {
    if (find(key) == nullptr) return fail(key, "this is missing");
    return text(key, "");
  }
  Result<bool> boolean(std::string_view key) const {
    const auto* value = find(key);
    if (value == nullptr) return false;
    if (!value->is_bool()) return fail(key, "this must be true or false");
    return value->as_bool();
  }
  Result<std::optional<int>> integer(std::string_view key, int min, int max) const {
    const auto* value = find(key);
    if (value == nullptr) return std::optional<int>();
    if (!value->is_int64() || value->as_int64() < min || value->as_int64() > max)
      return fail(key, fmt::format("this must be a whole number from {} to {}", min, max));
    return std::optional(static_cast<int>(value->as_int64()));
  }

 private:
  const json::object& object_;
  const std::string place_;
};

// ---- parameters ----

Result<ShiftScope> scope_of(const Section& section) {
  constexpr std::pair<std::string_view, ShiftScope> kScopes[] = {
      {"resource", ShiftScope::kResource},
      {"file", ShiftScope::kFile},
      {"folder", ShiftScope::kFolder},
      {"patient", ShiftScope::kPatient}};
  SLUICE_ASSIGN_OR_RETURN(const auto word, section.text("dateShiftScope", "resource"));
  for (const auto& [name, scope] : kScopes)
    if (same_word(word, name)) return scope;
  return section.fail("dateShiftScope", "this is none of resource, file, folder, patient");
}

Result<Parameters> read_parameters(const json::object& object) {
  const Section section(object, "parameters");
  constexpr std::string_view kKnown[] = {"dateShiftKey",
                                         "dateShiftScope",
                                         "dateShiftFixedOffsetInDays",
                                         "cryptoHashKey",
                                         "encryptKey",
                                         "enablePartialAgesForRedact",
                                         "enablePartialDatesForRedact",
                                         "enablePartialZipCodesForRedact",
                                         "restrictedZipCodeTabulationAreas"};
  SLUICE_RETURN_IF_ERROR(section.only(kKnown));
  for (const std::string_view key : {"dateShiftKey", "cryptoHashKey", "encryptKey"}) {
    SLUICE_ASSIGN_OR_RETURN(const auto secret, section.text(key, ""));
    if (!secret.empty())
      return section.fail(key, "a rule file holds no keys; leave it empty and name a key file");
  }
  Parameters parameters;
  SLUICE_ASSIGN_OR_RETURN(parameters.shift_scope, scope_of(section));
  SLUICE_ASSIGN_OR_RETURN(
      parameters.fixed_offset_days,
      section.integer("dateShiftFixedOffsetInDays", -kOffsetDaysMax, kOffsetDaysMax));
  SLUICE_ASSIGN_OR_RETURN(parameters.partial_ages, section.boolean("enablePartialAgesForRedact"));
  SLUICE_ASSIGN_OR_RETURN(parameters.partial_dates, section.boolean("enablePartialDatesForRedact"));
  SLUICE_ASSIGN_OR_RETURN(parameters.partial_zip_codes,
                          section.boolean("enablePartialZipCodesForRedact"));
  constexpr std::string_view kAreas = "restrictedZipCodeTabulationAreas";
  const auto* areas = section.find(kAreas);
  if (areas == nullptr) return parameters;
  if (!areas->is_array()) return section.fail(kAreas, "this must be an array of texts");
  for (const auto& area : areas->as_array()) {
    if (!area.is_string() || area.as_string().empty())
      return section.fail(kAreas, "this must be an array of texts");
    parameters.restricted_zip_codes.emplace_back(area.as_string());
  }
  return parameters;
}

// ---- rules ----

Result<void> read_perturb(const Section& section, Rule& rule) {
  const auto* span = section.find("span");
  if (span == nullptr) return section.fail("span", "this is missing");
  const auto number = span->is_number() ? fhirpath::Decimal::parse(json_text(*span)) : std::nullopt;
  if (!number || number->sign() < 0)
    return section.fail("span", "this must be a number, 0 or greater");
  rule.span = *number;
  SLUICE_ASSIGN_OR_RETURN(const auto range, section.text("rangeType", "fixed"));
  rule.is_proportional = same_word(range, "proportional");
  if (!rule.is_proportional && !same_word(range, "fixed"))
    return section.fail("rangeType", "this is none of fixed, proportional");
  SLUICE_ASSIGN_OR_RETURN(rule.round_to, section.integer("roundTo", 0, kRoundToMax));
  return {};
}

Result<void> read_substitute(const Section& section, Rule& rule) {
  const auto* value = section.find("replaceWith");
  if (value == nullptr) return section.fail("replaceWith", "this is missing");
  if (value->is_array())
    return section.fail("replaceWith", "this must be a text, a number, true, false or an object");
  rule.replace_with = json_text(*value);
  return {};
}

Result<void> read_generalize(const Section& section, fhirpath::Strictness strictness, Rule& rule) {
  const auto* cases = section.find("cases");
  if (cases == nullptr || !cases->is_object() || cases->as_object().empty())
    return section.fail("cases", "this must be an object of conditions and values");
  if (cases->as_object().size() > kCasesMax) return section.fail("cases", "these are too many");
  fhirpath::CompileOptions options;
  options.strictness = strictness;
  std::vector<fhirpath::TypeId> types;
  for (const auto& branch : rule.branches)
    types.insert(types.end(), branch.types.begin(), branch.types.end());
  options.context_types = types;
  for (const auto& [condition, value] : cases->as_object()) {
    const auto place = fmt::format("cases['{}']", shortened(condition, 80));
    if (!value.is_string()) return section.fail(place, "this must be an expression, as a text");
    auto test = fhirpath::Expression::compile(condition, options);
    if (!test) return section.fail(place, test.error().message);
    auto result = fhirpath::Expression::compile(value.as_string(), options);
    if (!result) return section.fail(place, result.error().message);
    rule.cases.push_back({std::move(*test), std::move(*result)});
  }
  SLUICE_ASSIGN_OR_RETURN(const auto others, section.text("otherValues", "redact"));
  rule.keeps_others = same_word(others, "keep");
  if (!rule.keeps_others && !same_word(others, "redact"))
    return section.fail("otherValues", "this is none of redact, keep");
  return {};
}

std::vector<std::string_view> keys_of(Method method) {
  std::vector<std::string_view> keys{"path", "method"};
  if (method == Method::kPerturb) keys.insert(keys.end(), {"span", "rangeType", "roundTo"});
  if (method == Method::kSubstitute) keys.push_back("replaceWith");
  if (method == Method::kGeneralize) keys.insert(keys.end(), {"cases", "otherValues"});
  return keys;
}

bool is_primitive(fhirpath::TypeId type) {
  const auto kind = fhirpath::row_of(type).kind;
  return kind == fhirpath::TypeKind::kPrimitive || kind == fhirpath::TypeKind::kSystem;
}

/// Methods for some types only are refused where no type that the path leads to is one.
Result<void> check_types(const Section& section, const Rule& rule) {
  bool any = false;
  bool primitive = false;
  bool complex = false;
  for (const auto& branch : rule.branches) {
    any = any || branch.types.empty();
    for (const auto type : branch.types)
      (type == fhirpath::system::kAny ? any : is_primitive(type) ? primitive : complex) = true;
  }
  if (any) return {};
  const bool is_object = rule.replace_with.starts_with('{');
  if (rule.method == Method::kGeneralize && complex)
    return section.fail("path",
                        "generalize takes primitive elements only, not elements that have "
                        "elements");
  if (rule.method == Method::kSubstitute && is_object && !complex)
    return section.fail("replaceWith", "the element takes no object");
  if (rule.method == Method::kSubstitute && !is_object && complex)
    return section.fail("replaceWith", "the element takes an object");
  return {};
}

Result<Rule> read_rule(const json::value& value, std::string place,
                       fhirpath::Strictness strictness) {
  if (!value.is_object()) return invalid(place + ": this must be an object");
  const Section section(value.as_object(), std::move(place));
  Rule rule;
  SLUICE_ASSIGN_OR_RETURN(const auto method, section.text("method"));
  const auto* const found =
      std::find_if(std::begin(kMethods), std::end(kMethods),
                   [&](const auto& row) { return same_word(row.first, method); });
  if (found == std::end(kMethods))
    return Error{
        ErrorKind::kUnsupported,
        section.fail("method", fmt::format("'{}' is no method", shortened(method, 40))).message};
  rule.method = found->second;
  SLUICE_RETURN_IF_ERROR(section.only(keys_of(rule.method)));
  SLUICE_ASSIGN_OR_RETURN(rule.path, section.text("path"));
  auto branches = read_path(rule.path, strictness);
  if (!branches) return section.fail("path", branches.error().message);
  rule.branches = std::move(*branches);
  if (rule.method == Method::kPerturb) SLUICE_RETURN_IF_ERROR(read_perturb(section, rule));
  if (rule.method == Method::kSubstitute) SLUICE_RETURN_IF_ERROR(read_substitute(section, rule));
  if (rule.method == Method::kGeneralize)
    SLUICE_RETURN_IF_ERROR(read_generalize(section, strictness, rule));
  SLUICE_RETURN_IF_ERROR(check_types(section, rule));
  return rule;
}

Result<void> read_head(const Section& file, RuleSet& set) {
  constexpr std::string_view kKnown[] = {"fhirVersion", "processingErrors", "fhirPathRules",
                                         "parameters"};
  SLUICE_RETURN_IF_ERROR(file.only(kKnown));
  SLUICE_ASSIGN_OR_RETURN(const auto version, file.text("fhirVersion", ""));
  if (!version.empty() && !same_word(version, "R4"))
    return Error{ErrorKind::kUnsupported, "fhirVersion: only R4 is done here"};
  SLUICE_ASSIGN_OR_RETURN(const auto errors, file.text("processingErrors", ""));
  if (same_word(errors, "raise"))
    set.on_error = OnError::kRaise;
  else if (same_word(errors, "skip"))
    set.on_error = OnError::kSkip;
  else if (!errors.empty())
    return file.fail("processingErrors", "this is none of raise, skip");
  return {};
}

}  // namespace

std::string_view to_string(Method method) {
  return kMethods[static_cast<std::size_t>(method)].first;
}

bool RuleSet::needs_key() const {
  return std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) {
    return rule.method == Method::kCryptoHash || rule.method == Method::kEncrypt ||
           rule.method == Method::kPerturb ||
           (rule.method == Method::kDateShift && !parameters.fixed_offset_days);
  });
}

Result<RuleSet> read_rules(std::string_view text, fhirpath::Strictness strictness) {
  if (text.size() > kRuleFileSizeMax)
    return Error{ErrorKind::kTooLarge, "the rule file is too large"};
  boost::system::error_code failed;
  json::parse_options options;
  options.max_depth = 64;
  const auto document = json::parse(without_byte_order_mark(text), failed, {}, options);
  if (failed) return invalid("the rule file is no JSON: " + failed.message());
  if (!document.is_object()) return invalid("the rule file is no JSON object");
  const Section file(document.as_object(), "");
  RuleSet set;
  SLUICE_RETURN_IF_ERROR(read_head(file, set));
  const auto* rules = file.find("fhirPathRules");
  if (rules == nullptr || !rules->is_array() || rules->as_array().empty())
    return file.fail("fhirPathRules", "this must be an array of rules");
  if (rules->as_array().size() > kRulesMax)
    return Error{ErrorKind::kTooLarge, "fhirPathRules: these are too many rules"};
  for (const auto& value : rules->as_array()) {
    SLUICE_ASSIGN_OR_RETURN(
        auto rule,
        read_rule(value, fmt::format("fhirPathRules[{}]", set.rules.size()), strictness));
    set.rules.push_back(std::move(rule));
  }
  if (const auto* parameters = file.find("parameters")) {
    if (!parameters->is_object()) return file.fail("parameters", "this must be an object");
    SLUICE_ASSIGN_OR_RETURN(set.parameters, read_parameters(parameters->as_object()));
  }
  return set;
}

}  // namespace sluice::deid
