// `sluice transform`: files of resources, de-identified.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <stop_token>

#include "base/file.h"
#include "base/whole_file.h"
#include "bulk/load/load_source.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/progress_line.h"
#include "cli/signals.h"
#include "deid/transform.h"
#include "fhir/resource_type.h"
#include "json/json_check.h"
#include "json/json_tokens.h"
#include "json/json_walk.h"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr const char* kTransformExitCodes =
    "\nExit codes: 0 done, 1 some resources were left out or emptied, 2 wrong use, or the rules, "
    "the key\nor (where the rules say so) a resource is wrong, 4 disk, 5 other failures, 130 "
    "interrupted";
constexpr std::size_t kDepthMax = 512;
constexpr std::size_t kBufferMax = 1 << 20;
constexpr auto kProgressInterval = std::chrono::milliseconds(250);

struct TransformArguments {
  std::vector<std::string> paths;
  std::string rules;
  std::string key;
  std::string view = "transform";
  std::string out;
  bool lenient = false;
  bool counts = false;
  bool allow_list = false;
};

/// "Patient.ndjson", "Patient.000.ndjson": a type and numbers.
bool says_type_alone(std::string_view stem) {
  const std::size_t end = std::min(stem.find_first_of(".-_"), stem.size());
  return fhir::find_resource_type(stem.substr(0, end)).has_value() &&
         stem.substr(end).find_first_not_of("0123456789.-_") == std::string_view::npos;
}

class TransformRun {
 public:
  explicit TransformRun(TransformArguments arguments) : arguments_(std::move(arguments)) {}

  Result<int> run() {
    if (arguments_.allow_list) {
      fmt::print("{}", deid::allow_list_text());
      return 0;
    }
    SLUICE_RETURN_IF_ERROR(read_rules());
    SLUICE_ASSIGN_OR_RETURN(const auto files, list_files());
    SLUICE_ASSIGN_OR_RETURN(const auto names, name_files(files));
    SLUICE_RETURN_IF_ERROR(make_folder(arguments_.out));
    SignalWaiter signals({SIGINT, SIGTERM});
    std::stop_source stop;
    signals.on_signal([&stop](int) { stop.request_stop(); });
    Result<void> done;
    for (std::size_t i = 0; i < files.size() && done; ++i)
      done = transform_file(files[i], names[i], stop.get_token());
    progress_.clear();
    SLUICE_RETURN_IF_ERROR(std::move(done));
    print_summary(files.size());
    return left_out_ + emptied_ > 0 ? 1 : 0;
  }

 private:
  Result<void> read_rules() {
    if (arguments_.rules.empty())
      return invalid("transform: --rules is missing: a file, safe-harbor or shifted-dates");
    if (arguments_.out.empty()) return invalid("transform: --out DIR is missing");
    if (arguments_.paths.empty()) return invalid("transform: no files were named");
    std::optional<deid::KeyFile> key;
    if (!arguments_.key.empty()) {
      SLUICE_ASSIGN_OR_RETURN(key, deid::KeyFile::read(arguments_.key));
    }
    const auto* used = key ? &*key : nullptr;
    if (const auto own = deid::find_own_rules(arguments_.rules)) {
      if (used == nullptr) return invalid("transform: these rules need a key: --key FILE");
      SLUICE_ASSIGN_OR_RETURN(rules_, deid::Deidentification::of_own(*own, used, arguments_.view));
    } else {
      SLUICE_ASSIGN_OR_RETURN(const auto text, read_file(arguments_.rules));
      const auto strictness =
          arguments_.lenient ? fhirpath::Strictness::kLenient : fhirpath::Strictness::kStrict;
      auto set = deid::read_rules(text, strictness);
      if (!set) return placed(set.error());
      if (used == nullptr && set->needs_key())
        return invalid("transform: these rules need a key: --key FILE");
      auto made = deid::Deidentification::of_rules(std::move(*set), used, arguments_.view);
      if (!made) return placed(made.error());
      rules_ = std::move(*made);
    }
    transform_.emplace(rules_);
    return {};
  }

