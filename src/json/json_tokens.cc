#include "json/json_tokens.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "base/utf8.h"

namespace sluice::fhir {
namespace {

/// Buffers above this are released before the next text: one big Group must not hold memory
/// forever.
constexpr std::size_t kKeptCapacityMax = 16u << 20;
static_assert(simdjson::SIMDJSON_PADDING >= JsonTokens::kPadding);

thread_local std::size_t texts_read_here = 0;

/// What simdjson's error means, with the byte that it does not tell. Slow, and only for bad input.
Error explain(simdjson::error_code code, std::string_view text) {
  const std::size_t valid = valid_utf8_prefix(text);
  if (valid < text.size()) return invalid(fmt::format("not valid UTF-8 at byte {}", valid));
  if (code == simdjson::EMPTY) return invalid("not JSON: nothing but white space");
  bool in_string = false;
  std::size_t opened = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      ++i;
    } else if (c == '"') {
      in_string = !in_string;
      opened = i;
    } else if (in_string && static_cast<unsigned char>(c) < 0x20) {
      return invalid(fmt::format("not JSON: a control character in a string at byte {}", i));
    }
  }
  if (in_string) return invalid(fmt::format("not JSON: the string at byte {} has no end", opened));
  return invalid(fmt::format("not JSON: {}", simdjson::error_message(code)));
}

}  // namespace

struct JsonTokens::Impl {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stage;
  std::unique_ptr<char[]> buffer;
  std::size_t capacity = 0;

  bool reserve(std::size_t size) {
    const bool is_oversized = capacity > kKeptCapacityMax && size <= kKeptCapacityMax;
    if (stage && size <= capacity && !is_oversized) return true;
    // Grown by half, so that a file of ever longer lines does not allocate for each.
    const std::size_t wanted =
        size > kKeptCapacityMax ? size : std::max<std::size_t>(size + size / 2, 16u << 10);
    stage.reset();
    buffer.reset(new char[wanted + simdjson::SIMDJSON_PADDING]);
    capacity = 0;
    constexpr std::size_t kDepthUnused = 1;  // the second stage, which would use it, never runs
    if (simdjson::get_active_implementation()->create_dom_parser_implementation(
            wanted, kDepthUnused, stage) != simdjson::SUCCESS) {
      return false;
    }
    capacity = wanted;
    return true;
  }
};

JsonTokens::JsonTokens() = default;
JsonTokens::JsonTokens(std::string_view text, std::span<const std::uint32_t> offsets)
    : text_(text), offsets_(offsets.data()), size_(offsets.size() - 1) {}
JsonTokens::~JsonTokens() = default;
JsonTokens::JsonTokens(JsonTokens&&) noexcept = default;
JsonTokens& JsonTokens::operator=(JsonTokens&&) noexcept = default;

JsonTokens JsonTokens::known_or_read(std::string_view text,
                                     std::span<const std::uint32_t> offsets) {
  if (!offsets.empty()) return JsonTokens(text, offsets);
  JsonTokens tokens;
  if (!tokens.read(text)) throw std::bad_alloc();
  return tokens;
}

std::size_t JsonTokens::texts_read() {
  return texts_read_here;
}

Result<void> JsonTokens::read(std::string_view text) {
  ++texts_read_here;
  size_ = 0;
  if (!impl_) impl_ = std::make_unique<Impl>();
  if (text.size() > std::numeric_limits<std::uint32_t>::max() - 1024) {
    return Error{ErrorKind::kTooLarge, "a JSON text must be smaller than 4 GiB"};
  }
  if (!impl_->reserve(text.size())) {
    return Error{ErrorKind::kInternal, "no memory for a JSON text", {}};
  }
  char* buffer = impl_->buffer.get();
  if (!text.empty()) std::memcpy(buffer, text.data(), text.size());
  std::memset(buffer + text.size(), ' ', simdjson::SIMDJSON_PADDING);
  text_ = std::string_view(buffer, text.size());
  const simdjson::error_code code = impl_->stage->stage1(
      reinterpret_cast<const std::uint8_t*>(buffer), text.size(), simdjson::stage1_mode::regular);
  if (code != simdjson::SUCCESS) return explain(code, text_);
  offsets_ = impl_->stage->structural_indexes.get();
  size_ = impl_->stage->n_structural_indexes;
  return {};
}

std::size_t JsonTokens::closing(std::size_t i) const {
  // In a checked text brackets match, so counting need not tell '[' from '{' ('[' | 0x20 is '{').
  const char* text = text_.data();
  std::size_t depth = 0;
  for (; i < size_; ++i) {
    const int c = text[offsets_[i]] | 0x20;
    depth += c == '{';
    depth -= c == '}';
    if (depth == 0) return i;
  }
  return size_;
}

}  // namespace sluice::fhir
