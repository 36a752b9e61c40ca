#include "cli/options.h"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <cctype>
#include <optional>
#include <sstream>
#include <vector>

namespace sluice::cli {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

CLI::Option* find_option(CLI::App& command, std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return command.get_option_no_throw("--" + name);
}

std::optional<std::string> text_of(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto number = node.value_exact<std::int64_t>()) return std::to_string(*number);
  if (const auto flag = node.value_exact<bool>()) return *flag ? "true" : "false";
  if (const auto real = node.value_exact<double>()) return fmt::to_string(*real);
  return std::nullopt;
}

Result<void> apply_key(CLI::Option& option, const std::string& key, const toml::node& node) {
  if (option.count() > 0) return {};
  std::vector<std::string> values;
  if (const auto* array = node.as_array()) {
    for (const auto& element : *array) {
      const auto text = text_of(element);
      if (!text)
        return invalid(fmt::format("configuration: '{}' holds a value that is not plain", key));
      values.push_back(*text);
    }
  } else {
    const auto text = text_of(node);
    if (!text) return invalid(fmt::format("configuration: '{}' is not a plain value", key));
    values.push_back(*text);
  }
  try {
    for (const auto& value : values) option.add_result(value);
    option.run_callback();
  } catch (const CLI::Error& e) {
    return invalid(fmt::format("configuration: '{}': {}", key, e.what()));
  }
  return {};
}

bool is_command(CLI::App& app, const std::string& name) {
  const auto commands = app.get_subcommands({});
  return std::any_of(commands.begin(), commands.end(),
                     [&](const CLI::App* command) { return command->get_name() == name; });
}

bool known_to_any(CLI::App& app, const std::string& key) {
  const auto commands = app.get_subcommands({});
  return std::any_of(commands.begin(), commands.end(), [&](CLI::App* command) {
    return find_option(*command, key) != nullptr || known_to_any(*command, key);
  });
}

Result<void> apply_table(CLI::App& app, CLI::App& command, CLI::App& verb, const toml::table& table,
                         bool is_top) {
  for (const auto& [name, node] : table) {
    const std::string key(name.str());
    if (is_top && node.is_table()) {
      if (key == command.get_name())
        SLUICE_RETURN_IF_ERROR(apply_table(app, command, verb, *node.as_table(), false));
      else if (!is_command(app, key))
        return invalid(fmt::format("configuration: there is no command '{}'", key));
      continue;
    }
    if (CLI::Option* option = find_option(verb, key)) {
      SLUICE_RETURN_IF_ERROR(apply_key(*option, key, node));
    } else if (!is_top || !known_to_any(app, key)) {
      return invalid(fmt::format("configuration: '{}' is not an option; did you mean '{}'?", key,
                                 nearest_option(verb, key)));
    }
  }
  return {};
}

}  // namespace

std::string nearest_option(const CLI::App& command, std::string_view key,
                           std::size_t distance_max) {
  std::string best;
  std::size_t least = distance_max;
  for (const CLI::Option* option : command.get_options()) {
    for (const auto& name : option->get_lnames()) {
      const std::size_t distance = edit_distance(key, name);
      if (distance > least || (distance == least && !best.empty())) continue;
      best = name;
      least = distance;
    }
  }
  return best;
}

std::string environment_name(const std::string& option) {
  std::string name = "SLUICE_" + option;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return c == '-' ? '_' : static_cast<char>(std::toupper(c));
  });
  return name;
}

CLI::Option* add_switch(CLI::App& command, const std::string& name, bool& target,
                        const std::string& help) {
  return command.add_flag("--" + name + "{true}", target, help)->envname(environment_name(name));
}

Result<void> apply_config_file(CLI::App& app, CLI::App& command, CLI::App& verb,
                               const std::string& path) {
  try {
    const toml::table table = toml::parse_file(path);
    return apply_table(app, command, verb, table, true);
  } catch (const toml::parse_error& e) {
    std::ostringstream place;
    place << e.source().begin;
    return invalid(fmt::format("configuration: {}: {} ({})", path, e.description(), place.str()));
  }
}

}  // namespace sluice::cli
