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

TEST(View, RepeatThatLeadsBackIsRefused_E02) {
  constexpr std::string_view kId = R"-("column":[{"name":"id","path":"%resource.id"}]})-";
  for (const std::string_view path : {R"(["$this"])", R"(["%resource"])", R"(["$this","$this"])"})
    EXPECT_EQ(rows(fmt::format(R"({{"repeat":{},{})", path, kId)),
              "error: select[0]: repeat goes more than 128 levels deep")
        << path;
}

TEST(View, StepsOfAResourceAreBounded_E02) {
  RowLimits limits;
  limits.steps_max = 100;
  std::string product;
  for (int i = 0; i < 8; ++i)
    product +=
        fmt::format(R"-({{"forEach":"name","column":[{{"name":"c{}","path":"family"}}]}},)-", i);
  // A product without any row: what makes rows counts, too.
  EXPECT_THAT(
      rows(product + R"-({"forEach":"photo","column":[{"name":"u","path":"url"}]})-", limits),
      HasSubstr("the resource takes more than 100 steps"));
}

TEST(View, ARunThatIsStoppedEndsWithinAResource) {
  std::stop_source stop;
  stop.request_stop();
  RowLimits limits;
  limits.stop = stop.get_token();
  EXPECT_EQ(rows(R"-({"column":[{"name":"id","path":"id"}]})-", limits), "error: interrupted");
}

TEST(View, WhatARowHoldsIsBounded) {
  RowLimits limits;
  limits.held_max = 100'000;
  std::string columns;
  for (int i = 0; i < 10; ++i)
    columns += fmt::format(R"-({}{{"name":"c{}","path":"'{}'.replace('x','{}')"}})-",
                           i == 0 ? "" : ",", i, std::string(200, 'x'), std::string(100, 'y'));
  EXPECT_THAT(rows(R"-({"column":[)-" + columns + "]}", limits),
              HasSubstr("a row's values and elements are larger than 100000 bytes"));
  limits.held_max = 1'000'000;
  EXPECT_THAT(rows(R"-({"column":[)-" + columns + "]}", limits), HasSubstr("yyy"));
}

