// Writes the rows of a table in one of the formats.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "table/column.h"
#include "table/view_rows.h"

namespace sluice::table {

enum class Format : std::uint8_t { kNdjson, kJson, kCsv, kParquet };

/// "ndjson", "json", "csv", "parquet", and their media types with or without parameters.
std::optional<Format> find_format(std::string_view name);
/// "ndjson".
std::string_view name_of(Format format);
/// "application/x-ndjson", without parameters.
std::string_view media_type_of(Format format);
/// Of files, without the dot: "ndjson".
std::string_view extension_of(Format format);

/// Takes bytes in the order of the output.
using Output = std::function<Result<void>(std::string_view bytes)>;

/// One thread at a time. After an error it is of no use.
class TableSink {
 public:
  virtual ~TableSink() = default;
  virtual Result<void> add(Row row) = 0;
  /// The error that add() would have for a value that its column cannot hold; writes nothing.
  virtual Result<void> check(Row) { return {}; }
  /// Writes what is left. Only then the output is whole.
  virtual Result<void> finish() = 0;
};

struct SinkOptions {
  bool csv_header = true;
  /// How many sinks there are at once: their row groups share the memory.
  std::size_t sinks = 1;
};

/// Writes the format to `output`, in pieces of some 64 KiB. kUnsupported for Parquet where there is
/// none (parquet/library.h).
Result<std::unique_ptr<TableSink>> make_sink(Format format, const std::vector<Column>& columns,
                                             Output output, const SinkOptions& options = {});

/// Output in pieces: for the sinks of text.
class BufferedOutput {
 public:
  explicit BufferedOutput(Output output) : output_(std::move(output)) {}
  std::string& text() { return text_; }
  /// Call it after each row.
  Result<void> pass_on() { return text_.size() < kPiece ? Result<void>() : flush(); }
  Result<void> flush() {
    auto done = output_(text_);
    text_.clear();
    return done;
  }

 private:
  static constexpr std::size_t kPiece = 64u << 10;
  const Output output_;
  std::string text_;
};

std::unique_ptr<TableSink> make_json_sink(const std::vector<Column>& columns, Output output,
                                          bool is_array);
std::unique_ptr<TableSink> make_csv_sink(const std::vector<Column>& columns, Output output,
                                         bool has_header);
Result<std::unique_ptr<TableSink>> make_parquet_sink(const std::vector<Column>& columns,
                                                     Output output, std::size_t sinks);

}  // namespace sluice::table
