// Whatever the bytes of an input are, plain or gzip: no crash, lines are counted, and the same
// piece gives the same resources again.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "bulk/load/load_parser.h"
#include "bulk/load/load_source.h"

namespace {

using namespace sluice::bulk;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static LoadParser parser({.base_url = "https://server/fhir"});
  static const int fd = ::memfd_create("input", 0);
  require(::ftruncate(fd, 0) == 0 && ::pwrite(fd, data, size, 0) == static_cast<ssize_t>(size));
  require(::lseek(fd, 0, SEEK_SET) == 0);
  const SourceLimits limits{
      .resource_size_max = 4u << 20, .line_size_max = 8u << 20, .document_size_max = 8u << 20};
  const auto source = LoadSource::open("input", fd, limits);
  require(source.has_value());
  LoadChunk chunk;
  std::uint64_t line = 1;
  std::uint64_t pieces = 0;
  while (true) {
    const auto more = (*source)->next(chunk);
    require(more.has_value());
    if (!*more) break;
    require(chunk.first_line >= line);
    require(chunk.problem.empty() != chunk.text.empty());
    line = chunk.first_line;
    for (const char c : chunk.text) line += c == '\n' ? 1 : 0;
    const ParsedChunk parsed = parser.parse(chunk);
    for (const auto& problem : parsed.problems) {
      require(!problem.reason.empty());
      require(problem.is_bundle_entry || problem.place >= chunk.first_line);
    }
    for (const auto& resource : parsed.resources)
      require(!resource.id.empty() && resource.content.find('\n') == std::string::npos);
    // The same piece again gives the same, also what ids are made for.
    const ParsedChunk again = parser.parse(chunk);
    require(again.resources.size() == parsed.resources.size());
    for (std::size_t i = 0; i < parsed.resources.size(); ++i)
      require(again.resources[i].id == parsed.resources[i].id &&
              again.resources[i].digest == parsed.resources[i].digest);
    require(++pieces < 1'000'000);
  }
  require((*source)->bytes_read() <= size);
  return 0;
}
