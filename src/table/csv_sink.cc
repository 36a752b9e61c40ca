// CSV as RFC 4180 has it: CRLF, quotes where they are needed. Null is an empty field, and an empty
// text "" in quotes. A list is its JSON.
#include <algorithm>
#include <utility>

#include "table/table_sink.h"

namespace sluice::table {
namespace {

bool is_special(char c) {
  return c == ',' || c == '"' || c == '\r' || c == '\n';
}

void append_field(std::string_view text, std::string& out) {
  if (!text.empty() && text.front() != ' ' && text.back() != ' ' &&
      std::none_of(text.begin(), text.end(), is_special)) {
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
      if (are_lists_[i])
        append_list(row[i], out);
      else if (!row[i].empty())
        append_value(row[i].front(), out);
    }
    // RFC 4180 cannot tell a row of one null from an empty line; readers skip that.
    if (are_lists_.size() == 1 && !are_lists_[0] && row[0].empty()) out += "\"\"";
    out += "\r\n";
    return output_.pass_on();
  }

  Result<void> finish() override { return output_.flush(); }

 private:
  void append_value(const fhirpath::Value& value, std::string& out) {
    if (const auto text = text_view(value)) return append_field(*text, out);
    field_.clear();
    append_text(value, field_);
    append_field(field_, out);
  }

  void append_list(const fhirpath::Collection& values, std::string& out) {
    field_ = '[';
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) field_ += ',';
      fhirpath::append_json(values[i], field_);
    }
    field_ += ']';
    append_field(field_, out);
  }

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
