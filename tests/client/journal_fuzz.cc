// Whatever stands in a journal: no crash, and what was opened once can be opened again and says the
// same. The first byte tells whether the rest is the file itself or records that get their
// checksums.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "client/pull/journal.h"
#include "client/pull/pull.h"
#include "client/pull/pull_state.h"

namespace {

namespace fs = std::filesystem;
using sluice::client::PullState;

const fs::path& folder() {
  static const fs::path path = [] {
    // In memory where there is such a place: each input is synced a few times.
    const fs::path shared = "/dev/shm";
    std::string name =
        ((fs::exists(shared) ? shared : fs::temp_directory_path()) / "journal_fuzzXXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    fs::create_directories(fs::path(name) / ".sluice");
    return fs::path(name);
  }();
  return path;
}

std::string journal_of(std::string_view input) {
  const bool is_raw = !input.empty() && (input.front() & 1) != 0;
  if (!input.empty()) input.remove_prefix(1);
  if (is_raw) return std::string(input);
  std::string text;
  while (!input.empty()) {
    const auto end = std::min(input.find('\n'), input.size());
    text += sluice::client::journal_line(input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  return text;
}

// What a journal says, in as many words as make a difference.
std::string told(const PullState& state) {
  std::string text;
  for (const auto& round : state.rounds()) {
    text += round.purpose + ' ' + round.status_url + ' ' + round.transaction_time + '\n';
    for (std::size_t i = 0; i < round.files->size(); ++i) {
      const auto known = round.files->at(i);
      if (!known) std::abort();  // it was read a moment ago
      const auto& file = *known;
      text += file.item.url + ' ' + file.name + ' ' + file.validator.etag + ' ' +
              std::to_string(file.synced) + ' ' + std::to_string(file.summary.lines) + '\n';
    }
  }
  return text + std::to_string(state.sync_records().size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::ofstream(folder() / ".sluice" / "journal", std::ios::binary | std::ios::trunc)
      << journal_of({reinterpret_cast<const char*>(data), size});
  std::string first;
  {
    const auto state = PullState::open(folder());
    if (!state) return 0;
    first = told(**state);
    for (const auto& round : (*state)->rounds())
      static_cast<void>(sluice::client::report_of(**state, round).has_value());
  }
  const auto again = PullState::open(folder());
  if (!again || told(**again) != first) std::abort();
  return 0;
}
