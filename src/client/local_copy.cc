#include "client/local_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <set>
#include <unordered_map>

#include "base/file.h"
#include "client/ndjson_lines.h"
#include "client/ndjson_writer.h"
#include "fhir/json_check.h"
#include "fhir/json_tokens.h"
#include "fhir/json_walk.h"

namespace sluice::client {
namespace {

namespace fs = std::filesystem;
using fhir::JsonTokens;

constexpr std::size_t kDepthMax = 200;

Error bad_line(const char* what) {
  return corrupt(fmt::format("a line {}", what));
}

bool is_text(const JsonTokens& tokens, std::size_t token) {
  return tokens.first(token) == '"';
}

std::string text_of(const JsonTokens& tokens, std::size_t token) {
  return is_text(tokens, token) ? fhir::unescape(tokens.raw_string(token)) : std::string();
}

// The tokens of one checked object.
Result<void> read_object(JsonTokens& tokens, std::string_view line) {
  if (!tokens.read(line) || !fhir::check_json_object(tokens, kDepthMax))
    return bad_line("is no JSON object");
  return {};
}

// "Type/id", also behind a base URL and before a history.
std::pair<std::string, std::string> split_reference(std::string url) {
  if (const auto history = url.find("/_history/"); history != std::string::npos)
    url.resize(history);
  const auto slash = url.rfind('/');
  if (slash == std::string::npos || slash == 0) return {};
  const auto before = url.rfind('/', slash - 1);
  const std::size_t start = before == std::string::npos ? 0 : before + 1;
  return {url.substr(start, slash - start), url.substr(slash + 1)};
}

// Where the newest version of a resource stands: in a stage's line, or nowhere, because it is gone.
struct Slot {
  std::uint32_t stage = 0;
  bool is_deleted = false;
  bool was_in_copy = false;
  std::uint64_t line = 0;  // of the stage's lines of the type, in order
  Instant last_updated{0};
};
// A type becomes a file's name, and it is a server that says it.
Result<void> check_type(const std::string& type) {
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  if (!type.empty() && type.size() <= 64 && std::all_of(type.begin(), type.end(), is_letter))
    return {};
  return Error{ErrorKind::kConflict,
               "the server's manifest has a file without a type: a copy by type cannot be made"};
}

Result<LineKey> read_key(std::string_view line, const std::string& type) {
  SLUICE_TRY(auto key, read_line_key(line));
  if (key.type != type) return bad_line("is of another type than its file");
  return key;
}

using Slots = std::unordered_map<std::string, Slot>;

Result<void> take_outputs(const std::vector<fs::path>& paths, const std::string& type,
                          std::uint32_t stage, Slots& slots) {
  std::uint64_t number = 0;
  for (const auto& path : paths)
    SLUICE_CHECK(each_line(path, [&](std::string_view line) -> Result<void> {
      SLUICE_TRY(const auto key, read_key(line, type));
      const Slot slot{stage, false, false, number++, key.last_updated};
      const auto [at, is_new] = slots.emplace(key.id, slot);
      // Twice in one export: the newer counts. A later export always does.
      if (!is_new && (at->second.stage != stage || at->second.last_updated <= slot.last_updated))
        at->second = slot;
      return {};
    }));
  return {};
}

using Deletions = std::map<std::string, std::vector<std::pair<std::uint32_t, std::string>>>;

Result<Deletions> collect_deletions(const std::vector<CopyStage>& stages) {
  Deletions all;
  for (std::uint32_t stage = 0; stage < stages.size(); ++stage)
    for (const auto& path : stages[stage].deletions)
      SLUICE_CHECK(each_line(path, [&](std::string_view line) -> Result<void> {
        SLUICE_TRY(const auto deletions, read_deletions(line));
        for (const auto& [type, id] : deletions) all[type].emplace_back(stage, id);
        return {};
      }));
  return all;
}

// One type's new file.
class TypeCopy {
 public:
  TypeCopy(const fs::path& folder, const std::vector<std::string>& old_files,
           const std::vector<CopyStage>& stages, std::string type)
      : folder_(folder), old_files_(old_files), stages_(stages), type_(std::move(type)) {}

