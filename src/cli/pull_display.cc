#include "cli/pull_display.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/instant.h"
#include "base/json_text.h"
#include "cli/command.h"
#include "client/http/shown_text.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;
using client::shown_text;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kPlainInterval = std::chrono::seconds(5);
constexpr auto kLiveInterval = std::chrono::milliseconds(200);
constexpr std::size_t kFilesShown = 8;

std::string now_text() {
  return to_fhir_instant(SystemClock().now());
}

void write_line(int fd, const json::object& line) {
  // Nothing can be done about a log that cannot be written; the pull itself does not depend on it.
  (void)write_all(fd, shown_text(json_text(line)) + "\n", "log");
}

std::string eta_text(const client::PullProgress& progress, double seconds) {
  if (progress.files_known == 0) return "";
  double share = static_cast<double>(progress.files_done);
  for (const auto& file : progress.download.files)
    if (file.total && *file.total > 0)
      share += static_cast<double>(file.received) / static_cast<double>(*file.total);
  share /= static_cast<double>(progress.files_known);
  if (share <= 0.01 || seconds < 2) return "";
  const auto left = static_cast<long>(seconds * (1 - share) / share);
  return fmt::format(", {}:{:02} left", left / 60, left % 60);
}

std::string line_of(const client::PullProgress& progress, double rate, double seconds) {
  if (progress.files_known == 0)
    return fmt::format("{}{}{}", progress.phase, progress.server_says.empty() ? "" : ": ",
                       shown_text(progress.server_says));
  return fmt::format("{}: {} of {} files, {} resources, {} at {}/s, {} at a time{}", progress.phase,
                     progress.files_done, progress.files_known, human_count(progress.lines),
                     human_size(static_cast<double>(progress.download.received)), human_size(rate),
                     progress.download.running, eta_text(progress, seconds));
}

json::object attachments_json(const client::AttachmentCounts& counts) {
  return {{"fetched", counts.fetched},
          {"bytes", counts.size},
          {"failed", counts.failed},
          {"skipped", counts.skipped}};
}

void print_attachments(const client::AttachmentCounts& counts) {
  if (counts.fetched + counts.failed + counts.skipped == 0) return;
  fmt::print("{} attachments, {}; {} not to be had, {} left where they are\n",
             human_count(counts.fetched), human_size(static_cast<double>(counts.size)),
             human_count(counts.failed), human_count(counts.skipped));
  for (const auto& text : counts.texts) fmt::print("  {}\n", shown_text(text));
}

// "3 resources came more than once (Observation 1, Patient 2): ..."
std::string repeated_text(const std::map<std::string, std::uint64_t>& repeated) {
  std::uint64_t all = 0;
  std::string types;
  for (const auto& [type, count] : repeated) {
    all += count;
    types += fmt::format("{}{} {}", types.empty() ? "" : ", ", type, human_count(count));
  }
  return fmt::format("{} resources came more than once ({}): the newest version of each was kept",
                     human_count(all), types);
}

json::object repeated_json(const std::map<std::string, std::uint64_t>& repeated) {
  json::object types;
  for (const auto& [type, count] : repeated) types[type] = count;
  return types;
}

}  // namespace

std::string shown_time(const std::string& transaction_time) {
  return transaction_time.empty() ? "a time that the server does not tell"
                                  : client::shown_text(transaction_time);
}

std::vector<std::string> oddities_of(const client::PullReport& report) {
  std::vector<std::string> texts;
  if (report.missing > 0)
    texts.push_back(fmt::format("files of the manifest that nobody can ask for: {}",
                                human_count(report.missing)));
  if (report.strays > 0)
    texts.push_back(fmt::format("{} lines do not belong into their files; they stand in error/:",
                                human_count(report.strays)));
  for (const auto& text : report.stray_texts) texts.push_back("  " + text);
  if (!report.repeated.empty()) texts.push_back(repeated_text(report.repeated));
  if (report.lost_outcomes > 0)
    texts.push_back(fmt::format("{} files of what the server reports could not be had",
                                human_count(report.lost_outcomes)));
  return texts;
}

PullDisplay::PullDisplay(bool as_json)
    : as_json_(as_json), is_terminal_(!as_json && ::isatty(STDERR_FILENO) == 1), last_(start_) {}

void PullDisplay::log_to(const std::filesystem::path& folder) {
  const std::lock_guard lock(mutex_);
  const auto path = folder / ".sluice" / "requests.log";
  request_log_ =
      FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}

client::PullEvents PullDisplay::events() {
  return {[this](const std::string& text) { notice(text); },
          [this](const client::RequestRecord& record) { request(record); },
          [this](const client::PullProgress& shown) { progress(shown); }};
}

void PullDisplay::notice(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (as_json_)
    return write_line(STDERR_FILENO, {{"time", now_text()}, {"event", "notice"}, {"text", text}});
  clear_locked();
  fmt::print(stderr, "{}\n", shown_text(text));
}

void PullDisplay::request(const client::RequestRecord& record) {
  json::object line{{"time", now_text()},      {"event", "request"},
                    {"method", record.method}, {"url", record.url},
                    {"status", record.status}, {"ms", record.duration.count()},
                    {"bytes", record.bytes}};
  if (!record.problem.empty()) line["problem"] = record.problem;
  const std::lock_guard lock(mutex_);
  if (as_json_) write_line(STDERR_FILENO, line);
  if (request_log_) write_line(request_log_.get(), line);
}

