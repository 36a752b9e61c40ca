// A conversation on the control socket: JSON objects, one per line, each way, with open files, so
// that the server reads what the command may read, whichever users they run as.
#pragma once

#include <boost/json/object.hpp>
#include <stop_token>
#include <string>

#include "base/file.h"
#include "base/result.h"

namespace sluice::cli {

struct ControlMessage {
  boost::json::object object;
  FileDescriptor file;  ///< that came with it, if one did
};

/// One end. One thread at a time sends, one receives.
class ControlChannel {
 public:
  /// `received`: bytes of the other side that were read already.
  explicit ControlChannel(FileDescriptor socket, std::string received = {});

  /// Sends the descriptor `file` with the message unless it is negative. kUnavailable when the
  /// other side has closed, kCancelled when asked to stop before the other side received it.
  Result<void> send(const boost::json::object& object, const std::stop_token& stop, int file = -1);
  /// The next message; waits as long as it takes. Errors as of send(), kInvalid for anything but a
  /// JSON object.
  Result<ControlMessage> receive(const std::stop_token& stop);
  /// Waits up to `milliseconds` for the other side to go away.
  bool is_gone(int milliseconds) const;

 private:
  FileDescriptor socket_;
  std::string received_;
  FileDescriptor file_;
};

boost::json::object to_json(const Error& error);
Error error_of(const boost::json::object& object);

}  // namespace sluice::cli
