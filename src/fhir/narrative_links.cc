#include "fhir/narrative_links.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "json/json_check.h"

namespace sluice::fhir {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// A string's text and, for each of its bytes, where in the raw string it comes from.
struct Decoded {
  std::string text;
  std::vector<std::size_t> origin;  // one more than the text has bytes
};

Decoded decode(std::string_view raw) {
  Decoded out;
  out.text.reserve(raw.size());
  out.origin.reserve(raw.size() + 1);
  for (std::size_t i = 0; i < raw.size();) {
    std::size_t size = 1;
    if (raw[i] == '\\') {
      size = i + 1 < raw.size() && raw[i + 1] == 'u' ? 6 : 2;
      // A surrogate pair is one character.
      const bool is_high = size == 6 && (raw[i + 2] == 'd' || raw[i + 2] == 'D') &&
                           std::string_view("89abAB").find(raw[i + 3]) != std::string_view::npos;
      if (is_high) size = 12;
      size = std::min(size, raw.size() - i);
      out.text += unescape(raw.substr(i, size));
    } else {
      out.text += raw[i];
    }
    out.origin.resize(out.text.size(), i);
    i += size;
  }
  out.origin.push_back(raw.size());
  return out;
}

// The five entities of XML; others do not stand in URLs that we look for.
std::string without_entities(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char>, 5> kEntities = {
      {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}}};
  std::string out;
  while (!text.empty()) {
    const auto* const entity = std::find_if(kEntities.begin(), kEntities.end(), [&](const auto& e) {
      return text.starts_with(e.first);
    });
    out += entity == kEntities.end() ? text.front() : entity->second;
    text.remove_prefix(entity == kEntities.end() ? 1 : entity->first.size());
  }
  return out;
}

class Scanner {
 public:
  explicit Scanner(std::string_view raw) : decoded_(decode(raw)), text_(decoded_.text) {}

  std::vector<NarrativeLink> links() {
    while ((at_ = text_.find('<', at_)) != std::string_view::npos) {
      constexpr std::string_view kComment = "<!--";
      if (text_.substr(at_).starts_with(kComment)) {
        at_ = text_.find("-->", at_ + kComment.size());
        if (at_ == std::string_view::npos) break;
        continue;
      }
      ++at_;
      const std::string_view tag = name();
      if (tag == "a") read_attributes("href");
      if (tag == "img") read_attributes("src");
    }
    return std::move(links_);
  }

 private:
  std::string_view name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && !is_space(text_[at_]) &&
           std::string_view("=/<>\"'").find(text_[at_]) == std::string_view::npos)
      ++at_;
    return text_.substr(begin, at_ - begin);
  }

  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  void read_attributes(std::string_view wanted) {
    while (true) {
      skip_space();
      const std::string_view attribute = name();
      if (attribute.empty()) return;
      skip_space();
      if (at_ >= text_.size() || text_[at_] != '=') return;
      ++at_;
      skip_space();
      if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '\'')) return;
      const std::size_t begin = at_ + 1;
      const std::size_t end = text_.find(text_[at_], begin);
      if (end == std::string_view::npos) return;
      if (attribute == wanted)
        links_.push_back({without_entities(text_.substr(begin, end - begin)),
                          decoded_.origin[begin], decoded_.origin[end]});
      at_ = end + 1;
    }
  }

  const Decoded decoded_;
  const std::string_view text_;
  std::size_t at_ = 0;
  std::vector<NarrativeLink> links_;
};

}  // namespace

std::vector<NarrativeLink> narrative_links(std::string_view raw) {
  // Nearly every narrative has no link.
  if (raw.find("href") == std::string_view::npos && raw.find("src") == std::string_view::npos)
    return {};
  return Scanner(raw).links();
}

}  // namespace sluice::fhir
