#include "fhir/bundle_links.h"

#include <vector>

#include "fhir/narrative_links.h"
#include "fhir/resource_type.h"
#include "json/json_check.h"
#include "json/json_walk.h"
#include "json/token_copy.h"

namespace sluice::fhir {
namespace {

// One pass from the first token to the last, whatever the depth.
class Walk {
 public:
  /// `copy`: nullptr when nothing is replaced.
  Walk(const JsonTokens& tokens, const LinkTarget& target, TokenCopy* copy)
      : tokens_(tokens), target_(target), copy_(copy) {}

  Result<void> run(std::size_t resource) {
    std::string_view key;  // of the value that comes next
    for (std::size_t i = resource;; ++i) {
      switch (tokens_.first(i)) {
        case '{':
          frames_.push_back({true, i, name_of(key), {}, false});
          break;
        case '[':
          frames_.push_back({false, i, name_of(key), {}, false});
          break;
        case '}':
        case ']':
          frames_.pop_back();
          break;
        case '"':
          if (frames_.back().is_object) {
            key = tokens_.raw_string(i);
            i += 1;  // the colon; the value is next
            if (tokens_.first(i + 1) != '"') continue;
            i += 1;
            SLUICE_RETURN_IF_ERROR(look_at(i, unescape(key)));
          } else {
            SLUICE_RETURN_IF_ERROR(look_at(i, frames_.back().name));
          }
          break;
        default:
          break;
      }
      if (frames_.empty()) {
        if (copy_ != nullptr) {
          copy_->keep_until(tokens_.begin(i) + 1);
          copy_->finish();
        }
        return {};
      }
    }
  }

 private:
  struct Frame {
    bool is_object = false;
    std::size_t token = 0;
    std::string name;    // the member whose value this is
    std::string parent;  // the parent of its members, determined on demand
    bool knows_parent = false;
  };

  // Within an array the name is the array's.
  std::string name_of(std::string_view key) const {
    if (frames_.empty()) return {};
    return frames_.back().is_object ? unescape(key) : frames_.back().name;
  }

  Frame& innermost_object() {
    std::size_t i = frames_.size();
    while (!frames_[i - 1].is_object) --i;
    return frames_[i - 1];
  }

  /// A part of a string.
  void replace(std::size_t begin, std::size_t end, std::string_view by) {
    if (copy_ == nullptr) return;
    copy_->keep_until(begin);
    copy_->insert_in_string(by);
    copy_->skip_until(end);
  }

  /// The name of what an element stands in: for a root element the resource's type.
  const std::string& parent() {
    Frame& object = innermost_object();
    if (object.knows_parent) return object.parent;
    object.knows_parent = true;
    object.parent = object.name;
    const bool is_resource =
        object.name.empty() || object.name == "contained" || object.name == "resource";
    if (is_resource)
      object.parent = string_member(tokens_, object.token, "resourceType").value_or(object.name);
    return object.parent;
  }

  Result<void> look_at(std::size_t value, const std::string& element) {
    const std::string_view raw = tokens_.raw_string(value);
    const std::size_t begin = tokens_.begin(value) + 1;
    if (element == "div") {
      for (const auto& link : narrative_links(raw)) {
        SLUICE_ASSIGN_OR_RETURN(const auto target, target_(LinkPlace::kNarrative, link.text));
        if (target) replace(begin + link.begin, begin + link.end, *target);
      }
      return {};
    }
    // What can be replaced is an absolute URI or "Type/id" or "Type?search".
    if (raw.find_first_of(":/?\\") == std::string_view::npos) return {};
    LinkPlace place = LinkPlace::kUri;
    if (element == "reference") {
      place = LinkPlace::kReference;
    } else if (!is_link_element(element, parent())) {
      return {};
    }
    SLUICE_ASSIGN_OR_RETURN(const auto target, target_(place, unescape(raw)));
    if (target) replace(begin, begin + raw.size(), *target);
    return {};
  }

  const JsonTokens& tokens_;
  const LinkTarget& target_;
  TokenCopy* const copy_;
  std::vector<Frame> frames_;
};

}  // namespace

Result<void> rewrite_links(const JsonTokens& tokens, std::size_t resource, const LinkTarget& target,
                           std::string& out, std::vector<std::uint32_t>* offsets) {
  TokenCopy copy(tokens, resource, out, offsets);
  return Walk(tokens, target, &copy).run(resource);
}

Result<void> each_link(const JsonTokens& tokens, std::size_t resource, const LinkVisit& visit) {
  const LinkTarget look = [&](LinkPlace place,
                              std::string_view text) -> Result<std::optional<std::string>> {
    SLUICE_RETURN_IF_ERROR(visit(place, text));
    return std::nullopt;
  };
  return Walk(tokens, look, nullptr).run(resource);
}

}  // namespace sluice::fhir
