#include "parquet/table_writer.h"

#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <utility>

#include "parquet/library.h"

namespace sluice::parquet {
namespace {

// Offsets within a batch have 31 bits.
constexpr std::size_t kRowSizeMax = 1u << 30;

int type_code(Type type) {
  switch (type) {
    case Type::kString:
      return SLUICE_PARQUET_STRING;
    case Type::kBoolean:
      return SLUICE_PARQUET_BOOLEAN;
    case Type::kInt32:
      return SLUICE_PARQUET_INT32;
    case Type::kInt64:
      return SLUICE_PARQUET_INT64;
    case Type::kDecimal:
      return SLUICE_PARQUET_DECIMAL;
    case Type::kDate:
      return SLUICE_PARQUET_DATE;
    case Type::kTimestamp:
      return SLUICE_PARQUET_TIMESTAMP;
    case Type::kBinary:
      return SLUICE_PARQUET_BINARY;
  }
  return -1;
}

class Bits {
 public:
  void push(bool bit) {
    if (size_ % 8 == 0) bytes_.push_back('\0');
    if (bit) bytes_.back() = static_cast<char>(bytes_.back() | (1 << (size_ % 8)));
    ++size_;
  }
  void clear() {
    bytes_.clear();
    size_ = 0;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::size_t size_ = 0;
};

// The values of a column in the rows of a batch, as plugin_interface.h has them.
class ColumnBuffer {
 public:
  explicit ColumnBuffer(Column column) : column_(std::move(column)) { clear(); }

  const Column& column() const { return column_; }
  bool is_text() const { return column_.type == Type::kString || column_.type == Type::kBinary; }

  void add(std::string_view bytes) {
    values_.append(bytes);
    if (is_text()) offsets_.push_back(static_cast<std::int32_t>(values_.size()));
    count_value();
  }
  void add_bit(bool bit) {
    bits_.push(bit);
    count_value();
  }
  void begin_list() { has_value_ = true; }

  /// False when the row has more values than it may.
  bool end_row() {
    const std::size_t added = count_ - count_before_;
    if (!column_.is_list && added > 1) return false;
    validity_.push(has_value_);
    if (!has_value_) ++nulls_;
    if (column_.is_list)
      list_offsets_.push_back(static_cast<std::int32_t>(count_));
    else if (added == 0)
      add_null();
    has_value_ = false;
    count_before_ = count_;
    return true;
  }

  std::size_t size() const { return values_.size() + bits_.bytes().size() + 4 * offsets_.size(); }

  sluice_parquet_values view() const {
    const std::string& values = column_.type == Type::kBoolean ? bits_.bytes() : values_;
    return {.validity = reinterpret_cast<const std::uint8_t*>(validity_.bytes().data()),
            .nulls = nulls_,
            .list_offsets = column_.is_list ? list_offsets_.data() : nullptr,
            .count = static_cast<std::int64_t>(count_),
            .offsets = is_text() ? offsets_.data() : nullptr,
            .values = values.data(),
            .size = static_cast<std::int64_t>(values.size())};
  }

  void clear() {
    validity_.clear();
    bits_.clear();
    values_.clear();
    offsets_.assign(1, 0);
    list_offsets_.assign(1, 0);
    count_ = count_before_ = 0;
    nulls_ = 0;
  }

 private:
  void count_value() {
    ++count_;
    has_value_ = true;
  }
  void add_null() {
    constexpr char kNothing[sizeof(Int128)] = {};
    switch (column_.type) {
      case Type::kBoolean:
        add_bit(false);
        break;
      case Type::kString:
      case Type::kBinary:
        add({});
        break;
      case Type::kInt32:
      case Type::kDate:
        add({kNothing, 4});
        break;
      case Type::kInt64:
      case Type::kTimestamp:
        add({kNothing, 8});
        break;
      case Type::kDecimal:
        add({kNothing, sizeof kNothing});
        break;
    }
  }

  Column column_;
  Bits validity_;
  Bits bits_;  // kBoolean
  std::string values_;
  std::vector<std::int32_t> offsets_;
  std::vector<std::int32_t> list_offsets_;
  std::size_t count_ = 0;
  std::size_t count_before_ = 0;  // at the beginning of the row
  std::int64_t nulls_ = 0;
  bool has_value_ = false;  // in this row
};

template <class Number>
std::string_view bytes_of(const Number& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

}  // namespace

struct TableWriter::Impl {
  const sluice_parquet_functions* functions = nullptr;
  Output output;
  TableOptions options;
  std::vector<ColumnBuffer> columns;
  sluice_parquet_writer* writer = nullptr;
  std::int64_t batch_rows = 0;
  std::size_t group_size = 0;  // values of the row group at hand
  bool has_group = false;
  std::uint64_t rows = 0;
  std::uint64_t size = 0;
  Result<void> output_result;
  Result<void> broken;

  ~Impl() {
    // What Arrow still writes while it is destroyed goes nowhere.
    if (output_result) output_result = Error{ErrorKind::kCancelled, "the table was given up"};
    if (writer != nullptr) functions->destroy(writer);
  }

