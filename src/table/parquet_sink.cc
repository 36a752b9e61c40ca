// Parquet, by the types of the columns. A value that its column cannot hold is an error: what is
// not stored exactly is not stored.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/base64.h"
#include "parquet/table_writer.h"
#include "table/table_sink.h"

namespace sluice::table {
namespace {

// Of all tables at once; a row group is held until it is whole.
constexpr std::size_t kGroupsSizeMax = 96u << 20;
constexpr std::size_t kGroupSizeMin = 1u << 20;

constexpr std::int64_t kFirstSecond = -62'135'596'800;  // 0001-01-01T00:00:00Z
constexpr std::int64_t kLastSecond = 253'402'300'799;   // 9999-12-31T23:59:59Z

parquet::Type type_of(Storage storage) {
  switch (storage) {
    case Storage::kText:
      return parquet::Type::kString;
    case Storage::kBoolean:
      return parquet::Type::kBoolean;
    case Storage::kInteger:
      return parquet::Type::kInt32;
    case Storage::kInteger64:
      return parquet::Type::kInt64;
    case Storage::kDecimal:
      return parquet::Type::kDecimal;
    case Storage::kDate:
      return parquet::Type::kDate;
    case Storage::kTimestamp:
      return parquet::Type::kTimestamp;
    case Storage::kBinary:
      return parquet::Type::kBinary;
  }
  std::abort();
}

/// Days since 1970-01-01.
std::int64_t days_of(const fhirpath::Temporal& date) {
  using namespace std::chrono;
  return sys_days(year(date.year()) / month(static_cast<unsigned>(date.month())) /
                  day(static_cast<unsigned>(date.day())))
      .time_since_epoch()
      .count();
}

/// Whether a moment's fraction of a second has six digits at most, but for zeros.
bool is_whole_microseconds(std::string_view moment) {
  const std::size_t point = moment.find('.');
  if (point == std::string_view::npos || moment.size() <= point + 7) return true;
  const std::string_view behind = moment.substr(point + 7);
  const std::string_view digits = behind.substr(0, behind.find_first_not_of("0123456789"));
  return digits.find_first_not_of('0') == std::string_view::npos;
}

class ParquetSink final : public TableSink {
 public:
  static Result<std::unique_ptr<TableSink>> create(const std::vector<Column>& columns,
                                                   Output output, std::size_t sinks) {
    parquet::TableOptions options;
    options.group_size = std::clamp(kGroupsSizeMax / std::max<std::size_t>(sinks, 1), kGroupSizeMin,
                                    options.group_size);
    options.batch_size = std::min(options.batch_size, options.group_size);
    std::vector<parquet::Column> described;
    described.reserve(columns.size());
    for (const auto& column : columns)
      described.push_back({.name = column.name,
                           .type = type_of(column.storage),
                           .is_list = column.is_collection,
                           .precision = column.precision,
                           .scale = column.scale,
                           .repeats = column.name != "id"});
    SLUICE_ASSIGN_OR_RETURN(auto writer, parquet::TableWriter::create(std::move(described),
                                                                      std::move(output), options));
    return std::unique_ptr<TableSink>(new ParquetSink(columns, std::move(writer)));
  }

