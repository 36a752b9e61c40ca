// E-01 to E-03: views compiled, and their rows. The suite of SQL on FHIR is an end-to-end test.
#include "table/view.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "fhirpath/document.h"
#include "json/json_check.h"
#include "table/table_sink.h"
#include "table/view_rows.h"

namespace sluice::table {
namespace {

using testing::HasSubstr;

constexpr std::string_view kPatient =
    R"({"resourceType":"Patient","id":"p","active":true,"multipleBirthInteger":2,)"
    R"("name":[{"family":"A\u00e9","given":["x","y"]},{"family":"B"}],)"
    R"("contact":[{"telecom":[{"system":"phone"},{"system":"email"}]},{"name":{"family":"C"}}]})";

std::string view_of(std::string_view selects) {
  return fmt::format(R"({{"resource":"Patient","select":[{}]}})", selects);
}

/// NDJSON of a view on the patient, or the error.
std::string rows(std::string_view selects, RowLimits limits = {}) {
  const auto view = View::compile(view_of(selects));
  if (!view) return "error: " + view.error().message;
  fhir::JsonTokens tokens;
  EXPECT_TRUE(tokens.read(kPatient));
  const fhirpath::Document document(tokens);
  std::string out;
  auto sink = make_sink(Format::kNdjson, view->columns(), [&](std::string_view bytes) {
    out += bytes;
    return Result<void>();
  });
  ViewRows maker(*view, std::move(limits));
  if (auto made = maker.each(document, [&](Row row) { return (*sink)->add(row); }); !made)
    return "error: " + made.error().message;
  EXPECT_TRUE((*sink)->finish());
  return out;
}

TEST(View, ColumnsStandInOrder_E02) {
  const auto view = View::compile(view_of(
      R"({"select":[{"column":[{"name":"b","path":"id"}]}],"column":[{"name":"a","path":"id"}],)"
      R"("unionAll":[{"column":[{"name":"c","path":"id"}]}]},{"column":[{"name":"d","path":"active"}]})"));
  ASSERT_TRUE(view) << view.error().message;
  std::string names;
  for (const auto& column : view->columns()) names += column.name;
  EXPECT_EQ(names, "abcd");
  EXPECT_EQ(view->columns()[3].type, "boolean") << "known from the path";
  EXPECT_EQ(view->columns()[3].storage, Storage::kBoolean);
}

TEST(View, ValuesAreWrittenAsTheyStand) {
  EXPECT_EQ(rows(R"-({"column":[{"name":"id","path":"id"},{"name":"active","path":"active"},)-"
                 R"-({"name":"birth","path":"multipleBirth.ofType(integer)"},)-"
                 R"-({"name":"given","path":"name.given","collection":true},)-"
                 R"-({"name":"none","path":"birthDate"}]},{"forEach":"name.first()",)-"
                 R"-("column":[{"name":"family","path":"family"}]})-"),
            R"-({"id":"p","active":true,"birth":2,"given":["x","y"],"none":null,)-"
            R"-("family":"A\u00e9"})-"
            "\n");
}

TEST(View, SelectsOfALevelMultiply_E02) {
  EXPECT_EQ(rows(R"-({"forEach":"name","column":[{"name":"f","path":"family.length()"}]},)-"
                 R"-({"forEach":"contact","select":[{"forEachOrNull":"telecom",)-"
                 R"-("column":[{"name":"s","path":"system"},{"name":"i","path":"%rowIndex"}]}]})-"),
            "{\"f\":2,\"s\":\"phone\",\"i\":0}\n{\"f\":2,\"s\":\"email\",\"i\":1}\n"
            "{\"f\":2,\"s\":null,\"i\":0}\n"
            "{\"f\":1,\"s\":\"phone\",\"i\":0}\n{\"f\":1,\"s\":\"email\",\"i\":1}\n"
            "{\"f\":1,\"s\":null,\"i\":0}\n");
}

TEST(View, WhatMultipliesIsBounded_R01) {
  RowLimits limits;
  limits.rows_max = 3;
  const std::string twice = R"({"forEach":"name","column":[{"name":"a","path":"family"}]})";
  EXPECT_EQ(
      rows(twice + R"(,{"forEach":"contact","column":[{"name":"b","path":"%rowIndex"}]})", limits),
      "error: the resource makes more than 3 rows");
}

TEST(View, ErrorsNameColumnAndPlace_E05) {
  EXPECT_EQ(rows(R"({"column":[{"name":"f","path":"name.family"}]})"),
            "error: column 'f' (select[0].column[0]) has 2 values and is no collection");
  EXPECT_THAT(rows(R"-({"column":[{"name":"f","path":"name.family.length()"}]})-"),
              HasSubstr("column 'f' (select[0].column[0]): FHIRPath:"));
}

TEST(View, LimitsOfDefinitions_R01) {
  std::string deep = R"({"column":[{"name":"id","path":"id"}]})";
  for (std::size_t i = 0; i < kSelectDepthMax; ++i) deep = R"({"select":[)" + deep + "]}";
  EXPECT_EQ(View::compile(view_of(deep)).error().kind, ErrorKind::kTooLarge);
  std::string columns;
  for (std::size_t i = 0; i <= kColumnsMax; ++i)
    columns += fmt::format(R"({}{{"name":"c{}","path":"id"}})", i == 0 ? "" : ",", i);
  EXPECT_EQ(View::compile(view_of(R"({"column":[)" + columns + "]}")).error().kind,
            ErrorKind::kTooLarge);
  EXPECT_EQ(View::compile(std::string(kDefinitionSizeMax + 1, ' ')).error().kind,
            ErrorKind::kTooLarge);
  for (const char* const wrong :
       {"", "[]", "{}", R"({"resource":"Patient"})", R"({"resource":"Patient","select":[{}]})",
        R"({"resourceType":"Patient","resource":"Patient","select":[]})"})
    EXPECT_FALSE(View::compile(wrong)) << wrong;
}

}  // namespace
}  // namespace sluice::table
