// A text that never changes and may be large: copies share it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

class SharedText {
 public:
  SharedText() = default;
  SharedText(std::string text)  // NOLINT(google-explicit-constructor): it is that text
      : text_(std::make_shared<const std::string>(std::move(text))) {}
  SharedText(const char* text) : SharedText(std::string(text)) {}  // NOLINT: as above

  std::string_view view() const { return text_ ? std::string_view(*text_) : std::string_view(); }
  operator std::string_view() const { return view(); }  // NOLINT(google-explicit-constructor)
  friend bool operator==(const SharedText& a, const SharedText& b) { return a.view() == b.view(); }

 private:
  std::shared_ptr<const std::string> text_;
};

}  // namespace sluice
