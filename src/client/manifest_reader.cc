#include "client/manifest_reader.h"

#include <fmt/format.h>

#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <vector>

namespace sluice::client {
namespace {

namespace json = boost::json;
using boost::system::error_code;

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
  ManifestItem item = {};
  std::string relation = {}, link_url = {};
  std::uint64_t items = 0;

  std::optional<FileKind> kind() const {
    if (section == "output") return FileKind::kOutput;
    if (section == "deleted") return FileKind::kDeleted;
    if (section == "error" || section == "outcome") return FileKind::kOutcome;
    return std::nullopt;
  }
  // An object directly in an array that is a member of the root.
  bool in_entry() const { return open.size() == 3 && open[0] && !open[1] && open[2]; }

  bool fail(error_code& ec, std::string what) {
    problem = std::move(what);
    ec = json::make_error_code(json::error::incomplete);
    return false;
  }
  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    open.push_back(true);
    if (open.size() == 1) is_object = true;
    if (in_entry()) {
      item = {};
      relation.clear();
      link_url.clear();
    }
    return true;
  }
  bool on_object_end(std::size_t, error_code& ec) {
    const bool entry = in_entry();
    open.pop_back();
    if (!entry) return true;
    if (section == "link" && relation == "next") head.next = link_url;
    const auto of = kind();
    if (!of) return true;
    if (item.url.empty()) return fail(ec, fmt::format("a file in '{}' has no url", section));
    if (++items > limits.items_max) return fail(ec, "it names too many files");
    item.kind =
        *of == FileKind::kOutput && item.type == "OperationOutcome" ? FileKind::kOutcome : *of;
    if (auto taken = on_item(std::move(item)); !taken) {
      failed = taken.error();
      return fail(ec, "");
    }
    return true;
  }
  bool on_array_begin(error_code&) {
    if (open.size() == 1 && section == "output") has_output = true;
    open.push_back(false);
    return true;
  }
  bool on_array_end(std::size_t, error_code&) {
    open.pop_back();
    return true;
  }
  bool add(std::string& to, json::string_view part, error_code& ec) {
    if (to.size() + part.size() > limits.text_size_max) return fail(ec, "a text is too long");
    to.append(part.data(), part.size());
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, error_code& ec) {
    return add(key_text, part, ec);
  }
  bool on_key(json::string_view part, std::size_t, error_code& ec) {
    if (!add(key_text, part, ec)) return false;
    key = std::move(key_text);
    key_text.clear();
    if (open.size() == 1) section = key;
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, error_code& ec) {
    return add(text, part, ec);
  }
  bool on_string(json::string_view part, std::size_t, error_code& ec) {
    if (!add(text, part, ec)) return false;
    take_text();
    text.clear();
    return true;
  }
  void take_text() {
    if (open.size() == 1 && open[0]) {
      if (key == "transactionTime") head.transaction_time = text;
      if (key == "request") head.request = text;
      if (key == "outputFormat") head.output_format = text;
      if (key == "outputOrganizedBy") head.organized_by = text;
      if (key == "requiresAccessToken") head.requires_access_token = text == "true";
    } else if (in_entry() && section == "link") {
      if (key == "relation") relation = text;
      if (key == "url") link_url = text;
    } else if (in_entry()) {
      if (key == "type") item.type = text;
      if (key == "url") item.url = text;
    }
  }
  void take_number(std::uint64_t value) {
    if (!in_entry()) return;
    if (key == "count") item.count = value;
    if (key == "fileSize") item.size = value;
  }
  bool on_number_part(json::string_view, error_code&) { return true; }
  bool on_int64(std::int64_t value, json::string_view, error_code& ec) {
    if (value < 0 && in_entry() && kind() && (key == "count" || key == "fileSize"))
      return fail(ec, fmt::format("a negative '{}'", key));
    take_number(static_cast<std::uint64_t>(value));
    return true;
  }
  bool on_uint64(std::uint64_t value, json::string_view, error_code&) {
    take_number(value);
    return true;
  }
  bool on_double(double, json::string_view, error_code&) { return true; }
  bool on_bool(bool value, error_code&) {
    if (open.size() == 1 && key == "requiresAccessToken") head.requires_access_token = value;
    return true;
  }
  bool on_null(error_code&) { return true; }
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
    if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
    impl_->has_begun = bytes.find_first_not_of(" \t\r\n") != std::string_view::npos;
    if (!impl_->has_begun) return {};
  }
  return impl_->parser.done() && bytes.find_first_not_of(" \t\r\n") == std::string_view::npos
             ? Result<void>()
             : impl_->write(true, bytes);
}

Result<ManifestHead> ManifestReader::finish() {
  if (!impl_->has_begun) return bad_manifest("it is empty");
  if (!impl_->parser.done()) SLUICE_CHECK(impl_->write(false, {}));
  const auto& handler = impl_->parser.handler();
  if (!handler.is_object) return bad_manifest("it is no object");
  if (!handler.has_output) return bad_manifest("it has no 'output'");
  return handler.head;
}

}  // namespace sluice::client
