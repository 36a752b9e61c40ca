#include "sample/ndjson_files.h"

#include <isa-l/igzip_lib.h>

#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"

namespace sluice::sample {
namespace {

constexpr std::size_t kBufferSize = std::size_t{1} << 20;

constexpr std::array<std::string_view, kTypeCount> kTypeNames = {
    "AllergyIntolerance",
    "Appointment",
    "Binary",
    "CarePlan",
    "CareTeam",
    "Claim",
    "Condition",
    "Coverage",
    "Device",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "ExplanationOfBenefit",
    "Goal",
    "Group",
    "Immunization",
    "Location",
    "Medication",
    "MedicationRequest",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "RelatedPerson",
};
static_assert(kTypeNames[static_cast<std::size_t>(Type::kRelatedPerson)] == "RelatedPerson");

/// One gzip member from many pieces.
class GzipStream {
 public:
  GzipStream() : level_buffer_(ISAL_DEF_LVL1_DEFAULT), output_(kBufferSize, '\0') {
    isal_deflate_init(&stream_);
    stream_.gzip_flag = IGZIP_GZIP;
    stream_.level = 1;
    stream_.level_buf = level_buffer_.data();
    stream_.level_buf_size = ISAL_DEF_LVL1_DEFAULT;
  }

  /// Compresses all of `bytes` and hands what comes out to `sink`, piece by piece.
  template <class Sink>
  Result<void> write(std::string_view bytes, bool last, Sink sink) {
    // The library reads only; its type merely lacks the const.
    stream_.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<std::uint32_t>(bytes.size());
    stream_.end_of_stream = last ? 1 : 0;
    do {
      stream_.next_out = reinterpret_cast<std::uint8_t*>(output_.data());
      stream_.avail_out = static_cast<std::uint32_t>(output_.size());
      if (isal_deflate(&stream_) != COMP_OK)
        return Error{ErrorKind::kInternal, "cannot compress the sample"};
      SLUICE_RETURN_IF_ERROR(
          sink(std::string_view(output_.data(), output_.size() - stream_.avail_out)));
    } while (stream_.avail_out == 0);
    return {};
  }

 private:
  std::vector<std::uint8_t> level_buffer_;
  std::string output_;
  isal_zstream stream_{};
};

}  // namespace

std::string_view to_string(Type type) {
  return kTypeNames[static_cast<std::size_t>(type)];
}

struct NdjsonFiles::File {
  std::filesystem::path temporary;
  FileDescriptor descriptor;
  std::string buffer;
  std::optional<GzipStream> gzip;
  std::uint64_t resources = 0;
  std::uint64_t bytes = 0;
};

ResourceWriter::ResourceWriter(NdjsonFiles& files, Type type, std::string_view id)
    : JsonWriter(files.buffer_of(type)), files_(files), type_(type) {
  buffer().push_back('{');
  text("resourceType", to_string(type));
  text("id", id);
}

ResourceWriter::~ResourceWriter() {
  buffer().append("}\n");
  files_.end_line(type_);
}

void ResourceWriter::spill() {
  files_.spill(type_);
}

NdjsonFiles::NdjsonFiles(std::filesystem::path folder, bool gzip)
    : folder_(std::move(folder)), gzip_(gzip) {
  if (auto made = make_folder(folder_); !made) error_ = std::move(made).error();
}

NdjsonFiles::~NdjsonFiles() {
  for (const auto& file : files_) {
    std::error_code ignored;  // Nothing is left to be done about a file that cannot be removed.
    if (file && !file->temporary.empty()) std::filesystem::remove(file->temporary, ignored);
  }
}

std::filesystem::path NdjsonFiles::path_of(Type type, std::string_view suffix) const {
  return folder_ / (std::string(to_string(type)) + std::string(suffix));
}

std::string& NdjsonFiles::buffer_of(Type type) {
  auto& file = files_[static_cast<std::size_t>(type)];
  if (!file) {
    file = std::make_unique<File>();
    if (gzip_) file->gzip.emplace();
    file->buffer.reserve(kBufferSize + kBufferSize / 4);
    if (!error_) {
      auto path = path_of(type, gzip_ ? ".ndjson.gz.partial" : ".ndjson.partial");
      auto created = create_file(path);
      if (created) {
        file->descriptor = std::move(*created);
        file->temporary = std::move(path);
      } else {
        error_ = std::move(created).error();
      }
    }
  }
  return file->buffer;
}

void NdjsonFiles::end_line(Type type) {
  ++files_[static_cast<std::size_t>(type)]->resources;
  spill(type);
}

void NdjsonFiles::spill(Type type) {
  File& file = *files_[static_cast<std::size_t>(type)];
  if (file.buffer.size() >= kBufferSize) write_out(file, false);
}

void NdjsonFiles::write_out(File& file, bool last) {
  file.bytes += file.buffer.size();
  if (!error_) {
    const auto sink = [&file](std::string_view piece) {
      return write_all(file.descriptor.get(), piece, file.temporary);
    };
    auto written = file.gzip ? file.gzip->write(file.buffer, last, sink) : sink(file.buffer);
    if (!written) error_ = std::move(written).error();
  }
  file.buffer.clear();
}

Result<void> NdjsonFiles::status() const {
  if (error_) return *error_;
  return {};
}

Result<GenerateSummary> NdjsonFiles::finish() {
  for (const auto& file : files_)
    if (file) write_out(*file, true);
  SLUICE_RETURN_IF_ERROR(status());
  // Not synced: a sample that a crash has damaged is made again.
  GenerateSummary summary;
  for (std::size_t i = 0; i < kTypeCount; ++i) {
    const Type type{static_cast<std::uint8_t>(i)};
    const auto plain = path_of(type, ".ndjson");
    const auto compressed = path_of(type, ".ndjson.gz");
    std::error_code failure;
    if (File* file = files_[i].get(); file != nullptr) {
      const auto& path = gzip_ ? compressed : plain;
      std::filesystem::rename(file->temporary, path, failure);
      if (failure) return errno_error("cannot rename to", path, failure.value());
      file->temporary.clear();
      summary.resources[std::string(to_string(type))] = file->resources;
      summary.bytes += file->bytes;
      std::filesystem::remove(gzip_ ? plain : compressed, failure);
    } else {
      std::filesystem::remove(plain, failure);
      if (!failure) std::filesystem::remove(compressed, failure);
    }
    if (failure) return errno_error("cannot remove an older sample from", folder_, failure.value());
  }
  return summary;
}

}  // namespace sluice::sample
