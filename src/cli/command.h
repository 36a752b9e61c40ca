// The commands of `sluice`: each file of this folder adds one.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace sluice::cli {

/// A command: its part of the command line, and its function, which returns the exit code.
struct Command {
  CLI::App* app = nullptr;
  std::function<Result<int>()> run;
};

Command add_audit(CLI::App& app);
Command add_client(CLI::App& app);
Command add_fhirpath(CLI::App& app);
Command add_generate(CLI::App& app);
Command add_jobs(CLI::App& app);
Command add_keys(CLI::App& app);
Command add_load(CLI::App& app);
Command add_pull(CLI::App& app);
Command add_serve(CLI::App& app);
Command add_stats(CLI::App& app);
Command add_sync(CLI::App& app);
Command add_table(CLI::App& app);
Command add_token(CLI::App& app);
Command add_transform(CLI::App& app);

/// The exit code of an error: 2 if the user can correct the command line, else 3 and above.
int exit_code(ErrorKind kind);
/// The exit codes of the commands on a data folder, for their help (docs/configuration.md).
inline constexpr const char* kExitCodes =
    "\nExit codes: 0 done, 2 wrong use, 3 store in use, 4 disk, 5 other failures";

/// An error for people: its message, and its detail if that adds something.
std::string told(const Error& error);

/// "1.2 GB", "34.5 MB": decimal units, for people.
std::string human_size(double bytes);
/// "38,472".
std::string human_count(std::uint64_t count);

}  // namespace sluice::cli
