// What an expression costs: nanoseconds for each resource, beside the reading of its tokens, over
// lines of NDJSON on one core. Prints one JSON line.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "fhirpath/document.h"
#include "fhirpath/evaluation.h"
#include "fhirpath/expression.h"
#include "json/json_tokens.h"

namespace sluice::bench {
namespace {

constexpr std::size_t kLinesMax = 20'000;
constexpr int kRounds = 7;

struct Case {
  std::string_view name;
  std::string_view expression;
};
constexpr Case kCases[] = {{"path", "code.coding.code"},
                           {"where", "code.coding.where(system = 'http://loinc.org').code.first()"},
                           {"choice", "value.ofType(Quantity).value"},
                           {"compare", "value.ofType(Quantity).value > 100"},
                           {"exists", "category.coding.exists(code = 'laboratory')"}};

double nanoseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double>& times) {
  std::nth_element(times.begin(), times.begin() + kRounds / 2, times.end());
  return times[kRounds / 2];
}

int run(const char* path) {
  std::ifstream file(path);
  std::vector<fhir::JsonTokens> tokens;
  std::vector<std::unique_ptr<fhirpath::Document>> documents;
  std::vector<std::string> lines;
  for (std::string line; lines.size() < kLinesMax && std::getline(file, line);)
    lines.push_back(line);
  if (lines.empty()) throw std::runtime_error(fmt::format("nothing in {}", path));
  tokens.reserve(lines.size());
  for (const auto& line : lines) {
    tokens.emplace_back().read(line).value();
    documents.push_back(std::make_unique<fhirpath::Document>(tokens.back()));
  }
  const auto count = static_cast<double>(lines.size());
  std::string out;
  fhirpath::Evaluation evaluation;
  fhirpath::CompileOptions options;
  options.root_type = "Observation";
  fhirpath::Collection values;
  fhir::JsonTokens again;
  std::vector<double> reading;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (const auto& line : lines) {
      again.read(line).value();
      const fhirpath::Document document(again);
      if (document.root().type == fhirpath::system::kAny) throw std::runtime_error("not R4");
    }
    reading.push_back(nanoseconds_since(start) / count);
  }
  out = fmt::format("{{\"resources\":{},\"tokens_ns\":{:.0f}", lines.size(), median(reading));
  for (const auto& one : kCases) {
    const auto expression = fhirpath::Expression::compile(one.expression, options).value();
    std::vector<double> times;
    std::size_t found = 0;
    for (int round = 0; round < kRounds; ++round) {
      const auto start = std::chrono::steady_clock::now();
      for (const auto& document : documents) {
        evaluation.evaluate(expression, document->root(), {}, values).value();
        found += values.size();
      }
      times.push_back(nanoseconds_since(start) / count);
    }
    out += fmt::format(",\"{}_ns\":{:.0f},\"{}_values\":{}", one.name, median(times), one.name,
                       found / kRounds);
  }
  fmt::print("{}}}\n", out);
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw std::runtime_error("usage: fhirpath_bench Observation.ndjson");
    return sluice::bench::run(argv[1]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "fhirpath_bench: {}\n", error.what());
    return 1;
  }
}
