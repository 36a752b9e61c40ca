// `sluice generate`: sample data.
#include <fmt/format.h>

#include <chrono>

#include "cli/command.h"
#include "cli/options.h"
#include "sample/generate.h"

namespace sluice::cli {

Command add_generate(CLI::App& app) {
  auto* command = app.add_subcommand("generate", "Write synthetic FHIR R4 data as NDJSON");
  command->footer(
      std::string("Example:\n  sluice generate --patients 1000 --seed 1 --out ./sample") +
      kExitCodes);
  auto options = std::make_shared<sample::GenerateOptions>();
  auto out = std::make_shared<std::string>();
  add_option(*command, "patients", options->patients, "Number of patients")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{100'000'000}));
  add_option(*command, "seed", options->seed, "The same seed generates the same data");
  add_option(*command, "out", *out, "Folder to write to; created when missing");
  add_switch(*command, "gzip", options->gzip, "Write <Type>.ndjson.gz");
  return {command, [options, out]() -> Result<int> {
            if (out->empty()) return invalid("generate: --out DIR is missing");
            options->out = *out;
            const auto start = std::chrono::steady_clock::now();
            SLUICE_ASSIGN_OR_RETURN(const auto summary, sample::generate(*options));
            const double seconds =
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
            std::uint64_t total = 0;
            for (const auto& [type, count] : summary.resources) {
              fmt::print("{:<24}{:>12}\n", type, human_count(count));
              total += count;
            }
            fmt::print("{:<24}{:>12}  {} in {:.1f} s\n", "total", human_count(total),
                       human_size(static_cast<double>(summary.bytes)), seconds);
            return 0;
          }};
}

}  // namespace sluice::cli
