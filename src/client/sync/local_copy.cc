#include "client/sync/local_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

#include "base/file.h"
#include "client/files/deletion_bundle.h"
#include "client/files/ndjson_lines.h"
#include "client/files/ndjson_writer.h"
#include "client/sync/spill_lists.h"

namespace sluice::client {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kTypesMax = 2000;  // FHIR has no 200

Error bad_line(const char* what) {
  return corrupt(fmt::format("a line {}", what));
}

// A type becomes a file's name, and it is a server that says it.
Result<void> check_type(const std::string& type) {
  if (is_type_name(type)) return {};
  return Error{ErrorKind::kConflict,
               fmt::format("'{}' is no type: a copy by type cannot be made", type.substr(0, 64))};
}

// The line's key; nullopt in a mixed file for one of another type, and for what has no place.
Result<std::optional<LineKey>> read_key(std::string_view line, const std::string& type,
                                        bool is_mixed) {
  SLUICE_ASSIGN_OR_RETURN(auto key, read_line_key(line));
  if (key.id.empty()) return std::optional<LineKey>();
  if (key.type == type) return std::optional(std::move(key));
  if (is_mixed) return std::optional<LineKey>();
  return bad_line("is of another type than its file");
}

// What a line or a deletion says of one resource. With the id behind it an entry of a list.
struct Mention {
  enum class Kind : std::uint32_t { kDeletion, kLine, kOldLine };
  Kind kind = Kind::kLine;
  std::uint32_t stage = 0;
  std::uint64_t line = 0;  // its number among the lines of the type
  std::int64_t last_updated = 0;
  std::uint64_t hash = 0;  // of the line, when all is compared

  // Later stages count more; within one a resource that is there more than its deletion.
  std::uint64_t rank() const { return stage * std::uint64_t{2} + (kind == Kind::kLine ? 1 : 0); }
  bool beats(const Mention& other) const {
    return rank() != other.rank() ? rank() > other.rank() : last_updated >= other.last_updated;
  }
};

std::string to_entry(const Mention& mention, std::string_view id) {
  std::string entry(sizeof mention, '\0');
  std::memcpy(entry.data(), &mention, sizeof mention);
  return entry.append(id);
}

std::pair<Mention, std::string_view> from_entry(std::string_view entry) {
  Mention mention;
  std::memcpy(&mention, entry.data(), sizeof mention);
  return {mention, entry.substr(sizeof mention)};
}

// The newest mention of a resource.
struct Slot {
  Mention newest;
  bool was_in_copy = false;
  std::uint64_t old_hash = 0;
};

std::uint64_t hash_of(std::string_view text) {
  return std::hash<std::string_view>()(text);
}

// What the lists of a copy are called: the files of the old copy and of the stages, the deletions
// of a type, its resources in parts.
std::string old_files_of(const std::string& type) {
  return "old " + type;
}
std::string new_files_of(const std::string& type) {
  return "new " + type;
}
std::string deletions_of(const std::string& type) {
  return "gone " + type;
}
std::string part_name(std::uint64_t part) {
  return "part " + std::to_string(part);
}
constexpr const char* kDeletionFiles = "deletions";

// One type's new file.
class TypeCopy {
 public:
  // `gone_list`: null when the stages change the copy. `parts`: resources are compared in so many
  // turns.
  TypeCopy(fs::path folder, std::string type, SpillLists& lists, NdjsonWriter* gone_list,
           std::uint64_t parts)
      : folder_(std::move(folder)),
        type_(std::move(type)),
        lists_(lists),
        gone_list_(gone_list),
        parts_(parts) {}

