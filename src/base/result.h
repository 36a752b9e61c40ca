// The result of an operation that can fail: a value or an Error. A header of its own because every
// module returns it.
#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

/// The kind of an error. Only `api` maps a kind to an HTTP status and a FHIR issue code, and `cli`
/// to an exit code.
enum class ErrorKind {
  kInvalid,          ///< the caller's input breaks a rule
  kUnsupported,      ///< well formed, but not something we do
  kUnauthenticated,  ///< no or bad credentials
  kForbidden,        ///< known caller, not allowed
  kNotFound,
  kGone,  ///< was here, expired
  kMethodNotAllowed,
  kNotAcceptable,
  kUnsupportedMediaType,
  kPreconditionFailed,  ///< what the caller made a condition does not hold
  kUnprocessable,       ///< well formed, but against a rule of what it means
  kConflict,            ///< another writer changed or holds it
  kTooLarge,
  kRangeNotSatisfiable,
  kTooManyRequests,
  kTimeout,
  kCancelled,
  kUnavailable,  ///< try again later
  kStorage,      ///< disk, file system, database
  kCorrupt,      ///< stored bytes are not what was written
  kInternal,     ///< a fault of this program
};

/// The lower-case name of a kind, for logs: "invalid", "not-found".
std::string_view to_string(ErrorKind kind);

/// `message` is for the caller: it names the parameter and the offending value and holds no PHI.
/// `detail` is for the log: path, errno, store status.
struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;
  std::string detail = {};
  std::optional<std::chrono::seconds> retry_after = std::nullopt;
};

/// Thrown only by Result<T>::value() on an error that was not checked.
class UncheckedError : public std::logic_error {
 public:
  explicit UncheckedError(Error error)
      : std::logic_error(error.message + (error.detail.empty() ? "" : ": " + error.detail)),
        error_(std::move(error)) {}
  const Error& error() const { return error_; }

 private:
  Error error_;
};

[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
  throw UncheckedError(error);
}

template <class T>
using Result = boost::system::result<T, Error>;

inline Error invalid(std::string message) {
  return {ErrorKind::kInvalid, std::move(message)};
}
inline Error not_found(std::string message) {
  return {ErrorKind::kNotFound, std::move(message)};
}
inline Error storage_error(std::string message, std::string detail) {
  return {ErrorKind::kStorage, std::move(message), std::move(detail)};
}
inline Error corrupt(std::string message, std::string detail = {}) {
  return {ErrorKind::kCorrupt, std::move(message), std::move(detail)};
}

}  // namespace sluice

#define SLUICE_CONCAT_(a, b) a##b
#define SLUICE_CONCAT(a, b) SLUICE_CONCAT_(a, b)

/// Returns the error of `expr` from the enclosing function, if it has one.
#define SLUICE_RETURN_IF_ERROR(expr)                                                             \
  do {                                                                                           \
    if (auto sluice_checked = (expr); !sluice_checked) return std::move(sluice_checked).error(); \
  } while (false)

/// SLUICE_ASSIGN_OR_RETURN(auto value, expr): declares `value` from the Result `expr`, or returns
/// its error.
#define SLUICE_ASSIGN_OR_RETURN(declaration, expr) \
  SLUICE_ASSIGN_OR_RETURN_(SLUICE_CONCAT(sluice_tried_, __LINE__), declaration, expr)
#define SLUICE_ASSIGN_OR_RETURN_(name, declaration, expr) \
  auto name = (expr);                                     \
  if (!name) return std::move(name).error();              \
  declaration = std::move(*name)
