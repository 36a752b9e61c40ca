// Random queries, with values that are near what resources have.
#include <algorithm>
#include <cctype>

#include "oracle_json.h"
#include "random_search.h"
#include "random_values.h"

namespace sluice::oracle {
namespace {

namespace json = boost::json;

/// Backslashes before what separates.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\,|$").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string part_of_date(Random& random, const std::string& text) {
  std::vector<std::string> parts = {text.substr(0, 4)};
  if (text.size() >= 7) parts.push_back(text.substr(0, 7));
  if (text.size() >= 10) parts.push_back(text.substr(0, 10));
  if (text.size() >= 16) {
    parts.push_back(text.substr(0, 16));
    parts.push_back(text.substr(0, 16) + "+01:00");
    parts.push_back(text);
  }
  return random.of(parts);
}

const std::vector<std::string> kPrefixes = {"",   "eq", "ne", "gt", "lt",
                                            "ge", "le", "sa", "eb", "ap"};

std::string date_value(Random& random, const json::value& found) {
  std::string text = random.of(kDates);
  if (found.is_string() && !random.chance(4)) text = std::string(found.as_string());
  for (const char* name : {"start", "end"})
    if (const auto bound = text_of(found, name); bound && random.chance(2)) text = *bound;
  return random.of(kPrefixes) + part_of_date(random, text);
}

std::string number_value(Random& random, const json::value& found) {
  std::string text = random.of(kNumbers);
  const auto* value = &found;
  if (found.is_object()) value = found.as_object().if_contains("value");
  if (value != nullptr && value->is_number() && !random.chance(3)) {
    text = json::serialize(*value);
    if (random.chance(4) && text.size() > 2 && text.find('E') == std::string::npos) text.pop_back();
    if (text.back() == '.') text.pop_back();
    if (random.chance(4) && text.find('E') == std::string::npos)
      text += text.find('.') == std::string::npos ? ".0" : "0";
  }
  return random.of(kPrefixes) + text;
}

}  // namespace

std::string QueryMaker::token(Random& random, const Parameter& parameter, const Node& node) const {
  const json::value* found = node.value;
  if (found->is_bool()) return found->as_bool() != random.chance(3) ? "true" : "false";
  if (found->is_string()) return escaped(std::string(found->as_string()));
  if (!found->is_object()) throw NotUnderstood("a token of this kind");
  if (is_contact_point(parameter)) return escaped(text_of(*found, "value").value_or("x"));
  if (const auto* codings = found->as_object().if_contains("coding")) {
    std::vector<Node> each;
    add_flat(*codings, {}, each);
    found = random.of(each).value;
  }
  const auto code = text_of(*found, found->as_object().contains("value") ? "value" : "code");
  const auto system = text_of(*found, "system");
  const std::string a_code = escaped(code.value_or(random.of(kCodes)));
  const std::string a_system = escaped(system.value_or(random.of(kSystems)));
  switch (random.below(5)) {
    case 0:
      return "|" + a_code;
    case 1:
      return a_system + "|";
    case 2:
      return a_system + "|" + a_code;
    case 3:
      return escaped(random.of(kSystems)) + "|" + a_code;
    default:
      return a_code;
  }
}

std::string QueryMaker::value(Random& random, const Parameter& parameter,
                              const std::string& modifier, const std::vector<Node>& nodes) const {
  if (modifier == "missing") return random.chance(2) ? "true" : "false";
  static const json::value kNothing;
  const Node node = nodes.empty() ? Node{&kNothing, {}} : random.of(nodes);
  const json::value& found = *node.value;
  if (parameter.type == "date") return date_value(random, found);
  if (parameter.type == "number") return number_value(random, found);
  if (parameter.type == "quantity") {
    const std::string number = number_value(random, found);
    if (random.chance(2)) return number;
    const std::string code = text_of(found, "code").value_or("mg");
    return number + (random.chance(2) ? "|http://unitsofmeasure.org|" : "||") + escaped(code);
  }
  if (nodes.empty()) throw NotUnderstood("nothing to take a value from");
  if (parameter.type == "token" && modifier != "text") return token(random, parameter, node);
  std::vector<std::string> texts;
  std::vector<const json::value*> open = {&found};
  while (!open.empty()) {
    const json::value* next = open.back();
    open.pop_back();
    if (next->is_string()) texts.emplace_back(next->as_string());
    if (next->is_array())
      for (const auto& inner : next->as_array()) open.push_back(&inner);
    if (next->is_object())
      for (const auto& [name, inner] : next->as_object()) open.push_back(&inner);
  }
  if (texts.empty()) throw NotUnderstood("nothing to take a value from");
  if (parameter.type == "uri") return escaped(texts.front());
  if (parameter.type == "reference") {
    if (modifier == "identifier") {
      const auto* identifier =
          found.is_object() ? found.as_object().if_contains("identifier") : nullptr;
      if (identifier == nullptr) throw NotUnderstood("no identifier");
      return token(random, Parameter{}, {identifier, {}});
    }
    std::string text = found.is_string() ? std::string(found.as_string())
                                         : text_of(found, "reference").value_or("");
    if (text.empty()) throw NotUnderstood("no reference");
    if (const auto target = oracle_.local(text);
        target && (found.is_object() || !modifier.empty())) {
      const std::string whole = target->type + "/" + target->id;
      const std::vector<std::string> forms = {target->id, whole, base_url_ + "/" + whole,
                                              whole + "/_history/1"};
      if (!modifier.empty())
        return modifier != target->type || random.chance(2) ? target->id : whole;
      return random.of(forms);
    }
    if (!modifier.empty()) throw NotUnderstood("no local reference");
    if (found.is_string() && random.chance(2)) text = text.substr(0, text.find('|'));
    return escaped(text);
  }
  std::string text = random.of(texts);
  if (modifier != "exact") {
    const std::string folded = plain(text);
    if (random.chance(2)) text = folded;
    if (text.size() > 3 && random.chance(2))
      text = modifier == "contains" ? folded.substr(1) : folded.substr(0, 3);
    if (plain(text).empty()) throw NotUnderstood("nothing left");
  }
  return escaped(text);
}

