// What the oracle thinks of one element and one value of a query, by the type of the parameter.
#include <algorithm>
#include <limits>
#include <set>

#include "oracle.h"
#include "oracle_json.h"

namespace sluice::oracle {
namespace {

namespace json = boost::json;
constexpr std::int64_t kPast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kFuture = std::numeric_limits<std::int64_t>::max();

bool is_id(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.'; });
}

std::optional<Written> number_of(const json::value* value) {
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) return std::nullopt;
  return read_number(json::serialize(*value));
}

}  // namespace

// ---- references ----

std::optional<Oracle::Target> Oracle::local(const std::string& reference) const {
  std::string rest = reference;
  if (rest.rfind(base_url_ + "/", 0) == 0) rest.erase(0, base_url_.size() + 1);
  const auto parts = columns(rest, '/');
  const bool has_version = parts.size() == 4 && parts[2] == "_history" && !parts[3].empty();
  if (parts.size() != 2 && !has_version) return std::nullopt;
  if (table_.count(parts[0]) == 0 || !is_id(parts[1])) return std::nullopt;
  return Target{parts[0], parts[1], has_version ? parts[3] : ""};
}

std::string Oracle::type_of_reference(const json::value& value) const {
  if (const auto type = text_of(value, "resourceType")) return *type;
  const auto text = value.is_string() ? std::optional(std::string(value.as_string()))
                                      : text_of(value, "reference");
  if (text) {
    if (const auto target = local(*text)) return target->type;
    auto parts = columns(*text, '/');
    if (parts.size() > 4 && parts[parts.size() - 2] == "_history") parts.resize(parts.size() - 2);
    if (parts.size() > 2 && table_.count(parts[parts.size() - 2]) > 0)
      return parts[parts.size() - 2];
  }
  return text_of(value, "type").value_or("");
}

bool Oracle::reference_holds(const std::string& modifier, const std::string& value,
                             const Node& node) const {
  if (modifier == "identifier") {
    const auto* identifier = get(*node.value, "identifier");
    return identifier != nullptr && token_holds({}, value, {identifier, {}});
  }
  const std::string wanted = unescaped(value);
  std::string text;
  std::optional<Target> target;
  if (text_of(*node.value, "resourceType")) {
    target =
        Target{*text_of(*node.value, "resourceType"), text_of(*node.value, "id").value_or(""), ""};
  } else {
    text = node.value->is_string() ? std::string(node.value->as_string())
                                   : text_of(*node.value, "reference").value_or("");
    target = local(text);
  }
  if (target) {
    if (is_id(wanted))
      return target->id == wanted && (modifier.empty() || target->type == modifier);
    if (const auto asked = local(wanted))
      return target->type == asked->type && target->id == asked->id &&
             (asked->version.empty() || asked->version == target->version);
  }
  if (text.empty()) return false;
  if (node.value->is_string() && wanted.find('|') == std::string::npos)
    return wanted == text.substr(0, text.find('|'));
  return wanted == text;
}

// ---- values ----

bool Oracle::token_holds(const Parameter& parameter, const std::string& value,
                         const Node& node) const {
  const auto parts = split(value, '|');
  const bool names_system = parts.size() == 2;
  const std::string system = names_system ? unescaped(parts[0]) : "";
  const std::string code = unescaped(parts.back());
  const json::value& found = *node.value;
  if (found.is_bool()) return code == (found.as_bool() ? "true" : "false");
  if (found.is_string()) return system.empty() && std::string(found.as_string()) == code;
  if (!found.is_object()) throw NotUnderstood("a token of numbers");
  const auto pair_holds = [&](const json::value& pair, const std::string& name) {
    if (!code.empty() && text_of(pair, name) != code) return false;
    return !names_system ||
           text_of(pair, "system") == (system.empty() ? std::nullopt : std::optional(system));
  };
  if (is_contact_point(parameter)) return !names_system && text_of(found, "value") == code;
  if (const auto* codings = get(found, "coding")) {
    std::vector<Node> each;
    add_flat(*codings, {}, each);
    return std::any_of(each.begin(), each.end(),
                       [&](const Node& coding) { return pair_holds(*coding.value, "code"); });
  }
  if (get(found, "value") != nullptr) return pair_holds(found, "value");
  if (get(found, "text") != nullptr) return false;  // a CodeableConcept without codes
  return pair_holds(found, "code");
}

bool Oracle::text_holds(const std::string& value, const Node& node) const {
  const std::string wanted = plain(unescaped(value));
  const auto begins = [&](const json::value* of, const std::string& name) {
    const auto text = of == nullptr ? std::nullopt : text_of(*of, name);
    return text && plain(*text).rfind(wanted, 0) == 0;
  };
  if (!node.value->is_object()) throw NotUnderstood(":text of plain values");
  if (const auto* codings = get(*node.value, "coding")) {
    std::vector<Node> each;
    add_flat(*codings, {}, each);
    for (const Node& coding : each)
      if (begins(coding.value, "display")) return true;
  }
  if (get(*node.value, "value") != nullptr) return begins(get(*node.value, "type"), "text");
  return begins(node.value, "text") || begins(node.value, "display");
}

bool Oracle::string_holds(const std::string& modifier, const std::string& value,
                          const Node& node) const {
  const std::string wanted = unescaped(value);
  const auto holds = [&](const std::string& text, bool by_words) {
    if (modifier == "exact") return text == wanted;
    const std::string folded = plain(text);
    const std::string sought = plain(wanted);
    if (modifier == "contains") return folded.find(sought) != std::string::npos;
    if (folded.rfind(sought, 0) == 0) return true;
    return by_words && (" " + folded).find(" " + sought) != std::string::npos;
  };
  if (node.value->is_string())
    return holds(std::string(node.value->as_string()), node.choice == "family");
  for (const char* name : {"family", "given", "prefix", "suffix", "text", "line", "city",
                           "district", "state", "postalCode", "country"}) {
    const auto* part = get(*node.value, name);
    std::vector<Node> texts;
    if (part != nullptr) add_flat(*part, {}, texts);
    for (const Node& text : texts)
      if (holds(std::string(text.value->as_string()), std::string_view(name) == "family"))
        return true;
  }
  return false;
}