  Result<CopyCounts> write(const fs::path& target, bool is_gzip) {
    SLUICE_ASSIGN_OR_RETURN(writer_, NdjsonWriter::create(target, is_gzip));
    SLUICE_RETURN_IF_ERROR(read_new());
    SLUICE_RETURN_IF_ERROR(read_old());
    if (is_in_parts()) {
      for (std::uint64_t part = 0; part < parts_; ++part)
        SLUICE_RETURN_IF_ERROR(compare_part(part));
      if (!is_whole()) SLUICE_RETURN_IF_ERROR(write_old());
    } else {
      settle();
    }
    SLUICE_RETURN_IF_ERROR(write_new());
    SLUICE_RETURN_IF_ERROR(writer_->finish());
    return counts_;
  }
  std::uint64_t old_total() const { return old_total_; }

 private:
  using TakeLine = std::function<Result<void>(std::string_view line, bool is_mixed)>;

  bool is_whole() const { return gone_list_ != nullptr; }
  bool is_in_parts() const { return parts_ > 1; }

  Result<void> each_new_line(
      const std::function<Result<void>(std::uint32_t, std::string_view, bool)>& take) {
    for (const bool is_mixed : {false, true})
      SLUICE_RETURN_IF_ERROR(
          lists_.each(new_files_of(is_mixed ? std::string() : type_), [&](std::string_view entry) {
            const auto [mention, path] = from_entry(entry);
            return each_line(folder_ / path, [&, stage = mention.stage](std::string_view line) {
              return take(stage, line, is_mixed);
            });
          }));
    return {};
  }

  Result<void> each_old_line(const TakeLine& take) {
    for (const bool is_mixed : {false, true})
      SLUICE_RETURN_IF_ERROR(lists_.each(
          old_files_of(is_mixed ? std::string() : type_),
          [&](std::string_view path) -> Result<void> {
            auto taken = each_line(folder_ / path,
                                   [&](std::string_view line) { return take(line, is_mixed); });
            const bool is_mended = !taken && is_whole() && is_damage(taken.error());
            return is_mended ? Result<void>() : taken;
          }));
    return {};
  }

  Result<void> note(const Mention& mention, const std::string& id) {
    if (is_in_parts()) return lists_.add(part_name(hash_of(id) % parts_), to_entry(mention, id));
    take(mention, id);
    return {};
  }

  void take(const Mention& mention, const std::string& id) {
    const auto [at, is_new] = slots_.emplace(id, Slot{mention, false, 0});
    if (!is_new && mention.beats(at->second.newest)) at->second.newest = mention;
  }

  // What the stages say.
  Result<void> read_new() {
    SLUICE_RETURN_IF_ERROR(lists_.each(deletions_of(type_), [&](std::string_view entry) {
      const auto [mention, id] = from_entry(entry);
      return note(mention, std::string(id));
    }));
    std::uint64_t number = 0;
    const auto take_line = [&](std::uint32_t stage, std::string_view line,
                               bool is_mixed) -> Result<void> {
      const std::uint64_t at = number++;
      SLUICE_ASSIGN_OR_RETURN(const auto key, read_key(line, type_, is_mixed));
      if (!key) return {};
      const Mention mention{Mention::Kind::kLine, stage, at, key->last_updated.milliseconds,
                            is_whole() ? hash_of(line) : 0};
      return note(mention, key->id);
    };
    SLUICE_RETURN_IF_ERROR(each_new_line(take_line));
    takes_new_.resize(number);
    return {};
  }

  // What the old copy has: in one turn its lines are written at once.
  Result<void> read_old() {
    std::uint64_t number = 0;
    SLUICE_RETURN_IF_ERROR(each_old_line([&](std::string_view line, bool is_mixed) -> Result<void> {
      const std::uint64_t at = number++;
      auto read = read_key(line, type_, is_mixed);
      if (!read && !is_whole()) return read.error();
      if (read && !*read) return {};
      ++old_total_;
      if (!read) {
        ++counts_.deleted;
        return {};
      }
      const std::string& id = (*read)->id;
      const std::uint64_t hash = is_whole() ? hash_of(line) : 0;
      if (is_in_parts())
        return lists_.add(part_name(hash_of(id) % parts_),
                          to_entry({Mention::Kind::kOldLine, 0, at, 0, hash}, id));
      SLUICE_ASSIGN_OR_RETURN(const bool stays, take_old(id, hash));
      return stays ? writer_->append(line) : Result<void>();
    }));
    if (is_in_parts()) keeps_old_.resize(number);
    return {};
  }