  Result<CopyCounts> write(const std::vector<std::pair<std::uint32_t, std::string>>& deletions,
                           const fs::path& target, bool is_gzip) {
    SLUICE_CHECK(find_newest(deletions));
    SLUICE_TRY(writer_, NdjsonWriter::create(target, is_gzip));
    for (const auto& name : old_files_)
      SLUICE_CHECK(each_line(folder_ / name, [&](std::string_view line) { return keep(line); }));
    for (std::uint32_t stage = 0; stage < stages_.size(); ++stage) SLUICE_CHECK(append(stage));
    SLUICE_CHECK(writer_->finish());
    return counts_;
  }

 private:
  const std::vector<fs::path>& outputs(std::uint32_t stage) const {
    static const std::vector<fs::path> kNone;
    const auto found = stages_[stage].outputs.find(type_);
    return found == stages_[stage].outputs.end() ? kNone : found->second;
  }

  Result<void> find_newest(const std::vector<std::pair<std::uint32_t, std::string>>& deletions) {
    std::size_t next = 0;
    for (std::uint32_t stage = 0; stage < stages_.size(); ++stage) {
      for (; next < deletions.size() && deletions[next].first == stage; ++next)
        slots_[deletions[next].second] = {stage, true, false, 0, {}};
      SLUICE_CHECK(take_outputs(outputs(stage), type_, stage, slots_));
    }
    return {};
  }

  Result<void> keep(std::string_view line) {
    SLUICE_TRY(const auto key, read_key(line, type_));
    const auto found = slots_.find(key.id);
    if (found != slots_.end()) {
      if (found->second.is_deleted) ++counts_.deleted;
      found->second.was_in_copy = true;
      return {};
    }
    ++counts_.total;
    return writer_->append(line);
  }

  Result<void> append(std::uint32_t stage) {
    std::uint64_t number = 0;
    for (const auto& path : outputs(stage))
      SLUICE_CHECK(each_line(path, [&](std::string_view line) -> Result<void> {
        SLUICE_TRY(const auto key, read_key(line, type_));
        const Slot& slot = slots_.at(key.id);
        const bool is_newest = !slot.is_deleted && slot.stage == stage && slot.line == number;
        ++number;
        if (!is_newest) return {};
        ++(slot.was_in_copy ? counts_.updated : counts_.added);
        ++counts_.total;
        return writer_->append(line);
      }));
    return {};
  }

