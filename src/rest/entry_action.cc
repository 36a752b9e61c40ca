#include "rest/entry_action.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

#include "base/utf8.h"

namespace sluice::rest {
namespace {

using Kind = EntryAction::Kind;

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

class ActionReader {
 public:
  ActionReader(const fhir::BundleRequestEntry& entry, std::string_view base_url)
      : entry_(entry), base_url_(base_url) {}

  Result<EntryAction> read() {
    SLUICE_RETURN_IF_ERROR(take_url());
    SLUICE_RETURN_IF_ERROR(take_method());
    SLUICE_RETURN_IF_ERROR(take_conditions());
    const bool wants_resource = action_.kind == Kind::kCreate || action_.kind == Kind::kUpdate ||
                                action_.kind == Kind::kPatch;
    if (wants_resource && entry_.resource == 0)
      return invalid(fmt::format("{} needs a resource", entry_.method));
    if (!wants_resource && entry_.resource != 0)
      return invalid(fmt::format("{} takes no resource", entry_.method));
    return std::move(action_);
  }

 private:
  Error not_understood() const {
    return {ErrorKind::kUnsupported,
            fmt::format("there is no {} of '{}' in a Bundle", shortened(entry_.method, 16),
                        shortened(path_, 128))};
  }

  // "Type", "Type/id" or "Type/id/_history/version", then perhaps a query.
  Result<void> take_url() {
    path_ = entry_.url;
    if (!base_url_.empty() && path_.starts_with(base_url_)) path_.remove_prefix(base_url_.size());
    if (path_.starts_with('/')) path_.remove_prefix(1);
    if (const std::size_t mark = path_.find('?'); mark != std::string_view::npos) {
      query_ = path_.substr(mark + 1);
      path_ = path_.substr(0, mark);
    }
    parts_ = split(path_);
    const auto type = fhir::find_resource_type(parts_.front());
    if (!type) return not_understood();
    action_.type = *type;
    if (parts_.size() == 1) return {};
    if (!fhir::is_valid_id(parts_[1]))
      return invalid("the id in request.url is not 1 to 64 of A-Z a-z 0-9 '-' and '.'");
    action_.id = parts_[1];
    if (query_) return invalid("request.url has an id and a query");
    if (parts_.size() == 2) return {};
    if (parts_.size() != 4 || parts_[2] != "_history" || !fhir::is_valid_id(parts_[3]))
      return not_understood();
    return {};
  }

  Result<void> take_method() {
    const bool is_versioned = parts_.size() == 4;
    const bool has_id = !action_.id.empty();
    if (entry_.method == "GET") {
      if (is_versioned) return take_version();
      action_.kind = has_id ? Kind::kRead : Kind::kSearch;
      if (!has_id) action_.search = std::string(query_.value_or(std::string_view()));
      return {};
    }
    if (is_versioned) return not_understood();
    if (entry_.method == "POST") {
      action_.kind = Kind::kCreate;
      if (has_id || query_) return not_understood();
      return {};
    }
    if (entry_.method == "PUT") {
      action_.kind = Kind::kUpdate;
    } else if (entry_.method == "DELETE") {
      action_.kind = Kind::kDelete;
    } else if (entry_.method == "PATCH") {
      action_.kind = Kind::kPatch;
    } else {
      return invalid(fmt::format("request.method '{}' is none of GET, POST, PUT, PATCH, DELETE",
                                 shortened(entry_.method, 16)));
    }
    if (has_id) return {};
    // Without a condition it would be meant for every resource of the type.
    if (!query_ || query_->empty())
      return invalid(fmt::format("{} needs an id or a query in request.url", entry_.method));
    action_.search = std::string(*query_);
    return {};
  }

  Result<void> take_version() {
    action_.kind = Kind::kReadVersion;
    const std::string_view text = parts_[3];
    const auto [end, failed] =
        std::from_chars(text.data(), text.data() + text.size(), action_.version);
    if (failed == std::errc() && end == text.data() + text.size()) return {};
    return not_found(fmt::format("there is no version '{}' of {}/{}", text, parts_[0], parts_[1]));
  }

  Result<void> take_conditions() {
    const auto misplaced = [&](std::string_view name) {
      return invalid(fmt::format("request.{} does not go with this {}", name, entry_.method));
    };
    if (entry_.if_none_exist) {
      if (action_.kind != Kind::kCreate) return misplaced("ifNoneExist");
      SLUICE_ASSIGN_OR_RETURN(const std::string_view query,
                              query_of_condition(*entry_.if_none_exist, action_.type, base_url_));
      if (query.empty()) return invalid("request.ifNoneExist is empty");
      action_.search = std::string(query);
    }
    const bool is_read = action_.kind == Kind::kRead || action_.kind == Kind::kReadVersion;
    if (entry_.if_modified_since) {
      if (!is_read) return misplaced("ifModifiedSince");
      const auto since = parse_fhir_instant(*entry_.if_modified_since);
      if (!since) return invalid("request.ifModifiedSince is not an instant");
      action_.known.since = *since;
    }
    if (is_read) {
      if (entry_.if_match) return misplaced("ifMatch");
      action_.known.tags = entry_.if_none_match.value_or("");
      return {};
    }
    const bool takes_match = action_.kind != Kind::kCreate && action_.kind != Kind::kSearch;
    if (entry_.if_match && !takes_match) return misplaced("ifMatch");
    if (entry_.if_none_match && action_.kind != Kind::kUpdate) return misplaced("ifNoneMatch");
    if (entry_.if_none_match && action_.search) return misplaced("ifNoneMatch");
    SLUICE_ASSIGN_OR_RETURN(action_.condition,
                            parse_condition(entry_.if_match, entry_.if_none_match));
    return {};
  }

  const fhir::BundleRequestEntry& entry_;
  const std::string_view base_url_;
  std::string_view path_;
  std::vector<std::string_view> parts_;
  std::optional<std::string_view> query_;
  EntryAction action_;
};

}  // namespace

Result<EntryAction> read_action(const fhir::BundleRequestEntry& entry, std::string_view base_url) {
  return ActionReader(entry, base_url).read();
}

}  // namespace sluice::rest