  // Whether the line of the old copy is in the new one.
  Result<bool> take_old(const std::string& id, std::uint64_t hash) {
    const auto found = slots_.find(id);
    if (found == slots_.end()) {
      if (is_whole()) {
        ++counts_.deleted;
        SLUICE_RETURN_IF_ERROR(gone_list_->append(type_ + "/" + id));
        return false;
      }
      ++counts_.total;
      return true;
    }
    if (found->second.newest.kind == Mention::Kind::kDeletion) ++counts_.deleted;
    found->second.was_in_copy = true;
    found->second.old_hash = hash;
    return false;
  }

  Result<void> compare_part(std::uint64_t part) {
    slots_.clear();
    // The old copy's lines were noted last.
    SLUICE_RETURN_IF_ERROR(
        lists_.each(part_name(part), [&](std::string_view entry) -> Result<void> {
          const auto [mention, id_text] = from_entry(entry);
          const std::string id(id_text);
          if (mention.kind != Mention::Kind::kOldLine) {
            take(mention, id);
            return {};
          }
          SLUICE_ASSIGN_OR_RETURN(const bool stays, take_old(id, mention.hash));
          keeps_old_[mention.line] = stays;
          return {};
        }));
    lists_.drop(part_name(part));
    settle();
    return {};
  }

  // All that is said of some resources is known.
  void settle() {
    for (const auto& [id, slot] : slots_) {
      if (slot.newest.kind == Mention::Kind::kDeletion) continue;
      takes_new_[slot.newest.line] = true;
      ++counts_.total;
      const bool is_same = is_whole() && slot.was_in_copy && slot.old_hash == slot.newest.hash;
      if (!is_same) ++(slot.was_in_copy ? counts_.updated : counts_.added);
    }
  }

  Result<void> write_old() {
    std::uint64_t number = 0;
    return each_old_line([&](std::string_view line, bool) {
      return keeps_old_[number++] ? writer_->append(line) : Result<void>();
    });
  }

  Result<void> write_new() {
    std::uint64_t number = 0;
    return each_new_line([&](std::uint32_t, std::string_view line, bool) {
      return takes_new_[number++] ? writer_->append(line) : Result<void>();
    });
  }

  const fs::path folder_;
  const std::string type_;
  SpillLists& lists_;
  NdjsonWriter* const gone_list_;
  const std::uint64_t parts_;
  std::unordered_map<std::string, Slot> slots_;
  std::vector<bool> takes_new_;  // by line of the stages
  std::vector<bool> keeps_old_;  // by line of the old copy, in parts
  std::unique_ptr<NdjsonWriter> writer_;
  CopyCounts counts_;
  std::uint64_t old_total_ = 0;
};

// What is known of a type before its file is written.
struct TypeFiles {
  std::uint64_t old_count = 0;
  std::string old_name;  // one of them
  bool has_new = false;
  std::uint64_t new_lines = 0;
  std::uint64_t deletions = 0;
};

// Shares out by type what a copy is made of, on disk.
class CopySources {
 public:
  CopySources(fs::path folder, SpillLists& lists) : folder_(std::move(folder)), lists_(lists) {}

  Result<void> read(const EachCopyFile& old, const std::vector<EachCopyFile>& stages,
                    bool is_whole) {
    SLUICE_RETURN_IF_ERROR(old([&](const CopyFile& file) { return add_old(file); }));
    for (std::uint32_t stage = 0; stage < stages.size(); ++stage)
      SLUICE_RETURN_IF_ERROR(
          stages[stage]([&](const CopyFile& file) { return add_new(file, stage); }));
    SLUICE_RETURN_IF_ERROR(distribute_mixed(is_whole));
    return is_whole ? Result<void>() : read_deletion_files();
  }
  const std::map<std::string, TypeFiles>& types() const { return types_; }
  bool had_mixed() const { return had_mixed_; }