  static int take(void* context, const char* bytes, std::size_t count) noexcept {
    auto& self = *static_cast<Impl*>(context);
    if (!self.output_result) return 1;
    self.output_result = self.output({bytes, count});
    self.size += count;
    return self.output_result ? 0 : 1;
  }

  void misuse(const ColumnBuffer& column) {
    if (broken)
      broken = Error{ErrorKind::kInternal,
                     fmt::format("a value does not suit the column '{}'", column.column().name)};
  }

  // The output's own error says more than the library's.
  Error failed(const LibraryError& error) const {
    if (!output_result) return output_result.error();
    return {ErrorKind::kInternal, "cannot write Parquet", error.text()};
  }

  Result<void> write_batch() {
    if (batch_rows == 0) return {};
    std::size_t batch = 0;
    std::vector<sluice_parquet_values> views;
    for (const auto& column : columns) {
      batch += column.size();
      views.push_back(column.view());
    }
    const bool begins_group = !has_group || group_size + batch > options.group_size;
    if (begins_group) group_size = 0;
    has_group = true;
    group_size += batch;
    LibraryError error;
    if (functions->write(writer, views.data(), batch_rows, begins_group ? 1 : 0, error.get()) != 0)
      return failed(error);
    for (auto& column : columns) column.clear();
    batch_rows = 0;
    return {};
  }

  Result<void> end_row() {
    std::size_t batch = 0;
    for (auto& column : columns) {
      if (!column.end_row()) misuse(column);
      batch += column.size();
    }
    SLUICE_RETURN_IF_ERROR(broken);
    if (batch > kRowSizeMax + options.batch_size)
      return Error{ErrorKind::kTooLarge, "a row is too large for a table"};
    ++rows;
    ++batch_rows;
    return batch >= options.batch_size ? write_batch() : Result<void>();
  }

  Result<void> finish() {
    SLUICE_RETURN_IF_ERROR(write_batch());
    LibraryError error;
    if (functions->finish(writer, error.get()) != 0) return failed(error);
    return {};
  }
};

TableWriter::TableWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TableWriter::~TableWriter() = default;

Result<std::unique_ptr<TableWriter>> TableWriter::create(std::vector<Column> columns, Output output,
                                                         const TableOptions& options) {
  auto impl = std::make_unique<Impl>();
  SLUICE_ASSIGN_OR_RETURN(impl->functions, library());
  impl->output = std::move(output);
  impl->options = options;
  for (auto& column : columns) impl->columns.emplace_back(std::move(column));
  std::vector<sluice_parquet_column> described;
  for (const auto& buffer : impl->columns) {
    const Column& column = buffer.column();
    described.push_back({.name = column.name.c_str(),
                         .type = type_code(column.type),
                         .is_list = column.is_list ? 1 : 0,
                         .precision = column.precision,
                         .scale = column.scale,
                         .repeats = column.repeats ? 1 : 0});
  }
  LibraryError error;
  if (impl->functions->create(described.data(), described.size(), options.zstd_level, &Impl::take,
                              impl.get(), &impl->writer, error.get()) != 0)
    return impl->failed(error);
  return std::unique_ptr<TableWriter>(new TableWriter(std::move(impl)));
}

void TableWriter::add_text(std::size_t column, std::string_view value) {
  ColumnBuffer& buffer = impl_->columns[column];
  if (!buffer.is_text() || buffer.size() + value.size() > kRowSizeMax) return impl_->misuse(buffer);
  buffer.add(value);
}

void TableWriter::add_boolean(std::size_t column, bool value) {
  ColumnBuffer& buffer = impl_->columns[column];
  if (buffer.column().type != Type::kBoolean) return impl_->misuse(buffer);
  buffer.add_bit(value);
}

void TableWriter::add_integer(std::size_t column, std::int64_t value) {
  ColumnBuffer& buffer = impl_->columns[column];
  const Type type = buffer.column().type;
  if (type == Type::kInt64 || type == Type::kTimestamp) return buffer.add(bytes_of(value));
  const auto narrow = static_cast<std::int32_t>(value);
  if ((type != Type::kInt32 && type != Type::kDate) || narrow != value)
    return impl_->misuse(buffer);
  buffer.add(bytes_of(narrow));
}

void TableWriter::add_decimal(std::size_t column, Int128 value) {
  ColumnBuffer& buffer = impl_->columns[column];
  if (buffer.column().type != Type::kDecimal) return impl_->misuse(buffer);
  buffer.add(bytes_of(value));
}

void TableWriter::begin_list(std::size_t column) {
  ColumnBuffer& buffer = impl_->columns[column];
  if (!buffer.column().is_list) return impl_->misuse(buffer);
  buffer.begin_list();
}

Result<void> TableWriter::end_row() {
  if (impl_->broken) impl_->broken = impl_->end_row();
  return impl_->broken;
}

Result<void> TableWriter::finish() {
  if (impl_->broken) impl_->broken = impl_->finish();
  return impl_->broken;
}

std::uint64_t TableWriter::rows() const {
  return impl_->rows;
}
std::uint64_t TableWriter::size() const {
  return impl_->size;
}

}  // namespace sluice::parquet
