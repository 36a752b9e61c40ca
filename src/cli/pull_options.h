// The options that `sluice pull` and `sluice sync` share, and their conversion.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/command.h"
#include "cli/pull_display.h"
#include "client/pull/pull.h"
#include "jose/json_web_key.h"

namespace sluice::cli {

/// How a server is reached and data are kept; remembered in the folder for the next sync.
struct ServerArguments {
  std::string client_id;
  std::string key_file;
  std::string secret_file;
  std::string scope;
  std::string token_url;
  std::string token_origins;
  std::string vendor;
  std::string ca_file;
  std::string into;
  std::string attachments;
  std::string attachment_types;
  std::string attachment_size_max;
  bool by_get = false;
  bool is_lenient = false;
  bool separate_status = false;
  bool is_plain_http_allowed = false;
  bool keeps_gzip = false;
};

/// How this run behaves; not remembered.
struct RunArguments {
  unsigned parallel = 8;
  std::optional<unsigned> retries;  ///< of all kinds; without it each has its own limit
  std::uint64_t time_limit_seconds = 0;
  std::uint64_t poll_max_seconds = 900;
  bool keeps_job = false;
  bool log_json = false;
};

void add_server_options(CLI::App& command, ServerArguments& arguments);
void add_run_options(CLI::App& command, RunArguments& arguments);

boost::json::object to_json(const ServerArguments& arguments);
/// Fills unset members of `arguments` from the remembered ones.
void fill_from(const boost::json::object& remembered, ServerArguments& arguments);

/// The private key in a file; kInvalid names the file.
Result<jose::PrivateJwk> read_private_key(const std::string& file);

/// Reads keys; kInvalid names the option that is wrong.
Result<client::PullSettings> make_settings(const std::string& base, ServerArguments arguments,
                                           const RunArguments& run);

/// 0 complete, 2 wrong use, 3 partial, 4 authorization or an untrusted certificate, 5 the server
/// refused or failed, 6 the next run continues.
int pull_exit_code(ErrorKind kind);
/// The exit code; an error is shown first.
int end_pull(const Result<int>& ended, PullDisplay& display);
inline constexpr int kExitPartial = 3;
inline constexpr const char* kPullExitCodes =
    "Exit codes: 0 complete, 2 wrong use, 3 partial (the server reports errors, or files are not\n"
    "what it says), 4 authorization, or the server is not trusted, 5 the server refused or "
    "failed,\n"
    "6 interrupted: the same command goes on";

}  // namespace sluice::cli
