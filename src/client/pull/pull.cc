#include "client/pull/pull.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/shown_url.h"
#include "client/files/ndjson_lines.h"
#include "client/http/json_tree.h"
#include "client/pull/attachments.h"
#include "client/pull/export_log.h"
#include "client/pull/job_follower.h"

namespace sluice::client {
namespace {

namespace json = boost::json;

constexpr std::size_t kTextsKept = 5;
constexpr std::size_t kTypesMax = 2000;            // in a report: FHIR has no 200
constexpr std::size_t kOutcomeSizeMax = 1u << 20;  // bytes: a longer one is not read
constexpr int kJobsMax = 2;  // in one run: the one the journal knows and a new one

void add(PullCounts& counts, const FileSummary& summary) {
  ++counts.files;
  counts.lines += summary.lines;
  counts.size += summary.size;
  counts.received += summary.received_size;
}

// The issues of one OperationOutcome.
void take_outcome(std::string_view line, PullReport& report) {
  // As a tree a long one would take twenty times its size.
  const bool is_long = line.size() > kOutcomeSizeMax;
  const auto value = is_long ? json::value() : parse_json_tree(line);
  if (!value.is_object()) {
    // What it says may be an error.
    if (line.find("OperationOutcome") == std::string_view::npos) return;
    ++report.outcome_errors;
    report.outcome_texts.insert(
        report.outcome_texts.begin(),
        fmt::format("an OperationOutcome of {} bytes, too {} to be read", line.size(),
                    is_long ? "long" : "deep, or of too many values,"));
    if (report.outcome_texts.size() > kTextsKept) report.outcome_texts.pop_back();
    return;
  }
  const auto* issues = value.get_object().if_contains("issue");
  bool is_error = false;
  if (issues != nullptr && issues->is_array())
    for (const auto& issue : issues->get_array()) {
      if (!issue.is_object()) continue;
      const auto* severity = issue.get_object().if_contains("severity");
      if (severity == nullptr || !severity->is_string()) continue;
      const auto& word = severity->get_string();
      if (word != "error" && word != "fatal") continue;
      ++report.outcome_errors;
      is_error = true;
    }
  const std::string text = outcome_text(line);
  auto& texts = report.outcome_texts;
  if (text.empty() || std::find(texts.begin(), texts.end(), text) != texts.end()) return;
  // Errors are worth more than warnings.
  if (is_error)
    texts.insert(texts.begin(), text);
  else
    texts.push_back(text);
  if (texts.size() > kTextsKept) texts.pop_back();
}

bool is_outcome(std::string_view line) {
  if (line.size() > kOutcomeSizeMax) return false;  // it counts as an error
  const auto value = parse_json_tree(line);
  if (!value.is_object()) return false;
  const auto* type = value.get_object().if_contains("resourceType");
  return type != nullptr && type->is_string() && type->get_string() == "OperationOutcome";
}

// Lines that were sorted out; what the server says in them counts as if it stood in a file of
// outcomes.
Result<void> take_strays(const std::filesystem::path& folder, const FileState& file,
                         PullReport& report) {
  report.strays += file.summary.strays;
  for (const auto& text : file.summary.stray_texts)
    if (report.stray_texts.size() < kTextsKept)
      report.stray_texts.push_back(fmt::format("{}: {}", file.name, text));
  const auto path = folder / stray_name(file.name);
  if (std::error_code none; !std::filesystem::exists(path, none)) return {};
  return each_line(path, [&](std::string_view line) -> Result<void> {
    if (is_outcome(line)) ++report.stray_outcomes;
    take_outcome(line, report);
    return {};
  });
}

Result<void> take_file(const std::filesystem::path& folder, const FileState& file,
                       bool is_round_finished, PullReport& report) {
  if (!file.is_done) {
    // The round ends without them (L-05).
    if (file.item.kind == FileKind::kOutcome && is_round_finished) ++report.lost_outcomes;
    return {};
  }
  if (file.summary.strays > 0) SLUICE_RETURN_IF_ERROR(take_strays(folder, file, report));
  if (file.item.kind == FileKind::kOutput) {
    const std::string type = file.item.type.empty() ? "(mixed)" : file.item.type;
    const bool is_one_too_many = report.types.size() > kTypesMax && !report.types.contains(type);
    add(report.types[is_one_too_many ? "(others)" : type], file.summary);
    return {};
  }
  if (file.item.kind == FileKind::kDeleted) {
    add(report.deleted, file.summary);
    return {};
  }
  add(report.outcomes, file.summary);
  const auto path = (folder / file.name).parent_path() / file.summary.name;
  if (std::error_code none; !std::filesystem::exists(path, none)) {
    ++report.lost_outcomes;  // taken away since
    return {};
  }
  return each_line(path, [&](std::string_view line) -> Result<void> {
    take_outcome(line, report);
    return {};
  });
}

}  // namespace

struct Puller::Impl {
  Impl(PullSettings s, PullEvents e, const Clock& c, const Waiter& w)
      : settings(std::move(s)),
        events(std::move(e)),
        clock(c),
        waiter(w),
        exchange(settings.connection, events.request, waiter) {
    if (!events.notice) events.notice = [](const std::string&) {};
  }

