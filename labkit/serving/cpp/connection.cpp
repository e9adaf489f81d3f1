#include "connection.h"

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/status.hpp>

namespace labkit {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

constexpr std::size_t max_header = 16 << 10;
constexpr Seconds write_time{10};  // for a client to take its answer
constexpr Seconds leave_time{2};   // for which a refused client may go on sending into the void

Clock::time_point in(Seconds time) { return Clock::now() + std::chrono::duration_cast<Clock::duration>(time); }

// What came of reading: a request, or a response that refuses it, or neither where the client has gone.
struct Connection::Read {
  std::optional<Request> request;
  std::optional<Response> refusal;
  bool keep = false;
};

Connection::Connection(asio::ip::tcp::socket socket, Service& service, const Options& options)
    : socket_(std::move(socket)), service_(service), options_(options) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void Connection::enter(State state, Clock::time_point until) {
  state_ = state;
  until_ = until;
  late_ = false;
}

void Connection::close_if_late(Clock::time_point now) {
  if (now < until_) return;
  error_code ignored;
  if (state_ == State::idle && socket_.available(ignored) > 0) return;  // its request has just arrived
  late_ = true;
  until_ = Clock::time_point::max();
  socket_.cancel(ignored);  // what the coroutine waits for ends with an error
}

void Connection::drain() {
  draining_ = true;
  if (state_ == State::idle) until_ = std::min(until_, in(options_.drain_time));
}

asio::awaitable<void> Connection::serve() {
  while (co_await wait_for_a_request()) {
    Read got = co_await read();
    bool keep = got.keep && !draining_;
    if (got.request) {
      enter(State::answering, Clock::time_point::max());
      got.refusal = co_await answer(service_, *got.request);
      keep = got.keep && !draining_;  // it may have begun to drain meanwhile
    }
    if (!got.refusal) break;
    const bool written = co_await write(*got.refusal, keep);  // alone: behind `||`, GCC 12 awaits it in any case
    if (!written || !keep) break;
  }
  co_await leave();
}

asio::awaitable<void> Connection::turn_away() {
  co_await write(refused(503, "there are too many connections; ask again later"), false);
  co_await leave();
}

asio::awaitable<bool> Connection::wait_for_a_request() {
  if (!buffer_.empty()) co_return true;  // the client did not wait for the answer before
  enter(State::idle, in(draining_ ? options_.drain_time : options_.idle_time));
  error_code error;
  co_await socket_.async_wait(asio::ip::tcp::socket::wait_read, asio::redirect_error(asio::use_awaitable, error));
  co_return !error;
}

Response refusal_of(error_code error, bool late, Seconds limit) {
  const std::string seconds = std::to_string(static_cast<int>(limit.count()));
  if (late) return refused(408, "the request did not arrive within " + seconds + " seconds");
  if (error == http::error::body_limit)
    return refused(413, "the body is larger than " + std::to_string(max_body) + " bytes; send fewer rows at once");
  if (error == http::error::header_limit)
    return refused(431, "the headers are larger than " + std::to_string(max_header) + " bytes");
  return refused(400, "the request is not HTTP: " + error.message());
}

bool is_gone(error_code error) {
  return error == http::error::end_of_stream || error == http::error::partial_message ||
         error == asio::error::connection_reset || error == asio::error::broken_pipe || error == asio::error::eof;
}

std::optional<std::string> header(const http::request<http::string_body>& message, std::string_view name) {
  const auto found = message.find(name);
  if (found == message.end()) return std::nullopt;
  return std::string(found->value());
}

asio::awaitable<Connection::Read> Connection::read() {
  enter(State::reading, in(options_.request_time));  // for header and body together
  error_code error;
  const auto token = asio::redirect_error(asio::use_awaitable, error);
  auto buffer = asio::dynamic_buffer(buffer_);
  http::request_parser<http::string_body> parser;
  parser.header_limit(max_header);
  parser.body_limit(max_body);
  co_await http::async_read_header(socket_, buffer, parser, token);
  if (!error && beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(socket_, asio::buffer(go_on), token);
  }
  if (!error) co_await http::async_read(socket_, buffer, parser, token);
  if (error && !late_ && is_gone(error)) co_return Read{};
  if (error) co_return Read{{}, refusal_of(error, late_, options_.request_time), false};
  auto message = parser.release();
  Request request{std::string(message.method_string()), std::string(message.target()),
                  header(message, header_length_name), header(message, "Content-Encoding"), std::move(message.body())};
  co_return Read{std::move(request), {}, message.keep_alive()};
}

asio::awaitable<bool> Connection::write(const Response& response, bool keep) {
  enter(State::writing, in(write_time));
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " " +
                     std::string(http::obsolete_reason(static_cast<http::status>(response.status))) +
                     "\r\ncontent-type: " + response.content_type +
                     "\r\ncontent-length: " + std::to_string(response.body.size()) + "\r\n";
  for (const auto& [name, value] : response.headers) head += name + ": " + value + "\r\n";
  head += keep ? "\r\n" : "connection: close\r\n\r\n";
  error_code error;
  const std::array<asio::const_buffer, 2> parts{asio::buffer(head), asio::buffer(response.body)};
  co_await asio::async_write(socket_, parts, asio::redirect_error(asio::use_awaitable, error));
  co_return !error;
}

// A socket closed with unread data in it is reset, and the client may lose the answer: so the rest is read first.
asio::awaitable<void> Connection::leave() {
  error_code error;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
  if (error || state_ == State::idle) co_return;
  enter(State::leaving, in(leave_time));
  buffer_.resize(1 << 16);
  while (!error && !late_)
    co_await socket_.async_read_some(asio::buffer(buffer_), asio::redirect_error(asio::use_awaitable, error));
}

}  // namespace labkit
