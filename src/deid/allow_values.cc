// What our own rule sets leave of the elements that the allow-list names. All that is not of the
// form written here is removed: no text of a resource passes as it is but codes, numbers and truth.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/json_text.h"
#include "deid/known_values.h"
#include "deid/values.h"
#include "deid/walker.h"
#include "fhir/reference.h"
#include "fhir/resource_type.h"
#include "fhirpath/decimal.h"
#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::deid {

using fhirpath::TypeId;
namespace system = fhirpath::system;

namespace {

struct Types {
  TypeId code = *fhirpath::find_fhir_type("code");
  TypeId instant = *fhirpath::find_fhir_type("instant");
  TypeId date = *fhirpath::find_fhir_type("date");
  TypeId date_time = *fhirpath::find_fhir_type("dateTime");
  TypeId coding = *fhirpath::find_fhir_type("Coding");
  TypeId quantity = *fhirpath::find_fhir_type("Quantity");
};
const Types& types() {
  static const Types types;
  return types;
}

constexpr int kShiftMax = 365;
/// Resource::offset of a resource that is no patient's.
constexpr int kNoOwner = 0;
constexpr std::size_t kCodeSizeMax = 64;

/// A code of a terminology: no spaces, no quotes, none of the marks between which SNOMED CT writes
/// terms.
bool is_code(std::string_view text) {
  return !text.empty() && text.size() <= kCodeSizeMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c > ' ' && c < '\x7F' && c != '|' && c != '"' && c != '\\' && c != '@';
         });
}

