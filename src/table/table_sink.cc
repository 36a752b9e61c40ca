#include "table/table_sink.h"

#include <array>
#include <utility>

namespace sluice::table {
namespace {

struct Known {
  Format format;
  std::string_view name;
  std::string_view media_type;
};
constexpr std::array kFormats = {
    Known{Format::kNdjson, "ndjson", "application/x-ndjson"},
    Known{Format::kNdjson, "ndjson", "application/ndjson"},
    Known{Format::kNdjson, "ndjson", "application/fhir+ndjson"},
    Known{Format::kJson, "json", "application/json"},
    Known{Format::kCsv, "csv", "text/csv"},
    Known{Format::kParquet, "parquet", "application/vnd.apache.parquet"},
};

const Known& known(Format format) {
  for (const auto& each : kFormats)
    if (each.format == format) return each;
  std::abort();
}

}  // namespace

std::optional<Format> find_format(std::string_view name) {
  name = name.substr(0, name.find(';'));
  while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
  for (const auto& each : kFormats)
    if (name == each.name || name == each.media_type) return each.format;
  return std::nullopt;
}

std::string_view name_of(Format format) {
  return known(format).name;
}

std::string_view media_type_of(Format format) {
  return known(format).media_type;
}

std::string_view extension_of(Format format) {
  return known(format).name;
}

Result<std::unique_ptr<TableSink>> make_sink(Format format, const std::vector<Column>& columns,
                                             Output output, const SinkOptions& options) {
  switch (format) {
    case Format::kNdjson:
    case Format::kJson:
      return make_json_sink(columns, std::move(output), format == Format::kJson);
    case Format::kCsv:
      return make_csv_sink(columns, std::move(output), options.csv_header);
    case Format::kParquet:
      return make_parquet_sink(columns, std::move(output), options.sinks);
  }
  std::abort();
}

}  // namespace sluice::table
