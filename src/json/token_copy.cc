#include "json/token_copy.h"

namespace sluice::fhir {

TokenCopy::TokenCopy(const JsonTokens& from, std::size_t first, std::string& out,
                     std::vector<std::uint32_t>* offsets, Lines lines)
    : from_(from),
      out_(out),
      offsets_(offsets),
      lines_(lines),
      start_(out.size()),
      done_(from.begin(first)),
      next_(first) {}

// By bisection: most parts are long.
std::size_t TokenCopy::tokens_before(std::size_t end) const {
  std::size_t first = next_;
  std::size_t count = from_.size() - next_;
  while (count > 0) {
    const std::size_t half = count / 2;
    if (from_.begin(first + half) < end) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return first - next_;
}

void TokenCopy::append(std::size_t begin, std::size_t end) {
  if (offsets_ != nullptr) {
    const std::size_t count = tokens_before(end);
    // Unsigned: what is shifted to the left wraps around and back.
    const std::size_t shift = size() - begin;
    const std::size_t before = offsets_->size();
    offsets_->resize(before + count);
    std::uint32_t* const moved = offsets_->data() + before;
    for (std::size_t i = 0; i < count; ++i)
      moved[i] = static_cast<std::uint32_t>(from_.begin(next_ + i) + shift);
    next_ += count;
  }
  out_.append(from_.text().substr(begin, end - begin));
}

// A raw line break is never inside a string, and no token begins with white space.
void TokenCopy::keep_until(std::size_t end) {
  if (lines_ == Lines::kAsTheyAre) {
    append(done_, end);
    done_ = end;
    return;
  }
  const std::string_view text = from_.text();
  while (done_ < end) {
    std::size_t line_end = done_;
    while (line_end < end && text[line_end] != '\n' && text[line_end] != '\r') ++line_end;
    append(done_, line_end);
    done_ = line_end;
    if (done_ == end) return;
    while (size() > 0 && JsonTokens::is_white_space(out_.back())) out_.pop_back();
    while (done_ < end && JsonTokens::is_white_space(text[done_])) ++done_;
  }
}

void TokenCopy::skip_until(std::size_t end) {
  if (offsets_ != nullptr) next_ += tokens_before(end);
  done_ = end;
}

void TokenCopy::insert(std::string_view json) {
  if (offsets_ != nullptr) {
    bool in_string = false;
    bool in_scalar = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
      const char c = json[i];
      const bool is_quote = c == '"';
      if (in_string) {
        in_string = !is_quote;
        continue;
      }
      const bool is_mark = std::string_view("{}[]:,").find(c) != std::string_view::npos;
      const bool is_plain = !is_mark && !is_quote && !JsonTokens::is_white_space(c);
      if (is_mark || is_quote || (is_plain && !in_scalar))
        offsets_->push_back(static_cast<std::uint32_t>(size() + i));
      in_string = is_quote;
      in_scalar = is_plain;
    }
  }
  out_.append(json);
}

void TokenCopy::finish() {
  if (offsets_ != nullptr) offsets_->push_back(static_cast<std::uint32_t>(size()));
}

}  // namespace sluice::fhir
