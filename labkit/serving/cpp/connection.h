// One connection: requests read within limits of size and time, answered one after the other, and closed well.
#pragma once
#include <boost/asio/ip/tcp.hpp>

#include "options.h"
#include "routes.h"

namespace labkit {

class Connection {
 public:
  Connection(asio::ip::tcp::socket socket, Service& service, const Options& options);

  asio::awaitable<void> serve();         // until either side ends it
  asio::awaitable<void> turn_away();     // too many others

  void close_if_late(Clock::time_point now);  // called a few times a second by the listener
  void drain();                               // the next answer is the last; an idle connection ends soon

 private:
  enum class State { idle, reading, answering, writing, leaving };
  struct Read;

  asio::awaitable<bool> wait_for_a_request();
  asio::awaitable<Read> read();
  asio::awaitable<bool> write(const Response& response, bool keep);
  asio::awaitable<void> leave();
  void enter(State state, Clock::time_point until);

  asio::ip::tcp::socket socket_;
  Service& service_;
  const Options& options_;
  std::string buffer_;  // read, and not yet understood
  State state_ = State::idle;
  Clock::time_point until_ = Clock::time_point::max();
  bool late_ = false, draining_ = false;
};

}  // namespace labkit
