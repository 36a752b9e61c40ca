// `sluice audit`: reads the audit log.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "cli/options.h"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kLook(500);
constexpr const char* kAuditExitCodes =
    "\nExit codes: 0 done, 1 grep found nothing, 2 wrong use, or there is no audit log";

struct AuditArguments {
  std::string data;
  std::size_t lines = 20;
  bool follow = false;
  std::vector<std::string> words;
};

Result<std::vector<fs::path>> audit_files(const std::string& data) {
  if (data.empty()) return invalid("audit: --data DIR is missing");
  std::vector<fs::path> files;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(fs::path(data) / "audit", failed)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("audit-") && name.ends_with(".ndjson")) files.push_back(entry.path());
  }
  if (failed) return not_found(fmt::format("audit: there is no audit log in '{}'", data));
  // Days and numbers in the names sort as they were written.
  std::sort(files.begin(), files.end());
  return files;
}

Result<int> tail(const AuditArguments& arguments) {
  SLUICE_ASSIGN_OR_RETURN(auto files, audit_files(arguments.data));
  std::vector<std::string> last;
  for (auto file = files.rbegin(); file != files.rend() && last.size() < arguments.lines; ++file) {
    std::vector<std::string> lines;
    std::ifstream in(*file);
    for (std::string line; std::getline(in, line);) lines.push_back(std::move(line));
    const std::size_t wanted = std::min(lines.size(), arguments.lines - last.size());
    last.insert(last.begin(), lines.end() - static_cast<std::ptrdiff_t>(wanted), lines.end());
  }
  for (const auto& line : last) fmt::print("{}\n", line);
  std::fflush(stdout);
  if (!arguments.follow || files.empty()) return 0;
  fs::path file = files.back();
  auto offset = static_cast<std::streamoff>(fs::file_size(file));
  while (true) {
    std::ifstream in(file);
    in.seekg(offset);
    for (std::string line; std::getline(in, line) && !in.eof();) {
      fmt::print("{}\n", line);
      offset += static_cast<std::streamoff>(line.size()) + 1;
    }
    std::fflush(stdout);
    SLUICE_ASSIGN_OR_RETURN(files, audit_files(arguments.data));
    const auto next = std::upper_bound(files.begin(), files.end(), file);
    if (next != files.end()) {
      file = *next;
      offset = 0;
      continue;
    }
    std::this_thread::sleep_for(kLook);
  }
}

// Lines that hold all the words.
Result<int> grep(const AuditArguments& arguments) {
  SLUICE_ASSIGN_OR_RETURN(const auto files, audit_files(arguments.data));
  bool found = false;
  for (const auto& file : files) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
      const bool matches =
          std::all_of(arguments.words.begin(), arguments.words.end(),
                      [&](const auto& word) { return line.find(word) != std::string::npos; });
      if (!matches) continue;
      fmt::print("{}\n", line);
      found = true;
    }
  }
  return found ? 0 : 1;
}

}  // namespace

Command add_audit(CLI::App& app) {
  auto* command = app.add_subcommand("audit", "Read the audit log");
  command->require_subcommand(1);
  command->footer(std::string("Example:\n  sluice audit grep --data ./data kick-off research") +
                  kAuditExitCodes);
  auto arguments = std::make_shared<AuditArguments>();
  auto* tail_command = command->add_subcommand("tail", "Print the latest events");
  tail_command->footer(
      std::string("Example:\n  sluice audit tail --data ./data --lines 5 --follow") +
      kAuditExitCodes);
  add_option(*tail_command, "data", arguments->data, "The data folder");
  add_option(*tail_command, "lines", arguments->lines, "How many");
  add_switch(*tail_command, "follow", arguments->follow, "Go on with what comes");
  auto* grep_command =
      command->add_subcommand("grep", "Print the events that contain all the words");
  grep_command->footer(
      std::string("Example:\n  sluice audit grep --data ./data kick-off research") +
      kAuditExitCodes);
  add_option(*grep_command, "data", arguments->data, "The data folder");
  grep_command->add_option("words", arguments->words, "Words as they stand in the log")->required();
  return {command, [arguments, tail_command] {
            return tail_command->parsed() ? tail(*arguments) : grep(*arguments);
          }};
}

}  // namespace sluice::cli
