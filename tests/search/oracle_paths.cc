// The oracle's table of search parameters and its walk along their FHIRPath expressions.
#include <algorithm>
#include <cctype>
#include <fstream>
#include <set>

#include "oracle.h"
#include "oracle_json.h"

namespace sluice::oracle {
namespace {

namespace json = boost::json;

const std::set<std::string>& choices() {
  static const std::set<std::string> kNames = {
      "Boolean",     "Integer",    "String",          "Code",
      "Date",        "DateTime",   "Instant",         "Time",
      "Uri",         "Url",        "Canonical",       "Decimal",
      "Quantity",    "Range",      "Ratio",           "Period",
      "Age",         "Duration",   "Money",           "Timing",
      "SampledData", "Coding",     "CodeableConcept", "Identifier",
      "Reference",   "Attachment", "Markdown"};
  return kNames;
}

/// What a reference to anything may name: all types that are stored.
std::vector<std::string> types_to_refer_to(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  std::vector<std::string> types;
  while (std::getline(file, line)) {
    const std::string type = line.substr(0, line.find('\t'));
    // R4B has the second only.
    if (type != "Parameters" && type != "SubscriptionStatus") types.push_back(type);
  }
  return types;
}

}  // namespace

Oracle::Oracle(const std::string& tables, std::string base_url, std::int64_t now)
    : base_url_(std::move(base_url)), now_(now) {
  const auto any = types_to_refer_to(tables + "/resource_types.tsv");
  std::ifstream file(tables + "/search_parameters.tsv");
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    auto cells = columns(line, '\t');
    cells.resize(7);
    Parameter parameter{cells[1], cells[2], cells[4], cells[5], {}};
    if (!cells[3].empty()) parameter.targets = cells[3] == "*" ? any : columns(cells[3], ',');
    by_canonical_[cells[6].substr(cells[6].rfind('/') + 1)] = parameter;
    // Not supported: positions, and an expression that names an element which R4 does not have.
    if (parameter.type == "special" ||
        parameter.expression == "DeviceDefinition.classification.type")
      continue;
    table_[cells[0]].push_back(std::move(parameter));
  }
  if (table_.empty()) throw std::runtime_error("no search parameters in " + tables);
}

void Oracle::add(const std::string& line) {
  auto value = json::parse(line);
  const std::string type = text_of(value, "resourceType").value();
  data_[type].push_back(std::move(value));
}

const std::vector<json::value>& Oracle::resources(const std::string& type) const {
  static const std::vector<json::value> kNone;
  const auto found = data_.find(type);
  return found == data_.end() ? kNone : found->second;
}

std::vector<std::string> Oracle::types() const {
  std::vector<std::string> types;
  for (const auto& [type, resources] : data_) types.push_back(type);
  return types;
}

std::vector<const Parameter*> Oracle::parameters(const std::string& type) const {
  std::vector<const Parameter*> all;
  for (const auto& base : {std::string("Resource"), type}) {
    const auto found = table_.find(base);
    if (found == table_.end()) continue;
    for (const auto& parameter : found->second)
      if (!parameter.expression.empty()) all.push_back(&parameter);
  }
  return all;
}

const Parameter* Oracle::find(const std::string& type, const std::string& name) const {
  for (const auto* parameter : parameters(type))
    if (parameter->name == name) return parameter;
  return nullptr;
}

const Parameter* Oracle::by_canonical(const std::string& name) const {
  const auto found = by_canonical_.find(name);
  if (found == by_canonical_.end()) throw NotUnderstood("component " + name);
  return &found->second;
}

std::vector<Node> Oracle::apply(const std::vector<Node>& from, const std::string& function,
                                const std::string& argument) const {
  std::vector<Node> out;
  for (const Node& node : from) {
    bool keep = false;
    if (function == "as" || function == "ofType") {
      std::string wanted = argument;
      wanted[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(wanted[0])));
      keep = node.choice.empty() || node.choice == wanted;
    } else if (function == "where" && argument.rfind("resolve() is ", 0) == 0) {
      keep = type_of_reference(*node.value) == argument.substr(13);
    } else if (function == "where") {
      const std::size_t equals = argument.find("='");
      if (equals == std::string::npos) throw NotUnderstood(argument);
      const auto text = text_of(*node.value, argument.substr(0, equals));
      keep = text && *text + "'" == argument.substr(equals + 2);
    } else {
      throw NotUnderstood(function);
    }
    if (keep) out.push_back(node);
  }
  return out;
}

std::vector<Node> Oracle::steps(std::vector<Node> from, std::string path,
                                const json::value& resource) const {
  bool first = true;
  for (std::string step : outside_brackets(path, '.')) {
    const bool is_first = std::exchange(first, false);
    if (step.empty()) continue;
    if (is_first && (step == "%resource" || step == "Resource" || table_.count(step) > 0)) {
      from = {{&resource, {}}};
      continue;
    }
    if (step.back() == ')') {
      const std::size_t open = step.find('(');
      from = apply(from, step.substr(0, open), step.substr(open + 1, step.size() - open - 2));
      continue;
    }
    const bool only_first = ends_with(step, "[0]");
    if (only_first) step.resize(step.size() - 3);
    std::vector<Node> next;
    for (const Node& node : from) {
      if (!node.value->is_object()) continue;
      std::vector<Node> found;
      for (const auto& [key, value] : node.value->as_object()) {
        const std::string name(key);
        if (name == step)
          add_flat(value, {}, found);
        else if (name.rfind(step, 0) == 0 && choices().count(name.substr(step.size())) > 0)
          add_flat(value, name.substr(step.size()), found);
      }
      if (only_first && found.size() > 1) found.resize(1);
      next.insert(next.end(), found.begin(), found.end());
    }
    from = std::move(next);
  }
  return from;
}

std::vector<Node> Oracle::nodes(const json::value& resource, const std::string& expression) const {
  std::vector<Node> all;
  for (const std::string& part : outside_brackets(expression, '|')) {
    std::string path = part;
    std::string type;
    std::string rest;
    if (path.front() == '(') {
      const std::size_t close = path.find(')');
      rest = path.substr(close + 1);
      path = path.substr(1, close - 1);
    }
    const std::size_t as = path.find(" as ");
    if (as != std::string::npos) {
      type = path.substr(as + 4);
      path.resize(as);
    }
    auto found = steps({{&resource, {}}}, path, resource);
    if (!type.empty()) found = apply(found, "as", type);
    if (!rest.empty()) found = steps(std::move(found), rest.substr(1), resource);
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

std::pair<const Parameter*, std::vector<Node>> Oracle::component(
    const std::string& name, const std::string& expression, const Node& element,
    const json::value& resource) const {
  std::vector<Node> all;
  for (const std::string& path : outside_brackets(expression, '|')) {
    std::string relative = path;
    std::string type;
    if (const std::size_t as = relative.find(" as "); as != std::string::npos) {
      const std::size_t open = relative.front() == '(' ? 1 : 0;
      type = relative.substr(as + 4, relative.size() - as - 4 - open);
      relative = relative.substr(open, as - open);
    }
    auto found = steps({element}, relative, resource);
    if (!type.empty()) found = apply(found, "as", type);
    all.insert(all.end(), found.begin(), found.end());
  }
  // R4 names the parts of DocumentReference.relationship the wrong way round: the expressions
  // count.
  if (name == "DocumentReference-relatesto" && expression == "code")
    return {by_canonical("DocumentReference-relation"), all};
  if (name == "DocumentReference-relation" && expression == "target")
    return {by_canonical("DocumentReference-relatesto"), all};
  return {by_canonical(name), all};
}

}  // namespace sluice::oracle
