// Which handler answers a request.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace sluice::http {

/// Runs on the request pool: it may read the store and block for a few milliseconds, not for
/// seconds. What it throws becomes a 500 and a log line.
using Handler = std::function<Response(const Request&)>;

/// Makes the response for errors that arise before a handler is found or instead of one: 404, 405,
/// 413, 400 for malformed requests, 500, 503. The server adds required headers (Allow ...), and
/// sets the exact status for errors of the protocol itself (408, 414, 431, 501, 505 ...). Must be
/// quick: it also runs on socket threads.
using ErrorResponder = std::function<Response(const Request&, const Error&)>;

/// Checks a request before its large body is read: nullopt accepts the body, else the answer.
/// Called on the pool.
using HeadCheck = std::function<std::optional<Response>(const Request&)>;

class Router {
 public:
  explicit Router(ErrorResponder on_error);
  ~Router();

  /// `pattern`: "/fhir/Group/{id}/$export"; a "{name}" matches one non-empty segment. Literal
  /// segments win over parameters; a literal last segment does so for every method. `name` is for
  /// logs and metrics. Throws std::logic_error if the method has the pattern already.
  void add(std::string_view method, std::string_view pattern, std::string_view name,
           Handler handler, HeadCheck check = {});
  /// A GET route that is answered at once, on the thread that read the request, even above all
  /// limits: `handler` must neither block nor do long work. `path` has no parameters.
  void add_immediate(std::string_view path, std::string_view name, Handler handler);
  bool is_immediate(std::string_view method, std::string_view path) const;
  /// Whether these first bytes of a connection hold the request line of an immediate route.
  bool begins_immediate(std::string_view bytes) const;

  struct Match {
    const Handler* handler = nullptr;
    const HeadCheck* check = nullptr;
    std::string name;                  ///< "unmatched" when there is none
    NameValues parameters;             ///< for Request::path_parameters
    std::vector<std::string> allowed;  ///< methods of the path when only the method does not fit
  };
  /// HEAD matches a GET route. A trailing empty segment (from "/x/") is ignored.
  Match match(std::string_view method, const std::vector<std::string>& segments) const;

  /// Finds the handler, calls it and turns what goes wrong into a response. OPTIONS is answered
  /// here: 204 with Allow. HEAD gets the response of GET; the server leaves the body out.
  Response dispatch(Request& request, std::string& route_name) const;

  /// What answers a request instead of reading its large body: its route's check, or that there is
  /// no such route. nullopt: the body is to be read.
  std::optional<Response> check_head(Request& request, std::string& route_name) const;

  const ErrorResponder& on_error() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::http