  Result<void> add(Row row) override {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].is_collection) writer_->begin_list(i);
      for (const auto& value : row[i]) SLUICE_RETURN_IF_ERROR(put<true>(i, value));
    }
    return writer_->end_row();
  }

  Result<void> check(Row row) override {
    for (std::size_t i = 0; i < columns_.size(); ++i)
      for (const auto& value : row[i]) SLUICE_RETURN_IF_ERROR(put<false>(i, value));
    return {};
  }

  Result<void> finish() override { return writer_->finish(); }

 private:
  ParquetSink(std::vector<Column> columns, std::unique_ptr<parquet::TableWriter> writer)
      : columns_(std::move(columns)), writer_(std::move(writer)) {}

  Error unfit(std::size_t i, std::string_view what) const {
    return invalid(fmt::format("column '{}': a value is no {}", columns_[i].name, what));
  }

  template <bool kWrites>
  Result<void> put(std::size_t i, const fhirpath::Value& value) {
    if (columns_[i].storage == Storage::kText) {
      if constexpr (!kWrites) return {};
      if (const auto text = text_view(value)) {
        writer_->add_text(i, *text);
        return {};
      }
    }
    text_.clear();
    append_text(value, text_);
    switch (columns_[i].storage) {
      case Storage::kText:
        if constexpr (kWrites) writer_->add_text(i, text_);
        return {};
      case Storage::kBoolean:
        if (text_ != "true" && text_ != "false") return unfit(i, "boolean");
        if constexpr (kWrites) writer_->add_boolean(i, text_ == "true");
        return {};
      case Storage::kInteger:
      case Storage::kInteger64:
        return put_integer<kWrites>(i);
      case Storage::kDecimal: {
        const auto number = parquet::decimal_of(text_, columns_[i].precision, columns_[i].scale);
        if (!number)
          return unfit(i, fmt::format("DECIMAL({}, {})", columns_[i].precision, columns_[i].scale));
        if constexpr (kWrites) writer_->add_decimal(i, *number);
        return {};
      }
      case Storage::kDate: {
        const auto date = fhirpath::Temporal::parse_date(text_);
        if (!date || date->precision() != fhirpath::Precision::kDay) return unfit(i, "whole date");
        if constexpr (kWrites) writer_->add_integer(i, days_of(*date));
        return {};
      }
      case Storage::kTimestamp:
        return put_timestamp<kWrites>(i);
      case Storage::kBinary: {
        std::erase_if(text_, [](char c) { return c == ' ' || c == '\n' || c == '\r'; });
        const auto bytes = base64_decode(text_);
        if (!bytes) return unfit(i, "base64");
        if constexpr (kWrites) writer_->add_text(i, *bytes);
        return {};
      }
    }
    std::abort();
  }

  template <bool kWrites>
  Result<void> put_integer(std::size_t i) {
    const bool is_small = columns_[i].storage == Storage::kInteger;
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(text_.data(), text_.data() + text_.size(), number);
    if (failed != std::errc() || end != text_.data() + text_.size() ||
        (is_small && (number < std::numeric_limits<std::int32_t>::min() ||
                      number > std::numeric_limits<std::int32_t>::max())))
      return unfit(i, is_small ? "integer of 32 bits" : "integer of 64 bits");
    if constexpr (kWrites) writer_->add_integer(i, number);
    return {};
  }

  template <bool kWrites>
  Result<void> put_timestamp(std::size_t i) {
    const auto moment = fhirpath::Temporal::parse_date_time(text_);
    if (!moment || !moment->has_zone() || moment->precision() < fhirpath::Precision::kSecond)
      return unfit(i, "moment with seconds and a zone");
    // A leap second would become the second after it.
    if (moment->second() > 59 || !is_whole_microseconds(text_))
      return unfit(i, "moment that a microsecond is exact for");
    const std::int64_t seconds = ((days_of(*moment) * 24 + moment->hour()) * 60 + moment->minute() -
                                  moment->zone_minutes()) *
                                     60 +
                                 moment->second();
    // What readers with years of four digits take.
    if (seconds < kFirstSecond || seconds > kLastSecond)
      return unfit(i, "moment of the years 1 to 9999 in UTC");
    if constexpr (kWrites)
      writer_->add_integer(i, seconds * 1'000'000 + moment->nanosecond() / 1'000);
    return {};
  }

  const std::vector<Column> columns_;
  const std::unique_ptr<parquet::TableWriter> writer_;
  std::string text_;
};

}  // namespace

Result<std::unique_ptr<TableSink>> make_parquet_sink(const std::vector<Column>& columns,
                                                     Output output, std::size_t sinks) {
  return ParquetSink::create(columns, std::move(output), sinks);
}

}  // namespace sluice::table
