#include "bulk/table/table_maker.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "fhirpath/document.h"
#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::bulk {
namespace {

constexpr std::size_t kDepthMax = 128;

/// "Patient/1" where the resource has an id.
std::string name_of(const fhir::JsonTokens& tokens, fhir::ResourceType type) {
  const auto id = fhir::string_member(tokens, 0, "id");
  if (!id || !fhir::is_valid_id(*id)) return {};
  return fmt::format("{}/{}", fhir::type_name(type), *id);
}

}  // namespace

struct TableMaker::Table {
  Table(table::View view, table::RowLimits limits, std::unique_ptr<table::TableSink> into)
      : rows(std::move(view), std::move(limits)), sink(std::move(into)) {}
  table::ViewRows rows;
  const std::unique_ptr<table::TableSink> sink;
  std::uint64_t count = 0;
};

std::string TableMaker::Place::text() const {
  return line == 0 ? std::string(path) : fmt::format("{}:{}", path, line);
}

TableMaker::TableMaker(TableMakerOptions options) : options_(std::move(options)) {}
TableMaker::~TableMaker() = default;

void TableMaker::add(table::View view, std::unique_ptr<table::TableSink> sink) {
  const auto type = view.type();
  tables_.push_back(std::make_unique<Table>(std::move(view), options_.limits, std::move(sink)));
  by_type_[type].push_back(tables_.back().get());
}

std::vector<fhir::ResourceType> TableMaker::types() const {
  std::vector<fhir::ResourceType> types;
  for (const auto& [type, tables] : by_type_) types.push_back(type);
  return types;
}

std::vector<std::uint64_t> TableMaker::rows() const {
  std::vector<std::uint64_t> rows;
  for (const auto& table : tables_) rows.push_back(table->count);
  return rows;
}

Result<void> TableMaker::fault(std::string_view place, const Error& error) {
  if (options_.faults == TableFaults::kStop)
    return Error{error.kind, fmt::format("{}: {}", place, error.message), error.detail};
  ++counts_.faults;
  if (options_.on_fault) options_.on_fault(place, error);
  return {};
}

Result<bool> TableMaker::read(std::string_view json, Place place) {
  Result<void> whole = tokens_.read(json);
  if (whole) {
    if (auto checked = fhir::check_json_object(tokens_, kDepthMax); !checked)
      whole = checked.error();
  }
  if (whole) return true;
  SLUICE_RETURN_IF_ERROR(fault(place.text(), whole.error()));
  return false;
}

Result<void> TableMaker::take(std::string_view json, Place place) {
  SLUICE_ASSIGN_OR_RETURN(const bool is_whole, read(json, place));
  if (!is_whole) return {};
  SLUICE_RETURN_IF_ERROR(take_resource(tokens_, place));
  return document_.root().type == fhirpath::known_types().bundle ? take_entries(place)
                                                                 : Result<void>();
}

Result<void> TableMaker::take_alone(std::string_view json, Place place) {
  SLUICE_ASSIGN_OR_RETURN(const bool is_whole, read(json, place));
  return is_whole ? take_resource(tokens_, place) : Result<void>();
}

Result<void> TableMaker::take_entries(Place place) {
  std::size_t number = 0;
  return fhir::each_member(tokens_, 0, [&](std::size_t key, std::size_t entries) -> Result<void> {
    if (!fhir::means(tokens_.raw_string(key), "entry") || tokens_.first(entries) != '[') return {};
    return fhir::each_element(tokens_, entries, [&](std::size_t entry) -> Result<void> {
      ++number;
      if (tokens_.first(entry) != '{') return {};
      return fhir::each_member(
          tokens_, entry, [&](std::size_t name, std::size_t resource) -> Result<void> {
            if (!fhir::means(tokens_.raw_string(name), "resource") ||
                tokens_.first(resource) != '{')
              return {};
            const std::size_t begin = tokens_.begin(resource);
            const std::size_t end = tokens_.end(tokens_.behind(resource) - 1);
            if (auto read = entry_.read(tokens_.text().substr(begin, end - begin)); !read)
              return fault(fmt::format("{}, entry {}", place.text(), number), read.error());
            return take_resource(entry_, place, number);
          });
    });
  });
}

Result<void> TableMaker::take_resource(const fhir::JsonTokens& tokens, Place place,
                                       std::size_t entry) {
  const auto here = [&] {
    return entry == 0 ? place.text() : fmt::format("{}, entry {}", place.text(), entry);
  };
  document_.read(tokens);
  std::string unescaped;
  const auto name = fhirpath::member_text(document_.root(), "resourceType", unescaped);
  if (!name) return fault(here(), invalid("resourceType is missing"));
  const auto type = fhir::find_resource_type(*name);
  const auto found = type ? by_type_.find(*type) : by_type_.end();
  if (found == by_type_.end()) return {};
  ++counts_.resources;
  for (Table* const table : found->second) {
    if (auto made = make_rows(*table, document_); !made) {
      if (made.error().kind == ErrorKind::kStorage || made.error().kind == ErrorKind::kCancelled)
        return made;
      const std::string id = name_of(tokens, *type);
      SLUICE_RETURN_IF_ERROR(fault(id.empty() ? here() : id, made.error()));
    }
  }
  return {};
}

Result<void> TableMaker::make_rows(Table& table, const fhirpath::Document& resource) {
  // A resource that is left out leaves none of its rows.
  if (options_.faults == TableFaults::kSkip)
    SLUICE_RETURN_IF_ERROR(
        table.rows.each(resource, [&](table::Row row) { return table.sink->check(row); }));
  return table.rows.each(resource, [&](table::Row row) -> Result<void> {
    ++table.count;
    ++counts_.rows;
    return table.sink->add(row);
  });
}

Result<void> TableMaker::finish() {
  for (const auto& table : tables_) SLUICE_RETURN_IF_ERROR(table->sink->finish());
  return {};
}

}  // namespace sluice::bulk
