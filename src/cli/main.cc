// `sluice`: finds the command, reads its options, runs it, turns errors into exit codes.
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/options.h"

namespace sluice::cli {

namespace {

// By default glibc takes ever larger blocks from its heaps after one was freed, and heaps seldom
// shrink: a server that changed a few Groups of a million members would keep 200 MB of nothing.
void give_large_blocks_back() {
  constexpr int kLarge = 4 << 20;  // bytes
  mallopt(M_MMAP_THRESHOLD, kLarge);
  // Setting one threshold fixes the other at 128 KiB, which an export's buffers are above and below
  // all the time: a tenth of its time went into page faults.
  mallopt(M_TRIM_THRESHOLD, 2 * kLarge);
}

// A file that is opened while one of them is closed would get its number, and what is told with it.
void open_standard_files() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) (void)::open("/dev/null", O_RDWR);
}

int report(const Error& error) {
  fmt::print(stderr, "sluice: {}\n", told(error));
  return exit_code(error.kind);
}

constexpr std::size_t kTypingErrorsMax = 2;  // letters, in what is still likely to be meant

// What no option and no argument takes, in the order in which it was given, with what may be meant.
std::string extras_of(const CLI::App& app) {
  std::string text;
  for (const auto& extra : app.remaining()) {
    text += " " + extra;
    if (!extra.starts_with("--")) continue;
    const auto name = std::string_view(extra).substr(2, extra.find('=') - 2);
    const auto nearest = nearest_option(app, name, kTypingErrorsMax);
    if (!nearest.empty()) text += fmt::format(" (did you mean --{}?)", nearest);
  }
  for (const CLI::App* command : app.get_subcommands()) text += extras_of(*command);
  return text;
}

int report_extras(const CLI::App& app) {
  const std::string text = extras_of(app);
  fmt::print(stderr, "sluice: not understood:{}\nRun with --help for more information.\n", text);
  return 2;
}

int run(int argc, char** argv) {
  give_large_blocks_back();
  open_standard_files();
  CLI::App app{"Sluice moves whole populations of FHIR data: a Bulk Data server in one program.",
               "sluice"};
  app.set_version_flag("--version", SLUICE_VERSION);
  const std::vector<Command> commands = {
      add_load(app),  add_serve(app), add_client(app),   add_fhirpath(app), add_keys(app),
      add_token(app), add_audit(app), add_generate(app), add_stats(app),    add_jobs(app),
      add_pull(app),  add_sync(app),  add_table(app),    add_transform(app)};
  CLI::App* version = app.add_subcommand("version", "Print the version");
  version->footer("Example:\n  sluice version");
  std::string config;
  for (const auto& command : commands)
    command.app->add_option("--config", config, "TOML file with options")
        ->envname(environment_name("config"));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    return report_extras(app);
  } catch (const CLI::ParseError& e) {
    // CLI11 has its own numbers; ours are 0 for help and 2 for mistakes.
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (version->parsed()) {
    fmt::print("sluice {}\n", SLUICE_VERSION);
    return 0;
  }
  for (const auto& command : commands) {
    if (!command.app->parsed()) continue;
    if (!config.empty()) {
      const auto verbs = command.app->get_subcommands();
      const auto applied = apply_config_file(app, *command.app,
                                             verbs.empty() ? *command.app : *verbs.front(), config);
      if (!applied) return report(applied.error());
    }
    // Standard output is for what a command says; a server sets its own level.
    set_up_logging("warn");
    const auto code = command.run();
    if (!code) return report(code.error());
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      return report(errno_error("cannot write", "standard output", errno));
    return *code;
  }
  // Not require_subcommand(): that hides which word was wrong.
  fmt::print(stderr, "sluice: a subcommand is required; --help lists them\n");
  return 2;
}

}  // namespace
}  // namespace sluice::cli

int main(int argc, char** argv) {
  try {
    return sluice::cli::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "sluice: %s\n", e.what());
    return 5;
  }
}
