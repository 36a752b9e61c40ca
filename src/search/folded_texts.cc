#include "search/folded_texts.h"

#include <utility>

#include "search/path.h"
#include "search/text_folding.h"

namespace sluice::search {
namespace {

constexpr std::size_t kSlotsMin = 64;
// Buffers that one large resource needed are not kept for the many small ones.
constexpr std::size_t kKeptBytesMax = 1u << 20;
constexpr std::size_t kKeptSlotsMax = 1u << 15;

void shrink(std::string& text) {
  if (text.capacity() > kKeptBytesMax) text = std::string();
}

}  // namespace

void FoldedTexts::clear() {
  ++round_;
  used_ = 0;
  texts_.clear();
  shrink(texts_);
  shrink(raw_);
  shrink(made_);
  if (slots_.size() > kKeptSlotsMax) slots_ = {};
}

FoldedTexts::Slot& FoldedTexts::slot_of(std::size_t key) {
  const std::size_t mask = slots_.size() - 1;
  // Tokens that follow each other are spread by the odd constant of Fibonacci hashing.
  std::size_t at = ((key * 0x9E3779B97F4A7C15u) >> 32) & mask;
  while (slots_[at].round == round_ && slots_[at].key != key) at = (at + 1) & mask;
  return slots_[at];
}

void FoldedTexts::grow() {
  std::vector<Slot> old(slots_.empty() ? kSlotsMin : 2 * slots_.size());
  old.swap(slots_);
  for (const Slot& slot : old)
    if (slot.round == round_) slot_of(slot.key) = slot;
}

std::string_view FoldedTexts::keep(std::size_t key, std::string_view text) {
  Slot& slot = slot_of(key);
  slot = {round_, key, texts_.size(), text.size()};
  ++used_;
  texts_.append(text);
  return std::string_view(texts_).substr(slot.begin);
}

std::string_view FoldedTexts::folded(const fhir::JsonTokens& tokens, std::size_t i) {
  if (2 * used_ >= slots_.size()) grow();
  const std::size_t key = 2 * i;
  const Slot& known = slot_of(key);
  if (known.round == round_) return std::string_view(texts_).substr(known.begin, known.size);
  fold(string_of(tokens, i, raw_), made_);
  return keep(key, made_);
}

std::string_view FoldedTexts::codes(const fhir::JsonTokens& tokens, std::size_t i) {
  const std::string_view text = folded(tokens, i);
  if (2 * used_ >= slots_.size()) grow();
  const std::size_t key = 2 * i + 1;
  const Slot& known = slot_of(key);
  if (known.round == round_) return std::string_view(texts_).substr(known.begin, known.size);
  soundex(text, made_);
  made_.insert(0, 1, ' ');
  made_ += ' ';
  return keep(key, made_);
}

}  // namespace sluice::search
