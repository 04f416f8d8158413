#pragma once
// Serves the board: pages, panel, JSON, events and the files of monitoring/board/static.

#include <memory>
#include <string>

#include "core/http/server.h"
#include "core/result.h"
#include "core/settings.h"
#include "monitoring/evaluator.h"

namespace sujip::board {

class BoardServer {
 public:
  // Reads the static files of `settings.share`; listens on `settings.board`. Evaluator and hub must
  // outlive the server.
  static Result<std::unique_ptr<BoardServer>> start(const Settings& settings, const monitoring::Evaluator& evaluator,
                                                    const http::EventHub& hub);
  unsigned short port() const { return server_.port(); }

 private:
  BoardServer(const Settings& settings, http::Server::Options options, const monitoring::Evaluator& evaluator);
  Status add_static(const std::string& name, const std::string& content_type);
  http::Server::Response page(const http::Server::Request& request) const;
  http::Server::Response cell(const http::Server::Request& request) const;

  const Settings& settings_;
  const monitoring::Evaluator& evaluator_;
  http::Server server_;
};

}  // namespace sujip::board
