// CSV as RFC 4180 has it: CRLF, quotes where they are needed. Null is an empty field, and an empty
// text "" in quotes. A list is its JSON.
#include <utility>

#include "table/table_sink.h"

namespace sluice::table {
namespace {

void append_field(std::string_view text, std::string& out) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos &&
      text.front() != ' ' && text.back() != ' ') {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

class CsvSink final : public TableSink {
 public:
  CsvSink(const std::vector<Column>& columns, Output output, bool has_header)
      : output_(std::move(output)) {
    for (const auto& column : columns) are_lists_.push_back(column.is_collection);
    if (!has_header) return;
    std::string& out = output_.text();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) out += ',';
      append_field(columns[i].name, out);
    }
    out += "\r\n";
  }

  Result<void> add(Row row) override {
    std::string& out = output_.text();
    for (std::size_t i = 0; i < are_lists_.size(); ++i) {
      if (i > 0) out += ',';
      if (!are_lists_[i] && row[i].empty()) continue;
      field_.clear();
      if (are_lists_[i]) {
        field_ += '[';
        for (std::size_t j = 0; j < row[i].size(); ++j) {
          if (j > 0) field_ += ',';
          fhirpath::append_json(row[i][j], field_);
        }
        field_ += ']';
      } else {
        append_text(row[i].front(), field_);
      }
      append_field(field_, out);
    }
    // RFC 4180 cannot tell a row of one null from an empty line; readers skip that.
    if (are_lists_.size() == 1 && !are_lists_[0] && row[0].empty()) out += "\"\"";
    out += "\r\n";
    return output_.pass_on();
  }

  Result<void> finish() override { return output_.flush(); }

 private:
  BufferedOutput output_;
  std::vector<bool> are_lists_;
  std::string field_;
};

}  // namespace

std::unique_ptr<TableSink> make_csv_sink(const std::vector<Column>& columns, Output output,
                                         bool has_header) {
  return std::make_unique<CsvSink>(columns, std::move(output), has_header);
}

}  // namespace sluice::table