  PullSettings settings;
  PullEvents events;
  const Clock& clock;
  const Waiter& waiter;
  Exchange exchange;
  std::optional<Discovered> discovered;
  std::unique_ptr<TokenSource> tokens;
  std::optional<ExportLog> log;

  Session session() {
    return {exchange, *tokens, waiter, clock, discovered->vendor, events.notice, *log};
  }
  template <typename Ask>
  auto ask_patiently(const Ask& ask) -> decltype(ask());
  Result<Discovered> discover_patiently();
  Result<JobFollower::End> run_job(PullState& state, std::vector<std::string>& failures);
};

Puller::Puller(PullSettings settings, PullEvents events, const Clock& clock, const Waiter& waiter)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(events), clock, waiter)) {}
Puller::~Puller() = default;

const Discovered& Puller::discovered() const {
  return *impl_->discovered;
}

const Waiter& Puller::waiter() const {
  return impl_->waiter;
}

// A server that restarts just now is there again in a moment.
template <typename Ask>
auto Puller::Impl::ask_patiently(const Ask& ask) -> decltype(ask()) {
  Backoff backoff({});
  for (;;) {
    auto answer = ask();
    if (answer ||
        (answer.error().kind != ErrorKind::kUnavailable &&
         answer.error().kind != ErrorKind::kTimeout) ||
        backoff.failures() >= settings.kick_off.retries)
      return answer;
    SLUICE_RETURN_IF_ERROR(waiter.check());  // then it is our own limit
    events.notice(answer.error().message + "; trying again");
    SLUICE_RETURN_IF_ERROR(
        waiter.wait(backoff.next(told_wait(answer.error(), settings.kick_off.wait_max))));
  }
}

Result<Discovered> Puller::Impl::discover_patiently() {
  if (settings.base.empty()) return Discovered{.vendor = vendor_profiles().front()};
  const bool wants_token = !settings.client_id.empty();
  return ask_patiently([&]() -> Result<Discovered> {
    SLUICE_ASSIGN_OR_RETURN(auto found, discover(exchange, settings.base, wants_token));
    const bool may_be_named =
        wants_token && found.token_endpoint.empty() && settings.token_endpoint.empty();
    if (may_be_named && !found.trouble.empty())
      return Error{ErrorKind::kUnavailable, found.trouble};
    return found;
  });
}

Result<void> Puller::connect() {
  auto& impl = *impl_;
  if (impl.discovered) return {};
  SLUICE_ASSIGN_OR_RETURN(auto found, impl.discover_patiently());
  if (!impl.settings.vendor.empty()) {
    const auto vendor = find_vendor(impl.settings.vendor);
    if (!vendor) return invalid(fmt::format("--vendor: there is no '{}'", impl.settings.vendor));
    found.vendor = *vendor;
  }
  if (!impl.settings.token_endpoint.empty()) found.token_endpoint = impl.settings.token_endpoint;
  Credentials credentials{impl.settings.client_id, impl.settings.key, impl.settings.secret,
                          found.token_endpoint, impl.settings.scope};
  if (credentials.scope.empty()) credentials.scope = default_scope(found);
  credentials.audience = impl.settings.token_origins;
  credentials.audience.push_back(impl.settings.base);
  if (!credentials.client_id.empty() && credentials.token_endpoint.empty())
    return Error{ErrorKind::kUnauthenticated,
                 fmt::format("'{}' names no token endpoint, neither in .well-known/"
                             "smart-configuration nor in /metadata: give --token-url, or leave "
                             "--client-id out when it needs no token",
                             impl.settings.base)};
  impl.tokens = std::make_unique<TokenSource>(impl.exchange, impl.clock, std::move(credentials));
  SLUICE_RETURN_IF_ERROR(impl.ask_patiently([&impl] { return impl.tokens->token(); }));
  impl.discovered = std::move(found);
  return {};
}

