// The files of a sample: plain or gzip, whole or not there at all, never two runs in one folder.
#include "sample/ndjson_files.h"

#include <gtest/gtest.h>
#include <isa-l/igzip_lib.h>

#include <fstream>
#include <memory>

#include "sample_folder.h"

namespace sluice::sample::testing {
namespace {

std::string inflate(const std::string& compressed) {
  const auto state = std::make_unique<inflate_state>();
  isal_inflate_init(state.get());
  state->crc_flag = ISAL_GZIP;
  std::string input = compressed;
  std::string output;
  std::string piece(1 << 20, '\0');
  state->next_in = reinterpret_cast<std::uint8_t*>(input.data());
  state->avail_in = static_cast<std::uint32_t>(input.size());
  do {
    state->next_out = reinterpret_cast<std::uint8_t*>(piece.data());
    state->avail_out = static_cast<std::uint32_t>(piece.size());
    EXPECT_EQ(isal_inflate(state.get()), ISAL_DECOMP_OK);
    output.append(piece, 0, piece.size() - state->avail_out);
  } while (state->block_state != ISAL_BLOCK_FINISH && state->avail_out == 0);
  EXPECT_EQ(state->block_state, ISAL_BLOCK_FINISH);
  EXPECT_EQ(state->avail_in, 0U);
  return output;
}

void touch(const std::filesystem::path& path) {
  std::ofstream(path) << "old\n";
}

TEST(SampleFiles, CompressToTheSameResources) {
  const TemporaryFolder folder;
  GenerateOptions options;
  options.patients = 50;
  options.out = folder.path();
  options.gzip = true;
  const auto summary = generate(options);
  ASSERT_TRUE(summary.has_value());
  const auto files = read_folder(folder.path());
  ASSERT_EQ(files.size(), fifty_patients().size());
  std::uint64_t bytes = 0;
  for (const auto& [name, text] : fifty_patients()) {
    EXPECT_EQ(inflate(files.at(name + ".gz")), text) << name;
    bytes += text.size();
  }
  EXPECT_EQ(summary->bytes, bytes);
}

TEST(SampleFiles, LeaveNothingWithoutFinish) {
  const TemporaryFolder folder;
  {
    NdjsonFiles files(folder.path(), false);
    files.resource(Type::kDevice, "d1").text("status", "active");
    EXPECT_EQ(read_folder(folder.path()).size(), 1U);
  }
  EXPECT_TRUE(read_folder(folder.path()).empty());
}

TEST(SampleFiles, ReplaceAnEarlierRunOfTheSameTypes) {
  const TemporaryFolder folder;
  touch(folder.path() / "Device.ndjson");
  touch(folder.path() / "Patient.ndjson");
  touch(folder.path() / "Patient.ndjson.gz");
  touch(folder.path() / "Questionnaire.ndjson");
  NdjsonFiles files(folder.path(), true);
  files.resource(Type::kDevice, "d1").text("status", "active");
  ASSERT_TRUE(files.finish().has_value());
  const auto left = read_folder(folder.path());
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(inflate(left.at("Device.ndjson.gz")),
            "{\"resourceType\":\"Device\",\"id\":\"d1\",\"status\":\"active\"}\n");
  EXPECT_EQ(left.at("Questionnaire.ndjson"), "old\n");
}

TEST(SampleFiles, KeepTheFirstError) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "Device.ndjson.partial");
  NdjsonFiles files(folder.path(), false);
  files.resource(Type::kDevice, "d1").text("status", "active");
  ASSERT_TRUE(files.status().has_error());
  const auto finished = files.finish();
  ASSERT_TRUE(finished.has_error());
  EXPECT_EQ(finished.error().kind, ErrorKind::kStorage);
  EXPECT_NE(finished.error().detail.find("Device.ndjson.partial"), std::string::npos);
}

}  // namespace
}  // namespace sluice::sample::testing
