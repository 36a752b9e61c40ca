#include "client/files/attachment_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <charconv>
#include <iterator>
#include <utility>

#include "base/base64.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "client/files/line_scan.h"
#include "fhir/attachment_walk.h"
#include "json/json_check.h"
#include "json/json_walk.h"

namespace sluice::client {
namespace {

constexpr std::size_t kDepthMax = 200;
constexpr std::ptrdiff_t kMarksMax = 4 << 20;  // two tokens each, of four bytes

// At least as many as a line has brackets, commas and colons between its strings.
std::ptrdiff_t count_marks(std::string_view line) {
  return std::count_if(line.begin(), line.end(), [](char c) {
    return c == ',' || c == ':' || (c | 0x20) == '{' || (c | 0x20) == '}';
  });
}

}  // namespace

bool AttachmentReader::may_have(std::string_view line) {
  // The names of elements that are Attachments, or their ends.
  constexpr std::string_view kSigns[] = {"ttachment", "orm\"",     "\"content\"",
                                         "\"photo\"", "\"image\"", "\"document\""};
  return line.find("\"url\"") != std::string_view::npos &&
         std::any_of(std::begin(kSigns), std::end(kSigns), [&](std::string_view sign) {
           return line.find(sign) != std::string_view::npos;
         });
}

Result<void> AttachmentReader::read(std::string_view line, std::vector<AttachmentRef>& refs) {
  if (line.size() > kLongLine && count_marks(line) > kMarksMax)
    return Error{ErrorKind::kTooLarge,
                 fmt::format("a resource of {} bytes has too many values to be looked through for "
                             "attachments",
                             line.size())};
  if (!tokens_.read(line) || !fhir::check_json_object(tokens_, kDepthMax))
    return corrupt("a line is no JSON object");
  std::optional<fhir::ResourceType> type;
  SLUICE_RETURN_IF_ERROR(
      fhir::each_member(tokens_, 0, [&](std::size_t key, std::size_t value) -> Result<void> {
        if (tokens_.first(value) == '"' && fhir::means(tokens_.raw_string(key), "resourceType"))
          type = fhir::find_resource_type(fhir::unescape(tokens_.raw_string(value)));
        return {};
      }));
  // A type of another release of FHIR: where its Attachments are is not known.
  if (!type) return {};
  const auto found = static_cast<std::ptrdiff_t>(refs.size());
  auto read = fhir::each_attachment(tokens_, *type, [&](std::size_t object) -> Result<void> {
    AttachmentRef ref;
    SLUICE_RETURN_IF_ERROR(
        fhir::each_member(tokens_, object, [&](std::size_t key, std::size_t value) -> Result<void> {
          const auto name = tokens_.raw_string(key);
          if (tokens_.first(value) != '"') {
            std::uint64_t size = 0;
            const auto digits = tokens_.end(value) > tokens_.begin(value) &&
                                        tokens_.first(value) >= '0' && tokens_.first(value) <= '9'
                                    ? tokens_.scalar(value)
                                    : std::string_view();
            const auto [end, failed] =
                std::from_chars(digits.data(), digits.data() + digits.size(), size);
            if (fhir::means(name, "size") && !digits.empty() && failed == std::errc() &&
                end == digits.data() + digits.size())
              ref.size = size;
            return {};
          }
          if (fhir::means(name, "data")) ref.has_data = true;
          if (fhir::means(name, "contentType"))
            ref.content_type = fhir::unescape(tokens_.raw_string(value));
          if (fhir::means(name, "hash")) ref.hash = fhir::unescape(tokens_.raw_string(value));
          if (fhir::means(name, "url")) {
            ref.url = fhir::unescape(tokens_.raw_string(value));
            ref.key_begin = tokens_.begin(key);
            ref.value_begin = tokens_.begin(value);
            ref.value_end = tokens_.scalar_end(value);
          }
          return {};
        }));
    if (!ref.url.empty()) refs.push_back(std::move(ref));
    return {};
  });
  // One may stand in another's extension, before that one's url.
  std::sort(refs.begin() + found, refs.end(),
            [](const auto& a, const auto& b) { return a.value_begin < b.value_begin; });
  return read;
}

LineChange with_data(const AttachmentRef& ref, std::string_view bytes,
                     const std::string& content_type) {
  LineChange change{ref.key_begin, ref.value_end, "\"data\":\"" + base64_encode(bytes) + '"'};
  if (ref.content_type.empty()) change.text += ",\"contentType\":" + json_string(content_type);
  return change;
}

LineChange with_url(const AttachmentRef& ref, const std::string& url) {
  return {ref.value_begin, ref.value_end, json_string(url)};
}

std::string apply_changes(std::string_view line, const std::vector<LineChange>& changes) {
  std::string out;
  std::size_t copied = 0;
  for (const auto& change : changes) {
    out.append(line.substr(copied, change.begin - copied));
    out += change.text;
    copied = change.end;
  }
  out.append(line.substr(copied));
  return out;
}

std::string media_type(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  std::string type;
  for (const char c : content_type)
    if (static_cast<unsigned char>(c) > ' ')
      type += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return type;
}

bool is_wanted_type(std::string_view type, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return true;
  return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& each) {
    const std::string pattern = media_type(each);
    return pattern.ends_with("/*") ? type.starts_with(pattern.substr(0, pattern.size() - 1))
                                   : type == pattern;
  });
}

