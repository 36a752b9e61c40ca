// Gives resources to the views of their type, and the rows to the tables. Several tables are made
// in one pass.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fhir/resource_type.h"
#include "fhirpath/document.h"
#include "json/json_tokens.h"
#include "table/table_sink.h"
#include "table/view_rows.h"

namespace sluice::bulk {

/// What is done with a resource that cannot be read, or that breaks a rule of a view.
enum class TableFaults : std::uint8_t {
  kStop,  ///< its error ends the run
  kSkip   ///< it is reported, and none of its rows are in that table
};

struct TableMakerOptions {
  TableFaults faults = TableFaults::kStop;
  table::RowLimits limits = {};
  /// With kSkip: where ("file:7", "Patient/1"), and what is wrong; no values.
  std::function<void(std::string_view place, const Error& error)> on_fault = {};
};

struct TableCounts {
  std::uint64_t resources = 0;  ///< given to a view
  std::uint64_t rows = 0;
  std::uint64_t faults = 0;
};

/// One thread at a time.
class TableMaker {
 public:
  explicit TableMaker(TableMakerOptions options = {});
  ~TableMaker();
  TableMaker(const TableMaker&) = delete;
  TableMaker& operator=(const TableMaker&) = delete;

  void add(table::View view, std::unique_ptr<table::TableSink> sink);
  /// Whether a view reads the type.
  bool reads(fhir::ResourceType type) const { return by_type_.contains(type); }
  std::vector<fhir::ResourceType> types() const;

  /// Where a text was read, for messages.
  struct Place {
    std::string_view path;
    std::uint64_t line = 0;  ///< 0: all of it
    std::string text() const;
  };
  /// One resource as JSON, or a Bundle, whose entries' resources are taken. An error ends the run.
  Result<void> take(std::string_view json, Place place);
  /// One resource, even if it is a Bundle: the entries of one that is stored are no resources.
  Result<void> take_alone(std::string_view json, Place place);
  /// A text that cannot be read, as kStop or kSkip have it.
  Result<void> fault(std::string_view place, const Error& error);
  /// Writes what is left.
  Result<void> finish();

  const TableCounts& counts() const { return counts_; }
  /// Rows of each table, in the order of add().
  std::vector<std::uint64_t> rows() const;

 private:
  struct Table;
  Result<void> take_resource(const fhir::JsonTokens& tokens, Place place, std::size_t entry = 0);
  /// Reads it into tokens_; false after a fault that was reported.
  Result<bool> read(std::string_view json, Place place);
  Result<void> take_entries(Place place);
  Result<void> make_rows(Table& table, const fhirpath::Document& resource);

  const TableMakerOptions options_;
  std::vector<std::unique_ptr<Table>> tables_;
  std::map<fhir::ResourceType, std::vector<Table*>> by_type_;
  fhir::JsonTokens tokens_;
  fhir::JsonTokens entry_;
  fhirpath::Document document_;
  TableCounts counts_;
};

}  // namespace sluice::bulk
