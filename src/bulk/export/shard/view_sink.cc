#include "bulk/export/shard/view_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "fhir/operation_outcome.h"
#include "fhirpath/document.h"
#include "json/json_tokens.h"
#include "table/table_sink.h"
#include "table/view_rows.h"

namespace sluice::bulk {
namespace {

constexpr std::size_t kPrefixMax = 64;
/// Of a shard; of those beyond it the number is told.
constexpr std::uint64_t kFaultsToldMax = 1'000;

/// Whether a record breaks a rule of a view.
bool is_fault(const Error& error) {
  return error.kind == ErrorKind::kInvalid || error.kind == ErrorKind::kUnsupported ||
         error.kind == ErrorKind::kTooLarge;
}

/// Tells which records are left out of which tables. Not for the log: it names them.
class Faults {
 public:
  explicit Faults(MessageFiles& messages) : messages_(messages) {}

  Result<void> add(const std::string& fault) {
    if (++count_ > kFaultsToldMax) return {};
    return tell(fault);
  }

  Result<void> finish() {
    if (count_ <= kFaultsToldMax) return {};
    return tell(fmt::format("{} more are left out of tables", count_ - kFaultsToldMax));
  }

 private:
  Result<void> tell(const std::string& text) {
    return messages_.append(FileKind::kOutcome,
                            fhir::operation_outcome("warning", "invariant", text));
  }

  MessageFiles& messages_;
  std::uint64_t count_ = 0;
};

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

  /// `sinks`: how many files of tables are open at once.
  Result<void> open(const table::View& view, std::size_t sinks) {
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
                                             {.csv_header = tables_.csv_header, .sinks = sinks}));
    return {};
  }

  Result<void> add(table::Row row) {
    ++rows_;
    return sink_->add(row);
  }

  /// The error that add() would have.
  Result<void> check(table::Row row) { return sink_->check(row); }

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
  /// `faults`: nullptr when the first one is an error.
  TableWriter(const SinkContext& context, std::size_t number, Faults* faults)
      : context_(context),
        number_(number),
        faults_(faults),
        rows_(context.views[number], {.stop = context.stop}) {
    sinks_ = static_cast<std::size_t>(
        std::count_if(context.views.begin(), context.views.end(),
                      [&](const table::View& view) { return view.type() == type(); }));
  }

  fhir::ResourceType type() const { return rows_.view().type(); }

  Result<void> append(const fhirpath::Document& resource, std::string_view id, std::uint64_t size) {
    if (file_ && size_ + size > context_.size_max) SLUICE_RETURN_IF_ERROR(finish());
    size_ += size;
    if (faults_ != nullptr) {
      // Before the first row, so that a record that is left out leaves none in the table.
      const auto checked = each_row(resource, &TableFile::check);
      if (!checked && is_fault(checked.error()))
        return faults_->add(fmt::format("{}/{} is left out of the table '{}': {}",
                                        fhir::type_name(type()), id, name(),
                                        checked.error().message));
      SLUICE_RETURN_IF_ERROR(checked);
    }
    auto done = each_row(resource, &TableFile::add);
    if (!done && is_fault(done.error()))
      return Error{done.error().kind, fmt::format("the table '{}' of a {}: {}", name(),
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
  std::string_view name() const {
    return shortened(context_.request.tables->tables[number_].name, 64);
  }

  Result<void> each_row(const fhirpath::Document& resource,
                        Result<void> (TableFile::*take)(table::Row)) {
    return rows_.each(resource, [&](table::Row row) -> Result<void> {
      if (!file_) {
        auto file = std::make_unique<TableFile>(context_.files, *context_.request.tables, number_);
        SLUICE_RETURN_IF_ERROR(file->open(rows_.view(), sinks_));
        file_ = std::move(file);
      }
      return ((*file_).*take)(row);
    });
  }

  const SinkContext context_;
  const std::size_t number_;
  Faults* const faults_;
  table::ViewRows rows_;
  std::size_t sinks_ = 1;  // of the tables whose files are open beside this one's, and its own
  std::unique_ptr<TableFile> file_;
  std::uint64_t size_ = 0;  // of the records of the file
};

class ViewSink final : public RecordSink {
 public:
  explicit ViewSink(const SinkContext& context) {
    if (context.request.tables->reports_faults && context.messages != nullptr)
      faults_.emplace(*context.messages);
    for (std::size_t i = 0; i < context.views.size(); ++i)
      tables_.push_back(std::make_unique<TableWriter>(context, i, faults_ ? &*faults_ : nullptr));
  }

  // Only the tables of one type have open files.
  Result<void> append(const OutputRecord& record) override {
    if (record.type != type_) {
      SLUICE_RETURN_IF_ERROR(end_files());
      type_ = record.type;
    }
    std::optional<fhirpath::Document> resource;
    for (const auto& table : tables_) {
      if (table->type() != type_) continue;
      if (!resource) {
        SLUICE_RETURN_IF_ERROR(tokens_.read(record.resource));
        resource.emplace(tokens_);
      }
      SLUICE_RETURN_IF_ERROR(table->append(*resource, record.id, record.resource.size() + 1));
    }
    return {};
  }

  Result<void> finish() override {
    SLUICE_RETURN_IF_ERROR(end_files());
    return faults_ ? faults_->finish() : Result<void>();
  }

 private:
  Result<void> end_files() {
    for (const auto& table : tables_)
      if (table->type() == type_) SLUICE_RETURN_IF_ERROR(table->finish());
    return {};
  }

  std::optional<Faults> faults_;
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
  SLUICE_RETURN_IF_ERROR(file.open(context.views[number], 1));
  return file.finish();
}

}  // namespace sluice::bulk