  Error placed(const Error& error) const {
    return {error.kind, fmt::format("{}: {}", arguments_.rules, error.message), error.detail};
  }

  Result<std::vector<std::string>> list_files() {
    SLUICE_ASSIGN_OR_RETURN(auto files, bulk::list_load_files(arguments_.paths));
    if (files.empty()) return invalid("transform: there are no files with resources there");
    for (const auto& file : files) {
      std::error_code failed;
      const auto size = file == "-" ? 0 : fs::file_size(file, failed);
      bytes_total_ += failed ? 0 : size;
    }
    return files;
  }

  /// What the files are called in the folder. Under our own rules a name that says more than a type
  /// becomes a number: files are named for patients, too.
  Result<std::vector<std::string>> name_files(const std::vector<std::string>& files) const {
    std::vector<std::string> names;
    for (const auto& file : files) {
      std::string stem = file == "-" ? "stdin" : fs::path(file).filename().string();
      for (const std::string_view ending : {".gz", ".ndjson", ".jsonl", ".json"})
        if (stem.size() > ending.size() && stem.ends_with(ending))
          stem.resize(stem.size() - ending.size());
      if (rules_->own() && !says_type_alone(stem))
        stem = fmt::format("part-{:06}", names.size() + 1);
      std::string name = stem + ".ndjson";
      if (std::find(names.begin(), names.end(), name) != names.end())
        return invalid(fmt::format("transform: two files would be named {}", name));
      std::error_code failed;
      if (file != "-" && fs::equivalent(file, fs::path(arguments_.out) / name, failed))
        return invalid(fmt::format("transform: {} would be written over itself", file));
      names.push_back(std::move(name));
    }
    return names;
  }

