#include "fhir/resource_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

#include "base/digest.h"
#include "base/sort_unique.h"
#include "fhir/attachment_urls.h"
#include "fhir/compartment.h"
#include "fhir/group_members.h"
#include "fhir/reference.h"
#include "fhir/reference_walk.h"
#include "fhir/resource_content.h"
#include "json/json_check.h"
#include "json/json_tokens.h"
#include "json/key_scopes.h"

namespace sluice::fhir {

struct ResourceReader::Impl {
  Impl(ReaderLimits limits_in, std::string base_url_in, Tokens kept_in)
      : limits(limits_in), base_url(std::move(base_url_in)), kept(kept_in) {}

  /// What the resource is called: its own id, or the one that it is given.
  struct Naming {
    std::optional<std::string_view> id = std::nullopt;
    bool replaces = false;  ///< also an own id
  };

  Result<IncomingResource> read(std::string_view json, const Naming& naming);
  Result<IncomingResource> read(const JsonTokens& tokens, const Naming& naming);
  Result<void> check_size(std::size_t size, std::size_t size_max) const;
  Result<void> collect(bool has_escapes);
  void collect_reference(std::size_t token, CompartmentPaths::Place place, bool has_escapes);
  std::string_view text_of(std::size_t token, bool has_escapes);
  Result<ResourceType> resource_type();
  void take_references(IncomingResource& out);

  /// An object or array that is open.
  struct Frame {
    CompartmentPaths::Place place;
    bool is_object;
  };
  /// A reference to a patient at a place where some type has a compartment path.
  struct PatientAt {
    CompartmentPaths::Place place;
    std::string_view id;
  };

  const ReaderLimits limits;
  const std::string base_url;
  const Tokens kept;
  JsonTokens own_tokens;
  const JsonTokens* known = &own_tokens;  // of the resource that is read
  Digester sha256{DigestAlgorithm::kSha256};
  // What collect() finds; views into the tokens' text or into `unescaped`.
  RootMembers root;
  KeyScopes keys;
  std::vector<Frame> frames;
  std::vector<PatientAt> patients;
  std::vector<ReferenceView> supporting;
  std::deque<std::string> unescaped;  // a deque: views must survive the next one
};

/// What the string at `token` means. Eight bytes behind the view are readable.
std::string_view ResourceReader::Impl::text_of(std::size_t token, bool has_escapes) {
  const std::string_view raw = known->raw_string(token);
  if (!has_escapes || raw.find('\\') == std::string_view::npos) return raw;
  std::string& text = unescaped.emplace_back(unescape(raw));
  const std::size_t size = text.size();
  text.append(8, '\0');
  return std::string_view(text).substr(0, size);
}

void ResourceReader::Impl::collect_reference(std::size_t token, CompartmentPaths::Place place,
                                             bool has_escapes) {
  const auto reference = parse_reference(text_of(token, has_escapes), base_url);
  if (!reference) return;
  if (reference->type == types::kPatient) {
    if (CompartmentPaths::instance().is_end(place)) patients.push_back({place, reference->id});
  } else if (may_be_supporting(reference->type)) {
    supporting.push_back(*reference);
  }
}

/// One walk over the tokens of a checked text: keys, root members, references.
Result<void> ResourceReader::Impl::collect(bool has_escapes) {
  const JsonTokens& tokens = *known;
  const CompartmentPaths& paths = CompartmentPaths::instance();
  root = {};
  keys.clear();
  frames.clear();
  patients.clear();
  supporting.clear();
  unescaped.clear();
  CompartmentPaths::Place next = CompartmentPaths::kRoot;  // of the container that opens next
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    switch (tokens.first(i)) {
      case '{':
        frames.push_back({next, true});
        keys.open();
        break;
      case '[':
        frames.push_back({next, false});
        break;
      case '}':
        if (!keys.close()) {
          return invalid(fmt::format("a key stands twice in the object that ends at byte {}",
                                     tokens.begin(i)));
        }
        [[fallthrough]];
      case ']':
        frames.pop_back();
        // What follows in an array of objects is at the array's place; in an object a key says it.
        if (!frames.empty()) next = frames.back().place;
        break;
      case '"': {
        const Frame& frame = frames.back();
        if (!frame.is_object) break;
        const std::string_view key = text_of(i, has_escapes);
        if (!keys.add(key)) {
          return invalid(
              fmt::format("a key stands twice in one object, at byte {}", tokens.begin(i)));
        }
        if (frames.size() == 1) {
          if (key == "resourceType") root.resource_type = i;
          if (key == "id") root.id = i;
          if (key == "meta") root.meta = i;
        }
        i += 2;  // to the value
        const char value = tokens.first(i);
        if (value == '{' || value == '[') {
          next = frame.place == CompartmentPaths::kNowhere ? CompartmentPaths::kNowhere
                                                           : paths.step(frame.place, key);
          --i;
        } else if (value == '"' && key == "reference") {
          collect_reference(i, frame.place, has_escapes);
        }
        break;
      }
      default:
        break;
    }
  }
  return {};
}

Result<ResourceType> ResourceReader::Impl::resource_type() {
  if (root.resource_type == 0) return invalid("resourceType is missing");
  if (known->first(root.resource_type + 2) != '"') return invalid("resourceType is not a string");
  const auto type = find_resource_type(unescape(known->raw_string(root.resource_type + 2)));
  if (!type) return invalid("resourceType is not a resource type of FHIR R4");
  return *type;
}

