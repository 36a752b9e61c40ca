// libsluice_parquet.so: writes Parquet by Arrow C++. The only file that sees Arrow, and part of no
// other library or program.
#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/io/interfaces.h>
#include <arrow/util/config.h>
#include <parquet/arrow/writer.h>
#include <parquet/file_reader.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "parquet/plugin_interface.h"

namespace {

// A footer may make a reader reserve no more than this for one text or list of it.
constexpr std::int32_t kFooterTextMax = 1 << 24;
constexpr std::int32_t kFooterListMax = 1 << 20;

int fail(const sluice_parquet_error* error, const std::string& text) {
  if (error->size == 0) return 1;
  const std::size_t size = std::min(text.size(), error->size - 1);
  std::memcpy(error->text, text.data(), size);
  error->text[size] = '\0';
  return 1;
}

template <class Work>
int guarded(const sluice_parquet_error* error, const Work& work) noexcept {
  try {
    const arrow::Status status = work();
    return status.ok() ? 0 : fail(error, status.ToString());
  } catch (const std::exception& e) {
    return fail(error, e.what());
  } catch (...) {
    return fail(error, "unknown exception");
  }
}

class CallbackStream final : public arrow::io::OutputStream {
 public:
  CallbackStream(sluice_parquet_output output, void* context)
      : output_(output), context_(context) {}

  arrow::Status Write(const void* data, int64_t size) override {
    if (failed_) return arrow::Status::IOError("the output failed before");
    failed_ =
        output_(context_, static_cast<const char*>(data), static_cast<std::size_t>(size)) != 0;
    if (failed_) return arrow::Status::IOError("the output failed");
    position_ += size;
    return arrow::Status::OK();
  }
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }

 private:
  const sluice_parquet_output output_;
  void* const context_;
  int64_t position_ = 0;
  bool failed_ = false;
  bool closed_ = false;
};

arrow::Result<std::shared_ptr<arrow::DataType>> value_type(const sluice_parquet_column& column) {
  switch (column.type) {
    case SLUICE_PARQUET_STRING:
      return arrow::utf8();
    case SLUICE_PARQUET_BOOLEAN:
      return arrow::boolean();
    case SLUICE_PARQUET_INT32:
      return arrow::int32();
    case SLUICE_PARQUET_INT64:
      return arrow::int64();
    case SLUICE_PARQUET_DECIMAL:
      return arrow::Decimal128Type::Make(column.precision, column.scale);
    case SLUICE_PARQUET_DATE:
      return arrow::date32();
    case SLUICE_PARQUET_TIMESTAMP:
      return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case SLUICE_PARQUET_BINARY:
      return arrow::binary();
    default:
      return arrow::Status::Invalid("unknown type of column ", column.name);
  }
}

// Without ownership: what is written does not outlive the call that writes it.
std::shared_ptr<arrow::Buffer> buffer_of(const void* bytes, std::int64_t size) {
  return bytes == nullptr
             ? nullptr
             : std::make_shared<arrow::Buffer>(static_cast<const std::uint8_t*>(bytes), size);
}

std::int64_t offsets_size(std::int64_t count) {
  return (count + 1) * static_cast<std::int64_t>(sizeof(std::int32_t));
}

std::shared_ptr<arrow::ArrayData> array_of(const std::shared_ptr<arrow::DataType>& type,
                                           const sluice_parquet_values& column, std::int64_t rows) {
  const auto validity = column.nulls == 0 ? nullptr : buffer_of(column.validity, (rows + 7) / 8);
  const bool is_list = column.list_offsets != nullptr;
  const auto item = is_list ? type->field(0)->type() : type;
  std::vector<std::shared_ptr<arrow::Buffer>> buffers{is_list ? nullptr : validity};
  if (column.offsets != nullptr)
    buffers.push_back(buffer_of(column.offsets, offsets_size(column.count)));
  buffers.push_back(buffer_of(column.values, column.size));
  auto values =
      arrow::ArrayData::Make(item, column.count, std::move(buffers), is_list ? 0 : column.nulls);
  if (!is_list) return values;
  return arrow::ArrayData::Make(type, rows,
                                {validity, buffer_of(column.list_offsets, offsets_size(rows))},
                                {std::move(values)}, column.nulls);
}

}  // namespace

