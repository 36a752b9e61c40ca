#include "search/search_parameter.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "search/parameter_table.h"
#include "search_parameter_table.h"

namespace sluice::search {
namespace {

constexpr std::array kTypeNames = {std::string_view("token"),     std::string_view("string"),
                                   std::string_view("reference"), std::string_view("date"),
                                   std::string_view("number"),    std::string_view("quantity"),
                                   std::string_view("uri"),       std::string_view("composite")};

/// The table by resource type, made at the first use.
class Catalog {
 public:
  static const Catalog& instance() {
    static const Catalog catalog;
    return catalog;
  }

  struct OfType {
    std::vector<SearchParameter> parameters;  // ordered by name
    std::vector<const TableRow*> rows;        // in the same order
  };
  const OfType& of(fhir::ResourceType type) const { return types_.at(type); }

 private:
  Catalog() {
    std::map<std::string_view, std::vector<const TableRow*>> by_base;
    for (const TableRow& row : kTableRows) by_base[row.base].push_back(&row);
    for (const fhir::ResourceType type : fhir::all_resource_types()) {
      OfType& of_type = types_[type];
      of_type.rows = by_base["Resource"];
      const auto& own = by_base[fhir::type_name(type)];
      of_type.rows.insert(of_type.rows.end(), own.begin(), own.end());
      std::sort(of_type.rows.begin(), of_type.rows.end(),
                [](const TableRow* a, const TableRow* b) { return a->name < b->name; });
      for (const TableRow* row : of_type.rows) of_type.parameters.push_back(described(*row));
    }
  }

  SearchParameter described(const TableRow& row) {
    const auto name = std::find(kTypeNames.begin(), kTypeNames.end(), row.type);
    if (name == kTypeNames.end()) std::abort();
    const bool is_of_r4 = !row.definition.starts_with("http");
    canonicals_.push_back((is_of_r4 ? "http://hl7.org/fhir/SearchParameter/" : "") +
                          std::string(row.definition));
    targets_.push_back(types_in(row.targets));
    return {row.name, static_cast<ParameterType>(name - kTypeNames.begin()), canonicals_.back(),
            targets_.back()};
  }

  static std::vector<fhir::ResourceType> types_in(std::string_view list) {
    std::vector<fhir::ResourceType> types;
    while (!list.empty()) {
      const std::string_view name = list.substr(0, list.find(','));
      list.remove_prefix(std::min(list.size(), name.size() + 1));
      const auto type = fhir::find_resource_type(name);
      if (!type) std::abort();
      types.push_back(*type);
    }
    std::sort(types.begin(), types.end());
    return types;
  }

  std::map<fhir::ResourceType, OfType> types_;
  std::deque<std::string> canonicals_;
  std::deque<std::vector<fhir::ResourceType>> targets_;
};

}  // namespace

std::string_view to_string(ParameterType type) {
  return kTypeNames.at(static_cast<std::size_t>(type));
}

std::span<const SearchParameter> parameters_of(fhir::ResourceType type) {
  return Catalog::instance().of(type).parameters;
}

const SearchParameter* find_parameter(fhir::ResourceType type, std::string_view name) {
  const auto all = parameters_of(type);
  const auto found = std::lower_bound(
      all.begin(), all.end(), name, [](const SearchParameter& parameter, std::string_view wanted) {
        return parameter.name < wanted;
      });
  return found != all.end() && found->name == name ? &*found : nullptr;
}

const TableRow& row_of(fhir::ResourceType type, std::string_view name) {
  const SearchParameter* found = find_parameter(type, name);
  if (found == nullptr) std::abort();
  const auto& of_type = Catalog::instance().of(type);
  return *of_type.rows[static_cast<std::size_t>(found - of_type.parameters.data())];
}

bool is_result_parameter(std::string_view name) {
  constexpr std::array kNames = {"_contained", "_containedType", "_count",   "_elements",
                                 "_format",    "_include",       "_pretty",  "_revinclude",
                                 "_score",     "_sort",          "_summary", "_total"};
  return std::find(kNames.begin(), kNames.end(), name.substr(0, name.find(':'))) != kNames.end();
}

}  // namespace sluice::search
