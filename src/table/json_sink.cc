// NDJSON, a row a line, and JSON, an array of all rows. Nulls are written, so that each row has all
// columns.
#include <utility>

#include "base/json_text.h"
#include "table/table_sink.h"

namespace sluice::table {
namespace {

class JsonSink final : public TableSink {
 public:
  JsonSink(const std::vector<Column>& columns, Output output, bool is_array)
      : output_(std::move(output)), is_array_(is_array) {
    for (const auto& column : columns) {
      keys_.push_back(json_string(column.name) + ':');
      are_lists_.push_back(column.is_collection);
    }
  }

  Result<void> add(Row row) override {
    std::string& out = output_.text();
    if (is_array_) out += is_first_ ? "[\n" : ",\n";
    is_first_ = false;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      out += i == 0 ? '{' : ',';
      out += keys_[i];
      if (are_lists_[i]) {
        append_list(row[i], out);
      } else if (row[i].empty()) {
        out += "null";
      } else {
        fhirpath::append_json(row[i].front(), out);
      }
    }
    out += '}';
    if (!is_array_) out += '\n';
    return output_.pass_on();
  }

  Result<void> finish() override {
    if (is_array_) output_.text() += is_first_ ? "[]\n" : "\n]\n";
    return output_.flush();
  }

 private:
  static void append_list(const fhirpath::Collection& values, std::string& out) {
    out += '[';
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out += ',';
      fhirpath::append_json(values[i], out);
    }
    out += ']';
  }

  BufferedOutput output_;
  const bool is_array_;
  bool is_first_ = true;
  std::vector<std::string> keys_;
  std::vector<bool> are_lists_;
};

}  // namespace

std::unique_ptr<TableSink> make_json_sink(const std::vector<Column>& columns, Output output,
                                          bool is_array) {
  return std::make_unique<JsonSink>(columns, std::move(output), is_array);
}

}  // namespace sluice::table
