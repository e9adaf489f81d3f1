// A model ready to answer: its manifest, and the batcher in front of its engine.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "batcher.h"

namespace labkit {

struct Model {
  Manifest manifest;
  std::string metadata;  // as the protocol has it, in JSON
  std::unique_ptr<Batcher> batcher;
};

using Models = std::map<std::string, std::unique_ptr<Model>>;

// Every model of the directory by name; a directory that is itself a model counts as one.
// Throws WrongUse where one of them cannot be served.
Models load_models(asio::io_context& io, const Options& options, Metrics& metrics);

}  // namespace labkit