  Result<void> transform_file(const std::string& path, const std::string& name,
                              const std::stop_token& stop) {
    SLUICE_ASSIGN_OR_RETURN(const auto source, bulk::LoadSource::open(path));
    source->stop_with(stop);
    const fs::path out = fs::path(arguments_.out) / name;
    SLUICE_ASSIGN_OR_RETURN(file_, WholeFile::create(out));
    buffer_.clear();
    const std::string file_name = fs::path(path).filename().string();
    const std::string folder_name = fs::path(path).parent_path().filename().string();
    context_.file_name = file_name;
    context_.folder_name = folder_name;
    context_.now = clock_.now();
    bulk::LoadChunk chunk;
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, source->next(chunk));
      if (!more) break;
      if (stop.stop_requested()) return Error{ErrorKind::kCancelled, "interrupted"};
      show(bytes_before_ + source->bytes_read());
      SLUICE_RETURN_IF_ERROR(transform_chunk(path, chunk));
    }
    SLUICE_RETURN_IF_ERROR(write_out());
    SLUICE_RETURN_IF_ERROR(file_->finish());
    bytes_before_ += source->bytes_read();
    file_.reset();
    return {};
  }

  Result<void> transform_chunk(const std::string& path, const bulk::LoadChunk& chunk) {
    if (!chunk.problem.empty())
      return leave_out(fmt::format("{}:{}", path, chunk.first_line), chunk.problem);
    for (bulk::ChunkLines lines(chunk); lines.next();)
      SLUICE_RETURN_IF_ERROR(
          transform_line(path, chunk.is_document ? 0 : lines.number(), lines.text()));
    return {};
  }

  Result<void> transform_line(const std::string& path, std::uint64_t line, std::string_view text) {
    const auto place = [&] { return line == 0 ? path : fmt::format("{}:{}", path, line); };
    if (const auto read = tokens_.read(text); !read)
      return leave_out(place(), read.error().message);
    if (const auto checked = fhir::check_json_object(tokens_, kDepthMax); !checked)
      return leave_out(place(), checked.error().message);
    if (!fhir::string_member(tokens_, 0, "resourceType"))
      return leave_out(place(), "it has no resourceType");
    const auto made = transform_->apply(tokens_, context_);
    if (made) {
      ++written_;
      return write(*made);
    }
    const auto on_error = rules_->on_error();
    if (on_error == deid::OnError::kRaise)
      return Error{made.error().kind, fmt::format("{}: {}", place(), made.error().message)};
    if (on_error == deid::OnError::kLeaveOut) return leave_out(place(), made.error().message);
    progress_.clear();
    fmt::print(stderr, "{}: emptied: {}\n", place(), made.error().message);
    ++emptied_;
    return write(deid::Transform::emptied(tokens_));
  }

  Result<void> leave_out(const std::string& place, std::string_view why) {
    progress_.clear();
    fmt::print(stderr, "{}: left out: {}\n", place, why);
    ++left_out_;
    return {};
  }

  Result<void> write(std::string_view line) {
    buffer_ += line;
    buffer_ += '\n';
    return buffer_.size() < kBufferMax ? Result<void>() : write_out();
  }
  Result<void> write_out() {
    SLUICE_RETURN_IF_ERROR(file_->write(buffer_));
    buffer_.clear();
    return {};
  }

  void show(std::uint64_t bytes_read) {
    const auto now = SteadyClock::now();
    if (!progress_.is_terminal() || now - shown_at_ < kProgressInterval) return;
    shown_at_ = now;
    progress_.show(fmt::format("transforming{} {} resources, {}/s",
                               share_of(bytes_read, bytes_total_), human_count(written_),
                               human_size(static_cast<double>(bytes_read) / progress_.seconds())));
  }

  void print_summary(std::size_t files) const {
    fmt::print("{}: {} resources in {} {}\n", arguments_.out, human_count(written_), files,
               files == 1 ? "file" : "files");
    if (emptied_ > 0) fmt::print(stderr, "{} emptied, see above\n", human_count(emptied_));
    if (left_out_ > 0) fmt::print(stderr, "{} left out, see above\n", human_count(left_out_));
    if (!arguments_.counts) return;
    const auto& counts = transform_->counts();
    const auto& rules = rules_->program().rules().rules;
    if (rules.empty()) fmt::print("{:>12} values changed or removed\n", human_count(counts[0]));
    for (std::size_t i = 0; i < rules.size(); ++i)
      fmt::print("{:>12} {} {}\n", human_count(counts[i]), deid::to_string(rules[i].method),
                 rules[i].path);
  }

  const TransformArguments arguments_;
  const SystemClock clock_;
  std::shared_ptr<const deid::Deidentification> rules_;
  std::optional<deid::Transform> transform_;
  deid::Context context_;
  fhir::JsonTokens tokens_;
  std::unique_ptr<WholeFile> file_;
  std::string buffer_;
  std::uint64_t bytes_total_ = 0;
  std::uint64_t bytes_before_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t left_out_ = 0;
  std::uint64_t emptied_ = 0;
  ProgressLine progress_;
  SteadyClock::time_point shown_at_ = SteadyClock::now();
};

}  // namespace

Command add_transform(CLI::App& app) {
  auto* command = app.add_subcommand("transform", "De-identify files of resources by rules");
  command->footer(
      std::string(
          "Example:\n"
          "  openssl rand -hex 32 > key\n"
          "  sluice transform --rules safe-harbor --key key ./export --out ./research\n"
          "  sluice transform --rules rules.json --key key Patient.ndjson --out ./partner") +
      kTransformExitCodes);
  auto arguments = std::make_shared<TransformArguments>();
  command->add_option("IN", arguments->paths, "Files, folders or - with resources");
  add_option(*command, "rules", arguments->rules,
             "A rule file (fhirPathRules), safe-harbor or shifted-dates");
  add_option(*command, "key", arguments->key, "File with the key, 32 bytes or more");
  add_option(*command, "view", arguments->view,
             "Name for which keys are derived: ids of two names cannot be joined");
  add_option(*command, "out", arguments->out, "Folder for the files");
  add_switch(*command, "lenient", arguments->lenient,
             "Take rules for elements that R4 does not have, and look for them by name");
  add_switch(*command, "counts", arguments->counts,
             "Say how many values each rule changed or removed");
  add_switch(*command, "allow-list", arguments->allow_list,
             "Print what safe-harbor and shifted-dates keep, and end");
  return {command, [arguments] { return TransformRun(*arguments).run(); }};
}

}  // namespace sluice::cli