std::string what_is_wrong(std::string_view claimed, std::string_view answered,
                          std::string_view start) {
  const auto is_page = [](std::string_view type) {
    return type == "text/html" || type == "application/xhtml+xml";
  };
  const auto text = without_byte_order_mark(start);
  const auto blank = text.find_first_not_of(" \t\r\n");
  std::string first(blank == std::string_view::npos ? "" : text.substr(blank, 14));
  std::transform(first.begin(), first.end(), first.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool looks_like_page = first.starts_with("<!doctype html") || first.starts_with("<html");
  if (!is_page(claimed) && (is_page(answered) || looks_like_page))
    return "it comes as a page for people (text/html): a login page, perhaps";
  // What a file of a type begins with; others may have anything before it.
  constexpr std::pair<std::string_view, std::string_view> kStarts[] = {
      {"image/png", "\x89PNG"},  {"image/jpeg", "\xff\xd8\xff"},   {"image/gif", "GIF8"},
      {"application/zip", "PK"}, {"application/gzip", "\x1f\x8b"}, {"application/rtf", "{\\rtf"},
      {"text/rtf", "{\\rtf"},
  };
  for (const auto& [type, magic] : kStarts)
    if (claimed == type && !start.starts_with(magic))
      return "it does not begin as " + std::string(type) + " does";
  if (claimed == "application/pdf" && start.substr(0, 1024).find("%PDF-") == std::string_view::npos)
    return "it is no PDF";
  return {};
}

std::string_view file_suffix(std::string_view type) {
  constexpr std::pair<std::string_view, std::string_view> kSuffixes[] = {
      {"application/pdf", ".pdf"},   {"text/plain", ".txt"},
      {"text/html", ".html"},        {"text/xml", ".xml"},
      {"application/xml", ".xml"},   {"application/hl7-v3+xml", ".xml"},
      {"application/json", ".json"}, {"text/rtf", ".rtf"},
      {"application/rtf", ".rtf"},   {"image/jpeg", ".jpg"},
      {"image/png", ".png"},         {"image/tiff", ".tif"},
      {"image/gif", ".gif"},         {"application/dicom", ".dcm"},
      {"text/csv", ".csv"},          {"text/markdown", ".md"},
      {"application/zip", ".zip"},   {"application/gzip", ".gz"},
  };
  for (const auto& [known, suffix] : kSuffixes)
    if (known == type) return suffix;
  return ".bin";
}

// No regular expression: the url is a server's and may be long, and std::regex takes stack for each
// of its characters.
bool is_kept_attachment(std::string_view url) {
  constexpr std::string_view kStart = "attachments/";
  constexpr std::size_t kShort = 2;
  constexpr std::size_t kHash = 64;
  constexpr std::size_t kDot = kStart.size() + kShort + 1 + kHash;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_hex = [&](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); };
  const auto is_suffix = [&](char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); };
  if (!url.starts_with(kStart) || url.size() < kDot + 2) return false;
  const auto first = url.substr(kStart.size(), kShort);
  const auto hash = url.substr(kStart.size() + kShort + 1, kHash);
  const auto suffix = url.substr(kDot + 1);
  return url[kStart.size() + kShort] == '/' && url[kDot] == '.' &&
         std::ranges::all_of(first, is_hex) && std::ranges::all_of(hash, is_hex) &&
         std::ranges::all_of(suffix, is_suffix);
}

}  // namespace sluice::client
