#include "bulk/export/shard/view_sink.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "fhirpath/document.h"
#include "json/json_tokens.h"
#include "table/table_sink.h"
#include "table/view_rows.h"

namespace sluice::bulk {
namespace {

constexpr std::size_t kPrefixMax = 64;

/// What the names of a table's files begin with: of its name what a file may be called.
std::string prefix_of(std::string_view name) {
  std::string prefix;
  for (const char c : name.substr(0, kPrefixMax)) {
    const bool is_safe = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                         (c >= '0' && c <= '9') || (!prefix.empty() && (c == '_' || c == '.'));
    if (is_safe) prefix += c;
  }
  return prefix.empty() ? "table" : prefix;
}

/// The lines of a text that comes in pieces, for a writer of lines.
class LineOutput {
 public:
  explicit LineOutput(output::SeekableGzipWriter& writer) : writer_(writer) {}

  Result<void> append(std::string_view bytes) {
    while (true) {
      const std::size_t end = bytes.find('\n');
      if (end == std::string_view::npos) break;
      const std::string_view piece = bytes.substr(0, end);
      if (begun_.empty()) {
        SLUICE_RETURN_IF_ERROR(writer_.append_line(piece));
      } else {
        begun_ += piece;
        SLUICE_RETURN_IF_ERROR(writer_.append_line(begun_));
        begun_.clear();
      }
      bytes.remove_prefix(end + 1);
    }
    begun_ += bytes;
    return {};
  }

 private:
  output::SeekableGzipWriter& writer_;
  std::string begun_;  // a line whose end has not come
};

/// A file of a table while it is written.
class TableFile {
 public:
  TableFile(ShardFiles& files, const TablesRequest& tables, std::size_t number)
      : files_(files), tables_(tables), table_(tables.tables[number]) {}

  Result<void> open(const table::View& view) {
    type_ = view.type();
    name_ = files_.next_name(prefix_of(table_.name), table::extension_of(tables_.format));
    table::Output output;
    if (tables_.format == table::Format::kParquet) {
      SLUICE_ASSIGN_OR_RETURN(raw_, files_.create_raw(name_));
      output = [writer = raw_.get()](std::string_view bytes) { return writer->append(bytes); };
    } else {
      SLUICE_ASSIGN_OR_RETURN(text_, files_.create(name_));
      lines_ = std::make_unique<LineOutput>(*text_);
      output = [lines = lines_.get()](std::string_view bytes) { return lines->append(bytes); };
    }
    SLUICE_ASSIGN_OR_RETURN(sink_,
                            table::make_sink(tables_.format, view.columns(), std::move(output),
                                             {.csv_header = tables_.csv_header}));
    return {};
  }

  Result<void> add(table::Row row) {
    ++rows_;
    return sink_->add(row);
  }

  Result<void> finish() {
    SLUICE_RETURN_IF_ERROR(sink_->finish());
    OutputFile file;
    file.name = name_;
    file.type = fhir::type_name(type_);
    file.table = table_.name;
    if (raw_ != nullptr) {
      file.count = rows_;
      return files_.close_raw(std::move(raw_), std::move(file));
    }
    // Of the lines those that are no rows: a header, brackets, breaks in a field.
    const std::uint64_t apart = text_->info().lines - rows_;
    return files_.close(std::move(text_), std::move(file), apart);
  }

 private:
  ShardFiles& files_;
  const TablesRequest& tables_;
  const TableRequest& table_;
  fhir::ResourceType type_;
  std::string name_;
  std::uint64_t rows_ = 0;
  std::unique_ptr<output::SeekableGzipWriter> text_;
  std::unique_ptr<LineOutput> lines_;  // into text_
  std::unique_ptr<output::RawFileWriter> raw_;
  std::unique_ptr<table::TableSink> sink_;  // into one of both
};

/// The files of one table, one after the other. One with its first row.
class TableWriter {
 public:
  TableWriter(const SinkContext& context, std::size_t number)
      : context_(context), number_(number), rows_(context.views[number]) {}

  fhir::ResourceType type() const { return rows_.view().type(); }

  Result<void> append(const fhirpath::Document& resource, std::uint64_t size) {
    if (file_ && size_ + size > context_.size_max) SLUICE_RETURN_IF_ERROR(finish());
    size_ += size;
    auto done = rows_.each(resource, [&](table::Row row) -> Result<void> {
      if (!file_) {
        auto file = std::make_unique<TableFile>(context_.files, *context_.request.tables, number_);
        SLUICE_RETURN_IF_ERROR(file->open(rows_.view()));
        file_ = std::move(file);
      }
      return file_->add(row);
    });
    if (!done &&
        (done.error().kind == ErrorKind::kInvalid || done.error().kind == ErrorKind::kUnsupported ||
         done.error().kind == ErrorKind::kTooLarge))
      return Error{done.error().kind,
                   fmt::format("the table '{}' of a {}: {}",
                               shortened(context_.request.tables->tables[number_].name, 64),
                               fhir::type_name(type()), done.error().message)};
    return done;
  }

  Result<void> finish() {
    size_ = 0;
    if (!file_) return {};
    const auto file = std::move(file_);
    return file->finish();
  }

 private:
  const SinkContext context_;
  const std::size_t number_;
  table::ViewRows rows_;
  std::unique_ptr<TableFile> file_;
  std::uint64_t size_ = 0;  // of the records of the file
};

class ViewSink final : public RecordSink {
 public:
  explicit ViewSink(const SinkContext& context) {
    for (std::size_t i = 0; i < context.views.size(); ++i)
      tables_.push_back(std::make_unique<TableWriter>(context, i));
  }

  // Only the tables of one type have open files.
  Result<void> append(const OutputRecord& record) override {
    if (record.type != type_) {
      SLUICE_RETURN_IF_ERROR(finish());
      type_ = record.type;
    }
    std::optional<fhirpath::Document> resource;
    for (const auto& table : tables_) {
      if (table->type() != type_) continue;
      if (!resource) {
        SLUICE_RETURN_IF_ERROR(tokens_.read(record.resource));
        resource.emplace(tokens_);
      }
      SLUICE_RETURN_IF_ERROR(table->append(*resource, record.resource.size() + 1));
    }
    return {};
  }

  Result<void> finish() override {
    for (const auto& table : tables_)
      if (table->type() == type_) SLUICE_RETURN_IF_ERROR(table->finish());
    return {};
  }

 private:
  std::vector<std::unique_ptr<TableWriter>> tables_;
  fhir::ResourceType type_;  // of the open files; none has the number 0
  fhir::JsonTokens tokens_;
};

}  // namespace

std::unique_ptr<RecordSink> make_view_sink(const SinkContext& context) {
  return std::make_unique<ViewSink>(context);
}

Result<void> write_empty_table(const SinkContext& context, std::size_t number) {
  if (!context.request.tables || number >= context.views.size())
    return corrupt("a stored part of an export cannot be read", "table");
  TableFile file(context.files, *context.request.tables, number);
  SLUICE_RETURN_IF_ERROR(file.open(context.views[number]));
  return file.finish();
}

}  // namespace sluice::bulk
