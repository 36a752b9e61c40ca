#include "api/jobs/export_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "api/core/fhir_response.h"
#include "api/jobs/job_status.h"
#include "base/log.h"
#include "base/utf8.h"
#include "http/byte_range.h"
#include "output/seekable_gzip.h"

namespace sluice::api {
namespace {

using FilePointer = std::shared_ptr<const output::SeekableGzipFile>;

// that a file is damaged is told once for all: in the log, and by the job's status, so that
// nobody takes the rest of the export for the whole.
void note_damage(job::Engine& engine, const std::string& job_id, const std::string& name,
                 const Error& error) {
  if (error.kind != ErrorKind::kCorrupt) return;
  spdlog::error("output file damaged job={} file={} error=\"{}\" detail=\"{}\"", job_id, name,
                error.message, error.detail);
  engine.mark_damaged(job_id,
                      fmt::format("the file {} is damaged on the server's disk; delete the job and "
                                  "start it again",
                                  name));
}

// A range of what a reader gives: the uncompressed bytes, or those that are stored. Blocks are
// checked before their bytes are given; after an error the connection is cut. `memory`: what the
// reader holds, about; nothing once the body is rewound.
template <class Reader>
http::StreamBody checked(job::Engine& engine, const std::string& job_id, const std::string& name,
                         const FilePointer& file, const http::ByteRange& range,
                         std::size_t memory) {
  struct Place {
    std::optional<Reader> reader;
    std::uint64_t done = 0;
  };
  const auto at = std::make_shared<Place>();
  http::StreamBody stream;
  stream.length = range.length;
  stream.memory = memory;
  stream.rewind = [at](std::uint64_t offset) {
    at->reader.reset();
    at->done = offset;
  };
  stream.read = [&engine, job_id, name, file, range,
                 at](std::span<char> buffer) -> Result<std::size_t> {
    if (!at->reader) at->reader.emplace(file, range.offset + at->done);
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(range.length - at->done, buffer.size()));
    const auto n = at->reader->read(buffer.first(wanted));
    if (!n) {
      note_damage(engine, job_id, name, n.error());
      return n.error();
    }
    at->done += *n;
    return *n;
  };
  return stream;
}

Result<FilePointer> open_file(Service& service, const http::Request& request,
                              const FoundJob& found) {
  const job::JobView& view = found.view;
  const std::string name(request.parameter("name"));
  const Error missing = not_found(fmt::format("there is no file '{}'", shortened(name, 128)));
  // Only what a manifest names is there (F-04).
  if (name.empty() || name.front() == output::kInternalFilePrefix) return missing;
  // The other files of a job whose file was found damaged are still good.
  if (view.job.state != job::JobState::kDone && !view.job.is_damaged) {
    if (!found.traits.shows_files_early || view.job.state != job::JobState::kRunning)
      return missing;
    SLUICE_ASSIGN_OR_RETURN(const bool finished,
                            found.handler->is_file_finished(service, view.job, name));
    if (!finished) return missing;
  }
  auto file = service.files.open(view.job.id, name);
  if (!file) note_damage(service.engine, view.job.id, name, file.error());
  if (!file &&
      (file.error().kind == ErrorKind::kNotFound || file.error().kind == ErrorKind::kInvalid))
    return missing;
  return file;
}

}  // namespace

http::Response export_file(Service& service, const http::Request& request,
                           const Principal& principal) {
  const auto found = find_job(service, request, principal,
                              {.kind = smart::AuditKind::kDownload,
                               .file = std::string(shortened(request.parameter("name"), 128))});
  if (!found) return request_error(request, found.error());
  if (found->unreadable) return lost_job(request, *found);
  const job::JobView* view = &found->view;
  const auto opened = open_file(service, request, *found);
  if (!opened) return request_error(request, opened.error());
  const FilePointer& file = *opened;
  const std::string name(request.parameter("name"));

  const bool raw = file->is_raw();
  const bool gzip = !raw && http::accepts_gzip(request);
  const bool stored = raw || gzip;
  const std::uint64_t size = stored ? file->info().compressed_size : file->info().uncompressed_size;
  const std::string etag = fmt::format("\"{}-{}\"", file->identity(), gzip ? "gzip" : "identity");
  // While the job runs its end is not known, and a date must not change with it.
  const bool partial = found->traits.shows_files_early;
  const Instant modified = partial ? view->job.snapshot.instant : view->job.finished;
  const auto decision = http::decide_range(request, etag, modified, size);

  http::Response response;
  if (decision.status == 416)
    response =
        error_response({ErrorKind::kRangeNotSatisfiable,
                        fmt::format("Range '{}' is not within the {} bytes of the file",
                                    shortened(request.headers.combined("Range"), 64), size)});
  http::apply_range(decision, etag, modified, size, response);
  if (!raw) response.headers.set("Vary", "Accept-Encoding");
  if (decision.status != 200 && decision.status != 206) return response;
  response.headers.set("Content-Type", std::string(found->handler->media_type(name)));
  if (view->job.state == job::JobState::kDone)
    response.headers.set("Expires", to_http_date(view->job.expires));
  if (gzip) response.headers.set("Content-Encoding", "gzip");
  if (stored) {
    response.body =
        checked<output::StoredReader>(service.engine, view->job.id, name, file, decision.range, 0);
  } else {
    response.body = checked<output::InflatingReader>(
        service.engine, view->job.id, name, file, decision.range, output::InflatingReader::kMemory);
  }
  return response;
}

}  // namespace sluice::api
