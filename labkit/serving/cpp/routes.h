// Which path answers what. Follow one request: `answer` finds what is asked for, `infer` decodes the body, waits for the
// model, and encodes what it said.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <map>
#include <optional>
#include <string>

#include "model.h"

namespace labkit {

struct Request {
  std::string method, target;
  std::optional<std::string> header_length, content_encoding;
  std::string body;
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::map<std::string, std::string> headers;
};

struct Service {
  Models models;
  Metrics metrics;
  bool ready = true;  // false while it drains
};

// Never throws: whatever goes wrong, the body is {"error": a sentence}, as the protocol has it.
asio::awaitable<Response> answer(Service& service, const Request& request);

Response refused(int status, const std::string& sentence);

}  // namespace labkit
