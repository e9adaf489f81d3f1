#include "listener.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "refusal.h"

namespace labkit {

using asio::ip::tcp;
using boost::system::error_code;

constexpr auto tick = std::chrono::milliseconds(100);  // how often the clock is looked at
constexpr int turns = 256;                             // events that are handled before the engines are woken

Listener::Listener(asio::io_context& io, Service& service, const Options& options)
    : io_(io), service_(service), options_(options), acceptor_(io) {
  error_code error;
  const auto address = asio::ip::make_address(options.host, error);
  if (error) throw WrongUse("The host '" + options.host + "' is not an address such as 127.0.0.1.");
  const tcp::endpoint endpoint(address, static_cast<unsigned short>(options.port));
  acceptor_.open(endpoint.protocol());
  acceptor_.set_option(tcp::acceptor::reuse_address(true));  // else a port rests for a minute after its last use
  acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    throw WrongUse("Port " + std::to_string(options.port) + " cannot be listened on (" + error.message() +
                   "). Choose another; 0 takes a free one.");
  acceptor_.non_blocking(true);
}

std::string Listener::url() const {
  const auto endpoint = acceptor_.local_endpoint();
  const std::string host = endpoint.address().to_string();
  return "http://" + (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

void Listener::run() {
  asio::co_spawn(io_, accept(), asio::detached);
  asio::co_spawn(io_, watch_the_clock(), asio::detached);
  while (!io_.stopped()) {
    io_.run_one();                                                       // wait until something happens,
    for (int turn = 0; turn < turns && io_.poll_one(); ++turn) continue;  // take what else has happened already,
    for (auto& [name, model] : service_.models) model->batcher->wake();  // and let the engines have it together
  }
}

asio::awaitable<void> Listener::accept() {
  while (acceptor_.is_open()) {
    error_code error;
    tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      welcome(std::move(socket));
    } else if (acceptor_.is_open()) {  // out of file descriptors, perhaps: it passes
      asio::steady_timer pause(io_, tick);
      co_await pause.async_wait(asio::use_awaitable);
    }
  }
}

// It counts from here on, not from its coroutine's first turn: a drain that comes between would end without it.
void Listener::welcome(tcp::socket socket) {
  auto connection = std::make_shared<Connection>(std::move(socket), service_, options_);
  connections_.insert(connection);
  service_.metrics.connections(static_cast<int>(connections_.size()));
  if (draining_) connection->drain();
  const bool room = connections_.size() <= static_cast<std::size_t>(options_.max_connections);
  asio::co_spawn(io_, serve(std::move(connection), room), asio::detached);
}

asio::awaitable<void> Listener::serve(std::shared_ptr<Connection> connection, bool room) {
  try {
    if (room)
      co_await connection->serve();
    else
      co_await connection->turn_away();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "A connection failed: %s\n", error.what());
  }
  connections_.erase(connection);
  service_.metrics.connections(static_cast<int>(connections_.size()));
}

asio::awaitable<void> Listener::watch_the_clock() {
  asio::steady_timer timer(io_);
  for (;;) {
    timer.expires_after(tick);
    co_await timer.async_wait(asio::use_awaitable);
    for (const auto& connection : connections_) connection->close_if_late(Clock::now());
    if (draining_ && connections_.empty()) io_.stop();
  }
}

void Listener::take_all_that_waits() {
  for (;;) {
    error_code error;
    tcp::socket socket(io_);
    acceptor_.accept(socket, error);
    if (error) return;
    welcome(std::move(socket));
  }
}

void Listener::drain() {
  if (draining_) return;
  draining_ = true;
  service_.ready = false;
  take_all_that_waits();
  error_code ignored;
  acceptor_.close(ignored);
  for (const auto& connection : connections_) connection->drain();
}

}  // namespace labkit
