#include "fhir/resource_content.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "json/json_check.h"
#include "json/token_copy.h"

namespace sluice::fhir {
namespace {

/// A part of the text that is left out, or a place (begin == end) where something is put in.
struct Edit {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string_view insertion = {};
  bool is_meta_place = false;
};

/// Small and fixed: at most an id, the place of meta, and four members of meta go through here.
class Edits {
 public:
  void add(const Edit& edit) { edits_[size_++] = edit; }
  std::span<const Edit> in_order() {
    std::stable_sort(edits_.begin(), edits_.begin() + size_,
                     [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
    return std::span(edits_).first(size_);
  }

 private:
  std::array<Edit, 8> edits_;
  std::ptrdiff_t size_ = 0;
};

/// Ours to say, not the source's: versionId, lastUpdated and their extensions.
bool is_replaced(std::string_view raw_key) {
  return means(raw_key, "versionId") || means(raw_key, "lastUpdated") ||
         means(raw_key, "_versionId") || means(raw_key, "_lastUpdated");
}

/// Adds the removal of the members of meta that we replace, each with one comma so that the rest
/// stays JSON. Returns whether anything stays.
bool remove_replaced(const JsonTokens& tokens, std::size_t meta_value, Edits& edits) {
  std::size_t kept_comma = 0;    // the comma behind the last member that stays; 0 before the first
  std::size_t removed_from = 0;  // the first byte of the members to remove behind it; 0 for none
  std::size_t removed_to = 0;    // with the comma behind the last of them, if there is one
  bool keeps_any = false;
  const auto flush = [&] {
    if (removed_from != 0) edits.add({removed_from, removed_to});
    removed_from = 0;
  };
  std::size_t key = meta_value + 1;
  while (tokens.first(key) == '"') {
    const std::size_t behind = tokens.behind(key + 2);
    const bool is_last = tokens.first(behind) == '}';
    if (is_replaced(tokens.raw_string(key))) {
      if (removed_from == 0) removed_from = tokens.begin(key);
      removed_to = is_last ? tokens.end(behind - 1) : tokens.begin(behind) + 1;
      // Nothing stays behind the comma of the last member that does: it goes too.
      if (is_last && kept_comma != 0) removed_from = kept_comma;
    } else {
      flush();
      keeps_any = true;
      kept_comma = tokens.begin(behind);
    }
    if (is_last) break;
    key = behind + 1;
  }
  flush();
  return keeps_any;
}

}  // namespace

void write_content(const JsonTokens& tokens, const RootMembers& root, bool replaces_id,
                   bool keeps_tokens, IncomingResource& out) {
  Edits edits;
  const std::size_t named = root.id != 0 ? root.id : root.resource_type;
  const std::size_t behind_name = tokens.end(named + 2);
  std::string id_text;
  if (root.id == 0) {
    id_text = fmt::format(R"(,"id":"{}")", out.id);
    edits.add({behind_name, behind_name, id_text});
  } else if (replaces_id) {
    id_text = fmt::format(R"("{}")", out.id);
    edits.add({tokens.begin(root.id + 2), behind_name, id_text});
  }
  if (root.meta == 0) {
    out.meta_place = IncomingResource::MetaPlace::kWholeMeta;
    edits.add({behind_name, behind_name, {}, true});
  } else {
    const std::size_t behind_brace = tokens.begin(root.meta + 2) + 1;
    edits.add({behind_brace, behind_brace, {}, true});
    out.meta_place = remove_replaced(tokens, root.meta + 2, edits)
                         ? IncomingResource::MetaPlace::kFirstMembers
                         : IncomingResource::MetaPlace::kOnlyMembers;
  }

  const std::string_view text = tokens.text();
  const bool has_breaks =
      text.find('\n') != std::string_view::npos || text.find('\r') != std::string_view::npos;
  out.content.clear();
  out.content.reserve(text.size() + id_text.size());
  out.token_offsets.clear();
  // What a new id and the end of the text add.
  if (keeps_tokens) out.token_offsets.reserve(tokens.size() + 5);
  TokenCopy copy(tokens, 0, out.content, keeps_tokens ? &out.token_offsets : nullptr,
                 has_breaks ? TokenCopy::Lines::kOne : TokenCopy::Lines::kAsTheyAre);
  for (const Edit& edit : edits.in_order()) {
    copy.keep_until(edit.begin);
    copy.insert(edit.insertion);
    if (edit.is_meta_place) out.meta_offset = copy.size();
    copy.skip_until(edit.end);
  }
  copy.keep_until(tokens.begin(tokens.size() - 1) + 1);
  copy.finish();
}

namespace {

/// What stands at the place of meta.
std::string meta_text(const IncomingResource& resource, std::uint32_t version,
                      Instant last_updated) {
  const bool is_whole = resource.meta_place == IncomingResource::MetaPlace::kWholeMeta;
  const bool is_first = resource.meta_place == IncomingResource::MetaPlace::kFirstMembers;
  return fmt::format(R"({}"versionId":"{}","lastUpdated":"{}"{}{})", is_whole ? R"(,"meta":{)" : "",
                     version, to_fhir_instant(last_updated), is_whole ? "}" : "",
                     is_first ? "," : "");
}

}  // namespace

void append_with_meta(std::string& out, const IncomingResource& resource, std::uint32_t version,
                      Instant last_updated) {
  const std::string_view content = resource.content;
  out.reserve(out.size() + content.size() + 96);
  out.append(content.substr(0, resource.meta_offset));
  out.append(meta_text(resource, version, last_updated));
  out.append(content.substr(resource.meta_offset));
}

StoredText with_meta(const IncomingResource& resource, std::uint32_t version,
                     Instant last_updated) {
  StoredText stored;
  if (resource.token_offsets.empty()) {
    append_with_meta(stored.json, resource, version, last_updated);
    return stored;
  }
  constexpr std::size_t kTokensOfMeta = 13;
  const JsonTokens tokens = resource.tokens();
  stored.json.reserve(resource.content.size() + 96);
  stored.token_offsets.reserve(resource.token_offsets.size() + kTokensOfMeta);
  TokenCopy copy(tokens, 0, stored.json, &stored.token_offsets);
  copy.keep_until(resource.meta_offset);
  copy.insert(meta_text(resource, version, last_updated));
  copy.keep_until(resource.content.size());
  copy.finish();
  return stored;
}

}  // namespace sluice::fhir