 private:
  Result<TypeFiles*> type(const std::string& name) {
    const auto found = types_.find(name);
    if (found != types_.end()) return &found->second;
    if (!name.empty()) SLUICE_RETURN_IF_ERROR(check_type(name));
    if (types_.size() == kTypesMax)
      return Error{ErrorKind::kConflict,
                   fmt::format("more than {} types: a copy by type cannot be made", kTypesMax)};
    return &types_[name];
  }

  Result<void> add_old(const CopyFile& file) {
    SLUICE_ASSIGN_OR_RETURN(TypeFiles* const known, type(file.type));
    ++known->old_count;
    known->old_name = file.path.string();
    return lists_.add(old_files_of(file.type), file.path.string());
  }

  Result<void> add_new(const CopyFile& file, std::uint32_t stage) {
    const std::string entry = to_entry({Mention::Kind::kLine, stage, 0, 0, 0}, file.path.string());
    if (file.is_deletions) return lists_.add(kDeletionFiles, entry);
    SLUICE_ASSIGN_OR_RETURN(TypeFiles* const known, type(file.type));
    known->has_new = true;
    known->new_lines += file.line_count;
    return lists_.add(new_files_of(file.type), entry);
  }

  // Files whose manifest does not say their type: their lines do.
  Result<void> distribute_mixed(bool is_whole) {
    const auto mixed = types_.extract("");
    if (mixed.empty()) return {};
    had_mixed_ = mixed.mapped().old_count > 0;
    const auto distribute = [&](std::string_view path, bool is_new) -> Result<void> {
      const auto is_mended = [&](const Error& error) {
        return is_whole && !is_new && is_damage(error);
      };
      const auto read = each_line(folder_ / path, [&](std::string_view line) -> Result<void> {
        const auto key = read_line_key(line);
        if (!key) return is_mended(key.error()) ? Result<void>() : key.error();
        if (key->id.empty()) return {};
        SLUICE_ASSIGN_OR_RETURN(TypeFiles* const known, type(key->type));
        known->has_new = known->has_new || is_new;
        if (is_new) ++known->new_lines;
        return {};
      });
      return !read && is_mended(read.error()) ? Result<void>() : read;
    };
    SLUICE_RETURN_IF_ERROR(lists_.each(
        old_files_of(""), [&](std::string_view path) { return distribute(path, false); }));
    return lists_.each(new_files_of(""), [&](std::string_view entry) {
      return distribute(from_entry(entry).second, true);
    });
  }

  Result<void> read_deletion_files() {
    return lists_.each(kDeletionFiles, [&](std::string_view entry) {
      const auto [mention, path] = from_entry(entry);
      return each_line(
          folder_ / path, [&, stage = mention.stage](std::string_view line) -> Result<void> {
            return each_deletion(
                line, [&](const std::string& type, const std::string& id) -> Result<void> {
                  // Of another type there is nothing that could go.
                  const auto known = types_.find(type);
                  if (known == types_.end()) return {};
                  ++known->second.deletions;
                  return lists_.add(deletions_of(type),
                                    to_entry({Mention::Kind::kDeletion, stage, 0, 0, 0}, id));
                });
          });
    });
  }

  const fs::path folder_;
  SpillLists& lists_;
  std::map<std::string, TypeFiles> types_;
  bool had_mixed_ = false;
};

// Names of files that go, on disk.
class RemovalList {
 public:
  explicit RemovalList(fs::path folder) : folder_(std::move(folder)) {}
  Result<void> add(std::string_view name) {
    if (!writer_) {
      SLUICE_ASSIGN_OR_RETURN(writer_, NdjsonWriter::create(folder_ / name_, false));
    }
    return writer_->append(name);
  }
  /// Its name; empty when there is none.
  Result<std::string> finish() {
    if (!writer_) return std::string();
    SLUICE_RETURN_IF_ERROR(writer_->finish());
    return name_;
  }

