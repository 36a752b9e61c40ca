// E-05: how columns are stored.
#include "table/column.h"

#include <gtest/gtest.h>

namespace sluice::table {
namespace {

TEST(Column, TypesHaveTheirStorage_E05) {
  EXPECT_EQ(storage_of("instant"), Storage::kTimestamp);
  EXPECT_EQ(storage_of("boolean"), Storage::kBoolean);
  for (const char* const type : {"integer", "positiveInt", "unsignedInt", "Integer"})
    EXPECT_EQ(storage_of(type), Storage::kInteger) << type;
  EXPECT_EQ(storage_of("integer64"), Storage::kInteger64);
  EXPECT_EQ(storage_of("base64Binary"), Storage::kBinary);
  EXPECT_EQ(storage_of("http://hl7.org/fhir/StructureDefinition/boolean"), Storage::kBoolean);
  for (const char* const type : {"date", "dateTime", "decimal", "string", "code", "time", ""})
    EXPECT_EQ(storage_of(type), Storage::kText) << type;
}

TEST(Column, ATagSaysOtherwise_E05) {
  Column column{.name = "x"};
  ASSERT_TRUE(set_ansi_type(column, "decimal( 10 , 2 )"));
  EXPECT_EQ(column.storage, Storage::kDecimal);
  EXPECT_EQ(column.precision, 10);
  EXPECT_EQ(column.scale, 2);
  ASSERT_TRUE(set_ansi_type(column, "NUMERIC(7)"));
  EXPECT_EQ(column.precision, 7);
  EXPECT_EQ(column.scale, 0);
  ASSERT_TRUE(set_ansi_type(column, " timestamp  with time ZONE"));
  EXPECT_EQ(column.storage, Storage::kTimestamp);
  ASSERT_TRUE(set_ansi_type(column, "CHARACTER VARYING(100)"));
  EXPECT_EQ(column.storage, Storage::kText);
  EXPECT_EQ(set_ansi_type(column, "GEOMETRY").error().kind, ErrorKind::kUnsupported);
  for (const char* const wrong : {"DECIMAL(39)", "DECIMAL(5, 6)", "DECIMAL(1,2,3)"})
    EXPECT_EQ(set_ansi_type(column, wrong).error().kind, ErrorKind::kInvalid) << wrong;
  for (const char* const wrong : {"DECIMAL(", "DECIMAL)", "DECIMAL(x)", "DECIMAL((1)", ""})
    EXPECT_FALSE(set_ansi_type(column, wrong)) << wrong;
}

}  // namespace
}  // namespace sluice::table