TEST(View, AValueInVeryManyCellsIsBounded) {
  const std::string text(20'000, 'x');
  const auto view = View::compile(
      view_of(R"-({"column":[{"name":"a","path":"name.text"},{"name":"b","path":"name.text"}]},)-"
              R"-({"forEach":"(1 | 2 | 3)","column":[{"name":"c","path":"$this"}]})-"));
  ASSERT_TRUE(view) << view.error().message;
  fhir::JsonTokens tokens;
  ASSERT_TRUE(tokens.read(R"({"resourceType":"Patient","name":[{"text":")" + text + R"("}]})"));
  const fhirpath::Document document(tokens);
  const auto error = [&](std::size_t row, std::uint64_t rows) {
    RowLimits limits;
    limits.row_size_max = row;
    limits.rows_size_max = rows;
    const auto made = ViewRows(*view, limits).each(document, [](Row) { return Result<void>(); });
    return made ? std::string("none") : made.error().message;
  };
  EXPECT_EQ(error(41'000, 123'000), "none");
  EXPECT_EQ(error(39'000, 123'000), "the values of a row are larger than 39000 bytes");
  EXPECT_EQ(error(41'000, 119'000), "the rows of the resource are larger than 119000 bytes");
}

TEST(View, SelectsNestAsDeepAsTheLimitSays) {
  std::string select = R"-({"column":[{"name":"id","path":"id"}]})-";
  for (std::size_t i = 1; i < kSelectDepthMax; ++i) {
    select.insert(0, R"({"select":[)");
    select += "]}";
  }
  EXPECT_EQ(rows(select), "{\"id\":\"p\"}\n");
  EXPECT_EQ(rows(R"({"select":[)" + select + "]}"), "error: more than 32 selects are nested");
}

TEST(View, RegularExpressionsAreBoundedTogether) {
  std::string columns;
  for (int i = 0; i < 200; ++i)
    columns += fmt::format(R"-({}{{"name":"c{}","path":"id.matches('\\\\w{{1000}}')"}})-",
                           i == 0 ? "" : ",", i);
  EXPECT_THAT(rows(R"-({"column":[)-" + columns + "]}"),
              HasSubstr("the regular expressions of the view are too large together"));
}

TEST(View, WhatAViewDefinitionDoesNotHaveIsRefused_E01) {
  const auto error = [](std::string_view json) {
    const auto view = View::compile(json);
    return view ? std::string("none") : view.error().message;
  };
  const auto select = [&](std::string_view text) { return error(view_of(text)); };
  EXPECT_EQ(select(R"-({"foreach":"name","column":[{"name":"id","path":"id"}]})-"),
            "select[0].foreach: a ViewDefinition has no such element");
  EXPECT_EQ(select(R"-({"column":[{"name":"id","path":"id","collecton":true}]})-"),
            "select[0].column[0].collecton: a ViewDefinition has no such element");
  EXPECT_EQ(select(R"-({"column":[{"name":"id","path":"id","path":"gender"}]})-"),
            "select[0].column[0].path stands twice");
  constexpr std::string_view kSelect = R"-("select":[{"column":[{"name":"id","path":"id"}]}]})-";
  EXPECT_EQ(error(fmt::format(R"-({{"resource":"Patient","wheres":[],{})-", kSelect)),
            "wheres: a ViewDefinition has no such element");
  EXPECT_EQ(
      error(fmt::format(R"-({{"resource":"Patient","where":[{{"pat":"true"}}],{})-", kSelect)),
      "where[0].pat: a ViewDefinition has no such element");
  EXPECT_EQ(error(fmt::format(R"-({{"resource":"Patient","name":"../x",{})-", kSelect)),
            "name: '../x' is no name for a table: a letter, then letters, digits and _");
  EXPECT_EQ(error(fmt::format(R"-({{"resource":"Patient","id":"x","extension":[{{"url":"u"}}],)-"
                              R"-("_name":{{"id":"i"}},"name":"x",{})-",
                              kSelect)),
            "none");
  std::string selects = "{}";
  for (int i = 0; i < 1000; ++i) selects += ",{}";
  EXPECT_EQ(select(selects), "the view has more than 1000 selects");
}

TEST(View, AnElementWithoutAValueIsNone) {
  constexpr std::string_view kResource =
      R"-({"resourceType":"Patient","_gender":{"extension":[{"url":"u","valueBoolean":true}]},)-"
      R"-("name":[{"given":[null,"b"],"_given":[{"extension":[{"url":"u"}]},null]}]})-";
  const auto view = View::compile(view_of(
      R"-({"column":[{"name":"gender","path":"gender"},{"name":"given","path":"name.given",)-"
      R"-("collection":true},{"name":"one","path":"name.given"}]})-"));
  ASSERT_TRUE(view) << view.error().message;
  fhir::JsonTokens tokens;
  ASSERT_TRUE(tokens.read(kResource));
  const fhirpath::Document document(tokens);
  for (const auto& [format, expected] :
       {std::pair(Format::kNdjson, "{\"gender\":null,\"given\":[\"b\"],\"one\":\"b\"}\n"),
        std::pair(Format::kCsv, "gender,given,one\r\n,\"[\"\"b\"\"]\",b\r\n")}) {
    std::string out;
    auto sink = make_sink(format, view->columns(), [&](std::string_view bytes) {
      out += bytes;
      return Result<void>();
    });
    ASSERT_TRUE(ViewRows(*view).each(document, [&](Row row) { return (*sink)->add(row); }));
    ASSERT_TRUE((*sink)->finish());
    EXPECT_EQ(out, expected);
  }
}

TEST(View, TheIndexOfARowWithoutAnElementIsZeroInAUnionToo_E03) {
  EXPECT_EQ(
      rows(
          R"-({"forEachOrNull":"photo","unionAll":[{"column":[{"name":"i","path":"%rowIndex"}]}]})-"),
      "{\"i\":0}\n");
}

}  // namespace
}  // namespace sluice::table
