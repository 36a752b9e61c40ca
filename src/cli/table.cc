// `sluice table`: ViewDefinitions applied to files or to a store.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <set>
#include <stop_token>
#include <utility>

#include "base/text.h"
#include "base/utf8.h"
#include "base/whole_file.h"
#include "bulk/load/load_source.h"
#include "bulk/table/table_inputs.h"
#include "cli/command.h"
#include "cli/data_folder.h"
#include "cli/options.h"
#include "cli/progress_line.h"
#include "cli/pulled_folder.h"
#include "cli/signals.h"
#include "json/json_check.h"
#include "json/json_tokens.h"
#include "json/json_walk.h"
#include "table/table_sink.h"
#include "table/view.h"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTableExitCodes =
    "\nExit codes: 0 done, 1 some resources were left out, 2 wrong use, or a definition or a "
    "resource "
    "is wrong,\n3 store in use, or another process writes the table, 4 disk, 5 other failures, 130 "
    "interrupted";
constexpr std::string_view kStandardOutput = "-";

struct TableArguments {
  std::vector<std::string> paths;
  std::string data;
  std::string out;
  std::string format;
  bool no_header = false;
  bool skip_faults = false;
};

struct Definition {
  std::string path;
  std::string name;  ///< of its file
  table::View view;
};

/// A file that is no data: ".json" with a ViewDefinition in it. `why_not` says what is wrong with
/// one that might have been.
Result<std::optional<Definition>> read_definition(const std::string& path, std::string& why_not) {
  std::error_code failed;
  if (!path.ends_with(".json") || !fs::is_regular_file(path, failed))
    return std::optional<Definition>();
  if (fs::file_size(path, failed) > table::kDefinitionSizeMax) {
    why_not = fmt::format("{} has more than {} bytes", path, table::kDefinitionSizeMax);
    return std::optional<Definition>();
  }
  SLUICE_ASSIGN_OR_RETURN(auto text, read_file(path));
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  fhir::JsonTokens tokens;
  if (auto read = tokens.read(text); !read) {
    why_not = fmt::format("{}: {}", path, read.error().message);
    return std::optional<Definition>();
  }
  if (tokens.first(0) != '{') return std::optional<Definition>();
  const auto type = fhir::string_member(tokens, 0, "resourceType");
  if (type && *type != "ViewDefinition") return std::optional<Definition>();
  auto view = table::View::compile(text);
  if (!view)
    return Error{view.error().kind, fmt::format("{}: {}", path, view.error().message),
                 view.error().detail};
  std::string name = view->name().empty() ? fs::path(path).stem().string() : view->name();
  return std::optional(Definition{path, std::move(name), std::move(*view)});
}

/// Where one table goes: a file that has its name only when it is whole, or standard output.
struct Target {
  std::string shown;
  std::unique_ptr<WholeFile> file = nullptr;
  table::Output output() {
    if (file != nullptr) return [this](std::string_view bytes) { return file->write(bytes); };
    return
        [](std::string_view bytes) { return write_all(STDOUT_FILENO, bytes, "standard output"); };
  }
};

class TableRun {
 public:
  explicit TableRun(TableArguments arguments) : arguments_(std::move(arguments)) {}

  Result<int> run() {
    SLUICE_RETURN_IF_ERROR(read_arguments());
    SLUICE_RETURN_IF_ERROR(keep_inputs());
    // To open a pipe waits for its reader, and ends by a signal.
    SLUICE_RETURN_IF_ERROR(open_targets());
    SignalWaiter signals({SIGINT, SIGTERM});
    signals.on_signal([this](int) { stop_.request_stop(); });
    bulk::TableInputOptions options{.stop = stop_.get_token(), .on_progress = {}};
    options.on_progress = [this](const bulk::TableProgress& progress) { show(progress); };
    options.on_passed_over = tell_passed_over;
    auto read = arguments_.data.empty() ? bulk::read_tables_from_files(inputs_, *maker_, options)
                                        : read_store(options);
    progress_.clear();
    SLUICE_RETURN_IF_ERROR(std::move(read));
    SLUICE_RETURN_IF_ERROR(maker_->finish());
    for (const auto& target : targets_)
      if (target->file != nullptr) SLUICE_RETURN_IF_ERROR(target->file->finish());
    print_summary();
    return maker_->counts().faults > 0 ? 1 : 0;
  }

