#include "client/protocol/manifest_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>
#include <vector>

#include "base/text.h"
#include "base/utf8.h"

namespace sluice::client {
namespace {

namespace json = boost::json;
using boost::system::error_code;

constexpr std::size_t kOutcomeShown = 300;

Error bad_manifest(std::string what) {
  return {ErrorKind::kUnavailable, "the manifest cannot be read: " + std::move(what)};
}

// What boost's parser calls. Keeps the path of keys and looks at few of them.
struct Handler {
  Handler(ManifestReader::OnItem take, const ManifestLimits& bounds)
      : on_item(std::move(take)), limits(bounds) {}

  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  ManifestReader::OnItem on_item;
  ManifestLimits limits;
  ManifestHead head = {};
  bool has_output = false;
  bool is_object = false;
  std::string problem = {};          // of ours; boost's parser has its own
  std::optional<Error> failed = {};  // what on_item said

  std::vector<bool> open = {};  // true: an object
  std::string key = {};         // the last one read
  std::string section = {};     // the member of the root that we are in
  std::string text = {};        // of a string in parts
  std::string key_text = {};
  bool is_cut = false;  // a text was longer than we keep
  ManifestItem item = {};
  bool has_members = false;  // the entry
  std::string relation = {}, link_url = {};
  std::uint64_t items = 0;

  std::optional<FileKind> kind() const {
    if (section == "output") return FileKind::kOutput;
    if (section == "deleted") return FileKind::kDeleted;
    if (section == "error" || section == "outcome") return FileKind::kOutcome;
    return std::nullopt;
  }
  bool in_list() const { return kind() || section == "link"; }
  // How deep the entry of a list is that we are in: an object in an array, or one in place of the
  // array, which some write for a single entry. 0: in none.
  std::size_t entry_depth() const {
    if (open.size() < 2 || !open[0]) return 0;
    if (open[1]) return in_list() ? 2 : 0;
    return open.size() > 2 && open[2] ? 3 : 0;
  }
  bool in_entry() const { return !open.empty() && open.size() == entry_depth(); }
  // Where a value stands that should be the entry of a list, or the list itself.
  bool in_place_of_entry() const { return open.size() == 2 && open[0] && !open[1] && in_list(); }
  bool in_place_of_list() const { return open.size() == 1 && open[0] && in_list(); }

