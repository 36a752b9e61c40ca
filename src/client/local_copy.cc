#include "client/local_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
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
  std::size_t old_hash = 0;  // of the line in the old copy, when all is compared
};
// A type becomes a file's name, and it is a server that says it.
Result<void> check_type(const std::string& type) {
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  if (!type.empty() && type.size() <= 64 && std::all_of(type.begin(), type.end(), is_letter))
    return {};
  return Error{ErrorKind::kConflict,
               fmt::format("'{}' is no type: a copy by type cannot be made", type.substr(0, 64))};
}

// A file of one type, or one whose manifest did not say which.
struct TypedFile {
  fs::path path;
  bool is_mixed = false;
};

// The line's key; nullopt in a mixed file for one of another type.
Result<std::optional<LineKey>> read_key(std::string_view line, const std::string& type,
                                        bool is_mixed) {
  SLUICE_TRY(auto key, read_line_key(line));
  if (key.type == type) return std::optional(std::move(key));
  if (is_mixed) return std::optional<LineKey>();
  return bad_line("is of another type than its file");
}

using Slots = std::unordered_map<std::string, Slot>;

Result<void> take_outputs(const std::vector<TypedFile>& files, const std::string& type,
                          std::uint32_t stage, Slots& slots) {
  std::uint64_t number = 0;
  for (const auto& file : files)
    SLUICE_CHECK(each_line(file.path, [&](std::string_view line) -> Result<void> {
      SLUICE_TRY(const auto key, read_key(line, type, file.is_mixed));
      if (!key) return {};
      const Slot slot{stage, false, false, number++, key->last_updated, 0};
      const auto [at, is_new] = slots.emplace(key->id, slot);
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
  TypeCopy(std::vector<TypedFile> old_files, const std::vector<CopyStage>& stages, std::string type,
           NdjsonWriter* gone_list)
      : old_files_(std::move(old_files)),
        stages_(stages),
        type_(std::move(type)),
        gone_list_(gone_list) {}

  Result<CopyCounts> write(const std::vector<std::pair<std::uint32_t, std::string>>& deletions,
                           const fs::path& target, bool is_gzip) {
    SLUICE_CHECK(find_newest(deletions));
    SLUICE_TRY(writer_, NdjsonWriter::create(target, is_gzip));
    for (const auto& file : old_files_) SLUICE_CHECK(take_old(file));
    for (std::uint32_t stage = 0; stage < stages_.size(); ++stage) SLUICE_CHECK(append(stage));
    SLUICE_CHECK(writer_->finish());
    return counts_;
  }
  std::uint64_t old_total() const { return old_total_; }

 private:
  std::vector<TypedFile> outputs(std::uint32_t stage) const {
    std::vector<TypedFile> files;
    for (const bool is_mixed : {false, true}) {
      const auto found = stages_[stage].outputs.find(is_mixed ? std::string() : type_);
      if (found == stages_[stage].outputs.end()) continue;
      for (const auto& path : found->second) files.push_back({path, is_mixed});
    }
    return files;
  }

  Result<void> find_newest(const std::vector<std::pair<std::uint32_t, std::string>>& deletions) {
    std::size_t next = 0;
    for (std::uint32_t stage = 0; stage < stages_.size(); ++stage) {
      for (; next < deletions.size() && deletions[next].first == stage; ++next)
        slots_[deletions[next].second] = {stage, true, false, 0, {}, 0};
      SLUICE_CHECK(take_outputs(outputs(stage), type_, stage, slots_));
    }
    return {};
  }

  bool is_whole() const { return gone_list_ != nullptr; }

  Result<void> take_old(const TypedFile& file) {
    auto taken = each_line(file.path, [&](std::string_view line) {
      return is_whole() ? compare(line, file.is_mixed) : keep(line, file.is_mixed);
    });
    // Damage to what is replaced as a whole is mended by that.
    return !taken && is_whole() && taken.error().kind == ErrorKind::kCorrupt ? Result<void>()
                                                                             : taken;
  }

  Result<void> compare(std::string_view line, bool is_mixed) {
    const auto read = read_key(line, type_, is_mixed);
    if (read && !*read) return {};
    const std::optional<LineKey> key = read ? *read : std::nullopt;
    ++old_total_;
    const auto found = key ? slots_.find(key->id) : slots_.end();
    if (found != slots_.end()) {
      found->second.was_in_copy = true;
      found->second.old_hash = std::hash<std::string_view>()(line);
      return {};
    }
    ++counts_.deleted;
    return key ? gone_list_->append(type_ + "/" + key->id) : Result<void>();
  }

  Result<void> keep(std::string_view line, bool is_mixed) {
    SLUICE_TRY(const auto key, read_key(line, type_, is_mixed));
    if (!key) return {};
    const auto found = slots_.find(key->id);
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
    for (const auto& file : outputs(stage))
      SLUICE_CHECK(each_line(file.path, [&](std::string_view line) -> Result<void> {
        SLUICE_TRY(const auto key, read_key(line, type_, file.is_mixed));
        if (!key) return {};
        const Slot& slot = slots_.at(key->id);
        const bool is_newest = !slot.is_deleted && slot.stage == stage && slot.line == number;
        ++number;
        if (!is_newest) return {};
        const bool is_same =
            is_whole() && slot.was_in_copy && slot.old_hash == std::hash<std::string_view>()(line);
        if (!is_same) ++(slot.was_in_copy ? counts_.updated : counts_.added);
        ++counts_.total;
        return writer_->append(line);
      }));
    return {};
  }

  const std::vector<TypedFile> old_files_;
  const std::vector<CopyStage>& stages_;
  const std::string type_;
  NdjsonWriter* const gone_list_;  // null: the stages change the copy
  Slots slots_;
  std::unique_ptr<NdjsonWriter> writer_;
  CopyCounts counts_;
  std::uint64_t old_total_ = 0;
};

std::vector<fs::path> old_paths(const fs::path& folder, const CopyFiles& files,
                                const std::string& type) {
  std::vector<fs::path> paths;
  if (const auto found = files.find(type); found != files.end())
    for (const auto& name : found->second) paths.push_back(folder / name);
  return paths;
}

Result<std::set<std::string>> types_in(const std::vector<fs::path>& paths) {
  std::set<std::string> types;
  for (const auto& path : paths)
    SLUICE_CHECK(each_line(path, [&](std::string_view line) -> Result<void> {
      SLUICE_TRY(auto key, read_line_key(line));
      types.insert(std::move(key.type));
      return {};
    }));
  return types;
}

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
                            const std::vector<CopyStage>& stages, bool is_gzip, CopyMode mode,
                            const fs::path& gone_list) {
  const bool is_whole = mode == CopyMode::kWhole;
  // All that there is says itself what is gone.
  SLUICE_TRY(const auto deletions,
             is_whole ? Result<Deletions>(Deletions()) : collect_deletions(stages));
  std::unique_ptr<NdjsonWriter> gone;
  if (is_whole) {
    SLUICE_TRY(gone, NdjsonWriter::create(gone_list, false));
  }
  std::set<std::string> types;
  for (const auto& [type, names] : files) types.insert(type);
  for (const auto& stage : stages)
    for (const auto& [type, paths] : stage.outputs) types.insert(type);
  // Files whose manifest does not say their type: their lines do.
  const auto mixed_old = files.find("");
  std::set<std::string> mixed_new;
  if (types.erase("") > 0) {
    SLUICE_TRY(const auto old_types, types_in(old_paths(folder, files, "")));
    types.insert(old_types.begin(), old_types.end());
    for (const auto& stage : stages)
      if (const auto found = stage.outputs.find(""); found != stage.outputs.end()) {
        SLUICE_TRY(const auto new_types, types_in(found->second));
        mixed_new.insert(new_types.begin(), new_types.end());
      }
    types.insert(mixed_new.begin(), mixed_new.end());
  }
  CopyPlan plan;
  if (mixed_old != files.end()) plan.removals = mixed_old->second;
  for (const auto& type : types) {
    SLUICE_CHECK(check_type(type));
    const auto old = files.find(type);
    const std::vector<std::string> old_files =
        old == files.end() ? std::vector<std::string>() : old->second;
    std::vector<TypedFile> sources;
    for (const auto& path : old_paths(folder, files, type)) sources.push_back({path, false});
    for (const auto& path : old_paths(folder, files, "")) sources.push_back({path, true});
    const bool has_new =
        std::any_of(stages.begin(), stages.end(),
                    [&](const CopyStage& stage) { return stage.outputs.contains(type); }) ||
        mixed_new.contains(type) || mixed_old != files.end();
    const std::string name = type + (is_gzip ? ".00001.ndjson.gz" : ".00001.ndjson");
    plan.files[type] = {name};
    if (!is_whole && !has_new && !deletions.contains(type) && old_files.size() == 1 &&
        old_files.front().ends_with(".gz") == is_gzip) {
      if (old_files.front() != name) plan.renames.emplace_back(old_files.front(), name);
      continue;
    }
    const std::string temporary = ".sluice/" + name + ".new";
    TypeCopy copy(std::move(sources), stages, type, gone.get());
    const auto deleted = deletions.find(type);
    SLUICE_TRY(
        plan.counts[type],
        copy.write(deleted == deletions.end() ? std::vector<std::pair<std::uint32_t, std::string>>()
                                              : deleted->second,
                   folder / temporary, is_gzip));
    plan.old_total += copy.old_total();
    if (is_whole) plan.gone += plan.counts[type].deleted;
    plan.renames.emplace_back(temporary, name);
    for (const auto& old_name : old_files)
      if (old_name != name) plan.removals.push_back(old_name);
  }
  if (gone) SLUICE_CHECK(gone->finish());
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