 private:
  Result<void> read_arguments() {
    std::string why_not;
    for (const auto& path : arguments_.paths) {
      SLUICE_ASSIGN_OR_RETURN(auto definition, read_definition(path, why_not));
      if (definition)
        definitions_.push_back(std::move(*definition));
      else
        inputs_.push_back(path);
    }
    const auto notice = [](const std::string& text) { fmt::print(stderr, "{}\n", text); };
    SLUICE_RETURN_IF_ERROR(take_pulled_folders(inputs_, notice));
    if (definitions_.empty())
      return invalid("table: no ViewDefinition was named; a definition is a .json file" +
                     (why_not.empty() ? "" : " (" + why_not + ")"));
    if (arguments_.data.empty() == inputs_.empty())
      return invalid(inputs_.empty()
                         ? "table: --data DIR or files with resources are missing"
                         : "table: both --data and files were named: " + inputs_.front());
    for (std::size_t i = 0; i < definitions_.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (definitions_[i].name == definitions_[j].name)
          return invalid(fmt::format("table: {} and {} have the same name, '{}'",
                                     definitions_[j].path, definitions_[i].path,
                                     definitions_[i].name));
    return {};
  }

  Result<table::Format> format() const {
    if (!arguments_.format.empty()) {
      const auto format = table::find_format(arguments_.format);
      if (!format)
        return invalid(fmt::format("table: the format '{}' is none of ndjson, json, csv, parquet",
                                   arguments_.format));
      return *format;
    }
    const std::string ending = fs::path(arguments_.out).extension().string();
    if (ending.size() < 2 || has_folder()) return table::Format::kNdjson;
    if (const auto format = table::find_format(to_lower(ending.substr(1)))) return *format;
    return invalid(
        fmt::format("table: '{}' ends like no format; --format names one", arguments_.out));
  }

  std::string_view out() const {
    return arguments_.out.empty() ? kStandardOutput : std::string_view(arguments_.out);
  }

  bool has_folder() const {
    std::error_code failed;
    return out() != kStandardOutput &&
           (out().ends_with('/') || fs::is_directory(out(), failed) || definitions_.size() > 1);
  }

  fs::path path_of(const Definition& definition, table::Format format) const {
    return has_folder() ? fs::path(out()) /
                              fmt::format("{}.{}", definition.name, table::extension_of(format))
                        : fs::path(out());
  }

  /// A table must not be written over what it is made from.
  Result<void> keep_inputs() const {
    if (out() == kStandardOutput) return {};
    SLUICE_ASSIGN_OR_RETURN(const auto format, this->format());
    SLUICE_ASSIGN_OR_RETURN(auto inputs, bulk::list_load_files(inputs_));
    for (const auto& definition : definitions_) inputs.push_back(definition.path);
    std::set<std::pair<dev_t, ino_t>> kept;
    struct stat found {};
    for (const auto& input : inputs)
      if (::stat(input.c_str(), &found) == 0 && S_ISREG(found.st_mode))
        kept.emplace(found.st_dev, found.st_ino);
    for (const auto& definition : definitions_) {
      const auto path = path_of(definition, format);
      if (::stat(path.c_str(), &found) == 0 && kept.contains({found.st_dev, found.st_ino}))
        return invalid(fmt::format("table: {} is read, and would be written over", path.string()));
    }
    return {};
  }

  Result<void> open_targets() {
    SLUICE_ASSIGN_OR_RETURN(const auto format, this->format());
    if (out() == kStandardOutput && definitions_.size() > 1)
      return invalid("table: standard output takes one table; name a folder with --out");
    if (has_folder()) SLUICE_RETURN_IF_ERROR(make_folder(out()));
    bulk::TableMakerOptions options;
    options.limits.stop = stop_.get_token();
    if (arguments_.skip_faults) options.faults = bulk::TableFaults::kSkip;
    options.on_fault = [this](std::string_view place, const Error& error) {
      progress_.clear();
      fmt::print(stderr, "{}: left out: {}\n", place, error.message);
    };
    maker_ = std::make_unique<bulk::TableMaker>(std::move(options));
    for (const auto& definition : definitions_) {
      auto target = std::make_unique<Target>();
      if (out() != kStandardOutput) {
        const fs::path path = path_of(definition, format);
        SLUICE_ASSIGN_OR_RETURN(target->file, WholeFile::create(path));
        target->shown = path.string();
      }
      SLUICE_ASSIGN_OR_RETURN(
          auto sink,
          table::make_sink(format, definition.view.columns(), target->output(),
                           {.csv_header = !arguments_.no_header, .sinks = definitions_.size()}));
      maker_->add(definition.view, std::move(sink));
      targets_.push_back(std::move(target));
    }
    return {};
  }

  Result<void> read_store(const bulk::TableInputOptions& options) {
    SLUICE_ASSIGN_OR_RETURN(const auto store,
                            open_store(arguments_.data, clock_, StoreUse::kExisting));
    return bulk::read_tables_from_store(*store, store->last_commit().sequence, *maker_, options);
  }

  void show(const bulk::TableProgress& progress) {
    if (!progress_.is_terminal()) return;
    progress_.show(
        fmt::format("reading{} {} resources, {} rows, {}/s",
                    share_of(progress.bytes_read, progress.bytes_total),
                    human_count(maker_->counts().resources), human_count(maker_->counts().rows),
                    human_size(static_cast<double>(progress.bytes_read) / progress_.seconds())));
  }

  // On standard error when the table itself is on standard output.
  void print_summary() const {
    const auto rows = maker_->rows();
    for (std::size_t i = 0; i < targets_.size(); ++i)
      if (targets_[i]->file != nullptr)
        fmt::print("{}: {} rows\n", targets_[i]->shown, human_count(rows[i]));
    if (maker_->counts().faults > 0)
      fmt::print(stderr, "{} left out, see above\n", human_count(maker_->counts().faults));
  }

  const TableArguments arguments_;
  const SystemClock clock_;
  std::stop_source stop_;
  std::vector<std::string> inputs_;
  std::vector<Definition> definitions_;
  std::vector<std::unique_ptr<Target>> targets_;
  std::unique_ptr<bulk::TableMaker> maker_;
  ProgressLine progress_;
};

}  // namespace

Command add_table(CLI::App& app) {
  auto* command = app.add_subcommand("table", "Make tables of resources by SQL on FHIR views");
  command->footer(
      std::string("Example:\n"
                  "  sluice table patients.json ./export/Patient*.ndjson --out patients.parquet\n"
                  "  sluice table views/*.json --data ./data --out tables/ --format csv") +
      kTableExitCodes);
  auto arguments = std::make_shared<TableArguments>();
  command->add_option("PATH", arguments->paths,
                      "ViewDefinitions (.json), and files, folders or - with resources");
  add_option(*command, "data", arguments->data, "Data folder of a store to read instead of files");
  add_option(*command, "out", arguments->out,
             "File, folder (one file per view), or - for standard output, the default");
  add_option(*command, "format", arguments->format,
             "ndjson, json, csv, parquet; default: by the ending of --out; ndjson for none");
  add_switch(*command, "no-header", arguments->no_header, "Write CSV without the row of names");
  add_switch(*command, "skip-faults", arguments->skip_faults,
             "Report resources that cannot be read or break a rule of a view, and leave them out");
  return {command, [arguments] { return TableRun(*arguments).run(); }};
}

}  // namespace sluice::cli
