// How the oracle puts a query together: lists, modifiers, composites, chains, _has.
#include <algorithm>

#include "oracle.h"
#include "oracle_json.h"

namespace sluice::oracle {

namespace json = boost::json;

bool Oracle::composite_holds(const Parameter& parameter, const std::string& value,
                             const json::value& resource) const {
  const auto values = split(value, '$');
  const auto components = columns(parameter.components, ';');
  const auto elements = nodes(resource, parameter.expression);
  return std::any_of(elements.begin(), elements.end(), [&](const Node& element) {
    for (std::size_t i = 0; i < components.size(); ++i) {
      const std::size_t equals = components[i].find('=');
      const auto [part, found] = component(components[i].substr(0, equals),
                                           components[i].substr(equals + 1), element, resource);
      const Parameter& of = *part;
      if (std::none_of(found.begin(), found.end(),
                       [&](const Node& node) { return value_holds(of, "", values[i], node); }))
        return false;
    }
    return true;
  });
}

bool Oracle::has_holds(const std::string& type, const std::string& name, const std::string& value,
                       const json::value& resource) const {
  const auto parts = columns(name, ':');
  std::string inner = parts.at(3);
  for (std::size_t i = 4; i < parts.size(); ++i) inner += ":" + parts[i];
  const Parameter* reference = find(parts[1], parts[2]);
  if (reference == nullptr) throw NotUnderstood(name);
  for (const auto& other : resources(parts[1])) {
    for (const Node& node : nodes(other, reference->expression)) {
      const auto target = local(text_of(*node.value, "reference").value_or(""));
      if (target && target->type == type && target->id == text_of(resource, "id") &&
          matches(parts[1], {{inner, value}}, other))
        return true;
    }
  }
  return false;
}

bool Oracle::holds(const std::string& type, const std::string& name, const std::string& value,
                   const json::value& resource) const {
  if (name.rfind("_has:", 0) == 0) return has_holds(type, name, value, resource);
  const std::size_t dot = name.find('.');
  const std::string outer = name.substr(0, dot);
  const std::size_t colon = outer.find(':');
  const std::string modifier = colon == std::string::npos ? "" : outer.substr(colon + 1);
  const Parameter* parameter = find(type, outer.substr(0, colon));
  if (parameter == nullptr) throw NotUnderstood(name);
  if (parameter->name == "phonetic" && modifier != "missing") throw NotUnderstood("phonetic");

  if (parameter->expression.find(".exists() and ") != std::string::npos) {
    const auto found = nodes(resource, type + ".deceased");
    const bool present = std::any_of(found.begin(), found.end(), [](const Node& node) {
      return !node.value->is_bool() || node.value->as_bool();
    });
    if (modifier == "missing") return (value == "true") != present;
    bool any = false;
    for (const auto& part : split(value, ',')) any = any || (part == "true") == present;
    return modifier == "not" ? !any : any;
  }
  if (parameter->type == "composite") {
    bool any = false;
    for (const auto& part : split(value, ','))
      any = any || composite_holds(*parameter, part, resource);
    return any;
  }
  const auto found = nodes(resource, parameter->expression);
  if (modifier == "missing" && dot == std::string::npos) return found.empty() == (value == "true");
  if (dot != std::string::npos) {
    for (const Node& node : found) {
      const auto target = local(text_of(*node.value, "reference").value_or(""));
      const std::string inner = name.substr(dot + 1);
      if (!target || (!modifier.empty() && target->type != modifier)) continue;
      const auto& targets = parameter->targets;
      if (modifier.empty() && std::count(targets.begin(), targets.end(), target->type) == 0)
        continue;
      if (find(target->type, inner.substr(0, inner.find(':'))) == nullptr) continue;
      for (const auto& other : resources(target->type))
        if (text_of(other, "id") == target->id && matches(target->type, {{inner, value}}, other))
          return true;
    }
    return false;
  }
  bool any = false;
  for (const auto& part : split(value, ','))
    for (const Node& node : found)
      any = any || value_holds(*parameter, modifier == "not" ? "" : modifier, part, node);
  return modifier == "not" ? !any : any;
}

bool Oracle::matches(const std::string& type,
                     const std::vector<std::pair<std::string, std::string>>& query,
                     const json::value& resource) const {
  return std::all_of(query.begin(), query.end(), [&](const auto& parameter) {
    return holds(type, parameter.first, parameter.second, resource);
  });
}

}  // namespace sluice::oracle
