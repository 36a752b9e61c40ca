#include "client/files/line_scan.h"

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <optional>
#include <utility>

namespace sluice::client {
namespace {

namespace json = boost::json;
using boost::json::error_code;

constexpr std::size_t kDepthMax = 200;
constexpr std::size_t kTextMax = 4096;  // of what is kept of one text
constexpr std::size_t kKeyMax = 32;     // longer than any key that counts
constexpr std::size_t kLevels = 5;      // that are looked at

Error no_object() {
  return corrupt("is not one JSON object");
}

enum class Key : std::uint8_t {
  kOther,
  kType,
  kId,
  kMeta,
  kLastUpdated,
  kParameter,
  kName,
  kEntry,
  kRequest,
  kMethod,
  kUrl,
};

Key key_of(std::string_view name) {
  constexpr std::pair<std::string_view, Key> kKeys[] = {
      {"resourceType", Key::kType},   {"id", Key::kId},
      {"meta", Key::kMeta},           {"lastUpdated", Key::kLastUpdated},
      {"parameter", Key::kParameter}, {"name", Key::kName},
      {"entry", Key::kEntry},         {"request", Key::kRequest},
      {"method", Key::kMethod},       {"url", Key::kUrl},
  };
  for (const auto& [text, key] : kKeys)
    if (name == text) return key;
  return Key::kOther;
}

// What boost's parser calls. Looks at the members of the root, of `meta`, of the first `parameter`
// and of each entry's `request`.
struct Handler {
  explicit Handler(TakeDeletion take_deletion) : take(std::move(take_deletion)) {}

  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  TakeDeletion take;
  LineFacts facts = {};
  bool is_object = false;            // the root
  std::optional<Error> failed = {};  // what `take` said
  std::string_view input = {};       // that is parsed now

  std::size_t depth = 0;                     // open arrays and objects
  std::array<Key, kLevels> keys = {};        // the last one of each level
  std::array<bool, kLevels> is_member = {};  // of each level: it is an object
  std::size_t elements = 0;                  // of the array that is a member of the root
  std::string text = {};
  std::string key_text = {};
  bool is_cut = false;  // the text is longer than we keep
  bool is_raw = true;   // the key is as it stands in the input
  std::optional<std::string> name = {};
  std::string method = {}, url = {}, entry_oddity = {};

  bool in_root() const { return depth == 1 && is_member[1]; }
  bool in_meta() const { return depth == 2 && is_member[2] && keys[1] == Key::kMeta; }
  // An element of the array that is the root's member `key`.
  bool in_element(Key key) const {
    return depth == 3 && !is_member[2] && is_member[3] && keys[1] == key;
  }
  bool in_request() const {
    return depth == 4 && is_member[4] && keys[3] == Key::kRequest && keys[1] == Key::kEntry &&
           !is_member[2] && is_member[3];
  }
  bool is_wanted() const {
    return in_root() || in_meta() || in_element(Key::kParameter) || in_request();
  }
  void note(const char* oddity) {
    if (facts.deletion_oddity.empty()) facts.deletion_oddity = oddity;
  }

  // A value begins that is an object, an array or neither.
  void on_value(char kind) {
    if (in_root() && keys[1] == Key::kEntry && kind != '[') note(kEntryNoList);
    if (in_root() && keys[1] == Key::kId && kind != '"') facts.id.clear();
    if (depth != 2 || is_member[2]) return;
    ++elements;
    if (keys[1] == Key::kEntry && kind != '{') note(kEntryNoObject);
  }
  void open(bool is_an_object) {
    on_value(is_an_object ? '{' : '[');
    if (++depth < kLevels) {
      is_member[depth] = is_an_object;
      keys[depth] = Key::kOther;
    }
    if (depth == 1) is_object = is_an_object;
    if (depth == 2) elements = 0;
    if (in_element(Key::kParameter)) name.reset();
    if (in_element(Key::kEntry)) entry_oddity = kEntryNoRequest;
    if (in_request()) {
      method.clear();
      url.clear();
    }
  }
  bool close(error_code& ec) {
    if (in_element(Key::kParameter) && elements == 1) facts.is_header = name == "header";
    if (in_element(Key::kEntry)) note(entry_oddity.c_str());
    bool goes_on = true;
    if (in_request()) goes_on = take_request(ec);
    --depth;
    return goes_on;
  }
  bool take_request(error_code& ec) {
    auto target = deletion_target(url);
    if (method != "DELETE" || target.first.empty()) {
      entry_oddity = kEntryNoDelete;
      return true;
    }
    entry_oddity.clear();
    if (!take) return true;
    if (auto taken = take(std::move(target.first), std::move(target.second)); !taken) {
      failed = taken.error();
      ec = json::make_error_code(json::error::incomplete);
      return false;
    }
    return true;
  }

