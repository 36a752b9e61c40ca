#include "sample_folder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <sstream>

#include "sample/generate.h"

namespace sluice::sample::testing {

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::map<std::string, std::string> read_folder(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files[entry.path().filename().string()] = read_text(entry.path());
  return files;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      ADD_FAILURE() << "the last line does not end";
      break;
    }
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::map<std::string, std::string> make_sample(std::uint64_t patients, std::uint64_t seed) {
  const TemporaryFolder folder;
  GenerateOptions options;
  options.patients = patients;
  options.seed = seed;
  options.out = folder.path();
  const auto summary = generate(options);
  EXPECT_TRUE(summary.has_value());
  return read_folder(folder.path());
}

const std::map<std::string, std::string>& fifty_patients() {
  static const auto kSample = make_sample(50, 1);
  return kSample;
}

const std::map<std::string, std::vector<boost::json::object>>& fifty_patients_parsed() {
  static const auto kParsed = [] {
    std::map<std::string, std::vector<boost::json::object>> parsed;
    for (const auto& [name, text] : fifty_patients())
      for (const std::string_view line : lines_of(text))
        parsed[name.substr(0, name.find('.'))].push_back(
            boost::json::parse({line.data(), line.size()}).as_object());
    return parsed;
  }();
  return kParsed;
}

}  // namespace sluice::sample::testing