/// How many of a unit are a year; nullopt for what is no unit of age.
std::optional<int> units_in_year(std::string_view unit) {
  constexpr std::pair<std::string_view, int> kUnits[] = {
      {"a", 1},     {"a_g", 1},    {"a_j", 1},     {"a_t", 1},  {"year", 1},     {"years", 1},
      {"yr", 1},    {"yrs", 1},    {"y", 1},       {"mo", 12},  {"mo_g", 12},    {"mo_j", 12},
      {"mo_s", 12}, {"month", 12}, {"months", 12}, {"wk", 52},  {"week", 52},    {"weeks", 52},
      {"d", 365},   {"day", 365},  {"days", 365},  {"h", 8760}, {"min", 525'600}};
  std::string lower(unit);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  for (const auto& [name, a_year] : kUnits)
    if (lower == name) return a_year;
  return std::nullopt;
}

}  // namespace

bool Walker::removed_value() {
  fire(kNoRule, kRedactedTag);
  return false;
}

const std::string& Walker::hashed(std::string_view text) {
  fire(kNoRule, kHashedTag);
  return hash_->hex(text);
}

/// Scalars.
bool Walker::allowed_value(std::size_t token, const Place& place) {
  const char first = tokens_->first(token);
  const TypeId kind =
      fhirpath::is_system(place.type) ? place.type : fhirpath::row_of(place.type).conversion;
  if (first != '"') {
    const bool is_truth = first == 't' || first == 'f';
    const bool is_number = first == '-' || (first >= '0' && first <= '9');
    if ((kind == system::kBoolean && is_truth) ||
        ((kind == system::kInteger || kind == system::kDecimal) && is_number)) {
      out_ += tokens_->scalar(token);
      return true;
    }
    return removed_value();
  }
  fhir::unescape(tokens_->raw_string(token), text_);
  switch (place.part) {
    case Part::kResourceId: {
      const std::string local =
          (is_in_contained_ ? std::string("#") : std::string(type_name_) + "/") + text_;
      append_string(hashed(local));
      return true;
    }
    case Part::kReference:
      return allowed_reference(text_);
    case Part::kFullUrl:
      return allowed_url(text_);
    case Part::kReferenceType:
      if (!fhir::find_resource_type(text_)) return removed_value();
      append_string(text_);
      return true;
    case Part::kState:
      if (!is_state(text_)) return removed_value();
      append_string(text_);
      return true;
    case Part::kCountry:
      if (!is_country(text_)) return removed_value();
      append_string(text_);
      return true;
    case Part::kPostalCode: {
      const auto area = zip_code_area(text_);
      fire(kNoRule, kAbstractedTag);
      if (!area) return removed_value();
      append_string(*area);
      return true;
    }
    default:
      break;
  }
  if (place.type == types().code && is_code(text_)) {
    append_string(text_);
    return true;
  }
  if (place.type == types().date || place.type == types().date_time)
    return allowed_date(text_, false);
  if (place.type == types().instant) return allowed_date(text_, true);
  return removed_value();
}

bool Walker::allowed_date(std::string_view text, bool is_instant) {
  const auto date = read_date(text);
  if (!date || may_be_over_age(date->year, today_)) return removed_value();
  if (is_shifted() && !resource_.offset) {
    const auto owner = context_->owner ? std::optional(std::string(*context_->owner))
                                       : owner_of(tokens_->value(resource_token_));
    resource_.offset =
        owner ? -1 - static_cast<int>(shift_->below("patient " + *owner, kShiftMax)) : kNoOwner;
  }
  if (is_shifted() && resource_.offset != kNoOwner) {
    // What has no day cannot move by days.
    const auto day = shifted_day(*date, *resource_.offset);
    if (!day) return removed_value();
    fire(kNoRule, kPerturbedTag);
    append_string(is_instant ? *day + "T00:00:00Z" : *day);
    return true;
  }
  // A year is no instant.
  if (is_instant) return removed_value();
  fire(kNoRule, kAbstractedTag);
  append_string(year_text(date->year));
  return true;
}

bool Walker::allowed_reference(std::string_view text) {
  if (text.starts_with('#') && text.size() > 1) {
    append_string("#" + hashed(text));
    return true;
  }
  if (text.starts_with("urn:uuid:")) return allowed_url(text);
  const auto found = fhir::parse_reference_to_any_server(text);
  if (!found) return removed_value();
  const std::string_view type = fhir::type_name(found->type);
  const std::string local = fmt::format("{}/{}", type, found->id);
  // The same id on another server is another resource.
  const auto end = text.find("/_history/");
  const std::string_view whole = text.substr(0, end);
  const bool is_relative = whole == local;
  append_string(fmt::format("{}/{}", type, hashed(is_relative ? std::string_view(local) : whole)));
  return true;
}

/// A link of a Bundle: what it says goes, what it joins stays.
bool Walker::allowed_url(std::string_view text) {
  const std::string hex = hashed(text);
  append_string(fmt::format("urn:uuid:{}-{}-5{}-a{}-{}", hex.substr(0, 8), hex.substr(8, 4),
                            hex.substr(13, 3), hex.substr(17, 3), hex.substr(20, 12)));
  return true;
}

/// Objects.
bool Walker::allowed_object(std::size_t token, const Place& place, Level level) {
  if (place.type == types().coding) return allowed_coding(token);
  if (fhirpath::is_a(place.type, types().quantity)) return allowed_quantity(token, place);
  const auto kind = fhirpath::row_of(place.type).kind;
  if (kind == fhirpath::TypeKind::kPrimitive || kind == fhirpath::TypeKind::kSystem)
    return remove(token, kNoRule);
  const std::size_t token_before = resource_token_;
  const std::string_view name_before = type_name_;
  if (level == Level::kResource) {
    resource_token_ = token;
    type_name_ = fhirpath::row_of(place.type).name;
  }
  const bool is_left = object(token, place, {}, level);
  resource_token_ = token_before;
  type_name_ = name_before;
  return is_left;
}

/// A code is one by its system: of others it can say anything.
bool Walker::allowed_coding(std::size_t token) {
  std::string system;
  std::string code;
  bool is_whole = true;
  (void)fhir::each_member(*tokens_, token, [&](std::size_t key, std::size_t value) -> Result<void> {
    const std::string_view name = tokens_->raw_string(key);
    const bool is_text = tokens_->first(value) == '"';
    if (name == "system" && is_text)
      fhir::unescape(tokens_->raw_string(value), system);
    else if (name == "code" && is_text)
      fhir::unescape(tokens_->raw_string(value), code);
    else
      is_whole = false;
    return {};
  });
  if (!is_code(code) || !is_terminology(system)) return remove(token, kNoRule);
  next_ = tokens_->behind(token);
  if (!is_whole) fire(kNoRule, kRedactedTag);
  out_ += "{\"system\":" + json_string(system) + ",\"code\":" + json_string(code) + "}";
  return true;
}

/// Units only as codes; ages, and what is counted in units of age, up to kAgeMax years.
bool Walker::allowed_quantity(std::size_t token, const Place& place) {
  static const TypeId age = *fhirpath::find_fhir_type("Age");
  std::string_view number;
  (void)fhir::each_member(*tokens_, token, [&](std::size_t key, std::size_t value) -> Result<void> {
    const char first = tokens_->first(value);
    if (fhir::means(tokens_->raw_string(key), "value") &&
        (first == '-' || (first >= '0' && first <= '9')))
      number = tokens_->scalar(value);
    return {};
  });
  const auto text = [&](std::string_view name) {
    return fhir::string_member(*tokens_, token, name).value_or("");
  };
  std::string comparator = text("comparator");
  const std::string system = text("system");
  const std::string code = text("code");
  const bool has_code = is_terminology(system) && is_code(code);
  next_ = tokens_->behind(token);
  const auto amount = fhirpath::Decimal::parse(number);
  if (!amount) return removed_value();
  constexpr std::string_view kComparators[] = {"<", "<=", ">=", ">", "ad"};
  if (std::find(std::begin(kComparators), std::end(kComparators), comparator) ==
      std::end(kComparators))
    comparator.clear();
  std::string pooled(number);
  // 90 years and more are one, in the unit that they have. Less than 90 of a unit are less.
  std::optional<int> in_year;
  if (*amount > fhirpath::Decimal(kAgeMax)) {
    in_year = units_in_year(code);
    if (!in_year) in_year = units_in_year(text("unit"));
    if (!in_year && place.type == age) in_year = 1;
  }
  if (in_year && *amount > fhirpath::Decimal(static_cast<std::int64_t>(kAgeMax) * *in_year)) {
    fire(kNoRule, kAbstractedTag);
    pooled = fhirpath::Decimal(static_cast<std::int64_t>(kAgeMax + 1) * *in_year).to_string();
    comparator = ">=";
  }
  if (find_key(token, "unit") != 0) fire(kNoRule, kRedactedTag);
  out_ += "{\"value\":" + pooled;
  if (!comparator.empty()) out_ += ",\"comparator\":" + json_string(comparator);
  if (has_code) out_ += ",\"system\":" + json_string(system) + ",\"code\":" + json_string(code);
  out_ += '}';
  return true;
}

}  // namespace sluice::deid