void ResourceReader::Impl::take_references(IncomingResource& out) {
  const CompartmentPaths& paths = CompartmentPaths::instance();
  for (const PatientAt& patient : patients) {
    if (paths.counts(patient.place, out.type)) out.owners.emplace_back(patient.id);
  }
  sort_unique(out.owners);
  if (out.type == types::kPatient) {
    std::erase(out.owners, out.id);
    out.owners.insert(out.owners.begin(), out.id);
  }
  // Views are sorted before any string is made: a claim names the same practitioner many times.
  const auto key = [](const ReferenceView& r) { return std::pair(r.type, r.id); };
  std::sort(supporting.begin(), supporting.end(),
            [&](const ReferenceView& a, const ReferenceView& b) { return key(a) < key(b); });
  for (const ReferenceView& reference : supporting) {
    const bool is_new = out.supporting.empty() || out.supporting.back().type != reference.type ||
                        out.supporting.back().id != reference.id;
    if (is_new) out.supporting.push_back({reference.type, std::string(reference.id)});
  }
}

Result<void> ResourceReader::Impl::check_size(std::size_t size, std::size_t size_max) const {
  if (size <= size_max) return {};
  return Error{ErrorKind::kTooLarge, fmt::format("larger than {} bytes", size_max)};
}

Result<IncomingResource> ResourceReader::Impl::read(std::string_view json, const Naming& naming) {
  // What the text is, is known once it is read; what is too large for anything is not read at all.
  SLUICE_RETURN_IF_ERROR(
      check_size(json.size(), std::max(limits.resource_size_max, limits.group_size_max)));
  SLUICE_RETURN_IF_ERROR(own_tokens.read(json));
  return read(own_tokens, naming);
}

Result<IncomingResource> ResourceReader::Impl::read(const JsonTokens& tokens,
                                                    const Naming& naming) {
  known = &tokens;
  SLUICE_ASSIGN_OR_RETURN(const JsonTraits traits, check_json_object(tokens, limits.depth_max));
  SLUICE_RETURN_IF_ERROR(collect(traits.has_escapes));

  IncomingResource out;
  SLUICE_ASSIGN_OR_RETURN(out.type, resource_type());
  SLUICE_RETURN_IF_ERROR(check_size(tokens.text().size(), out.type == types::kGroup
                                                              ? limits.group_size_max
                                                              : limits.resource_size_max));

  if (root.id != 0) {
    if (tokens.first(root.id + 2) != '"') return invalid("id is not a string");
    out.id = unescape(tokens.raw_string(root.id + 2));
  } else if (naming.id) {
    out.id = *naming.id;
  } else {
    return invalid("id is missing");
  }
  if (!is_valid_id(out.id)) return invalid("id is not 1 to 64 of A-Z a-z 0-9 '-' and '.'");
  if (naming.replaces) out.id = *naming.id;
  if (root.meta != 0 && tokens.first(root.meta + 2) != '{') return invalid("meta is not an object");

  take_references(out);
  if (out.type == types::kProvenance) out.targets = possible_targets(tokens);
  if (may_name_binary(tokens.text())) out.binaries = possible_binaries(tokens, out.type);
  if (out.type == types::kGroup) out.members = encode_members(tokens, base_url);
  write_content(tokens, root, naming.replaces, kept == Tokens::kKept, out);
  sha256.add(out.content);
  const std::string_view digest = sha256.finish();
  std::copy_n(digest.begin(), out.digest.size(), out.digest.begin());
  return out;
}

ResourceReader::ResourceReader(ReaderLimits limits, std::string base_url, Tokens tokens)
    : impl_(std::make_unique<Impl>(limits, std::move(base_url), tokens)) {}
ResourceReader::~ResourceReader() = default;
ResourceReader::ResourceReader(ResourceReader&&) noexcept = default;
ResourceReader& ResourceReader::operator=(ResourceReader&&) noexcept = default;

const JsonTokens& ResourceReader::tokens() const {
  return impl_->own_tokens;
}

Result<IncomingResource> ResourceReader::read(std::string_view json) {
  return impl_->read(json, {});
}

Result<IncomingResource> ResourceReader::read(std::string_view json,
                                              std::string_view id_if_missing) {
  return impl_->read(json, {id_if_missing});
}

Result<IncomingResource> ResourceReader::read_as_new(std::string_view json, std::string_view id) {
  return impl_->read(json, {id, true});
}

Result<IncomingResource> ResourceReader::read(const JsonTokens& tokens) {
  return impl_->read(tokens, {});
}

Result<IncomingResource> ResourceReader::read(const JsonTokens& tokens,
                                              std::string_view id_if_missing) {
  return impl_->read(tokens, {id_if_missing});
}

Result<IncomingResource> ResourceReader::read_as_new(const JsonTokens& tokens,
                                                     std::string_view id) {
  return impl_->read(tokens, {id, true});
}

Result<IncomingResource> ResourceReader::read_again(std::string_view id_if_missing) {
  return impl_->read(impl_->own_tokens, {id_if_missing});
}

}  // namespace sluice::fhir