// A job to its end: the one that the journal knows, or a new one.
Result<JobFollower::End> Puller::Impl::run_job(PullState& state,
                                               std::vector<std::string>& failures) {
  const Session with = session();
  if (state.round().status_url.empty()) {
    const auto& request = state.round().request;
    const auto status_url = kick_off(with, request, settings.kick_off);
    if (status_url) log->begin(*status_url);
    log->kick_off(kick_off_url(request), request, *discovered,
                  status_url ? std::string() : status_url.error().message);
    if (!status_url) return status_url.error();
    SLUICE_RETURN_IF_ERROR(state.set_job(*status_url, false));
    events.notice("the server took the export: " + shown_url(*status_url));
  }
  log->begin(state.round().status_url);
  JobFollower follower(state, settings, events, with, *tokens);
  SLUICE_ASSIGN_OR_RETURN(const auto end, follower.run());
  failures = follower.failures();
  return end;
}

Result<PullReport> Puller::run_round(PullState& state) {
  SLUICE_RETURN_IF_ERROR(connect());
  if (!impl_->log) impl_->log.emplace(state.folder(), impl_->clock);
  std::vector<std::string> failures;
  for (int job = 1; !state.round().is_finished; ++job) {
    SLUICE_ASSIGN_OR_RETURN(const auto end, impl_->run_job(state, failures));
    if (end == JobFollower::End::kLost) {
      if (state.round().is_adopted || job == kJobsMax)
        return Error{ErrorKind::kConflict, "the server does not know the export any more"};
      impl_->events.notice("the export is gone: a new one begins, and files of the old one go");
      SLUICE_RETURN_IF_ERROR(remove_files(state));
      SLUICE_RETURN_IF_ERROR(state.lose_job());
      continue;
    }
    if (!failures.empty()) break;
    // Before the job goes: their URLs may go with it.
    SLUICE_RETURN_IF_ERROR(
        Attachments(state, impl_->settings, impl_->events, impl_->session()).run());
    if (!impl_->settings.keeps_job) {
      const auto removed = remove_job(impl_->session(), state.round().status_url);
      if (!removed && removed.error().kind == ErrorKind::kCancelled) return removed.error();
      if (!removed || !*removed)
        impl_->events.notice("the server did not take the deletion of the export");
    }
    SLUICE_RETURN_IF_ERROR(state.finish_round());
    impl_->log->export_complete(state.round());
  }
  SLUICE_ASSIGN_OR_RETURN(auto report, report_of(state, state.round()));
  report.failures = std::move(failures);
  return report;
}

Result<void> remove_files(const PullState& state) {
  const auto folder = state.folder_of(state.round());
  return state.round().files->each([&](std::size_t, const FileState& file) -> Result<void> {
    for (const char* suffix : {"", ".gz", ".part", ".unpacked", ".sorted"}) {
      std::error_code failed;
      std::filesystem::remove(folder / (file.name + suffix), failed);
      if (failed) return errno_error("cannot remove", folder / file.name, failed.value());
    }
    return {};
  });
}

Result<PullReport> report_of(const PullState& state, const Round& round) {
  PullReport report;
  report.transaction_time = round.transaction_time;
  const auto& attachments = round.attachments;
  report.attachments = {attachments.fetched.size(), 0, attachments.failed, attachments.skipped,
                        attachments.texts};
  for (const auto& [key, fetched] : attachments.fetched) report.attachments.size += fetched.size;
  const auto& remarks = round.remarks;
  report.missing = remarks.missing;
  report.outcomes.lines = remarks.outcomes;
  report.outcome_errors = remarks.outcome_errors;
  report.outcome_texts = remarks.texts;
  const auto folder = state.folder_of(round);
  SLUICE_RETURN_IF_ERROR(round.files->each([&](std::size_t, const FileState& file) -> Result<void> {
    return take_file(folder, file, round.is_finished, report);
  }));
  return report;
}

}  // namespace sluice::client
