// What the server was told on its command line.
#pragma once
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>

namespace labkit {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

struct Options {
  std::filesystem::path directory;  // of models
  std::string host = "127.0.0.1";   // loopback, unless told otherwise
  int port = 0;                     // 0 takes a free one

  int max_batch = 32;         // rows that are computed together
  Seconds max_delay{0};       // how long a request may wait for others to fill its batch
  int max_queue = 1024;       // requests that may wait; one more is refused with 503
  Seconds deadline{0};        // a request that has waited longer is refused with 504; 0: for ever
  int threads = 1;            // of the engine
  Seconds request_time{5};    // for a whole request to arrive, from its first byte
  Seconds idle_time{60};      // for which a connection may be quiet
  Seconds drain_time{1};      // for which an idle connection may still bring a request after SIGTERM
  int max_connections = 512;
  int parent = 0;             // the process to end with; 0: none

  // The virtual engine's service time: base + rows * per_row, or exponentially distributed with that mean.
  Seconds service_base{0};
  Seconds service_per_row{0};
  bool exponential_service = false;
  unsigned seed = 0;
};

// Throws WrongUse for an option that there is not, or a value that makes no sense.
Options read_options(int count, char** words);

}  // namespace labkit