  const fs::path& folder_;
  const std::vector<std::string>& old_files_;
  const std::vector<CopyStage>& stages_;
  const std::string type_;
  Slots slots_;
  std::unique_ptr<NdjsonWriter> writer_;
  CopyCounts counts_;
};

}  // namespace

Result<LineKey> read_line_key(std::string_view line) {
  thread_local JsonTokens tokens;
  SLUICE_CHECK(read_object(tokens, line));
  LineKey key;
  SLUICE_CHECK(
      fhir::each_member(tokens, 0, [&](std::size_t name, std::size_t value) -> Result<void> {
        const auto raw = tokens.raw_string(name);
        if (raw == "resourceType") key.type = text_of(tokens, value);
        if (raw == "id") key.id = text_of(tokens, value);
        if (raw != "meta" || tokens.first(value) != '{') return {};
        return fhir::each_member(
            tokens, value, [&](std::size_t inner, std::size_t at) -> Result<void> {
              if (tokens.raw_string(inner) != "lastUpdated" || !is_text(tokens, at)) return {};
              if (const auto instant = parse_fhir_instant(tokens.raw_string(at)))
                key.last_updated = *instant;
              return {};
            });
      }));
  if (key.type.empty() || key.id.empty()) return bad_line("has no resourceType or no id");
  return key;
}

Result<std::vector<std::pair<std::string, std::string>>> read_deletions(std::string_view line) {
  JsonTokens tokens;
  SLUICE_CHECK(read_object(tokens, line));
  std::vector<std::pair<std::string, std::string>> deletions;
  bool is_bundle = false;
  const auto take_request = [&](std::size_t, std::size_t request) -> Result<void> {
    std::string method;
    std::string url;
    if (tokens.first(request) != '{') return bad_line("has a request that is no object");
    SLUICE_CHECK(fhir::each_member(tokens, request,
                                   [&](std::size_t name, std::size_t value) -> Result<void> {
                                     if (tokens.raw_string(name) == "method")
                                       method = text_of(tokens, value);
                                     if (tokens.raw_string(name) == "url")
                                       url = text_of(tokens, value);
                                     return {};
                                   }));
    auto target = split_reference(url);
    if (method != "DELETE" || target.first.empty() || target.second.empty() ||
        url.find('?') != std::string::npos)
      return bad_line("of deletions has an entry that is no DELETE of one resource");
    deletions.push_back(std::move(target));
    return {};
  };
  const auto take_entry = [&](std::size_t entry) -> Result<void> {
    if (tokens.first(entry) != '{') return bad_line("has an entry that is no object");
    const std::size_t before = deletions.size();
    SLUICE_CHECK(
        fhir::each_member(tokens, entry, [&](std::size_t name, std::size_t value) -> Result<void> {
          return tokens.raw_string(name) == "request" ? take_request(name, value) : Result<void>();
        }));
    if (deletions.size() == before) return bad_line("of deletions has an entry without a request");
    return {};
  };
  SLUICE_CHECK(
      fhir::each_member(tokens, 0, [&](std::size_t name, std::size_t value) -> Result<void> {
        const auto raw = tokens.raw_string(name);
        if (raw == "resourceType") is_bundle = text_of(tokens, value) == "Bundle";
        if (raw == "entry" && tokens.first(value) == '[')
          return fhir::each_element(tokens, value, take_entry);
        return {};
      }));
  if (!is_bundle) return bad_line("of deletions is no Bundle");
  return deletions;
}

Result<CopyPlan> write_copy(const fs::path& folder, const CopyFiles& files,
                            const std::vector<CopyStage>& stages, bool is_gzip) {
  SLUICE_TRY(const auto deletions, collect_deletions(stages));
  std::set<std::string> types;
  for (const auto& [type, names] : files) types.insert(type);
  for (const auto& stage : stages)
    for (const auto& [type, paths] : stage.outputs) types.insert(type);
  CopyPlan plan;
  for (const auto& type : types) {
    SLUICE_CHECK(check_type(type));
    const auto old = files.find(type);
    const std::vector<std::string> old_files =
        old == files.end() ? std::vector<std::string>() : old->second;
    const bool has_new = std::any_of(stages.begin(), stages.end(), [&](const CopyStage& stage) {
      return stage.outputs.contains(type);
    });
    const std::string name = type + (is_gzip ? ".ndjson.gz" : ".ndjson");
    plan.files[type] = {name};
    if (!has_new && !deletions.contains(type) && old_files.size() == 1 &&
        old_files.front().ends_with(".gz") == is_gzip) {
      if (old_files.front() != name) plan.renames.emplace_back(old_files.front(), name);
      continue;
    }
    const std::string temporary = ".sluice/" + name + ".new";
    TypeCopy copy(folder, old_files, stages, type);
    const auto gone = deletions.find(type);
    SLUICE_TRY(
        plan.counts[type],
        copy.write(gone == deletions.end() ? std::vector<std::pair<std::uint32_t, std::string>>()
                                           : gone->second,
                   folder / temporary, is_gzip));
    plan.renames.emplace_back(temporary, name);
    for (const auto& old_name : old_files)
      if (old_name != name) plan.removals.push_back(old_name);
  }
  SLUICE_CHECK(sync_folder(folder / ".sluice"));
  return plan;
}

Result<void> carry_out(const fs::path& folder, const CopyPlan& plan) {
  for (const auto& [from, to] : plan.renames) {
    std::error_code none;
    if (!fs::exists(folder / from, none)) continue;  // done before
    if (std::rename((folder / from).c_str(), (folder / to).c_str()) != 0)
      return errno_error("cannot rename", folder / from, errno);
  }
  SLUICE_CHECK(sync_folder(folder));
  for (const auto& name : plan.removals) {
    std::error_code failed;
    fs::remove(folder / name, failed);
    if (failed) return errno_error("cannot remove", folder / name, failed.value());
  }
  return sync_folder(folder);
}

}  // namespace sluice::client
