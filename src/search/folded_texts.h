// The texts of one resource as string search compares them, each made once, however many values,
// parameters and queries ask for it. Internal to the module.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "json/json_tokens.h"

namespace sluice::search {

/// Keeps its buffers from resource to resource. A view that it returns lives until the next call.
class FoldedTexts {
 public:
  /// Forgets all: another resource comes.
  void clear();
  /// Of the string token `i`: fold().
  std::string_view folded(const fhir::JsonTokens& tokens, std::size_t i);
  /// Of the string token `i`: the soundex() of fold(), with a space before and after it.
  std::string_view codes(const fhir::JsonTokens& tokens, std::size_t i);

 private:
  struct Slot {
    std::uint64_t round = 0;  // of the resource; another one's slot is free
    std::size_t key = 0;
    std::size_t begin = 0;  // in texts_
    std::size_t size = 0;
  };

  /// The slot of the key, or the free one where it belongs.
  Slot& slot_of(std::size_t key);
  /// Keeps `text` under the key; returns the copy.
  std::string_view keep(std::size_t key, std::string_view text);
  void grow();

  std::string texts_;
  std::vector<Slot> slots_;  // a power of two, at most half of them used
  std::size_t used_ = 0;
  std::uint64_t round_ = 1;
  std::string raw_;
  std::string made_;
};

}  // namespace sluice::search
