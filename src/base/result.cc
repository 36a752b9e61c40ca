#include "base/result.h"

namespace sluice {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
      return "invalid";
    case ErrorKind::kUnsupported:
      return "unsupported";
    case ErrorKind::kUnauthenticated:
      return "unauthenticated";
    case ErrorKind::kForbidden:
      return "forbidden";
    case ErrorKind::kNotFound:
      return "not-found";
    case ErrorKind::kGone:
      return "gone";
    case ErrorKind::kMethodNotAllowed:
      return "method-not-allowed";
    case ErrorKind::kNotAcceptable:
      return "not-acceptable";
    case ErrorKind::kUnsupportedMediaType:
      return "unsupported-media-type";
    case ErrorKind::kPreconditionFailed:
      return "precondition-failed";
    case ErrorKind::kUnprocessable:
      return "unprocessable";
    case ErrorKind::kConflict:
      return "conflict";
    case ErrorKind::kTooLarge:
      return "too-large";
    case ErrorKind::kRangeNotSatisfiable:
      return "range-not-satisfiable";
    case ErrorKind::kTooManyRequests:
      return "too-many-requests";
    case ErrorKind::kTimeout:
      return "timeout";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kUnavailable:
      return "unavailable";
    case ErrorKind::kStorage:
      return "storage";
    case ErrorKind::kCorrupt:
      return "corrupt";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "unknown";
}

}  // namespace sluice
