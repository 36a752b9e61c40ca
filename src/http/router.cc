#include "http/router.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <utility>

#include "base/log.h"
#include "http/target.h"

namespace sluice::http {
namespace {

struct Route {
  std::string name;
  Handler handler;
  HeadCheck check;                                              ///< empty: any body may come
  std::vector<std::pair<std::size_t, std::string>> parameters;  ///< segment number and name
};

/// A tree by segments. Parameter names belong to the route, not to the node: "/{type}" and
/// "/{id}/x" share one.
struct Node {
  std::map<std::string, Node, std::less<>> literals;
  std::unique_ptr<Node> any;
  std::map<std::string, Route, std::less<>> routes;  ///< by method
};

using Segments = std::span<const std::string>;

const Route* route_of(const Node& node, std::string_view method) {
  auto found = node.routes.find(method);
  if (found == node.routes.end() && method == "HEAD") found = node.routes.find("GET");
  return found == node.routes.end() ? nullptr : &found->second;
}

/// The route of path and method, literal segments tried first. Collects the methods of every
/// pattern that fits the path, for when none of them has the method.
const Route* find(const Node& node, std::string_view method, Segments segments,
                  std::set<std::string>& allowed) {
  if (segments.empty()) {
    for (const auto& entry : node.routes) allowed.insert(entry.first);
    return route_of(node, method);
  }
  if (const auto literal = node.literals.find(segments[0]); literal != node.literals.end()) {
    if (const Route* route = find(literal->second, method, segments.subspan(1), allowed))
      return route;
    // The name of an endpoint is never an id: "/Patient/$export" is not a patient to delete.
    if (segments.size() == 1 && !literal->second.routes.empty()) return nullptr;
  }
  if (!node.any || segments[0].empty()) return nullptr;
  return find(*node.any, method, segments.subspan(1), allowed);
}

std::string allow_value(const std::vector<std::string>& methods) {
  std::string value;
  for (const std::string& method : methods) value += (value.empty() ? "" : ", ") + method;
  return value;
}

Segments without_trailing_slash(const std::vector<std::string>& segments) {
  Segments view(segments);
  return !view.empty() && view.back().empty() ? view.first(view.size() - 1) : view;
}

}  // namespace

struct Router::Impl {
  ErrorResponder on_error;
  Node root;
  std::set<std::string, std::less<>> immediate;  ///< paths

  /// What is said when even the error responder throws.
  Response fail(const Request& request, const Error& error) const {
    try {
      return on_error(request, error);
    } catch (const std::exception& e) {
      spdlog::error("http error responder threw id={} what={}", request.id, e.what());
      Response bare;
      bare.status = 500;
      return bare;
    }
  }
};

Router::Router(ErrorResponder on_error) : impl_(std::make_unique<Impl>()) {
  impl_->on_error = std::move(on_error);
}

Router::~Router() = default;

const ErrorResponder& Router::on_error() const {
  return impl_->on_error;
}

void Router::add(std::string_view method, std::string_view pattern, std::string_view name,
                 Handler handler, HeadCheck check) {
  Route route{std::string(name), std::move(handler), std::move(check), {}};
  const auto segments = split_path(pattern);
  if (!segments) throw std::logic_error("bad route pattern: " + std::string(pattern));
  Node* node = &impl_->root;
  const Segments view = without_trailing_slash(*segments);
  for (std::size_t i = 0; i < view.size(); ++i) {
    const std::string& segment = view[i];
    if (segment.size() > 2 && segment.starts_with('{') && segment.ends_with('}')) {
      if (!node->any) node->any = std::make_unique<Node>();
      node = node->any.get();
      route.parameters.emplace_back(i, segment.substr(1, segment.size() - 2));
    } else {
      node = &node->literals[segment];
    }
  }
  if (!node->routes.try_emplace(std::string(method), std::move(route)).second)
    throw std::logic_error("route is there already: " + std::string(method) + " " +
                           std::string(pattern));
}

void Router::add_immediate(std::string_view path, std::string_view name, Handler handler) {
  add("GET", path, name, std::move(handler));
  impl_->immediate.emplace(path);
}

bool Router::is_immediate(std::string_view method, std::string_view path) const {
  return (method == "GET" || method == "HEAD") && impl_->immediate.contains(path);
}

bool Router::begins_immediate(std::string_view bytes) const {
  const std::size_t method_end = bytes.find(' ');
  if (method_end == std::string_view::npos) return false;
  const std::size_t target_end = bytes.find(' ', method_end + 1);
  if (target_end == std::string_view::npos) return false;
  const std::string_view target = bytes.substr(method_end + 1, target_end - method_end - 1);
  return is_immediate(bytes.substr(0, method_end), target.substr(0, target.find('?')));
}

Router::Match Router::match(std::string_view method,
                            const std::vector<std::string>& segments) const {
  Match result;
  result.name = "unmatched";
  std::set<std::string> allowed;
  const Segments view = without_trailing_slash(segments);
  if (const Route* route = find(impl_->root, method, view, allowed)) {
    result.handler = &route->handler;
    result.check = &route->check;
    result.name = route->name;
    for (const auto& [index, name] : route->parameters)
      result.parameters.emplace_back(name, view[index]);
    return result;
  }
  if (allowed.empty()) return result;
  if (allowed.contains("GET")) allowed.insert("HEAD");
  allowed.insert("OPTIONS");
  result.allowed.assign(allowed.begin(), allowed.end());
  return result;
}

std::optional<Response> Router::check_head(Request& request, std::string& route_name) const {
  Match found = match(request.method, request.segments);
  if (found.handler == nullptr) return dispatch(request, route_name);
  if (!*found.check) return std::nullopt;
  route_name = found.name;
  request.path_parameters = std::move(found.parameters);
  try {
    return (*found.check)(request);
  } catch (const std::exception& e) {
    spdlog::error("http head check threw id={} route={} what={}", request.id, route_name, e.what());
  }
  return impl_->fail(request, {ErrorKind::kInternal, "internal error"});
}

Response Router::dispatch(Request& request, std::string& route_name) const {
  if (request.path == "*") {
    route_name = "options";
    Response response;
    response.status = 204;
    response.headers.set("Allow", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
    return response;
  }
  Match found = match(request.method, request.segments);
  route_name = found.name;
  if (found.handler != nullptr) {
    request.path_parameters = std::move(found.parameters);
    try {
      return (*found.handler)(request);
    } catch (const std::exception& e) {
      spdlog::error("http handler threw id={} route={} what={}", request.id, route_name, e.what());
    } catch (...) {
      spdlog::error("http handler threw id={} route={}", request.id, route_name);
    }
    return impl_->fail(request, {ErrorKind::kInternal, "internal error"});
  }
  if (found.allowed.empty())
    return impl_->fail(request, not_found("there is nothing at this path"));
  if (request.method == "OPTIONS") {
    route_name = "options";
    Response response;
    response.status = 204;
    response.headers.set("Allow", allow_value(found.allowed));
    return response;
  }
  Response response = impl_->fail(
      request,
      {ErrorKind::kMethodNotAllowed, "method " + request.method + " is not allowed at this path"});
  response.headers.set("Allow", allow_value(found.allowed));
  return response;
}

}  // namespace sluice::http
