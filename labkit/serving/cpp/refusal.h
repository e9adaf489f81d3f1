// What a client asked for cannot be answered: the sentence goes back to it, with the HTTP status.
#pragma once
#include <stdexcept>
#include <string>

namespace labkit {

struct Refusal : std::runtime_error {
  explicit Refusal(const std::string& sentence, int status = 400) : std::runtime_error(sentence), status(status) {}
  int status;
};

// The server cannot start as it was asked to: the sentence says what to do, and the exit status is 2.
struct WrongUse : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace labkit
