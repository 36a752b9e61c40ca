#include "bulk/load/deferred.h"
#include "base/json_text.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdlib>

namespace sluice::bulk {
namespace {

namespace json = boost::json;

constexpr std::size_t kBuffer = 1u << 20;
constexpr std::uint64_t kLookForRoom = 64u << 20;
constexpr std::size_t kBits = std::size_t{1} << 26;

json::array to_json(const std::vector<std::string>& texts) {
  json::array all;
  for (const auto& text : texts) all.push_back(json::string(text));
  return all;
}

std::string header_of(const DeferredResource& resource) {
  json::object links;
  for (const auto& [link, condition] : resource.links) links[link] = condition;
  return json_text(json::object{{"kind", static_cast<int>(resource.kind)},
                                {"type", json::string(fhir::type_name(resource.key.type))},
                                {"id", resource.key.id},
                                {"own", resource.has_own_id},
                                {"condition", resource.condition},
                                {"links", std::move(links)},
                                {"references", to_json(resource.references)},
                                {"input", resource.input},
                                {"place", resource.place},
                                {"entry", resource.is_bundle_entry},
                                {"prefix", resource.prefix}});
}

Result<DeferredResource> read_header(std::string_view line) {
  try {
    const auto value = json::parse(json::string_view(line.data(), line.size()));
    const auto& object = value.as_object();
    DeferredResource resource;
    resource.kind = static_cast<DeferredResource::Kind>(object.at("kind").to_number<int>());
    const auto type = fhir::find_resource_type(object.at("type").as_string());
    if (!type) return corrupt("deferred resources cannot be read", "type");
    resource.key = {*type, std::string(object.at("id").as_string())};
    resource.has_own_id = object.at("own").as_bool();
    resource.condition = object.at("condition").as_string();
    for (const auto& [link, condition] : object.at("links").as_object())
      resource.links.emplace_back(link, condition.as_string());
    for (const auto& reference : object.at("references").as_array())
      resource.references.emplace_back(reference.as_string());
    resource.input = object.at("input").to_number<std::size_t>();
    resource.place = object.at("place").to_number<std::uint64_t>();
    resource.is_bundle_entry = object.at("entry").as_bool();
    resource.prefix = object.at("prefix").as_string();
    return resource;
  } catch (const std::exception& e) {
    return corrupt("deferred resources cannot be read", e.what());
  }
}

/// The lines of a file.
class Lines {
 public:
  Lines(int fd, const std::filesystem::path& path) : fd_(fd), path_(path) {}

  /// False at the end. The view ends with the next call.
  Result<bool> next(std::string_view& line) {
    std::size_t searched = used_;
    while (true) {
      const std::size_t end = buffer_.find('\n', searched);
      if (end != std::string::npos) {
        line = std::string_view(buffer_).substr(used_, end - used_);
        used_ = end + 1;
        return true;
      }
      buffer_.erase(0, used_);
      used_ = 0;
      searched = buffer_.size();
      buffer_.resize(searched + kBuffer);
      SLUICE_ASSIGN_OR_RETURN(const std::size_t n,
                              read_at(fd_, offset_, std::span(buffer_).subspan(searched), path_));
      buffer_.resize(searched + n);
      offset_ += n;
      if (n == 0 && searched > 0) return corrupt("deferred resources cannot be read", "cut");
      if (n == 0) return false;
    }
  }

 private:
  const int fd_;
  const std::filesystem::path& path_;
  std::uint64_t offset_ = 0;
  std::string buffer_;
  std::size_t used_ = 0;
};

}  // namespace

DeferredFile::DeferredFile(FileDescriptor fd, std::filesystem::path path)
    : fd_(std::move(fd)), path_(std::move(path)) {}

Result<DeferredFile> DeferredFile::create_nameless(const std::filesystem::path& folder) {
  FileDescriptor fd(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd) return DeferredFile(std::move(fd), folder);
  // Not every file system knows files without a name.
  std::string name = (folder / "deferred-XXXXXX").string();
  fd = FileDescriptor(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd) return errno_error("cannot create a temporary file in", folder, errno);
  ::unlink(name.c_str());
  return DeferredFile(std::move(fd), folder);
}

Result<DeferredFile> DeferredFile::create(const std::filesystem::path& path) {
  SLUICE_RETURN_IF_ERROR(make_folder(path.parent_path()));
  FileDescriptor fd(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno_error("cannot create", path, errno);
  return DeferredFile(std::move(fd), path);
}

Result<DeferredFile> DeferredFile::open(const std::filesystem::path& path) {
  SLUICE_ASSIGN_OR_RETURN(auto fd, open_for_reading(path));
  return DeferredFile(std::move(fd), path);
}

Result<void> DeferredFile::add(const DeferredResource& resource) {
  pending_ += header_of(resource);
  pending_ += '\n';
  pending_ += resource.json;
  pending_ += '\n';
  ++count_;
  return pending_.size() < kBuffer ? Result<void>() : finish(false);
}

Result<void> DeferredFile::finish(bool is_durable) {
  unchecked_ += pending_.size();
  if (unchecked_ >= kLookForRoom) {
    SLUICE_RETURN_IF_ERROR(check_room(path_, kDiskReserve));
    unchecked_ = 0;
  }
  SLUICE_RETURN_IF_ERROR(write_all(fd_.get(), pending_, path_));
  std::string().swap(pending_);
  if (!is_durable) return {};
  SLUICE_RETURN_IF_ERROR(sync_file(fd_.get(), path_));
  return sync_folder(path_.parent_path());
}

Result<void> DeferredFile::each(const std::function<Result<void>(DeferredResource)>& take) const {
  Lines lines(fd_.get(), path_);
  std::string_view line;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const bool more, lines.next(line));
    if (!more) return {};
    SLUICE_ASSIGN_OR_RETURN(auto resource, read_header(line));
    SLUICE_ASSIGN_OR_RETURN(const bool has_text, lines.next(line));
    if (!has_text) return corrupt("deferred resources cannot be read", "cut");
    resource.json = line;
    SLUICE_RETURN_IF_ERROR(take(std::move(resource)));
  }
}

std::size_t DeferredKeys::bit_of(const fhir::ResourceId& key) {
  const std::size_t hash =
      std::hash<std::string_view>()(key.id) ^ (key.type.code * std::size_t{0x9e3779b97f4a7c15});
  return hash % kBits;
}

void DeferredKeys::add(const fhir::ResourceId& key) {
  if (bits_.empty()) bits_.resize(kBits / 64);
  const std::size_t bit = bit_of(key);
  bits_[bit / 64] |= std::uint64_t{1} << (bit % 64);
}

bool DeferredKeys::may_have(const fhir::ResourceId& key) const {
  if (bits_.empty()) return false;
  const std::size_t bit = bit_of(key);
  return (bits_[bit / 64] >> (bit % 64) & 1) != 0;
}

}  // namespace sluice::bulk
