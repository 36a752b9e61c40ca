// Writes a table as Parquet, row by row, in bounded memory: zstd, statistics, row groups of at most
// 32 MiB. The bytes go to a function of the caller, that of a file for instance
// (base/whole_file.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::parquet {

/// A 128-bit number, for decimals.
__extension__ using Int128 = __int128;

enum class Type : std::uint8_t {
  kString,  ///< UTF-8
  kBoolean,
  kInt32,
  kInt64,
  kDecimal,    ///< of a precision and a scale; where digits must stay as written, use kString
  kDate,       ///< days since 1970-01-01
  kTimestamp,  ///< UTC, microseconds since 1970-01-01T00:00:00Z
  kBinary,
};

struct Column {
  std::string name;
  Type type = Type::kString;
  bool is_list = false;
  int precision = 0;  ///< kDecimal: of 1 to 38 digits
  int scale = 0;      ///< kDecimal: so many of them behind the point
  /// Whether values repeat, so that a dictionary of them pays. False for ids and whole documents.
  bool repeats = true;
};

struct TableOptions {
  std::size_t group_size = 32u << 20;  ///< most bytes of values in a row group
  std::size_t batch_size = 1u << 20;   ///< of values that are collected before they are encoded
  int zstd_level = 1;
};

/// The number of a decimal without its point, as a kDecimal column takes it: "1.50" is 150 at a
/// scale of 2. kInvalid when it is no decimal of FHIR or does not fit without loss.
Result<Int128> decimal_of(std::string_view text, int precision, int scale);

/// Holds at most a batch, and the encoded pages of a row group. A value must suit its column: its
/// type, one a row unless it is a list, whose values are added one after the other. What got no
/// value in a row is null; so is a list, unless it was begun. After an error every call returns it.
/// Not thread-safe.
class TableWriter {
 public:
  using Output = std::function<Result<void>(std::string_view bytes)>;

  /// kUnsupported when Parquet is not available (parquet/library.h).
  static Result<std::unique_ptr<TableWriter>> create(std::vector<Column> columns, Output output,
                                                     const TableOptions& options = {});
  ~TableWriter();
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;

  /// kString, kBinary
  void add_text(std::size_t column, std::string_view value);
  void add_boolean(std::size_t column, bool value);
  /// kInt32, kInt64, kDate, kTimestamp
  void add_integer(std::size_t column, std::int64_t value);
  void add_decimal(std::size_t column, Int128 value);
  /// The list is not null, also if nothing is added to it.
  void begin_list(std::size_t column);

  Result<void> end_row();
  /// Writes what is left and the footer. Only then the output is a Parquet file.
  Result<void> finish();

  std::uint64_t rows() const;
  std::uint64_t size() const;  ///< bytes given to the output so far

 private:
  struct Impl;
  explicit TableWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::parquet
