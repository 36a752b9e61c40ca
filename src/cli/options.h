// Options of the commands: each can stand on the command line, in the environment (SLUICE_...) and
// in a TOML file, in this order of precedence.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/result.h"

namespace sluice::cli {

/// Adds `--<name>`, environment variable SLUICE_<NAME>, to `command`.
template <class T>
CLI::Option* add_option(CLI::App& command, const std::string& name, T& target,
                        const std::string& help);
/// A switch: `--<name>`; in the environment and in TOML true or false.
CLI::Option* add_switch(CLI::App& command, const std::string& name, bool& target,
                        const std::string& help);

/// "max-jobs" -> "SLUICE_MAX_JOBS".
std::string environment_name(const std::string& option);

/// Gives `verb`, which is `command` or a verb of it, what the TOML file says and nothing closer
/// did. Keys are option names (with '-' or '_'), at the top or in a table named like the command. A
/// top-level key that only another command knows is passed over; one that none knows is kInvalid
/// and the message offers the nearest name.
Result<void> apply_config_file(CLI::App& app, CLI::App& command, CLI::App& verb,
                               const std::string& path);

// ---- implementation ----

template <class T>
CLI::Option* add_option(CLI::App& command, const std::string& name, T& target,
                        const std::string& help) {
  return command.add_option("--" + name, target, help)
      ->envname(environment_name(name))
      ->capture_default_str();
}

}  // namespace sluice::cli