std::string QueryMaker::composite(Random& random, const Parameter& parameter,
                                  const json::value& resource) const {
  const auto elements = oracle_.nodes(resource, parameter.expression);
  if (elements.empty()) throw NotUnderstood("no element");
  const Node element = random.of(elements);
  std::string joined;
  for (const auto& component : columns(parameter.components, ';')) {
    const std::size_t equals = component.find('=');
    const auto [part, found] = oracle_.component(component.substr(0, equals),
                                                 component.substr(equals + 1), element, resource);
    joined += joined.empty() ? "" : "$";
    joined += value(random, *part, "", found);
  }
  return joined;
}

bool QueryMaker::leads_to_objects(const std::string& type, const Parameter& parameter) const {
  if (is_contact_point(parameter)) return false;
  bool any = false;
  for (const auto& resource : oracle_.resources(type)) {
    for (const Node& node : oracle_.nodes(resource, parameter.expression)) {
      if (!node.value->is_object()) return false;
      any = true;
    }
  }
  return any;
}

std::pair<std::string, std::string> QueryMaker::parameter(Random& random, const std::string& type,
                                                          bool deep) const {
  const auto all = oracle_.parameters(type);
  const Parameter& parameter = *random.of(all);
  const auto& resources = oracle_.resources(type);
  if (resources.empty()) throw NotUnderstood("no resources");
  const json::value& resource = random.of(resources);
  if (parameter.type == "composite")
    return {parameter.name, composite(random, parameter, resource)};
  if (parameter.name == "phonetic") return {"phonetic:missing", "true"};
  if (deep && random.chance(4)) return has(random, type);
  if (parameter.type == "reference" && deep && leads_to_objects(type, parameter) &&
      random.chance(2)) {
    if (parameter.targets.empty()) throw NotUnderstood("any type");
    const std::string target = random.of(parameter.targets);
    const auto inner = this->parameter(random, target, false);
    return {parameter.name + ":" + target + "." + inner.first, inner.second};
  }
  std::string modifier;
  if (random.chance(6))
    modifier = "missing";
  else if (parameter.type == "token")
    modifier = random.chance(5)                                        ? "not"
               : random.chance(5) && leads_to_objects(type, parameter) ? "text"
                                                                       : "";
  else if (parameter.type == "string")
    modifier = random.chance(4) ? "exact" : random.chance(3) ? "contains" : "";
  else if (parameter.type == "reference" && random.chance(5))
    modifier =
        random.chance(2) || parameter.targets.empty() ? "identifier" : random.of(parameter.targets);
  const auto nodes = oracle_.nodes(resource, parameter.expression);
  std::string text = value(random, parameter, modifier, nodes);
  if (modifier != "missing" && random.chance(5))
    text += "," + value(random, parameter, modifier, nodes);
  return {parameter.name + (modifier.empty() ? "" : ":" + modifier), text};
}

std::pair<std::string, std::string> QueryMaker::has(Random& random, const std::string& type) const {
  const std::string from = random.of(oracle_.types());
  std::vector<std::string> references;
  for (const auto* parameter : oracle_.parameters(from))
    if (parameter->type == "reference" &&
        std::count(parameter->targets.begin(), parameter->targets.end(), type) > 0)
      references.push_back(parameter->name);
  if (references.empty()) throw NotUnderstood("it does not refer to the type");
  const auto inner = parameter(random, from, false);
  return {"_has:" + from + ":" + random.of(references) + ":" + inner.first, inner.second};
}

Pairs QueryMaker::make(Random& random, const std::string& type) const {
  Pairs query;
  for (std::size_t n = random.chance(4) ? 2 : 1; n > 0; --n)
    query.push_back(parameter(random, type, true));
  return query;
}

std::string query_string(const Pairs& query) {
  std::string text;
  for (const auto& [name, value] : query) {
    if (!text.empty()) text += '&';
    for (const auto* part : {&name, &value}) {
      for (const char c : *part) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 ||
            std::string_view("-._:|,$/").find(c) != std::string_view::npos) {
          text += c;
        } else {
          constexpr std::string_view kDigits = "0123456789ABCDEF";
          text += '%';
          text += kDigits[static_cast<unsigned char>(c) >> 4];
          text += kDigits[static_cast<unsigned char>(c) & 15];
        }
      }
      if (part == &name) text += '=';
    }
  }
  return text;
}

Pairs pairs_of(const std::string& query) {
  Pairs pairs;
  for (const auto& part : columns(query, '&')) {
    std::string plain;
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (part[i] == '%') {
        plain += static_cast<char>(std::stoi(part.substr(i + 1, 2), nullptr, 16));
        i += 2;
      } else {
        plain += part[i] == '+' ? ' ' : part[i];
      }
    }
    const std::size_t equals = plain.find('=');
    pairs.emplace_back(plain.substr(0, equals), plain.substr(equals + 1));
  }
  return pairs;
}

}  // namespace sluice::oracle
