// What a filter costs: lines of NDJSON matched against simple queries on one core, beside a bare
// simdjson loop over the same lines, in turns, so that a noisy machine is noisy for both (Q-07).
// Prints one JSON line.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "json/json_tokens.h"
#include "search/matcher.h"

namespace sluice::bench {
namespace {

constexpr std::size_t kBytesMax = 200u << 20;
constexpr int kRounds = 7;

std::string read_lines(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (text.size() > kBytesMax) text.resize(text.rfind('\n', kBytesMax) + 1);
  if (text.empty()) throw std::runtime_error(fmt::format("nothing in {}", path));
  text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  return text;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    lines.push_back(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(text.size(), lines.back().size() + 1));
  }
  return lines;
}

/// MB/s of some ways to do something with all lines, each the median of rounds taken in turns.
class Race {
 public:
  explicit Race(std::size_t bytes) : bytes_(bytes) {}
  template <class Work>
  void run(std::size_t lane, const Work& work) {
    times_.resize(std::max(times_.size(), lane + 1));
    const auto start = std::chrono::steady_clock::now();
    work();
    times_[lane].push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  double speed(std::size_t lane) {
    auto& times = times_[lane];
    std::nth_element(times.begin(), times.begin() + kRounds / 2, times.end());
    return static_cast<double>(bytes_) / 1e6 / times[kRounds / 2];
  }

 private:
  const std::size_t bytes_;
  std::vector<std::vector<double>> times_;
};

int run(const char* path) {
  const std::string text = read_lines(path);
  const auto lines = split_lines(text);
  const auto type = fhir::find_resource_type("Observation").value();
  const auto by_status = search::Query::compile(type, "status=final", {}).value();
  const auto by_category = search::Query::compile(type, "category=laboratory", {}).value();
  search::Matcher matcher;
  fhir::JsonTokens tokens;
  simdjson::ondemand::parser parser;
  std::size_t bare = 0;
  std::size_t final_ones = 0;
  std::size_t laboratory = 0;
  Race race(text.size());
  for (int round = 0; round < kRounds; ++round) {
    bare = final_ones = laboratory = 0;
    race.run(0, [&] {
      for (const auto line : lines) {
        // What follows a line is the next one, and behind the last there is room.
        simdjson::ondemand::document document;
        std::string_view status;
        if (parser.iterate(line.data(), line.size(), line.size() + simdjson::SIMDJSON_PADDING)
                    .get(document) == simdjson::SUCCESS &&
            document["status"].get_string().get(status) == simdjson::SUCCESS && status == "final")
          ++bare;
      }
    });
    race.run(1, [&] {
      for (const auto line : lines) tokens.read(line).value();
    });
    race.run(2, [&] {
      for (const auto line : lines) final_ones += matcher.matches(by_status, line).value() ? 1 : 0;
    });
    race.run(3, [&] {
      for (const auto line : lines)
        laboratory += matcher.matches(by_category, line).value() ? 1 : 0;
    });
  }
  if (bare != final_ones) throw std::runtime_error("the two disagree");
  fmt::print(
      R"({{"lines":{},"bytes":{},"simdjson_mb_s":{:.0f},"tokens_mb_s":{:.0f},"status_mb_s":{:.0f},)"
      R"("category_mb_s":{:.0f},"final":{},"laboratory":{}}})"
      "\n",
      lines.size(), text.size(), race.speed(0), race.speed(1), race.speed(2), race.speed(3),
      final_ones, laboratory);
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw std::runtime_error("usage: search_bench Observation.ndjson");
    return sluice::bench::run(argv[1]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "search_bench: {}\n", error.what());
    return 1;
  }
}