  void add_key(json::string_view part) {
    // What the parser made of escapes does not stand in its input.
    const auto* begin = input.data();
    const bool stands_there =
        part.empty() || (std::less_equal<>()(begin, part.data()) &&
                         std::less_equal<>()(part.data() + part.size(), begin + input.size()));
    is_raw = is_raw && stands_there;
    key_text.append(part.data(),
                    std::min(part.size(), kKeyMax + 1 - std::min(kKeyMax + 1, key_text.size())));
  }
  void take_key() {
    const Key key = key_of(key_text);
    if (depth < kLevels) keys[depth] = key;
    if (in_root() && (key == Key::kType || key == Key::kId)) {
      ++(key == Key::kType ? facts.types : facts.ids);
      facts.is_plain = facts.is_plain && is_raw;
    }
    key_text.clear();
    is_raw = true;
  }
  void add_text(json::string_view part) {
    if (!is_wanted()) return;
    const std::size_t room = kTextMax - std::min(kTextMax, text.size());
    is_cut = is_cut || part.size() > room;
    text.append(part.data(), std::min(room, part.size()));
  }
  void take_text() {
    on_value('"');
    const Key key = depth < kLevels ? keys[depth] : Key::kOther;
    if (in_root()) {
      if (key == Key::kType) facts.type = text;
      if (key == Key::kId) facts.id = is_cut ? "" : text;
      if (key == Key::kId) facts.has_id = facts.has_id || !facts.id.empty();
      if (key == Key::kId) facts.has_plain_id = is_plain_id(facts.id);
    } else if (in_meta()) {
      if (key == Key::kLastUpdated)
        if (const auto instant = parse_fhir_instant(text)) facts.last_updated = *instant;
    } else if (in_element(Key::kParameter)) {
      if (key == Key::kName) name = text;
    } else if (in_request()) {
      if (key == Key::kMethod) method = text;
      if (key == Key::kUrl) url = is_cut ? "" : text;
    }
    text.clear();
    is_cut = false;
  }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    open(true);
    return true;
  }
  bool on_object_end(std::size_t, error_code& ec) { return close(ec); }
  bool on_array_begin(error_code&) {
    open(false);
    return true;
  }
  bool on_array_end(std::size_t, error_code& ec) { return close(ec); }
  bool on_key_part(json::string_view part, std::size_t, error_code&) {
    add_key(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, error_code&) {
    add_key(part);
    take_key();
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, error_code&) {
    add_text(part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t, error_code&) {
    add_text(part);
    take_text();
    return true;
  }
  bool on_scalar() {
    on_value('0');
    return true;
  }
  bool on_number_part(json::string_view, error_code&) { return true; }
  bool on_int64(std::int64_t, json::string_view, error_code&) { return on_scalar(); }
  bool on_uint64(std::uint64_t, json::string_view, error_code&) { return on_scalar(); }
  bool on_double(double, json::string_view, error_code&) { return on_scalar(); }
  bool on_bool(bool, error_code&) { return on_scalar(); }
  bool on_null(error_code&) { return on_scalar(); }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }
};

json::parse_options options() {
  json::parse_options options;
  options.max_depth = kDepthMax;
  return options;
}

}  // namespace

bool is_plain_id(std::string_view id) {
  return std::none_of(id.begin(), id.end(),
                      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

struct LineScan::Impl {
  explicit Impl(TakeDeletion take) : parser(options(), std::move(take)) {}
  json::basic_parser<Handler> parser;
  bool has_begun = false;

  Result<void> write(bool more, std::string_view bytes) {
    error_code failed;
    parser.handler().input = bytes;
    const std::size_t used = parser.write_some(more, bytes.data(), bytes.size(), failed);
    if (parser.handler().failed) return *parser.handler().failed;
    if (failed || bytes.substr(used).find_first_not_of(" \t\r\n") != std::string_view::npos)
      return no_object();
    return {};
  }
};

LineScan::LineScan(TakeDeletion take) : impl_(std::make_unique<Impl>(std::move(take))) {}
LineScan::~LineScan() = default;
LineScan::LineScan(LineScan&&) noexcept = default;
LineScan& LineScan::operator=(LineScan&&) noexcept = default;

bool LineScan::is_blank() const {
  return !impl_->has_begun;
}

Result<void> LineScan::feed(std::string_view bytes) {
  const auto first = bytes.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos && (is_blank() || impl_->parser.done())) return {};
  if (is_blank()) bytes.remove_prefix(first);
  impl_->has_begun = true;
  if (impl_->parser.done()) return no_object();
  return impl_->write(true, bytes);
}

Result<LineFacts> LineScan::finish() {
  if (is_blank()) return no_object();
  if (!impl_->parser.done()) SLUICE_RETURN_IF_ERROR(impl_->write(false, {}));
  auto& handler = impl_->parser.handler();
  if (!handler.is_object) return no_object();
  handler.facts.is_header = handler.facts.is_header && handler.facts.type == "Parameters";
  return std::move(handler.facts);
}

Result<LineFacts> scan_line(std::string_view line, TakeDeletion take) {
  LineScan scan(std::move(take));
  SLUICE_RETURN_IF_ERROR(scan.feed(line));
  return scan.finish();
}

}  // namespace sluice::client