bool Oracle::date_holds(const std::string& value, const Node& node) const {
  const auto [prefix, text] = split_prefix(unescaped(value));
  const auto asked = read_time(text);
  if (!asked) throw NotUnderstood("date " + text);
  const auto read = [](const std::optional<std::string>& from) {
    return from ? read_time(*from) : std::nullopt;
  };
  const auto period = [&](const json::value& from) -> std::optional<Time> {
    const auto start = read(text_of(from, "start"));
    const auto end = read(text_of(from, "end"));
    if (!start && !end) return std::nullopt;
    return Time{start ? start->begin : kPast, end ? end->end : kFuture};
  };
  std::vector<Time> times;
  std::optional<Time> found;
  if (node.value->is_string()) {
    found = read_time(std::string(node.value->as_string()));
    if (found && node.choice == "Instant") found->end = found->begin + 1;
  } else if (get(*node.value, "event") != nullptr || get(*node.value, "repeat") != nullptr) {
    if (const auto* events = get(*node.value, "event"))
      for (const auto& event : events->as_array())
        if (const auto time = read_time(std::string(event.as_string()))) times.push_back(*time);
    const auto* repeat = get(*node.value, "repeat");
    const auto* bounds = repeat == nullptr ? nullptr : get(*repeat, "boundsPeriod");
    if (bounds != nullptr)
      if (const auto time = period(*bounds)) times.push_back(*time);
    for (const Time& time : times) {
      if (!found) found = time;
      found->begin = std::min(found->begin, time.begin);
      found->end = std::max(found->end, time.end);
    }
  } else {
    found = period(*node.value);
  }
  return found && time_holds(prefix, *asked, *found, now_);
}

bool Oracle::quantity_holds(const std::string& value, const Node& node) const {
  const auto parts = split(value, '|');
  const auto [prefix, text] = split_prefix(parts[0]);
  const auto asked = read_number(text);
  if (!asked) throw NotUnderstood("number " + text);
  if (node.value->is_number()) {
    const auto number = number_of(node.value);
    return number && number_holds(prefix, *asked, {number->value, number->value});
  }
  if (!node.value->is_object()) return false;
  const std::string system = parts.size() == 3 ? unescaped(parts[1]) : "";
  const std::string code = parts.size() == 3 ? unescaped(parts[2]) : "";
  const auto unit_holds = [&](const json::value& quantity) {
    if (const auto currency = text_of(quantity, "currency"))
      return (system.empty() || system == "urn:iso:std:iso:4217") &&
             (code.empty() || *currency == code);
    if (!system.empty() && text_of(quantity, "system") != system) return false;
    return code.empty() || text_of(quantity, "code") == code ||
           (system.empty() && text_of(quantity, "unit") == code);
  };
  if (get(*node.value, "origin") != nullptr) throw NotUnderstood("SampledData");
  const auto* low = get(*node.value, "low");
  const auto* high = get(*node.value, "high");
  Span span;
  if (low != nullptr || high != nullptr) {
    if (const auto n = number_of(low == nullptr ? nullptr : get(*low, "value")))
      span.low = n->value;
    if (const auto n = number_of(high == nullptr ? nullptr : get(*high, "value")))
      span.high = n->value;
    return (span.low || span.high) && unit_holds(span.low ? *low : *high) &&
           number_holds(prefix, *asked, span);
  }
  const auto number = number_of(get(*node.value, "value"));
  if (!number) return false;
  const std::string comparator = text_of(*node.value, "comparator").value_or("");
  // "< 5" says: some number below 5.
  if (comparator.empty() || comparator[0] == '>') span.low = number->value;
  if (comparator.empty() || comparator[0] == '<') span.high = number->value;
  span.closed_low = span.closed_high = comparator.empty() || comparator.size() == 2;
  return unit_holds(*node.value) && number_holds(prefix, *asked, span);
}

bool Oracle::value_holds(const Parameter& parameter, const std::string& modifier,
                         const std::string& value, const Node& node) const {
  if (parameter.type == "token")
    return modifier == "text" ? text_holds(value, node) : token_holds(parameter, value, node);
  if (parameter.type == "string") {
    Node named = node;
    if (ends_with(parameter.expression, ".family")) named.choice = "family";
    return string_holds(modifier, value, named);
  }
  if (parameter.type == "date") {
    static const std::set<std::string> kInstants = {"Resource.meta.lastUpdated",
                                                    "DiagnosticReport.issued",
                                                    "Provenance.recorded",
                                                    "AuditEvent.recorded",
                                                    "Bundle.timestamp",
                                                    "Appointment.start",
                                                    "Slot.start",
                                                    "DocumentReference.date"};
    Node named = node;
    if (kInstants.count(parameter.expression) > 0) named.choice = "Instant";
    return date_holds(value, named);
  }
  if (parameter.type == "reference") return reference_holds(modifier, value, node);
  if (parameter.type == "uri") {
    if (!node.value->is_string()) return false;
    const std::string text(node.value->as_string());
    const std::string wanted = unescaped(value);
    return text == wanted ||
           (parameter.name == "_profile" && text.substr(0, text.find('|')) == wanted);
  }
  return quantity_holds(value, node);
}
}  // namespace sluice::oracle