struct sluice_parquet_writer {
  std::shared_ptr<arrow::Schema> schema;
  std::shared_ptr<CallbackStream> stream;
  std::unique_ptr<parquet::arrow::FileWriter> file;
};

namespace {

int create(const sluice_parquet_column* columns, std::size_t columns_count, int zstd_level,
           sluice_parquet_output output, void* context, sluice_parquet_writer** writer,
           sluice_parquet_error* error) noexcept {
  return guarded(error, [&]() -> arrow::Status {
    parquet::WriterProperties::Builder properties;
    properties.compression(arrow::Compression::ZSTD);
    properties.compression_level(zstd_level);
    // The pool of the C library: what a row group needed goes back when it is written.
    properties.memory_pool(arrow::system_memory_pool());
    properties.created_by(std::string("sluice ") + SLUICE_VERSION + " parquet-cpp-arrow version " +
                          ARROW_VERSION_STRING);
    arrow::FieldVector fields;
    for (std::size_t i = 0; i < columns_count; ++i) {
      const auto& column = columns[i];
      ARROW_ASSIGN_OR_RAISE(auto type, value_type(column));
      std::string path = column.name;
      if (column.is_list != 0) {
        type = arrow::list(arrow::field("element", type, false));
        path += ".list.element";
      }
      if (column.repeats == 0) properties.disable_dictionary(path);
      fields.push_back(arrow::field(column.name, std::move(type)));
    }
    auto made = std::make_unique<sluice_parquet_writer>();
    made->schema = arrow::schema(std::move(fields));
    made->stream = std::make_shared<CallbackStream>(output, context);
    ARROW_ASSIGN_OR_RAISE(
        made->file, parquet::arrow::FileWriter::Open(*made->schema, arrow::system_memory_pool(),
                                                     made->stream, properties.build()));
    *writer = made.release();
    return arrow::Status::OK();
  });
}

int write(sluice_parquet_writer* writer, const sluice_parquet_values* columns, std::int64_t rows,
          int begins_group, sluice_parquet_error* error) noexcept {
  return guarded(error, [&]() -> arrow::Status {
    std::vector<std::shared_ptr<arrow::ArrayData>> arrays;
    arrays.reserve(static_cast<std::size_t>(writer->schema->num_fields()));
    for (int i = 0; i < writer->schema->num_fields(); ++i)
      arrays.push_back(array_of(writer->schema->field(i)->type(), columns[i], rows));
    const auto batch = arrow::RecordBatch::Make(writer->schema, rows, std::move(arrays));
    if (begins_group != 0) ARROW_RETURN_NOT_OK(writer->file->NewBufferedRowGroup());
    return writer->file->WriteRecordBatch(*batch);
  });
}

int finish(sluice_parquet_writer* writer, sluice_parquet_error* error) noexcept {
  return guarded(error, [&] { return writer->file->Close(); });
}

void destroy(sluice_parquet_writer* writer) noexcept {
  delete writer;
}

int count_rows(const char* path, std::int64_t* rows, sluice_parquet_error* error) noexcept {
  return guarded(error, [&]() -> arrow::Status {
    parquet::ReaderProperties properties(arrow::system_memory_pool());
    properties.set_thrift_string_size_limit(kFooterTextMax);
    properties.set_thrift_container_size_limit(kFooterListMax);
    ARROW_ASSIGN_OR_RAISE(auto file,
                          arrow::io::ReadableFile::Open(path, arrow::system_memory_pool()));
    *rows = parquet::ParquetFileReader::Open(std::move(file), properties)->metadata()->num_rows();
    return arrow::Status::OK();
  });
}

constexpr sluice_parquet_functions kFunctions{SLUICE_PARQUET_INTERFACE_VERSION,
                                              ARROW_VERSION_STRING,
                                              create,
                                              write,
                                              finish,
                                              destroy,
                                              count_rows};

}  // namespace

extern "C" __attribute__((visibility("default"))) const sluice_parquet_functions*
sluice_parquet_interface() {
  return &kFunctions;
}