 private:
  const std::string name_ = fmt::format(".sluice/{}", kRemovals);
  const fs::path folder_;
  std::unique_ptr<NdjsonWriter> writer_;
};

}  // namespace

bool is_damage(const Error& error) {
  return error.kind == ErrorKind::kCorrupt || error.kind == ErrorKind::kNotFound;
}

Result<CopyPlan> write_copy(const fs::path& folder, const EachCopyFile& old,
                            const std::vector<EachCopyFile>& stages, bool is_gzip, CopyMode mode,
                            const fs::path& gone_list, std::uint64_t compared_at_once) {
  const bool is_whole = mode == CopyMode::kWhole;
  SLUICE_ASSIGN_OR_RETURN(const auto lists, SpillLists::create(folder / ".sluice" / "lists"));
  std::unique_ptr<NdjsonWriter> gone;
  if (is_whole) {
    SLUICE_ASSIGN_OR_RETURN(gone, NdjsonWriter::create(gone_list, false));
  }
  CopySources sources(folder, *lists);
  // All that there is says itself what is gone.
  SLUICE_RETURN_IF_ERROR(sources.read(old, stages, is_whole));
  CopyPlan plan;
  RemovalList removals(folder);
  const auto remove_all_but = [&](const std::string& key, const std::string& name) {
    return lists->each(key, [&](std::string_view old_name) {
      return old_name == name ? Result<void>() : removals.add(old_name);
    });
  };
  SLUICE_RETURN_IF_ERROR(remove_all_but(old_files_of(""), ""));
  for (const auto& [type, files] : sources.types()) {
    const std::string name = type + (is_gzip ? ".00001.ndjson.gz" : ".00001.ndjson");
    plan.files[type] = {name};
    if (!is_whole && !sources.had_mixed() && !files.has_new && files.deletions == 0 &&
        files.old_count == 1 && files.old_name.ends_with(".gz") == is_gzip) {
      if (files.old_name != name) plan.renames.emplace_back(files.old_name, name);
      continue;
    }
    const std::string temporary = ".sluice/" + name + ".new";
    TypeCopy copy(folder, type, *lists, gone.get(),
                  1 + (files.new_lines + files.deletions) / compared_at_once);
    SLUICE_ASSIGN_OR_RETURN(plan.counts[type], copy.write(folder / temporary, is_gzip));
    plan.old_total += copy.old_total();
    if (is_whole) plan.gone += plan.counts[type].deleted;
    plan.renames.emplace_back(temporary, name);
    SLUICE_RETURN_IF_ERROR(remove_all_but(old_files_of(type), name));
  }
  SLUICE_ASSIGN_OR_RETURN(plan.removal_list, removals.finish());
  if (gone) SLUICE_RETURN_IF_ERROR(gone->finish());
  SLUICE_RETURN_IF_ERROR(sync_folder(folder / ".sluice"));
  return plan;
}

Result<void> carry_out(const fs::path& folder, const CopyPlan& plan) {
  for (const auto& [from, to] : plan.renames) {
    std::error_code none;
    if (!fs::exists(folder / from, none)) continue;  // done before
    if (std::rename((folder / from).c_str(), (folder / to).c_str()) != 0)
      return errno_error("cannot rename", folder / from, errno);
  }
  SLUICE_RETURN_IF_ERROR(sync_folder(folder));
  const auto remove = [&](std::string_view name) -> Result<void> {
    std::error_code failed;
    fs::remove(folder / name, failed);
    return failed ? Result<void>(errno_error("cannot remove", folder / name, failed.value()))
                  : Result<void>();
  };
  for (const auto& name : plan.removals) SLUICE_RETURN_IF_ERROR(remove(name));
  // It goes last: without it all was done before.
  std::error_code none;
  if (!plan.removal_list.empty() && fs::exists(folder / plan.removal_list, none))
    SLUICE_RETURN_IF_ERROR(each_line(folder / plan.removal_list, remove));
  return sync_folder(folder);
}

}  // namespace sluice::client
