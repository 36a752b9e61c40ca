// Options of the commands: each can be given on the command line, in the environment (SLUICE_...)
// and in a TOML file, in this order of precedence.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::cli {

/// Adds `--<name>`, environment variable SLUICE_<NAME>, to `command`.
template <class T>
CLI::Option* add_option(CLI::App& command, const std::string& name, T& target,
                        const std::string& help);
/// A switch: `--<name>`; in the environment and in TOML true or false.
CLI::Option* add_switch(CLI::App& command, const std::string& name, bool& target,
                        const std::string& help);

/// The option of `command` whose name is most like `key` (both without the dashes), if no more than
/// `distance_max` letters are to be changed; else empty.
std::string nearest_option(const CLI::App& command, std::string_view key,
                           std::size_t distance_max = std::string_view::npos);
/// "max-jobs" -> "SLUICE_MAX_JOBS".
std::string environment_name(const std::string& option);

/// Sets the options of `verb` (`command` or a verb of it) from the TOML file, unless the command
/// line or the environment did. Keys are option names (with '-' or '_'), at the top or in a table
/// named like the command. Skips a top-level key that only another command knows; kInvalid for a
/// key that none knows, with the nearest name.
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
