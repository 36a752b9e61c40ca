// A ViewDefinition, a line, and a resource: whatever they are, there is an error or there are rows,
// within the limits, and every row is JSON.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fhirpath/document.h"
#include "json/json_check.h"
#include "table/table_sink.h"
#include "table/view_rows.h"

namespace {

using namespace sluice;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = text.find('\n');
  const auto view = table::View::compile(text.substr(0, end));
  if (!view || end == std::string_view::npos) return 0;
  fhir::JsonTokens tokens;
  if (!tokens.read(text.substr(end + 1)) || !fhir::check_json_object(tokens, 100)) return 0;
  const fhirpath::Document resource(tokens);
  std::string out;
  auto sink =
      table::make_sink(table::Format::kNdjson, view->columns(), [&](std::string_view bytes) {
        out += bytes;
        return Result<void>();
      });
  table::RowLimits limits;
  limits.rows_max = 1000;
  limits.evaluation.steps_max = 100'000;
  limits.evaluation.items_max = 10'000;
  table::ViewRows rows(*view, limits);
  (void)rows.each(resource, [&](table::Row row) { return (*sink)->add(row); });
  require((*sink)->finish().has_value());
  std::string_view rest = out;
  while (!rest.empty()) {
    const std::size_t line = rest.find('\n');
    require(line != std::string_view::npos);
    require(tokens.read(rest.substr(0, line)) && fhir::check_json_object(tokens, 200));
    rest.remove_prefix(line + 1);
  }
  return 0;
}
