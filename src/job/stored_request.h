// What a kind stored with a job: a text that never changes, and what the kind reads from it. It is
// read once, by whoever asks first, for all copies of the job: its shards, polls, files.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace sluice::job {

/// How a kind reads its text.
template <class Request>
struct RequestFormat {
  /// kCorrupt for what the kind did not write. Must not throw.
  Result<Request> (*parse)(std::string_view text);
  /// Drops what is of no use once the job has ended: a list of a hundred thousand patients.
  /// nullptr: all of it is.
  void (*drop_work)(Request& request) = nullptr;
};

/// Thread-safe. A copy shares everything.
class StoredRequest {
 public:
  StoredRequest() : StoredRequest(std::string()) {}
  StoredRequest(std::string text)  // NOLINT(google-explicit-constructor): it is that text
      : kept_(std::make_shared<Kept>(std::move(text))) {}
  StoredRequest(const char* text) : StoredRequest(std::string(text)) {}  // NOLINT: as above

  std::string_view view() const { return kept_->text; }
  friend bool operator==(const StoredRequest& a, const StoredRequest& b) {
    return a.view() == b.view();
  }

  /// The request, or why it cannot be read: the same at each call. A job has one kind, so that all
  /// calls have the same format; kCorrupt when one has another.
  template <class Request>
  Result<std::shared_ptr<const Request>> read(const RequestFormat<Request>& format) const;
  /// The job has ended: only what is asked for after that is kept. Who holds the request keeps it
  /// whole.
  void end() const;
  /// How often the text was read.
  std::size_t reads() const;

 private:
  struct Parsed {
    Parsed() = default;
    Parsed(const Parsed&) = delete;
    Parsed& operator=(const Parsed&) = delete;
    virtual ~Parsed() = default;
    /// Without what drop_work() drops; nullptr when it drops nothing.
    virtual std::shared_ptr<Parsed> without_work() const = 0;
  };
  template <class Request>
  struct ParsedAs final : Parsed {
    ParsedAs(Request r, void (*d)(Request&)) : request(std::move(r)), drop_work(d) {}
    std::shared_ptr<Parsed> without_work() const override {
      if (drop_work == nullptr) return nullptr;
      auto less = std::make_shared<ParsedAs>(request, drop_work);
      drop_work(less->request);
      return less;
    }
    Request request;
    void (*drop_work)(Request&);
  };
  struct Kept {
    explicit Kept(std::string t) : text(std::move(t)) {}
    const std::string text;
    std::mutex mutex;
    std::shared_ptr<Parsed> parsed;   // guarded by mutex, as all below
    std::optional<Error> unreadable;  // why it cannot be read
    bool has_ended = false;
    std::size_t reads = 0;
  };

  std::shared_ptr<Kept> kept_;
};

template <class Request>
Result<std::shared_ptr<const Request>> StoredRequest::read(
    const RequestFormat<Request>& format) const {
  // Within the lock: who comes meanwhile waits for the one reading instead of making another.
  const std::lock_guard lock(kept_->mutex);
  if (!kept_->parsed && !kept_->unreadable) {
    ++kept_->reads;
    auto request = format.parse(kept_->text);
    if (!request) {
      kept_->unreadable = std::move(request).error();
    } else {
      if (kept_->has_ended && format.drop_work != nullptr) format.drop_work(*request);
      kept_->parsed = std::make_shared<ParsedAs<Request>>(std::move(*request), format.drop_work);
    }
  }
  if (kept_->unreadable) return *kept_->unreadable;
  const auto parsed = std::dynamic_pointer_cast<ParsedAs<Request>>(kept_->parsed);
  if (!parsed) return corrupt("a stored request cannot be read", "it is of another kind");
  return std::shared_ptr<const Request>(parsed, &parsed->request);
}

inline void StoredRequest::end() const {
  const std::lock_guard lock(kept_->mutex);
  if (std::exchange(kept_->has_ended, true) || !kept_->parsed) return;
  if (auto less = kept_->parsed->without_work()) kept_->parsed = std::move(less);
}

inline std::size_t StoredRequest::reads() const {
  const std::lock_guard lock(kept_->mutex);
  return kept_->reads;
}

}  // namespace sluice::job
