// What the methods of the rule language do to values and elements.
#include <algorithm>

#include "base/base64.h"
#include "base/json_text.h"
#include "deid/values.h"
#include "deid/walker.h"
#include "json/json_check.h"

namespace sluice::deid {

using fhirpath::TypeId;
namespace system = fhirpath::system;

namespace {

struct Types {
  TypeId date = *fhirpath::find_fhir_type("date");
  TypeId date_time = *fhirpath::find_fhir_type("dateTime");
  TypeId instant = *fhirpath::find_fhir_type("instant");
  TypeId positive = *fhirpath::find_fhir_type("positiveInt");
  TypeId unsigned_int = *fhirpath::find_fhir_type("unsignedInt");
};
const Types& types() {
  static const Types types;
  return types;
}

bool is_date(TypeId type) {
  return type == types().date || type == types().date_time || type == types().instant;
}

/// The System type of a primitive.
TypeId conversion(TypeId type) {
  return fhirpath::is_system(type) ? type : fhirpath::row_of(type).conversion;
}

/// A number as JSON writes it; nullopt for what is none.
std::optional<std::string> number_text(std::string_view text) {
  const auto number = fhirpath::Decimal::parse(text);
  return number ? std::optional(number->to_string()) : std::nullopt;
}

constexpr int kFractionDigits = 9;
constexpr std::uint32_t kFractionBound = 1'000'000'001;

}  // namespace

/// Scalars. `rule` is the first that names the value or what it is in.
bool Walker::rule_value(std::size_t token, const Place& place, RuleId rule) {
  if (rule == kNoRule || rule_at(rule).method == Method::kKeep) {
    out_ += tokens_->scalar(token);
    return true;
  }
  const Method method = rule_at(rule).method;
  const char first = tokens_->first(token);
  if (first == 'n') {
    if (method == Method::kRedact) return remove(token, rule);
    out_ += "null";
    return true;
  }
  if (first == '"')
    fhir::unescape(tokens_->raw_string(token), text_);
  else
    text_ = tokens_->scalar(token);
  switch (method) {
    case Method::kRedact:
      return redact(text_, place, rule);
    case Method::kDateShift:
      if (first == '"' && is_date(place.type)) return shift(text_, place, rule);
      break;
    case Method::kCryptoHash:
      if (!text_.empty()) return hash(text_, place, rule);
      break;
    case Method::kEncrypt:
      if (!text_.empty()) return mask(text_, rule);
      break;
    case Method::kPerturb:
      if (first == '-' || (first >= '0' && first <= '9')) return perturb(text_, place, rule);
      break;
    case Method::kSubstitute:
      return replace(place, rule);
    case Method::kGeneralize:
      return generalize(token, place, rule);
    default:
      break;
  }
  // What the method is not made for stays.
  out_ += tokens_->scalar(token);
  return true;
}

bool Walker::redact(std::string_view text, const Place& place, RuleId rule) {
  const auto& parameters = program_.rules().parameters;
  fire(rule, place.part == Part::kPostalCode && parameters.partial_zip_codes ? kAbstractedTag
                                                                             : kRedactedTag);
  if (is_date(place.type) && parameters.partial_dates) {
    const auto date = read_date(text);
    if (!date || is_over_age(*date, today_)) return false;
    append_string(year_text(date->year));
    return true;
  }
  if (place.part == Part::kAgeValue && parameters.partial_ages) {
    const auto age = fhirpath::Decimal::parse(text);
    if (!age || *age > fhirpath::Decimal(kAgeMax)) return false;
    out_ += text;
    return true;
  }
  if (place.part == Part::kPostalCode && parameters.partial_zip_codes) {
    append_string(partial_zip_code(text, parameters.restricted_zip_codes));
    return true;
  }
  return false;
}

bool Walker::shift(std::string_view text, const Place& place, RuleId rule) {
  const auto date = read_date(text);
  const bool is_whole = date && date->day != 0 && !is_over_age(*date, today_);
  if (!is_whole) return redact(text, place, rule);
  const auto day = shifted_day(*date, shift_days());
  if (!day) return remove(next_ - 1, rule);
  fire(rule, kPerturbedTag);
  append_string(*day + emptied_time(date->time));
  return true;
}

int Walker::shift_days() {
  constexpr int kDaysMax = 50;
  const auto& parameters = program_.rules().parameters;
  if (parameters.fixed_offset_days) return *parameters.fixed_offset_days;
  if (resource_.offset) return *resource_.offset;
  std::string prefix;
  switch (parameters.shift_scope) {
    case ShiftScope::kResource:
      prefix = "resource " + resource_.id;
      break;
    case ShiftScope::kFile:
      prefix = "file " + std::string(context_->file_name);
      break;
    case ShiftScope::kFolder:
      prefix = "folder " + std::string(context_->folder_name);
      break;
    case ShiftScope::kPatient:
      prefix = "patient " +
               (context_->owner ? std::string(*context_->owner) : owner_of(*tokens_).value_or(""));
      break;
  }
  resource_.offset = static_cast<int>(shift_->below(prefix, 2 * kDaysMax + 1)) - kDaysMax;
  return *resource_.offset;
}

bool Walker::hash(std::string_view text, const Place& place, RuleId rule) {
  fire(rule, kHashedTag);
  if (place.part == Part::kReference)
    append_string(with_changed_id(text, [this](std::string_view id) { return hash_->hex(id); }));
  else
    append_string(hash_->hex(text));
  return true;
}

bool Walker::mask(std::string_view text, RuleId rule) {
  fire(rule, kMaskedTag);
  append_string(base64_encode(encrypt(rules_->keys_->encrypt, *vector_, place_text(), text)));
  return true;
}

/// The id of the resource and the way to the value: the same in each run.
std::string Walker::place_text() const {
  std::string place = resource_.id;
  for (const auto& [name, number] : path_) {
    place += '/';
    place += name.empty() ? std::to_string(number) : std::string(name);
  }
  return place;
}

bool Walker::perturb(std::string_view text, const Place& place, RuleId rule) {
  const Rule& how = rule_at(rule);
  const auto number = fhirpath::Decimal::parse(text);
  if (!number) return fail(rule, "a number has too many digits");
  const TypeId kind = conversion(place.type);
  const bool is_integer =
      kind == system::kInteger || (kind == system::kAny && number->is_whole() &&
                                   text.find_first_of(".eE") == std::string_view::npos);
  const int round_to = is_integer ? 0 : how.round_to.value_or(2);
  const auto drawn = noise_->below(place_text(), kFractionBound);
  const fhirpath::Decimal fraction(fhirpath::Decimal::Mantissa(drawn), kFractionDigits);
  auto changed = with_noise(*number, how.span, how.is_proportional, fraction, round_to);
  if (!changed) return fail(rule, "a number has too many digits");
  if (place.type == types().positive && changed->sign() <= 0) changed = fhirpath::Decimal(1);
  if (place.type == types().unsigned_int && changed->sign() < 0) changed = fhirpath::Decimal(0);
  fire(rule, kPerturbedTag);
  out_ += changed->to_string();
  return true;
}

bool Walker::generalize(std::size_t token, const Place& place, RuleId rule) {
  const Rule& how = rule_at(rule);
  const fhirpath::Value self(fhirpath::Node{&document(), static_cast<std::uint32_t>(token),
                                            fhirpath::Node::kNone, place.type});
  for (const Case& each : how.cases) {
    const auto holds = evaluation_.evaluate(each.condition, self);
    if (!holds) return fail(rule, "a condition cannot be evaluated on a value");
    if (holds->size() != 1) continue;
    const auto truth = fhirpath::to_system((*holds)[0]);
    if (truth.get<bool>() == nullptr || !*truth.get<bool>()) continue;
    const auto found = evaluation_.evaluate(each.value, self);
    if (!found || found->size() > 1) return fail(rule, "a case gives no single value");
    fire(rule, kGeneralizedTag);
    return !found->empty() && append_as(place.type, (*found)[0], rule);
  }
  fire(rule, kGeneralizedTag);
  if (!how.keeps_others) return false;
  out_ += tokens_->scalar(token);
  return true;
}

/// A value that an expression gave, in the form that the element has in JSON.
bool Walker::append_as(TypeId type, const fhirpath::Value& value, RuleId rule) {
  const auto simple = fhirpath::to_system(value);
  const auto text = fhirpath::to_text(simple);
  if (!text) return fail(rule, "a case gives no value");
  const TypeId kind = conversion(type);
  if (kind == system::kBoolean) {
    if (*text != "true" && *text != "false") return fail(rule, "a case gives no boolean");
    out_ += *text;
  } else if (kind == system::kInteger || kind == system::kDecimal) {
    const auto number = number_text(*text);
    if (!number) return fail(rule, "a case gives no number");
    out_ += *number;
  } else if (kind == system::kAny) {
    fhirpath::append_json(simple, out_);
  } else {
    append_string(*text);
  }
  return true;
}

// ---- substitute ----

/// A scalar.
bool Walker::replace(const Place& place, RuleId rule) {
  const auto& by = program_.replacement(rule);
  if (by.first(0) == '{' || by.first(0) == '[')
    return fail(rule, "a value takes no object in its place");
  fire(rule, kSubstitutedTag);
  const TypeId kind = conversion(place.type);
  const bool is_text = by.first(0) == '"';
  const std::string text = is_text ? fhir::unescape(by.raw_string(0)) : std::string(by.scalar(0));
  if (kind == system::kAny) {
    out_ += by.scalar(0);
    return true;
  }
  if (kind == system::kBoolean) {
    if (text != "true" && text != "false") return fail(rule, "the element takes true or false");
    out_ += text;
  } else if (kind == system::kInteger || kind == system::kDecimal) {
    const auto number = number_text(text);
    if (!number) return fail(rule, "the element takes a number");
    out_ += *number;
  } else {
    append_string(text);
  }
  return true;
}

/// Whether something in an element was the business of an earlier rule.
bool Walker::holds_earlier(std::size_t token, PlaceId id, Flow flow, RuleId rule) {
  const Place& place = program_.at(id);
  if (place.part == Part::kResource) return false;
  flow = with_mark(flow, token);
  if (effective(place, flow) < rule) return true;
  const bool is_object = tokens_->first(token) == '{';
  if (!is_object && tokens_->first(token) != '[') return false;
  for (std::size_t at = token + 1; tokens_->first(at) != '}' && tokens_->first(at) != ']';) {
    const std::size_t member = is_object ? at + 2 : at;
    PlaceId below = id;
    if (is_object) {
      std::string_view name = name_of(at);
      if (name.starts_with('_')) name.remove_prefix(1);
      below = program_.step(place, name);
    }
    if (holds_earlier(member, below, flow, rule)) return true;
    const std::size_t behind = tokens_->behind(member);
    if (tokens_->first(behind) != ',') break;
    at = behind + 1;
  }
  return false;
}

/// An object: what earlier rules have done in it stays, all else is that of the replacement, which
/// begins with its token `replacement`; kNone of one: nothing.
bool Walker::substitute(std::size_t token, const Place& place, Flow flow, RuleId rule,
                        std::size_t replacement) {
  constexpr auto kNothing = static_cast<std::size_t>(-1);
  const auto& by = program_.replacement(rule);
  const bool has_object = replacement != kNothing && by.first(replacement) == '{';
  if (replacement == 0 && !has_object) return fail(rule, "an element takes an object in its place");
  const std::size_t behind_all = tokens_->behind(token);
  std::vector<std::string> done;
  bool is_first = true;
  out_ += '{';
  for (std::size_t key = token + 1; tokens_->first(key) == '"';) {
    const std::string_view name = name_of(key);
    const bool is_companion = name.starts_with('_');
    const std::string_view plain = is_companion ? name.substr(1) : name;
    const PlaceId id = program_.step(place, plain);
    const std::size_t member = key + 2;
    const std::size_t behind = tokens_->behind(member);
    if (holds_earlier(member, id, flow, rule)) {
      const std::size_t begin = out_.size();
      out_ += is_first ? "" : ",";
      out_ += tokens_->scalar(key);
      out_ += ':';
      path_.emplace_back(plain, 0);
      std::size_t found = kNothing;
      if (has_object)
        for (std::size_t at = replacement + 1; by.first(at) == '"';) {
          if (fhir::means(by.raw_string(at), name)) found = at + 2;
          const std::size_t next = by.behind(at + 2);
          if (by.first(next) != ',') break;
          at = next + 1;
        }
      const bool is_left = substitute_items(member, id, flow, rule, found);
      path_.pop_back();
      if (error_) return false;
      is_first = is_first && !is_left;
      if (!is_left) out_.resize(begin);
      done.emplace_back(name);
    }
    if (tokens_->first(behind) != ',') break;
    key = behind + 1;
  }
  if (has_object)
    for (std::size_t at = replacement + 1; by.first(at) == '"';) {
      const std::size_t next = by.behind(at + 2);
      const std::string name = fhir::unescape(by.raw_string(at));
      if (std::find(done.begin(), done.end(), name) == done.end()) {
        out_ += is_first ? "" : ",";
        out_ += by.text().substr(by.begin(at), by.end(next - 1) - by.begin(at));
        is_first = false;
      }
      if (by.first(next) != ',') break;
      at = next + 1;
    }
  out_ += '}';
  next_ = behind_all;
  fire(rule, kSubstitutedTag);
  return !is_first;
}

/// A member that an earlier rule was at work in: value by value.
bool Walker::substitute_items(std::size_t token, PlaceId id, Flow flow, RuleId rule,
                              std::size_t replacement) {
  constexpr auto kNothing = static_cast<std::size_t>(-1);
  const auto& by = program_.replacement(rule);
  const Place& place = program_.at(id);
  const Flow here = with_mark(flow, token);
  if (effective(place, here) < rule && tokens_->first(token) != '[') return value(token, id, flow);
  if (tokens_->first(token) == '{') return substitute(token, place, here, rule, replacement);
  if (tokens_->first(token) != '[') return false;
  const bool has_items = replacement != kNothing && by.first(replacement) == '[';
  std::size_t next_by = has_items ? replacement + 1 : kNothing;
  const auto advance = [&] {
    const std::size_t behind = by.behind(next_by);
    next_by = by.first(behind) == ',' ? behind + 1 : kNothing;
  };
  if (next_by != kNothing && by.first(next_by) == ']') next_by = kNothing;
  const std::size_t behind_all = tokens_->behind(token);
  bool is_first = true;
  out_ += '[';
  path_.emplace_back(std::string_view(), 0);
  for (std::size_t item = token + 1; tokens_->first(item) != ']';) {
    const std::size_t behind = tokens_->behind(item);
    const std::size_t begin = out_.size();
    out_ += is_first ? "" : ",";
    bool is_left = false;
    if (holds_earlier(item, id, here, rule)) {
      is_left = substitute_items(item, id, here, rule, next_by);
    } else if (next_by != kNothing) {
      out_ +=
          by.text().substr(by.begin(next_by), by.end(by.behind(next_by) - 1) - by.begin(next_by));
      is_left = true;
    }
    if (error_) return false;
    if (next_by != kNothing) advance();
    is_first = is_first && !is_left;
    if (!is_left) out_.resize(begin);
    ++path_.back().second;
    if (tokens_->first(behind) != ',') break;
    item = behind + 1;
  }
  while (next_by != kNothing) {
    out_ += is_first ? "" : ",";
    out_ += by.text().substr(by.begin(next_by), by.end(by.behind(next_by) - 1) - by.begin(next_by));
    is_first = false;
    advance();
  }
  path_.pop_back();
  out_ += ']';
  next_ = behind_all;
  return !is_first;
}

}  // namespace sluice::deid
