// A row costs no memory but its values (E-01): operator new counts, in a program of its own because
// it replaces operator new for all of it.
#include <gtest/gtest.h>

#include <string>

#include "counted_allocations.h"
#include "fhirpath/document.h"
#include "json/json_tokens.h"
#include "table/view.h"
#include "table/view_rows.h"

namespace sluice::table {
namespace {

// Keys are longer than what a string holds in itself, so that each of them is one allocation.
constexpr std::string_view kObservation =
    R"({"resourceType":"Observation","id":"an-id-longer-than-a-string-holds","status":"final",)"
    R"("category":[{"coding":[{"system":"http://example.org/a","code":"laboratory"}]}],)"
    R"("code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}],"text":"Systolic pressure of the blood"},)"
    R"("subject":{"reference":"Patient/a-patient-longer-than-a-string-holds"},)"
    R"("effectiveDateTime":"2024-03-05T08:30:00+01:00",)"
    R"("component":[{"code":{"text":"one of the two"},"valueQuantity":{"value":1.50,"unit":"mm[Hg]"}},)"
    R"({"code":{"text":"the other"},"valueQuantity":{"value":2,"unit":"mm[Hg]"}}]})";

/// What the rows of the resource allocate when they were made once before.
std::size_t allocations_of(std::string_view selects, std::size_t rows_expected) {
  const std::size_t at_first = allocations;
  const auto view =
      View::compile(std::string(R"({"resource":"Observation","status":"active","select":[)")
                        .append(selects)
                        .append("]}"));
  EXPECT_TRUE(view) << view.error().message;
  EXPECT_GT(allocations, at_first) << "compiling allocates, so counting works";
  fhir::JsonTokens tokens;
  fhirpath::Document document;
  ViewRows maker(*view);
  std::size_t rows = 0;
  std::size_t before = 0;
  for (int turn = 0; turn < 3; ++turn) {
    before = allocations;
    rows = 0;
    EXPECT_TRUE(tokens.read(kObservation));
    document.read(tokens);
    EXPECT_TRUE(maker.each(document, [&](Row) {
      ++rows;
      return Result<void>();
    }));
  }
  EXPECT_EQ(rows, rows_expected);
  return allocations - before;
}

TEST(TableAllocation, NoneForPathsChoicesAndFunctions_E01) {
  EXPECT_EQ(
      allocations_of(
          R"-({"column":[{"name":"status","path":"status"},{"name":"category","path":"category.coding.code.first()"},)-"
          R"-({"name":"code","path":"code.coding.where(code = '8480-6').code"},)-"
          R"-({"name":"text","path":"iif(code.text.exists(), code.text, code.coding.first().display)"},)-"
          R"-({"name":"at","path":"effective.ofType(dateTime)"},)-"
          R"-({"name":"codes","path":"category.coding.code","collection":true}]})-",
          1),
      0u);
}

TEST(TableAllocation, OneForEachKey_E01) {
  EXPECT_EQ(allocations_of(R"-({"column":[{"name":"id","path":"getResourceKey()"},)-"
                           R"-({"name":"patient","path":"subject.getReferenceKey(Patient)"}]})-",
                           1),
            2u);
}

TEST(TableAllocation, NoneForTheRowsOfElements_E01) {
  EXPECT_EQ(
      allocations_of(
          R"-({"column":[{"name":"status","path":"status"}]},)-"
          R"-({"forEach":"component","column":[{"name":"n","path":"%rowIndex"},)-"
          R"-({"name":"value","path":"value.ofType(Quantity).value"},{"name":"text","path":"code.text"}]})-",
          2),
      0u);
}

}  // namespace
}  // namespace sluice::table
