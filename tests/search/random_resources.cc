// Random resources, with edge cases of every data type.
#include <fstream>

#include "oracle_json.h"
#include "random_search.h"
#include "random_values.h"

namespace sluice::oracle {
namespace {

namespace json = boost::json;

const std::vector<std::string> kTexts = {
    "Müller", "Muller",   "van der Berg", "O'Brien",     "Anne-Marie", "anne marie",
    "ÉMILE",  "Straße 5", "two  words",   "Smith, John", "x"};
const std::vector<std::string> kUris = {"http://example.org/a", "http://example.org/a/b",
                                        "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"};

json::value number(Random& random) {
  return json::parse(random.of(kNumbers));
}

json::object coding(Random& random) {
  json::object object;
  if (!random.chance(3)) object["system"] = random.of(kSystems);
  if (!random.chance(8)) object["code"] = random.of(kCodes);
  if (random.chance(2)) object["display"] = random.of(kTexts);
  return object;
}

json::object quantity(Random& random) {
  json::object object;
  if (!random.chance(9)) object["value"] = number(random);
  if (random.chance(5))
    object["comparator"] = random.of(std::vector<std::string>{"<", "<=", ">", ">="});
  if (!random.chance(4)) {
    object["system"] = "http://unitsofmeasure.org";
    object["code"] = random.of(std::vector<std::string>{"mg", "kg", "mm[Hg]"});
  }
  if (random.chance(2)) object["unit"] = random.of(std::vector<std::string>{"mg", "milligram"});
  return object;
}

json::object period(Random& random) {
  json::object object;
  if (!random.chance(4)) object["start"] = random.of(kDates);
  if (!random.chance(4)) object["end"] = random.of(kDates);
  return object;
}

std::string reference(Random& random, const std::vector<std::string>& targets) {
  static const std::vector<std::string> kAny = {"Patient", "Practitioner", "Organization", "Group"};
  const std::string type = targets.empty() ? random.of(kAny) : random.of(targets);
  const std::string id = "r" + std::to_string(random.below(6));
  switch (random.below(7)) {
    case 0:
      return "https://sluice.example/fhir/" + type + "/" + id;
    case 1:
      return type + "/" + id + "/_history/" + std::to_string(1 + random.below(2));
    case 2:
      return "http://other.example/fhir/" + type + "/" + id;
    case 3:
      return random.of(kUris);
    default:
      return type + "/" + id;
  }
}

json::value element(Random& random, const std::string& data_type,
                    const std::vector<std::string>& targets) {
  const auto some = [&](const std::vector<std::string>& list) {
    return json::value(random.of(list));
  };
  if (data_type == "CodeableConcept") {
    json::object object;
    json::array codings;
    for (std::size_t n = random.below(3); n > 0; --n) codings.push_back(coding(random));
    if (!codings.empty()) object["coding"] = codings;
    if (codings.empty() || random.chance(2)) object["text"] = random.of(kTexts);
    return object;
  }
  if (data_type == "Coding") return coding(random);
  if (data_type == "Identifier" || data_type == "ContactPoint") {
    json::object object{{"value", random.of(kCodes)}};
    if (data_type == "ContactPoint")
      object["system"] = random.chance(2) ? "phone" : "email";
    else if (!random.chance(3))
      object["system"] = random.of(kSystems);
    if (data_type == "Identifier" && random.chance(3))
      object["type"] = json::object{{"text", random.of(kTexts)}};
    return object;
  }
  if (data_type == "Reference") {
    json::object object;
    if (!random.chance(6)) object["reference"] = reference(random, targets);
    if (object.empty() || random.chance(4))
      object["identifier"] =
          json::object{{"system", random.of(kSystems)}, {"value", random.of(kCodes)}};
    if (random.chance(5) && !targets.empty()) object["type"] = random.of(targets);
    return object;
  }
  if (data_type == "HumanName")
    return json::object{
        {"family", random.of(kTexts)}, {"given", json::array{random.of(kTexts)}}, {"use", "final"}};
  if (data_type == "Address")
    return json::object{
        {"line", json::array{random.of(kTexts)}}, {"city", random.of(kTexts)}, {"use", "final"}};
  if (data_type == "Period") return period(random);
  if (data_type == "Timing") {
    json::object object{{"event", json::array{random.of(kDates), random.of(kDates)}}};
    if (random.chance(2)) object["repeat"] = json::object{{"boundsPeriod", period(random)}};
    return object;
  }
  if (data_type == "Quantity" || data_type == "Age" || data_type == "Duration")
    return quantity(random);
  if (data_type == "Money")
    return json::object{{"value", number(random)}, {"currency", random.chance(2) ? "EUR" : "USD"}};
  if (data_type == "Range") {
    json::object object;
    if (!random.chance(4)) object["low"] = quantity(random);
    if (!random.chance(4)) object["high"] = quantity(random);
    for (auto& [name, bound] : object) bound.as_object().erase("comparator");
    return object;
  }
  if (data_type == "boolean" || data_type == "presence") return random.chance(2);
  if (data_type == "integer") return static_cast<int>(random.below(5));
  if (data_type == "decimal") return number(random);
  if (data_type == "date" || data_type == "dateTime") return some(kDates);
  if (data_type == "instant")
    return some({"2012-02-29T23:59:59Z", "2012-06-30T23:59:60Z", "2012-02-29T23:59:59.999Z",
                 "2012-03-01T00:00:00+05:30"});
  if (data_type == "uri" || data_type == "url") return some(kUris);
  if (data_type == "canonical")
    return json::value(random.of(kUris) + (random.chance(2) ? "|1.0" : ""));
  if (data_type == "string" || data_type == "markdown") return some(kTexts);
  return some(kCodes);  // code, id
}

/// Puts a value at "a.b[x=y].c".
void put(Random& random, json::object& object, const std::string& path, json::value value) {
  const std::size_t dot = path.find('.');
  std::string step = path.substr(0, dot);
  std::string member, wanted;
  if (const std::size_t open = step.find('['); open != std::string::npos) {
    const auto parts = columns(step.substr(open + 1, step.size() - open - 2), '=');
    if (parts.size() == 2 && !random.chance(4)) {
      member = parts[0];
      wanted = parts[1];
    }
    step.resize(open);
  }
  json::value inner = std::move(value);
  if (dot != std::string::npos) {
    json::object nested;
    put(random, nested, path.substr(dot + 1), std::move(inner));
    inner = std::move(nested);
  }
  if (!member.empty() && inner.is_object()) inner.as_object()[member] = wanted;
  auto* found = object.if_contains(step);
  if (found == nullptr) {
    if (random.chance(2))
      object[step] = json::array{std::move(inner)};
    else
      object[step] = std::move(inner);
  } else if (found->is_array()) {
    found->as_array().push_back(std::move(inner));
  } else if (found->is_object() && inner.is_object() && dot != std::string::npos) {
    // Beside what is there, so that composites find both parts in one element.
    for (auto& [name, more] : inner.as_object())
      if (!found->as_object().contains(name)) found->as_object()[name] = more;
  } else {
    json::array both{*found, std::move(inner)};
    *found = std::move(both);
  }
}

}  // namespace

ResourceMaker::ResourceMaker(const std::string& table_path) {
  std::ifstream file(table_path);
  std::string line;
  while (std::getline(file, line)) {
    auto cells = columns(line, '\t');
    if (line.starts_with('#') || cells[0] == "base" || cells.size() < 5 || cells[0] == "Resource")
      continue;
    Row row{cells[2], {}, columns(cells[4], '|')};
    if (!cells[3].empty()) row.targets = columns(cells[3], ',');
    if (cells[2] == "composite") {
      row.paths.clear();
      for (const auto& base : columns(cells[4], '|'))
        for (const auto& component : columns(cells[5], ';'))
          for (const auto& path : columns(component.substr(component.find('=') + 1), '|'))
            if (path[0] != '/') row.paths.push_back(base == "." ? path : base + "." + path);
    }
    rows_[cells[0]].push_back(std::move(row));
  }
}

std::vector<std::string> ResourceMaker::types() const {
  std::vector<std::string> types;
  for (const auto& [type, rows] : rows_) types.push_back(type);
  return types;
}

json::object ResourceMaker::make(Random& random, const std::string& type,
                                 const std::string& id) const {
  json::object resource{{"resourceType", type}, {"id", id}};
  json::object meta{{"versionId", "1"}, {"lastUpdated", "2020-02-29T23:59:59.999Z"}};
  if (random.chance(3)) meta["tag"] = json::array{coding(random), coding(random)};
  if (random.chance(3)) meta["profile"] = json::array{random.of(kUris) + "|2"};
  if (random.chance(3)) meta["source"] = random.of(kUris);
  resource["meta"] = std::move(meta);
  for (const Row& row : rows_.at(type)) {
    if (random.chance(3)) continue;
    const std::string& path = random.of(row.paths);
    const std::size_t colon = path.rfind(':');
    std::string data_type = path.substr(colon + 1);
    data_type = data_type.substr(0, data_type.find('('));
    if (data_type == "SampledData" || data_type == "Resource") continue;
    // Elements of type string are compared without case as tokens, which JSON does not tell.
    if (row.parameter_type == "token" && (data_type == "string" || data_type == "markdown"))
      data_type = "code";
    put(random, resource, path.substr(0, colon), element(random, data_type, row.targets));
  }
  return resource;
}

}  // namespace sluice::oracle