void PullDisplay::progress(const client::PullProgress& progress) {
  const std::lock_guard lock(mutex_);
  const auto now = SteadyClock::now();
  const auto interval = is_terminal_ ? std::chrono::milliseconds(kLiveInterval)
                                     : std::chrono::milliseconds(kPlainInterval);
  const bool is_new_phase = progress.phase != last_phase_;
  if (now - last_ < interval && !(is_new_phase && is_terminal_)) return;
  last_ = now;
  last_phase_ = progress.phase;
  const double seconds = std::chrono::duration<double>(now - rate_time_).count();
  if (seconds > 0.5) {
    const auto bytes =
        progress.download.received - std::min(progress.download.received, rate_bytes_);
    rate_ = 0.5 * rate_ + 0.5 * static_cast<double>(bytes) / seconds;
    rate_bytes_ = progress.download.received;
    rate_time_ = now;
  }
  if (as_json_) return show_json(progress);
  if (is_terminal_) return draw(progress);
  fmt::print(stderr, "{}\n",
             line_of(progress, rate_, std::chrono::duration<double>(now - start_).count()));
}

void PullDisplay::show_json(const client::PullProgress& progress) {
  write_line(STDERR_FILENO, {{"time", now_text()},
                             {"event", "progress"},
                             {"phase", progress.phase},
                             {"server", progress.server_says},
                             {"filesDone", progress.files_done},
                             {"files", progress.files_known},
                             {"resources", progress.lines},
                             {"bytes", progress.download.received},
                             {"bytesPerSecond", static_cast<std::uint64_t>(rate_)},
                             {"parallel", progress.download.limit}});
}

void PullDisplay::draw(const client::PullProgress& progress) {
  clear_locked();
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - start_).count();
  fmt::print(stderr, "{}\n", line_of(progress, rate_, seconds));
  drawn_lines_ = 1;
  const auto& files = progress.download.files;
  for (std::size_t i = 0; i < std::min(files.size(), kFilesShown); ++i) {
    const auto& file = files[i];
    const std::string share =
        file.total && *file.total > 0
            ? fmt::format("{:3.0f}%", 100.0 * static_cast<double>(file.received) /
                                          static_cast<double>(*file.total))
            : "    ";
    fmt::print(stderr, "  {:<44.44} {:>10} {}\n",
               i < progress.names.size() ? progress.names[i] : "",
               human_size(static_cast<double>(file.received)), share);
    ++drawn_lines_;
  }
}

void PullDisplay::clear_locked() {
  if (drawn_lines_ > 0) fmt::print(stderr, "\x1b[{}A\x1b[J", drawn_lines_);
  drawn_lines_ = 0;
}

void PullDisplay::clear() {
  const std::lock_guard lock(mutex_);
  clear_locked();
}

void PullDisplay::summary(const client::PullReport& report, const std::string& folder,
                          const std::string& store) {
  const std::lock_guard lock(mutex_);
  clear_locked();
  client::PullCounts all;
  for (const auto& [type, counts] : report.types) {
    all.files += counts.files;
    all.lines += counts.lines;
    all.size += counts.size;
    all.received += counts.received;
  }
  if (as_json_) {
    json::object types;
    for (const auto& [type, counts] : report.types)
      types[type] = json::object{
          {"files", counts.files}, {"resources", counts.lines}, {"bytes", counts.size}};
    json::array failures(report.failures.begin(), report.failures.end());
    return write_line(STDOUT_FILENO, {{"event", "summary"},
                                      {"folder", folder},
                                      {"into", store},
                                      {"transactionTime", report.transaction_time},
                                      {"types", std::move(types)},
                                      {"resources", all.lines},
                                      {"deletedFiles", report.deleted.files},
                                      {"outcomes", report.outcomes.lines},
                                      {"outcomeErrors", report.outcome_errors},
                                      {"attachments", attachments_json(report.attachments)},
                                      {"withoutUrl", report.missing},
                                      {"strays", report.strays},
                                      {"repeated", repeated_json(report.repeated)},
                                      {"lostOutcomeFiles", report.lost_outcomes},
                                      {"failures", std::move(failures)}});
  }
  fmt::print("{:<28}{:>8}{:>14}{:>12}\n", "type", "files", "resources", "size");
  for (const auto& [type, counts] : report.types)
    fmt::print("{:<28.28}{:>8}{:>14}{:>12}\n", shown_text(type), human_count(counts.files),
               human_count(counts.lines), human_size(static_cast<double>(counts.size)));
  fmt::print("{:<28}{:>8}{:>14}{:>12}  {} received\n", "total", human_count(all.files),
             human_count(all.lines), human_size(static_cast<double>(all.size)),
             human_size(static_cast<double>(all.received)));
  if (report.deleted.files > 0)
    fmt::print("{} bundles of deletions in {} files\n", human_count(report.deleted.lines),
               human_count(report.deleted.files));
  if (report.outcomes.files + report.outcomes.lines > 0) {
    fmt::print("the server reports {} outcomes, {} errors in them\n",
               human_count(report.outcomes.lines), human_count(report.outcome_errors));
  }
  for (const auto& text : report.outcome_texts) fmt::print("  {}\n", shown_text(text));
  print_attachments(report.attachments);
  for (const auto& text : oddities_of(report)) fmt::print("{}\n", shown_text(text));
  for (const auto& failure : report.failures) fmt::print("not received: {}\n", shown_text(failure));
  fmt::print("as of {} in {}\n", shown_time(report.transaction_time),
             store.empty() ? folder : store);
}

}  // namespace sluice::cli
