#include "deid/walker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json_text.h"
#include "deid/values.h"
#include "json/json_check.h"

namespace sluice::deid {

namespace system = fhirpath::system;

namespace {

/// What find_key() says of a key that an object does not have.
constexpr std::size_t kNone = 0;

/// The resource type of this name; kAny for none.
fhirpath::TypeId type_of(const std::string& name) {
  const auto type = fhirpath::find_fhir_type(name);
  return type && fhirpath::row_of(*type).kind == fhirpath::TypeKind::kResource ? *type
                                                                               : system::kAny;
}

}  // namespace

Walker::Walker(std::shared_ptr<const Deidentification> rules)
    : rules_(std::move(rules)), program_(rules_->program()) {
  counts_.resize(std::max<std::size_t>(program_.rules().rules.size(), 1));
  if (!rules_->keys_) return;
  hash_.emplace(rules_->keys_->hash);
  shift_.emplace(rules_->keys_->shift);
  noise_.emplace(rules_->keys_->noise);
  vector_.emplace(rules_->keys_->vector);
}

Result<std::string_view> Walker::apply(const fhir::JsonTokens& tokens, const Context& context) {
  tokens_ = &tokens;
  context_ = &context;
  today_ = day_of(context.now);
  document_.reset();
  marks_.clear();
  is_one_line_ = tokens.text().find('\n') == std::string_view::npos &&
                 tokens.text().find('\r') == std::string_view::npos;
  out_.clear();
  fired_.clear();
  path_.clear();
  unescaped_.clear();
  depth_ = 0;
  tags_ = 0;
  resource_token_ = 0;
  is_in_contained_ = false;
  error_.reset();
  if (tokens.size() == 0 || tokens.first(0) != '{') return invalid("this is no JSON object");
  if (!program_.expressions().empty()) find_marks();
  const bool is_left = !error_ && resource(0, {}, false);
  document_.reset();
  if (error_) return *error_;
  if (!is_left) return invalid("nothing of the resource is left");
  for (const RuleId rule : fired_) ++counts_[rule == kNoRule ? 0 : rule];
  return std::string_view(out_);
}

// ---- structure ----

bool Walker::value(std::size_t token, PlaceId id, Flow flow) {
  if (error_) return false;
  if (id == kNowhere) return remove(token, kNoRule);
  const Place& place = program_.at(id);
  if (place.part == Part::kResource) return slot(token, place, flow);
  if (marks_.empty()) {
    if (place.is_plain && flow.rule == kNoRule) {
      copy(token);
      return true;
    }
    if (place.is_gone && effective(place, flow) == place.rule) return remove(token, place.rule);
  } else {
    flow = with_mark(flow, token);
  }
  const char first = tokens_->first(token);
  if (first == '[') return array(token, id, flow);
  if (first != '{') {
    next_ = token + 1;
    if (program_.is_allow_list()) return allowed_value(token, place);
    return rule_value(token, place, effective(place, flow));
  }
  if (program_.is_allow_list()) return allowed_object(token, place, Level::kElement);
  if (const RuleId rule = effective(place, flow); rule != kNoRule) {
    const Method method = rule_at(rule).method;
    const bool is_value = fhirpath::row_of(place.type).kind == fhirpath::TypeKind::kPrimitive ||
                          place.type == system::kString;
    // The extensions of a value that is replaced can hold the value.
    if (is_value && (method == Method::kSubstitute || method == Method::kGeneralize))
      return remove(token, rule);
    if (method == Method::kSubstitute) return substitute(token, place, flow, rule, 0);
    if (method == Method::kGeneralize)
      return fail(rule, "generalize takes values only, not elements that have elements");
  }
  // In what R4 does not know, a resource is one by its type's name.
  if (place.type == system::kAny && find_key(token, "resourceType") != kNone)
    return resource(token, flow, true);
  return object(token, place, flow, Level::kElement);
}

bool Walker::remove(std::size_t token, RuleId rule) {
  next_ = tokens_->behind(token);
  fire(rule, kRedactedTag);
  return false;
}

template <class Each>
bool Walker::items(std::size_t token, const Each& each) {
  out_ += '[';
  bool is_first = true;
  std::size_t item = token + 1;
  while (tokens_->first(item) != ']') {
    const std::size_t begin = out_.size();
    if (!is_first) out_ += ',';
    if (each(item))
      is_first = false;
    else
      out_.resize(begin);
    if (error_) return false;
    item = tokens_->first(next_) == ',' ? next_ + 1 : next_;
  }
  out_ += ']';
  next_ = item + 1;
  return !is_first;
}

bool Walker::slot(std::size_t token, const Place& place, Flow flow) {
  const bool is_contained = !path_.empty() && path_.back().first == "contained";
  if (tokens_->first(token) == '[')
    return items(token, [&](std::size_t item) { return slot(item, place, flow); });
  if (tokens_->first(token) != '{') {
    next_ = tokens_->behind(token);
    // What is no resource cannot be told apart.
    fire(kNoRule, kRedactedTag);
    return false;
  }
  if (flow.is_forced) return resource(token, flow, is_contained);
  RuleId rule = place.rule;
  if (!marks_.empty()) rule = std::min(rule, marked(token));
  if (rule == kNoRule) return resource(token, {}, is_contained);
  if (rule_at(rule).method == Method::kRedact) return remove(token, rule);
  if (rule_at(rule).method == Method::kSubstitute)
    return fail(rule, "substitute takes no whole resource");
  return resource(token, {rule, true}, is_contained);
}

bool Walker::resource(std::size_t token, Flow flow, bool is_contained) {
  const PlaceId root = program_.root(type_of(text_of(token, "resourceType")));
  if (root == kNowhere) {
    if (depth_ > 0) return remove(token, kNoRule);
    error_ = Error{ErrorKind::kUnsupported, "the allow-list does not name this type of resource"};
    return false;
  }
  const Resource before = resource_;
  const bool was_in_contained = std::exchange(is_in_contained_, is_contained);
  const std::uint8_t tags = std::exchange(tags_, 0);
  if (!is_contained) {
    resource_ = {};
    resource_.id = text_of(token, "id");
  }
  ++depth_;
  const Place& place = program_.at(root);
  if (!marks_.empty()) flow = with_mark(flow, token);
  const std::size_t begin = out_.size();
  bool is_left = program_.is_allow_list() ? allowed_object(token, place, Level::kResource)
                                          : object(token, place, flow, Level::kResource);
  --depth_;
  is_in_contained_ = was_in_contained;
  if (error_) return false;
  if (!is_left) {
    // A resource is not nothing: its type stays.
    out_.resize(begin);
    out_ += "{}";
    is_left = !is_contained;
  }
  if (!is_contained) {
    add_meta();
    resource_ = before;
  } else {
    // Where it has its own type and meta is nothing to the resource around it.
    const auto offset = resource_.offset;
    resource_ = before;
    resource_.offset = offset;
  }
  tags_ |= tags;
  return is_left;
}

void Walker::member_written(std::string_view name, Level level, std::size_t begin) {
  if (level != Level::kResource) return;
  if (name == "resourceType") resource_.behind_type = out_.size();
  if (name == "meta" && out_.back() == '}') {
    resource_.meta_begin = begin;
    resource_.meta_end = out_.size();
  }
}

bool Walker::object(std::size_t token, const Place& place, Flow flow, Level level) {
  const std::size_t start = out_.size();
  const std::size_t fired = fired_.size();
  const std::uint8_t tags = tags_;
  out_ += '{';
  bool is_first = true;
  bool has_type = false;
  std::size_t key = token + 1;
  while (tokens_->first(key) == '"') {
    const std::string_view name = name_of(key);
    if (name.starts_with('_')) {
      out_.resize(start);
      fired_.resize(fired);
      tags_ = tags;
      return object_with_companions(token, place, flow, level);
    }
    const std::size_t begin = out_.size();
    if (!is_first) out_ += ',';
    out_ += tokens_->scalar(key);
    out_ += ':';
    const std::size_t value_begin = out_.size();
    path_.emplace_back(name, 0);
    bool is_left = true;
    if (level == Level::kResource && name == "resourceType") {
      if (std::exchange(has_type, true)) return fail_of_two_types();
      copy_type(key + 2, place);
    } else {
      is_left = value(key + 2, step(place, name), flow);
    }
    if (error_) return false;
    if (is_left) {
      member_written(path_.back().first, level, value_begin);
      is_first = false;
    } else {
      out_.resize(begin);
    }
    path_.pop_back();
    key = tokens_->first(next_) == ',' ? next_ + 1 : next_;
  }
  out_ += '}';
  next_ = key + 1;
  // An object that was empty before is not our doing.
  return !is_first || (key == token + 1 && effective(place, flow) == kNoRule);
}

bool Walker::array(std::size_t token, PlaceId id, Flow flow) {
  path_.emplace_back(std::string_view(), 0);
  const bool is_any_left = items(token, [&](std::size_t item) {
    const bool is_left = value(item, id, flow);
    if (!error_) ++path_.back().second;
    return is_left;
  });
  if (error_) return false;
  path_.pop_back();
  return is_any_left || (tokens_->first(token + 1) == ']' && !program_.is_allow_list() &&
                         effective(program_.at(id), flow) == kNoRule);
}

// ---- primitives with extensions ----

/// Goes over the members in pairs of `name` and `_name`.
bool Walker::object_with_companions(std::size_t token, const Place& place, Flow flow, Level level) {
  out_ += '{';
  bool is_first = true;
  bool has_type = false;
  std::size_t key = token + 1;
  while (tokens_->first(key) == '"') {
    const std::string_view name = name_of(key);
    const bool is_companion = name.starts_with('_');
    const std::size_t behind = tokens_->behind(key + 2);
    const std::string_view plain = is_companion ? name.substr(1) : name;
    const std::size_t other =
        find_key(token, is_companion ? std::string(plain) : "_" + std::string(plain));
    const std::size_t begin = out_.size();
    bool is_left = false;
    path_.emplace_back(plain, 0);
    if (level == Level::kResource && name == "resourceType") {
      if (std::exchange(has_type, true)) return fail_of_two_types();
      out_ += is_first ? "" : ",";
      out_ += tokens_->scalar(key);
      out_ += ':';
      copy_type(key + 2, place);
      is_left = true;
      member_written(name, level, begin);
    } else if (is_companion && other != kNone) {
      // It was written with its value.
    } else if (is_companion || other != kNone) {
      is_left = pair(plain, is_companion ? kNone : key + 2, is_companion ? key + 2 : other + 2,
                     step(place, plain), flow, is_first);
    } else {
      out_ += is_first ? "" : ",";
      out_ += tokens_->scalar(key);
      out_ += ':';
      const std::size_t value_begin = out_.size();
      is_left = value(key + 2, program_.step(place, plain), flow);
      if (is_left) member_written(name, level, value_begin);
    }
    path_.pop_back();
    if (error_) return false;
    if (is_left)
      is_first = false;
    else
      out_.resize(begin);
    key = tokens_->first(behind) == ',' ? behind + 1 : behind;
  }
  out_ += '}';
  next_ = key + 1;
  return !is_first;
}

/// Writes what is left of a value and its companion; `kNone` for one that is not there.
bool Walker::pair(std::string_view name, std::size_t value_token, std::size_t companion, PlaceId id,
                  Flow flow, bool is_first) {
  const bool many = (value_token != kNone && tokens_->first(value_token) == '[') ||
                    (companion != kNone && tokens_->first(companion) == '[');
  if (many) return pair_of_arrays(name, value_token, companion, id, flow, is_first);
  if (!marks_.empty()) flow = with_mark(flow, value_token != kNone ? value_token : companion);
  bool is_left = false;
  for (const std::size_t token : {value_token, companion}) {
    if (token == kNone) continue;
    const std::size_t begin = out_.size();
    if (!is_first || is_left) out_ += ',';
    append_string(token == companion ? "_" + std::string(name) : std::string(name));
    out_ += ':';
    if (value(token, id, flow))
      is_left = true;
    else
      out_.resize(begin);
    if (error_) return false;
  }
  return is_left;
}

bool Walker::pair_of_arrays(std::string_view name, std::size_t values, std::size_t companions,
                            PlaceId id, Flow flow, bool is_first) {
  struct List {
    std::size_t item = kNone;
    bool any = false;
    std::string text = {};
  };
  List lists[2];
  const std::size_t arrays[] = {values, companions};
  for (int i = 0; i < 2; ++i)
    if (arrays[i] != kNone)
      lists[i].item = tokens_->first(arrays[i]) == '[' ? arrays[i] + 1 : kNone;
  const auto is_there = [&](const List& list) {
    return list.item != kNone && tokens_->first(list.item) != ']';
  };
  path_.emplace_back(std::string_view(), 0);
  std::size_t kept = 0;
  while (is_there(lists[0]) || is_there(lists[1])) {
    Flow here = flow;
    std::string texts[2];
    for (int i = 0; i < 2; ++i) {
      if (!is_there(lists[i])) continue;
      if (!marks_.empty()) here = with_mark(here, lists[i].item);
      const std::size_t begin = out_.size();
      // A null only holds the place of what is beside it.
      if (tokens_->first(lists[i].item) == 'n')
        next_ = lists[i].item + 1;
      else if (value(lists[i].item, id, here))
        texts[i] = out_.substr(begin);
      if (error_) return false;
      out_.resize(begin);
      lists[i].item = tokens_->first(next_) == ',' ? next_ + 1 : next_;
    }
    ++path_.back().second;
    if (texts[0].empty() && texts[1].empty()) continue;
    for (int i = 0; i < 2; ++i) {
      lists[i].text += kept == 0 ? "" : ",";
      lists[i].text += texts[i].empty() ? "null" : texts[i];
      lists[i].any = lists[i].any || !texts[i].empty();
    }
    ++kept;
  }
  path_.pop_back();
  for (int i = 0; i < 2; ++i) {
    if (!lists[i].any) continue;
    if (!is_first) out_ += ',';
    append_string((i == 0 ? "" : "_") + std::string(name));
    out_ += ":[" + lists[i].text + "]";
    is_first = false;
  }
  return lists[0].any || lists[1].any;
}

// ---- for all of them ----

std::string_view Walker::name_of(std::size_t key) {
  const std::string_view raw = tokens_->raw_string(key);
  if (raw.find('\\') == std::string_view::npos) return raw;
  return unescaped_.emplace_back(fhir::unescape(raw));
}

/// As the program has it. What can change the meaning of the rest cannot be left out of it.
PlaceId Walker::step(const Place& place, std::string_view name) {
  const PlaceId id = program_.step(place, name);
  if (id == kNowhere && (name == "modifierExtension" || name == "implicitRules"))
    error_ = Error{
        ErrorKind::kUnsupported,
        fmt::format("it has {}, which can change what the rest means, and must not stay", name)};
  return id;
}

/// The member `name`, if it is a text; else "".
std::string Walker::text_of(std::size_t object, std::string_view name) const {
  const std::size_t key = find_key(object, name);
  return key == kNone || tokens_->first(key + 2) != '"'
             ? std::string()
             : fhir::unescape(tokens_->raw_string(key + 2));
}

/// The token of a key; kNone if the object has none.
std::size_t Walker::find_key(std::size_t object, std::string_view name) const {
  for (std::size_t key = object + 1; tokens_->first(key) == '"';) {
    if (fhir::means(tokens_->raw_string(key), name)) return key;
    const std::size_t behind = tokens_->behind(key + 2);
    if (tokens_->first(behind) != ',') break;
    key = behind + 1;
  }
  return kNone;
}

void Walker::copy(std::size_t token) {
  next_ = tokens_->behind(token);
  const std::string_view text = tokens_->text();
  if (is_one_line_) {
    const std::size_t begin = tokens_->begin(token);
    out_ += text.substr(begin, tokens_->end(next_ - 1) - begin);
    return;
  }
  for (std::size_t i = token; i < next_; ++i)
    out_ += text.substr(tokens_->begin(i), tokens_->end(i) - tokens_->begin(i));
}

/// Who reads what is written takes the last of them, and its rules were not those of the first.
bool Walker::fail_of_two_types() {
  error_ = invalid("it has two resourceTypes");
  return false;
}

/// Of the allow-list it is the type that was found, whatever else is written there.
void Walker::copy_type(std::size_t token, const Place& place) {
  if (!program_.is_allow_list()) return copy(token);
  append_string(fhirpath::row_of(place.type).name);
  next_ = tokens_->behind(token);
}

void Walker::append_string(std::string_view text) {
  out_ += json_string(text);
}

bool Walker::fail(RuleId rule, std::string_view message) {
  if (!error_)
    error_ = invalid(
        fmt::format("fhirPathRules[{}] ({}): {}", rule, to_string(rule_at(rule).method), message));
  return false;
}

const fhirpath::Document& Walker::document() {
  if (!document_) document_.emplace(*tokens_);
  return *document_;
}

}  // namespace sluice::deid