  bool fail(error_code& ec, std::string what) {
    problem = std::move(what);
    ec = json::make_error_code(json::error::incomplete);
    return false;
  }
  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  // Below an entry: an OperationOutcome in place of a file's name.
  bool in_inline_outcome() const {
    return entry_depth() > 0 && open.size() > entry_depth() && kind() == FileKind::kOutcome;
  }
  bool on_object_begin(error_code&) {
    open.push_back(true);
    if (open.size() == 1) is_object = true;
    if (in_entry()) {
      item = {};
      has_members = false;
      relation.clear();
      link_url.clear();
    }
    return true;
  }
  bool on_object_end(std::size_t, error_code& ec) {
    const bool is_entry = in_entry();
    const bool is_bare = open.size() == 2;
    open.pop_back();
    // {} in place of a list is an empty one.
    if (!is_entry || (is_bare && !has_members)) return true;
    if (is_bare && section == "output") has_output = true;
    if (section == "link") {
      take_link();
      return true;
    }
    return give_item(ec);
  }
  void take_link() {
    const bool is_next = to_lower(relation) == "next";
    if (is_next && !link_url.empty()) head.next = link_url;
    const bool is_clear = is_next ? !link_url.empty() : !relation.empty() || link_url.empty();
    if (!is_clear) head.has_odd_link = true;
  }
  bool give_item(error_code& ec) {
    const auto of = kind();
    if (!of) return true;
    if (++items > limits.items_max) return fail(ec, "it names too many files");
    item.kind =
        *of == FileKind::kOutput && item.type == "OperationOutcome" ? FileKind::kOutcome : *of;
    if (auto taken = on_item(std::move(item)); !taken) {
      failed = taken.error();
      return fail(ec, "");
    }
    return true;
  }
  // What is no object where an entry should be: nothing tells what it stands for.
  bool give_odd(std::string_view words, error_code& ec) {
    if (section == "link") {
      head.has_odd_link = true;
      return true;
    }
    item = {};
    item.is_odd = true;
    item.text = std::string(shortened(words, kOutcomeShown));
    return give_item(ec);
  }
  bool take_scalar(bool says_something, std::string_view words, error_code& ec) {
    const bool is_odd = in_place_of_entry() || (in_place_of_list() && says_something);
    return !is_odd || give_odd(words, ec);
  }
  bool on_array_begin(error_code& ec) {
    if (open.size() == 1 && section == "output") has_output = true;
    const bool is_odd = in_place_of_entry();
    open.push_back(false);
    return !is_odd || give_odd({}, ec);
  }
  bool on_array_end(std::size_t, error_code&) {
    open.pop_back();
    return true;
  }
  // What is longer than we keep matters only where we use it.
  void add(std::string& to, json::string_view part) {
    const std::size_t room = limits.text_size_max - std::min(limits.text_size_max, to.size());
    is_cut = is_cut || part.size() > room;
    to.append(part.data(), std::min(room, part.size()));
  }
  bool on_key_part(json::string_view part, std::size_t, error_code&) {
    add(key_text, part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, error_code&) {
    add(key_text, part);
    key = std::move(key_text);
    key_text.clear();
    is_cut = false;
    if (in_entry()) has_members = true;
    if (open.size() == 1) section = key;
    if (open.size() == 1 && key == "deleted") head.lists_deletions = true;
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, error_code&) {
    add(text, part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t, error_code& ec) {
    add(text, part);
    const bool is_ours = in_entry() && (is_url_key() || key == "type");
    if (is_cut && is_ours) return fail(ec, "a text is too long");
    is_cut = false;
    take_text();
    const bool goes_on = take_scalar(!text.empty(), text, ec);
    text.clear();
    return goes_on;
  }
  bool is_url_key() const { return key == "url" || (key == "href" && section == "link"); }
  void take_text() {
    if (open.size() == 1 && open[0]) {
      if (key == "transactionTime") head.transaction_time = text;
      if (key == "request") head.request = text;
      if (key == "outputFormat") head.output_format = text;
      if (key == "outputOrganizedBy") head.organized_by = text;
      if (key == "requiresAccessToken") head.requires_access_token = text == "true";
    } else if (section == "link" && in_entry()) {
      if (key == "relation" || key == "rel") relation = text;
      if (is_url_key()) link_url = text;
    } else if (in_entry()) {
      if (key == "type" || key == "resourceType") item.type = text;
      if (key == "url") item.url = text;
      // Some write numbers as texts.
      if (const auto number = parse_number(text)) take_number(*number);
    } else if (in_inline_outcome()) {
      const bool is_words = key == "diagnostics" || key == "text" || key == "display";
      if (is_words && item.text.empty()) item.text = std::string(shortened(text, kOutcomeShown));
      if (key == "severity" && weight(text) > weight(item.severity)) item.severity = text;
    }
  }
  static int weight(std::string_view severity) {
    if (severity == "fatal" || severity == "error") return 3;
    return severity == "warning" ? 2 : severity == "information" ? 1 : 0;
  }
  static std::optional<std::uint64_t> parse_number(std::string_view digits) {
    std::uint64_t value = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failed != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  }
  void take_number(std::uint64_t value) {
    if (!in_entry()) return;
    if (key == "count") item.count = value;
    if (key == "fileSize") item.size = value;
  }
  bool on_number_part(json::string_view, error_code&) { return true; }
  bool on_int64(std::int64_t value, json::string_view, error_code& ec) {
    // A negative count says nothing.
    if (value >= 0) take_number(static_cast<std::uint64_t>(value));
    return take_scalar(value != 0, {}, ec);
  }
  bool on_uint64(std::uint64_t value, json::string_view, error_code& ec) {
    take_number(value);
    return take_scalar(true, {}, ec);
  }
  bool on_double(double value, json::string_view, error_code& ec) {
    if (value >= 0 && value < 1e15 && value == std::floor(value))
      take_number(static_cast<std::uint64_t>(value));
    return take_scalar(true, {}, ec);
  }
  bool on_bool(bool value, error_code& ec) {
    if (open.size() == 1 && key == "requiresAccessToken") head.requires_access_token = value;
    return take_scalar(value, {}, ec);
  }
  bool on_null(error_code& ec) { return take_scalar(false, {}, ec); }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }
};

json::parse_options options_of(const ManifestLimits& limits) {
  json::parse_options options;
  options.max_depth = limits.depth_max;
  return options;
}

}  // namespace

std::string_view to_string(FileKind kind) {
  constexpr std::array<std::string_view, 3> kNames = {"output", "deleted", "outcome"};
  return kNames[static_cast<std::size_t>(kind)];
}

struct ManifestReader::Impl {
  json::basic_parser<Handler> parser;
  std::uint64_t offset = 0;
  bool has_begun = false;

  Impl(OnItem on_item, const ManifestLimits& limits)
      : parser(options_of(limits), std::move(on_item), limits) {}

  Result<void> write(bool more, std::string_view bytes) {
    error_code failed;
    const std::size_t used = parser.write_some(more, bytes.data(), bytes.size(), failed);
    auto& handler = parser.handler();
    if (handler.failed) return *handler.failed;
    if (!handler.problem.empty()) return bad_manifest(handler.problem);
    if (failed) return bad_manifest(fmt::format("{} at byte {}", failed.message(), offset + used));
    offset += bytes.size();
    if (used < bytes.size() &&
        bytes.substr(used).find_first_not_of(" \t\r\n") != std::string_view::npos)
      return bad_manifest("something stands behind its end");
    return {};
  }
};

ManifestReader::ManifestReader(OnItem on_item, const ManifestLimits& limits)
    : impl_(std::make_unique<Impl>(std::move(on_item), limits)) {}
ManifestReader::~ManifestReader() = default;

bool ManifestReader::has_begun() const {
  return impl_->has_begun;
}

Result<void> ManifestReader::feed(std::string_view bytes) {
  if (!impl_->has_begun) {
    bytes = without_byte_order_mark(bytes);
    impl_->has_begun = bytes.find_first_not_of(" \t\r\n") != std::string_view::npos;
    if (!impl_->has_begun) return {};
  }
  return impl_->parser.done() && bytes.find_first_not_of(" \t\r\n") == std::string_view::npos
             ? Result<void>()
             : impl_->write(true, bytes);
}

Result<ManifestHead> ManifestReader::finish() {
  if (!impl_->has_begun) return bad_manifest("it is empty");
  if (!impl_->parser.done()) SLUICE_RETURN_IF_ERROR(impl_->write(false, {}));
  const auto& handler = impl_->parser.handler();
  if (!handler.is_object) return bad_manifest("it is no object");
  // Some leave empty lists out.
  if (!handler.has_output && handler.head.transaction_time.empty())
    return bad_manifest("it has no 'output'");
  return handler.head;
}

}  // namespace sluice::client
