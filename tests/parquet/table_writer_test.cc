// Tables, as pyarrow reads them: another program than the one that wrote them, though of the same
// project.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "base/file.h"
#include "parquet_library.h"
#include "table_file.h"
#include "temporary_folder.h"

namespace sluice::parquet {
namespace {

/// What a line of Python prints of a file; `f` is its path, `pq` pyarrow.parquet.
std::string python(const std::filesystem::path& file, const std::string& statement) {
  const auto script = file.string() + ".py";
  std::ofstream(script) << "import sys; sys.path[:0] = '" SLUICE_TEST_PYTHON_PACKAGES
                           "'.split(':')\nimport pyarrow, pyarrow.parquet as pq\nf = '"
                        << file.string() << "'\n"
                        << statement << "\n";
  FILE* const pipe = ::popen((SLUICE_TEST_PYTHON " -B " + script + " 2>&1").c_str(), "r");
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  ::pclose(pipe);
  return text;
}

TEST(TableWriter, TypesNullsAndListsAreReadAsTheyWereWritten) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "t.parquet";
  const auto file =
      TableFile::create(path,
                        {{.name = "text"},
                         {.name = "flag", .type = Type::kBoolean},
                         {.name = "small", .type = Type::kInt32},
                         {.name = "large", .type = Type::kInt64},
                         {.name = "price", .type = Type::kDecimal, .precision = 10, .scale = 2},
                         {.name = "day", .type = Type::kDate},
                         {.name = "at", .type = Type::kTimestamp},
                         {.name = "bytes", .type = Type::kBinary, .repeats = false},
                         {.name = "names", .is_list = true},
                         {.name = "flags", .type = Type::kBoolean, .is_list = true}})
          .value();
  TableWriter& table = file->table();
  table.add_text(0, "Ä");
  table.add_boolean(1, true);
  table.add_integer(2, -5);
  table.add_integer(3, 5'000'000'000);
  table.add_decimal(4, decimal_of("-1.5", 10, 2).value());
  table.add_integer(5, 19'000);
  table.add_integer(6, 1'700'000'000'123'456);
  table.add_text(7, std::string_view("\0\xff", 2));
  table.add_text(8, "a");
  table.add_text(8, "b");
  table.add_boolean(9, false);
  table.add_boolean(9, true);
  ASSERT_TRUE(table.end_row());
  table.begin_list(8);
  ASSERT_TRUE(table.end_row());  // all null, but for an empty list
  table.add_text(0, "");
  table.add_text(8, "c");
  ASSERT_TRUE(table.end_row());
  ASSERT_TRUE(file->finish());
  EXPECT_EQ(table.rows(), 3U);
  EXPECT_EQ(python(path, "print([str(x) for x in pq.read_schema(f).types])"),
            "['string', 'bool', 'int32', 'int64', 'decimal128(10, 2)', 'date32[day]', "
            "'timestamp[us, tz=UTC]', 'binary', 'list<element: string not null>', "
            "'list<element: bool not null>']\n");
  EXPECT_EQ(
      python(path,
             "for r in pq.read_table(f).drop_columns(['at']).to_pylist(): print(list(r.values()))"),
      "['Ä', True, -5, 5000000000, Decimal('-1.50'), datetime.date(2022, 1, 8), b'\\x00\\xff', "
      "['a', 'b'], [False, True]]\n"
      "[None, None, None, None, None, None, None, [], None]\n"
      "['', None, None, None, None, None, None, ['c'], None]\n");
  EXPECT_EQ(python(path, "print(pq.read_table(f)['at'].cast('int64').to_pylist())"),
            "[1700000000123456, None, None]\n");
}

TEST(TableWriter, RowGroupsAreSmallCompressedAndHaveStatistics) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "t.parquet";
  const auto file = TableFile::create(path, {{.name = "n", .type = Type::kInt64, .repeats = false},
                                             {.name = "resource", .repeats = false}})
                        .value();
  for (int i = 0; i < 70'000; ++i) {  // of some 70 MB
    file->table().add_integer(0, i);
    file->table().add_text(1, std::to_string(i) + std::string(1000, 'x'));
    ASSERT_TRUE(file->table().end_row());
  }
  ASSERT_TRUE(file->finish());
  EXPECT_EQ(python(path, R"(m = pq.read_metadata(f)
groups = [m.row_group(i) for i in range(m.num_row_groups)]
print(m.num_rows, len(groups), max(g.total_byte_size for g in groups) <= 32 << 20)
print({g.column(c).compression for g in groups for c in (0, 1)})
print(groups[0].column(0).statistics.min, groups[-1].column(0).statistics.max)
print(pq.read_table(f, columns=['n'])['n'].to_pylist() == list(range(70000))))"),
            "70000 3 True\n{'ZSTD'}\n0 69999\nTrue\n");
}

TEST(TableWriter, ATableWithoutRowsIsAFileOfItsColumns) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "t.parquet";
  const auto file = TableFile::create(path, {{.name = "id"}}).value();
  ASSERT_TRUE(file->finish());
  EXPECT_EQ(python(path, "t = pq.read_table(f); print(t.num_rows, t.column_names)"), "0 ['id']\n");
}

TEST(TableWriter, AValueThatDoesNotSuitItsColumnEndsTheTable) {
  const auto make = [] {
    return TableWriter::create({{.name = "n", .type = Type::kInt32}, {.name = "t"}},
                               [](std::string_view) { return Result<void>(); })
        .value();
  };
  const auto expect_refused = [](TableWriter& table, const char* column) {
    const auto result = table.end_row();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message,
              std::string("a value does not suit the column '") + column + "'");
    EXPECT_FALSE(table.finish());
  };
  const auto narrow = make();
  narrow->add_integer(0, std::int64_t{1} << 31);
  expect_refused(*narrow, "n");
  const auto other = make();
  other->add_text(0, "1");
  expect_refused(*other, "n");
  const auto twice = make();
  twice->add_text(1, "a");
  twice->add_text(1, "b");
  expect_refused(*twice, "t");
}

TEST(TableWriter, AnErrorOfTheOutputComesBackAsItIs) {
  const auto table = TableWriter::create({{.name = "t"}}, [](std::string_view) -> Result<void> {
    return Error{ErrorKind::kStorage, "no room"};
  });
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().message, "no room");
}

}  // namespace
}  // namespace sluice::parquet
