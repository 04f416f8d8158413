#include "monitoring/board/board_server.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "monitoring/board/board_json.h"
#include "monitoring/board/format.h"
#include "monitoring/board/page.h"
#include "topics/scope.h"

namespace sujip::board {
namespace {

using Request = http::Server::Request;
using Response = http::Server::Response;

View view_of(const Request& request) {
  View view;
  view.language = choose_language(request.param("lang"), request.cookie("lang"), request.header("accept-language"));
  view.source = std::string(request.param("source"));
  view.before = std::string(request.param("before"));
  view.only_problems = request.param("only") == "problems";
  return view;
}

// A choice made by ?lang= is remembered.
Response html(const Request& request, const View& view, std::string body, int status = 200) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  if (!request.param("lang").empty())
    response.headers.emplace_back(
        "Set-Cookie", fmt::format("lang={}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly", code_of(view.language)));
  return response;
}

}  // namespace

BoardServer::BoardServer(const Settings& settings, http::Server::Options options,
                         const monitoring::Evaluator& evaluator)
    : settings_(settings), evaluator_(evaluator), server_(std::move(options)) {}

Result<std::unique_ptr<BoardServer>> BoardServer::start(const Settings& settings,
                                                        const monitoring::Evaluator& evaluator,
                                                        const http::EventHub& hub) {
  const HostPort address = parse_host_port(settings.board, 8470);
  http::Server::Options options;
  options.host = address.host.empty() ? "127.0.0.1" : address.host;
  options.port = address.port;
  options.threads = 4;
  std::unique_ptr<BoardServer> board(new BoardServer(settings, std::move(options), evaluator));
  SUJIP_CHECK_OK(board->add_static("board.css", "text/css; charset=utf-8"));
  SUJIP_CHECK_OK(board->add_static("board.js", "text/javascript; charset=utf-8"));
  SUJIP_CHECK_OK(board->add_static("icon.svg", "image/svg+xml"));
  BoardServer* self = board.get();
  board->server_.get("/", [self](const Request& r) { return self->page(r); });
  board->server_.get("/board", [self](const Request& r) { return self->page(r); });
  board->server_.get("/cell", [self](const Request& r) { return self->cell(r); });
  board->server_.get("/api/board.json", [self](const Request&) {
    const auto snapshot = self->evaluator_.snapshot();
    if (snapshot.data == nullptr) {
      Response wait = Response::json("{\"error\":\"not read yet\"}");
      wait.status = 503;
      return wait;
    }
    return Response::json(board_json(*snapshot.data, snapshot.stale));
  });
  board->server_.get("/healthz", [self](const Request&) {
    const bool fresh = self->evaluator_.snapshot().data != nullptr && !self->evaluator_.snapshot().stale;
    return Response::text(fresh ? 200 : 503, fresh ? "ok\n" : "the database cannot be read\n");
  });
  board->server_.events("/events", hub);
  SUJIP_CHECK_OK(board->server_.start());
  return board;
}

Status BoardServer::add_static(const std::string& name, const std::string& content_type) {
  const std::string path = settings_.share + "/monitoring/board/static/" + name;
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{"opening a file of the board", path, "set SUJIP_SHARE to the folder that has monitoring/"};
  std::ostringstream text;
  text << in.rdbuf();
  server_.get("/static/" + name, [content_type, body = text.str()](const Request&) {
    Response response;
    response.content_type = content_type;
    response.body = body;
    response.headers.emplace_back("Cache-Control", "max-age=300");
    return response;
  });
  return {};
}

Response BoardServer::page(const Request& request) const {
  View view = view_of(request);
  const monitoring::Snapshot snapshot = evaluator_.snapshot();
  if (snapshot.data == nullptr)
    return html(request, view, message_page(view, snapshot.stale ? "unavailable" : "starting"), 503);
  view.stale = snapshot.stale;
  // The clock is part of the page, the version is not: browsers that poll ask with the version.
  const std::string tag = fmt::format("\"{}-{}\"", snapshot.data->version, view.stale ? 1 : 0);
  const bool part = request.param("part") == "main";
  if (part && request.header("if-none-match") == tag) {
    Response same = Response::text(304, "");
    same.headers.emplace_back("ETag", tag);
    return same;
  }
  Response response = html(request, view, part ? board_main(*snapshot.data, view) : board_page(*snapshot.data, view));
  if (part) response.headers.emplace_back("ETag", tag);
  return response;
}

Response BoardServer::cell(const Request& request) const {
  const View view = view_of(request);
  Scope scope;
  if (const auto parsed = Scope::parse(request.param("scope"))) {
    scope = *parsed;
  } else {
    scope.source = std::string(request.param("source"));
    scope.account = std::string(request.param("account"));
    scope.slice = std::string(request.param("slice"));
  }
  if (scope.source.empty()) return html(request, view, message_page(view, "not_found"), 404);
  const std::string run(request.param("run"));
  const monitoring::Snapshot snapshot = evaluator_.snapshot();
  std::vector<const monitoring::Slice*> slices;
  if (snapshot.data != nullptr)
    for (const auto& s : snapshot.data->slices)
      if (s.source == scope.source && s.account == scope.account && s.slice == scope.slice &&
          (scope.dataset.empty() || s.dataset == scope.dataset) && (run.empty() || s.run == run))
        slices.push_back(&s);
  pg::ConnectOptions options;
  options.application_name = "sujip board";
  options.session = {{"statement_timeout", "10s"}, {"default_transaction_read_only", "on"}};
  auto connection = pg::Connection::open(settings_.pg, options);
  if (!connection) return html(request, view, message_page(view, "unavailable"), 503);
  const auto log = monitoring::read_slice_log(*connection, scope.source, scope.account, scope.slice, run);
  if (!log) return html(request, view, message_page(view, "unavailable"), 503);
  const auto day = Day::parse(scope.slice);
  const std::string title = fmt::format("{} · {}{}{}", scope.source, scope.account, scope.slice.empty() ? "" : " · ",
                                        day ? day_text(view.language, *day) : scope.slice);
  const bool known = !slices.empty() || !log->runs.empty() || !log->stages.empty();
  return html(request, view, cell_page(*log, slices, view, title, request.param("part") == "panel"), known ? 200 : 404);
}

}  // namespace sujip::board
